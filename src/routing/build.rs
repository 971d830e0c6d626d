//! One stage after the other, within bounds.

use std::sync::Arc;

use crate::domain::{
    After, Branch, Device, DeviceName, DeviceSkip, ForkOrder, Number, ORDER_RING_S_MAX, SipUri,
    Stage, Step, Target, longest_s,
};

use super::forwarded::Tried;
use super::{List, wake};

/// An order that is being made. Each device that is looked at leaves a step.
pub(super) struct Build<'a, L> {
    list: &'a List<'a>,
    /// Whether a target would bring the call back to an account that it has passed.
    leads_back: L,
    steps: &'a mut Vec<Step>,
    stages: Vec<Stage>,
    branches: usize,
    /// Whether the next device rings together with the last stage.
    open: bool,
    /// Whether the order takes nothing more.
    full: bool,
    /// How long all stages may ring, in seconds, if there is a limit.
    ring_s_max: Option<u16>,
    /// The digit that whoever answers in this stage has to press.
    confirm: Option<u8>,
    /// When the stages ring that are put in now.
    after: Option<After>,
}

impl<'a, L: Fn(&Target) -> bool> Build<'a, L> {
    pub(super) fn new(list: &'a List<'a>, leads_back: L, steps: &'a mut Vec<Step>) -> Self {
        let stages = Vec::with_capacity(4);
        let (branches, open, full) = (0, false, false);
        let (ring_s_max, confirm, after) = (None, None, None);
        Self { list, leads_back, steps, stages, branches, open, full, ring_s_max, confirm, after }
    }

    /// The same, behind an order that is made already.
    pub(super) fn behind(self, order: ForkOrder) -> Self {
        let branches = order.stages.iter().map(|stage| stage.branches.len()).sum();
        Self { stages: order.stages, branches, ..self }
    }

    /// The same, for an order whose whole ring time is limited.
    pub(super) fn limited(self) -> Self {
        Self { ring_s_max: Some(ORDER_RING_S_MAX), ..self }
    }

    /// Whoever answers has to press this digit, from now on.
    pub(super) fn confirmed_by(&mut self, digit: Option<u8>) {
        self.confirm = digit;
    }

    /// Whether whoever answers can be asked for his key, if he has to press one.
    fn can_confirm(&self) -> bool {
        self.confirm.is_none() || self.list.confirms
    }

    /// Whether what is put in now can be left out once it is known how what rang before has failed.
    fn can_wait(&self) -> bool {
        self.after.is_none() || !self.list.by_switch
    }

    /// What a FreeSWITCH can dial of some branches, if it is one that dials them.
    fn dialled(
        &self,
        target: &Target,
        found: Result<Vec<Branch>, DeviceSkip>,
    ) -> Result<Vec<Branch>, DeviceSkip> {
        let List { by_switch, .. } = *self.list;
        if !by_switch && self.confirm.is_none() {
            return found;
        }
        let mut branches = found?;
        branches.retain(|branch| {
            let address = branch.uri.split_once(':').map_or("", |(_, address)| address);
            // Where an address of record is, the switch knows by its user.
            let registers = by_switch && matches!(target, Target::Aor(_));
            SipUri::is_dialled(address) && (!registers || address.contains('@'))
        });
        if branches.is_empty() { Err(DeviceSkip::NotDialled) } else { Ok(branches) }
    }

    fn confirm_line(&self) -> Option<String> {
        self.confirm.map(|digit| format!("{}: {}\r\n", Branch::CONFIRM, char::from(digit)))
    }

    /// What is put in from now on rings only as what is there has failed; `None`: in any case.
    pub(super) fn only(&mut self, after: Option<After>) {
        self.after = after;
    }

    /// When what is put in now rings; `None`: in any case.
    pub(super) fn after(&self) -> Option<&After> {
        self.after.as_ref()
    }

    /// The forwards that are there and ring in any case.
    pub(super) fn tried(&self) -> Vec<Tried> {
        let last = self.stages.len().saturating_sub(1);
        let sure = self.stages.iter().enumerate().filter(|(_, stage)| stage.after.is_none());
        let forwards = sure.filter_map(|(place, stage)| {
            let branch = stage.branches.first()?;
            branch.header("Diversion")?;
            // One that goes through a switch says where it leads to.
            let uri = branch.header(Branch::DEVICE).unwrap_or(&branch.uri);
            let uri = SipUri::parse(uri).ok()?.as_str().to_owned();
            Some(Tried { uri, last: place == last })
        });
        forwards.collect()
    }

