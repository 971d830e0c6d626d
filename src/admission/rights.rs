//! A node's side of the rights protocol.
//!
//! For each pool the node knows how many rights it *holds* (granted to it and not returned), how
//! many its live calls *use*, and how many are *frozen* because after a start nobody has yet said
//! which calls are still up. It may admit while `used + frozen < held`, and so
//!
//! > **I3** live calls under rights ≤ used + frozen ≤ held.
//!
//! Calls that were admitted without a right (emergencies, calls found at a proxy that nobody
//! asked about) are counted as *overdraft*; the next right that comes free becomes theirs first,
//! so the excess only shrinks.

mod sum;

pub use sum::RightsSum;

use crate::domain::{AccountKey, Grant, Holding, NodeId, PoolId, PoolKind, SyncItem, UNLIMITED};

/// Caps up to this are asked for whole (`Ledger` grants them whole).
const SMALL_CAP_MAX: u32 = 10;

/// The rights of one node.
#[derive(Clone, Debug)]
pub struct Rights {
    node: NodeId,
    boot: u32,
    /// The ledger has said what is held from earlier starts. Before that its totals can't be
    /// told from rights under which calls of those starts may be up.
    welcomed: bool,
    /// No other node could use what is left or returned: the whole cap is asked for at once, and
    /// nothing is returned but what is above a lowered cap.
    alone: bool,
    /// The proxies were asked since the welcome: no call of an earlier start is unknown. Before
    /// that, new rights are for new calls, and for those that are more than what is frozen.
    settled: bool,
    /// By account key, then by [`PoolKind`]: one look-up, no search, on the way to a decision.
    accounts: Vec<[Pool; 3]>,
}

#[derive(Clone, Copy, Debug)]
struct Pool {
    granted: u64,
    returned: u64,
    used: u32,
    frozen: u32,
    overdraft: u32,
    cap: u32,
}

const UNKNOWN: Pool =
    Pool { granted: 0, returned: 0, used: 0, frozen: 0, overdraft: 0, cap: UNLIMITED };

/// What a pool says to one more call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// There is a right for it.
    Room,
    /// The node holds the whole cap, and all of it is used: the answer is exact.
    Full,
    /// Rights that may be free are frozen until the proxies were asked.
    Frozen,
    /// None left here: the ledger is to be asked for this many.
    Short {
        /// How many.
        want: u32,
    },
}

/// The figures of one pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolUsage {
    /// Calls that are up or being set up.
    pub live: u32,
    /// The limit, `None` for none.
    pub cap: Option<u32>,
    /// Rights held at this node.
    pub held: u64,
    /// Of these, frozen until the proxies were asked.
    pub frozen: u32,
    /// Live calls that hold no right.
    pub overdraft: u32,
}

impl Rights {
    /// A node's rights at its `boot`-th start: none.
    #[must_use]
    pub fn new(node: NodeId, boot: u32, alone: bool) -> Self {
        Self { node, boot, welcomed: false, alone, settled: false, accounts: Vec::new() }
    }

    /// From now on other nodes use these rights too, and another ledger issues them: none is held,
    /// and live calls are on overdraft until that ledger has covered them.
    pub fn join_others(&mut self, boot: u32) {
        (self.alone, self.welcomed, self.settled, self.boot) = (false, false, false, boot);
        for pool in self.accounts.iter_mut().flatten() {
            let live = pool.used + pool.overdraft;
            *pool = Pool { overdraft: live, cap: pool.cap, ..UNKNOWN };
        }
    }

    /// What the pool says to one more call.
    #[must_use]
    pub fn look(&self, pool: PoolId) -> Look {
        let pool = self.pool(pool);
        if pool.spare() > 0 || self.is_free_of_rights(&pool) {
            Look::Room
        } else if pool.held() >= u64::from(pool.cap) {
            if pool.frozen > 0 { Look::Frozen } else { Look::Full }
        } else {
            Look::Short { want: self.want(&pool) }
        }
    }

    fn want(&self, pool: &Pool) -> u32 {
        if self.alone {
            return pool.cap;
        }
        let uncovered = if self.settled { pool.overdraft } else { pool.beyond_frozen() };
        pool.portion().saturating_add(uncovered)
    }

    /// A pool without a cap takes no right where that would be a question to other nodes.
    fn is_free_of_rights(&self, pool: &Pool) -> bool {
        !self.alone && pool.cap == UNLIMITED
    }

    /// Counts a call in if there is a right for it, or none is needed; says whether.
    pub fn take_right(&mut self, pool: PoolId) -> bool {
        let free = !self.alone;
        let pool = self.pool_mut(pool);
        let spare = pool.spare() > 0;
        pool.used += u32::from(spare);
        if !spare && free && pool.cap == UNLIMITED {
            pool.overdraft += 1;
            return true;
        }
        spare
    }

