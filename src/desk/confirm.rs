//! Devices that whoever answers has to take the call at by a key, so that a mobile's own voicemail
//! does not: a switch calls them and asks.

use crate::domain::{
    AccountKey, Branch, ForkOrder, LegFacts, LegId, Outcome, RouteQuery, SipUri, SwitchCommand,
    SwitchId,
};

use super::{Desk, Output};

/// What a leg is dialled as that leads to such a device, before account, stage and branch.
pub(super) const CONFIRM: &str = "confirm-";

impl Desk {
    /// Whether there is a switch that could ask for a key.
    #[must_use]
    pub fn can_confirm(&self) -> bool {
        !self.settings.switches.is_empty()
    }

    /// Whether there is a switch that asks who rings.
    #[must_use]
    pub fn plans_for_switches(&self) -> bool {
        self.settings.switches.iter().any(|place| place.routes)
    }

    /// Leads the branches that are to be confirmed through a switch, unless a switch asks and will
    /// do it itself.
    pub(super) fn confirm_through_switch(
        &self,
        query: &RouteQuery,
        callee: AccountKey,
        order: &mut ForkOrder,
    ) {
        let Some(sip) = self.switch_place().map(|place| &place.sip) else { return };
        if query.switch.is_some() {
            return;
        }
        for (number, stage) in order.stages.iter_mut().enumerate() {
            for (place, branch) in stage.branches.iter_mut().enumerate() {
                if branch.confirm().is_some() {
                    let user = format!("{CONFIRM}{:x}-{number}-{place}", callee.0);
                    through(branch, &format!("sip:{user}@{sip}"), query);
                }
            }
        }
    }

    /// A leg waits that leads to such a device.
    pub(super) fn confirm(&mut self, switch: SwitchId, leg: &LegId, facts: &LegFacts) {
        let Some(command) = self.confirmation(leg, facts) else {
            // It was answered elsewhere meanwhile, or somebody dials what he should not know: its
            // guard ends it.
            self.figures.strange_legs += 1;
            return;
        };
        self.outputs.push_back(Output::Switch(switch, command));
    }

    fn confirmation(&self, leg: &LegId, facts: &LegFacts) -> Option<SwitchCommand> {
        let slot = self.table.find(&facts.call_id)?;
        let user = format!("sip:{}@", facts.dialled);
        let legs = self.pending.get(&slot)?.iter();
        let orders = legs.filter_map(|leg| match &leg.answer.outcome {
            Outcome::Fork(order) => Some(order),
            Outcome::Pass { .. } | Outcome::Refuse(_) => None,
        });
        let mut all = orders
            .flat_map(|order| &order.stages)
            .flat_map(|stage| stage.branches.iter().map(|branch| (stage.ring_s, branch)));
        let (ring_s, branch) = all.find(|(_, branch)| branch.uri.starts_with(&user))?;
        let messages = &self.settings.messages;
        Some(SwitchCommand::Confirm {
            leg: leg.clone(),
            uri: SipUri::parse(branch.header(Branch::DEVICE)?).ok()?,
            via: branch.header(Branch::WAY).and_then(|_| facts.via.clone()),
            key: branch.confirm()?,
            prompts: format!("{}/{}", messages.prompts, messages.language).into(),
            ring_s,
        })
    }
}

/// Leads a branch to a switch, and notes where the device is. One that has registered at the proxy
/// is reached through the proxy.
fn through(branch: &mut Branch, uri: &str, query: &RouteQuery) {
    let registered = branch.wake.is_some()
        || query
            .registrations
            .values()
            .flatten()
            .any(|contact| contact.uri.as_str() == &*branch.uri);
    let mut headers = branch.headers.as_deref().unwrap_or_default().to_owned();
    headers.push_str(&format!("{}: {}\r\n", Branch::DEVICE, branch.uri));
    if registered {
        headers.push_str(&format!("{}: proxy\r\n", Branch::WAY));
    }
    branch.headers = Some(headers.into());
    (branch.uri, branch.dst_uri, branch.path) = (uri.into(), None, None);
}
