//! Rules before they are written, and the devices that they name.

use std::collections::BTreeMap;

use crate::domain::{DeviceName, RING_S_MAX};

use super::NewDevice;
use super::write::shell_word;

/// The account in a command, when nobody has said which.
pub(super) const ANY_ACCOUNT: &str = "ACCOUNT";

/// When a rule matches. Empty: always.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    pub(super) zone: Option<String>,
    /// Windows in minutes of the day.
    pub(super) hours: Option<Vec<(u16, u16)>>,
    /// Bits, Monday the first.
    pub(super) days: Option<u8>,
    pub(super) dates: Option<Vec<String>>,
    pub(super) from: Option<Vec<String>>,
    pub(super) to: Option<Vec<String>>,
    pub(super) not_from: Vec<String>,
    pub(super) not_to: Vec<String>,
    pub(super) registered: Option<DeviceName>,
    pub(super) unregistered: Option<DeviceName>,
    /// Causes, of what rang before.
    pub(super) after: Vec<&'static str>,
}

/// A stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Devices {
        /// Each with the seconds after which it joins.
        devices: Vec<(DeviceName, u16)>,
        ring_s: Option<u16>,
        order: Option<&'static str>,
        confirm: bool,
    },
    Forward {
        to: String,
        ring_s: u16,
        confirm: bool,
    },
}

impl Stage {
    pub(super) fn of(devices: Vec<DeviceName>, ring_s: Option<u16>) -> Self {
        let devices = devices.into_iter().map(|name| (name, 0)).collect();
        Self::Devices { devices, ring_s, order: None, confirm: false }
    }
}

/// How a rule ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The account's mailbox, if it has one.
    Open,
    Mailbox,
    NoMailbox,
    Refuse(u16, Option<String>),
}

/// A rule.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// Where it comes from, line by line.
    pub(super) comments: Vec<String>,
    pub(super) name: String,
    pub(super) when: Conditions,
    pub(super) stages: Vec<Stage>,
    pub(super) end: End,
    pub(super) goes_on: bool,
}

impl Draft {
    /// Whether the rules behind it can't be asked.
    pub(super) fn is_last(&self) -> bool {
        let own = Conditions { zone: self.when.zone.clone(), ..Conditions::default() };
        !self.goes_on && self.when == own
    }
}

/// How a device is reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reached {
    /// `uri`, `aor` or `number`.
    pub(super) by: &'static str,
    pub(super) target: String,
}

/// The devices of one account, each with one name.
#[derive(Clone, Debug, Default)]
pub(super) struct Devices {
    known: Vec<(DeviceName, Reached, Option<u16>)>,
    by_reach: BTreeMap<Reached, usize>,
}

impl Devices {
    /// The name of a device, made of what it is called in the source: the same for the same
    /// target. `further` goes behind it when another has that name.
    pub(super) fn name(&mut self, reached: Reached, called: &str, further: &str) -> DeviceName {
        if let Some(known) = self.by_reach.get(&reached).and_then(|at| self.known.get(*at)) {
            return known.0.clone();
        }
        let base = plain(called);
        let mut text = base.clone();
        let mut number = 1;
        let name = loop {
            let free = !matches!(text.as_str(), "all" | "list")
                && !self.known.iter().any(|known| known.0.as_str() == text);
            if let Some(name) = DeviceName::parse(&text).ok().filter(|_| free) {
                break name;
            }
            text = match number {
                1 => format!("{base}-{}", plain(further).chars().take(20).collect::<String>()),
                _ => format!("{base}-{number}"),
            };
            number += 1;
        };
        self.by_reach.insert(reached.clone(), self.known.len());
        self.known.push((name.clone(), reached, None));
        name
    }

    /// Notes how long a device rings; the longest counts.
    pub(super) fn rings(&mut self, name: &DeviceName, ring_s: Option<u16>) {
        let Some(known) = self.known.iter_mut().find(|known| known.0 == *name) else { return };
        known.2 = known.2.max(ring_s.map(|ring_s| ring_s.clamp(1, RING_S_MAX)));
    }

    /// The commands that make those which are in `used`.
    pub(super) fn done(self, account: &str, drafts: &[Draft]) -> Vec<NewDevice> {
        let is_used = |name: &DeviceName| drafts.iter().any(|draft| draft.names(name));
        let used = self.known.into_iter().filter(|known| is_used(&known.0));
        used.map(|(name, Reached { by, target }, ring_s)| {
            let ring = ring_s.map_or_else(String::new, |ring_s| format!(" --ring {ring_s}s"));
            let word = shell_word(&target);
            let command = format!("hallporter device add {account} {name} --{by} {word}{ring}");
            NewDevice { name, reached_by: by, target, ring_s, command }
        })
        .collect()
    }
}

impl Draft {
    fn names(&self, name: &DeviceName) -> bool {
        let in_stage = |stage: &Stage| match stage {
            Stage::Devices { devices, .. } => devices.iter().any(|(known, _)| known == name),
            Stage::Forward { .. } => false,
        };
        let asked = [&self.when.registered, &self.when.unregistered];
        asked.into_iter().flatten().any(|known| known == name) || self.stages.iter().any(in_stage)
    }
}

/// What a name may be made of.
pub(super) fn plain(text: &str) -> String {
    const LENGTH_MAX: usize = 40;
    let mut name = String::new();
    for one in text.chars().take(LENGTH_MAX) {
        let fits = one.is_ascii_alphanumeric() || matches!(one, '.' | '_' | '-');
        match if fits { one } else { '-' } {
            '-' if name.is_empty() || name.ends_with('-') => {}
            '.' | '_' if name.is_empty() => {}
            one => name.push(one),
        }
    }
    let name = name.trim_end_matches(['-', '.', '_']);
    if name.is_empty() { "phone".to_owned() } else { name.to_owned() }
}
