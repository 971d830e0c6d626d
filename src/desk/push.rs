//! Who is asked to wake, and told when that is not needed any more.
//!
//! A push is asked for when the proxy says that the stage of the device has begun: earlier it
//! would wake (and, on some telephones, show) what may never be called.

use std::sync::Arc;

use crate::domain::{
    Branch, CallEvent, Decision, DeviceName, EndCause, Method, Now, Outcome, Push, PushContact,
    PushId, PushOver, RouteQuery, Wake,
};
use crate::sessions::Slot;

use super::{Desk, Leg, Output};

/// How often one device is asked to wake for one call.
const PUSHES_MAX: u8 = 8;

/// What is kept of a question for the pushes of its answer.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    display: Arc<str>,
    video: bool,
    contacts: Vec<(DeviceName, PushContact)>,
}

impl Asker {
    /// `None` unless somebody is to be woken.
    pub(super) fn of(query: &RouteQuery, decision: &Decision) -> Option<Box<Self>> {
        let contacts = wakes(decision).filter_map(|(_, branch, wake)| {
            let aors = query.registrations.iter();
            let mut found = aors.filter(|(aor, _)| aor.as_str() == &*wake.aor);
            let contacts = found.next().map(|(_, contacts)| contacts.as_slice());
            let mut contacts = contacts.unwrap_or_default().iter();
            let said = contacts.find_map(|contact| PushContact::in_uri(contact.uri.as_str()))?;
            Some((branch.device.clone(), said))
        });
        let contacts = contacts.collect();
        let any = wakes(decision).next().is_some();
        any.then(|| {
            let display = Arc::clone(&query.from_display);
            Box::new(Self { display, video: query.video, contacts })
        })
    }
}

fn wakes(decision: &Decision) -> impl Iterator<Item = (u16, &Branch, &Wake)> {
    let stages = match &decision.outcome {
        Outcome::Fork(order) => order.stages.as_slice(),
        Outcome::Pass { .. } | Outcome::Refuse(_) => &[],
    };
    let branches =
        stages.iter().flat_map(|stage| stage.branches.iter().map(|branch| (stage.ring_s, branch)));
    branches.filter_map(|(ring_s, branch)| Some((ring_s, branch, branch.wake.as_deref()?)))
}

impl Desk {
    /// For how long a call is held for a device that is asked to wake; `None` where none is asked:
    /// nobody could send the push, or tell when it is needed.
    pub(super) fn wait_s(&self, query: &RouteQuery) -> Option<u16> {
        let by_proxy = query.method == Method::Invite && query.switch.is_none();
        self.settings.push_wait_s.filter(|_| by_proxy)
    }

    /// For how long calls are held for those who are asked to wake, as at the start.
    #[must_use]
    pub fn push_wait_s(&self) -> Option<u16> {
        self.settings.push_wait_s
    }

    /// A device of a call is needed.
    pub(super) fn wake_device(&mut self, slot: Slot, event: &CallEvent, now: Now) {
        let push = event.device.as_ref().and_then(|device| self.push(slot, device, now));
        if let Some(push) = push {
            self.pushes.entry(slot).or_default().push(push.id.clone());
            self.outputs.push_back(Output::Push(Box::new(push)));
        }
    }

    fn push(&self, slot: Slot, device: &DeviceName, now: Now) -> Option<Push> {
        let session = self.table.get(slot)?;
        let legs = self.pending.get(&slot)?;
        let of_leg = |leg: &'_ Leg| {
            let mut all = wakes(&leg.answer).filter(|(_, branch, _)| branch.device == *device);
            all.next().map(|(ring_s, branch, wake)| (ring_s, branch.after_s, wake.clone()))
        };
        let (leg, (ring_s, after_s, wake)) =
            legs.iter().find_map(|leg| Some((leg, of_leg(leg)?)))?;
        let asker = leg.asker.as_deref()?;
        let asked = self.pushes.get(&slot).map_or(&[][..], Vec::as_slice);
        let before = asked.iter().filter(|id| id.device == *device).count();
        let number = u8::try_from(before + 1).ok().filter(|number| *number <= PUSHES_MAX)?;
        let said = asker.contacts.iter().find(|(known, _)| known == device);
        let account = self.registry.account(leg.callee?)?;
        Some(Push {
            id: PushId { call: session.call, device: device.clone(), number },
            call_id: session.call_id().into(),
            account: account.name.clone(),
            aor: wake.aor,
            caller: self.shown(&leg.answer.from_uri).to_owned().into(),
            display: Arc::clone(&asker.display),
            video: asker.video,
            needed_in_s: after_s,
            ring_s,
            contact: said.map(|(_, contact)| contact.clone()),
            at_ms: now.wall_ms,
        })
    }

    /// A call was answered, by `device` if that is known: nobody else needs to wake.
    pub(super) fn pushes_answered(&mut self, slot: Slot, device: Option<&DeviceName>) {
        for id in self.pushes.remove(&slot).unwrap_or_default() {
            let by_itself = device == Some(&id.device);
            let over = (!by_itself).then_some(PushOver::AnsweredElsewhere);
            self.outputs.push_back(Output::PushOver { id, over });
        }
    }

    /// A call is over.
    pub(super) fn pushes_over(&mut self, slot: Slot, cause: EndCause, code: Option<u16>) {
        let gave_up = cause == EndCause::Failed && code == Some(487);
        let over = if gave_up { PushOver::CallerGaveUp } else { PushOver::Over };
        for id in self.pushes.remove(&slot).unwrap_or_default() {
            self.outputs.push_back(Output::PushOver { id, over: Some(over) });
        }
    }
}

/// Whether somebody is asked to wake, for the explanation.
pub(super) fn explained(device: &DeviceName, asked: bool) -> String {
    if asked {
        return format!(
            "device {device}: its app is asked to wake, and rings when it has registered"
        );
    }
    format!(
        "device {device}: its app is not asked to wake, that needs push.webhook and a call through \
         a proxy"
    )
}
