//! How far a cap holds when nodes fail.

use crate::domain::{Policy, PoolId, UNLIMITED};

use super::super::Desk;
use super::super::settings::TogetherSettings;

/// By how much a cap could at worst be exceeded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
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
        if policy != Policy::Available || cap >= UNLIMITED || !self.is_together() {
            return Exposure::default();
        }
        let TogetherSettings { overdraft, release_after_ms, .. } = self.settings.together;
        let nodes = u64::try_from(self.ledger.nodes()).unwrap_or(u64::MAX);
        let overdraft = nodes.saturating_mul(u64::from(overdraft));
        // Nobody is taken for dead where no time is set for it.
        let revoked = release_after_ms.map_or(0, |_| u64::from(cap));
        Exposure { overdraft, revoked }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Input, Joining, Settings, Ticket};
    use super::*;
    use crate::domain::{LedgerCommand, NodeId, Now, PoolKind};
    use crate::registry::Command;

    const NOW: Now = Now { mono_ms: 1, wall_ms: 1 };

    /// What `max_calls` of an account could at worst be exceeded by, among two nodes.
    fn exposed(spec: &str, release_after_ms: Option<u64>, alone: bool) -> Exposure {
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
        desk.exposure(PoolId::new(account, PoolKind::Total))
    }

    #[test]
    fn a_cap_is_exceeded_by_overdraft_and_by_a_node_that_was_taken_for_dead() {
        let spec = r#"{"name":"alice","max_calls":9,"policy":"available"}"#;
        let at_worst = |overdraft, revoked| Exposure { overdraft, revoked };
        assert_eq!(exposed(spec, Some(1), false), at_worst(4, 9));
        assert_eq!(exposed(spec, None, false), at_worst(4, 0));
        assert_eq!(exposed(spec, Some(1), true), at_worst(0, 0));
        let strict = r#"{"name":"alice","max_calls":9,"policy":"strict"}"#;
        assert_eq!(exposed(strict, Some(1), false), at_worst(0, 0));
        let uncapped = r#"{"name":"alice","max_in":9}"#;
        assert_eq!(exposed(uncapped, Some(1), false), at_worst(0, 0));
    }
}
