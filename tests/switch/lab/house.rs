//! A daemon with a FreeSWITCH, and a mailbox for bob.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Call, Lab, Phone, Says, Switch, eventually, seconds, wav};
use crate::live::Daemon;

/// A message as the ledger has it.
pub(crate) struct Message {
    pub(crate) cause: String,
    pub(crate) parts: Vec<Value>,
    pub(crate) urgent: bool,
}

/// A daemon, a FreeSWITCH, and a mailbox for bob.
pub(crate) struct House {
    pub(crate) lab: Lab,
    pub(crate) switch: Switch,
    pub(crate) daemon: Daemon,
    pub(crate) phone: Phone,
}

pub(crate) fn house(name: &str) -> House {
    house_with(name, "")
}

/// The same with further settings of the mailbox, as they are typed.
pub(crate) fn house_with(name: &str, mailbox: &str) -> House {
    let lab = Lab::new(name);
    let switch = Switch::start(&lab);
    let daemon = Daemon::init(&lab, "porter", 8170);
    let mut house = furnished(lab, switch, daemon, "");
    house.starts();
    house.daemon.cli("account add bob");
    house.daemon.cli("number add +493012345 --account bob");
    house.daemon.cli(&format!("mailbox add bob --account bob {mailbox}"));
    house
}

/// A daemon, and a FreeSWITCH that asks it who rings. Nobody has an account. The other phone is the
/// way to the world.
pub(crate) fn house_alone(name: &str) -> (House, Phone) {
    let lab = Lab::new(name);
    let mut switch = Switch::prepare(&lab, "freeswitch", &[]);
    let daemon = Daemon::init_without_proxy(&lab, "porter", 8170);
    let world = Phone::new(lab.ip);
    switch.alone(daemon.listen, &daemon.token("route.token"), world.at);
    switch.run();
    let mut house = furnished(lab, switch, daemon, "routes = true\n");
    house.starts();
    (house, world)
}

fn furnished(lab: Lab, switch: Switch, daemon: Daemon, further: &str) -> House {
    let password = daemon.dir.join("freeswitch.password");
    std::fs::write(&password, crate::lab::switch::PASSWORD).unwrap();
    restrict(&password);
    let spool = lab.dir.join("spool");
    daemon.set("spool", &format!("\"{}\"", spool.display()));
    daemon.set("prompts", &format!("\"{}\"", wav::prompts().display()));
    daemon.set("min_length", "\"1s\"");
    daemon.set("silence", "\"3s\"");
    daemon.set("trust_from", "true");
    daemon.append(&format!(
        "\n[[freeswitch]]\nname = \"fs1\"\nevent_socket = \"{}\"\nsip = \"{}\"\n\
         password_file = \"freeswitch.password\"\n{further}",
        switch.esl, switch.sip
    ));
    let phone = Phone::new(lab.ip);
    House { lab, switch, daemon, phone }
}

fn restrict(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

impl House {
    /// Starts the daemon, and waits until it is at the switch.
    #[track_caller]
    pub(crate) fn starts(&mut self) {
        let connects = |house: &Self| house.daemon.log().matches("the switch is there").count();
        let before = connects(self);
        self.daemon.start();
        let up = eventually(seconds(10.0), || connects(self) > before);
        assert!(up, "it does not reach the switch:\n{}", self.daemon.log());
    }

    /// A call to bob's mailbox, up to the tone.
    #[track_caller]
    pub(crate) fn speaks(&self) -> Call {
        let call = self.phone.call("bob", self.switch.sip);
        self.answers(&call);
        call
    }

    #[track_caller]
    pub(crate) fn answers(&self, call: &Call) {
        assert_eq!(call.code(seconds(8.0)), 200, "{}\n{}", self.daemon.log(), self.switch.log());
    }

    #[track_caller]
    pub(crate) fn hears(&self, call: &Call, prompt: &str) {
        let heard = call.hears(&wav::prompt(&format!("en/{prompt}")), seconds(15.0));
        assert!(heard, "{prompt} is not heard:\n{}\n{}", self.daemon.log(), self.switch.log());
    }

    /// A prompt that was heard before this moment, once more.
    #[track_caller]
    pub(crate) fn hears_again(&self, call: &Call, prompt: &str) {
        let from = call.heard().len();
        let heard = call.hears_from(from, &wav::prompt(&format!("en/{prompt}")), seconds(15.0));
        assert!(heard, "{prompt} is not heard again:\n{}", self.daemon.log());
    }

    /// All messages, oldest first.
    pub(crate) fn messages(&self) -> Vec<Message> {
        let ledger = rusqlite::Connection::open(self.daemon.dir.join("data/ledger.db")).unwrap();
        let mut rows =
            ledger.prepare("SELECT cause, parts, urgent FROM message ORDER BY left_ms").unwrap();
        let read = |row: &rusqlite::Row<'_>| {
            let parts: Value = serde_json::from_str(&row.get::<_, String>(1)?).unwrap();
            let parts = parts.as_array().unwrap().clone();
            Ok(Message { cause: row.get(0)?, parts, urgent: row.get(2)? })
        };
        rows.query_map([], read).unwrap().map(Result::unwrap).collect()
    }

    #[track_caller]
    pub(crate) fn has_messages(&self, count: usize) {
        let there = eventually(seconds(20.0), || self.messages().len() == count);
        assert!(there, "{} messages:\n{}", self.messages().len(), self.daemon.log());
    }

    /// So many deposits are over.
    #[track_caller]
    pub(crate) fn is_over(&self, count: usize) {
        let over = || self.daemon.log().matches("a deposit is over").count();
        assert!(eventually(seconds(20.0), || over() == count), "{}", self.daemon.log());
    }

    /// The directories of deposits.
    pub(crate) fn deposits(&self) -> Vec<PathBuf> {
        let all = std::fs::read_dir(self.lab.dir.join("spool/deposits")).unwrap();
        all.map(|entry| entry.unwrap().path()).collect()
    }

    /// Waits until part `number` of the only deposit is being written.
    #[track_caller]
    pub(crate) fn begins(&self, number: u16) {
        let there = |file: String| self.deposits().iter().any(|dir| dir.join(&file).exists());
        let begun = || there(format!("{number}.wav")) || there(format!("{number}.mkv"));
        assert!(eventually(seconds(30.0), begun), "{}\n{}", self.daemon.log(), self.switch.log());
    }

    /// Says something for a little more than two seconds of part `number`.
    #[track_caller]
    pub(crate) fn says(&self, call: &Call, number: u16, tone: u16) {
        call.says(Says::Nothing);
        self.begins(number);
        call.says(Says::Tone(tone));
        call.has_said(seconds(2.6));
    }

    /// The first call that is taken after a switch has come back.
    #[track_caller]
    pub(crate) fn speaks_when_ready(&self) -> Call {
        let up = || self.daemon.log().contains("restarted=true");
        assert!(eventually(seconds(30.0), up), "{}", self.daemon.log());
        self.speaks()
    }

    #[track_caller]
    pub(crate) fn is_tone(&self, part: &Value, tone: u16, length_s: f64) {
        let content = part["content"].as_str().unwrap();
        let file = self.lab.dir.join("spool/files").join(&content[..2]).join(content);
        let samples = wav::samples(&file);
        assert!(samples.len() as f64 >= length_s * 8000.0, "{} samples", samples.len());
        let middle = &samples[samples.len() / 2 - 4000..samples.len() / 2 + 4000];
        assert!(wav::strength(middle, f64::from(tone)) > 2000.0, "another sound");
    }
}
