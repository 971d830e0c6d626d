//! Calls that come to a FreeSWITCH without a proxy: its channels are the calls.

use std::sync::Arc;

use hallporter::desk::{Desk, Input, Output, Settings, SwitchPlace, Ticket, explain};
use hallporter::domain::{
    AccountName, CallState, Decision, LegEvent, LegFacts, LegId, Now, Outcome, RouteQuery,
    SeenDialog, SwitchCommand, SwitchEvent, SwitchId, VideoFacts,
};
use hallporter::registry::Command;
use hallporter::rules::RuleFile;

const SWITCH: SwitchId = SwitchId(3);

struct House {
    desk: Desk,
    now_ms: u64,
    decision: Option<Arc<Decision>>,
    commands: Vec<SwitchCommand>,
}

fn leg(name: &str) -> LegId {
    LegId::parse(name).unwrap()
}

impl House {
    /// Bob may have one call, and has a phone.
    fn new() -> Self {
        let (name, sip) = ("fs1".into(), "10.0.0.5:5080".into());
        let switches = vec![SwitchPlace { id: SWITCH, name, sip, routes: true }];
        let desk = Desk::new(Settings { seed: 7, switches, ..Settings::default() });
        let mut house = Self { desk, now_ms: 1_000, decision: None, commands: Vec::new() };
        for command in [
            r#"{"command":"account_add","name":"bob","max_calls":1}"#,
            r#"{"command":"number_add","identifier":"+4930","account":"bob"}"#,
            r#"{"command":"device_add","account":"bob","device":{"name":"desk","target":{"uri":"sip:desk@h"},"stage":1,"ring_s":15,"enabled":true}}"#,
        ] {
            house.commit(serde_json::from_str(command).unwrap());
        }
        house
    }

    fn commit(&mut self, command: Command) {
        let index = self.desk.registry().applied() + 1;
        self.handle(Input::Committed { ticket: Ticket(1), index, command });
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]
    fn handle(&mut self, input: Input) {
        self.desk.handle(input, Now { mono_ms: self.now_ms, wall_ms: 1_700_000_000_000 });
        while let Some(output) = self.desk.poll() {
            match output {
                Output::Answer { decision, .. } => self.decision = Some(decision),
                Output::Switch(_, command) => self.commands.push(command),
                Output::Applied { result, .. } => result.unwrap(),
                _ => {}
            }
        }
    }

    /// A channel asks, at the switch or (by its Call-ID) at a proxy; whether it may.
    fn asks(&mut self, channel: &str, switch: Option<SwitchId>) -> bool {
        let query = RouteQuery {
            call_id: channel.into(),
            ruri: "sip:+4930@example.com".into(),
            dialog: switch.map(|_| leg(channel).as_dialog()),
            switch,
            ..RouteQuery::default()
        };
        self.handle(Input::Route { ticket: Ticket(1), query: Box::new(query) });
        !matches!(self.decision.as_ref().unwrap().outcome, Outcome::Refuse(_))
    }

    fn tells(&mut self, event: SwitchEvent) {
        self.handle(Input::Switch { switch: SWITCH, event });
        self.handle(Input::Wakeup);
    }

    fn happens(&mut self, channel: &str, event: LegEvent) {
        self.tells(SwitchEvent::Leg { leg: leg(channel), event });
    }

    fn lists(&mut self, restarted: bool, channels: &[&str]) {
        self.tells(SwitchEvent::CallsAsked { restarted });
        let seen = channels.iter().map(|channel| SeenDialog {
            call_id: (*channel).into(),
            from_tag: "".into(),
            dialog: leg(channel).as_dialog(),
            state: CallState::Up,
            started_s: 0,
            account: None,
            ruri: Some("sip:+4930@example.com".into()),
            from_uri: "".into(),
            emergency: false,
        });
        self.tells(SwitchEvent::Calls(seen.collect()));
    }

    fn carried(&self) -> u32 {
        let bob = self.desk.registry().find("bob").unwrap();
        self.desk.usage(bob).total.live
    }
}

fn hung_up() -> LegEvent {
    LegEvent::HungUp { cause: "NORMAL_CLEARING".into() }
}

