-- ledger.db as the first release's daemon (format 1) left it, by `.dump` of sqlite3; the last two
-- lines are what that leaves out.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO meta VALUES('applied',9);
INSERT INTO meta VALUES('boot',1);
INSERT INTO meta VALUES('keys_given',4);
CREATE TABLE log (
    number  INTEGER PRIMARY KEY,
    at_ms   INTEGER NOT NULL,
    command TEXT NOT NULL
);
INSERT INTO log VALUES(1,1795645897492,'{"command":"account_add","name":"reseller","max_calls":10,"policy":"strict","enabled":true,"refusal_codes":{}}');
INSERT INTO log VALUES(2,1795645897507,'{"command":"account_add","name":"alice","max_calls":2,"max_in":1,"parent":"reseller","policy":"available","zone":"Europe/Berlin","enabled":true,"refusal_codes":{}}');
INSERT INTO log VALUES(3,1795645897516,'{"command":"account_add","name":"gone","policy":"available","enabled":true,"refusal_codes":{}}');
INSERT INTO log VALUES(4,1795645897520,'{"command":"account_remove","name":"gone"}');
INSERT INTO log VALUES(5,1795645897528,'{"command":"account_add","name":"bob","policy":"available","enabled":false,"refusal_codes":{}}');
INSERT INTO log VALUES(6,1795645897531,'{"command":"number_add","identifier":"+493012345","account":"alice"}');
INSERT INTO log VALUES(7,1795645897534,'{"command":"number_add","identifier":"bob@example.com","account":"bob"}');
INSERT INTO log VALUES(8,1795645897538,'{"command":"device_add","account":"alice","device":{"name":"desk","target":{"uri":"sip:desk@10.0.0.7"},"stage":1,"ring_s":15,"enabled":true}}');
INSERT INTO log VALUES(9,1795645897548,'{"command":"device_add","account":"alice","device":{"name":"mobile","target":{"number":"+491711234"},"stage":2,"ring_s":20,"enabled":true}}');
CREATE TABLE account (
    key       INTEGER PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,
    max_calls INTEGER,
    max_in    INTEGER,
    max_out   INTEGER,
    parent    INTEGER,
    policy    TEXT NOT NULL,
    zone      TEXT,
    enabled   INTEGER NOT NULL,
    code_to   INTEGER,
    code_from INTEGER
);
INSERT INTO account VALUES(0,'reseller',10,NULL,NULL,NULL,'strict',NULL,1,NULL,NULL);
INSERT INTO account VALUES(1,'alice',2,1,NULL,0,'available','Europe/Berlin',1,NULL,NULL);
INSERT INTO account VALUES(3,'bob',NULL,NULL,NULL,NULL,'available',NULL,0,NULL,NULL);
CREATE TABLE identifier (
    id         INTEGER PRIMARY KEY,
    identifier TEXT NOT NULL UNIQUE,
    account    INTEGER NOT NULL
);
INSERT INTO identifier VALUES(1,'+493012345',1);
INSERT INTO identifier VALUES(2,'bob@example.com',3);
CREATE TABLE device (
    id      INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    name    TEXT NOT NULL,
    kind    TEXT NOT NULL,
    target  TEXT NOT NULL,
    stage   INTEGER NOT NULL,
    ring_s  INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    UNIQUE (account, name)
);
INSERT INTO device VALUES(1,1,'desk','uri','sip:desk@10.0.0.7',1,15,1);
INSERT INTO device VALUES(2,1,'mobile','number','+491711234',2,20,1);
CREATE TABLE audit (
    id    INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    what  TEXT NOT NULL,
    json  TEXT NOT NULL
);
COMMIT;
PRAGMA application_id = 1215319141;
PRAGMA user_version = 1;
