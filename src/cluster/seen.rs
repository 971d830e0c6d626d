//! Which motions were carried out already. Whoever gets no answer puts a motion again, and it may
//! come to stand in the log twice; it is carried out once. All of this follows from the log alone,
//! so that it is the same at every node.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{NodeId, PutId, SeenRow};

/// How many numbers above the lowest open one are remembered for a node: twice what it lets wait.
/// At the limit the lowest is given up; should it come later, it counts as seen.
pub const SEEN_MAX: usize = 8192;

/// How a motion is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// For the first time.
    New,
    /// Not for the first time, or nobody waits for it any more.
    Again,
    /// It comes from a start that is over, or from a second process with a start's number.
    Over,
}

#[derive(Clone, Debug, Default)]
struct Of {
    boot: u32,
    nonce: u64,
    over_below: u64,
    seen: BTreeSet<u64>,
}

impl Of {
    /// Leaves out what is known without it.
    fn settle(&mut self) {
        self.seen = self.seen.split_off(&self.over_below);
        while self.seen.len() > SEEN_MAX {
            let Some(lowest) = self.seen.pop_first() else { break };
            self.over_below = lowest.saturating_add(1);
        }
        while self.seen.first() == Some(&self.over_below) {
            self.seen.pop_first();
            self.over_below = self.over_below.saturating_add(1);
        }
    }
}

/// The motions that were carried out, of all nodes.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    nodes: BTreeMap<NodeId, Of>,
    changed: BTreeSet<NodeId>,
}

impl Seen {
    /// As it was written down.
    pub fn restore(&mut self, row: SeenRow) {
        let SeenRow { node, boot, nonce, over_below, seen } = row;
        self.nodes.insert(node, Of { boot, nonce, over_below, seen: seen.into_iter().collect() });
    }

    /// Meets a motion, in the order of the log.
    pub fn meet(&mut self, id: &PutId) -> Sight {
        let of = self.nodes.entry(id.by).or_insert_with(|| Of {
            boot: id.boot,
            nonce: id.nonce,
            ..Of::default()
        });
        if id.boot > of.boot {
            *of = Of { boot: id.boot, nonce: id.nonce, ..Of::default() };
        }
        if (id.boot, id.nonce) != (of.boot, of.nonce) {
            return Sight::Over;
        }
        self.changed.insert(id.by);
        let is_new = id.number >= of.over_below && of.seen.insert(id.number);
        of.over_below = of.over_below.max(id.open_from.min(id.number));
        of.settle();
        if is_new { Sight::New } else { Sight::Again }
    }

    /// What has changed since this was asked last, as it is to be written down.
    pub fn take_changed(&mut self) -> Vec<SeenRow> {
        let changed = std::mem::take(&mut self.changed).into_iter();
        let row = |node: NodeId| {
            let of = self.nodes.get(&node)?;
            let seen = of.seen.iter().copied().collect();
            let (boot, nonce, over_below) = (of.boot, of.nonce, of.over_below);
            Some(SeenRow { node, boot, nonce, over_below, seen })
        };
        changed.filter_map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(boot: u32, number: u64, open_from: u64) -> PutId {
        PutId { by: NodeId(1), boot, nonce: 7, number, open_from }
    }

    #[test]
    fn what_comes_again_is_known_and_what_comes_late_is_new() {
        let mut seen = Seen::default();
        assert_eq!(seen.meet(&id(1, 0, 0)), Sight::New);
        assert_eq!(seen.meet(&id(1, 2, 1)), Sight::New);
        assert_eq!(seen.meet(&id(1, 2, 1)), Sight::Again);
        assert_eq!(seen.meet(&id(1, 1, 1)), Sight::New);
        assert_eq!(seen.meet(&id(1, 0, 0)), Sight::Again);
        assert_eq!(seen.take_changed()[0].seen, [0_u64; 0], "one number says all of it");
    }

    #[test]
    fn a_start_that_is_over_and_a_second_process_are_told_apart() {
        let mut seen = Seen::default();
        assert_eq!(seen.meet(&id(2, 0, 0)), Sight::New);
        assert_eq!(seen.meet(&id(1, 1, 0)), Sight::Over);
        assert_eq!(seen.meet(&PutId { nonce: 8, ..id(2, 1, 0) }), Sight::Over);
        assert_eq!(seen.meet(&id(2, 1, 0)), Sight::New);
        assert_eq!(seen.meet(&id(3, 0, 0)), Sight::New, "each start counts for itself");
        assert_eq!(seen.meet(&PutId { by: NodeId(2), ..id(1, 0, 0) }), Sight::New);
    }

    #[test]
    fn one_that_nobody_waits_for_any_more_is_not_carried_out_late() {
        let mut seen = Seen::default();
        assert_eq!(seen.meet(&id(1, 9, 9)), Sight::New);
        assert_eq!(seen.meet(&id(1, 3, 3)), Sight::Again);
    }

    #[test]
    fn what_is_remembered_has_a_limit_and_stays_right() {
        let mut seen = Seen::default();
        let many = SEEN_MAX as u64 * 3;
        // The first is on its way all the time.
        for number in 1..many {
            assert_eq!(seen.meet(&id(1, number, 0)), Sight::New);
        }
        assert!(seen.take_changed()[0].seen.len() <= SEEN_MAX);
        for number in 0..many {
            assert_eq!(seen.meet(&id(1, number, 0)), Sight::Again, "{number}");
        }
    }

    /// What a node does: it has some open, puts them in any order, any number of times.
    fn puts() -> impl Strategy<Value = Vec<(u16, u32, u64)>> {
        prop::collection::vec((1..4_u16, 1..4_u32, 0..20_u64), 0..200)
    }

    proptest! {
        /// Never twice, wherever it was read back from the disk in between; and the same from
        /// there on as at a node that was never stopped.
        #[test]
        fn nothing_is_met_for_the_first_time_twice(all in puts(), stop in 0..200_usize) {
            let (mut seen, mut disk) = (Seen::default(), BTreeMap::new());
            let mut again = None;
            let mut done = BTreeSet::new();
            for (at, (by, boot, number)) in all.iter().enumerate() {
                if at == stop {
                    let mut read = Seen::default();
                    for row in disk.values().cloned() {
                        read.restore(row);
                    }
                    again = Some(read);
                }
                // At most five are open.
                let id = PutId {
                    by: NodeId(*by),
                    boot: *boot,
                    nonce: u64::from(*boot),
                    number: *number,
                    open_from: number.saturating_sub(5),
                };
                let sight = seen.meet(&id);
                if sight == Sight::New {
                    prop_assert!(done.insert((*by, *boot, *number)), "{id:?} twice");
                }
                if let Some(again) = &mut again {
                    prop_assert_eq!(again.meet(&id), sight);
                    prop_assert_eq!(again.take_changed(), {
                        let rows = seen.take_changed();
                        for row in &rows {
                            disk.insert(row.node, row.clone());
                        }
                        rows
                    });
                } else {
                    for row in seen.take_changed() {
                        disk.insert(row.node, row);
                    }
                }
            }
        }
    }
}
