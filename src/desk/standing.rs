//! How rights stand, for whoever looks after a cluster.

mod exposure;

use std::collections::BTreeMap;

use crate::admission::RightsSum;
use crate::domain::{AccountKey, NodeId, Policy, PoolId};

use super::Desk;

pub use exposure::Exposure;

/// How many pools or accounts are looked at in one turn: calls wait meanwhile.
const PORTION: usize = 5_000;

/// What a node holds of all accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reserved {
    /// Rights.
    pub rights: u64,
    /// How many caps they are of.
    pub caps: u64,
    /// How many accounts.
    pub accounts: u64,
    /// Of these, with policy `strict`.
    pub strict: u64,
    last: Option<AccountKey>,
}

impl Desk {
    /// Adds up what nodes hold, in a portion of the ledger behind a pool; gives the place where to
    /// go on, if there may be more.
    pub fn reserved(
        &self,
        nodes: &mut BTreeMap<NodeId, Reserved>,
        after: Option<PoolId>,
    ) -> Option<PoolId> {
        let (held, last) = self.ledger.held_behind(after, PORTION);
        for (pool, node, rights) in held {
            let Some(reserved) = nodes.get_mut(&node) else { continue };
            reserved.rights += rights;
            reserved.caps += 1;
            // Caps of one account stand beside each other.
            if reserved.last.replace(pool.account()) != Some(pool.account()) {
                reserved.accounts += 1;
                reserved.strict += u64::from(self.policy(pool) == Policy::Strict);
            }
        }
        last
    }

    /// Adds up the rights of capped accounts that are out, in the same portions.
    pub fn add_up_out(&self, out: &mut u64, after: Option<PoolId>) -> Option<PoolId> {
        let (held, last) = self.ledger.held_behind(after, PORTION);
        *out += held.iter().map(|(.., rights)| rights).sum::<u64>();
        last
    }

    /// Adds up this node's rights, a portion from an account on; gives the place where to go on.
    pub fn add_up_rights(&self, sum: &mut RightsSum, from: usize) -> Option<usize> {
        self.rights.add_up(sum, from, PORTION)
    }

    /// How many questions wait for rights of other nodes.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.together.as_ref().map_or(0, |together| together.waiting.len())
    }

    /// Since when the oldest of them waits, milliseconds on the monotonic clock.
    #[must_use]
    pub fn waiting_since_ms(&self) -> Option<u64> {
        self.together.as_ref()?.waiting.oldest_ms()
    }

    /// How many may wait.
    #[must_use]
    pub fn waiting_max(&self) -> usize {
        self.settings.together.waiting_max
    }

    /// Whether the ledger has said that this start is over.
    #[must_use]
    pub fn is_fenced(&self) -> bool {
        self.together.as_ref().is_some_and(|together| together.fenced)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Input, Joining, Settings, Ticket};
    use super::*;
    use crate::domain::{LedgerCommand, Now, PoolKind, SyncItem};
    use crate::registry::Command;

    const NOW: Now = Now { mono_ms: 1, wall_ms: 1 };

    #[test]
    fn what_a_node_holds_is_added_up_by_account() {
        let mut desk = Desk::new(Settings::default());
        desk.together(Joining { boot: 1, nonce: 7, founding: false }, NOW);
        for (index, spec) in (1..).zip([
            r#"{"name":"alice","max_calls":9,"max_in":5,"policy":"strict"}"#,
            r#"{"name":"bob","max_out":20,"policy":"available"}"#,
            r#"{"name":"carol","policy":"strict"}"#,
        ]) {
            let command = Command::AccountAdd(serde_json::from_str(spec).unwrap());
            desk.handle(Input::Committed { ticket: Ticket(1), index, command }, NOW);
        }
        let pool = |name: &str, kind| PoolId::new(desk.registry().find(name).unwrap(), kind);
        let pools = [
            pool("alice", PoolKind::Total),
            pool("alice", PoolKind::In),
            pool("bob", PoolKind::Out),
            pool("carol", PoolKind::Total),
        ];
        let (node, boot) = (NodeId(2), 1);
        desk.handle(Input::Agreed(LedgerCommand::Hello { node, boot, nonce: 7 }), NOW);
        let item = |pool| SyncItem { pool, returned: 0, want: 9, beneficiary: node };
        let items = pools.map(item).into();
        desk.handle(Input::Agreed(LedgerCommand::Sync { node, boot, items }), NOW);
        let mut nodes = BTreeMap::from([(node, Reserved::default())]);
        assert_eq!(desk.reserved(&mut nodes, None), None);
        let reserved = nodes[&node];
        let Reserved { rights, caps, accounts, strict, .. } = reserved;
        assert_eq!((rights, caps, accounts, strict), (9 + 5 + 9, 3, 2, 1));
        assert!(!desk.is_fenced() && desk.waiting_since_ms().is_none());
    }
}
