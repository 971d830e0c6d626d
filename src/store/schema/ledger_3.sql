-- What owners of accounts have written about who rings. Read whole at a start.
CREATE TABLE rules (
    account INTEGER PRIMARY KEY,
    text    TEXT NOT NULL
) STRICT;
