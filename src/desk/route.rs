//! Questions: asked for the first time, asked again, asked too late.

use std::sync::Arc;

use crate::admission::refusal;
use crate::domain::{
    AccountKey, CallState, Cause, Decision, Identifier, Method, Now, NumberText, Outcome,
    RefusalCodes, RouteQuery, Seats, Side, Spelled, Step,
};
use crate::sessions::{CallHash, NewCall, Session, Slot, Tombstone};

use super::consider::Considered;
use super::named::Named;
use super::push::Asker;
use super::{Desk, Leg, Output, Ticket};

/// How many legs of one call may be pending: one for each account it is forwarded through.
const LEGS_MAX: usize = 17;

impl Desk {
    pub(super) fn route(&mut self, ticket: Ticket, query: Box<RouteQuery>, now: Now) {
        match self.decide(&query, now) {
            Some(decided) => self.answer(ticket, query, decided),
            None => self.wait(ticket, query, now),
        }
    }

    pub(super) fn answer(
        &mut self,
        ticket: Ticket,
        query: Box<RouteQuery>,
        (decision, repeated): (Arc<Decision>, bool),
    ) {
        if repeated {
            self.figures.repeated += 1;
        } else {
            self.figures.decided(&decision);
        }
        // Whoever is told of it can wait; who asks cannot.
        let told = |output: &Output| matches!(output, Output::Tell { .. });
        let place = self.outputs.iter().rposition(|output| !told(output)).map_or(0, |at| at + 1);
        self.outputs.insert(place, Output::Answer { ticket, decision, repeated, query });
    }

    /// Decides a question; `None`: it has to wait for the rights in `missing`.
    pub(super) fn decide(&mut self, query: &RouteQuery, now: Now) -> Option<(Arc<Decision>, bool)> {
        let named = self.named(query);
        if query.method == Method::Message {
            let considered = self.judge(&named, None, now);
            self.tell_of(query, &considered.decision, considered.callee, now);
            return Some((Arc::new(considered.decision), false));
        }
        match self.table.find_hashed(named.call, &query.call_id) {
            Some(slot) if self.is_undecided(slot, query) => self.forget(slot),
            Some(slot) => return self.decide_known(slot, &named, now),
            None => {}
        }
        let tombstones = &self.tombstones;
        let tombstone = tombstones.find_hashed(named.call, &query.call_id, query.dialog, now);
        match tombstone.map(|tombstone| &tombstone.refused) {
            Some(Some(refused)) if refused.ruri == query.ruri && !named.emergency => {
                return Some((Arc::clone(refused), true));
            }
            Some(None) => {
                return Some((Arc::new(self.alone(&named, Cause::Cancelled, now)), false));
            }
            Some(Some(_)) | None => {}
        }
        let held = self.meeting_seats(query);
        let mut considered = self.judge(&named, held.as_ref(), now);
        if !self.missing.is_empty() {
            return None;
        }
        self.meet(query, &mut considered);
        self.tell_of(query, &considered.decision, considered.callee, now);
        Some((self.carry_out(query, named.call, considered, now), false))
    }

    /// Considers a question that will be answered. Whoever dials an emergency number can be
    /// called back, whatever becomes of the call.
    fn judge(&mut self, named: &Named<'_>, held: Option<&Seats>, now: Now) -> Considered {
        self.missing.clear();
        let considered = self.consider(named, held, now);
        if considered.emergency
            && let Some(caller) = considered.caller
        {
            self.give_grace(caller, now);
        }
        considered
    }

