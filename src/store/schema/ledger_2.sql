-- Mailboxes, the messages in them, and what is told about both.
CREATE TABLE mailbox (
    account  INTEGER PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,
    settings TEXT NOT NULL -- JSON
);
-- Asked for every file that a sweep finds.
CREATE INDEX mailbox_by_greeting ON mailbox (settings ->> '$.greeting')
    WHERE settings ->> '$.greeting' IS NOT NULL;

CREATE TABLE message (
    id             INTEGER PRIMARY KEY, -- boot number and counter, as two halves
    mailbox        TEXT NOT NULL,
    account        INTEGER NOT NULL,
    caller         TEXT NOT NULL, -- JSON
    call_id        TEXT NOT NULL,
    cause          TEXT NOT NULL,
    urgent         INTEGER NOT NULL,
    state          TEXT NOT NULL,
    length_ms      INTEGER NOT NULL,
    bytes          INTEGER NOT NULL,
    began_ms       INTEGER NOT NULL,
    left_ms        INTEGER NOT NULL,
    changed_ms     INTEGER NOT NULL,
    keep_until_ms  INTEGER NOT NULL,
    parts          TEXT NOT NULL, -- JSON
    joined         TEXT -- JSON
);
-- Lists of what is there, newest first; then the same of one state.
CREATE INDEX message_by_mailbox ON message (mailbox, left_ms, id) WHERE state <> 'deleted';
CREATE INDEX message_by_account ON message (account, left_ms, id) WHERE state <> 'deleted';
CREATE INDEX message_by_time ON message (left_ms, id) WHERE state <> 'deleted';
CREATE INDEX message_by_mailbox_state ON message (mailbox, state, left_ms, id);
CREATE INDEX message_by_account_state ON message (account, state, left_ms, id);
CREATE INDEX message_by_state ON message (state, left_ms, id);
-- What a mailbox holds is asked before every recording, and answered from the index alone.
CREATE INDEX message_use ON message (mailbox, state, bytes) WHERE state <> 'deleted';
CREATE INDEX message_by_keep ON message (keep_until_ms) WHERE state <> 'deleted';

-- Which message has which file: a file goes when nobody has it any more.
CREATE TABLE message_file (
    message INTEGER NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (message, content)
) WITHOUT ROWID;
CREATE INDEX message_file_by_content ON message_file (content);

CREATE TABLE notice (
    id       TEXT PRIMARY KEY, -- KIND:MESSAGE
    kind     TEXT NOT NULL,
    message  INTEGER NOT NULL,
    body     TEXT NOT NULL,
    at_ms    INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    next_ms  INTEGER NOT NULL,
    state    TEXT NOT NULL,
    trouble  TEXT
);
CREATE INDEX notice_by_state ON notice (state, next_ms);
CREATE INDEX notice_by_state_id ON notice (state, id);
