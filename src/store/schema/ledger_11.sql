-- Recordings may lie in a bucket, too, which is 65535 among the holders: the loss of no node takes
-- what is there.
DROP INDEX message_alone;
CREATE INDEX message_alone ON message (id)
    WHERE instr(holders, ',') = 0 AND holders <> '65535' AND state <> 'deleted';
-- What has to be brought there, where there is one.
CREATE INDEX message_outside ON message (id)
    WHERE instr(holders, '65535') = 0 AND state <> 'deleted';
