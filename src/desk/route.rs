//! Questions: asked for the first time, asked again, asked too late.

use std::sync::Arc;

use crate::admission::refusal;
use crate::domain::{
    CallState, Cause, Decision, Method, Now, Outcome, RefusalCodes, RouteQuery, Seats, Side, Step,
};
use crate::sessions::{NewCall, Slot, Tombstone};

use super::consider::Considered;
use super::{Desk, Output, Ticket};

/// How many legs of one call may be pending: one for each account it is forwarded through.
const LEGS_MAX: usize = 17;

impl Desk {
    pub(super) fn route(&mut self, ticket: Ticket, query: &RouteQuery, now: Now) {
        let (decision, repeated) = self.decide(query, now);
        if repeated {
            self.figures.repeated += 1;
        } else {
            self.figures.decided(&decision);
        }
        self.outputs.push_back(Output::Answer { ticket, decision, repeated });
    }

    fn decide(&mut self, query: &RouteQuery, now: Now) -> (Arc<Decision>, bool) {
        if query.method == Method::Message {
            return (Arc::new(self.consider(query, now).decision), false);
        }
        if let Some(slot) = self.table.find(&query.call_id) {
            return self.decide_known(slot, query, now);
        }
        if let Some(tombstone) = self.tombstones.find(&query.call_id, query.dialog, now) {
            match &tombstone.refused {
                Some(refused) if refused.ruri == query.ruri => return (Arc::clone(refused), true),
                Some(_) => {}
                None => return (Arc::new(alone(query, Cause::Cancelled, now)), false),
            }
        }
        let considered = self.consider(query, now);
        (self.carry_out(query, considered, now), false)
    }

    /// A question about a call that is in the table already.
    fn decide_known(&mut self, slot: Slot, query: &RouteQuery, now: Now) -> (Arc<Decision>, bool) {
        let foreign = self.table.get(slot).is_some_and(|known| !known.has_tag(&query.from_tag));
        if foreign {
            // Else anybody could carry any number of calls in the slot of one, by giving all of
            // them the same Call-ID. Emergencies are let through even so.
            let considered = self.consider(query, now);
            let decision = if considered.emergency {
                considered.decision
            } else {
                alone(query, Cause::CallIdReuse, now)
            };
            return (Arc::new(decision), false);
        }
        if let Some(dialog) = query.dialog {
            self.table.set_dialog(slot, dialog);
        }
        let pending = self.pending.get(&slot).map_or(&[][..], Vec::as_slice);
        if let Some(given) = pending.iter().find(|given| given.ruri == query.ruri) {
            return (Arc::clone(given), true);
        }
        if query.trail.is_empty() || pending.len() >= LEGS_MAX {
            // The answer is forgotten (the call was answered, or found at a proxy): made anew,
            // for the seats that it has.
            let call = self.table.get(slot).map(|known| known.call);
            let seats = self.table.get(slot).map(|known| known.seats.clone()).unwrap_or_default();
            self.give_back_seats(&seats);
            let mut decision = self.consider(query, now).decision;
            self.take_seats(&seats);
            decision.call = call;
            decision.steps.push(Step::Repeated);
            return (Arc::new(decision), true);
        }
        let considered = self.consider(query, now);
        (self.forward(slot, considered, now), false)
    }

    /// A leg of a known call that was forwarded to another account: it takes a seat there too,
    /// and none a second time.
    fn forward(&mut self, slot: Slot, considered: Considered, now: Now) -> Arc<Decision> {
        let Considered { mut decision, callee, ring_ms, .. } = considered;
        let Some(known) = self.table.get(slot) else { return Arc::new(decision) };
        decision.call = Some(known.call);
        let refused = matches!(decision.outcome, Outcome::Refuse(_));
        let mut seats: Vec<_> = known.seats.iter().collect();
        let held = seats.len();
        let added = self.seats_of(None, callee);
        for seat in added.iter() {
            if seats.len() < crate::domain::SEATS_MAX
                && !seats.iter().any(|held| held.account == seat.account)
            {
                seats.push(seat);
            }
        }
        if !refused {
            let all = Seats::new(&seats);
            self.take_seats(&Seats::new(&seats[held..]));
            self.table.set_seats(slot, all);
            self.table.extend(slot, ring_ms + self.settings.reserve_slack_ms, now);
        }
        let decision = Arc::new(decision);
        self.pending.entry(slot).or_default().push(Arc::clone(&decision));
        decision
    }

    fn carry_out(&mut self, query: &RouteQuery, considered: Considered, now: Now) -> Arc<Decision> {
        let Considered { mut decision, caller, callee, seats, emergency, ring_ms } = considered;
        if matches!(decision.outcome, Outcome::Refuse(_)) {
            let decision = Arc::new(decision);
            let refused = Some(Arc::clone(&decision));
            let tombstone = Tombstone { dialog: query.dialog, refused };
            self.tombstones.set(&query.call_id, tombstone, now);
            return decision;
        }
        if emergency && let Some(caller) = caller {
            self.give_grace(caller, now);
        }
        let call = self.next_call();
        decision.call = Some(call);
        let counts = caller.is_some() || callee.is_some() || emergency;
        if !counts || self.table.is_full() {
            return Arc::new(decision);
        }
        self.take_seats(&seats);
        let [from, to] = [&query.from_uri, &query.ruri].map(|uri| self.shown(uri));
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
        let slot = self.table.begin(new, now);
        let decision = Arc::new(decision);
        self.pending.insert(slot, vec![Arc::clone(&decision)]);
        decision
    }

    /// How a URI is shown in a list: as the identifier that it spells.
    pub(super) fn shown(&self, uri: &str) -> String {
        let [number, address] = self.settings.numbering.candidates(uri);
        match number.or(address) {
            Some(identifier) => identifier.to_string(),
            None => uri.to_owned(),
        }
    }
}

/// A refusal for which nobody's account was asked.
fn alone(query: &RouteQuery, cause: Cause, now: Now) -> Decision {
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
