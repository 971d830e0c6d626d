//! Which commands may be under way side by side: those of different legs.
//!
//! Each leg has a lane in which its commands stand in the order in which they were asked for; the
//! first one of a lane is carried out, the others wait until it is done. A command for two legs
//! stands in both lanes and waits until it is the first of each. So one leg's slow command holds up
//! that leg alone.

use std::collections::{BTreeMap, VecDeque};

use crate::domain::LegId;

/// The number of a command that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// Commands that were asked for and are not done.
#[derive(Debug)]
pub(super) struct Lanes<T> {
    last: u64,
    lanes: BTreeMap<LegId, VecDeque<Ticket>>,
    commands: BTreeMap<Ticket, Command<T>>,
    /// Those that may begin, in order.
    ready: VecDeque<Ticket>,
}

#[derive(Debug)]
struct Command<T> {
    leg: LegId,
    other: Option<LegId>,
    what: T,
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self { last: 0, lanes: BTreeMap::new(), commands: BTreeMap::new(), ready: VecDeque::new() }
    }
}

impl<T> Command<T> {
    fn legs(&self) -> impl Iterator<Item = &LegId> {
        std::iter::once(&self.leg).chain(&self.other)
    }
}

impl<T: Clone> Lanes<T> {
    /// How many are asked for and not done.
    pub(super) fn len(&self) -> usize {
        self.commands.len()
    }

    /// A command for a leg, and perhaps for another one, is asked for.
    pub(super) fn ask(&mut self, leg: LegId, other: Option<LegId>, what: T) {
        self.last += 1;
        let ticket = Ticket(self.last);
        let other = other.filter(|other| *other != leg);
        let command = Command { leg, other, what };
        for leg in command.legs() {
            self.lanes.entry(leg.clone()).or_default().push_back(ticket);
        }
        self.commands.insert(ticket, command);
        self.look_at(ticket);
    }

    /// The next that may begin.
    pub(super) fn begin(&mut self) -> Option<(Ticket, T)> {
        let ticket = self.ready.pop_front()?;
        let command = self.commands.get(&ticket)?;
        Some((ticket, command.what.clone()))
    }

    /// One that has begun is done; who waited behind it may begin.
    pub(super) fn done(&mut self, ticket: Ticket) {
        let Some(command) = self.commands.remove(&ticket) else { return };
        for leg in command.legs() {
            let Some(lane) = self.lanes.get_mut(leg) else { continue };
            lane.pop_front();
            match lane.front().copied() {
                Some(next) => self.look_at(next),
                None => {
                    self.lanes.remove(leg);
                }
            }
        }
    }

    /// All that are not done, in the order in which they were asked for: those that have begun, too.
    pub(super) fn give_up(&mut self) -> impl Iterator<Item = T> {
        self.lanes.clear();
        self.ready.clear();
        std::mem::take(&mut self.commands).into_values().map(|command| command.what)
    }

    /// Whether it is the first in each of its lanes: then it is ready. It becomes so once.
    fn look_at(&mut self, ticket: Ticket) {
        let Some(command) = self.commands.get(&ticket) else { return };
        let first = |leg| self.lanes.get(leg).and_then(VecDeque::front) == Some(&ticket);
        if command.legs().all(first) {
            self.ready.push_back(ticket);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn leg(name: u8) -> LegId {
        LegId::parse(&format!("leg-{name}")).unwrap()
    }

    #[test]
    fn a_slow_leg_holds_up_itself_alone() {
        let mut lanes = Lanes::default();
        for (name, what) in [(1, "a"), (1, "b"), (2, "c"), (2, "d")] {
            lanes.ask(leg(name), None, what);
        }
        let (first, what) = lanes.begin().unwrap();
        assert_eq!(what, "a");
        let (second, what) = lanes.begin().unwrap();
        assert_eq!((what, lanes.begin()), ("c", None));
        lanes.done(second);
        assert_eq!(lanes.begin().unwrap().1, "d");
        lanes.done(first);
        assert_eq!(lanes.begin().unwrap().1, "b");
        assert_eq!((lanes.len(), lanes.give_up().collect()), (2, vec!["b", "d"]));
        assert_eq!((lanes.len(), lanes.begin()), (0, None));
    }

    #[test]
    fn what_is_for_two_legs_waits_for_both() {
        let mut lanes = Lanes::default();
        lanes.ask(leg(1), None, "a");
        lanes.ask(leg(2), None, "b");
        lanes.ask(leg(1), Some(leg(2)), "bridge");
        lanes.ask(leg(2), None, "c");
        lanes.ask(leg(3), Some(leg(3)), "itself");
        let (a, _) = lanes.begin().unwrap();
        let (b, _) = lanes.begin().unwrap();
        assert_eq!(lanes.begin().unwrap().1, "itself");
        lanes.done(b);
        assert_eq!(lanes.begin(), None);
        lanes.done(a);
        let (bridge, what) = lanes.begin().unwrap();
        assert_eq!((what, lanes.begin()), ("bridge", None));
        lanes.done(bridge);
        assert_eq!(lanes.begin().unwrap().1, "c");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Each begins once, none while another of its legs is under way, those of a leg in order,
        /// and none is left.
        #[test]
        fn every_command_has_its_turn(
            asked in proptest::collection::vec((0_u8..5, proptest::option::of(0_u8..5)), 0..60),
            turns in proptest::collection::vec(any::<u8>(), 200),
        ) {
            let mut lanes = Lanes::default();
            let mut under_way: Vec<(Ticket, usize)> = Vec::new();
            let mut begun: Vec<usize> = Vec::new();
            let mut next = 0;
            let legs = |which: usize| {
                let (one, other) = asked[which];
                std::iter::once(one).chain(other)
            };
            for turn in turns.iter().chain(std::iter::repeat(&1)).take(1_000) {
                if turn % 3 == 0 && next < asked.len() {
                    lanes.ask(leg(asked[next].0), asked[next].1.map(leg), next);
                    next += 1;
                } else if turn % 3 == 1 && !under_way.is_empty() {
                    let (ticket, _) = under_way.swap_remove(usize::from(*turn) % under_way.len());
                    lanes.done(ticket);
                } else if next < asked.len() {
                    lanes.ask(leg(asked[next].0), asked[next].1.map(leg), next);
                    next += 1;
                }
                while let Some((ticket, which)) = lanes.begin() {
                    for (_, busy) in &under_way {
                        prop_assert!(!legs(*busy).any(|name| legs(which).any(|own| own == name)));
                    }
                    under_way.push((ticket, which));
                    begun.push(which);
                }
            }
            for name in 0..5 {
                let own: Vec<usize> =
                    begun.iter().copied().filter(|which| legs(*which).any(|leg| leg == name)).collect();
                prop_assert!(own.is_sorted(), "{own:?}");
            }
            prop_assert_eq!((begun.len(), lanes.len(), lanes.lanes.len()), (asked.len(), 0, 0));
        }
    }
}
