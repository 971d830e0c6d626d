//! A table to look things up in, whose order nobody can observe.

use std::borrow::Borrow;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher};

/// A hash table without iteration: its order would differ from seed to seed, and with it what a
/// core decides. Keys may come from callers, so the hash is seeded (from outside; a core rolls no
/// dice) and nobody can aim at one bucket.
#[derive(Clone, Debug)]
pub struct Index<K, V> {
    map: hashbrown::HashMap<K, V, Seed>,
}

#[derive(Clone, Copy, Debug)]
struct Seed(u64);

impl BuildHasher for Seed {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.0);
        hasher
    }
}

impl<K: Eq + Hash, V> Index<K, V> {
    /// An empty table.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { map: hashbrown::HashMap::with_hasher(Seed(seed)) }
    }

    /// The value of `key`.
    #[must_use]
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.map.get(key)
    }

    /// The value of `key`, to change it.
    pub fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.map.get_mut(key)
    }

    /// Sets the value of `key`; returns what it was.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.map.insert(key, value)
    }

    /// Takes `key` out.
    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.map.remove(key)
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }
}
