//! What holds of all rules, whatever they say.

use std::sync::Arc;

use hallporter::domain::{
    Branch, Communication, Contact, DeviceState, DeviceStates, Few, ForkOrder, History, Identifier,
    ORDER_RING_S_MAX, Registrations, Stage, Step, Tags,
};
use hallporter::routing::{Caller, Followed, Forwarded, Limits, List, Question, follow};
use proptest::prelude::*;

use super::*;

fn word(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::select(words).prop_map(|word| format!("\"{word}\""))
}

fn list(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::collection::vec(word(words), 1..4).prop_map(|words| format!("[{}]", words.join(", ")))
}

const DEVICES: &[&str] = &[
    "desk",
    "soft",
    "mobile",
    "home",
    "group:all",
    "group:two",
    "tag:work",
    "tag:fixed",
    "tag:none",
];

const CAUSES: &[&str] = &["busy", "no_answer", "unreachable", "declined"];
const ORDERS: &[&str] = &["parallel", "serial", "round_robin", "least_recent", "last_answered"];

fn condition() -> impl Strategy<Value = String> {
    prop_oneof![
        list(&["08:00-18:00", "22:00-06:00", "00:00-24:00", "12-13"])
            .prop_map(|l| format!("hours = {l}")),
        list(&["mon", "mon-fri", "sat-mon", "sun"]).prop_map(|l| format!("days = {l}")),
        list(&["02-29", "12-24..01-02", "2026-03-29", "2026-01-01..2027-12-31"])
            .prop_map(|l| format!("dates = {l}")),
        list(&["+49*", "anonymous", "+15550100", "country:AT", "*@example.com"])
            .prop_map(|l| format!("from = {l}")),
        list(&["call", "video", "text"]).prop_map(|l| format!("kind = {l}")),
        (1..4u8).prop_map(|n| format!("busy = {n}")),
        list(DEVICES).prop_map(|l| format!("registered = {l}")),
        list(DEVICES).prop_map(|l| format!("in_call = {l}")),
        list(DEVICES).prop_map(|l| format!("dnd = {l}")),
    ]
}

fn stage() -> impl Strategy<Value = String> {
    prop_oneof![
        word(DEVICES),
        list(DEVICES),
        Just("\"list\"".to_owned()),
        Just("\"all\"".to_owned()),
        (list(DEVICES), 1..200u16, word(ORDERS), any::<bool>()).prop_map(
            |(devices, ring_s, order, skip)| {
                let skip = if skip { ", skip = [\"busy\"]" } else { "" };
                format!("{{ devices = {devices}, for = \"{ring_s}s\", order = {order}{skip} }}")
            }
        ),
    ]
}

fn action() -> impl Strategy<Value = String> {
    let ring = || {
        let stages = proptest::collection::vec(stage(), 1..5);
        stages.prop_map(|stages| format!("ring = [{}]", stages.join(", ")))
    };
    prop_oneof![
        4 => ring(),
        2 => ring().prop_map(|ring| format!("continue = true\n{ring}")),
        1 => (ring(), list(CAUSES)).prop_map(|(ring, after)| format!("when.after = {after}\n{ring}")),
        1 => Just("forward = \"+491711234\"".to_owned()),
        1 => Just("mailbox = true".to_owned()),
        1 => (400..700u16).prop_map(|code| format!("refuse = {code}")),
    ]
}

fn text() -> impl Strategy<Value = String> {
    let rule = (proptest::collection::btree_set(condition(), 1..3), any::<bool>(), action())
        .prop_map(|(conditions, unless, action)| {
            let mut keys = std::collections::BTreeSet::new();
            let mut rule = format!("[[rule]]\n{action}\n");
            for condition in conditions {
                let key = condition.split(' ').next().unwrap().to_owned();
                if keys.insert(key) {
                    let table = if unless { "unless" } else { "when" };
                    let _ = writeln!(rule, "{table}.{condition}");
                }
            }
            rule
        });
    proptest::collection::vec(rule, 1..8).prop_map(|rules| {
        let groups = "[group]\nall = [\"desk\", \"soft\", \"mobile\", \"home\"]\ntwo = [\"group:all\", \"tag:fixed\", \"desk\"]\n";
        format!("{groups}{}", rules.concat())
    })
}

