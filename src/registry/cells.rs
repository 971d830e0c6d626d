//! What a name and a number lead to, found in one cache line each: see [`crate::domain::Cells`].

use crate::domain::{AccountKey, Cell, Cells, Number};

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

/// Numbers and names are put in by operators alone, so a mixer (the finalizer of `MurmurHash3`)
/// will do.
fn mix(word: u64) -> u64 {
    let mut mixed = word;
    mixed = (mixed ^ mixed >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed = (mixed ^ mixed >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ mixed >> 33
}

fn number_hash(number: u64, seed: u64) -> u32 {
    high(mix(number ^ seed))
}

impl Cells<NumberCell> {
    pub(super) fn owner(&self, number: Number) -> Option<AccountKey> {
        let number = number.digits();
        let found = self.find(number_hash(number, self.seed()), |cell| cell.number == number);
        found.map(|cell| cell.account)
    }

    pub(super) fn lead(&mut self, number: Number, account: AccountKey) {
        self.insert(NumberCell { number: number.digits(), account });
    }

    pub(super) fn forget(&mut self, number: Number) -> Option<AccountKey> {
        let number = number.digits();
        let hash = number_hash(number, self.seed());
        self.remove(hash, |cell| cell.number == number).map(|cell| cell.account)
    }
}

/// The hash of an account's name, seeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameHash(pub(super) u32);

/// Whose name has a hash; whether it is the name says the account.
#[derive(Clone, Copy, Debug)]
pub(super) struct NameCell {
    pub(super) hash: NameHash,
    pub(super) account: AccountKey,
}

impl Cell for NameCell {
    const VACANT: Self = Self { hash: NameHash(0), account: AccountKey(u32::MAX) };

    fn is_vacant(self) -> bool {
        self.account == Self::VACANT.account
    }

    fn hash(self, _: u64) -> u32 {
        self.hash.0
    }
}

impl Cells<NameCell> {
    /// Whose name has this hash: of several accounts the one that is found first.
    pub(super) fn likely(&self, hash: NameHash) -> Option<AccountKey> {
        self.find(hash.0, |cell| cell.hash == hash).map(|cell| cell.account)
    }
}

pub(super) fn name_hash(name: &str, seed: u64) -> NameHash {
    let (words, rest) = name.as_bytes().as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let mixed = words.fold(seed, |mixed, word| mix(mixed ^ word));
    let last = rest.iter().fold(name.len() as u64, |last, byte| last << 8 | u64::from(*byte));
    NameHash(high(mix(mixed ^ last)))
}

fn high(mixed: u64) -> u32 {
    (mixed >> 32) as u32
}
