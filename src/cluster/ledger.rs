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

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::domain::{
    AccountKey, Grant, HeldShare, Holding, LEDGER_BATCH_MAX, LedgerCommand, LedgerReply, LedgerRow,
    NodeId, PoolId, SyncItem, UNLIMITED,
};

/// Caps up to this are granted whole: a small account lives at one node and never asks again.
const SMALL_CAP_MAX: u32 = 10;

/// All rights of an installation.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    starts: BTreeMap<NodeId, Start>,
    pools: BTreeMap<PoolId, Pool>,
    /// Accounts whose rights nobody frees on a presumption.
    strict: BTreeSet<AccountKey>,
    /// What has changed since somebody took it, to be written down; a command names few.
    touched_starts: BTreeSet<NodeId>,
    touched_shares: BTreeSet<(PoolId, NodeId)>,
    /// Nobody writes anything down: the ledger of a single node dies with it.
    forgetful: bool,
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
    /// Freed on a presumption; see [`LedgerRow::Share`].
    revoked: bool,
}

impl Ledger {
    /// A ledger of which nothing is ever written down: that of a node that is alone.
    #[must_use]
    pub fn forgetful() -> Self {
        Self { forgetful: true, ..Self::default() }
    }

    /// All starts and shares are forgotten; caps and policies stay. From here on changes are kept
    /// for [`Ledger::take_touched`].
    pub fn begin_anew(&mut self) {
        self.starts.clear();
        self.pools.values_mut().for_each(|pool| pool.shares.clear());
        self.touched_starts.clear();
        self.touched_shares.clear();
        self.forgetful = false;
    }

    /// Carries out one command. The same commands in the same order give the same ledger.
    pub fn apply(&mut self, command: &LedgerCommand) -> LedgerReply {
        match command {
            LedgerCommand::Hello { node, boot, nonce } => self.hello(*node, *boot, *nonce),
            LedgerCommand::Sync { node, boot, items } => self.sync(*node, *boot, items),
            LedgerCommand::SetCap { pool, cap } => {
                self.pool(*pool).cap = (*cap).min(UNLIMITED);
                LedgerReply::Done
            }
            LedgerCommand::Revoke { node, expected_boot, attested } => {
                self.revoke(*node, *expected_boot, *attested)
            }
        }
    }

    /// Says whether an account is strict. Follows from the registry, as caps do.
    pub fn set_strict(&mut self, account: AccountKey, strict: bool) {
        if strict {
            self.strict.insert(account);
        } else {
            self.strict.remove(&account);
        }
    }

    /// The newest start of a node; 0 for one that never said hello.
    #[must_use]
    pub fn boot(&self, node: NodeId) -> u32 {
        self.starts.get(&node).map_or(0, |start| start.boot)
    }

    /// What each node holds of a pool, and who lost what it held. Nodes without either are left
    /// out.
    #[must_use]
    pub fn shares(&self, pool: PoolId) -> Vec<HeldShare> {
        let shares = self.pools.get(&pool).map_or(&[][..], |pool| &pool.shares);
        let shares = shares.iter().map(|share| HeldShare {
            node: share.node,
            held: share.held(),
            granted: share.granted,
            revoked: share.revoked,
        });
        shares.filter(|share| share.held > 0 || share.revoked).collect()
    }

    /// What nodes hold of pools with a cap, through at most so many pools behind one; and the last
    /// of these, if there may be more.
    #[must_use]
    pub fn held_behind(
        &self,
        after: Option<PoolId>,
        max: usize,
    ) -> (Vec<(PoolId, NodeId, u64)>, Option<PoolId>) {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let pools = self.pools.range((from, Bound::Unbounded)).take(max);
        let last = pools.clone().nth(max.saturating_sub(1)).map(|(id, _)| *id);
        let held = pools.filter(|(_, pool)| pool.cap < UNLIMITED).flat_map(|(id, pool)| {
            let held = pool.shares.iter().filter(|share| share.held() > 0);
            held.map(|share| (*id, share.node, share.held()))
        });
        (held.collect(), last)
    }

    /// How many rights of a pool are free.
    #[must_use]
    pub fn free(&self, pool: PoolId) -> u64 {
        self.pools.get(&pool).map_or_else(|| UNLIMITED.into(), Pool::free)
    }

