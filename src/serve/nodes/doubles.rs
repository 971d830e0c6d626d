//! Calls in a proxy's list that other nodes have: they are not adopted here. And calls that two
//! nodes count, because a proxy has asked the second before the first could answer.
//!
//! A node that counts a call and sees it in its list keeps it, and tells the others. Where nobody
//! who counts it sees it, whoever does see it tells all but the first of them.

use std::collections::BTreeMap;

use crate::domain::{NodeId, SeenDialog, SwitchEvent};
use crate::peers::Lane;

use super::super::house::{House, lock};
use super::Nodes;
use super::letter::Letter;
use super::rows::Rows;

/// The most calls of which a node is told at once that they are counted twice.
const TOLD_MAX: usize = 100;
/// For how long two others have to count a call until they are told, in milliseconds: one of their
/// rows may be about to go.
const DOUBLE_FOR_MS: u64 = 2_000;
/// After how long it is forgotten that they did, in milliseconds; well above the time between two
/// looks.
const FORGOTTEN_AFTER_MS: u64 = 120_000;
/// Of how many calls that is remembered. Others have to wait.
const REMEMBERED_MAX: usize = 10_000;

/// Calls that two others count, and since when that is known here (milliseconds, monotonic).
#[derive(Debug, Default)]
pub(super) struct Doubles(BTreeMap<Box<str>, u64>);

impl Doubles {
    /// Two others count this call; says whether they have done so for long enough.
    fn last(&mut self, call_id: &str, now_ms: u64) -> bool {
        if let Some(since_ms) = self.0.get(call_id) {
            return now_ms.saturating_sub(*since_ms) >= DOUBLE_FOR_MS;
        }
        if self.0.len() < REMEMBERED_MAX {
            self.0.insert(call_id.into(), now_ms);
        }
        false
    }

    fn forget_old(&mut self, now_ms: u64) {
        self.0.retain(|_, since_ms| now_ms.saturating_sub(*since_ms) < FORGOTTEN_AFTER_MS);
    }
}

/// What is to be told of doubles: to whom, and who keeps them.
type Told = BTreeMap<(NodeId, Option<NodeId>), Vec<String>>;

impl Rows {
    /// Takes out what other nodes' calls are: a proxy's list shows them too, and they are not
    /// adopted here. Nodes are told of calls that others keep.
    pub(crate) fn own_dialogs(
        &self,
        house: &House,
        nodes: &Nodes,
        mut dialogs: Vec<SeenDialog>,
    ) -> Vec<SeenDialog> {
        let now_ms = house.now().mono_ms;
        lock(&self.doubles).forget_old(now_ms);
        let mut told = Told::new();
        dialogs.retain(|dialog| {
            let own = house.desk().find_call(&dialog.call_id).is_some();
            let far: Vec<NodeId> =
                self.directory().find_all(&dialog.call_id).map(|far| far.node).collect();
            self.doubles_of(&dialog.call_id, own, &far, now_ms, &mut told);
            own || far.is_empty()
        });
        for ((node, keeper), calls) in told {
            let letter = match keeper {
                None => Letter::Elsewhere(calls),
                Some(keeper) => Letter::Kept { calls, keeper },
            };
            let _ = nodes.send(node, Lane::Rows, &letter);
        }
        dialogs
    }

    fn doubles_of(&self, call_id: &str, own: bool, far: &[NodeId], now_ms: u64, told: &mut Told) {
        let (keeper, others) = match far.split_first() {
            Some(_) if own => (None, far),
            Some((first, others)) if !others.is_empty() => (Some(*first), others),
            Some(_) | None => return,
        };
        if keeper.is_some() && !lock(&self.doubles).last(call_id, now_ms) {
            return;
        }
        for node in others {
            let calls = told.entry((*node, keeper)).or_default();
            if calls.len() < TOLD_MAX {
                calls.push(call_id.to_owned());
            }
        }
    }

    /// The same with what a switch tells.
    pub(crate) fn own_of_switch(
        &self,
        house: &House,
        nodes: &Nodes,
        event: SwitchEvent,
    ) -> SwitchEvent {
        let SwitchEvent::Calls(calls) = event else { return event };
        SwitchEvent::Calls(self.own_dialogs(house, nodes, calls))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_others_are_given_time_and_are_told_again_later() {
        let mut doubles = Doubles::default();
        assert!(!doubles.last("a@h", 1_000));
        assert!(!doubles.last("a@h", 2_999));
        assert!(doubles.last("a@h", 3_000) && doubles.last("a@h", 9_000));
        assert!(!doubles.last("b@h", 9_000), "each for itself");
        doubles.forget_old(1_000 + FORGOTTEN_AFTER_MS);
        assert!(!doubles.last("a@h", 1_000 + FORGOTTEN_AFTER_MS));
        assert!(doubles.last("b@h", 1_000 + FORGOTTEN_AFTER_MS));
    }

    #[test]
    fn what_is_remembered_has_a_limit() {
        let mut doubles = Doubles::default();
        for number in 0..REMEMBERED_MAX + 5 {
            doubles.last(&number.to_string(), 0);
        }
        assert_eq!(doubles.0.len(), REMEMBERED_MAX);
        assert!(!doubles.last("one more", DOUBLE_FOR_MS));
    }
}
