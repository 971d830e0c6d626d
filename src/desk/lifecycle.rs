//! What becomes of calls: events, looks at the proxies, time, operators.

use std::sync::Arc;

use crate::domain::{
    AccountKey, BranchEnd, CallEvent, CallRef, CallState, EndCause, EventKind, Now, ProxyId,
    RouteQuery, SeenDialog, Spelled,
};
use crate::sessions::{Gone, NewCall, SWEEP_PORTION, Session, Slot, Tombstone};

use super::{Desk, Ended, Output, Ticket};

impl Desk {
    pub(super) fn event(&mut self, event: &CallEvent, now: Now) {
        let Some(slot) = self.table.find(&event.call_id) else {
            return self.strange_event(event, now);
        };
        let Some(session) = self.table.get(slot) else { return };
        let other_attempt = match (session.dialog(), event.dialog) {
            (Some(known), Some(told)) => known != told,
            (None, _) | (_, None) => false,
        };
        if other_attempt || !session.has_tag(&event.from_tag) {
            self.figures.strange_events += 1;
            return;
        }
        let cause = match event.kind {
            EventKind::Start => {
                self.answered(slot, event.dialog, now);
                self.pushes_answered(slot, event.device.as_ref());
                return self.device_answered(slot, event.device.as_ref());
            }
            EventKind::Wake => return self.wake_device(slot, event, now),
            EventKind::End => EndCause::Ended,
            EventKind::Failed => EndCause::Failed,
        };
        let dialog = session.dialog().or(event.dialog);
        let failed = cause == EndCause::Failed;
        let unanswered = failed.then(|| self.unanswered(slot, now)).flatten();
        self.end(slot, cause, (event.code, &event.branches), now);
        if dialog.is_some() {
            // So that a look that began before does not bring it back.
            self.tombstones.set(&event.call_id, Tombstone { dialog, refused: None }, now);
        }
        if let Some(unanswered) = unanswered {
            self.missed(&unanswered, &event.call_id, event.code, now);
        }
    }

    /// An event about a call that is not in the table: its end has overtaken its question, or it
    /// was let through while nobody here could be asked.
    fn strange_event(&mut self, event: &CallEvent, now: Now) {
        if self.tombstones.find(&event.call_id, event.dialog, now).is_some() {
            return;
        }
        self.figures.strange_events += 1;
        match event.kind {
            EventKind::Wake => {}
            EventKind::End | EventKind::Failed => {
                let tombstone = Tombstone { dialog: event.dialog, refused: None };
                self.tombstones.set(&event.call_id, tombstone, now);
                self.consider_call_again(&event.call_id, now);
            }
            // Another node's row of it may be on the way here. If it is nobody's, the list of its
            // own proxy shows it to whoever looks there; two nodes that count it would be one too
            // many, and the one that does not look would never know that it is over.
            EventKind::Start if self.together.is_some() && self.settings.proxies > 0 => {}
            EventKind::Start => {
                let found = Found {
                    call_id: &event.call_id,
                    from_tag: &event.from_tag,
                    caller: self.known_caller(event.account.as_ref(), event.from_uri.as_deref()),
                    ruri: event.ruri.as_deref().unwrap_or_default(),
                    from_uri: event.from_uri.as_deref().unwrap_or_default(),
                    emergency: false,
                    state: CallState::Up,
                    started_ms: now.wall_ms,
                    dialog: event.dialog,
                };
                self.adopt(&found, now);
            }
        }
    }

    fn answered(&mut self, slot: Slot, dialog: Option<(u32, u32)>, now: Now) {
        if let Some(dialog) = dialog {
            self.table.set_dialog(slot, dialog);
        }
        let reserved =
            self.table.get(slot).is_some_and(|known| known.state() == CallState::Reserved);
        if reserved {
            self.table.answered(slot, self.settings.duration_max_ms, now);
            self.pending.remove(&slot);
            self.undecided.remove(&slot);
        }
    }