    /// Counts a call in. With a right if there is one, else as overdraft; only callers that have
    /// looked, or must not refuse, call this.
    pub fn take(&mut self, pool: PoolId) {
        let pool = self.pool_mut(pool);
        if pool.spare() > 0 {
            pool.used += 1;
        } else {
            pool.overdraft += 1;
        }
    }

    /// Counts a call out. Its right goes to a call on overdraft, if there is one.
    pub fn give_back(&mut self, pool: PoolId) {
        let pool = self.pool_mut(pool);
        debug_assert!(pool.used + pool.overdraft > 0, "a call is counted out once");
        if pool.overdraft > 0 {
            pool.overdraft -= 1;
        } else {
            pool.used = pool.used.saturating_sub(1);
        }
    }

    /// What to ask the ledger for, for one more call.
    #[must_use]
    pub fn wanting(&self, pool: PoolId, want: u32) -> SyncItem {
        let returned = self.pool(pool).returned;
        SyncItem { pool, returned, want, beneficiary: self.node }
    }

    /// Takes in what the ledger says. Old news, news for others and news before the welcome
    /// change nothing.
    pub fn granted(&mut self, grant: &Grant) {
        if !self.welcomed || grant.node != self.node || grant.boot != self.boot {
            return;
        }
        let covers = self.alone || self.settled;
        let pool = self.pool_mut(grant.pool);
        pool.granted = pool.granted.max(grant.granted);
        pool.returned = pool.returned.max(grant.returned);
        let uncovered = if covers { pool.overdraft } else { pool.beyond_frozen() };
        pool.cover(uncovered);
    }

    /// Takes in what the ledger holds for this node from earlier starts. All of it is frozen
    /// until [`Rights::thaw`]: calls of that time may be up. A welcome that comes again changes
    /// nothing: what has thawed stays so.
    pub fn welcomed(&mut self, holdings: &[Holding]) {
        if std::mem::replace(&mut self.welcomed, true) {
            return;
        }
        for holding in holdings {
            let pool = self.pool_mut(holding.pool);
            pool.granted = pool.granted.max(holding.granted);
            pool.returned = pool.returned.max(holding.returned);
            let free = pool.held().saturating_sub(u64::from(pool.used));
            pool.frozen = u32::try_from(free).unwrap_or(u32::MAX);
        }
    }

    /// Freezes what is spare in a pool: nobody can vouch for it now.
    pub fn freeze(&mut self, pool: PoolId) {
        let pool = self.pool_mut(pool);
        pool.frozen += u32::try_from(pool.spare()).unwrap_or(u32::MAX);
    }

    /// The proxies were asked and the table holds what they know: nothing is frozen any more.
    /// Returns the pools that thawed; each may have a [`Rights::surplus`] now.
    #[must_use]
    pub fn thaw(&mut self) -> Vec<PoolId> {
        let mut thawed = Vec::new();
        self.settled = true;
        for (account, pools) in (0..).zip(&mut self.accounts) {
            for (kind, pool) in PoolKind::ALL.into_iter().zip(pools) {
                if std::mem::take(&mut pool.frozen) > 0 {
                    thawed.push(PoolId::new(AccountKey(account), kind));
                }
                pool.cover(pool.overdraft);
            }
        }
        thawed
    }

    /// A cap was set, says the log. Takes effect on the next call. Nothing else sets a cap here: a
    /// grant that carried one could be overtaken, and leave a node at a cap of long ago.
    pub fn cap_changed(&mut self, pool: PoolId, cap: u32) {
        let free = !self.alone && cap >= UNLIMITED;
        let pool = self.pool_mut(pool);
        pool.cap = cap.min(UNLIMITED);
        if free {
            // Its calls need no rights any more; the next cap finds them on overdraft.
            pool.overdraft += std::mem::take(&mut pool.used);
        }
    }

    /// Gives back all that is spare; says whether there was anything.
    pub fn give_up_spare(&mut self, pool: PoolId) -> bool {
        let pool = self.pool_mut(pool);
        let spare = pool.spare();
        pool.returned += spare;
        spare > 0
    }

    /// What the node gives back for one that starves. Of a small cap no more than is wanted: the
    /// rest would lie where nobody calls, and be asked for by the next call here. Of a large one
    /// half of what is spare. Subtracted before it is told, as in [`Rights::surplus`].
    pub fn give_for(&mut self, pool: PoolId, beneficiary: NodeId, want: u32) -> Option<SyncItem> {
        let own = self.pool_mut(pool);
        let spare = own.spare();
        let back =
            if own.cap <= SMALL_CAP_MAX { spare.min(u64::from(want)) } else { spare.div_ceil(2) };
        if back == 0 || want == 0 {
            return None;
        }
        own.returned += back;
        let want = want.min(u32::try_from(back).unwrap_or(u32::MAX));
        Some(SyncItem { pool, returned: own.returned, want, beneficiary })
    }

