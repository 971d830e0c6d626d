//! What devices change themselves: how it changes who rings.

use crate::domain::{
    AccountKey, Care, CareSkip, ForkOrder, Forward, Method, RouteQuery, SelfCare, Spelled, Step,
    Target,
};
use crate::routing::{Diverted, Forwarded, List, forward_behind, ring_here};

use super::Desk;
use super::rules::Asked;

impl Desk {
    /// What the called account's people have set, where it has a say: in calls, unless the rules
    /// say that it has none.
    fn care_of(&self, asked: &Asked<'_>) -> Option<&Care> {
        if asked.query.method == Method::Message {
            return None;
        }
        let care = self.registry.care(asked.callee)?;
        let rules = self.registry.rules(asked.callee);
        rules.is_none_or(|rules| !rules.no_self_care).then_some(care)
    }

    /// The order that stands before rules and list: all calls are forwarded, or one device rings
    /// alone. `None`: there is none, or nobody could ring by it, and all is as else.
    pub(super) fn order_by_hand(
        &self,
        asked: &Asked<'_>,
        list: &List<'_>,
        steps: &mut Vec<Step>,
    ) -> Option<ForkOrder> {
        let care = self.care_of(asked)?;
        let nobody = ForkOrder::default();
        let order = self.forwarded(asked, list, (care, &[Forward::All]), nobody, steps);
        if !order.stages.is_empty() {
            return Some(order);
        }
        let here = care.here.as_ref()?;
        let device = list.devices.iter().find(|device| device.name == *here)?;
        let skip = (care.may != SelfCare::All).then_some(CareSkip::NotAllowed);
        steps.push(Step::SelfCare { forward: None, to: here.as_str().into(), skip });
        if skip.is_some() {
            return None;
        }
        let leads_back =
            |target: &Target| self.leads_back(target, asked.callee, &asked.query.trail);
        let order = ring_here(list, device, leads_back, steps);
        (!order.stages.is_empty()).then_some(order)
    }

    /// An order, and behind it the forwards for calls that it fails.
    pub(super) fn forwards_behind(
        &self,
        asked: &Asked<'_>,
        list: &List<'_>,
        order: ForkOrder,
        steps: &mut Vec<Step>,
    ) -> ForkOrder {
        let Some(care) = self.care_of(asked) else { return order };
        // Where nothing rings, nobody can be busy.
        let which: &[Forward] = match order.stages.is_empty() {
            true => &[Forward::Unreachable],
            false => &[Forward::Busy, Forward::NoAnswer, Forward::Unreachable],
        };
        self.forwarded(asked, list, (care, which), order, steps)
    }

    fn forwarded(
        &self,
        asked: &Asked<'_>,
        list: &List<'_>,
        (care, which): (&Care, &[Forward]),
        order: ForkOrder,
        steps: &mut Vec<Step>,
    ) -> ForkOrder {
        let mut forwards = Vec::new();
        for forward in which {
            let Some(to) = care.forwards.get(forward) else { continue };
            let waits = forward.after().is_some() && !order.stages.is_empty();
            let skip = if !self.may_forward(care, to) {
                Some(CareSkip::NotAllowed)
            } else if waits && asked.query.switch.is_some() {
                Some(CareSkip::NoProxy)
            } else if self.is_caller(asked.query, to) {
                Some(CareSkip::OwnCall)
            } else {
                None
            };
            steps.push(Step::SelfCare { forward: Some(*forward), to: to.shown(), skip });
            if skip.is_none() {
                forwards.push(Diverted { forward: *forward, to });
            }
        }
        if forwards.is_empty() {
            return order;
        }
        let dialled = self.callee(Spelled::read(&asked.query.ruri)).0;
        let leads_back =
            |target: &Target| self.leads_back(target, asked.callee, &asked.query.trail);
        let from = Forwarded { dialled: dialled.as_ref(), history: &asked.query.history };
        forward_behind(list, order, &forwards, from, leads_back, steps)
    }

    /// Whether an account's people may forward there, at this moment.
    #[must_use]
    pub fn may_forward(&self, care: &Care, to: &Target) -> bool {
        care.may == SelfCare::All
            && care.places.allow(to, &self.settings.numbering)
            && !self.is_emergency(to)
    }

    /// Why calls of an account could not be forwarded there, and what to do about it.
    #[must_use]
    pub fn forward_mistake(
        &self,
        account: AccountKey,
        care: &Care,
        to: &Target,
    ) -> Option<(String, &'static str)> {
        let shown = to.shown();
        let (what, hint) = if care.may != SelfCare::All {
            (
                "the account does not let its devices forward calls".to_owned(),
                "`care set NAME --may all` allows it",
            )
        } else if self.leads_back(to, account, &[]) {
            (format!("{shown} leads to the account itself"), "name another place")
        } else if self.is_emergency(to) {
            (format!("{shown} is an emergency number"), "name another place")
        } else if !self.may_forward(care, to) {
            (
                format!("the account does not let its devices forward calls to {shown}"),
                "`care set NAME --place +49` (or @HOST, or \"*\") allows it",
            )
        } else {
            return None;
        };
        Some((what, hint))
    }

    /// Nobody forwards his calls to an emergency number.
    fn is_emergency(&self, to: &Target) -> bool {
        match to {
            Target::Number(number) => {
                let digits = number.text();
                let digits = digits.trim_start_matches('+');
                self.settings.emergency_numbers.iter().any(|known| known == digits)
            }
            Target::Uri(uri) | Target::Aor(uri) => {
                self.emergency(Spelled::read(uri.as_str())).is_some()
            }
        }
    }

    /// Whether it is where the call comes from: whoever has forwarded his calls to his mobile can
    /// still call home from there.
    fn is_caller(&self, query: &RouteQuery, to: &Target) -> bool {
        let from = Spelled::read(&query.from_uri);
        match to {
            Target::Number(number) => from.number(&self.settings.numbering) == Some(*number),
            Target::Uri(uri) | Target::Aor(uri) => {
                let address = from.address();
                address.is_some() && address == Spelled::read(uri.as_str()).address()
            }
        }
    }
}
