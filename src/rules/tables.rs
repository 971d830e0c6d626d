//! The tables of [`Rules`], while they are filled.

use std::sync::Arc;

use crate::domain::{
    Condition, DaySpan, Member, Names, Number, Party, RULE_ZONES_MAX, Rule, RuleStage, Rules, Run,
    Target, Window, Yearly, Zone,
};

/// More entries than a [`Run`] can point at.
pub(super) struct TooMuch;

#[derive(Default)]
pub(super) struct Tables {
    pub(super) rules: Vec<Rule>,
    pub(super) names: Vec<Arc<str>>,
    pub(super) zone: Option<Zone>,
    pub(super) no_self_care: bool,
    pub(super) zones: Vec<Zone>,
    pub(super) conditions: Vec<Condition>,
    pub(super) windows: Vec<Window>,
    pub(super) spans: Vec<DaySpan>,
    pub(super) yearly: Vec<Yearly>,
    pub(super) numbers: Vec<Number>,
    pub(super) parties: Vec<Party>,
    pub(super) stages: Vec<RuleStage>,
    pub(super) members: Vec<u16>,
    pub(super) delays: Vec<u16>,
    pub(super) devices: Vec<Member>,
    pub(super) targets: Vec<Target>,
    pub(super) texts: Vec<Arc<str>>,
}

impl Tables {
    /// The place of a zone among those of single rules.
    pub(super) fn zone(&mut self, zone: Zone) -> Result<u8, TooMuch> {
        let place = place(&mut self.zones, zone)?;
        u8::try_from(place).ok().filter(|_| self.zones.len() <= RULE_ZONES_MAX).ok_or(TooMuch)
    }

    /// The place of a device or tag among those that are named.
    pub(super) fn device(&mut self, name: &Member) -> Result<u16, TooMuch> {
        place(&mut self.devices, name.clone())
    }

    /// Where these devices stand together.
    pub(super) fn members(&mut self, names: &[Member]) -> Result<Run, TooMuch> {
        let mut members = Vec::with_capacity(names.len());
        for name in names {
            members.push(self.device(name)?);
        }
        together(&mut self.members, members)
    }

    /// Where it stands after how many seconds these join; nowhere if all ring at once.
    pub(super) fn delays(&mut self, delays: Vec<u16>) -> Result<Run, TooMuch> {
        let delays = if delays.iter().all(|after_s| *after_s == 0) { Vec::new() } else { delays };
        together(&mut self.delays, delays)
    }

    pub(super) fn finish(self) -> Rules {
        Rules {
            rules: self.rules.into(),
            names: Names::of(self.names.iter()),
            zone: self.zone,
            no_self_care: self.no_self_care,
            zones: self.zones.into(),
            conditions: self.conditions.into(),
            windows: self.windows.into(),
            spans: self.spans.into(),
            yearly: self.yearly.into(),
            numbers: self.numbers.into(),
            parties: self.parties.into(),
            stages: self.stages.into(),
            members: self.members.into(),
            delays: self.delays.into(),
            devices: Names::of(self.devices.iter().map(Member::to_string)),
            targets: self.targets.into(),
            texts: self.texts.into(),
        }
    }
}

/// The place of one entry, put in if it is new.
pub(super) fn place<T: PartialEq>(table: &mut Vec<T>, entry: T) -> Result<u16, TooMuch> {
    let known = table.iter().position(|kept| *kept == entry);
    let place = known.unwrap_or(table.len());
    if known.is_none() {
        table.push(entry);
    }
    u16::try_from(place).map_err(|_| TooMuch)
}

/// Where these entries stand together, put in if they are new: what many rules say is kept once.
pub(super) fn together<T: PartialEq>(table: &mut Vec<T>, entries: Vec<T>) -> Result<Run, TooMuch> {
    let count = u16::try_from(entries.len()).map_err(|_| TooMuch)?;
    if entries.is_empty() {
        return Ok(Run::default());
    }
    let known = table.windows(entries.len()).position(|kept| kept == entries);
    let from = u16::try_from(known.unwrap_or(table.len())).map_err(|_| TooMuch)?;
    if known.is_none() {
        table.extend(entries);
    }
    // The whole run has to be within reach.
    from.checked_add(count).map(|_| Run { from, count }).ok_or(TooMuch)
}