    /// Whether little is left of a large cap, so that more is better asked for before it is gone;
    /// how much.
    #[must_use]
    pub fn runs_low(&self, pool: PoolId) -> Option<u32> {
        let pool = self.pool(pool);
        let low = !self.alone
            && pool.cap < UNLIMITED
            && pool.spare() * 100 < u64::from(pool.cap)
            && pool.held() < u64::from(pool.cap)
            && pool.cap > SMALL_CAP_MAX;
        low.then(|| self.want(&pool))
    }

    /// Whether the proxies were asked since the ledger has welcomed this start.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    /// Whether the ledger has welcomed this start.
    #[must_use]
    pub fn is_welcomed(&self) -> bool {
        self.welcomed
    }

    /// Pools with a cap that have calls on overdraft.
    pub fn uncovered(&self) -> impl Iterator<Item = (PoolId, u32)> + '_ {
        (0..).zip(&self.accounts).flat_map(|(account, pools)| {
            PoolKind::ALL
                .into_iter()
                .zip(pools)
                .filter(|(_, pool)| pool.overdraft > 0 && pool.cap < UNLIMITED)
                .map(move |(kind, pool)| (PoolId::new(AccountKey(account), kind), pool.overdraft))
        })
    }

    /// What the node gives back now: what is above the cap, and, where other nodes could use it,
    /// half of what is spare above 15 % of the cap. It is subtracted *before* it is told; the
    /// other way round a call could be admitted under a right that is somebody else's already.
    pub fn surplus(&mut self, pool: PoolId) -> Option<SyncItem> {
        let (node, alone) = (self.node, self.alone);
        if self.is_free_of_rights(&self.pool(pool)) {
            return self.give_up_spare(pool).then(|| self.wanting(pool, 0));
        }
        let own = self.pool_mut(pool);
        let spare = own.spare();
        let above = own.held().saturating_sub(u64::from(own.cap)).min(spare);
        let generous =
            if alone || own.cap <= SMALL_CAP_MAX || spare * 100 <= u64::from(own.cap) * 15 {
                0
            } else {
                spare / 2
            };
        let back = above.max(generous);
        if back == 0 {
            return None;
        }
        own.returned += back;
        Some(SyncItem { pool, returned: own.returned, want: 0, beneficiary: node })
    }

    /// The figures of a pool.
    #[must_use]
    pub fn usage(&self, pool: PoolId) -> PoolUsage {
        let pool = self.pool(pool);
        PoolUsage {
            live: pool.used + pool.overdraft,
            cap: (pool.cap < UNLIMITED).then_some(pool.cap),
            held: pool.held(),
            frozen: pool.frozen,
            overdraft: pool.overdraft,
        }
    }

    /// Reads the pools of both ends of a call, for nothing but to have them read: see
    /// `sessions::Table::touch_ahead`.
    #[must_use]
    pub fn touch_ahead(&self, ends: [Option<AccountKey>; 2]) -> u32 {
        ends.into_iter().flatten().fold(0, |all, account| {
            let pools = self.accounts.get(account.0 as usize);
            all ^ pools.map_or(0, |pools| pools[0].used ^ pools[1].used ^ pools[2].used)
        })
    }

    /// The bytes that the table of rights takes, for the figures.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.accounts.capacity() * size_of::<[Pool; 3]>()
    }

    fn pool(&self, id: PoolId) -> Pool {
        let account = self.accounts.get(id.account().0 as usize);
        account.map_or(UNKNOWN, |pools| pools[id.index()])
    }

    fn pool_mut(&mut self, id: PoolId) -> &mut Pool {
        let account = id.account().0 as usize;
        if self.accounts.len() <= account {
            self.accounts.resize(account + 1, [UNKNOWN; 3]);
        }
        &mut self.accounts[account][id.index()]
    }
}

impl Pool {
    fn held(&self) -> u64 {
        self.granted.saturating_sub(self.returned)
    }

    fn spare(&self) -> u64 {
        self.held().saturating_sub(u64::from(self.used) + u64::from(self.frozen))
    }

    /// How much to ask for at once where others need some: a small cap whole, else a twentieth.
    fn portion(&self) -> u32 {
        if self.cap <= SMALL_CAP_MAX { self.cap } else { (self.cap / 20).max(1) }
    }

    /// Calls that have no right, whatever the frozen ones turn out to be: of a start before, that
    /// the ledger had not covered when it ended.
    fn beyond_frozen(&self) -> u32 {
        self.overdraft.saturating_sub(self.frozen)
    }

    /// New rights go to so many calls that have none.
    fn cover(&mut self, uncovered: u32) {
        let covered = u64::from(uncovered).min(self.spare());
        let covered = u32::try_from(covered).unwrap_or(u32::MAX);
        self.overdraft -= covered;
        self.used += covered;
    }
}
