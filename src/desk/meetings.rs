//! Calls to somebody who leaves a message just now: the recording is managed first, here or at the
//! node where it is made, and then the call is decided.

mod there;

use std::sync::Arc;

use crate::domain::{
    AccountKey, CallBackMet, CallbackPolicy, CallbackScope, Decision, ForkOrder, MessageId, Method,
    NodeId, Now, Outcome, RouteQuery, Seats, Spelled, Stage, Step, Target,
};
use crate::messages::{Managed, ManagedWhen};
use crate::sessions::Slot;

use super::consider::Considered;
use super::deposits::stage;
use super::greeting::Coming;
use super::waiting::Stance;
use super::{Desk, Output};
use there::There;

/// How many call-backs may stand between their announcement and their question.
const CALL_BACKS_MAX: usize = 10_000;
/// What a leg of a call-back is dialled as, before the number of the deposit.
pub(super) const CALL_BACK: &str = "callback-";

/// A call that will meet a deposit.
#[derive(Clone, Debug)]
pub(super) struct Meeting {
    message: MessageId,
    policy: CallbackPolicy,
    /// What is known of a deposit at another node; `None`: it is left here.
    there: Option<There>,
}

/// By whom deposits are found that a call may meet: whom it calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// His account.
    pub account: Option<AccountKey>,
    /// How he is shown.
    pub shown: String,
}

impl Desk {
    /// Whether a call meets a deposit; what has to be done about that is begun. `asked_at`: the
    /// question is another node's.
    pub(super) fn call_back(&mut self, query: &RouteQuery, asked_at: Option<NodeId>, now: Now) {
        let Some(meeting) = self.find_meeting(query) else {
            self.outputs.push_back(Output::CallBack { met: None, managed: Managed::Nothing });
            return;
        };
        let met = Some((meeting.message, meeting.policy));
        let when = if asked_at.is_some() { ManagedWhen::Gone } else { ManagedWhen::Stopped };
        let managed = self.deposits.call_back(meeting.message, meeting.policy, when, now);
        if managed != Managed::Nothing {
            self.figures.call_backs += 1;
            if asked_at.is_none() {
                self.will_meet(query, meeting);
            }
        }
        self.drain_deposits();
        self.outputs.push_back(Output::CallBack { met, managed });
    }

    fn will_meet(&mut self, query: &RouteQuery, meeting: Meeting) {
        if self.meetings.len() >= CALL_BACKS_MAX {
            self.meetings.clear();
        }
        self.meetings.insert(Arc::clone(&query.call_id), meeting);
    }

    fn find_meeting(&self, query: &RouteQuery) -> Option<Meeting> {
        if self.deposits.is_empty() {
            return None;
        }
        let Called { account, shown } = self.whom_it_calls(query)?;
        let found = self.deposits.of_caller(account, &shown);
        let mut meets = found.into_iter().filter(|(_, owner, mailbox)| {
            self.is_call_back(query, *owner, (mailbox.callback, mailbox.callback_scope))
        });
        meets.next().map(|(message, _, mailbox)| Meeting {
            message,
            policy: mailbox.callback,
            there: None,
        })
    }

    /// Whom a call would find leaving a message; `None`: no matter who does, it meets none.
    #[must_use]
    pub fn whom_it_calls(&self, query: &RouteQuery) -> Option<Called> {
        let new = query.method == Method::Invite && self.table.find(&query.call_id).is_none();
        if !new || self.emergency(Spelled::read(&query.ruri)).is_some() {
            return None;
        }
        let (identifier, account) = self.callee(Spelled::read(&query.ruri));
        let shown = identifier.map(|known| known.to_string()).unwrap_or_default();
        Some(Called { account, shown })
    }

    /// Whether a call is one to which a mailbox's owner wants something done.
    fn is_call_back(
        &self,
        query: &RouteQuery,
        owner: AccountKey,
        (policy, scope): (CallbackPolicy, CallbackScope),
    ) -> bool {
        policy != CallbackPolicy::Ignore
            && (scope == CallbackScope::Anyone || self.calls_for(query, owner))
    }

