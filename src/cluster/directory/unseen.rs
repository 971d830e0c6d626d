//! What has changed of what other nodes see of accounts with rules, until the desk is told.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{NodeId, RowKey, Sight};

use super::super::Packed;
use super::{Directory, unpack};

/// The key before all that are told to the desk.
const BEFORE: RowKey = RowKey::Deposit(u64::MAX);

/// Which rows have changed; `None`: a node's as a whole.
#[derive(Debug, Default)]
pub(super) struct Unseen(BTreeMap<NodeId, Option<BTreeSet<RowKey>>>);

impl Unseen {
    /// Whether a row is one of those.
    pub(super) fn is_of(key: RowKey) -> bool {
        match key {
            RowKey::Account(_) | RowKey::Device(..) => true,
            RowKey::Call(_) | RowKey::Deposit(_) => false,
        }
    }

    pub(super) fn changed(&mut self, node: NodeId, key: RowKey) {
        if let Some(keys) = self.0.entry(node).or_insert_with(|| Some(BTreeSet::new())) {
            keys.insert(key);
        }
    }

    pub(super) fn all_changed(&mut self, node: NodeId) {
        self.0.insert(node, None);
    }
}

impl Directory {
    /// What has changed of what nodes see of accounts with rules, each node's for itself, and
    /// whether that is all that it sees. Of nodes that can't be spoken to it is nothing.
    pub fn take_unseen(&mut self) -> Vec<(NodeId, bool, Vec<Sight>)> {
        let unseen = std::mem::take(&mut self.unseen.0);
        let told = unseen.into_iter().map(|(node, keys)| {
            let read = |packed: &Packed| unpack(packed);
            match keys {
                _ if !self.copies.is_up(node) => (node, true, Vec::new()),
                Some(keys) => {
                    let row = |key| (key, self.copies.row(node, &key).and_then(read));
                    (node, false, keys.into_iter().map(row).collect())
                }
                None => {
                    let rows = self.copies.rows_after(node, Some(&BEFORE));
                    (node, true, rows.map(|(key, row)| (*key, read(row))).collect())
                }
            }
        });
        told.collect()
    }

    /// A node can be spoken to again, or cannot any more.
    pub fn peer(&mut self, node: NodeId, up: bool) {
        match up {
            true => self.copies.peer_up(node),
            false => self.copies.peer_down(node),
        }
        self.unseen.all_changed(node);
    }
}
