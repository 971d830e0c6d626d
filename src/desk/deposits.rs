//! Where calls meet messages: the mailbox at the end of an order, legs that come to it, and calls
//! back to somebody who leaves a message just now.

use std::sync::Arc;

use crate::domain::{
    AccountKey, Branch, CallEvent, CallState, CallbackPolicy, CallbackScope, Caller, Cause,
    DepositCard, DeviceName, EventKind, ForkOrder, LegEvent, LegFacts, LegId, MessageId, Method,
    Now, Outcome, RouteQuery, Seats, Spelled, Stage, Step, SwitchEvent, SwitchId, Target, Wish,
};
use crate::messages::{self, Arrival, Managed};
use crate::sessions::{Session, Slot};

use super::confirm::CONFIRM;
use super::consider::Considered;
use super::greeting::{Coming, greets};
use super::settings::SwitchPlace;
use super::{Desk, Output};

/// How long the switch may take to take a call, in seconds: it answers at once, or plays its
/// fall-back after 5 s.
const MAILBOX_RING_S: u16 = 30;
/// How many call-backs may stand between their announcement and their question.
const CALL_BACKS_MAX: usize = 10_000;
/// What a leg of a call-back is dialled as, before the number of the deposit.
const CALL_BACK: &str = "callback-";

/// A call that will meet a deposit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meeting {
    message: MessageId,
    policy: CallbackPolicy,
}

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

    /// Whether a call meets a deposit; what has to be done about that is begun.
    pub(super) fn call_back(&mut self, query: &RouteQuery, now: Now) {
        let found = self.find_meeting(query);
        let Some(meeting) = found else {
            self.outputs.push_back(Output::CallBack { message: None, managed: Managed::Nothing });
            return;
        };
        let managed = self.deposits.call_back(meeting.message, meeting.policy, now);
        if managed != Managed::Nothing {
            self.figures.call_backs += 1;
            if self.meetings.len() >= CALL_BACKS_MAX {
                self.meetings.clear();
            }
            self.meetings.insert(Arc::clone(&query.call_id), meeting);
        }
        self.drain_deposits();
        self.outputs.push_back(Output::CallBack { message: Some(meeting.message), managed });
    }

    fn find_meeting(&self, query: &RouteQuery) -> Option<Meeting> {
        let new = query.method == Method::Invite && self.table.find(&query.call_id).is_none();
        if self.deposits.is_empty() || !new || self.emergency(Spelled::read(&query.ruri)).is_some()
        {
            return None;
        }
        let (identifier, callee) = self.callee(Spelled::read(&query.ruri));
        let shown = identifier.map(|known| known.to_string()).unwrap_or_default();
        let found = self.deposits.of_caller(callee, &shown);
        let mut meets = found.into_iter().filter(|(_, owner, mailbox)| {
            mailbox.callback != CallbackPolicy::Ignore
                && (mailbox.callback_scope == CallbackScope::Anyone
                    || self.calls_for(query, *owner))
        });
        meets.next().map(|(message, _, mailbox)| Meeting { message, policy: mailbox.callback })
    }

    /// Whether a call comes from an account, or from one of its devices, authenticated or not: who
    /// lies about it is offered to somebody who may decline.
    fn calls_for(&self, query: &RouteQuery, owner: AccountKey) -> bool {
        if let Some(account) = &query.account {
            return self.registry.find(account.as_str()) == Some(owner);
        }
        let (identifier, account) = self.callee(Spelled::read(&query.from_uri));
        let number = self.settings.numbering.number_in(&query.from_uri);
        account == Some(owner)
            || self.registry.devices(owner).iter().any(|device| match &device.target {
                Target::Number(known) => number == Some(*known),
                Target::Uri(uri) | Target::Aor(uri) => {
                    let (user, host) = uri.user_and_host();
                    let address = format!("{user}@{host}").to_ascii_lowercase();
                    identifier.as_ref().is_some_and(|from| from.to_string() == address)
                }
            })
    }

    /// Leads a call that meets a deposit to it, and gives it the deposit's seats: the permit of
    /// the deposit serves the call back.
    pub(super) fn meet(&mut self, query: &RouteQuery, considered: &mut Considered) {
        let Some(meeting) = self.meetings.remove(&query.call_id) else { return };
        if considered.emergency || matches!(considered.decision.outcome, Outcome::Refuse(_)) {
            return;
        }
        let held = self.held_by(meeting.message);
        let Meeting { message, policy } = meeting;
        considered.decision.steps.push(Step::CallBack { message, policy });
        if policy != CallbackPolicy::Pause {
            // The deposit is ending; its seats are the call's from now on.
            if let Some((slot, seats)) = held {
                let left = seats.without(&considered.seats);
                self.give_back_seats(&seats.without(&left));
                self.table.set_seats(slot, left);
            }
            return;
        }
        // The deposit keeps its seats as long as it is up, and the call has none at them.
        if let Some((_, seats)) = held {
            considered.seats = considered.seats.without(&seats);
        }
        let place = self.settings.switches.iter();
        let switch = self.deposits.card(message).map(|card| Arc::clone(&card.switch));
        let place = place.clone().find(|place| Some(&place.name) == switch.as_ref());
        let Some(sip) = place.map(|place| Arc::clone(&place.sip)) else { return };
        let ring_s = self.settings.messages.ring_s.saturating_add(5);
        let first = stage("callback", format!("sip:{CALL_BACK}{message}@{sip}"), ring_s, None);
        let callee = considered.callee;
        let mut stages: Vec<Stage> = first.into_iter().collect();
        let steps = &mut considered.decision.steps;
        stages.extend(self.mailbox_stage(callee, &Coming::default(), steps));
        considered.ring_ms = stages.iter().map(|stage| u64::from(stage.ring_s) * 1000).sum();
        considered.decision.outcome = Outcome::Fork(Arc::new(ForkOrder { stages }));
    }

    /// The seats that the call of a deposit holds, to be left out when a call back asks for room.
    pub(super) fn meeting_seats(&self, query: &RouteQuery) -> Option<Seats> {
        let meeting = self.meetings.get(&query.call_id)?;
        self.held_by(meeting.message).map(|(_, seats)| seats)
    }

    fn held_by(&self, message: MessageId) -> Option<(Slot, Seats)> {
        let call_id = &self.deposits.card(message)?.call_id;
        let slot = self.table.find(call_id)?;
        self.table.get(slot).map(|session| (slot, session.seats.clone()))
    }

    /// Takes in what a switch tells.
    pub(super) fn switch(&mut self, switch: SwitchId, event: &SwitchEvent, now: Now) {
        match event {
            SwitchEvent::CallsAsked { restarted } => self.calls_asked(switch, *restarted),
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
fn stage(name: &str, uri: String, ring_s: u16, headers: Option<Arc<str>>) -> Option<Stage> {
    let device = DeviceName::parse(name).ok()?;
    let (uri, dst_uri, path, wake) = (uri.into(), None, None, None);
    let branch = Branch { device, after_s: 0, uri, dst_uri, path, headers, wake };
    let mailbox = name == "mailbox";
    Some(Stage { ring_s, branches: vec![branch], mailbox, after: None })
}