    /// Whether nothing rings so far.
    pub(super) fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// The next device begins a stage.
    pub(super) fn next_stage(&mut self) {
        self.open = false;
    }

    /// The number of the stage that is being made, from 1.
    pub(super) fn stage_number(&self) -> u8 {
        let number = self.stages.len() + usize::from(!self.open);
        u8::try_from(number).unwrap_or(u8::MAX)
    }

    /// Notes something beside the devices.
    pub(super) fn note(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Whether the order takes something more; says so once when it does not.
    pub(super) fn has_room(&mut self) -> bool {
        if !self.full && self.branches >= self.list.limits.branches_max {
            self.full = true;
            self.note(Step::OrderFull { branches_max: self.list.limits.branches_max });
        }
        !self.full
    }

    /// Adds a device, which rings so long. It joins after so many seconds. `stage` is what is said
    /// of it; `barred` is why the stage does not want it. Says whether it rings.
    pub(super) fn device(
        &mut self,
        device: &Device,
        (stage, after_s): (u8, u16),
        ring_s: u16,
        barred: Option<DeviceSkip>,
    ) -> bool {
        if !self.has_room() {
            return false;
        }
        let found = match self.room() {
            _ if (self.leads_back)(&device.target) => Err(DeviceSkip::Loop),
            0 => Err(DeviceSkip::StageFull),
            _ if !device.enabled => Err(DeviceSkip::Disabled),
            _ if device.dnd => Err(DeviceSkip::Dnd),
            _ if !self.can_confirm() => Err(DeviceSkip::NoSwitch),
            _ if !self.can_wait() => Err(DeviceSkip::NoWaiting),
            _ => match barred {
                Some(barred) => Err(barred),
                None => {
                    let confirm = self.confirm_line();
                    let confirm = confirm.as_deref();
                    let found = branches_of(&device.name, &device.target, self.list, confirm);
                    let found = wake::with_wake(found, device, self.list, confirm);
                    self.dialled(&device.target, found)
                }
            },
        };
        let step = |skip| Step::Device { device: device.name.clone(), stage, after_s, skip };
        match found {
            Ok(mut branches) => {
                branches.iter_mut().for_each(|branch| branch.after_s = after_s);
                let asked = branches.iter().any(|branch| branch.wake.is_some());
                let rings = self.add(branches, ring_s, step(None));
                if device.push && (rings || !asked) {
                    self.note(Step::Wake { device: device.name.clone(), asked });
                }
                rings
            }
            Err(skip) => {
                self.note(step(Some(skip)));
                if device.push && skip == DeviceSkip::NotRegistered {
                    self.note(Step::Wake { device: device.name.clone(), asked: false });
                }
                false
            }
        }
    }

    /// Adds a place to which the call is forwarded, with header lines of its own.
    pub(super) fn forward(&mut self, name: &DeviceName, to: &Target, ring_s: u16, header: &str) {
        self.next_stage();
        if !self.has_room() {
            return;
        }
        let stage = self.stage_number();
        let shown = to.shown();
        let found = match (self.leads_back)(to) {
            true => Err(DeviceSkip::Loop),
            false if !self.can_confirm() => Err(DeviceSkip::NoSwitch),
            false if !self.can_wait() => Err(DeviceSkip::NoWaiting),
            false => {
                let confirm = self.confirm_line().unwrap_or_default();
                let header = [header, &confirm].concat();
                self.dialled(to, branches_of(name, to, self.list, Some(&header)))
            }
        };
        let step = |skip| Step::Forward { to: shown, stage, skip };
        match found {
            Ok(branches) => {
                self.add(branches, ring_s, step(None));
            }
            Err(skip) => self.note(step(Some(skip))),
        }
        self.next_stage();
    }

    /// What has come of it.
    pub(super) fn done(mut self) -> ForkOrder {
        for place in 0..self.stages.len() {
            self.begin_at_once(place);
        }
        ForkOrder { stages: self.stages }
    }

    /// A stage whose first devices were all left out begins with those that come next: the caller
    /// must not wait for nobody.
    fn begin_at_once(&mut self, place: usize) {
        let Some(stage) = self.stages.get_mut(place) else { return };
        let first_s = stage.branches.iter().map(|branch| branch.after_s).min().unwrap_or_default();
        if first_s == 0 {
            return;
        }
        stage.branches.iter_mut().for_each(|branch| branch.after_s -= first_s);
        for step in self.steps.iter_mut() {
            if let Step::Device { stage, after_s, skip: None, .. } = step
                && usize::from(*stage) == place + 1
            {
                *after_s = after_s.saturating_sub(first_s);
            }
        }
    }

    /// How many branches the stage that is being made may still take.
    fn room(&self) -> usize {
        let taken =
            if self.open { self.stages.last().map_or(0, |last| last.branches.len()) } else { 0 };
        let limits = self.list.limits;
        let room = limits.stage_branches_max.saturating_sub(taken);
        room.min(limits.branches_max.saturating_sub(self.branches))
    }

    /// How long all stages may ring, in seconds, with these branches more that ring so long.
    fn ring_s_with(&self, ring_s: u16, found: &[Branch]) -> u32 {
        let last = self.stages.last().filter(|_| self.open);
        let before_s: u32 = self.stages.iter().map(Stage::longest_s).sum();
        let longest_s = match last {
            Some(last) => longest_s(ring_s.max(last.ring_s), last.branches.iter().chain(found)),
            None => longest_s(ring_s, found),
        };
        before_s - last.map_or(0, Stage::longest_s) + longest_s
    }

    fn add(&mut self, mut found: Vec<Branch>, ring_s: u16, step: Step) -> bool {
        if let Some(ring_s_max) = self.ring_s_max
            && self.ring_s_with(ring_s, &found) > u32::from(ring_s_max)
        {
            self.full = true;
            self.note(Step::OrderLong { ring_s_max });
            return false;
        }
        self.note(step);
        found.truncate(self.room());
        self.branches += found.len();
        match self.stages.last_mut().filter(|_| self.open) {
            Some(stage) => {
                stage.ring_s = stage.ring_s.max(ring_s);
                stage.branches.append(&mut found);
            }
            None => {
                let after = self.after.clone();
                self.stages.push(Stage { ring_s, branches: found, mailbox: false, after });
            }
        }
        self.open = true;
        true
    }
}

/// Whether a device can be reached, as far as somebody looked.
pub(super) fn is_reachable(device: &Device, list: &List<'_>) -> bool {
    if device.push && list.wait_s.is_some() {
        return true;
    }
    match &device.target {
        Target::Uri(_) => true,
        Target::Number(_) => list.gateway.is_some(),
        // Nobody could say where it is: better to try than to leave somebody unreached.
        Target::Aor(aor) => list.registrations.get(aor).is_none_or(|found| !found.is_empty()),
    }
}

pub(super) fn branches_of(
    name: &DeviceName,
    target: &Target,
    list: &List<'_>,
    header: Option<&str>,
) -> Result<Vec<Branch>, DeviceSkip> {
    let headers = match header {
        Some(header) => Some(Arc::from([&**list.headers, header].concat())),
        None => (!list.headers.is_empty()).then(|| Arc::clone(list.headers)),
    };
    let branch = |uri: Arc<str>| Branch {
        device: name.clone(),
        after_s: 0,
        uri,
        dst_uri: None,
        path: None,
        headers: headers.clone(),
        wake: None,
    };
    match target {
        Target::Uri(uri) => Ok(vec![branch(uri.shared())]),
        Target::Number(number) => {
            let gateway = list.gateway.ok_or(DeviceSkip::NoGateway)?;
            Ok(vec![branch(at_gateway(*number, gateway))])
        }
        Target::Aor(aor) => match list.registrations.get(aor).map(Vec::as_slice) {
            None => Ok(vec![branch(aor.shared())]),
            Some([]) => Err(DeviceSkip::NotRegistered),
            Some(contacts) => Ok(contacts
                .iter()
                .map(|contact| Branch {
                    dst_uri: contact.received.as_ref().map(SipUri::shared),
                    path: contact.path.clone(),
                    ..branch(contact.uri.shared())
                })
                .collect()),
        },
    }
}

fn at_gateway(number: Number, gateway: &str) -> Arc<str> {
    let mut uri = String::with_capacity(32 + gateway.len());
    uri.push_str("sip:");
    uri.push_str(&number.text());
    uri.push('@');
    uri.push_str(gateway);
    uri.into()
}
