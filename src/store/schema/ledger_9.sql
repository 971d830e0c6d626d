-- Several nodes: who has a message's files, as numbers with commas between. Empty: the node that
-- its number names.
ALTER TABLE message ADD COLUMN holders TEXT NOT NULL DEFAULT '';
-- Those that the loss of one node would take.
CREATE INDEX message_alone ON message (id) WHERE instr(holders, ',') = 0 AND state <> 'deleted';
-- What other nodes have still to tell of messages, for the case that one of them goes for good.
CREATE TABLE notice_elsewhere (
    id      TEXT PRIMARY KEY,
    node    INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    message INTEGER NOT NULL,
    body    TEXT NOT NULL,
    at_ms   INTEGER NOT NULL,
    next_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX notice_elsewhere_by_node ON notice_elsewhere (node);
