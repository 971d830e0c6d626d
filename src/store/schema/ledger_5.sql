-- What accounts allow their devices to change themselves, and what these have made of it.
CREATE TABLE care (
    account INTEGER PRIMARY KEY,
    care    TEXT NOT NULL -- JSON
) STRICT;