    pub(super) fn look_begin(&mut self, proxy: ProxyId, restarted: bool, now: Now) {
        self.look_began(proxy, now);
        if restarted {
            self.figures.proxy_restarts += 1;
        }
        let next =
            CallRef::new(self.settings.node, self.settings.boot, self.counter.wrapping_add(1));
        self.looks.begin(proxy, restarted, next);
    }

    pub(super) fn look_seen(&mut self, proxy: ProxyId, seen: &SeenDialog, now: Now) {
        let slot = match self.table.find(&seen.call_id) {
            Some(slot) => slot,
            None if self.tombstones.find(&seen.call_id, Some(seen.dialog), now).is_some() => return,
            None if self.may_be_anothers(proxy, seen) => return,
            None => {
                let found = Found {
                    call_id: &seen.call_id,
                    from_tag: &seen.from_tag,
                    caller: self.known_caller(seen.account.as_ref(), Some(&seen.from_uri)),
                    ruri: seen.ruri.as_deref().unwrap_or_default(),
                    from_uri: &seen.from_uri,
                    emergency: seen.emergency,
                    state: seen.state,
                    started_ms: if seen.started_s > 0 {
                        seen.started_s * 1000
                    } else {
                        now.wall_ms
                    },
                    dialog: Some(seen.dialog),
                };
                match self.adopt(&found, now) {
                    Some(slot) => slot,
                    None => return,
                }
            }
        };
        self.looks.seen(&mut self.table, slot, proxy);
        match seen.state {
            CallState::Up => self.answered(slot, Some(seen.dialog), now),
            CallState::Reserved => {
                self.table.extend(slot, self.settings.reserve_slack_ms, now);
            }
        }
    }

    pub(super) fn look_failed(&mut self, proxy: ProxyId) {
        self.figures.looks_failed += 1;
        self.looks.fail(proxy);
    }

    pub(super) fn look_end(&mut self, proxy: ProxyId, now: Now) {
        let settled = self.looks.settled();
        self.figures.looks += 1;
        self.looks.end(proxy, now);
        if self.together.is_some() {
            self.look_ended(proxy);
        } else if !settled && self.looks.settled() {
            self.thaw();
        }
    }

    /// Time has passed: a step of the sweep, and reservations that nothing followed.
    pub(super) fn wake(&mut self, now: Now) {
        self.deposits.wake(now);
        self.drain_deposits();
        let mut found = Vec::new();
        self.looks.step(&mut self.table, now, &mut found);
        for (slot, gone) in found {
            let cause = match gone {
                Gone::Vanished => EndCause::Vanished,
                Gone::TooLong => EndCause::TooLong,
            };
            self.end(slot, cause, (None, &Arc::default()), now);
        }
        for _ in 0..SWEEP_PORTION {
            let Some(slot) = self.table.expired(now) else { break };
            self.end(slot, EndCause::Expired, (None, &Arc::default()), now);
        }
    }

    pub(super) fn release(&mut self, ticket: Ticket, call: CallRef, now: Now) {
        let slot = self.table.find_call(call);
        let ended = slot.and_then(|slot| {
            let known = self.table.get(slot)?;
            let (call_id, dialog) = (known.call_id().to_owned(), known.dialog());
            self.end(slot, EndCause::Released, (None, &Arc::default()), now)?;
            self.tombstones.set(&call_id, Tombstone { dialog, refused: None }, now);
            match self.outputs.pop_back() {
                Some(Output::Ended(ended)) => Some(ended),
                other => {
                    self.outputs.extend(other);
                    None
                }
            }
        });
        self.outputs.push_back(Output::Released { ticket, ended });
    }

