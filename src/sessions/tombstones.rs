//! What must not come back: refusals to be repeated, and ends that overtook their question.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashTable;

use crate::domain::{Decision, Now};

use super::keys::{CallHash, Keys};

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
    seed: u64,
    standing: HashTable<Standing>,
    /// Until when, and for which Call-ID, in the order in which they were set up.
    order: VecDeque<(u64, Arc<str>)>,
}

#[derive(Clone, Debug)]
struct Standing {
    call_id: Arc<str>,
    until_ms: u64,
    tombstone: Tombstone,
}

impl Tombstones {
    /// None yet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, standing: HashTable::new(), order: VecDeque::new() }
    }

    /// Sets one up, in place of an earlier one.
    pub fn set(&mut self, call_id: &str, tombstone: Tombstone, now: Now) {
        self.clear(now);
        if self.order.len() >= TOMBSTONES_MAX {
            self.drop_oldest();
        }
        let (until_ms, seed) = (now.mono_ms + STANDS_MS, self.seed);
        let call_id: Arc<str> = call_id.into();
        self.order.push_back((until_ms, Arc::clone(&call_id)));
        let hash_of = |standing: &Standing| Keys::hash(seed, &standing.call_id).0;
        let new = Standing { call_id, until_ms, tombstone };
        let hash = hash_of(&new);
        match self.standing.find_mut(hash, |standing| standing.call_id == new.call_id) {
            Some(standing) => *standing = new,
            None => {
                self.standing.insert_unique(hash, new, hash_of);
            }
        }
    }

    /// The one for this attempt. Where either side does not know its dialog, the Call-ID decides.
    #[must_use]
    pub fn find(&self, call_id: &str, dialog: Option<(u32, u32)>, now: Now) -> Option<&Tombstone> {
        self.find_hashed(Keys::hash(self.seed, call_id), call_id, dialog, now)
    }

    /// [`Tombstones::find`], the Call-ID's [`super::Table::hash`] being known: the table has the
    /// same seed.
    #[must_use]
    pub fn find_hashed(
        &self,
        hash: CallHash,
        call_id: &str,
        dialog: Option<(u32, u32)>,
        now: Now,
    ) -> Option<&Tombstone> {
        let is = |standing: &Standing| &*standing.call_id == call_id;
        let Standing { until_ms, tombstone, .. } = self.standing.find(hash.0, is)?;
        let same = match (tombstone.dialog, dialog) {
            (Some(known), Some(asked)) => known == asked,
            (None, _) | (_, None) => true,
        };
        (*until_ms > now.mono_ms && same).then_some(tombstone)
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
        let Some((until_ms, call_id)) = self.order.pop_front() else { return };
        let hash = Keys::hash(self.seed, &call_id).0;
        let is = |standing: &Standing| standing.call_id == call_id && standing.until_ms == until_ms;
        if let Ok(standing) = self.standing.find_entry(hash, is) {
            standing.remove();
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
