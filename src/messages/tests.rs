//! Scripts: what happens, and what the machine asks for then. `tests/*.txt` has them.
//!
//! A line is `what happens -> what is asked for`; `set` lines come before `arrive`. The words are
//! those of `Player::happen` and `Player::word`.

mod words;

use std::fmt::Write as _;
use std::sync::Arc;

use super::*;
use crate::domain::{
    AccountKey, CallbackPolicy, Caller, CardPart, ContentId, DepositCard, FileFacts, LegEvent,
    LegFacts, LegId, LegSeen, Mailbox, MailboxName, Medium, NoRoom, Now, SipUri, SpoolEvent,
    StepId, SwitchEvent, VideoFacts,
};

/// One script being played.
struct Player {
    deposits: Deposits,
    settings: Settings,
    mailbox: Mailbox,
    facts: LegFacts,
    account: Option<AccountKey>,
    now_ms: u64,
    step: StepId,
    path: Arc<str>,
    /// The leg that the deposit has.
    leg: LegId,
    card: Option<DepositCard>,
    /// The deposit beside it, for an upload.
    beside: Option<DepositCard>,
    said: String,
}

fn leg(name: &str) -> LegId {
    LegId::parse(name).unwrap()
}

fn medium(word: &str) -> Medium {
    if word == "video" { Medium::Video } else { Medium::Audio }
}

/// `8000`: that long; `none`: not there.
fn file(word: &str) -> Option<FileFacts> {
    let length_ms = word.parse().ok()?;
    Some(FileFacts { length_ms, bytes: length_ms * 16, video: false })
}

impl Player {
    fn new() -> Self {
        let settings = Settings {
            spool: "/s".into(),
            prompts: "/p".into(),
            ways: vec![VideoWay::Inline],
            ..Settings::default()
        };
        let facts = LegFacts {
            call_id: "call".into(),
            dialled: "berta".into(),
            cause: Some(408),
            our_cause: None,
            greeting: None,
            call: None,
            from_uri: "sip:anna@example.com".into(),
            from_display: "".into(),
            contact: SipUri::parse("sip:anna@10.0.0.9").ok(),
            via: None,
            answered: false,
            video: VideoFacts::default(),
        };
        Self {
            deposits: Deposits::new(settings.clone()),
            settings,
            mailbox: Mailbox::new(MailboxName::parse("berta").unwrap()),
            facts,
            account: Some(AccountKey(7)),
            now_ms: 1_000,
            step: StepId(0),
            path: "".into(),
            leg: leg("a"),
            card: None,
            beside: None,
            said: String::new(),
        }
    }

    fn now(&self) -> Now {
        Now { mono_ms: self.now_ms, wall_ms: i64::try_from(self.now_ms).unwrap() }
    }

    fn set(&mut self, name: &str, value: &str) {
        match name {
            "cause" => self.facts.cause = value.parse().ok(),
            "ours" => self.facts.our_cause = Some(value.into()),
            "picture" => self.facts.video.negotiated = true,
            "stranger" => self.account = None,
            "greeting" => self.mailbox.greeting = Some(ContentId([0xab; 32])),
            "no_video" => self.mailbox.video = false,
            "forget" => self.mailbox.callback_keep = false,
            "max_s" => self.mailbox.limits.length_max_s = value.parse().unwrap(),
            "webhook" => self.settings.webhook = true,
            "link_s" => self.settings.link_valid_s = value.parse().unwrap(),
            "ways" => self.settings.ways = value.split(',').filter_map(VideoWay::parse).collect(),
            _ => panic!("no setting {name}"),
        }
    }

    fn leg_event(&mut self, leg: &LegId, event: LegEvent) {
        let event = SwitchEvent::Leg { leg: leg.clone(), event };
        self.deposits.switch(SwitchId(0), &event, self.now());
    }

    fn own(&mut self, event: LegEvent) {
        self.leg_event(&self.leg.clone(), event);
    }

    fn id(&self) -> MessageId {
        self.card.as_ref().unwrap().message
    }

    fn arrive(&mut self) {
        let account = self.account;
        self.deposits = Deposits::new(self.settings.clone());
        let arrival = Arrival {
            switch: SwitchId(0),
            switch_name: "fs1".into(),
            leg: self.leg.clone(),
            facts: self.facts.clone(),
            account: AccountKey(8),
            mailbox: self.mailbox.clone(),
            caller: Caller { shown: "anna".into(), account, ..Caller::default() },
        };
        assert!(self.deposits.arrive(arrival, self.now()).is_some());
    }

