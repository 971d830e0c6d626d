//! Looks at the proxies' own lists: which calls are really there.
//!
//! A call is released only on positive evidence. Absence from one list is none (the list was made
//! a moment ago, an event is on its way): a call must be missing from two looks in a row at the
//! proxy that has shown it before; one that no proxy has shown must be missing from two rounds of
//! looks at *all* of them. After a proxy's restart one look is enough: its calls died with it.
//!
//! The switch's own longest duration is evidence too, but weaker than a list that shows the call:
//! it counts where no list vouches for the call, with a look or without any.

use std::collections::BTreeMap;

use crate::domain::{CallRef, CallState, LegId, Now, ProxyId};

use super::{Session, Slot, Table};

/// How many places one step of the sweep looks at: about 50 µs under the desk's lock.
pub const SWEEP_PORTION: u32 = 2048;

/// How many looks in a row must miss a call.
const MISSES_MAX: u8 = 2;

/// How long a complete look vouches for the calls that it has shown, in milliseconds.
const VOUCHES_MS: u64 = 120_000;

/// How long at most until the calls are swept although no look was completed, in milliseconds.
const SWEEP_EVERY_MS: u64 = 60_000;

/// The state of all looks.
#[derive(Clone, Debug, Default)]
pub struct Looks {
    proxies: BTreeMap<ProxyId, Look>,
    sweep: Option<Sweep>,
    /// Sweeps that wait for the one that is under way; at most one a proxy.
    waiting: Vec<Sweep>,
    /// When a sweep begins without a look, milliseconds on the monotonic clock.
    sweep_at_ms: u64,
    /// There are proxies that are not looked at, so a call that is in no list may be at one of them.
    others: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Look {
    number: u8,
    /// Calls before this one were there when the list was asked for.
    before: Option<CallRef>,
    restarted: bool,
    /// It has been completed since the last round; calls before this one were there then.
    complete: Option<CallRef>,
    /// When it was completed last, milliseconds on the monotonic clock.
    completed_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Sweep {
    /// The look that it follows; without one only outlived calls are looked for.
    look: Option<Swept>,
    /// Calls that no proxy has shown are missed too, if older than every look of the round.
    unowned_before: Option<CallRef>,
    place: u32,
}

#[derive(Clone, Copy, Debug)]
struct Swept {
    proxy: ProxyId,
    number: u8,
    before: CallRef,
    restarted: bool,
}

impl Looks {
    /// No look yet at any of `proxies`.
    #[must_use]
    pub fn new(proxies: impl Iterator<Item = ProxyId>) -> Self {
        Self { proxies: proxies.map(|proxy| (proxy, Look::default())).collect(), ..Self::default() }
    }

    /// The same, where calls come through proxies that are not looked at, too: only a switch's own
    /// channels can be missing then.
    #[must_use]
    pub fn beside_others(self, others: bool) -> Self {
        Self { others, ..self }
    }

    /// Whether every proxy has been looked at since the start.
    #[must_use]
    pub fn settled(&self) -> bool {
        self.proxies.values().all(|look| look.completed_ms.is_some())
    }

    /// Whether a sweep is under way.
    #[must_use]
    pub fn sweeping(&self) -> bool {
        self.sweep.is_some()
    }

    /// When the next sweep is due although no look asks for it, milliseconds on the monotonic
    /// clock.
    #[must_use]
    pub fn sweep_at_ms(&self) -> u64 {
        self.sweep_at_ms
    }

    /// A proxy's list was asked for; `next` is the number that the next call will get.
    pub fn begin(&mut self, proxy: ProxyId, restarted: bool, next: CallRef) {
        let Some(look) = self.proxies.get_mut(&proxy) else { return };
        look.number = look.number.wrapping_add(1).max(1);
        look.before = Some(next);
        look.restarted |= restarted;
    }

    /// A call stands in the list.
    pub fn seen(&self, table: &mut Table, slot: Slot, proxy: ProxyId) {
        let Some(look) = self.proxies.get(&proxy) else { return };
        table.set_proxy(slot, proxy);
        if let Some(session) = table.at_mut(slot.0) {
            session.seen_in = look.number;
            session.misses = 0;
        }
    }

    /// The list was complete: what is missing from it is looked for by [`Looks::step`].
    pub fn end(&mut self, proxy: ProxyId, now: Now) {
        let Some(look) = self.proxies.get_mut(&proxy) else { return };
        let Some(before) = look.before.take() else { return };
        let restarted = std::mem::take(&mut look.restarted);
        let number = look.number;
        (look.complete, look.completed_ms) = (Some(before), Some(now.mono_ms));
        let round: Option<Vec<CallRef>> = self.proxies.values().map(|look| look.complete).collect();
        if round.is_some() {
            self.proxies.values_mut().for_each(|look| look.complete = None);
        }
        // A slow look may have begun before a call that a quick one should have shown.
        let unowned_before = round.and_then(|round| round.into_iter().min());
        let look = Some(Swept { proxy, number, before, restarted });
        let sweep = Sweep { look, unowned_before, place: 0 };
        if self.sweep.is_none() {
            self.sweep = Some(sweep);
        } else {
            let of_proxy = |waiting: &Sweep| waiting.look.is_some_and(|look| look.proxy == proxy);
            self.waiting.retain(|waiting| !of_proxy(waiting));
            self.waiting.push(sweep);
        }
    }

    /// The look failed: nothing is known to be missing. A restart that it found is remembered.
    pub fn fail(&mut self, proxy: ProxyId) {
        if let Some(look) = self.proxies.get_mut(&proxy) {
            look.before = None;
        }
    }

    /// One step of the sweep: the calls of the next portion that are gone from the proxies, and
    /// those that have outlived the switch's longest duration. Begins a sweep if one is due.
    pub fn step(&mut self, table: &mut Table, now: Now, found: &mut Vec<(Slot, Gone)>) {
        if self.sweep.is_none() && self.sweep_at_ms <= now.mono_ms {
            self.sweep = Some(Sweep { look: None, unowned_before: None, place: 0 });
        }
        let Some(mut sweep) = self.sweep else { return };
        self.sweep_at_ms = now.mono_ms + SWEEP_EVERY_MS;
        let places = u32::try_from(table.slots.len()).unwrap_or(u32::MAX);
        let end = places.min(sweep.place.saturating_add(SWEEP_PORTION));
        for place in sweep.place..end {
            let Some(session) = table.at_mut(place) else { continue };
            if sweep.misses(session, self.others) {
                session.misses = session.misses.saturating_add(1);
                if session.misses >= MISSES_MAX || sweep.is_restart_of(session.proxy()) {
                    found.push((Slot(place), Gone::Vanished));
                    continue;
                }
            }
            if outlived(session, now) && !self.vouched(session, now) {
                found.push((Slot(place), Gone::TooLong));
            }
        }
        sweep.place = end;
        self.sweep = Some(sweep).filter(|sweep| sweep.place < places);
        if self.sweep.is_none() && !self.waiting.is_empty() {
            self.sweep = Some(self.waiting.remove(0));
        }
    }

    /// Whether the newest look at a call's proxy has shown it, a short time ago.
    fn vouched(&self, session: &Session, now: Now) -> bool {
        let look = session.proxy().and_then(|proxy| self.proxies.get(&proxy));
        let completed_ms = look.and_then(|look| look.completed_ms);
        session.misses == 0 && completed_ms.is_some_and(|at| now.mono_ms <= at + VOUCHES_MS)
    }
}

/// Why the sweep found a call to be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// The proxies don't know it.
    Vanished,
    /// It has outlived the switch's longest duration.
    TooLong,
}

impl Sweep {
    fn misses(&self, session: &Session, others: bool) -> bool {
        match (session.proxy(), self.look) {
            (Some(proxy), Some(look)) => {
                proxy == look.proxy && session.call < look.before && !look.showed(session.seen_in)
            }
            (Some(_), None) => false,
            (None, _) => {
                self.unowned_before.is_some_and(|before| session.call < before)
                    && (!others || is_channel(session))
            }
        }
    }

    fn is_restart_of(&self, proxy: Option<ProxyId>) -> bool {
        self.look.is_some_and(|look| look.restarted && proxy == Some(look.proxy))
    }
}

impl Swept {
    /// Whether a call that was seen last in look `seen_in` was there in this one: a sweep may lag
    /// behind, so a later look counts too. Numbers wrap; a call is never 127 looks old.
    fn showed(self, seen_in: u8) -> bool {
        seen_in != 0 && seen_in.wrapping_sub(self.number).cast_signed() >= 0
    }
}

/// Whether a call is a switch's own channel, which no proxy knows.
fn is_channel(session: &Session) -> bool {
    let leg = LegId::parse(session.call_id());
    leg.is_some_and(|leg| session.dialog() == Some(leg.as_dialog()))
}

fn outlived(session: &Session, now: Now) -> bool {
    session.state() == CallState::Up && u64::from(session.deadline_ds) * 100 <= now.mono_ms
}
