//! The rows of one node, in the order in which they last changed.
//!
//! Each change has the next number. Of a row that changed again only the last change is kept, so
//! whoever knows all changes up to a number is told the rest by reading on from there. A
//! number stands for one state of one row, so it does not matter in which order, how often, or by
//! whom rows are told: the higher number is the newer state.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::ops::Bound;

use serde::{Deserialize, Serialize};

/// The most changes that a start can have told: what is said beyond that is not so.
const SKIPPED_MAX: u64 = 1 << 40;

/// How far a node's rows are known: the number of its start, and that of the last change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mark {
    /// Grows with each start of the node, and survives it.
    pub boot: u32,
    /// The last change since that start; 0: none.
    pub number: u64,
}

/// What somebody knows of a node's rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// How far.
    pub mark: Mark,
    /// Whether the rows are as they were at the mark. In the middle of a telling they are not: a
    /// row that has changed twice since is not told with its first change, and is still what it
    /// was before.
    pub whole: bool,
    /// The rows in one figure; it is the same for the same rows.
    pub sum: u64,
}

/// Changes of one node's rows, told together: those with the numbers behind `after`, up to `upto`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telling<K, R> {
    /// The start of the node to which the numbers belong.
    pub boot: u32,
    /// Rows that had gone by then are not told any more.
    pub floor: u64,
    /// Whoever does not know all up to here can do nothing with it.
    pub after: u64,
    /// Whether it does not go on from what was known but begins anew.
    pub anew: bool,
    /// What is known then.
    pub upto: u64,
    /// The last change that was known to the teller.
    pub last: u64,
    /// Whether who knows all up to `last` has the rows as they were then (see [`Known::whole`]).
    pub whole: bool,
    /// The rows, in the order of their numbers.
    pub rows: Vec<Change<K, R>>,
}

/// What a row is since a change of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change<K, R> {
    /// The number of the change.
    pub number: u64,
    /// Which row it is.
    pub key: K,
    /// What it is; `None`: it is gone.
    pub row: Option<R>,
}

/// All rows of one node since one start of it.
#[derive(Clone, Debug)]
pub(super) struct Numbered<K, R> {
    pub(super) known: Known,
    /// Rows that had gone by then are forgotten, so who knows less cannot go on from it: unless he
    /// has all he knows from a telling with this floor, into which such rows did not come.
    floor: u64,
    changes: BTreeMap<u64, (K, Option<R>)>,
    numbers: BTreeMap<K, u64>,
    /// When rows went, oldest first; a row that came back is in `numbers` with another number.
    gone: VecDeque<u64>,
    gone_max: usize,
}

impl<K: Ord + Hash + Clone, R: Clone> Numbered<K, R> {
    pub(super) fn new(boot: u32, gone_max: usize) -> Self {
        Self {
            known: Known { mark: Mark { boot, number: 0 }, whole: true, sum: 0 },
            floor: 0,
            changes: BTreeMap::new(),
            numbers: BTreeMap::new(),
            gone: VecDeque::new(),
            gone_max,
        }
    }

    /// To be told from the beginning: what had gone at `floor` never comes into it.
    pub(super) fn anew(boot: u32, gone_max: usize, floor: u64) -> Self {
        Self { floor, ..Self::new(boot, gone_max) }
    }

    /// A row is this now, or gone.
    pub(super) fn change(&mut self, key: K, row: Option<R>) {
        self.known.mark.number += 1;
        self.put(Change { number: self.known.mark.number, key, row });
    }

    /// Somebody knows more of this start than it has told: one before it had the same number, and
    /// was lost with its disk. Goes on behind what that one told, unless that is far beyond what
    /// any start can have told.
    pub(super) fn skip_to(&mut self, mark: Mark) {
        let known = &mut self.known.mark;
        let skipped = mark.number.saturating_sub(known.number);
        if mark.boot == known.boot && skipped <= SKIPPED_MAX {
            known.number += skipped;
        }
    }

    /// The row, if it is there.
    pub(super) fn get(&self, key: &K) -> Option<&R> {
        self.changes.get(self.numbers.get(key)?)?.1.as_ref()
    }

    /// The rows that are there, in the order in which they last changed.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&K, &R)> {
        self.changes.values().filter_map(|(key, row)| Some((key, row.as_ref()?)))
    }

    /// The rows behind a key, in the order of their keys.
    pub(super) fn rows_after(
        &self,
        after: Option<&K>,
    ) -> impl Iterator<Item = (&K, &R)> + use<'_, K, R> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = self.numbers.range((from, Bound::Unbounded));
        behind.filter_map(|(key, number)| Some((key, self.changes.get(number)?.1.as_ref()?)))
    }

    /// What somebody who knows this much, and was told it from the beginning with this floor, is
    /// told next, at most so many rows; `None`: he knows all.
    pub(super) fn tell(
        &self,
        (known, floor): (Mark, u64),
        rows_max: usize,
    ) -> Option<Telling<K, R>> {
        let Known { mark, whole, .. } = self.known;
        if known >= mark {
            return None;
        }
        let goes_on = known.boot == mark.boot && self.floor <= known.number.max(floor);
        let (after, anew) = if goes_on { (known.number, false) } else { (0, true) };
        let mut behind = self.changes.range((Bound::Excluded(after), Bound::Unbounded));
        let rows: Vec<_> = behind
            .by_ref()
            .take(rows_max)
            .map(|(number, (key, row))| Change {
                number: *number,
                key: key.clone(),
                row: row.clone(),
            })
            .collect();
        let last = mark.number;
        let upto = match rows.last() {
            Some(change) if behind.next().is_some() => change.number,
            Some(_) | None => last,
        };
        let (boot, floor) = (mark.boot, self.floor);
        Some(Telling { boot, floor, after, anew, upto, last, whole, rows })
    }

    /// Takes in what is told of its node, if it goes on from what is known.
    pub(super) fn take(&mut self, telling: &Telling<K, R>) -> Vec<Change<K, R>> {
        let known = self.known.mark;
        let goes_on = telling.boot == known.boot
            && telling.after <= known.number
            && telling.floor <= known.number.max(self.floor)
            // Else it may have rows that had gone by our floor, of which we would never hear.
            && telling.last >= self.floor;
        if !goes_on || telling.upto <= known.number {
            return Vec::new();
        }
        let is_news = |change: &&Change<K, R>| change.number > known.number;
        let news: Vec<_> = telling.rows.iter().filter(is_news).cloned().collect();
        for change in &news {
            self.put(change.clone());
        }
        self.known.mark.number = telling.upto;
        self.known.whole = telling.whole && telling.upto == telling.last;
        news
    }

    fn put(&mut self, change: Change<K, R>) {
        let Change { number, key, row } = change;
        if let Some(before) = self.numbers.insert(key.clone(), number)
            && let Some((_, Some(_))) = self.changes.remove(&before)
        {
            self.known.sum ^= summand(&key, before);
        }
        match row {
            Some(_) => self.known.sum ^= summand(&key, number),
            None => self.gone.push_back(number),
        }
        self.changes.insert(number, (key, row));
        while self.gone.len() > self.gone_max {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(number) = self.gone.pop_front() else { return };
        // It may have come back, and has another number then.
        if let Some((key, _)) = self.changes.remove(&number) {
            self.numbers.remove(&key);
            self.floor = self.floor.max(number);
        }
    }
}

/// What a row adds to the figure of all. The hasher has fixed keys, so it is the same everywhere.
fn summand(key: &impl Hash, number: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (key, number).hash(&mut hasher);
    hasher.finish()
}
