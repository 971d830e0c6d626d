//! All deposits: which event belongs to which, and which is due.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::domain::{
    AccountKey, CallbackPolicy, Caller, DepositCard, DepositCause, LegFacts, LegId, Mailbox,
    Medium, MessageId, Now, SpoolCommand, SpoolEvent, SwitchCommand, SwitchEvent, SwitchId,
};

use super::deposit::{Deposit, State, Turn};
use super::event::Event;
use super::settings::{CallBackKind, Steps};
use super::view::{CallerKey, caller_keys};
use super::{Managed, ManagedWhen, Output, Settings, Transition};

/// A leg that has come for a mailbox.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// At which switch.
    pub switch: SwitchId,
    /// The switch's name in the configuration.
    pub switch_name: Arc<str>,
    /// The leg.
    pub leg: LegId,
    /// What is known of it.
    pub facts: LegFacts,
    /// Whose mailbox it is.
    pub account: AccountKey,
    /// The mailbox.
    pub mailbox: Mailbox,
    /// Who calls.
    pub caller: Caller,
}

/// The deposits that are under way.
#[derive(Clone, Debug)]
pub struct Deposits {
    pub(super) settings: Settings,
    pub(super) deposits: BTreeMap<MessageId, Deposit>,
    pub(super) legs: BTreeMap<LegId, MessageId>,
    pub(super) callers: BTreeSet<(CallerKey, MessageId)>,
    pub(super) due: BTreeSet<(u64, MessageId)>,
    counter: u32,
    steps: Steps,
    pub(super) out: VecDeque<Output>,
    /// What was gone through; as many as the picture has at most.
    pub(super) seen: BTreeSet<Transition>,
}