#[test]
fn a_channel_is_counted_until_it_is_gone() {
    let mut house = House::new();
    assert!(house.asks("a", Some(SWITCH)) && house.asks("a", Some(SWITCH)));
    assert_eq!(house.carried(), 1);
    assert!(!house.asks("b", Some(SWITCH)));
    house.happens("b", hung_up());
    assert_eq!(house.carried(), 1);
    house.happens("a", LegEvent::Answered);
    house.happens("a", hung_up());
    house.happens("a", hung_up());
    assert_eq!(house.carried(), 0);
    // A list that was asked for before does not bring it back.
    house.lists(false, &["a"]);
    assert_eq!(house.carried(), 0);
    // Never answered.
    assert!(house.asks("c", Some(SWITCH)));
    house.happens("c", hung_up());
    assert_eq!(house.carried(), 0);
}

#[test]
fn the_switch_s_list_is_the_truth() {
    let mut house = House::new();
    assert!(house.asks("a", Some(SWITCH)));
    house.happens("a", LegEvent::Answered);
    house.lists(false, &["a"]);
    house.lists(false, &[]);
    assert_eq!(house.carried(), 1, "one list that misses it is no evidence");
    house.lists(false, &[]);
    assert_eq!(house.carried(), 0);
    // One that was let through while nobody could be asked; and the switch ends.
    house.lists(false, &["b"]);
    assert_eq!(house.carried(), 1);
    house.tells(SwitchEvent::Lost);
    assert_eq!(house.carried(), 1);
    house.lists(true, &[]);
    assert_eq!(house.carried(), 0);
}

#[test]
fn a_call_at_a_proxy_is_none_of_a_switch_s() {
    let mut house = House::new();
    assert!(house.asks("a", None));
    house.happens("a", hung_up());
    house.lists(false, &[]);
    house.lists(true, &[]);
    assert_eq!(house.carried(), 1);
}

fn confirmed(house: &mut House) {
    let text = "[[rule]]\nring = [{ devices = \"desk\", for = \"9s\", confirm = \"1\" }]\n";
    let text = RuleFile::read(text).unwrap();
    house.commit(Command::RulesSet { account: AccountName::parse("bob").unwrap(), text });
}

fn parked(call_id: &str, dialled: &str) -> LegEvent {
    LegEvent::Parked(Box::new(LegFacts {
        call_id: call_id.into(),
        dialled: dialled.into(),
        cause: None,
        our_cause: None,
        greeting: None,
        call: None,
        from_uri: "".into(),
        from_display: "".into(),
        contact: None,
        via: Some("10.0.0.1:5060".into()),
        answered: false,
        video: VideoFacts::default(),
    }))
}

#[test]
fn a_leg_that_is_to_be_confirmed_is_led_to_its_device() {
    let mut house = House::new();
    confirmed(&mut house);
    assert!(house.asks("a", None));
    let Outcome::Fork(order) = &house.decision.as_ref().unwrap().outcome else { panic!() };
    assert_eq!(&*order.stages[0].branches[0].uri, "sip:confirm-0-0-0@10.0.0.5:5080");
    // Of another call, or to another place: nobody leads it on.
    house.happens("x", parked("b", "confirm-0-0-0"));
    house.happens("y", parked("a", "confirm-0-0-1"));
    assert_eq!(house.commands, []);
    house.happens("z", parked("a", "confirm-0-0-0"));
    let [SwitchCommand::Confirm { leg: taken, uri, via, key, ring_s, .. }] = &house.commands[..]
    else {
        panic!("{:?}", house.commands)
    };
    // It has not registered at the proxy, so the way is direct.
    assert_eq!(
        (taken.as_str(), uri.as_str(), via, *key, *ring_s),
        ("z", "sip:desk@h", &None, '1', 9)
    );
}

#[test]
fn a_switch_that_asks_confirms_itself() {
    let mut house = House::new();
    confirmed(&mut house);
    assert!(house.asks("a", Some(SWITCH)));
    let Outcome::Fork(order) = &house.decision.as_ref().unwrap().outcome else { panic!() };
    let branch = &order.stages[0].branches[0];
    assert_eq!((&*branch.uri, branch.confirm()), ("sip:desk@h", Some('1')));
}

