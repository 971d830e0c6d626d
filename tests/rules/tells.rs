//! What holds of all rules that tell somebody, and of all orders of texts.

use std::sync::Arc;

use hallporter::domain::{
    Communication, DeviceStates, Few, History, Registrations, Step, Tags, Tells, Told,
};
use hallporter::routing::{Caller, Followed, Forwarded, Limits, List, Question, follow, tell};
use proptest::prelude::*;

use super::*;

const TOLD: &[&str] =
    &["desk", "soft", "mobile", "home", "group:all", "tag:work", "tag:none", "webhook"];
const LAMPS: &[&str] = &["lamp:desk", "lamp:soft", "lamp:group:all", "lamp:tag:work"];

fn who(lamps: bool) -> impl Strategy<Value = String> {
    let names: Vec<&str> = TOLD.iter().chain(LAMPS.iter().filter(|_| lamps)).copied().collect();
    let stage = proptest::collection::vec(proptest::sample::select(names), 1..4);
    let stage = stage.prop_map(|names| format!("{names:?}"));
    proptest::collection::vec(stage, 0..4).prop_map(|stages| format!("[{}]", stages.join(", ")))
}

/// Rules of every kind: those that tell, and those that ring.
fn rule() -> impl Strategy<Value = String> {
    let hours = || proptest::sample::select(vec!["08:00-18:00", "22:00-06:00", "00:00-24:00"]);
    prop_oneof![
        (hours(), who(true), any::<bool>()).prop_map(|(hours, who, goes_on)| format!(
            "[[rule]]\nwhen = {{ kind = \"message\", hours = \"{hours}\" }}\nnotify = {who}\n\
             continue = {goes_on}\n"
        )),
        (hours(), who(false)).prop_map(|(hours, who)| format!(
            "[[rule]]\nwhen = {{ kind = [\"missed\", \"message\"], hours = \"{hours}\" }}\n\
             notify = {who}\n"
        )),
        (hours(), who(false)).prop_map(|(hours, who)| format!(
            "[[rule]]\nwhen.hours = \"{hours}\"\nunless.from = \"+49*\"\nnotify = {who}\n"
        )),
        hours().prop_map(|hours| format!(
            "[[rule]]\nwhen.hours = \"{hours}\"\n\
             ring = [[\"desk\", {{ device = \"group:all\", after = \"8s\" }}], \"tag:work\"]\n"
        )),
        hours().prop_map(|hours| format!(
            "[[rule]]\nwhen.hours = \"{hours}\"\nring = [{{ devices = \"all\", confirm = \"1\" }}]\n\
             continue = true\n"
        )),
    ]
}

fn text() -> impl Strategy<Value = String> {
    let group = "[group]\nall = [\"desk\", \"soft\", \"mobile\", \"home\", \"desk\"]\n";
    proptest::collection::vec(rule(), 1..7)
        .prop_map(move |rules| group.to_owned() + &rules.concat())
}

/// Who is told of a message, whether a rule has decided, and who gets a text.
fn asked(text: &str, at_ms: i64, dnd: bool) -> (Tells, bool, Vec<Step>, Followed) {
    let (rules, _) = read(text).unwrap();
    let mut devices = devices();
    for (device, tags) in devices.iter_mut().zip(["work", "work fixed", "", "fixed"]) {
        device.tags = Tags::parse(tags).unwrap();
    }
    devices[0].dnd = dnd;
    let zone = Zone::parse("Europe/Berlin").unwrap();
    let (registrations, states) = (Registrations::new(), DeviceStates::new());
    let headers: Arc<str> = "".into();
    let list = List {
        wait_s: None,
        by_switch: false,
        confirms: true,
        devices: &devices,
        registrations: &registrations,
        states: &states,
        gateway: None,
        headers: &headers,
        limits: Limits { branches_max: 24, stage_branches_max: 10 },
    };
    let numbering = Numbering::default();
    let question = |kind| Question {
        at_ms,
        zone: &zone,
        kind,
        from: Caller::of("sip:+15550100@h", &numbering, None),
        forwarded: Forwarded { dialled: None, history: &History::None },
        calls: 0,
        wishes: Few::default(),
    };
    let mut steps = Vec::new();
    let told = tell(&rules, &question(Communication::Message), &list, &mut steps);
    let decided = told.is_ok();
    let tells = told.unwrap_or_else(|tells| tells);
    let text = follow(&rules, &question(Communication::Text), &list, |_| false, &mut Vec::new());
    (tells, decided, steps, text)
}

proptest! {
    /// No stage is empty, nobody is told twice in one, nobody who does not want to be disturbed gets
    /// a text; only rules that name the kind match; a text is never joined later or confirmed.
    #[test]
    fn who_is_told_is_told_once_and_by_rules_for_it(
        text in text(),
        at_ms in 1_700_000_000_000_i64..1_900_000_000_000,
        dnd in any::<bool>(),
    ) {
        prop_assume!(read(&text).is_ok());
        let (tells, decided, steps, order) = asked(&text, at_ms, dnd);
        prop_assert_eq!(&tells, &asked(&text, at_ms, dnd).0);
        prop_assert!(tells.len() <= 7 * 4);
        for stage in &tells {
            prop_assert!(!stage.is_empty());
            for (place, who) in stage.iter().enumerate() {
                prop_assert!(!stage[..place].contains(who), "{} twice", who);
                let disturbs = matches!(who, Told::Text(device) if device.as_str() == "desk");
                prop_assert!(!(dnd && disturbs));
            }
        }
        let lines: Vec<&str> = text.lines().collect();
        let mut matched = 0;
        for step in &steps {
            if let Step::Rule { line, missed: None, .. } = step {
                matched += 1;
                let said = lines[usize::try_from(*line).unwrap()];
                prop_assert!(said.contains("\"message\""), "{}", said);
            }
        }
        prop_assert!(!decided || matched > 0);
        if let Followed::Order { order, .. } = order {
            for branch in order.stages.iter().flat_map(|stage| &stage.branches) {
                prop_assert_eq!(branch.after_s, 0);
                prop_assert!(branch.confirm().is_none() && branch.wake.is_none());
            }
        }
    }
}
