-- The registry and its log. Every change is one transaction: the command under
-- its number, and the rows that it comes to.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO meta VALUES ('boot', 0), ('applied', 0), ('keys_given', 0);

CREATE TABLE log (
    number  INTEGER PRIMARY KEY,
    at_ms   INTEGER NOT NULL,
    command TEXT NOT NULL
);

CREATE TABLE account (
    key       INTEGER PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,
    max_calls INTEGER,
    max_in    INTEGER,
    max_out   INTEGER,
    parent    INTEGER,
    policy    TEXT NOT NULL,
    zone      TEXT,
    enabled   INTEGER NOT NULL,
    code_to   INTEGER,
    code_from INTEGER
);

CREATE TABLE identifier (
    id         INTEGER PRIMARY KEY,
    identifier TEXT NOT NULL UNIQUE,
    account    INTEGER NOT NULL
);

CREATE TABLE device (
    id      INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    name    TEXT NOT NULL,
    kind    TEXT NOT NULL,
    target  TEXT NOT NULL,
    stage   INTEGER NOT NULL,
    ring_s  INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    UNIQUE (account, name)
);

CREATE TABLE audit (
    id    INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    what  TEXT NOT NULL,
    json  TEXT NOT NULL
);
