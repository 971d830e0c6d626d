//! Looks at the proxies' own lists: which calls are really there.
//!
//! A call is released only on positive evidence. Absence from one list is none (the list was made
//! a moment ago, an event is on its way): a call must be missing from two looks in a row at the
//! proxy that has shown it before; one that no proxy has shown must be missing from two rounds of
//! looks at *all* of them. After a proxy's restart one look is enough: its calls died with it.

use std::collections::BTreeMap;

use crate::domain::{CallRef, CallState, Now, ProxyId};

use super::{Session, Slot, Table};

/// How many places one step of the sweep looks at: about 50 µs under the desk's lock.
pub const SWEEP_PORTION: u32 = 2048;

/// How many looks in a row must miss a call.
const MISSES_MAX: u8 = 2;

/// The state of all looks.
#[derive(Clone, Debug, Default)]
pub struct Looks {
    proxies: BTreeMap<ProxyId, Look>,
    sweep: Option<Sweep>,
    /// Sweeps that wait for the one that is under way; at most one a proxy.
    waiting: Vec<Sweep>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Look {
    number: u8,
    /// Calls before this one were there when the list was asked for.
    before: Option<CallRef>,
    restarted: bool,
    /// It has been completed since the last round.
    complete: bool,
    ever: bool,
}

#[derive(Clone, Copy, Debug)]
struct Sweep {
    proxy: ProxyId,
    number: u8,
    before: CallRef,
    restarted: bool,
    /// Calls that no proxy has shown are looked at too, if older than this.
    unowned_before: Option<CallRef>,
    place: u32,
}

impl Looks {
    /// No look yet at any of `proxies`.
    #[must_use]
    pub fn new(proxies: impl Iterator<Item = ProxyId>) -> Self {
        Self { proxies: proxies.map(|proxy| (proxy, Look::default())).collect(), ..Self::default() }
    }

    /// Whether every proxy has been looked at since the start.
    #[must_use]
    pub fn settled(&self) -> bool {
        self.proxies.values().all(|look| look.ever)
    }

    /// Whether a sweep is under way.
    #[must_use]
    pub fn sweeping(&self) -> bool {
        self.sweep.is_some()
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
    pub fn end(&mut self, proxy: ProxyId) {
        let Some(look) = self.proxies.get_mut(&proxy) else { return };
        let Some(before) = look.before.take() else { return };
        let restarted = std::mem::take(&mut look.restarted);
        let number = look.number;
        (look.complete, look.ever) = (true, true);
        let round = self.proxies.values().all(|look| look.complete);
        if round {
            self.proxies.values_mut().for_each(|look| look.complete = false);
        }
        let unowned_before = round.then_some(before);
        let sweep = Sweep { proxy, number, before, restarted, unowned_before, place: 0 };
        if self.sweep.is_none() {
            self.sweep = Some(sweep);
        } else {
            self.waiting.retain(|waiting| waiting.proxy != proxy);
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
    /// those that have outlived the switch's longest duration. Does nothing without a sweep.
    pub fn step(&mut self, table: &mut Table, now: Now, found: &mut Vec<(Slot, Gone)>) {
        let Some(sweep) = &mut self.sweep else { return };
        let places = u32::try_from(table.slots.len()).unwrap_or(u32::MAX);
        let end = places.min(sweep.place.saturating_add(SWEEP_PORTION));
        for place in sweep.place..end {
            let Some(session) = table.at_mut(place) else { continue };
            if sweep.misses(session) {
                session.misses = session.misses.saturating_add(1);
                let enough = session.misses >= MISSES_MAX
                    || (sweep.restarted && session.proxy() == Some(sweep.proxy));
                if enough {
                    found.push((Slot(place), Gone::Vanished));
                    continue;
                }
            }
            if outlived(session, now) {
                found.push((Slot(place), Gone::TooLong));
            }
        }
        sweep.place = end;
        if end == places {
            self.sweep = (!self.waiting.is_empty()).then(|| self.waiting.remove(0));
        }
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
    fn misses(&self, session: &Session) -> bool {
        match session.proxy() {
            Some(proxy) => {
                proxy == self.proxy && session.seen_in != self.number && session.call < self.before
            }
            None => self.unowned_before.is_some_and(|before| session.call < before),
        }
    }
}

fn outlived(session: &Session, now: Now) -> bool {
    session.state() == CallState::Up && u64::from(session.deadline_ds) * 100 <= now.mono_ms
}
