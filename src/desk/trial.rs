//! Examples of a text of rules, tried without a house around them.

use std::sync::Arc;

use crate::domain::{Device, Numbering, Registrations, Rules, Step, Target, Zone};
use crate::routing::{Caller, Followed, Limits, List, Question, follow};
use crate::rules::{Example, shown};

use super::explain::explain_step;

/// What is around the rules of an account.
#[derive(Clone, Debug)]
pub struct Around<'a> {
    /// Its devices, by stage.
    pub devices: &'a [Device],
    /// Its zone, or the installation's.
    pub zone: &'a Zone,
    /// How numbers are written where the proxies stand.
    pub numbering: &'a Numbering,
    /// Whether there is a mailbox.
    pub mailbox: bool,
}

/// What came of an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// What rings, as [`shown`] writes it.
    pub got: Vec<String>,
    /// How it came about.
    pub lines: Vec<String>,
    /// Whether it is what was expected.
    pub as_expected: bool,
}

/// Tries an example. An example without a moment is tried at the beginning of 2026.
#[must_use]
pub fn try_example(rules: &Rules, example: &Example, around: &Around<'_>) -> Trial {
    const SOME_TIME: &str = "2026-01-01T00:00";
    let zone = example.zone.as_ref().or(rules.zone.as_ref()).unwrap_or(around.zone);
    let at_ms = zone.moment(example.at.as_deref().unwrap_or(SOME_TIME)).unwrap_or_default();
    let question = Question {
        at_ms,
        zone: around.zone,
        kind: example.kind,
        from: Caller::of(&example.from, around.numbering, example.account.as_ref()),
        dialled: example.to.as_ref(),
        calls: example.calls,
        cause: example.cause,
    };
    let (devices, registrations) = unregistered(around.devices, example);
    let headers: Arc<str> = "".into();
    let list = List {
        devices: &devices,
        registrations: &registrations,
        gateway: Some("gateway.invalid"),
        headers: &headers,
        limits: Limits { branches_max: 24, stage_branches_max: 10 },
    };
    let mut steps: Vec<Step> = Vec::new();
    let got = match follow(rules, &question, &list, |_| false, &mut steps) {
        Followed::Refuse { code, .. } => vec![format!("refuse {code}")],
        Followed::Order { order, mailbox, .. } => {
            let mut got = shown(&order);
            got.extend((mailbox && around.mailbox).then(|| "mailbox".to_owned()));
            got
        }
    };
    let lines: Vec<String> = steps.iter().map(explain_step).collect();
    let told = |why: &String| lines.iter().any(|line| line.contains(why.as_str()));
    let as_expected = got == example.expect && example.why.iter().all(told);
    Trial { got, lines, as_expected }
}

/// The devices, those that the example says can't be reached as addresses of record that are
/// registered nowhere.
fn unregistered(devices: &[Device], example: &Example) -> (Vec<Device>, Registrations) {
    let mut devices = devices.to_vec();
    let mut registrations = Registrations::new();
    for device in devices.iter_mut().filter(|device| example.unregistered.contains(&device.name)) {
        if let Ok(aor) =
            crate::domain::SipUri::parse(&format!("sip:{}@nowhere.invalid", device.name))
        {
            registrations.insert(aor.clone(), Vec::new());
            device.target = Target::Aor(aor);
        }
    }
    (devices, registrations)
}
