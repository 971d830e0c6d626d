//! What rules name, found among the devices of the account.
//!
//! Rules are read without knowing the devices. So the devices of a tag are looked for when somebody
//! asks about it, once for each question.

use crate::domain::{Device, DeviceState, Member, Run};

use super::List;
use super::build::is_reachable;
use super::judge::Judge;

/// What a name in rules has come to.
#[derive(Clone, Copy)]
pub(super) enum Named<'a> {
    /// Nobody has asked yet.
    Unasked(&'a str),
    /// A device, if the account has it, and whether it can be reached.
    Device { name: &'a str, device: Option<&'a Device>, reachable: bool },
    /// A tag: where its devices stand in [`Members::tagged`], and whether one can be reached.
    Tag { tag: &'a str, from: usize, count: usize, reachable: bool },
}

/// All names in the rules of an account, as far as they were asked about.
#[derive(Default)]
pub(super) struct Members<'a> {
    named: Vec<Named<'a>>,
    /// Places in the account's list.
    tagged: Vec<usize>,
}

/// Who is to ring.
#[derive(Clone, Copy)]
pub(super) enum Who<'a> {
    /// A device of the account.
    Device(&'a Device),
    /// The account has no such device.
    Missing(&'a str),
    /// No device of the account has this tag.
    Untagged(&'a str),
}

impl<'a> Judge<'a> {
    /// Who stands in a run, and after how many seconds each joins. A device that is there twice, by
    /// its name and by a tag or by two tags, stands where it comes first.
    pub(super) fn standing(&mut self, run: Run, delays: Run) -> Vec<(Who<'a>, u16)> {
        let (rules, list) = (self.rules, self.list);
        let (members, delays) = (run.of(&rules.members), delays.of(&rules.delays));
        let mut standing = Vec::with_capacity(members.len());
        // Without a tag nobody can be there twice: the reader has seen to it.
        let mut taken: Vec<bool> = Vec::new();
        if members.iter().any(|member| matches!(self.named(*member), Named::Tag { .. })) {
            taken.resize(list.devices.len(), false);
        }
        for (place, member) in members.iter().enumerate() {
            let after_s = delays.get(place).copied().unwrap_or_default();
            match self.named(*member) {
                Named::Unasked(_) => {}
                Named::Device { name, device: None, .. } => {
                    standing.push((Who::Missing(name), after_s));
                }
                Named::Device { device: Some(device), .. } if taken.is_empty() => {
                    standing.push((Who::Device(device), after_s));
                }
                Named::Device { device: Some(device), .. } => {
                    let position = list.devices.iter().position(|one| std::ptr::eq(one, device));
                    let taken = position.and_then(|position| taken.get_mut(position));
                    if taken.is_some_and(|taken| !std::mem::replace(taken, true)) {
                        standing.push((Who::Device(device), after_s));
                    }
                }
                Named::Tag { tag, count: 0, .. } => standing.push((Who::Untagged(tag), after_s)),
                Named::Tag { from, count, .. } => {
                    let all = self.members.tagged.get(from..from + count).unwrap_or_default();
                    for position in all {
                        let new =
                            taken.get_mut(*position).is_some_and(|t| !std::mem::replace(t, true));
                        let device = list.devices.get(*position).filter(|_| new);
                        standing.extend(device.map(|device| (Who::Device(device), after_s)));
                    }
                }
            }
        }
        standing
    }

    /// Whether one of these can be reached.
    pub(super) fn is_registered(&mut self, run: Run) -> bool {
        let rules = self.rules;
        run.of(&rules.members).iter().any(|member| match self.named(*member) {
            Named::Unasked(_) => false,
            Named::Device { reachable, .. } | Named::Tag { reachable, .. } => reachable,
        })
    }

    /// Whether one of these has answered a call that is up.
    pub(super) fn is_in_call(&mut self, run: Run) -> bool {
        let in_call = |list: &List<'_>, device: &str| {
            list.states.get(device).is_some_and(|state| state.calls > 0)
        };
        self.one_is(run, in_call, |list, device| in_call(list, device.name.as_str()))
    }

    /// Whether one of these is not to be disturbed.
    pub(super) fn is_dnd(&mut self, run: Run) -> bool {
        self.one_is(run, |_, _| false, |_, device| device.dnd)
    }

    /// Whether something is so of one of these. `missing` is asked of those that the account does
    /// not have.
    fn one_is(
        &mut self,
        run: Run,
        missing: impl Fn(&List<'_>, &str) -> bool,
        is: impl Fn(&List<'_>, &Device) -> bool,
    ) -> bool {
        let (rules, list) = (self.rules, self.list);
        run.of(&rules.members).iter().any(|member| match self.named(*member) {
            Named::Unasked(_) => false,
            Named::Device { name, device: None, .. } => missing(list, name),
            Named::Device { device: Some(device), .. } => is(list, device),
            Named::Tag { from, count, .. } => {
                let all = self.members.tagged.get(from..from + count).unwrap_or_default();
                all.iter().filter_map(|place| list.devices.get(*place)).any(|one| is(list, one))
            }
        })
    }

    /// What was seen of somebody.
    pub(super) fn state(&self, who: Who<'_>) -> DeviceState {
        let state = match who {
            Who::Device(device) => self.list.states.get(&device.name),
            Who::Missing(name) => self.list.states.get(name),
            Who::Untagged(_) => None,
        };
        state.copied().unwrap_or_default()
    }

    /// What the name at this place has come to.
    fn named(&mut self, member: u16) -> Named<'a> {
        let (rules, list) = (self.rules, self.list);
        let Members { named, tagged } = &mut self.members;
        if named.is_empty() {
            named.extend(rules.devices.iter().map(Named::Unasked));
        }
        let Some(place) = named.get_mut(usize::from(member)) else { return Named::Unasked("") };
        if let Named::Unasked(name) = *place {
            *place = find(name, list, tagged);
        }
        *place
    }
}

/// Looks for a device, or for those of a tag.
fn find<'a>(name: &'a str, list: &'a List<'a>, tagged: &mut Vec<usize>) -> Named<'a> {
    let reachable = |device: &Device| device.may_ring() && is_reachable(device, list);
    let Some(tag) = name.strip_prefix(Member::TAG) else {
        let device = list.devices.iter().find(|device| device.name.as_str() == name);
        return Named::Device { name, device, reachable: device.is_some_and(reachable) };
    };
    let from = tagged.len();
    let having = list.devices.iter().enumerate().filter(|(_, device)| device.tags.has(tag));
    tagged.extend(having.map(|(place, _)| place));
    let mut found = tagged.iter().skip(from).filter_map(|place| list.devices.get(*place));
    let reachable = found.any(reachable);
    Named::Tag { tag, from, count: tagged.len() - from, reachable }
}
