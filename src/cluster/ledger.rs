//! The ledger: who may carry how many calls of which account.
//!
//! One logical issuer of rights, a pure function of its commands. For each pool and node it keeps
//! two totals that only grow: `granted`, written by the ledger alone, and `returned`, reported by
//! the node alone. What a node holds is their difference, and
//!
//! > **I1** Σ over nodes (granted − returned) ≤ cap, unless the cap was lowered; then the sum does
//! > not grow until it fits again.
//!
//! All messages carry totals, never differences: any of them may be lost, repeated or overtaken.

use std::collections::BTreeMap;

use crate::domain::{
    Grant, Holding, LEDGER_BATCH_MAX, LedgerCommand, LedgerReply, NodeId, PoolId, SyncItem,
    UNLIMITED,
};

/// Caps up to this are granted whole: a small account lives at one node and never asks again.
const SMALL_CAP_MAX: u32 = 10;

/// All rights of an installation.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    starts: BTreeMap<NodeId, Start>,
    pools: BTreeMap<PoolId, Pool>,
}

#[derive(Clone, Copy, Debug)]
struct Start {
    boot: u32,
    nonce: u64,
}

#[derive(Clone, Debug)]
struct Pool {
    cap: u32,
    /// At most one a node; an installation has few nodes, so a list is the smallest map.
    shares: Vec<Share>,
}

#[derive(Clone, Copy, Debug)]
struct Share {
    node: NodeId,
    granted: u64,
    returned: u64,
}

impl Ledger {
    /// Carries out one command. The same commands in the same order give the same ledger.
    pub fn apply(&mut self, command: &LedgerCommand) -> LedgerReply {
        match command {
            LedgerCommand::Hello { node, boot, nonce } => self.hello(*node, *boot, *nonce),
            LedgerCommand::Sync { node, boot, items } => self.sync(*node, *boot, items),
            LedgerCommand::SetCap { pool, cap } => {
                self.pool(*pool).cap = (*cap).min(UNLIMITED);
                LedgerReply::Done
            }
            LedgerCommand::Revoke { node, expected_boot } => self.revoke(*node, *expected_boot),
        }
    }

    /// The cap of a pool.
    #[must_use]
    pub fn cap(&self, pool: PoolId) -> u32 {
        self.pools.get(&pool).map_or(UNLIMITED, |pool| pool.cap)
    }

    /// What all nodes together hold of a pool.
    #[must_use]
    pub fn out(&self, pool: PoolId) -> u64 {
        self.pools.get(&pool).map_or(0, Pool::out)
    }

    /// Rights that are out, summed over all pools with a cap; for the figures.
    #[must_use]
    pub fn out_of_capped(&self) -> u64 {
        self.pools.values().filter(|pool| pool.cap < UNLIMITED).map(Pool::out).sum()
    }

    fn pool(&mut self, pool: PoolId) -> &mut Pool {
        self.pools.entry(pool).or_insert_with(|| Pool { cap: UNLIMITED, shares: Vec::new() })
    }

    fn hello(&mut self, node: NodeId, boot: u32, nonce: u64) -> LedgerReply {
        if let Some(known) = self.starts.get(&node)
            && (boot < known.boot || (boot == known.boot && nonce != known.nonce))
        {
            return LedgerReply::BootTooOld { current: known.boot };
        }
        self.starts.insert(node, Start { boot, nonce });
        let held = self.pools.iter().filter_map(|(id, pool)| {
            let share = pool.shares.iter().find(|share| share.node == node)?;
            (share.granted > share.returned).then_some(Holding {
                pool: *id,
                granted: share.granted,
                returned: share.returned,
            })
        });
        LedgerReply::HelloOk(held.collect())
    }

    fn sync(&mut self, node: NodeId, boot: u32, items: &[SyncItem]) -> LedgerReply {
        let current = self.starts.get(&node).map_or(0, |start| start.boot);
        if boot != current {
            return LedgerReply::Stale { current };
        }
        let grants = items.iter().take(LEDGER_BATCH_MAX).map(|item| {
            let boot = self.starts.get(&item.beneficiary).map_or(0, |start| start.boot);
            let pool = self.pool(item.pool);
            let giver = pool.share(node);
            // A report that was overtaken must not take anything back, and nobody can return
            // what was never granted.
            giver.returned = giver.returned.max(item.returned.min(giver.granted));
            let given = pool.issuable().min(item.want);
            let share = pool.share(item.beneficiary);
            share.granted += u64::from(given);
            Grant {
                node: item.beneficiary,
                boot,
                pool: item.pool,
                granted: share.granted,
                returned: share.returned,
                short: item.want > 0 && given == 0,
            }
        });
        LedgerReply::Granted(grants.collect())
    }

    fn revoke(&mut self, node: NodeId, expected_boot: u32) -> LedgerReply {
        let Some(start) = self.starts.get_mut(&node) else { return LedgerReply::Done };
        if start.boot != expected_boot {
            return LedgerReply::Stale { current: start.boot };
        }
        start.boot += 1;
        start.nonce = 0;
        for share in self.pools.values_mut().flat_map(|pool| &mut pool.shares) {
            if share.node == node {
                share.returned = share.granted;
            }
        }
        LedgerReply::Done
    }
}