    /// Counts a call that is up somewhere without having been asked about. Its accounts carry it
    /// whatever their caps say: it is there. A call that counts for nobody is left alone.
    fn adopt(&mut self, found: &Found<'_>, now: Now) -> Option<Slot> {
        let dialled = Spelled::read(found.ruri);
        let emergency = found.emergency || self.emergency(dialled).is_some();
        // As if it had been asked about: nothing is looked up then.
        let callee = if emergency { None } else { self.callee(dialled).1 };
        if self.table.is_full() || (found.caller.is_none() && callee.is_none()) {
            return None;
        }
        let seats = self.seats_of(found.caller, callee);
        self.take_seats(&seats);
        let call = self.next_call();
        let [from, to] = [found.from_uri, found.ruri].map(|uri| self.shown(uri));
        let expires_in_ms = match found.state {
            CallState::Reserved => self.settings.reserve_slack_ms,
            CallState::Up => self.settings.duration_max_ms,
        };
        let new = NewCall {
            call,
            call_id: found.call_id,
            from_tag: found.from_tag,
            from: &from,
            to: &to,
            caller: found.caller,
            callee,
            seats,
            emergency,
            state: found.state,
            started_ms: found.started_ms,
            expires_in_ms,
            dialog: found.dialog,
        };
        let slot = self.table.begin(new, now);
        if found.state == CallState::Reserved {
            self.undecided.insert(slot);
        }
        if let Some(caller) = found.caller.filter(|_| emergency) {
            self.give_rest_of_grace(caller, found.started_ms, now);
        }
        self.figures.adopted += 1;
        self.outputs.push_back(Output::Adopted { call, call_id: found.call_id.into() });
        Some(slot)
    }

    /// A call is asked about that was found at a proxy before: the list was faster than the
    /// question. It was counted without being let in, so it is decided as if nobody knew it.
    /// Otherwise every look would open the door for whoever calls in that moment.
    pub(super) fn is_undecided(&self, slot: Slot, query: &RouteQuery) -> bool {
        let same = |known: &Session| known.has_tag(&query.from_tag);
        self.undecided.contains(&slot)
            && query.trail.is_empty()
            && self.table.get(slot).is_some_and(same)
    }

    /// The seats of a call are free, and nobody is told that it has ended: it is decided anew, or
    /// counted elsewhere.
    pub(super) fn forget(&mut self, slot: Slot) {
        self.take_out(slot, EndCause::Ended, None);
    }

    /// Takes a call out of the table, and all that goes with it; its seats are free.
    fn take_out(&mut self, slot: Slot, cause: EndCause, code: Option<u16>) -> Option<Session> {
        let session = self.table.end(slot)?;
        self.pending.remove(&slot);
        self.undecided.remove(&slot);
        self.pushes_over(slot, cause, code);
        self.devices.end(slot);
        self.keep_or_give_back(&session);
        Some(session)
    }

    fn known_caller(
        &self,
        account: Option<&crate::domain::AccountName>,
        from_uri: Option<&str>,
    ) -> Option<AccountKey> {
        match account {
            Some(name) => self.registry.find(name.as_str()),
            None if self.settings.trust_from => self.callee(Spelled::read(from_uri?)).1,
            None => None,
        }
    }

    /// Ends a call: its seats are free.
    fn end(
        &mut self,
        slot: Slot,
        cause: EndCause,
        (code, branches): (Option<u16>, &Arc<[BranchEnd]>),
        now: Now,
    ) -> Option<()> {
        let session = self.take_out(slot, cause, code)?;
        self.figures.ended(cause);
        let up_ms = session.answered_ms().map_or(0, |answered| (now.wall_ms - answered).max(0));
        self.outputs.push_back(Output::Ended(Ended {
            call: session.call,
            call_id: Arc::from(session.call_id()),
            cause,
            code,
            at_ms: now.wall_ms,
            up_ms,
            branches: Arc::clone(branches),
        }));
        Some(())
    }
}

/// A call that was found.
struct Found<'a> {
    call_id: &'a str,
    from_tag: &'a str,
    caller: Option<AccountKey>,
    ruri: &'a str,
    from_uri: &'a str,
    /// Its proxy knew it as one; else what was dialled says so, or nothing does.
    emergency: bool,
    state: CallState,
    started_ms: i64,
    dialog: Option<(u32, u32)>,
}