    /// Whether a node lost rights of a pool on a presumption and has not said since then that its
    /// calls are covered.
    #[must_use]
    pub fn is_revoked(&self, pool: PoolId, node: NodeId) -> bool {
        let pool = self.pools.get(&pool);
        pool.is_some_and(|pool| pool.shares.iter().any(|it| it.node == node && it.revoked))
    }

    /// The pools of which that holds for a node.
    #[must_use]
    pub fn revoked_of(&self, node: NodeId) -> Vec<PoolId> {
        let revoked = |pool: &Pool| pool.shares.iter().any(|it| it.node == node && it.revoked);
        self.pools.iter().filter(|(_, pool)| revoked(pool)).map(|(id, _)| *id).collect()
    }

    /// The pools of which a node holds something.
    pub fn held_by(&self, node: NodeId) -> impl Iterator<Item = PoolId> + '_ {
        let holds =
            move |pool: &Pool| pool.shares.iter().any(|it| it.node == node && it.held() > 0);
        self.pools.iter().filter(move |(_, pool)| holds(pool)).map(|(id, _)| *id)
    }

    /// How many nodes have ever said hello.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.starts.len()
    }

    /// Whether presuming this node dead would free anything.
    #[must_use]
    pub fn is_worth_revoking(&self, node: NodeId) -> bool {
        let mut pools = self.pools.iter();
        pools.any(|(id, pool)| self.is_presumable(*id, pool, node))
    }

    /// Whether the rights of a node in a pool may be freed on a presumption: there are some, the
    /// account is not strict, and no other node's are free in this way already.
    fn is_presumable(&self, id: PoolId, pool: &Pool, node: NodeId) -> bool {
        !self.strict.contains(&id.account())
            && pool.cap < UNLIMITED
            && pool.shares.iter().any(|share| share.node == node && share.held() > 0)
            && pool.shares.iter().all(|share| !share.revoked)
    }

    /// The whole ledger, to be written down or sent to a newcomer.
    pub fn rows(&self) -> impl Iterator<Item = LedgerRow> + '_ {
        let starts = self.starts.iter().map(|(node, start)| start.row(*node));
        let shares = self.pools.iter();
        starts.chain(shares.flat_map(|(id, pool)| pool.shares.iter().map(|share| share.row(*id))))
    }

    /// Takes in a row as it was written down. Caps and policies come from the registry.
    pub fn restore(&mut self, row: &LedgerRow) {
        match *row {
            LedgerRow::Start { node, boot, nonce } => {
                self.starts.insert(node, Start { boot, nonce });
            }
            LedgerRow::Share { pool, node, granted, returned, revoked } => {
                let share = self.pool(pool).share(node);
                (share.granted, share.returned) = (granted, returned.min(granted));
                share.revoked = revoked;
            }
        }
    }

    /// What has changed since the last time, as it is now; to be written down together with the
    /// number of the entry of the log that did it.
    pub fn take_touched(&mut self) -> Vec<LedgerRow> {
        let starts = std::mem::take(&mut self.touched_starts).into_iter();
        let starts = starts.filter_map(|node| Some(self.starts.get(&node)?.row(node)));
        let mut rows: Vec<LedgerRow> = starts.collect();
        for (id, node) in std::mem::take(&mut self.touched_shares) {
            let shares = self.pools.get(&id).map_or(&[][..], |pool| &pool.shares);
            rows.extend(shares.iter().find(|share| share.node == node).map(|it| it.row(id)));
        }
        rows
    }

    fn touch(&mut self, pool: PoolId, node: NodeId) {
        if !self.forgetful {
            self.touched_shares.insert((pool, node));
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

    /// Whether a process has said hello with the newest start of a node. Else that start stands for
    /// one that was revoked.
    #[must_use]
    pub fn is_started(&self, node: NodeId) -> bool {
        self.starts.get(&node).is_some_and(|start| start.nonce != 0)
    }

    fn pool(&mut self, pool: PoolId) -> &mut Pool {
        self.pools.entry(pool).or_insert_with(|| Pool { cap: UNLIMITED, shares: Vec::new() })
    }

    fn hello(&mut self, node: NodeId, boot: u32, nonce: u64) -> LedgerReply {
        if let Some(known) = self.starts.get(&node)
            && (boot < known.boot
                || (boot == known.boot && known.nonce != 0 && nonce != known.nonce))
        {
            return LedgerReply::BootTooOld { current: known.boot };
        }
        self.starts.insert(node, Start { boot, nonce });
        if !self.forgetful {
            self.touched_starts.insert(node);
        }
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
        let current = self.boot(node);
        if boot != current {
            return LedgerReply::Stale { current };
        }
        let items = items.iter().take(LEDGER_BATCH_MAX);
        LedgerReply::Granted(items.map(|item| self.sync_item(node, item)).collect())
    }

    fn sync_item(&mut self, node: NodeId, item: &SyncItem) -> Grant {
        let start = self.starts.get(&item.beneficiary);
        let (boot, is_there) = start.map_or((0, false), |start| (start.boot, start.nonce != 0));
        let pool = self.pool(item.pool);
        let giver = pool.share(node);
        // A report that was overtaken must not take anything back, and nobody can return what was
        // never granted.
        let before = (giver.returned, giver.revoked);
        giver.returned = giver.returned.max(item.returned.min(giver.granted));
        // Who returns without a wish has all of its calls covered.
        giver.revoked &= item.want > 0;
        let returned = before != (giver.returned, giver.revoked);
        // What is given back for somebody is for him, whatever half of the rest would be.
        let free = match item.beneficiary {
            own if own == node => pool.issuable(),
            _ if is_there => pool.free_u32(),
            // Nobody is there who could ever give it back.
            _ => 0,
        };
        let given = free.min(item.want);
        let share = pool.share(item.beneficiary);
        share.granted += u64::from(given);
        let grant = Grant {
            node: item.beneficiary,
            boot,
            pool: item.pool,
            granted: share.granted,
            returned: share.returned,
            short: item.want > 0 && given == 0,
        };
        if returned {
            self.touch(item.pool, node);
        }
        if given > 0 {
            self.touch(item.pool, item.beneficiary);
        }
        grant
    }

    fn revoke(&mut self, node: NodeId, expected_boot: u32, attested: bool) -> LedgerReply {
        let Some(start) = self.starts.get_mut(&node) else { return LedgerReply::Done };
        if start.boot != expected_boot {
            return LedgerReply::Stale { current: start.boot };
        }
        start.boot = start.boot.saturating_add(1);
        start.nonce = 0;
        let freed: Vec<PoolId> = self
            .pools
            .iter()
            .filter(|(id, pool)| attested || self.is_presumable(**id, pool, node))
            .map(|(id, _)| *id)
            .collect();
        for id in freed {
            let Some(pool) = self.pools.get_mut(&id) else { continue };
            let shares = pool.shares.iter_mut();
            for share in shares.filter(|share| share.node == node) {
                share.returned = share.granted;
                share.revoked = !attested;
                if !self.forgetful {
                    self.touched_shares.insert((id, node));
                }
            }
        }
        if !self.forgetful {
            self.touched_starts.insert(node);
        }
        LedgerReply::Done
    }
}

impl Start {
    fn row(self, node: NodeId) -> LedgerRow {
        LedgerRow::Start { node, boot: self.boot, nonce: self.nonce }
    }
}

impl Share {
    fn held(&self) -> u64 {
        self.granted - self.returned
    }

    fn row(&self, pool: PoolId) -> LedgerRow {
        let Self { node, granted, returned, revoked } = *self;
        LedgerRow::Share { pool, node, granted, returned, revoked }
    }
}

impl Pool {
    fn out(&self) -> u64 {
        self.shares.iter().map(Share::held).sum()
    }

    fn free(&self) -> u64 {
        u64::from(self.cap).saturating_sub(self.out())
    }

    fn free_u32(&self) -> u32 {
        u32::try_from(self.free()).unwrap_or(u32::MAX)
    }

    /// How many rights may go out at once: all of a small cap, half of what is left of a large
    /// one, so that the first node to ask does not leave the others with nothing.
    fn issuable(&self) -> u32 {
        let free = self.free_u32();
        if self.cap <= SMALL_CAP_MAX { free } else { free.div_ceil(2) }
    }

    fn share(&mut self, node: NodeId) -> &mut Share {
        let position = self.shares.iter().position(|share| share.node == node);
        let position = position.unwrap_or_else(|| {
            self.shares.push(Share { node, granted: 0, returned: 0, revoked: false });
            self.shares.len() - 1
        });
        &mut self.shares[position]
    }
}

#[cfg(test)]
mod tests;
