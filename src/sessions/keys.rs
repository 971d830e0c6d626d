//! From a key to a place in the table, in about ten bytes a call.

use std::hash::{DefaultHasher, Hash, Hasher};

use hashbrown::HashTable;

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

    pub(super) fn hash<K: Hash + ?Sized>(seed: u64, key: &K) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(seed);
        key.hash(&mut hasher);
        hasher.finish()
    }

    /// The place whose key is `key`; `is` compares the key of a place with it.
    pub(super) fn find<K: Hash + ?Sized>(
        &self,
        key: &K,
        mut is: impl FnMut(u32) -> bool,
    ) -> Option<u32> {
        self.places.find(Self::hash(self.seed, key), |place| is(*place)).copied()
    }

    /// Notes a place under a key that is not noted yet; `hash_of` gives the hash of a place
    /// noted before, with [`Keys::seed`].
    pub(super) fn insert<K: Hash + ?Sized>(
        &mut self,
        key: &K,
        place: u32,
        hash_of: impl Fn(u32) -> u64,
    ) {
        let hash = Self::hash(self.seed, key);
        self.places.insert_unique(hash, place, |place| hash_of(*place));
    }

    pub(super) fn remove<K: Hash + ?Sized>(&mut self, key: &K, place: u32) {
        let hash = Self::hash(self.seed, key);
        if let Ok(entry) = self.places.find_entry(hash, |noted| *noted == place) {
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
