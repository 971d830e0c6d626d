//! Rules tried without a call: the examples of a text, and when the order will change.

mod said;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::{
    AccountKey, Communication, Device, ForkOrder, GreetingName, History, Numbering, Registrations,
    RouteQuery, RuleEnd, Rules, Spelled, Stage, StageCause, Step, Tells, Told, Wish, Zone,
};
use crate::routing::{Caller, Followed, Forwarded, Limits, List, Question, follow, honour, tell};
use crate::rules::{Example, shown};

use super::Desk;
use super::explain::explain_step;
use said::{as_said, states};

/// The most days that [`coming`] looks ahead; more are cut to this.
pub const DAYS_AHEAD_MAX: u32 = 31;

/// What is around the rules of an account.
#[derive(Clone, Debug)]
pub struct Around {
    /// Its devices, by stage.
    pub devices: Vec<Device>,
    /// Its zone, or the installation's.
    pub zone: Zone,
    /// How numbers are written where the proxies stand.
    pub numbering: Numbering,
    /// Whether there is a mailbox.
    pub mailbox: bool,
    /// The names of its greetings.
    pub greetings: Vec<GreetingName>,
}

/// What came of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// What rings, as [`shown`] writes it; `refuse 486` for a refusal.
    pub got: Vec<String>,
    /// How it came about.
    pub lines: Vec<String>,
    /// Whether it is what the example expects.
    pub as_expected: bool,
}

/// From when on something else rings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// What rings, as [`Trial::got`] has it.
    pub rings: Vec<String>,
}

impl Desk {
    /// What is around the rules of an account; `None` if there is no such account.
    #[must_use]
    pub fn around(&self, key: AccountKey) -> Option<Around> {
        let account = self.registry.account(key)?;
        let mailbox = self.registry.mailbox_of(key);
        let greetings = mailbox.iter().flat_map(|mailbox| mailbox.greetings.keys().cloned());
        Some(Around {
            devices: self.registry.devices(key).to_vec(),
            zone: account.zone.clone().unwrap_or_else(|| self.settings.zone.clone()),
            numbering: self.settings.numbering.clone(),
            mailbox: mailbox.is_some_and(|mailbox| mailbox.enabled)
                && !self.settings.switches.is_empty(),
            greetings: greetings.collect(),
        })
    }

    /// The installation's zone.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        &self.settings.zone
    }

    /// The zone in which people think who call what a query dials: that of the called account's
    /// rules, else its own, else the installation's.
    #[must_use]
    pub fn zone_of(&self, query: &RouteQuery) -> Zone {
        let callee = self.callee(Spelled::read(&query.ruri)).1;
        let rules = callee.and_then(|callee| self.registry.rules(callee));
        let account = callee.and_then(|callee| self.registry.account(callee));
        let zone = rules.and_then(|rules| rules.zone.clone());
        let zone = zone.or_else(|| account.and_then(|account| account.zone.clone()));
        zone.unwrap_or_else(|| self.settings.zone.clone())
    }
}

/// Tries an example. An example without a moment is tried at the beginning of 2026.
#[must_use]
pub fn try_example(rules: &Rules, example: &Example, around: &Around) -> Trial {
    const SOME_TIME: &str = "2026-01-01T00:00";
    let zone = example.zone.as_ref().or(rules.zone.as_ref()).unwrap_or(&around.zone);
    let at_ms = zone.moment(example.at.as_deref().unwrap_or(SOME_TIME)).unwrap_or_default();
    let (devices, registrations) = as_said(&around.devices, example);
    let mut steps: Vec<Step> = Vec::new();
    let got = rings(rules, example, around, (&devices, &registrations), at_ms, &mut steps);
    let lines: Vec<String> = steps.iter().map(explain_step).collect();
    let told = |why: &String| lines.iter().any(|line| line.contains(why.as_str()));
    let as_expected = got == example.expect && example.why.iter().all(told);
    Trial { got, lines, as_expected }
}