#[test]
fn a_forward_that_would_have_to_wait_is_left_out_and_said() {
    let mut house = House::new();
    let care = r#"{"command":"care_set","account":"bob","may":"all","places":["*"],
        "forwards":{"no_answer":{"uri":"sip:boss@example.net"}}}"#;
    house.commit(serde_json::from_str(care).unwrap());
    let more = r#"{"command":"account_set","name":"bob","max_calls":2}"#;
    house.commit(serde_json::from_str(more).unwrap());
    let mut stages = |channel: &str, switch| {
        assert!(house.asks(channel, switch));
        let decision = house.decision.clone().unwrap();
        let Outcome::Fork(order) = &decision.outcome else { panic!("{decision:?}") };
        (order.stages.len(), explain(&decision).join(" | "))
    };
    assert_eq!(stages("c1@proxy", None).0, 2);
    let (stages, lines) = stages("a-2", Some(SWITCH));
    assert_eq!(stages, 1);
    assert!(lines.contains("not done, a switch without a proxy"), "{lines}");
}

/// What a switch can't dial does not ring, and `why` says so; behind a proxy it rings.
#[test]
fn what_a_switch_cannot_dial_is_left_out_and_said() {
    let mut house = House::new();
    house.commit(
        serde_json::from_str(r#"{"command":"account_set","name":"bob","max_calls":9}"#).unwrap(),
    );
    for (name, target) in [
        ("six", r#"{"uri":"sip:six@[2001:db8::1]:5060"}"#),
        ("odd", r#"{"uri":"sip:o%64d@10.0.0.8"}"#),
        ("own", r#"{"uri":"sip:own@10.0.0.8;fs_path=sip:x"}"#),
        ("host", r#"{"aor":"sip:phones.test"}"#),
        ("aor", r#"{"aor":"sip:bob@phones.test"}"#),
    ] {
        let device = format!(
            r#"{{"command":"device_add","account":"bob","device":{{"name":"{name}","target":{target},"stage":1,"ring_s":15,"enabled":true}}}}"#
        );
        house.commit(serde_json::from_str(&device).unwrap());
    }
    let mut rings = |channel: &str, switch| {
        assert!(house.asks(channel, switch));
        let decision = house.decision.clone().unwrap();
        let Outcome::Fork(order) = &decision.outcome else { panic!("{decision:?}") };
        let branches = order.stages.iter().flat_map(|stage| &stage.branches);
        let names: Vec<String> = branches.map(|branch| branch.device.to_string()).collect();
        (names, explain(&decision).join(" | "))
    };
    let (names, lines) = rings("c1@proxy", None);
    assert_eq!(names, ["desk", "six", "odd", "own", "host", "aor"]);
    assert!(!lines.contains("can't dial"), "{lines}");
    let (names, lines) = rings("a-2", Some(SWITCH));
    assert_eq!(names, ["desk", "aor"]);
    for device in ["six", "odd", "own", "host"] {
        let line = format!(
            "device {device}, stage 1: left out, it has an address that a FreeSWITCH can't dial"
        );
        assert!(lines.contains(&line), "{lines}");
    }
    // Behind a proxy a switch dials where a key is to be pressed.
    let text = "[[rule]]\nring = [{ devices = [\"desk\", \"six\"], confirm = \"1\" }, \"odd\"]\n[[rule]]\nwhen.after = \"busy\"\nring = [\"desk\"]\n";
    let text = text.replace("[[rule]]\nring", "[[rule]]\ncontinue = true\nring")
        + "[[rule]]\nmailbox = false\ncontinue = true\n";
    let text = RuleFile::read(&text).unwrap();
    house.commit(Command::RulesSet { account: AccountName::parse("bob").unwrap(), text });
    let mut rings = |channel: &str, switch| {
        assert!(house.asks(channel, switch));
        let decision = house.decision.clone().unwrap();
        let Outcome::Fork(order) = &decision.outcome else { panic!("{decision:?}") };
        let names = order.stages.iter().map(|stage| stage.branches[0].device.to_string());
        (names.collect::<Vec<_>>(), explain(&decision).join(" | "))
    };
    let (names, lines) = rings("c2@proxy", None);
    assert_eq!(names[..3], ["desk", "odd", "desk"]);
    assert!(lines.contains("device six, stage 1: left out, it has an address"), "{lines}");
    // Rules that were set before a switch asked: it can't wait for a failure.
    let (_, lines) = rings("a-3", Some(SWITCH));
    assert!(lines.contains("a FreeSWITCH without a proxy can't wait for that"), "{lines}");
    assert!(!lines.contains("then, only after"), "{lines}");
}
