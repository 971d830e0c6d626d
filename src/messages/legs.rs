//! Which deposit a leg belongs to, and what is made of legs that belong to none any more.

use std::collections::BTreeMap;

use crate::domain::{LegEvent, LegId, LegSeen, MessageId, Now, SwitchCommand, SwitchId};

use super::Output;
use super::event::{Event, guest_event, own_event};
use super::table::Deposits;

impl Deposits {
    pub(super) fn list(&mut self, switch: SwitchId, restarted: bool, legs: &[LegSeen], now: Now) {
        let legs: BTreeMap<&LegId, &LegSeen> = legs.iter().map(|seen| (&seen.leg, seen)).collect();
        for message in self.at_switch(switch) {
            let Some(deposit) = self.deposits.get_mut(&message) else { continue };
            deposit.lost |= restarted;
            let seen = deposit.card.leg.as_ref().and_then(|leg| legs.get(leg).copied());
            self.turn(message, &Event::Seen(seen), now);
            self.sweep(message, &legs);
        }
    }

    /// Legs that a deposit had and has no more: what is still there is told to go, what is not is
    /// forgotten.
    fn sweep(&mut self, message: MessageId, there: &BTreeMap<&LegId, &LegSeen>) {
        let Some(deposit) = self.deposits.get_mut(&message) else { return };
        let text = deposit.text_leg();
        let mut kept = Vec::with_capacity(deposit.legs.len());
        for leg in std::mem::take(&mut deposit.legs) {
            let current = deposit.has_leg(&leg) || text.as_ref() == Some(&leg);
            if !current && there.contains_key(&leg) {
                let hang_up = SwitchCommand::HangUp { leg: leg.clone(), cause: "NORMAL_CLEARING" };
                self.out.push_back(Output::Switch(deposit.switch, hang_up));
            }
            if current || there.contains_key(&leg) {
                kept.push(leg);
            } else {
                self.legs.remove(&leg);
            }
        }
        deposit.legs = kept;
    }

    pub(super) fn leg(&mut self, switch: SwitchId, leg: &LegId, event: &LegEvent, now: Now) {
        let Some(message) = self.legs.get(leg).copied() else {
            // A device that we have called, and that answers when its deposit is over: nobody
            // else would ever end that call.
            if matches!(event, LegEvent::Parked(_)) && self.is_late(leg) {
                self.hang_up(switch, leg);
            }
            return;
        };
        let Some(deposit) = self.deposits.get(&message) else { return };
        let is_text = matches!(event, LegEvent::TextSent(_))
            || matches!(event, LegEvent::Refused { command: "send_text" });
        let guest = deposit.guest.as_ref().and_then(|guest| guest.leg.as_ref()) == Some(leg);
        let own = deposit.card.leg.as_ref() == Some(leg);
        let told = if guest {
            guest_event(event)
        } else if own || is_text {
            own_event(event)
        } else {
            match event {
                LegEvent::Parked(_) | LegEvent::Unbridged => self.hang_up(switch, leg),
                LegEvent::HungUp { .. } => self.forget_leg(message, leg),
                _ => {}
            }
            None
        };
        if let Some(told) = told {
            self.turn(message, &told, now);
        }
        // Its guard has fired: hands off.
        if guest && *event == LegEvent::Claimed(false) {
            self.forget_leg(message, leg);
        }
    }

    fn hang_up(&mut self, switch: SwitchId, leg: &LegId) {
        let hang_up = SwitchCommand::HangUp { leg: leg.clone(), cause: "NORMAL_CLEARING" };
        self.out.push_back(Output::Switch(switch, hang_up));
    }

    /// Whether a leg was called for a deposit of this node that is over.
    fn is_late(&self, leg: &LegId) -> bool {
        let name = leg.as_str().strip_prefix("hp-").and_then(|rest| rest.rsplit_once('-'));
        let message = name.and_then(|(message, _)| MessageId::parse(message));
        let (node, boot) = (self.settings.node, self.settings.boot);
        message.is_some_and(|message| message.node() == node && message.boot() <= boot)
    }

    fn forget_leg(&mut self, message: MessageId, leg: &LegId) {
        self.legs.remove(leg);
        if let Some(deposit) = self.deposits.get_mut(&message) {
            deposit.legs.retain(|known| known != leg);
        }
    }
}