    /// A question about a call that is in the table already.
    fn decide_known(
        &mut self,
        slot: Slot,
        named: &Named<'_>,
        now: Now,
    ) -> Option<(Arc<Decision>, bool)> {
        let query = named.query;
        let Some(known) = self.table.get(slot).filter(|known| is_same_call(known, query)) else {
            // Else anybody could carry any number of calls in the slot of one, by giving all of
            // them the same Call-ID.
            return Some((Arc::new(self.alone(named, Cause::CallIdReuse, now)), false));
        };
        let (call, held) = (known.call, known.seats.clone());
        let legs = self.pending.get(&slot).map_or(&[][..], Vec::as_slice);
        let passed = passed(query, legs);
        let again = legs.iter().find(|leg| leg.is_asked_again(query, passed));
        let again = again.map(|leg| Arc::clone(&leg.answer));
        let second = passed == 0 && legs.iter().any(|leg| leg.is_up_beside(query));
        let legs = legs.len();
        if second && again.is_none() {
            return Some((Arc::new(self.alone(named, Cause::CallIdReuse, now)), false));
        }
        // A leg that comes back may have a dialog of its own, whose end is not the call's.
        if let Some(dialog) = query.dialog.filter(|_| passed == 0) {
            self.table.set_dialog(slot, dialog);
        }
        if let Some(answer) = again {
            return Some((answer, true));
        }
        let mut considered = self.judge(named, Some(&held), now);
        if !self.missing.is_empty() {
            return None;
        }
        considered.decision.call = Some(call);
        let refused = matches!(considered.decision.outcome, Outcome::Refuse(_));
        if passed > 0 && self.is_called_already(slot, query, considered.callee) {
            return Some((Arc::new(self.alone(named, Cause::CallIdReuse, now)), false));
        }
        let seats = held.with(&considered.seats);
        if seats.is_none() || legs >= LEGS_MAX {
            return Some((Arc::new(self.alone(named, Cause::Loop, now)), false));
        }
        let seats = seats.filter(|seats| !refused && *seats != held);
        let new = considered.emergency || passed > 0 || seats.is_some();
        if passed > 0 {
            self.tell_of(query, &considered.decision, considered.callee, now);
        }
        let repeated = !new && !refused;
        if repeated {
            // The answer is forgotten (the call was answered, or found at a proxy): made anew,
            // for the seats that it has.
            considered.decision.steps.push(Step::Repeated);
        }
        if let Some(seats) = seats {
            self.take_seats(&seats.without(&held));
            self.table.set_seats(slot, seats);
        }
        if !refused {
            let expires_in_ms = considered.ring_ms + self.settings.reserve_slack_ms;
            self.table.extend(slot, expires_in_ms, now);
        }
        let answer = Arc::new(considered.decision);
        if self.table.get(slot).is_some_and(|known| known.state() == CallState::Reserved) {
            let (callee, asker) = (considered.callee, Asker::of(query, &answer));
            let leg =
                Leg { passed, asked: Asked::of(query), answer: short(&answer), callee, asker };
            self.pending.entry(slot).or_default().push(leg);
        }
        Some((answer, repeated))
    }

    /// Whether an account is called by another INVITE of this call: what comes the second time, on
    /// another way, is the same call (RFC 3261 §8.2.2.2), or a second one that would not be counted.
    fn is_called_already(
        &self,
        slot: Slot,
        query: &RouteQuery,
        callee: Option<AccountKey>,
    ) -> bool {
        let legs = self.pending.get(&slot).map_or(&[][..], Vec::as_slice);
        let calls = |leg: &Leg| leg.callee == callee && leg.is_other_invite(query);
        callee.is_some() && legs.iter().any(calls)
    }

    fn carry_out(
        &mut self,
        query: &RouteQuery,
        hash: CallHash,
        considered: Considered,
        now: Now,
    ) -> Arc<Decision> {
        let Considered { mut decision, caller, callee, seats, emergency, ring_ms } = considered;
        if matches!(decision.outcome, Outcome::Refuse(_)) {
            let decision = Arc::new(decision);
            let refused = Some(Arc::clone(&decision));
            let tombstone = Tombstone { dialog: query.dialog, refused };
            self.tombstones.set(&query.call_id, tombstone, now);
            return decision;
        }
        let call = self.next_call();
        decision.call = Some(call);
        // It is made, and shared, before the table is written to: what counts references waits for
        // all that was written before, and those lines come from far away (`benches/decision.rs`).
        let decision = Arc::new(decision);
        let counts = caller.is_some() || callee.is_some() || emergency;
        if !counts || self.table.is_full() {
            return decision;
        }
        let (passed, asker) = (query.trail.len(), Asker::of(query, &decision));
        let asked = Asked::of(query);
        let leg = vec![Leg { passed, asked, answer: short(&decision), callee, asker }];
        self.take_seats(&seats);
        let from = self.shown(&query.from_uri);
        // What was recognised already needs no second reading.
        let to = decision.steps.iter().find_map(|step| {
            let Step::Callee { identifier: Some(Identifier::Number(number)), .. } = step else {
                return None;
            };
            Some(Shown::Number(number.text()))
        });
        let to = to.unwrap_or_else(|| self.shown(&query.ruri));
        let new = NewCall {
            call,
            call_id: &query.call_id,
            from_tag: &query.from_tag,
            from: &from,
            to: &to,
            caller,
            callee,
            seats,
            emergency,
            state: CallState::Reserved,
            started_ms: now.wall_ms,
            expires_in_ms: ring_ms + self.settings.reserve_slack_ms,
            dialog: query.dialog,
        };
        let slot = self.table.begin_hashed(new, hash, now);
        // A switch's own channel is nowhere else.
        if let Some(proxy) = query.switch.and_then(|switch| self.proxy_of(switch)) {
            self.table.set_proxy(slot, proxy);
        }
        self.turns_taken(callee, &decision);
        self.pending.insert(slot, leg);
        decision
    }

