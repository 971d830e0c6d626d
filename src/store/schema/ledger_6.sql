-- Which mailbox has which file as a greeting with a name: asked for every file that a sweep finds.
CREATE TABLE mailbox_greeting (
    account INTEGER NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (account, content)
) WITHOUT ROWID;
CREATE INDEX mailbox_greeting_by_content ON mailbox_greeting (content);
