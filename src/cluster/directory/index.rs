//! Calls of other nodes by their Call-IDs.

use std::hash::{DefaultHasher, Hasher as _};

use hashbrown::HashTable;

use crate::domain::{CallRef, NodeId};

/// Where calls are by hashes of their Call-IDs. What is found is compared by whoever looks, so an
/// entry may outlive its row; they are swept when they have become too many.
///
/// Callers choose Call-IDs, so the hash is seeded: nobody can aim at one bucket.
#[derive(Debug)]
pub(super) struct CallIndex {
    seed: u64,
    places: HashTable<Place>,
    swept_at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    hash: u64,
    node: NodeId,
    call: CallRef,
}

impl CallIndex {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, places: HashTable::new(), swept_at: 0 }
    }

    pub(super) fn note(&mut self, call_id: &str, node: NodeId, call: CallRef) {
        let place = Place { hash: self.hash(call_id), node, call };
        self.places.entry(place.hash, |noted| *noted == place, |noted| noted.hash).or_insert(place);
    }

    /// The calls that may have this Call-ID, in the order of their nodes and numbers.
    pub(super) fn of(&self, call_id: &str) -> Vec<(NodeId, CallRef)> {
        let hash = self.hash(call_id);
        let same = self.places.iter_hash(hash).filter(|place| place.hash == hash);
        let mut found: Vec<_> = same.map(|place| (place.node, place.call)).collect();
        found.sort_unstable();
        found
    }

    /// Whether it is time to sweep.
    pub(super) fn is_due(&self) -> bool {
        self.places.len() > 2 * self.swept_at + 1024
    }

    /// Forgets the calls that are not there any more.
    pub(super) fn sweep(&mut self, is_there: impl Fn(NodeId, CallRef) -> bool) {
        self.places.retain(|place| is_there(place.node, place.call));
        self.swept_at = self.places.len();
    }

    fn hash(&self, call_id: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.seed);
        hasher.write(call_id.as_bytes());
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_found_until_it_is_swept() {
        let mut index = CallIndex::new(7);
        let place = |node, number| (NodeId(node), CallRef(number));
        for (node, number) in [(3, 1), (2, 9), (2, 4), (2, 4)] {
            index.note("a@h", NodeId(node), CallRef(number));
        }
        index.note("b@h", NodeId(2), CallRef(5));
        assert_eq!(index.of("a@h"), [place(2, 4), place(2, 9), place(3, 1)]);
        assert_eq!((index.of("b@h"), index.of("c@h")), (vec![place(2, 5)], vec![]));
        assert!(!index.is_due());
        (0..2_000).for_each(|number| index.note(&number.to_string(), NodeId(4), CallRef(number)));
        assert!(index.is_due());
        index.sweep(|node, call| node == NodeId(2) || call == CallRef(7));
        assert!(!index.is_due());
        assert_eq!(index.of("a@h"), [place(2, 4), place(2, 9)]);
        assert_eq!((index.of("7"), index.of("8")), (vec![place(4, 7)], vec![]));
    }
}
