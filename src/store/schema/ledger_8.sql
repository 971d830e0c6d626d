-- The replicated log, as its keeper packs it, and what goes with it: the vote, up to where it was
-- taken away, up to where it was carried out.
CREATE TABLE raft_log (
    idx   INTEGER PRIMARY KEY,
    entry BLOB NOT NULL
) STRICT;
CREATE TABLE raft_state (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
-- Rights by pool and node: totals that only grow.
CREATE TABLE right_share (
    pool     INTEGER NOT NULL,
    node     INTEGER NOT NULL,
    granted  INTEGER NOT NULL,
    returned INTEGER NOT NULL,
    revoked  INTEGER NOT NULL, -- 1: on the presumption that the node is dead
    PRIMARY KEY (pool, node)
) STRICT, WITHOUT ROWID;
CREATE TABLE node_start (
    node  INTEGER PRIMARY KEY,
    boot  INTEGER NOT NULL,
    nonce INTEGER NOT NULL
) STRICT;