    /// Whether a call comes from an account, or from one of its devices, authenticated or not: who
    /// lies about it is offered to somebody who may decline.
    fn calls_for(&self, query: &RouteQuery, owner: AccountKey) -> bool {
        if let Some(account) = &query.account {
            return self.registry.find(account.as_str()) == Some(owner);
        }
        if query.named_nobody {
            return false;
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

    /// What an answer would be, on the path that decides: nothing is admitted or remembered.
    pub fn rehearse(&mut self, query: &RouteQuery, now: Now) -> Decision {
        self.rehearse_meeting(query, None, now)
    }

    /// The same for a call that would meet a deposit at another node, if it meets none here.
    pub fn rehearse_meeting(
        &mut self,
        query: &RouteQuery,
        there: Option<(NodeId, CallBackMet)>,
        now: Now,
    ) -> Decision {
        let there = there.and_then(|(node, met)| self.read_met(query, node, met));
        let meeting = self.find_meeting(query).or(there);
        let held = meeting.as_ref().and_then(|meeting| self.held_at(meeting));
        self.stance = Stance::Rehearse;
        let named = self.named(query);
        let mut considered = self.consider(&named, held.as_ref(), now);
        self.stance = Stance::Ask;
        if let Some(meeting) = meeting.filter(|_| lets_in(&considered)) {
            self.lead_to(&meeting, &mut considered);
        }
        considered.decision
    }

    /// Leads a call that meets a deposit to it, and gives it the deposit's seats: the permit of
    /// the deposit serves the call back.
    pub(super) fn meet(&mut self, query: &RouteQuery, considered: &mut Considered) {
        let Some(meeting) = self.meetings.remove(&query.call_id) else { return };
        if !lets_in(considered) {
            return;
        }
        self.lead_to(&meeting, considered);
        if meeting.policy != CallbackPolicy::Pause
            && meeting.there.is_none()
            && let Some((slot, seats)) = self.held_by(meeting.message)
        {
            // The deposit is ending; its seats are the call's from now on.
            let left = seats.without(&considered.seats);
            self.give_back_seats(&seats.without(&left));
            self.table.set_seats(slot, left);
        }
    }

    fn lead_to(&self, meeting: &Meeting, considered: &mut Considered) {
        let Meeting { message, policy, there } = meeting;
        let (message, policy) = (*message, *policy);
        considered.decision.steps.push(Step::CallBack { message, policy });
        if policy != CallbackPolicy::Pause {
            return;
        }
        // The deposit keeps its seats as long as it is up, and the call has none at them.
        if let Some(seats) = self.held_at(meeting) {
            considered.seats = considered.seats.without(&seats);
        }
        let sip = match there {
            Some(there) => there.sip.clone(),
            None => self.switch_of_deposit(message),
        };
        let Some(sip) = sip else { return };
        let ring_s = self.settings.messages.ring_s.saturating_add(5);
        let first = stage("callback", call_back_uri(message, &sip), ring_s, None);
        let callee = considered.callee;
        let mut stages: Vec<Stage> = first.into_iter().collect();
        let steps = &mut considered.decision.steps;
        stages.extend(self.mailbox_stage(callee, &Coming::default(), steps));
        considered.ring_ms = stages.iter().map(|stage| u64::from(stage.ring_s) * 1000).sum();
        considered.decision.outcome = Outcome::Fork(Arc::new(ForkOrder { stages }));
    }

    fn switch_of_deposit(&self, message: MessageId) -> Option<Arc<str>> {
        let switch = &self.deposits.card(message)?.switch;
        let place = self.settings.switches.iter().find(|place| place.name == *switch);
        place.map(|place| Arc::clone(&place.sip))
    }

    /// The seats that the call of a deposit holds, to be left out when a call back asks for room.
    pub(super) fn meeting_seats(&self, query: &RouteQuery) -> Option<Seats> {
        let meeting = self.meetings.get(&query.call_id)?;
        // What another node has given back is asked for as everything is; it may be somebody
        // else's by now.
        let given = meeting.there.is_some() && meeting.policy != CallbackPolicy::Pause;
        self.held_at(meeting).filter(|_| !given)
    }

    fn held_at(&self, meeting: &Meeting) -> Option<Seats> {
        match &meeting.there {
            Some(there) => Some(there.seats.clone()),
            None => self.held_by(meeting.message).map(|(_, seats)| seats),
        }
    }

    fn held_by(&self, message: MessageId) -> Option<(Slot, Seats)> {
        let call_id = &self.deposits.card(message)?.call_id;
        let slot = self.table.find(call_id)?;
        self.table.get(slot).map(|session| (slot, session.seats.clone()))
    }
}

fn lets_in(considered: &Considered) -> bool {
    !considered.emergency && !matches!(considered.decision.outcome, Outcome::Refuse(_))
}

fn call_back_uri(message: MessageId, sip: &str) -> String {
    format!("sip:{CALL_BACK}{message}@{sip}")
}