fn order_of(
    text: &str,
    at_ms: i64,
    from: &str,
    calls: u32,
    branches_max: usize,
) -> (Followed, Vec<Step>) {
    let file = RuleFile::read(text);
    let Ok(file) = file else { return (empty(), Vec::new()) };
    let (mut devices, zone) = (devices(), Zone::parse("Europe/Berlin").unwrap());
    for (device, tags) in devices.iter_mut().zip(["work fixed", "work", "work", "fixed"]) {
        device.tags = Tags::parse(tags).unwrap();
    }
    // Two of them sleep: one is registered even so, twice.
    let mut registrations = Registrations::new();
    for (device, contacts) in devices.iter_mut().filter(|_| calls % 2 == 1).zip([0, 2]) {
        let aor = SipUri::parse(&format!("sip:{}@home", device.name)).unwrap();
        let uri = |n| SipUri::parse(&format!("sip:{n}@10.0.0.9")).unwrap();
        let contact = |n| Contact { uri: uri(n), received: None, path: None };
        registrations.insert(aor.clone(), (0..contacts).map(contact).collect());
        (device.target, device.push) = (Target::Aor(aor), true);
    }
    let numbering = Numbering::default();
    let dialled = Identifier::parse("+493012345").unwrap();
    let question = Question {
        at_ms,
        zone: &zone,
        kind: Communication::Call,
        from: Caller::of(from, &numbering, None),
        forwarded: Forwarded { dialled: Some(&dialled), history: &History::None },
        calls,
        wishes: Few::default(),
    };
    let headers: Arc<str> = "".into();
    let list = List {
        wait_s: (calls % 2 == 1).then_some(45),
        by_switch: false,
        confirms: true,
        devices: &devices,
        registrations: &registrations,
        states: &states(calls),
        gateway: Some("gw"),
        headers: &headers,
        limits: Limits { branches_max, stage_branches_max: 3 },
    };
    let mut steps = Vec::new();
    (follow(file.rules(), &question, &list, |_| false, &mut steps), steps)
}

/// Devices that have done something, some other thing for each figure.
fn states(seed: u32) -> DeviceStates {
    let state = |n: u32| DeviceState {
        calls: (n + seed) % 2,
        answered: (n * 7 + seed).into(),
        began: (n * 5 + seed).into(),
    };
    (0..).zip(devices()).map(|(n, device)| (device.name, state(n))).collect()
}

fn empty() -> Followed {
    Followed::Order {
        order: ForkOrder::default(),
        mailbox: true,
        mailbox_alone: false,
        greeting: None,
    }
}

proptest! {
    /// Whatever rules say: an order ends, no device rings twice in a stage, no stage is empty or
    /// too wide, and all of it is over in a quarter of an hour. The same question gets the same
    /// answer.
    #[test]
    fn an_order_ends(
        text in text(),
        at_ms in 1_700_000_000_000_i64..1_900_000_000_000,
        from in proptest::sample::select(vec!["sip:+4930@h", "sip:anonymous@anonymous.invalid", "", "sip:a@example.com"]),
        calls in 0..4u32,
        branches_max in 1..30usize,
    ) {
        let (followed, steps) = order_of(&text, at_ms, from, calls, branches_max);
        let again = order_of(&text, at_ms, from, calls, branches_max);
        prop_assert_eq!(&followed, &again.0);
        prop_assert_eq!(&steps, &again.1);
        let Followed::Order { order, .. } = followed else { return Ok(()) };
        let ring_s: u32 = order.stages.iter().map(Stage::longest_s).sum();
        prop_assert!(ring_s <= u32::from(ORDER_RING_S_MAX), "{} s", ring_s);
        prop_assert!(order.stages.first().is_none_or(|first| first.after.is_none()));
        let mut branches = 0;
        for stage in &order.stages {
            prop_assert!((1..=3).contains(&stage.branches.len()));
            prop_assert!((1..=300).contains(&stage.ring_s));
            branches += stage.branches.len();
            // A device that sleeps is there as one that is waited for, and where it was last.
            let name = |b: &Branch| (b.device.clone(), b.wake.is_some(), b.uri.clone());
            let mut names: Vec<_> = stage.branches.iter().map(name).collect();
            names.sort_unstable();
            names.dedup();
            prop_assert_eq!(names.len(), stage.branches.len());
        }
        prop_assert!(branches <= branches_max);
    }

    /// Nearly all of the texts that these properties are tried on say something.
    #[test]
    fn texts_are_read_or_their_mistakes_have_places(text in text()) {
        if let Err(mistakes) = RuleFile::read(&text) {
            prop_assert!(!mistakes.is_empty());
            let lines = text.lines().count() + 1;
            for mistake in mistakes {
                // Stages that add up to more than an order may ring are all that can be wrong.
                prop_assert!(mistake.what.contains("is the most"), "{}", mistake);
                prop_assert!((1..=lines).contains(&mistake.line));
            }
        }
    }

    #[test]
    fn no_text_panics(text in "(\\[\\[rule\\]\\]\n|when|ring|\\.|hours|=|\\[|\\]|\"|\\{|\\}|[a-z0-9:*+\n ]|\\PC){0,60}") {
        if let Err(mistakes) = RuleFile::read(&text) {
            prop_assert!(!mistakes.is_empty());
            prop_assert!(mistakes.iter().all(|mistake| mistake.line > 0 && mistake.column > 0));
        }
    }

    #[test]
    fn no_calendar_panics(text in "(BEGIN:VEVENT\n|END:VEVENT\n|DTSTART:20240229\n|DTEND:2026[0-9]{4}\n|RRULE:FREQ=YEARLY|;BYDAY=-?[0-9](MO|TH)|;BYMONTH=[0-9]+|;UNTIL=[0-9]{8}|;COUNT=[0-9]|\n|\\PC){0,40}") {
        if let Err(mistakes) = hallporter::rules::read_calendar(&text) {
            prop_assert!(!mistakes.is_empty());
        }
    }
}
