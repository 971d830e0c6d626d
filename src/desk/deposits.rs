//! Where calls meet messages: the mailbox at the end of an order, and legs that come to it.

use std::sync::Arc;

use crate::domain::{
    AccountKey, Branch, CallEvent, CallState, Caller, Cause, DepositCard, DeviceName, EventKind,
    LegEvent, LegFacts, LegId, MessageId, Method, Now, RouteQuery, Stage, Step, SwitchEvent,
    SwitchId, Wish,
};
use crate::messages::{self, Arrival};
use crate::sessions::{Session, Slot};

use super::confirm::CONFIRM;
use super::greeting::{Coming, greets};
use super::meetings::CALL_BACK;
use super::settings::SwitchPlace;
use super::{Desk, Output};

/// How long the switch may take to take a call, in seconds: it answers at once, or plays its
/// fall-back after 5 s.
const MAILBOX_RING_S: u16 = 30;

impl Desk {
    /// The stage that takes a message for an account, if it has a mailbox and a switch is there.
    pub(super) fn mailbox_stage(
        &self,
        callee: Option<AccountKey>,
        coming: &Coming,
        steps: &mut Vec<Step>,
    ) -> Option<Stage> {
        let mailbox = self.registry.mailbox_of(callee?).filter(|mailbox| mailbox.enabled)?;
        let switch = self.switch_place();
        steps.push(Step::Mailbox {
            mailbox: mailbox.name.clone(),
            switch: switch.map(|place| Arc::clone(&place.name)),
            cause: coming.at_once,
            greeting: coming.told(mailbox),
        });
        // RFC 4458; the proxy puts in why the stages before have failed.
        let code = match coming.at_once {
            None => 408,
            Some(Cause::NoDevice) => 404,
            Some(Cause::Rule) => 480,
            Some(_) => 486,
        };
        let uri = format!("sip:{}@{};cause={code}", mailbox.name, switch?.sip);
        let headers = coming.headers(mailbox).map(Arc::from);
        stage("mailbox", uri, MAILBOX_RING_S, headers)
    }

    /// The same, unless the caller wishes no mailbox. No mailbox takes a text.
    pub(super) fn mailbox_wanted(
        &self,
        query: &RouteQuery,
        callee: Option<AccountKey>,
        coming: &Coming,
        steps: &mut Vec<Step>,
    ) -> Option<Stage> {
        if query.method == Method::Message {
            return None;
        }
        let before = steps.len();
        let stage = self.mailbox_stage(callee, coming, steps)?;
        if !query.wishes.has(Wish::NoMailbox as u8) {
            return Some(stage);
        }
        steps.truncate(before);
        steps.push(Step::Wish { wish: Wish::NoMailbox });
        None
    }

    /// The switch for the next message: one that is connected, else the first (its dialplan tells
    /// the caller that nobody is there).
    pub(super) fn switch_place(&self) -> Option<&SwitchPlace> {
        let places = &self.settings.switches;
        let up: Vec<&SwitchPlace> =
            places.iter().filter(|place| self.switches_up.contains(&place.id)).collect();
        let turn = self.counter as usize;
        up.get(turn % up.len().max(1)).copied().or_else(|| places.first())
    }

    /// Takes in what a switch tells.
    pub(super) fn switch(&mut self, switch: SwitchId, event: &SwitchEvent, now: Now) {
        match event {
            SwitchEvent::CallsAsked { restarted } => self.calls_asked(switch, *restarted, now),
            SwitchEvent::Calls(calls) => self.calls_seen(switch, calls, now),
            SwitchEvent::Lost => {
                self.switches_up.remove(&switch);
                self.calls_lost(switch);
            }
            SwitchEvent::Legs { .. } => {
                self.switches_up.insert(switch);
            }
            SwitchEvent::Leg { leg, event: LegEvent::Parked(facts) }
                if !self.deposits.knows(leg) =>
            {
                self.leg_came(switch, leg, facts, now);
            }
            SwitchEvent::Leg { leg, event: LegEvent::HungUp { .. } } => self.leg_gone(leg, now),
            SwitchEvent::Leg { .. } => {}
        }
        if let SwitchEvent::Leg { leg, event } = event {
            self.routed_leg(switch, leg, event, now);
        }
        self.deposits.switch(switch, event, now);
        self.drain_deposits();
    }

