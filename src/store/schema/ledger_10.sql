-- Which motions of each node were carried out: one that is put again is carried out once.
CREATE TABLE motion_seen (
    node       INTEGER PRIMARY KEY,
    boot       INTEGER NOT NULL,
    nonce      INTEGER NOT NULL,
    over_below INTEGER NOT NULL,
    seen       TEXT NOT NULL -- numbers above that, with commas between
) STRICT;
