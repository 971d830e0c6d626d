//! Which legs at a switch are ours, and what was told of them.

use std::collections::BTreeMap;

use crate::domain::LegId;

/// How many legs of ours one switch may have. One more is left alone: its guard tells the caller
/// that nobody can take his message.
const LEGS_MAX: usize = 10_000;

/// Which legs are ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recognise {
    /// Those that our dialplan has marked, and those that we have called.
    Marked,
    /// All of them; for recordings of other dialplans.
    All,
}

/// The legs of ours that were seen, and whether they were told already. A leg goes with its
/// hang-up, or when the switch's list misses it.
#[derive(Clone, Debug)]
pub struct Seen {
    recognise: Recognise,
    legs: BTreeMap<LegId, Known>,
}

/// What is known of a leg of ours.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    told: bool,
    guest: bool,
    /// It is connected with another one, or about to be: when it parks, it waits *again*.
    connected: bool,
}

/// What it means that a leg parks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It has come.
    Came,
    /// It was connected, and is no more.
    WaitsAgain,
    /// It was told already: the list was faster than the event, which comes up to 20 ms late
    /// (measured).
    None,
}

/// Whether the variable `hallporter` of a leg says that it is ours to care for. A leg that has
/// gone to its fall-back bears another mark.
pub(super) fn is_mark(mark: &str) -> bool {
    matches!(mark, "deposit" | "callback" | "call" | "confirm")
}

impl Seen {
    /// None yet.
    #[must_use]
    pub fn new(recognise: Recognise) -> Self {
        Self { recognise, legs: BTreeMap::new() }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.legs.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.legs.is_empty()
    }

    /// Whether it is known.
    pub(super) fn has(&self, leg: &LegId) -> bool {
        self.legs.contains_key(leg)
    }

    /// Whether it is known and was told.
    pub(super) fn is_told(&self, leg: &LegId) -> bool {
        self.legs.get(leg).is_some_and(|known| known.told)
    }

    pub(super) fn legs(&self) -> Vec<LegId> {
        self.legs.keys().cloned().collect()
    }

    /// A leg is ours: we call it, or the list has shown it.
    pub(super) fn add(&mut self, leg: &LegId) {
        self.known(leg);
    }

    /// Notes that a leg waits, and whether it is somebody's who calls back.
    pub(super) fn parked(&mut self, leg: &LegId, guest: bool) -> News {
        let Some(known) = self.known(leg) else { return News::None };
        known.guest |= guest;
        let was_connected = std::mem::take(&mut known.connected);
        if !std::mem::replace(&mut known.told, true) {
            News::Came
        } else if was_connected {
            News::WaitsAgain
        } else {
            News::None
        }
    }

    /// Notes a leg that was found busy: what it does was asked for before the connection was lost.
    pub(super) fn busy(&mut self, leg: &LegId, guest: bool) {
        if let Some(known) = self.known(leg) {
            *known = Known { told: true, guest, connected: true };
        }
    }

    /// A leg is connected with another one, or about to be.
    pub(super) fn connecting(&mut self, leg: &LegId) {
        if let Some(known) = self.legs.get_mut(leg) {
            known.connected = true;
        }
    }

    pub(super) fn is_guest(&self, leg: &LegId) -> bool {
        self.legs.get(leg).is_some_and(|known| known.guest)
    }

    pub(super) fn gone(&mut self, leg: &LegId) {
        self.legs.remove(leg);
    }

    pub(super) fn is_ours(&self, leg: &LegId, mark: Option<&str>) -> bool {
        self.recognises(mark) || self.has(leg)
    }

    /// Whether a leg that nobody knows is ours by its mark.
    pub(super) fn recognises(&self, mark: Option<&str>) -> bool {
        self.recognise == Recognise::All || mark.is_some_and(is_mark)
    }

    fn known(&mut self, leg: &LegId) -> Option<&mut Known> {
        if self.legs.len() >= LEGS_MAX && !self.legs.contains_key(leg) {
            return None;
        }
        Some(self.legs.entry(leg.clone()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(text: &str) -> LegId {
        LegId::parse(text).unwrap()
    }

    #[test]
    fn a_leg_comes_once() {
        let mut seen = Seen::new(Recognise::Marked);
        assert_eq!(seen.parked(&leg("a"), false), News::Came);
        assert_eq!(seen.parked(&leg("a"), false), News::None);
        seen.gone(&leg("a"));
        assert_eq!(seen.parked(&leg("a"), false), News::Came);
    }

    #[test]
    fn only_who_was_connected_waits_again() {
        let mut seen = Seen::new(Recognise::Marked);
        seen.parked(&leg("a"), false);
        seen.connecting(&leg("a"));
        assert_eq!(seen.parked(&leg("a"), false), News::WaitsAgain);
        assert_eq!(seen.parked(&leg("a"), false), News::None);
        seen.busy(&leg("b"), true);
        assert!(seen.is_guest(&leg("b")) && seen.is_told(&leg("b")));
        assert_eq!(seen.parked(&leg("b"), false), News::WaitsAgain);
        seen.connecting(&leg("c"));
        assert!(!seen.has(&leg("c")));
    }

    #[test]
    fn only_marked_legs_are_ours() {
        let mut seen = Seen::new(Recognise::Marked);
        assert!(seen.is_ours(&leg("a"), Some("deposit")));
        for other in [None, Some("fallback"), Some("lost"), Some("deposits"), Some("")] {
            assert!(!seen.is_ours(&leg("a"), other), "{other:?}");
        }
        seen.add(&leg("a"));
        assert!(seen.is_ours(&leg("a"), None) && !seen.is_told(&leg("a")));
        assert!(Seen::new(Recognise::All).is_ours(&leg("b"), None));
    }

    #[test]
    fn there_is_a_limit() {
        let mut seen = Seen::new(Recognise::Marked);
        for n in 0..LEGS_MAX {
            assert_eq!(seen.parked(&leg(&format!("l{n}")), false), News::Came);
        }
        assert_eq!(seen.parked(&leg("more"), false), News::None);
        assert!(!seen.has(&leg("more")) && seen.len() == LEGS_MAX);
        seen.gone(&leg("l0"));
        assert_eq!(seen.parked(&leg("more"), false), News::Came);
    }
}
