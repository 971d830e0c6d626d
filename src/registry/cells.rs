//! Tables to look keys up in that are found in one cache line each, not in two or three: with
//! 200,000 accounts no line of them is in a cache, and every decision asks for two.
//!
//! Open addressing with linear probing, at most three quarters full. Like
//! [`crate::domain::Index`] they can't be iterated, and their hashes are seeded.

use std::hash::{DefaultHasher, Hasher};

use crate::domain::{AccountKey, Number};

/// What stands in a table.
pub(super) trait Cell: Copy {
    /// What stands where nothing stands.
    const VACANT: Self;
    fn is_vacant(self) -> bool;
    fn hash(self, seed: u64) -> u32;
}

#[derive(Clone, Debug)]
pub(super) struct Cells<C> {
    seed: u64,
    cells: Vec<C>,
    taken: usize,
}

impl<C: Cell> Cells<C> {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, cells: Vec::new(), taken: 0 }
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    pub(super) fn find(&self, hash: u32, is: impl Fn(C) -> bool) -> Option<C> {
        self.cells.get(self.place(hash, is)?).copied()
    }

    /// Puts in what does not stand there yet.
    pub(super) fn insert(&mut self, cell: C) {
        if (self.taken + 1) * 4 > self.cells.len() * 3 {
            let larger = vec![C::VACANT; (self.cells.len() * 2).max(8)];
            let before = std::mem::replace(&mut self.cells, larger);
            before.into_iter().filter(|cell| !cell.is_vacant()).for_each(|cell| self.put(cell));
        }
        self.put(cell);
        self.taken += 1;
    }

    pub(super) fn remove(&mut self, hash: u32, is: impl Fn(C) -> bool) -> Option<C> {
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

/// Where a number leads.
#[derive(Clone, Copy, Debug)]
pub(super) struct NumberCell {
    number: u64,
    account: AccountKey,
}

impl Cell for NumberCell {
    const VACANT: Self = Self { number: 0, account: AccountKey(0) };

    fn is_vacant(self) -> bool {
        self.number == 0
    }

    fn hash(self, seed: u64) -> u32 {
        number_hash(self.number, seed)
    }
}

/// Numbers are put in by operators alone, so a mixer (the finalizer of `MurmurHash3`) will do.
fn number_hash(number: u64, seed: u64) -> u32 {
    let mut mixed = number ^ seed;
    mixed = (mixed ^ mixed >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed = (mixed ^ mixed >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (mixed >> 32) as u32
}

impl Cells<NumberCell> {
    pub(super) fn owner(&self, number: Number) -> Option<AccountKey> {
        let number = number.digits();
        let found = self.find(number_hash(number, self.seed), |cell| cell.number == number);
        found.map(|cell| cell.account)
    }

    pub(super) fn lead(&mut self, number: Number, account: AccountKey) {
        self.insert(NumberCell { number: number.digits(), account });
    }

    pub(super) fn forget(&mut self, number: Number) -> Option<AccountKey> {
        let number = number.digits();
        let hash = number_hash(number, self.seed);
        self.remove(hash, |cell| cell.number == number).map(|cell| cell.account)
    }
}

/// Whose name has a hash; whether it is the name says the account.
#[derive(Clone, Copy, Debug)]
pub(super) struct NameCell {
    pub(super) hash: u32,
    pub(super) account: AccountKey,
}

impl Cell for NameCell {
    const VACANT: Self = Self { hash: 0, account: AccountKey(u32::MAX) };

    fn is_vacant(self) -> bool {
        self.account == Self::VACANT.account
    }

    fn hash(self, _: u64) -> u32 {
        self.hash
    }
}

#[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
pub(super) fn name_hash(name: &str, seed: u64) -> u32 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(seed);
    hasher.write(name.as_bytes());
    hasher.finish() as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cells_are_found_as_in_a_map(
            steps in prop::collection::vec((100u64..160, 0u32..9, any::<bool>()), 0..200),
            seed in any::<u64>(),
        ) {
            let mut cells = Cells::<NumberCell>::new(seed);
            let mut map = BTreeMap::new();
            for (digits, account, put) in steps {
                let number = Number::parse(&format!("+{digits}")).unwrap();
                let (known, account) = (map.get(&digits).copied(), AccountKey(account));
                prop_assert_eq!(cells.owner(number), known);
                if put && known.is_none() {
                    cells.lead(number, account);
                    map.insert(digits, account);
                } else if !put {
                    prop_assert_eq!(cells.forget(number), map.remove(&digits));
                }
                for (digits, account) in &map {
                    let number = Number::parse(&format!("+{digits}")).unwrap();
                    prop_assert_eq!(cells.owner(number), Some(*account));
                }
            }
        }
    }
}
