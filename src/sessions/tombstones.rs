//! What must not come back: refusals to be repeated, and ends that overtook their question.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::domain::{Decision, Index, Now};

/// The most tombstones; beyond it the oldest is forgotten, which costs at most a repeated
/// decision or a reservation that expires by itself.
pub const TOMBSTONES_MAX: usize = 100_000;

/// How long a tombstone stands. Longer than any question travels: Kamailio drops an unanswered
/// one after 1 s (its worker's time limit), and retransmits an INVITE for 32 s (RFC 3261 timer B).
const STANDS_MS: u64 = 40_000;

/// What stands in the place of a call that is over, or never was.
#[derive(Clone, Debug)]
pub struct Tombstone {
    /// The attempt it stands for: another dialog under the same Call-ID is another attempt (a
    /// caller that answers a challenge from further down tries again with the same Call-ID,
    /// RFC 3261 §8.1.3.5).
    pub dialog: Option<(u32, u32)>,
    /// The refusal to repeat; `None`: it ended before it was asked about.
    pub refused: Option<Arc<Decision>>,
}

/// The tombstones of a node.
#[derive(Clone, Debug)]
pub struct Tombstones {
    standing: Index<Box<str>, (u64, Tombstone)>,
    order: VecDeque<(u64, Box<str>)>,
}

impl Tombstones {
    /// None yet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { standing: Index::new(seed), order: VecDeque::new() }
    }

    /// Sets one up, in place of an earlier one.
    pub fn set(&mut self, call_id: &str, tombstone: Tombstone, now: Now) {
        self.clear(now);
        if self.order.len() >= TOMBSTONES_MAX {
            self.drop_oldest();
        }
        let until = now.mono_ms + STANDS_MS;
        self.standing.insert(call_id.into(), (until, tombstone));
        self.order.push_back((until, call_id.into()));
    }

    /// The one for this attempt. Where either side does not know its dialog, the Call-ID decides.
    #[must_use]
    pub fn find(&self, call_id: &str, dialog: Option<(u32, u32)>, now: Now) -> Option<&Tombstone> {
        let (until, tombstone) = self.standing.get(call_id)?;
        let same = match (tombstone.dialog, dialog) {
            (Some(known), Some(asked)) => known == asked,
            (None, _) | (_, None) => true,
        };
        (*until > now.mono_ms && same).then_some(tombstone)
    }

    /// How many stand.
    #[must_use]
    pub fn len(&self) -> usize {
        self.standing.len()
    }

    /// Whether none stands.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.standing.is_empty()
    }

    fn clear(&mut self, now: Now) {
        while self.order.front().is_some_and(|(until, _)| *until <= now.mono_ms) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((until, call_id)) = self.order.pop_front()
            && self.standing.get(&*call_id).is_some_and(|(standing, _)| *standing == until)
        {
            self.standing.remove(&*call_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mono_ms: u64) -> Now {
        Now { mono_ms, wall_ms: 0 }
    }

    #[test]
    fn another_attempt_is_not_the_one_that_ended() {
        let mut tombstones = Tombstones::new(1);
        let ended = Tombstone { dialog: Some((1, 2)), refused: None };
        tombstones.set("a", ended, at(0));
        assert!(tombstones.find("a", Some((1, 2)), at(1)).is_some());
        assert!(tombstones.find("a", None, at(1)).is_some());
        assert!(tombstones.find("a", Some((1, 3)), at(1)).is_none());
        assert!(tombstones.find("b", Some((1, 2)), at(1)).is_none());
        assert!(tombstones.find("a", Some((1, 2)), at(STANDS_MS)).is_none());
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let mut tombstones = Tombstones::new(1);
        for n in 0..=TOMBSTONES_MAX {
            let tombstone = Tombstone { dialog: None, refused: None };
            tombstones.set(&n.to_string(), tombstone, at(n as u64 / 1000));
        }
        assert_eq!(tombstones.len(), TOMBSTONES_MAX);
        assert!(tombstones.find("0", None, at(200)).is_none());
        assert!(tombstones.find("1", None, at(200)).is_some());
        tombstones.set("x", Tombstone { dialog: None, refused: None }, at(STANDS_MS * 2));
        assert_eq!(tombstones.len(), 1);
    }
}
