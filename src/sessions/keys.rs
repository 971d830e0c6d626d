//! From a key to a place in the table, in about ten bytes a call.

use std::hash::{DefaultHasher, Hasher};

use hashbrown::HashTable;

/// The hash of a Call-ID, seeded: nobody can aim at one bucket. Made once for each question, for
/// the table and the tombstones alike.
#[derive(Clone, Copy, Debug)]
pub struct CallHash(pub(super) u64);

/// Places by the hash of a key that lies in the place itself. Like [`crate::domain::Index`] it
/// can't be iterated, and its hash is seeded.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    seed: u64,
    places: HashTable<u32>,
}

impl Keys {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, places: HashTable::new() }
    }

    pub(super) fn hash(seed: u64, call_id: &str) -> CallHash {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(seed);
        hasher.write(call_id.as_bytes());
        CallHash(hasher.finish())
    }

    /// The place whose key has this hash; `is` compares the key of a place with it.
    pub(super) fn find(&self, hash: CallHash, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        self.places.find(hash.0, |place| is(*place)).copied()
    }

    /// Notes a place under a key that is not noted yet; `hash_of` gives the hash of a place
    /// noted before, with [`Keys::seed`].
    pub(super) fn insert(&mut self, hash: CallHash, place: u32, hash_of: impl Fn(u32) -> CallHash) {
        self.places.insert_unique(hash.0, place, |place| hash_of(*place).0);
    }

    pub(super) fn remove(&mut self, hash: CallHash, place: u32) {
        if let Ok(entry) = self.places.find_entry(hash.0, |noted| *noted == place) {
            entry.remove();
        }
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    pub(super) fn bytes(&self) -> usize {
        self.places.allocation_size()
    }
}
