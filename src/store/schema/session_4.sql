-- Other nodes' rows as they were told last, packed as they were sent.
CREATE TABLE copy (
    node INTEGER NOT NULL,
    key BLOB NOT NULL,
    row BLOB NOT NULL,
    PRIMARY KEY (node, key)
) WITHOUT ROWID;
-- Events of other nodes' calls that wait until those have them.
CREATE TABLE kept_event (
    number INTEGER PRIMARY KEY,
    node INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    json TEXT NOT NULL
);
