//! How far a cap holds when nodes fail.

use crate::domain::{Policy, PoolId, UNLIMITED};

use super::super::Desk;
use super::super::settings::TogetherSettings;

/// By how much a cap could at worst be exceeded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// Rights that nodes hold: above the cap when it was lowered while calls were up.
    pub out: u64,
    /// Calls on overdraft, over all nodes, when they can't reach each other.
    pub overdraft: u64,
    /// Calls of a node that was taken for dead and is not.
    pub revoked: u64,
}

impl Desk {
    /// How this node shares rights with others, as it stands now.
    #[must_use]
    pub fn sharing(&self) -> TogetherSettings {
        self.settings.together
    }

    /// By how much a cap could at worst be exceeded, emergencies, calls that nobody asked about and
    /// what an operator removes excepted.
    #[must_use]
    pub fn exposure(&self, pool: PoolId) -> Exposure {
        let (cap, policy) = (self.ledger.cap(pool), self.policy(pool));
        if cap >= UNLIMITED || !self.is_together() {
            return Exposure::default();
        }
        let out = self.ledger.out(pool);
        if policy != Policy::Available {
            return Exposure { out, ..Exposure::default() };
        }
        let TogetherSettings { overdraft, release_after_ms, .. } = self.settings.together;
        let nodes = u64::try_from(self.ledger.nodes()).unwrap_or(u64::MAX);
        let overdraft = nodes.saturating_mul(u64::from(overdraft));
        // Nobody is taken for dead where no time is set for it.
        let revoked = release_after_ms.map_or(0, |_| u64::from(cap).max(out));
        Exposure { out, overdraft, revoked }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Input, Joining, Settings, Ticket};
    use super::*;
    use crate::domain::{AccountName, LedgerCommand, NodeId, Now, PoolKind, SyncItem};
    use crate::registry::Command;

    const NOW: Now = Now { mono_ms: 1, wall_ms: 1 };

    /// What `max_calls` of an account could at worst be exceeded by, among two nodes.
    fn exposed(spec: &str, release_after_ms: Option<u64>, alone: bool) -> Exposure {
        let (desk, pool) = desk(spec, release_after_ms, alone);
        desk.exposure(pool)
    }

    fn desk(spec: &str, release_after_ms: Option<u64>, alone: bool) -> (Desk, PoolId) {
        let together = TogetherSettings { overdraft: 2, release_after_ms, ..Default::default() };
        let mut desk = Desk::new(Settings { together, ..Settings::default() });
        if !alone {
            desk.together(Joining { boot: 1, nonce: 7, founding: false }, NOW);
        }
        let command = Command::AccountAdd(serde_json::from_str(spec).unwrap());
        desk.handle(Input::Committed { ticket: Ticket(1), index: 1, command }, NOW);
        for node in [NodeId(1), NodeId(2)] {
            desk.handle(Input::Agreed(LedgerCommand::Hello { node, boot: 1, nonce: 7 }), NOW);
        }
        let account = desk.registry().find("alice").unwrap();
        (desk, PoolId::new(account, PoolKind::Total))
    }

    #[test]
    fn a_cap_that_was_lowered_under_calls_counts_what_is_out() {
        for policy in ["strict", "available"] {
            let spec = format!(r#"{{"name":"alice","max_calls":9,"policy":"{policy}"}}"#);
            let (mut desk, pool) = desk(&spec, Some(1), false);
            let (node, boot) = (NodeId(2), 1);
            let items = vec![SyncItem { pool, returned: 0, want: 9, beneficiary: node }];
            desk.handle(Input::Agreed(LedgerCommand::Sync { node, boot, items }), NOW);
            let name = AccountName::parse("alice").unwrap();
            let patch = serde_json::from_str(r#"{"max_calls":2}"#).unwrap();
            let command = Command::AccountSet { name, patch };
            desk.handle(Input::Committed { ticket: Ticket(2), index: 2, command }, NOW);
            let Exposure { out, revoked, .. } = desk.exposure(pool);
            assert_eq!((out, revoked), (9, if policy == "strict" { 0 } else { 9 }), "{policy}");
        }
    }

    #[test]
    fn a_cap_is_exceeded_by_overdraft_and_by_a_node_that_was_taken_for_dead() {
        let spec = r#"{"name":"alice","max_calls":9,"policy":"available"}"#;
        let at_worst = |overdraft, revoked| Exposure { out: 0, overdraft, revoked };
        assert_eq!(exposed(spec, Some(1), false), at_worst(4, 9));
        assert_eq!(exposed(spec, None, false), at_worst(4, 0));
        assert_eq!(exposed(spec, Some(1), true), at_worst(0, 0));
        let strict = r#"{"name":"alice","max_calls":9,"policy":"strict"}"#;
        assert_eq!(exposed(strict, Some(1), false), at_worst(0, 0));
        let uncapped = r#"{"name":"alice","max_in":9}"#;
        assert_eq!(exposed(uncapped, Some(1), false), at_worst(0, 0));
    }
}
