-- The calls as they were a few milliseconds ago, and what was decided about them.
CREATE TABLE session (
    call        INTEGER PRIMARY KEY,
    call_id     TEXT NOT NULL,
    tag_hash    INTEGER NOT NULL,
    caller_text TEXT NOT NULL,
    called_text TEXT NOT NULL,
    caller      INTEGER,
    callee      INTEGER,
    state       TEXT NOT NULL,
    emergency   INTEGER NOT NULL,
    started_ms  INTEGER NOT NULL,
    answered_ms INTEGER,
    expires_ms  INTEGER NOT NULL,
    h_entry     INTEGER,
    h_id        INTEGER,
    seats       TEXT NOT NULL -- account numbers with directions: 7o 2o 9i
);

CREATE TABLE history (
    id      INTEGER PRIMARY KEY,
    call_id TEXT NOT NULL,
    call    INTEGER,
    at_ms   INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    json    TEXT NOT NULL
);
CREATE INDEX history_by_call_id ON history (call_id);
CREATE INDEX history_by_call ON history (call);
