//! Switches that calls come to without a proxy: they ask, and their channels are the calls.

use crate::domain::{
    CallEvent, CallState, EventKind, LegEvent, LegId, Now, ProxyId, SeenDialog, SwitchId,
};

use crate::sessions::SessionRow;

use super::Desk;

impl Desk {
    /// As what a switch is asked for its calls, if it asks us who rings.
    pub(super) fn proxy_of(&self, switch: SwitchId) -> Option<ProxyId> {
        let places = &self.settings.switches;
        places.iter().find(|place| place.id == switch)?.as_proxy()
    }

    /// The switch whose channel a call is, if it came to one without a proxy.
    #[must_use]
    pub fn switch_of(&self, call: &SessionRow) -> Option<SwitchId> {
        let place = self.settings.switches.iter().find(|place| place.as_proxy() == call.proxy);
        place.filter(|_| call.proxy.is_some()).map(|place| place.id)
    }

    /// A switch's list was asked for.
    pub(super) fn calls_asked(&mut self, switch: SwitchId, restarted: bool, now: Now) {
        if let Some(proxy) = self.proxy_of(switch) {
            self.look_begin(proxy, restarted, now);
        }
    }

    /// The calls that we have routed there, all of them.
    pub(super) fn calls_seen(&mut self, switch: SwitchId, calls: &[SeenDialog], now: Now) {
        if let Some(proxy) = self.proxy_of(switch) {
            calls.iter().for_each(|call| self.look_seen(proxy, call, now));
            self.look_end(proxy, now);
        }
    }

    /// Nothing is known of its calls until it is back.
    pub(super) fn calls_lost(&mut self, switch: SwitchId) {
        if let Some(proxy) = self.proxy_of(switch) {
            self.looks.fail(proxy);
        }
    }

    /// What happened on a leg that is a call of its own.
    pub(super) fn routed_leg(&mut self, switch: SwitchId, leg: &LegId, event: &LegEvent, now: Now) {
        let Some(slot) = self.table.find(leg.as_str()) else { return };
        let known = self.table.get(slot).filter(|call| call.proxy() == self.proxy_of(switch));
        let Some(known) = known.filter(|call| call.proxy().is_some()) else { return };
        let kind = match (event, known.state()) {
            (LegEvent::Answered, _) => EventKind::Start,
            (LegEvent::HungUp { .. }, CallState::Up) => EventKind::End,
            (LegEvent::HungUp { .. }, CallState::Reserved) => EventKind::Failed,
            (
                LegEvent::Parked(_)
                | LegEvent::Claimed(_)
                | LegEvent::Done { .. }
                | LegEvent::Key(_)
                | LegEvent::RecordStarted { .. }
                | LegEvent::RecordStopped { .. }
                | LegEvent::Bridged { .. }
                | LegEvent::Unbridged
                | LegEvent::Refused { .. }
                | LegEvent::Video(_)
                | LegEvent::Wish(_)
                | LegEvent::TextSent(_),
                _,
            ) => return,
        };
        let dialog = Some(leg.as_dialog());
        self.event(&CallEvent { dialog, ..CallEvent::of(kind, leg.as_str().into()) }, now);
    }
}