impl Deposits {
    /// None yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            steps: Steps::new(settings.node, settings.boot),
            settings,
            deposits: BTreeMap::new(),
            legs: BTreeMap::new(),
            callers: BTreeSet::new(),
            due: BTreeSet::new(),
            counter: 0,
            out: VecDeque::new(),
            seen: BTreeSet::new(),
        }
    }

    /// Takes other settings; deposits that are under way follow them from their next step on.
    pub fn reload(&mut self, settings: Settings) {
        self.settings = Settings { node: self.settings.node, boot: self.settings.boot, ..settings };
    }

    /// A leg has come for a mailbox. `None`: there are as many deposits as there may be, and the
    /// leg is left to its guard.
    pub fn arrive(&mut self, arrival: Arrival, now: Now) -> Option<MessageId> {
        if self.deposits.len() >= self.settings.deposits_max || self.legs.contains_key(&arrival.leg)
        {
            return None;
        }
        let message = self.next_message();
        let facts = arrival.facts;
        let card = DepositCard {
            message,
            account: arrival.account,
            mailbox: arrival.mailbox,
            caller: arrival.caller,
            call_id: facts.call_id,
            cause: DepositCause::from_wire(facts.cause, facts.our_cause.as_deref()),
            switch: arrival.switch_name,
            leg: Some(arrival.leg),
            began_ms: now.wall_ms,
            urgent: false,
            link_until_s: None,
            beside: None,
            parts: Vec::new(),
        };
        let mut deposit = Deposit::new(card.clone(), arrival.switch);
        deposit.contact = facts.contact;
        deposit.via = facts.via;
        deposit.answered = facts.answered;
        deposit.negotiated = facts.video.negotiated;
        deposit.deadline_ms = Some(now.mono_ms + super::deposit::SWITCH_MS);
        self.out.push_back(Output::Spool(SpoolCommand::Open(Box::new(card))));
        self.take_in(deposit);
        Some(message)
    }

    /// Takes up a deposit that lies in the spool at a start of the daemon. Without a switch, or
    /// without a leg, what was recorded is delivered; otherwise the switch is heard first.
    pub fn resume(&mut self, card: DepositCard, switch: Option<SwitchId>, now: Now) {
        if self.deposits.contains_key(&card.message) {
            return;
        }
        let leg_known = card.leg.is_some() && switch.is_some();
        let until_s = card.link_until_s.filter(|until| *until > now.wall_s());
        let mut deposit = Deposit::new(card, switch.unwrap_or(SwitchId(0)));
        deposit.lost = true;
        deposit.calls = deposit.calls_made();
        match until_s {
            _ if leg_known => deposit.await_return(now.mono_ms),
            Some(_) => deposit.enter_uploading(now),
            None => (deposit.state, deposit.deadline_ms) = (State::Returning, Some(now.mono_ms)),
        }
        self.take_in(deposit);
    }

    /// Whether a leg belongs to a deposit.
    #[must_use]
    pub fn knows(&self, leg: &LegId) -> bool {
        self.legs.contains_key(leg)
    }

    pub(super) fn of_leg(&self, leg: &LegId) -> Option<&Deposit> {
        self.legs.get(leg).and_then(|message| self.deposits.get(message))
    }

    /// The leg of somebody who calls back to a deposit has come.
    pub fn guest(&mut self, switch: SwitchId, leg: &LegId, message: MessageId, now: Now) {
        if self.deposits.get(&message).is_some_and(|deposit| deposit.switch == switch) {
            self.turn(message, &Event::GuestParked(leg), now);
            return;
        }
        let hang_up = SwitchCommand::HangUp { leg: leg.clone(), cause: "USER_BUSY" };
        self.out.push_back(Output::Switch(switch, hang_up));
    }

    /// Takes in what a switch tells. Legs that nobody knows are left alone.
    pub fn switch(&mut self, switch: SwitchId, event: &SwitchEvent, now: Now) {
        match event {
            SwitchEvent::Leg { leg, event } => self.leg(switch, leg, event, now),
            SwitchEvent::Lost => {
                for message in self.at_switch(switch) {
                    self.turn(message, &Event::Lost, now);
                }
            }
            SwitchEvent::Legs { restarted, legs } => self.list(switch, *restarted, legs, now),
            SwitchEvent::CallsAsked { .. } | SwitchEvent::Calls(_) => {}
        }
    }

    pub(super) fn next_message(&mut self) -> MessageId {
        self.counter = self.counter.wrapping_add(1);
        MessageId::new(self.settings.node, self.settings.boot, self.counter)
    }

    /// Takes in what the keeper of the files tells. Says of an uploaded file whether it was
    /// waited for; one that was not is no part of the message.
    pub fn spool(&mut self, event: &SpoolEvent, now: Now) -> bool {
        let (message, event) = match event {
            SpoolEvent::Opened(message) => (*message, Event::Opened),
            SpoolEvent::NoRoom(message, why) => (*message, Event::NoRoom(*why)),
            SpoolEvent::Checked(message, part, facts) => (*message, Event::Checked(*part, *facts)),
            SpoolEvent::Delivered(message) => (*message, Event::Delivered),
            SpoolEvent::NotDelivered(message) => (*message, Event::NotDelivered),
            SpoolEvent::NothingKept(message) => (*message, Event::NothingKept),
            SpoolEvent::UploadBegan(message) => (*message, Event::UploadBegan),
            SpoolEvent::UploadEnded(message) => (*message, Event::UploadEnded),
            SpoolEvent::Uploaded(message, part, facts) => {
                (*message, Event::Uploaded(*part, *facts))
            }
        };
        let awaited = match event {
            Event::Uploaded(part, _) => self.awaits_upload(message, part.number),
            _ => true,
        };
        let beside = self.deposits.get(&message).and_then(|deposit| deposit.card.beside);
        self.turn(message, &event, now);
        if let (Event::NoRoom(_), Some(parent)) = (&event, beside) {
            self.turn(parent, &Event::Refused("link"), now);
        }
        awaited
    }

    /// A link was made; `text` is what the device is sent.
    pub fn link_ready(&mut self, message: MessageId, text: &str, now: Now) {
        let beside = self.deposits.get(&message).and_then(|deposit| deposit.card.beside);
        let message = beside.unwrap_or(message);
        self.turn(message, &Event::LinkReady(text), now);
    }

    /// The caller, or somebody for him, wishes the other medium. Says whether there is such a
    /// deposit.
    pub fn wish(&mut self, message: MessageId, medium: Medium, now: Now) -> bool {
        let known = self.deposits.contains_key(&message);
        self.turn(message, &Event::Wish(medium), now);
        known
    }

    /// An operator ends a deposit; what was said is kept. Says whether there is such a deposit.
    pub fn end(&mut self, message: MessageId, now: Now) -> bool {
        let known = self.deposits.contains_key(&message);
        self.turn(message, &Event::End, now);
        known
    }

    /// Somebody calls the depositing caller: the recording is managed first. `when`: what he waits
    /// for, if it is ended.
    pub fn call_back(
        &mut self,
        message: MessageId,
        policy: CallbackPolicy,
        when: ManagedWhen,
        now: Now,
    ) -> Managed {
        let up = self.deposits.get_mut(&message).filter(|deposit| deposit.is_deposit_up());
        let (Some(kind), Some(deposit)) = (CallBackKind::of(policy), up) else {
            return Managed::Nothing;
        };
        deposit.gone_wanted |= when == ManagedWhen::Gone && kind != CallBackKind::Pause;
        self.turn(message, &Event::CallBack(kind), now);
        let waits = |deposit: &Deposit| deposit.managed_wanted || deposit.gone_wanted;
        let waits = self.deposits.get(&message).is_some_and(waits);
        if waits { Managed::Soon } else { Managed::Now }
    }

    /// Those that are due.
    pub fn wake(&mut self, now: Now) {
        while let Some((at_ms, message)) = self.due.first().copied() {
            if at_ms > now.mono_ms {
                break;
            }
            self.due.pop_first();
            let Some(deposit) = self.deposits.get_mut(&message) else { continue };
            deposit.armed_ms = None;
            let guest = deposit.guest.as_ref().is_some_and(|guest| guest.until_ms <= now.mono_ms);
            let event = if guest { Event::GuestTimeout } else { Event::Timeout };
            if !guest {
                deposit.deadline_ms = None;
            }
            self.turn(message, &event, now);
        }
    }

    /// When [`Deposits::wake`] is wanted, milliseconds on the monotonic clock.
    #[must_use]
    pub fn wakeup(&self) -> Option<u64> {
        self.due.first().map(|(at_ms, _)| *at_ms)
    }

    /// The next thing to do, in the order in which it was decided.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    pub(super) fn at_switch(&self, switch: SwitchId) -> Vec<MessageId> {
        let here = self.deposits.values().filter(|deposit| deposit.switch == switch);
        here.map(|deposit| deposit.card.message).collect()
    }

    pub(super) fn take_in(&mut self, mut deposit: Deposit) {
        let message = deposit.card.message;
        deposit.legs.extend(deposit.card.leg.clone());
        deposit.legs.extend(deposit.text_leg());
        for leg in &deposit.legs {
            self.legs.insert(leg.clone(), message);
        }
        for key in caller_keys(&deposit.card) {
            self.callers.insert((key, message));
        }
        self.deposits.insert(message, deposit);
        self.arm(message, 0);
    }

    /// Notes when a deposit is due next.
    fn arm(&mut self, message: MessageId, not_before_ms: u64) {
        let Some(deposit) = self.deposits.get_mut(&message) else { return };
        let guest = deposit.guest.as_ref().map(|guest| guest.until_ms);
        let next = [deposit.deadline_ms, guest].into_iter().flatten().min();
        let next = next.filter(|at_ms| *at_ms < u64::MAX).map(|at_ms| at_ms.max(not_before_ms));
        if next != deposit.armed_ms {
            if let Some(at_ms) = std::mem::replace(&mut deposit.armed_ms, next) {
                self.due.remove(&(at_ms, message));
            }
            self.due.extend(next.map(|at_ms| (at_ms, message)));
        }
    }

    pub(super) fn leads_to(&mut self, leg: &LegId, message: MessageId) {
        let Some(deposit) = self.deposits.get_mut(&message) else { return };
        if self.legs.insert(leg.clone(), message).is_none() {
            deposit.legs.push(leg.clone());
        }
    }

    /// One step of one deposit, and what is kept beside it.
    pub(super) fn turn(&mut self, message: MessageId, event: &Event<'_>, now: Now) {
        let Some(deposit) = self.deposits.get_mut(&message) else { return };
        let before = deposit.state.name();
        let mut turn =
            Turn { now, settings: &self.settings, steps: &mut self.steps, out: &mut self.out };
        deposit.step(event, &mut turn);
        let after = deposit.state.name();
        if before != after {
            self.seen.insert((before, event.name(), after));
        }
        if deposit.state == State::Gone {
            self.forget(message);
            return;
        }
        let guest = deposit.guest.as_ref().and_then(|guest| guest.leg.clone());
        for leg in [deposit.card.leg.clone(), guest].into_iter().flatten() {
            self.leads_to(&leg, message);
        }
        self.arm(message, now.mono_ms);
        self.part_upload(message, now);
    }

    fn forget(&mut self, message: MessageId) {
        let Some(deposit) = self.deposits.remove(&message) else { return };
        for leg in &deposit.legs {
            self.legs.remove(leg);
        }
        if let Some(at_ms) = deposit.armed_ms {
            self.due.remove(&(at_ms, message));
        }
        for key in caller_keys(&deposit.card) {
            self.callers.remove(&(key, message));
        }
    }
}
