//! From a Call-ID to a place in the table, in one cache line.

use std::hash::{DefaultHasher, Hasher};

use crate::domain::{Cell, Cells};

use super::session::NONE;

/// The hash of a Call-ID, seeded: nobody can aim at one bucket. Made once for each question, for
/// the table and the tombstones alike.
#[derive(Clone, Copy, Debug)]
pub struct CallHash(pub(super) u64);

/// Places by the hash of a key that lies in the place itself.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    cells: Cells<KeyCell>,
}

/// Whose Call-ID has a hash; whether it is the Call-ID says the place.
#[derive(Clone, Copy, Debug)]
struct KeyCell {
    hash: u32,
    place: u32,
}

impl Cell for KeyCell {
    const VACANT: Self = Self { hash: 0, place: NONE };

    fn is_vacant(self) -> bool {
        self.place == NONE
    }

    fn hash(self, _: u64) -> u32 {
        self.hash
    }
}

impl Keys {
    pub(super) fn new(seed: u64) -> Self {
        Self { cells: Cells::new(seed) }
    }

    pub(super) fn hash(seed: u64, call_id: &str) -> CallHash {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(seed);
        hasher.write(call_id.as_bytes());
        CallHash(hasher.finish())
    }

    /// The place whose key has this hash; `is` compares the key of a place with it.
    pub(super) fn find(&self, hash: CallHash, is: impl Fn(u32) -> bool) -> Option<u32> {
        let hash = half(hash);
        let found = self.cells.find(hash, |cell| cell.hash == hash && is(cell.place));
        found.map(|cell| cell.place)
    }

    /// Whether anything stands where this hash is looked for first.
    pub(super) fn touch(&self, hash: CallHash) -> bool {
        self.cells.find(half(hash), |_| true).is_some()
    }

    /// Notes a place under a key that is not noted yet.
    pub(super) fn insert(&mut self, hash: CallHash, place: u32) {
        self.cells.insert(KeyCell { hash: half(hash), place });
    }

    pub(super) fn remove(&mut self, hash: CallHash, place: u32) {
        self.cells.remove(half(hash), |cell| cell.place == place);
    }

    pub(super) fn seed(&self) -> u64 {
        self.cells.seed()
    }

    pub(super) fn bytes(&self) -> usize {
        self.cells.bytes()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
fn half(hash: CallHash) -> u32 {
    hash.0 as u32
}