    /// How a URI is shown in a list: as the identifier that it spells.
    pub(super) fn shown<'a>(&self, uri: &'a str) -> Shown<'a> {
        let spelled = Spelled::read(uri);
        if let Some(number) = spelled.number(&self.settings.numbering) {
            return Shown::Number(number.text());
        }
        match spelled.address() {
            Some(Identifier::Address(address)) => Shown::Address(address),
            Some(Identifier::Number(_)) | None => Shown::Uri(uri),
        }
    }

    /// A refusal for which nobody's account is asked. An emergency call is let through even so,
    /// and takes no slot.
    fn alone(&mut self, named: &Named<'_>, cause: Cause, now: Now) -> Decision {
        let query = named.query;
        if named.emergency {
            return self.judge(named, None, now).decision;
        }
        Decision {
            call: None,
            call_id: Arc::clone(&query.call_id),
            at_ms: now.wall_ms,
            from_uri: Arc::clone(&query.from_uri),
            ruri: Arc::clone(&query.ruri),
            outcome: Outcome::Refuse(refusal(cause, Side::From, RefusalCodes::default())),
            steps: Vec::new(),
        }
    }
}

/// A URI as it is shown in a list.
pub(super) enum Shown<'a> {
    Number(NumberText),
    Address(Arc<str>),
    Uri(&'a str),
}

impl std::ops::Deref for Shown<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Number(number) => number,
            Self::Address(address) => address,
            Self::Uri(uri) => uri,
        }
    }
}

/// What is kept of an answer to give it again: all but how it came about, which is most of it and
/// would stay for as long as the call rings. That it was an emergency call the proxy is told again.
fn short(decision: &Decision) -> Arc<Decision> {
    let Decision { call, call_id, at_ms, from_uri, ruri, outcome, steps } = decision;
    let urgent = decision.is_emergency().then(|| steps.first().cloned()).flatten();
    Arc::new(Decision {
        call: *call,
        call_id: Arc::clone(call_id),
        at_ms: *at_ms,
        from_uri: Arc::clone(from_uri),
        ruri: Arc::clone(ruri),
        outcome: outcome.clone(),
        steps: urgent.into_iter().chain([Step::Repeated]).collect(),
    })
}

/// With which transaction and dialog of the proxy's a question came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    transaction: Option<(u32, u32)>,
    dialog: Option<(u32, u32)>,
}

impl Asked {
    fn of(query: &RouteQuery) -> Self {
        Self { transaction: query.transaction, dialog: query.dialog }
    }
}

impl Leg {
    /// Whether it is the same question, of the same INVITE.
    fn is_asked_again(&self, query: &RouteQuery, passed: usize) -> bool {
        let other = self.is_other_invite(query);
        !other && self.answer.ruri == query.ruri && self.passed == passed
    }

    /// Whether the question is about another INVITE, in the dialog of this one: the proxy has
    /// found no end of it, or there would be another dialog (measured on 5.6.3).
    fn is_up_beside(&self, query: &RouteQuery) -> bool {
        let same_dialog = self.asked.dialog.is_some() && self.asked.dialog == query.dialog;
        same_dialog && self.is_other_invite(query)
    }

    fn is_other_invite(&self, query: &RouteQuery) -> bool {
        let both = self.asked.transaction.zip(query.transaction);
        both.is_some_and(|(this, that)| this != that)
    }
}

/// How many accounts a question about a known call has passed. The trail can be written by anybody: it
/// is believed if the call was sent to one of the accounts in it, as far as that is still known.
fn passed(query: &RouteQuery, legs: &[Leg]) -> usize {
    let sent =
        |leg: &Leg| leg.callee.is_some_and(|callee| query.trail.get(leg.passed) == Some(&callee.0));
    let believed = legs.is_empty() || legs.iter().any(sent);
    if believed { query.trail.len() } else { 0 }
}

/// Whether a question is about a known call. Another From tag is another's; and so is a new
/// dialog while the call is up, since what belongs to a call that was answered has a To tag and
/// is not asked about. Before the answer a new dialog is its next attempt, or a leg of it.
fn is_same_call(known: &Session, query: &RouteQuery) -> bool {
    let other_dialog = match (known.dialog(), query.dialog) {
        (Some(known), Some(asked)) => known != asked,
        (None, _) | (_, None) => false,
    };
    known.has_tag(&query.from_tag) && !(other_dialog && known.state() == CallState::Up)
}