/// What rings at a moment for the question of an example, and every moment in the days after it
/// at which something else begins to. Rules change at the edges of their windows, at midnight, and
/// when clocks change: only those minutes are asked about.
#[must_use]
pub fn coming(
    rules: &Rules,
    example: &Example,
    around: &Around,
    from_ms: i64,
    days: u32,
) -> Vec<Turn> {
    const MINUTE_MS: i64 = 60_000;
    let minutes = i64::from(days.min(DAYS_AHEAD_MAX)) * 24 * 60;
    let zones: Vec<&Zone> =
        std::iter::once(rules.zone.as_ref().unwrap_or(&around.zone)).chain(&rules.zones).collect();
    let edges: BTreeSet<u16> = rules
        .windows
        .iter()
        .flat_map(|window| [window.from, window.to % (24 * 60)])
        .chain([0])
        .collect();
    let mut offsets: Vec<i32> = zones.iter().map(|zone| zone.local(from_ms).offset_s).collect();
    let (devices, registrations) = as_said(&around.devices, example);
    let at = |at_ms: i64| {
        let steps = &mut Vec::new();
        rings(rules, example, around, (&devices, &registrations), at_ms, steps)
    };
    let mut turns = vec![Turn { at_ms: from_ms, rings: at(from_ms) }];
    let begin_ms = from_ms - from_ms.rem_euclid(MINUTE_MS);
    for at_ms in (1..=minutes).map(|minute| begin_ms + minute * MINUTE_MS) {
        let mut edge = false;
        for (zone, offset) in zones.iter().zip(&mut offsets) {
            let local = zone.local(at_ms);
            edge |= edges.contains(&local.minute);
            edge |= std::mem::replace(offset, local.offset_s) != local.offset_s;
        }
        if edge {
            let rings = at(at_ms);
            if turns.last().is_none_or(|last| last.rings != rings) {
                turns.push(Turn { at_ms, rings });
            }
        }
    }
    turns
}

fn rings(
    rules: &Rules,
    example: &Example,
    around: &Around,
    (devices, registrations): (&[Device], &Registrations),
    at_ms: i64,
    steps: &mut Vec<Step>,
) -> Vec<String> {
    let states = states(devices, example);
    let question = Question {
        at_ms,
        zone: &around.zone,
        kind: example.kind,
        from: Caller::of(&example.from, &around.numbering, example.account.as_ref()),
        forwarded: Forwarded { dialled: example.to.as_ref(), history: &History::None },
        calls: example.calls,
        wishes: example.wishes,
    };
    let headers: Arc<str> = "".into();
    let list = List {
        wait_s: None,
        by_switch: false,
        confirms: true,
        devices,
        registrations,
        states: &states,
        gateway: Some("gateway.invalid"),
        headers: &headers,
        limits: Limits { branches_max: 24, stage_branches_max: 10 },
    };
    if example.kind.is_notice() {
        return told(tell(rules, &question, &list, steps));
    }
    match follow(rules, &question, &list, |_| false, steps) {
        Followed::Notify { tells, end, greeting, .. } => {
            let wished = example.wishes.has(Wish::NoMailbox as u8);
            let text = example.kind == Communication::Text;
            let then = match end {
                RuleEnd::Refuse { code, .. } => format!("refuse {code}"),
                RuleEnd::Open | RuleEnd::Mailbox { .. } if around.mailbox && !wished && !text => {
                    mailbox_with(greeting)
                }
                RuleEnd::Open | RuleEnd::Mailbox { .. } | RuleEnd::NoMailbox => {
                    "refuse 480".to_owned()
                }
            };
            stages(&tells).chain([then]).collect()
        }
        Followed::Refuse { code, .. } => vec![format!("refuse {code}")],
        Followed::Order { mut order, mailbox, greeting, .. } => {
            honour(&mut order, example.wishes, steps);
            let mut got = match example.cause {
                Some(cause) => shown(&left_after(order, cause)),
                None => shown(&order),
            };
            // No mailbox takes a text.
            let wished =
                example.wishes.has(Wish::NoMailbox as u8) || example.kind == Communication::Text;
            let taken = mailbox && around.mailbox && !wished;
            got.extend(taken.then(|| mailbox_with(greeting)));
            got
        }
    }
}

/// The mailbox, as examples write it.
fn mailbox_with(greeting: Option<GreetingName>) -> String {
    match greeting {
        Some(greeting) => format!("mailbox {greeting}"),
        None => "mailbox".to_owned(),
    }
}

/// Who is told, as examples write it. Where no rule has the last word, the webhook is told of what
/// has come to a mailbox.
fn told(told: Result<Tells, Tells>) -> Vec<String> {
    match told {
        Ok(tells) => stages(&tells).collect(),
        Err(tells) => stages(&tells).chain([Told::Webhook.to_string()]).collect(),
    }
}

fn stages(tells: &Tells) -> impl Iterator<Item = String> {
    tells.iter().map(|stage| {
        let told: Vec<String> = stage.iter().map(Told::to_string).collect();
        told.join(" + ")
    })
}

/// What rings of an order if everything in it fails for the same cause, as Kamailio's part has it:
/// a 603 is for all that rings, unless a rule says what comes after it.
fn left_after(order: ForkOrder, cause: StageCause) -> ForkOrder {
    let (mut rung, mut part) = (false, None);
    let mut left = Vec::with_capacity(order.stages.len());
    for stage in order.stages {
        let rings = match &stage.after {
            None => !rung || cause != StageCause::Declined,
            Some(after) => {
                let new = part.replace(after.part) != Some(after.part);
                after.causes.contains(&cause) && (new || cause != StageCause::Declined)
            }
        };
        rung |= rings;
        // Of what rings nothing is open any more.
        left.extend(rings.then_some(Stage { after: None, ..stage }));
    }
    ForkOrder { stages: left }
}
