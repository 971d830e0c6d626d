-- Entries of a page have a form of their own now (src/store/entry.rs). What the old pages had is
-- forgotten; it was for the last hours only.
DELETE FROM history;