    fn happen(&mut self, words: &[&str]) {
        let word = |place: usize| words.get(place).copied().unwrap_or_default();
        let key = word(1).chars().next();
        match word(0) {
            "arrive" => self.arrive(),
            "ours" => self.own(LegEvent::Claimed(true)),
            "not_ours" => self.own(LegEvent::Claimed(false)),
            "done" => self.own(LegEvent::Done { step: self.step, key, failed: false }),
            "key" => self.own(LegEvent::Key(key.unwrap())),
            "stopped" => {
                let path = Arc::clone(&self.path);
                self.own(LegEvent::RecordStopped { path, key, silence: key.is_none() });
            }
            "gone" => self.own(LegEvent::HungUp { cause: "NORMAL_CLEARING".into() }),
            "connected" => self.own(LegEvent::Bridged { other: leg("b") }),
            "parted" => self.own(LegEvent::Unbridged),
            "wish" => self.own(LegEvent::Wish(medium(word(1)))),
            "picture" => {
                let packets = word(1).parse().unwrap_or(0);
                self.own(LegEvent::Video(VideoFacts { negotiated: word(1) != "no", packets }));
            }
            "refused" => {
                let all = ["play", "record", "break", "bridge", "call", "offer_video", "claim"];
                let command = all.into_iter().find(|known| *known == word(1)).unwrap();
                self.own(LegEvent::Refused { command });
            }
            "answered" => {
                let video = VideoFacts { negotiated: word(1) == "video", packets: 0 };
                let facts = LegFacts { video, answered: true, ..self.facts.clone() };
                self.own(LegEvent::Parked(Box::new(facts)));
            }
            other => self.elsewhere(other, word(1), word(2), self.now()),
        }
    }

    /// What happens beside the caller's leg.
    fn elsewhere(&mut self, word: &str, first: &str, second: &str, now: Now) {
        let guest = leg(if first.is_empty() { "b" } else { first });
        match word {
            "guest" => self.deposits.guest(SwitchId(0), &guest, self.id(), now),
            "guest_ours" => self.leg_event(&guest, LegEvent::Claimed(true)),
            "guest_not_ours" => self.leg_event(&guest, LegEvent::Claimed(false)),
            "guest_gone" => self.leg_event(&guest, LegEvent::HungUp { cause: "X".into() }),
            "link" => self.deposits.link_ready(self.id(), "link", now),
            "beside" if first == "link" => {
                self.deposits.link_ready(self.beside.as_ref().unwrap().message, "link", now);
            }
            "beside" if first == "restart" => self.restart(self.beside.clone().unwrap(), true, now),
            "sent" => {
                let text = leg(&format!("hp-{}-text", self.id()));
                self.leg_event(&text, LegEvent::TextSent(first == "yes"));
            }
            "call_back" => {
                let policy = match first {
                    "save" => CallbackPolicy::Save,
                    "discard" => CallbackPolicy::Discard,
                    "ignore" => CallbackPolicy::Ignore,
                    _ => CallbackPolicy::Pause,
                };
                let gone = second == "gone";
                let when = if gone { ManagedWhen::Gone } else { ManagedWhen::Stopped };
                let managed = self.deposits.call_back(self.id(), policy, when, now);
                let _ = write!(self.said, "{managed:?}; ");
            }
            "operator" => drop(self.deposits.end(self.id(), now)),
            "api" => drop(self.deposits.wish(self.id(), medium(first), now)),
            "lost" => self.deposits.switch(SwitchId(0), &SwitchEvent::Lost, now),
            "list" => self.list(first, second, now),
            "restart" => self.restart(self.card.clone().unwrap(), first != "elsewhere", now),
            "wait" => {
                self.now_ms += first.parse::<u64>().unwrap();
                self.deposits.wake(self.now());
            }
            "time" => {
                self.now_ms = self.deposits.wakeup().unwrap();
                self.deposits.wake(self.now());
            }
            "beside" => {
                let (word, rest) = (first, second.split_once(','));
                let (first, second) = rest.unwrap_or((second, ""));
                self.files(self.beside.as_ref().unwrap().message, word, first, second, now);
            }
            _ => self.files(self.id(), word, first, second, now),
        }
    }

    fn restart(&mut self, card: DepositCard, switch: bool, now: Now) {
        self.deposits = Deposits::new(Settings { boot: 2, ..self.settings.clone() });
        self.deposits.resume(card, switch.then_some(SwitchId(0)), now);
        self.deposits.wake(now);
    }

