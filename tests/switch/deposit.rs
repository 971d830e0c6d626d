//! A caller leaves a message: what he hears, says and presses, and what is kept.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::lab::g711;
use crate::lab::{Call, Lab, Phone, Says, Switch, becomes, eventually, installed, seconds, wav};
use crate::live::Daemon;

/// A message as the ledger has it.
struct Message {
    cause: String,
    parts: Vec<Value>,
    urgent: bool,
}

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
    house.starts();
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
        ledger.execute("INSERT INTO mailbox VALUES (0, 'bob', ?1)", [settings]).unwrap();
        drop(ledger);
        self.starts();
    }

    /// Starts the daemon, and waits until it is at the switch.
    #[track_caller]
    fn starts(&mut self) {
        let connects = |house: &Self| house.daemon.log().matches("the switch is there").count();
        let before = connects(self);
        self.daemon.start();
        let up = eventually(seconds(10.0), || connects(self) > before);
        assert!(up, "it does not reach the switch:\n{}", self.daemon.log());
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

    /// A prompt that was heard before this moment, once more.
    #[track_caller]
    fn hears_again(&self, call: &Call, prompt: &str) {
        let from = call.heard().len();
        let heard = call.hears_from(from, &wav::prompt(&format!("en/{prompt}")), seconds(15.0));
        assert!(heard, "{prompt} is not heard again:\n{}", self.daemon.log());
    }

    /// All messages, oldest first.
    fn messages(&self) -> Vec<Message> {
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
    fn has_messages(&self, count: usize) {
        let there = eventually(seconds(20.0), || self.messages().len() == count);
        assert!(there, "{} messages:\n{}", self.messages().len(), self.daemon.log());
    }

    /// So many deposits are over.
    #[track_caller]
    fn is_over(&self, count: usize) {
        let over = || self.daemon.log().matches("a deposit is over").count();
        assert!(eventually(seconds(20.0), || over() == count), "{}", self.daemon.log());
    }

    /// The directories of deposits.
    fn deposits(&self) -> Vec<PathBuf> {
        let all = std::fs::read_dir(self.lab.dir.join("spool/deposits")).unwrap();
        all.map(|entry| entry.unwrap().path()).collect()
    }

    /// Waits until part `number` of the only deposit is being written.
    #[track_caller]
    fn begins(&self, number: u16) {
        let there = |file: String| self.deposits().iter().any(|dir| dir.join(&file).exists());
        let begun = || there(format!("{number}.wav")) || there(format!("{number}.mkv"));
        assert!(eventually(seconds(30.0), begun), "{}\n{}", self.daemon.log(), self.switch.log());
    }

    /// Says something for a little more than two seconds of part `number`.
    #[track_caller]
    fn says(&self, call: &Call, number: u16, tone: u16) {
        call.says(Says::Nothing);
        self.begins(number);
        call.says(Says::Tone(tone));
        call.has_said(seconds(2.6));
    }

    /// The first call that is taken after a switch has come back.
    #[track_caller]
    fn speaks_when_ready(&self) -> Call {
        let up = || self.daemon.log().contains("restarted=true");
        assert!(eventually(seconds(30.0), up), "{}", self.daemon.log());
        self.speaks()
    }

    #[track_caller]
    fn is_tone(&self, part: &Value, tone: u16, length_s: f64) {
        let content = part["content"].as_str().unwrap();
        let file = self.lab.dir.join("spool/files").join(&content[..2]).join(content);
        let samples = wav::samples(&file);
        assert!(samples.len() as f64 >= length_s * 8000.0, "{} samples", samples.len());
        let middle = &samples[samples.len() / 2 - 4000..samples.len() / 2 + 4000];
        assert!(wav::strength(middle, f64::from(tone)) > 2000.0, "another sound");
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
    house.says(&call, 1, 700);
    call.presses("#");
    house.hears(&call, "review");
    // Listen to it, then urgent, then send.
    let before = call.heard().len();
    call.presses("1");
    let listens = || {
        let heard: Vec<i16> =
            call.heard()[before..].iter().map(|code| g711::sample(*code)).collect();
        wav::strength(&heard, 700.0)
    };
    assert!(eventually(seconds(10.0), || listens() > 300.0), "it is not played");
    call.presses("3");
    house.hears(&call, "urgent");
    call.presses("#");
    house.hears(&call, "saved");
    assert!(call.hung_up(seconds(10.0)));
    house.has_messages(1);
    let message = &house.messages()[0];
    assert!(message.urgent);
    house.is_tone(&message.parts[0], 700, 2.0);
    assert!(eventually(seconds(5.0), || house.deposits().is_empty()), "it stays");
}

#[test]
fn who_hangs_up_has_left_what_he_said() {
    if !installed() {
        return;
    }
    let house = house("deposit-hangup");
    // In the greeting: nothing was said.
    let call = house.speaks();
    house.hears(&call, "unknown");
    call.bye();
    house.is_over(1);
    // In the recording.
    let call = house.speaks();
    house.says(&call, 1, 700);
    call.bye();
    house.has_messages(1);
    // In the menu.
    let call = house.speaks();
    house.says(&call, 1, 440);
    call.presses("#");
    house.hears(&call, "review");
    call.bye();
    house.has_messages(2);
    let tones: Vec<u16> = vec![700, 440];
    for (message, tone) in house.messages().iter().zip(tones) {
        house.is_tone(&message.parts[0], tone, 2.0);
    }
    // Too short to be kept.
    let call = house.speaks();
    house.begins(1);
    call.bye();
    house.is_over(4);
    assert_eq!(house.messages().len(), 2);
    assert!(eventually(seconds(5.0), || house.deposits().is_empty()));
}

#[test]
fn silence_ends_it_again_records_anew_and_star_cancels() {
    if !installed() {
        return;
    }
    let house = house("deposit-again");
    let call = house.speaks();
    house.says(&call, 1, 700);
    call.says(Says::Silence);
    house.hears(&call, "review");
    call.presses("2");
    house.says(&call, 2, 440);
    call.presses("#");
    house.hears_again(&call, "review");
    call.presses("#");
    house.has_messages(1);
    let message = &house.messages()[0];
    assert_eq!(message.parts.len(), 1, "what was recorded first is not in it");
    house.is_tone(&message.parts[0], 440, 2.0);
    assert!(call.hung_up(seconds(10.0)));

    let call = house.speaks();
    house.says(&call, 1, 700);
    call.presses("#");
    house.hears(&call, "review");
    call.presses("*");
    house.hears(&call, "cancelled");
    assert!(call.hung_up(seconds(10.0)));
    house.is_over(2);
    assert_eq!(house.messages().len(), 1);
}

#[test]
fn a_killed_daemon_takes_up_the_recording_where_it_is() {
    if !installed() {
        return;
    }
    let mut house = house("deposit-kill");
    // The caller goes on speaking, and hangs up when it is back.
    let call = house.speaks();
    house.says(&call, 1, 700);
    house.daemon.kill();
    call.has_said(seconds(2.0));
    house.starts();
    call.has_said(seconds(2.0));
    call.presses("#");
    house.hears(&call, "review");
    call.bye();
    house.has_messages(1);
    // The caller hangs up while it is away.
    let call = house.speaks();
    house.says(&call, 1, 440);
    house.daemon.kill();
    call.bye();
    house.starts();
    house.has_messages(2);
    house.is_tone(&house.messages()[0].parts[0], 700, 5.0);
    house.is_tone(&house.messages()[1].parts[0], 440, 2.0);
    // The recording ends while it is away: the switch itself says so, and it is found all the same.
    let call = house.speaks();
    house.says(&call, 1, 440);
    house.daemon.kill();
    call.presses("#");
    house.hears(&call, "unavailable");
    house.starts();
    house.has_messages(3);
}

#[test]
fn what_was_recorded_by_a_killed_switch_is_delivered() {
    if !installed() {
        return;
    }
    let mut house = house("deposit-switch-kill");
    let call = house.speaks();
    // The switch writes in blocks of four seconds.
    house.begins(1);
    call.says(Says::Tone(700));
    call.has_said(seconds(7.0));
    house.switch.kill();
    house.has_messages(1);
    house.is_tone(&house.messages()[0].parts[0], 700, 3.0);
    // And it takes messages again when it is back.
    house.switch.run();
    let call = house.speaks_when_ready();
    house.says(&call, 1, 440);
    call.bye();
    house.has_messages(2);
}