    fn leg_came(&mut self, switch: SwitchId, leg: &LegId, facts: &LegFacts, now: Now) {
        if facts.dialled.starts_with(CONFIRM) {
            self.confirm(switch, leg, facts);
            return;
        }
        if let Some(text) = facts.dialled.strip_prefix(CALL_BACK)
            && let Some(message) = MessageId::parse(text)
        {
            self.deposits.guest(switch, leg, message, now);
            return;
        }
        let place = self.settings.switches.iter().find(|place| place.id == switch);
        let mailbox = self.registry.mailbox(&facts.dialled).filter(|(_, known)| known.enabled);
        let (Some(place), Some((account, mailbox))) = (place, mailbox) else {
            // Its guard tells the caller that nobody can take his message.
            self.figures.strange_legs += 1;
            return;
        };
        let (switch_name, mailbox) = (Arc::clone(&place.name), greets(mailbox, facts));
        let slot = self.table.find(&facts.call_id);
        let caller = slot.and_then(|slot| self.table.get(slot)).and_then(|known| known.caller());
        if let Some(slot) = slot {
            self.leave_to_caller(slot, caller);
        }
        let caller = Caller {
            shown: (&*self.shown(&facts.from_uri)).into(),
            uri: Arc::clone(&facts.from_uri),
            display: Arc::clone(&facts.from_display),
            account: caller,
        };
        let call_id = Arc::clone(&facts.call_id);
        let (leg, facts) = (leg.clone(), facts.clone());
        let arrival = Arrival { switch, switch_name, leg, facts, account, mailbox, caller };
        match self.deposits.arrive(arrival, now) {
            Some(message) => self.outputs.push_back(Output::DepositBegan { message, call_id }),
            None => self.figures.strange_legs += 1,
        }
    }

    /// A deposit counts for its caller, not for the called party, who is not talking.
    fn leave_to_caller(&mut self, slot: Slot, caller: Option<AccountKey>) {
        let Some(session) = self.table.get(slot) else { return };
        let held = session.seats.clone();
        let others = held.without(&self.seats_of(caller, None));
        self.give_back_seats(&others);
        self.table.set_seats(slot, held.without(&others));
    }

    /// The leg of a deposit is gone, and with it the call that it was the end of. The proxy tells
    /// the same; without one, nobody else would.
    fn leg_gone(&mut self, leg: &LegId, now: Now) {
        let Some(call_id) = self.deposits.call_of(leg) else { return };
        let up = self.table.find(&call_id).and_then(|slot| self.table.get(slot));
        if up.is_some_and(|session| session.state() == CallState::Up) {
            self.event(&CallEvent::of(EventKind::End, call_id), now);
        }
    }

    /// A call has ended. If its caller is called back with video, the permit of the deposit serves
    /// that call, too (it would else be free in between, and the account above its cap then).
    pub(super) fn keep_or_give_back(&mut self, session: &Session) {
        let message = self.deposits.called_back(session.caller(), session.call_id());
        match message.filter(|message| !self.kept.contains_key(message)) {
            Some(message) => {
                self.kept.insert(message, session.seats.clone());
            }
            None => self.give_back_seats(&session.seats),
        }
    }

    /// Gives back what was kept for calls to devices that are over. The machine ends each of them:
    /// who does not answer is given up after `ring`, and a recording has its limit.
    fn give_back_kept(&mut self) {
        let over = |message: &MessageId| !self.deposits.is_called_back(*message);
        let over: Vec<MessageId> = self.kept.keys().copied().filter(over).collect();
        for message in over {
            if let Some(seats) = self.kept.remove(&message) {
                self.give_back_seats(&seats);
            }
        }
    }

    /// A deposit lies in the spool, at a start.
    pub(super) fn resume(&mut self, card: DepositCard, now: Now) {
        let place = self.settings.switches.iter().find(|place| place.name == card.switch);
        let switch = place.map(|place| place.id);
        self.deposits.resume(card, switch, now);
        self.drain_deposits();
    }

    /// Passes on what the deposits ask for.
    pub(super) fn drain_deposits(&mut self) {
        while let Some(output) = self.deposits.poll() {
            self.outputs.push_back(match output {
                messages::Output::Switch(switch, command) => Output::Switch(switch, command),
                messages::Output::Spool(command) => Output::Spool(command),
                messages::Output::Managed(message) => Output::Managed(message),
                messages::Output::Link { message, part, expires_s } => {
                    Output::Link { message, part, expires_s }
                }
                messages::Output::Over { message, outcome } => {
                    match outcome {
                        Ok(()) => self.figures.messages_left += 1,
                        Err(reason) => *self.figures.missed.entry(reason).or_default() += 1,
                    }
                    Output::DepositOver { message, outcome }
                }
            });
        }
        self.give_back_kept();
    }
}

/// A stage with one branch.
pub(super) fn stage(
    name: &str,
    uri: String,
    ring_s: u16,
    headers: Option<Arc<str>>,
) -> Option<Stage> {
    let device = DeviceName::parse(name).ok()?;
    let (uri, dst_uri, path, wake) = (uri.into(), None, None, None);
    let branch = Branch { device, after_s: 0, uri, dst_uri, path, headers, wake };
    let mailbox = name == "mailbox";
    Some(Stage { ring_s, branches: vec![branch], mailbox, after: None })
}