    fn files(&mut self, id: MessageId, word: &str, first: &str, second: &str, now: Now) {
        let number = first.parse().unwrap_or(0);
        let event = match word {
            "room" => SpoolEvent::Opened(id),
            "no_room" if first == "disk" => SpoolEvent::NoRoom(id, NoRoom::DiskFull),
            "no_room" => SpoolEvent::NoRoom(id, NoRoom::MailboxFull),
            "checked" => SpoolEvent::Checked(id, number, file(second)),
            "safe" => SpoolEvent::Delivered(id),
            "not_safe" => SpoolEvent::NotDelivered(id),
            "nothing" => SpoolEvent::NothingKept(id),
            "begins" => SpoolEvent::UploadBegan(id),
            "ends" => SpoolEvent::UploadEnded(id),
            "uploaded" => {
                let part = CardPart { number, medium: Medium::Video, dropped: false };
                SpoolEvent::Uploaded(id, part, file(second).unwrap())
            }
            _ => panic!("what is {word}?"),
        };
        if !self.deposits.spool(&event, now) {
            self.said.push_str("not awaited; ");
        }
    }

    fn list(&mut self, application: &str, data: &str, now: Now) {
        let restarted = application == "restarted";
        let data = if data == "path" { format!("{} 60", self.path) } else { data.to_owned() };
        let leg = self.leg.clone();
        let seen = LegSeen { leg, application: application.into(), data: data.into() };
        let there = !matches!(application, "none" | "restarted");
        let legs = there.then_some(seen).into_iter().collect();
        self.deposits.switch(SwitchId(0), &SwitchEvent::Legs { restarted, legs }, now);
    }

    /// What is asked for, in short words.
    fn drain(&mut self) -> String {
        while let Some(output) = self.deposits.poll() {
            let word = self.word(&output);
            let _ = write!(self.said, "{word}; ");
        }
        std::mem::take(&mut self.said).trim_end_matches("; ").to_owned()
    }
}

/// Plays all scripts of a file and gives it back with what was really asked for.
fn play(scripts: &str) -> (String, usize) {
    let mut player = Player::new();
    let (mut text, mut count) = (String::new(), 0);
    for line in scripts.lines() {
        let (left, _) = line.split_once("->").unwrap_or((line, ""));
        let words: Vec<&str> = left.split_whitespace().collect();
        let is = match words.first() {
            Some(first) if first.starts_with('[') => {
                (player, count) = (Player::new(), count + 1);
                left.to_owned()
            }
            Some(&"set") => {
                player.set(words[1], words.get(2).copied().unwrap_or_default());
                left.to_owned()
            }
            Some(first) if !first.starts_with('#') => {
                player.happen(&words);
                let asked = player.drain();
                let empty = player.deposits.is_empty();
                assert!(!empty || player.deposits.sizes() == [0; 4], "what is left after {line}?");
                format!("{:<22} -> {asked}", left.trim_end())
            }
            Some(_) | None => left.to_owned(),
        };
        let _ = writeln!(text, "{}", is.trim_end());
    }
    (text, count)
}

fn hold(scripts: &str, at_least: usize) {
    let (played, count) = play(scripts);
    let difference = played.lines().zip(scripts.lines()).find(|(is, should)| is != should);
    assert!(played == scripts, "is and should: {difference:#?}\nall that is:\n{played}");
    assert!(count >= at_least, "only {count} scripts");
}

#[test]
fn audio_goes_by_the_script() {
    hold(include_str!("tests/audio.txt"), 30);
}

#[test]
fn video_goes_by_the_script() {
    hold(include_str!("tests/video.txt"), 18);
}

#[test]
fn call_backs_go_by_the_script() {
    hold(include_str!("tests/call_back.txt"), 21);
}

#[test]
fn faults_go_by_the_script() {
    hold(include_str!("tests/faults.txt"), 20);
}

#[test]
fn a_deposit_is_small() {
    let card = |text: &str| text.len() + 2 * size_of::<usize>();
    let parts = 3 * (size_of::<CardPart>() + size_of::<(u16, Option<u64>)>() + size_of::<u16>());
    let texts =
        8 * card("sip:somebody-with-a-long-name@a-long-domain.example.com:5060;transport=udp");
    let legs = 4 * (card("hp-m12345678-12345678-12") + 3 * size_of::<(LegId, MessageId)>());
    let bytes = size_of::<deposit::Deposit>() + 2 * parts + texts + legs;
    assert!(bytes < 20 * 1024 / 4, "{bytes} bytes");
}
