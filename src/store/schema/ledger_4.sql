-- What devices say of themselves, and by what they are spoken of: tags with a space between.
ALTER TABLE device ADD COLUMN dnd INTEGER NOT NULL DEFAULT 0;
ALTER TABLE device ADD COLUMN tags TEXT NOT NULL DEFAULT '';