impl Pool {
    fn out(&self) -> u64 {
        self.shares.iter().map(|share| share.granted - share.returned).sum()
    }

    /// How many rights may go out at once: all of a small cap, half of what is left of a large
    /// one, so that the first node to ask does not leave the others with nothing.
    fn issuable(&self) -> u32 {
        let free = u64::from(self.cap).saturating_sub(self.out());
        let issuable = if self.cap <= SMALL_CAP_MAX { free } else { free.div_ceil(2) };
        u32::try_from(issuable).unwrap_or(u32::MAX)
    }

    fn share(&mut self, node: NodeId) -> &mut Share {
        let position = self.shares.iter().position(|share| share.node == node);
        let position = position.unwrap_or_else(|| {
            self.shares.push(Share { node, granted: 0, returned: 0 });
            self.shares.len() - 1
        });
        &mut self.shares[position]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AccountKey, PoolKind};

    const A: NodeId = NodeId(1);
    const B: NodeId = NodeId(2);

    fn pool() -> PoolId {
        PoolId::new(AccountKey(7), PoolKind::Total)
    }

    fn ledger(cap: u32) -> Ledger {
        let mut ledger = Ledger::default();
        ledger.apply(&LedgerCommand::SetCap { pool: pool(), cap });
        for node in [A, B] {
            ledger.apply(&LedgerCommand::Hello { node, boot: 1, nonce: 9 });
        }
        ledger
    }

    fn sync(ledger: &mut Ledger, node: NodeId, returned: u64, want: u32) -> Option<Grant> {
        let items = vec![SyncItem { pool: pool(), returned, want, beneficiary: node }];
        match ledger.apply(&LedgerCommand::Sync { node, boot: 1, items }) {
            LedgerReply::Granted(grants) => grants.first().copied(),
            LedgerReply::HelloOk(_)
            | LedgerReply::BootTooOld { .. }
            | LedgerReply::Stale { .. }
            | LedgerReply::Done => None,
        }
    }

    #[test]
    fn a_small_cap_goes_out_whole_and_no_further() {
        let mut ledger = ledger(5);
        assert_eq!(sync(&mut ledger, A, 0, 5).unwrap().granted, 5);
        assert!(sync(&mut ledger, B, 0, 5).unwrap().short);
        assert_eq!(sync(&mut ledger, A, 2, 0).unwrap().granted, 5);
        assert_eq!(sync(&mut ledger, B, 0, 5).unwrap().granted, 2);
        assert_eq!(ledger.out(pool()), 5);
    }

    #[test]
    fn a_large_cap_goes_out_by_halves() {
        let mut ledger = ledger(100);
        assert_eq!(sync(&mut ledger, A, 0, 100).unwrap().granted, 50);
        assert_eq!(sync(&mut ledger, B, 0, 100).unwrap().granted, 25);
        let last = (0..20).filter_map(|_| sync(&mut ledger, A, 0, 100)).last();
        assert!(last.unwrap().short);
        assert_eq!(ledger.out(pool()), 100);
    }

    #[test]
    fn repeated_and_overtaken_reports_do_no_harm() {
        let mut ledger = ledger(5);
        sync(&mut ledger, A, 0, 5);
        sync(&mut ledger, A, 3, 0);
        sync(&mut ledger, A, 1, 0);
        assert_eq!(ledger.out(pool()), 2, "an older report takes nothing back");
        sync(&mut ledger, A, 99, 0);
        assert_eq!(ledger.out(pool()), 0, "nobody returns what was never granted");
    }

    #[test]
    fn a_start_that_is_over_is_not_heard() {
        let mut ledger = ledger(5);
        sync(&mut ledger, A, 0, 5);
        let old = ledger.apply(&LedgerCommand::Hello { node: A, boot: 1, nonce: 8 });
        assert_eq!(old, LedgerReply::BootTooOld { current: 1 }, "two processes, one start");
        let LedgerReply::HelloOk(held) =
            ledger.apply(&LedgerCommand::Hello { node: A, boot: 2, nonce: 8 })
        else {
            panic!("a later start is heard");
        };
        assert_eq!((held[0].granted, held[0].returned), (5, 0));
        assert_eq!(sync(&mut ledger, A, 5, 0), None, "the earlier start is not");
        ledger.apply(&LedgerCommand::Revoke { node: A, expected_boot: 1 });
        assert_eq!(ledger.out(pool()), 5, "a later start is not revoked for an earlier one");
        ledger.apply(&LedgerCommand::Revoke { node: A, expected_boot: 2 });
        assert_eq!(ledger.out(pool()), 0);
    }

    #[test]
    fn a_lowered_cap_lets_nothing_grow() {
        let mut ledger = ledger(5);
        sync(&mut ledger, A, 0, 5);
        ledger.apply(&LedgerCommand::SetCap { pool: pool(), cap: 2 });
        assert!(sync(&mut ledger, A, 1, 5).unwrap().short);
        assert_eq!(ledger.out(pool()), 4);
        assert_eq!(sync(&mut ledger, A, 4, 5).unwrap().granted, 6);
        assert_eq!(ledger.out(pool()), 2);
    }
}
