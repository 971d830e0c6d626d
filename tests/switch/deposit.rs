//! A caller leaves a message: what he hears, says and presses, and what is kept.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::lab::{Call, Lab, Phone, Says, Switch, becomes, eventually, installed, seconds, wav};
use crate::live::Daemon;

/// A daemon, a FreeSWITCH, and a mailbox for bob.
struct House {
    lab: Lab,
    switch: Switch,
    daemon: Daemon,
    phone: Phone,
}

fn house(name: &str) -> House {
    let lab = Lab::new(name);
    let switch = Switch::start(&lab);
    let daemon = Daemon::init(&lab, "porter", 8170);
    let password = daemon.dir.join("freeswitch.password");
    std::fs::write(&password, crate::lab::switch::PASSWORD).unwrap();
    restrict(&password);
    let spool = lab.dir.join("spool");
    daemon.set("spool", &format!("\"{}\"", spool.display()));
    daemon.set("prompts", &format!("\"{}\"", wav::prompts().display()));
    daemon.set("min_length", "\"1s\"");
    daemon.set("silence", "\"3s\"");
    daemon.append(&format!(
        "\n[[freeswitch]]\nname = \"fs1\"\nevent_socket = \"{}\"\nsip = \"{}\"\n\
         password_file = \"freeswitch.password\"\n",
        switch.esl, switch.sip
    ));
    let phone = Phone::new(lab.ip);
    let mut house = House { lab, switch, daemon, phone };
    house.daemon.start();
    house.daemon.cli("account add bob");
    house.daemon.cli("number add +493012345 --account bob");
    house.add_mailbox();
    house
}

fn restrict(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

impl House {
    fn add_mailbox(&mut self) {
        self.daemon.terminate();
        let ledger = rusqlite::Connection::open(self.daemon.dir.join("data/ledger.db")).unwrap();
        let settings = r#"{"name":"bob","enabled":true,"video":true,"callback":"pause","callback_scope":"callee","callback_keep":true,"messages_max":100,"space_max_mib":500,"length_max_s":180,"keep_days":30}"#;
        ledger
            .execute("INSERT INTO mailbox VALUES (0, 'bob', ?1)", [settings])
            .unwrap();
        drop(ledger);
        self.daemon.start();
    }

    /// A call to bob's mailbox, up to the tone.
    #[track_caller]
    fn speaks(&self) -> Call {
        let call = self.phone.call("bob", self.switch.sip);
        self.answers(&call);
        call
    }

    #[track_caller]
    fn answers(&self, call: &Call) {
        assert_eq!(call.code(seconds(8.0)), 200, "{}\n{}", self.daemon.log(), self.switch.log());
    }

    #[track_caller]
    fn hears(&self, call: &Call, prompt: &str) {
        let heard = call.hears(&wav::prompt(&format!("en/{prompt}")), seconds(15.0));
        assert!(heard, "{prompt} is not heard:\n{}\n{}", self.daemon.log(), self.switch.log());
    }

    fn messages(&self) -> Vec<(String, Value)> {
        let ledger = rusqlite::Connection::open(self.daemon.dir.join("data/ledger.db")).unwrap();
        let mut rows = ledger.prepare("SELECT cause, parts FROM message").unwrap();
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).unwrap();
        rows.map(|row| row.map(|(cause, parts)| (cause, serde_json::from_str(&parts).unwrap())))
            .map(Result::unwrap)
            .collect()
    }

    fn kept(&self, content: &str) -> PathBuf {
        self.lab.dir.join("spool/files").join(&content[..2]).join(content)
    }
}

#[test]
fn a_message_is_left_reviewed_and_sent() {
    if !installed() {
        return;
    }
    let house = house("deposit-audio");
    let call = house.speaks();
    house.hears(&call, "unknown");
    house.hears(&call, "leave_audio");
    call.says(Says::Tone(700));
    call.has_said(seconds(4.0));
    call.presses("#");
    house.hears(&call, "review");
    call.presses("#");
    house.hears(&call, "saved");
    assert!(call.hung_up(seconds(10.0)));
    becomes(&1, seconds(5.0), || house.messages().len());
    let (_, parts) = &house.messages()[0];
    let file = house.kept(parts[0]["content"].as_str().unwrap());
    let samples = wav::samples(&file);
    assert!(wav::strength(&samples[8000..16000], 700.0) > 3000.0);
}
