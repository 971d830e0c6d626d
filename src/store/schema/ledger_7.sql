-- Devices that a push wakes.
ALTER TABLE device ADD COLUMN push INTEGER NOT NULL DEFAULT 0;
