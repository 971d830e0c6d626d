//! Tables to look keys up in that are found in one cache line each, not in two or three: with
//! 200,000 accounts and a million calls no line of them is in a cache, and every decision asks for
//! three.
//!
//! Open addressing with linear probing, at most three quarters full. Like [`super::Index`] they
//! can't be iterated, and their hashes are seeded.

/// What stands in a table.
pub trait Cell: Copy {
    /// What stands where nothing stands.
    const VACANT: Self;
    /// Whether nothing stands here.
    #[must_use]
    fn is_vacant(self) -> bool;
    /// Where it is looked for first.
    #[must_use]
    fn hash(self, seed: u64) -> u32;
}

/// A table of cells.
#[derive(Clone, Debug)]
pub struct Cells<C> {
    seed: u64,
    cells: Vec<C>,
    taken: usize,
}

impl<C: Cell> Cells<C> {
    /// An empty table.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, cells: Vec::new(), taken: 0 }
    }

    /// The seed of its hashes.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The first cell with this hash that `is` takes for the one.
    #[must_use]
    pub fn find(&self, hash: u32, is: impl Fn(C) -> bool) -> Option<C> {
        self.cells.get(self.place(hash, is)?).copied()
    }

    /// Puts in what does not stand there yet.
    pub fn insert(&mut self, cell: C) {
        if (self.taken + 1) * 4 > self.cells.len() * 3 {
            let larger = vec![C::VACANT; (self.cells.len() * 2).max(8)];
            let before = std::mem::replace(&mut self.cells, larger);
            before.into_iter().filter(|cell| !cell.is_vacant()).for_each(|cell| self.put(cell));
        }
        self.put(cell);
        self.taken += 1;
    }

    /// Takes a cell out, found as by [`Cells::find`].
    pub fn remove(&mut self, hash: u32, is: impl Fn(C) -> bool) -> Option<C> {
        let mut hole = self.place(hash, is)?;
        let removed = self.cells[hole];
        let mask = self.mask();
        let mut next = hole;
        loop {
            next = (next + 1) & mask;
            let cell = self.cells[next];
            if cell.is_vacant() {
                break;
            }
            // It moves up if the hole lies between the place where it is looked for first and it.
            let home = cell.hash(self.seed) as usize & mask;
            if next.wrapping_sub(home) & mask >= next.wrapping_sub(hole) & mask {
                self.cells[hole] = cell;
                hole = next;
            }
        }
        self.cells[hole] = C::VACANT;
        self.taken -= 1;
        Some(removed)
    }

    /// The bytes that it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.cells.capacity() * size_of::<C>()
    }

    fn mask(&self) -> usize {
        self.cells.len().wrapping_sub(1)
    }

    /// Where it stands. There is always a vacant cell, so the search has an end.
    fn place(&self, hash: u32, is: impl Fn(C) -> bool) -> Option<usize> {
        let mask = self.mask();
        let mut place = hash as usize & mask;
        loop {
            let cell = *self.cells.get(place)?;
            if cell.is_vacant() {
                return None;
            }
            if is(cell) {
                return Some(place);
            }
            place = (place + 1) & mask;
        }
    }

    fn put(&mut self, cell: C) {
        let mask = self.mask();
        let mut place = cell.hash(self.seed) as usize & mask;
        while !self.cells[place].is_vacant() {
            place = (place + 1) & mask;
        }
        self.cells[place] = cell;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// A key whose hashes are few, so that cells stand behind each other.
    #[derive(Clone, Copy, Debug)]
    struct Crowded(u32, u32);

    impl Cell for Crowded {
        const VACANT: Self = Self(u32::MAX, 0);

        fn is_vacant(self) -> bool {
            self.0 == u32::MAX
        }

        fn hash(self, seed: u64) -> u32 {
            hash(self.0, seed)
        }
    }

    fn hash(key: u32, seed: u64) -> u32 {
        (key % 7).wrapping_add(u32::try_from(seed % 32).unwrap_or_default())
    }

    proptest! {
        #[test]
        fn cells_are_found_as_in_a_map(
            steps in prop::collection::vec((0u32..60, 0u32..9, any::<bool>()), 0..200),
            seed in any::<u64>(),
        ) {
            let mut cells = Cells::<Crowded>::new(seed);
            let mut map = BTreeMap::new();
            for (key, value, put) in steps {
                let find = |cells: &Cells<Crowded>, key: u32| {
                    cells.find(hash(key, seed), |cell| cell.0 == key).map(|cell| cell.1)
                };
                let known = map.get(&key).copied();
                prop_assert_eq!(find(&cells, key), known);
                if put && known.is_none() {
                    cells.insert(Crowded(key, value));
                    map.insert(key, value);
                } else if !put {
                    let removed = cells.remove(hash(key, seed), |cell| cell.0 == key);
                    prop_assert_eq!(removed.map(|cell| cell.1), map.remove(&key));
                }
                for (key, value) in &map {
                    prop_assert_eq!(find(&cells, *key), Some(*value));
                }
            }
        }
    }
}
