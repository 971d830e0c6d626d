//! A desk among others: what it asks the ledger, and what it makes of the answers.
//!
//! Every desk has the whole ledger, which it carries out entry by entry as the log has them. It
//! asks for nothing by a word of its own: a question is a command that comes back in the log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::{
    Account, Grant, HeldShare, LEDGER_BATCH_MAX, LedgerCommand, LedgerReply, LedgerRow, NodeId,
    Now, Policy, PoolId, ProxyId, SyncItem, UNLIMITED,
};

use super::asking::OnTheirWay;
use super::queue::Waiting;
use super::{Desk, Output};

/// After how long the ledger is asked again when a question could not be put.
const ASK_AFTER_FAILURE_MS: u64 = 20;
/// How many spare rights that were recalled wait to be told, at most; others stay where they are.
const GIFTS_MAX: usize = LEDGER_BATCH_MAX;

/// What the desk keeps of being one of several.
#[derive(Clone, Debug)]
pub(super) struct Together {
    pub(super) boot: u32,
    pub(super) nonce: u64,
    /// It has said no while it was alone: strict accounts wait for the proxies, since nothing is
    /// frozen for calls of a start before.
    pub(super) founding: bool,
    /// It is known already that there is no call that nobody counts.
    pub(super) vouched: bool,
    /// The ledger has said that this start is over.
    pub(super) fenced: bool,
    pub(super) started_ms: u64,
    pub(super) look_began_ms: BTreeMap<ProxyId, u64>,
    pub(super) looked_at: BTreeSet<ProxyId>,
    /// Calls in a proxy's list that nobody here knows, and the look that has shown them.
    pub(super) strangers: BTreeMap<Arc<str>, (ProxyId, u64)>,
    /// What the next question holds: how many are wanted; 0: only what was returned.
    pub(super) wanted: BTreeMap<PoolId, u32>,
    pub(super) gifts: Vec<SyncItem>,
    pub(super) on_their_way: OnTheirWay,
    pub(super) not_before_ms: u64,
    pub(super) up: BTreeSet<NodeId>,
    pub(super) down_since_ms: BTreeMap<NodeId, u64>,
    pub(super) leading: bool,
    pub(super) waiting: Waiting,
    /// Pools in which something may have become free for calls that wait.
    pub(super) freed: BTreeSet<PoolId>,
}

/// How a desk comes to be one of several.
#[derive(Clone, Copy, Debug)]
pub struct Joining {
    /// The number of this start; the ledger refuses one that it knows to be over.
    pub boot: u32,
    /// Tells two processes apart that claim to be the same start; not 0.
    pub nonce: u64,
    /// This node has decided alone until now, or a start before did and nobody else was let in
    /// since: the ledger may not have all calls that are up.
    pub founding: bool,
}

impl Desk {
    /// From now on other nodes decide too. Comes after the registry was restored and before
    /// [`Desk::restore_ledger`] and [`Desk::restore_call`], or at any time at a node that was
    /// alone; its calls are on overdraft then until the ledger has [`Desk::covered`] them.
    pub fn together(&mut self, joining: Joining, now: Now) {
        let Joining { boot, nonce, founding } = joining;
        self.settings.boot = boot;
        self.ledger.begin_anew();
        self.rights.join_others(boot);
        self.together = Some(Box::new(Together {
            boot,
            nonce: nonce.max(1),
            founding,
            vouched: founding && self.looks.settled(),
            fenced: false,
            started_ms: now.mono_ms,
            look_began_ms: BTreeMap::new(),
            looked_at: BTreeSet::new(),
            strangers: BTreeMap::new(),
            wanted: BTreeMap::new(),
            gifts: Vec::new(),
            on_their_way: OnTheirWay::default(),
            not_before_ms: 0,
            up: BTreeSet::new(),
            down_since_ms: BTreeMap::new(),
            leading: false,
            waiting: Waiting::default(),
            freed: BTreeSet::new(),
        }));
        self.ask_next(now);
    }

    /// Whether other nodes decide too.
    #[must_use]
    pub fn is_together(&self) -> bool {
        self.together.is_some()
    }

    /// Whether this start may ask the ledger for rights; a desk that is alone always may.
    #[must_use]
    pub fn is_welcomed(&self) -> bool {
        self.together.is_none() || self.rights.is_welcomed()
    }

    /// Whether the ledger knows of all calls of capped accounts that are up here, as far as their
    /// caps allow it. Before that nobody else may be let in.
    #[must_use]
    pub fn covered(&self) -> bool {
        let idle = self.together.as_ref().is_none_or(|it| it.wanted.is_empty());
        // A proxy that does not answer may have calls that nobody knows: strict accounts wait for it.
        let strict = |account: &Account| account.policy == Policy::Strict;
        let vouched = self.rights.is_settled()
            || self.rights.is_welcomed() && !self.registry.accounts(None).any(|(_, it)| strict(it));
        idle && vouched && self.rights.uncovered().all(|(pool, _)| self.ledger.free(pool) == 0)
    }

    /// Takes in a row of the ledger as it was written down, or as another node has it.
    pub fn restore_ledger(&mut self, row: &LedgerRow) {
        self.ledger.restore(row);
    }

    /// Puts another node's ledger in the place of this one, while calls are up: this node was away
    /// for longer than the log goes back. What was granted to it meanwhile is its own.
    pub fn replace_ledger(&mut self, rows: &[LedgerRow]) {
        self.ledger.begin_anew();
        rows.iter().for_each(|row| self.ledger.restore(row));
        let Some(together) = &self.together else { return };
        let (own, boot, nonce) = (self.settings.node, together.boot, together.nonce);
        for row in rows {
            match row {
                LedgerRow::Start { node, boot: of, nonce: by } if *node == own => {
                    if *of > boot || (*of == boot && *by != nonce) {
                        self.fence(*of, *by != 0);
                    }
                }
                LedgerRow::Share { pool, node, granted, returned, .. } if *node == own => {
                    let (granted, returned) = (*granted, *returned);
                    let (node, pool, short) = (own, *pool, false);
                    self.rights.granted(&Grant { node, boot, pool, granted, returned, short });
                    self.after_entry(pool);
                    // Its cap may have been lowered since, which is known here already.
                    self.pool_changed(pool);
                }
                LedgerRow::Start { .. } | LedgerRow::Share { .. } => {}
            }
        }
    }

    /// The whole ledger, to be written down or sent to a newcomer.
    pub fn ledger_rows(&self) -> impl Iterator<Item = LedgerRow> + '_ {
        self.ledger.rows()
    }

    /// Rows of the ledger that have changed since the last time, to be written down.
    pub fn take_ledger_rows(&mut self) -> Vec<LedgerRow> {
        self.ledger.take_touched()
    }

    /// What each node holds of a pool.
    #[must_use]
    pub fn shares(&self, pool: PoolId) -> Vec<HeldShare> {
        self.ledger.shares(pool)
    }

    /// The newest start of a node that the ledger knows; 0: none.
    #[must_use]
    pub fn boot_of(&self, node: NodeId) -> u32 {
        self.ledger.boot(node)
    }

    /// Whether a node holds rights. Goes through the whole ledger where it does not.
    #[must_use]
    pub fn holds(&self, node: NodeId) -> bool {
        self.ledger.held_by(node).next().is_some()
    }

    /// An entry of the log.
    pub(super) fn agreed(&mut self, command: &LedgerCommand, now: Now) {
        let reply = self.ledger.apply(command);
        let own = self.settings.node;
        let Some(together) = &mut self.together else {
            return self.outputs.push_back(Output::Ledger(reply));
        };
        let (boot, nonce) = (together.boot, together.nonce);
        together.on_their_way.answered(command, now);
        match (command, &reply) {
            (LedgerCommand::Hello { node, boot: of, nonce: by }, LedgerReply::HelloOk(held))
                if *node == own =>
            {
                if (*of, *by) == (boot, nonce) {
                    self.rights.welcomed(held);
                    self.thaw_if_settled();
                } else if *of >= boot {
                    self.fence(*of, true);
                }
            }
            (LedgerCommand::Hello { node, boot: of, nonce: by }, refused)
                if (*node, *of, *by) == (own, boot, nonce) =>
            {
                if let LedgerReply::BootTooOld { current } = refused {
                    self.fence(*current, self.ledger.is_started(own));
                }
            }
            (LedgerCommand::Sync { node, boot: of, .. }, LedgerReply::Stale { current })
                if (*node, *of) == (own, boot) =>
            {
                self.fence(*current, self.ledger.is_started(own));
            }
            (LedgerCommand::Sync { node, items, .. }, LedgerReply::Granted(grants)) => {
                grants.iter().for_each(|grant| self.rights.granted(grant));
                items.iter().for_each(|item| self.after_entry(item.pool));
                if *node == own {
                    let short = grants.iter().filter(|grant| grant.short && grant.node == own);
                    let pools: Vec<PoolId> = short.map(|grant| grant.pool).collect();
                    pools.iter().for_each(|pool| self.short(*pool, now));
                }
            }
            (LedgerCommand::Revoke { node, .. }, LedgerReply::Done) if *node == own => {
                let current = self.ledger.boot(own);
                if current > boot {
                    self.fence(current, false);
                }
            }
            (LedgerCommand::Revoke { .. }, LedgerReply::Done) => self.want_cover(),
            (
                LedgerCommand::Hello { .. }
                | LedgerCommand::Sync { .. }
                | LedgerCommand::SetCap { .. }
                | LedgerCommand::Revoke { .. },
                _,
            ) => {}
        }
        self.outputs.push_back(Output::Ledger(reply));
    }

    /// A question could not be put, or nobody knows whether it was.
    pub(super) fn ask_failed(&mut self, command: &LedgerCommand, now: Now) {
        let Some(together) = &mut self.together else { return };
        if together.on_their_way.remove(command).is_some() {
            together.not_before_ms = now.mono_ms + ASK_AFTER_FAILURE_MS;
            self.ask_again(command);
        }
    }

    /// Puts back what a question held. Returns are told again, wishes only where they are still
    /// felt: of those that wait, and of calls without a right.
    pub(super) fn ask_again(&mut self, command: &LedgerCommand) {
        if let LedgerCommand::Sync { items, .. } = command {
            items.iter().for_each(|item| self.want(item.pool, 0));
            self.want_cover();
        }
    }

    fn fence(&mut self, current: u32, overtaken: bool) {
        let Some(together) = &mut self.together else { return };
        if !std::mem::replace(&mut together.fenced, true) {
            self.outputs.push_back(Output::Fenced { current, overtaken });
        }
    }

    /// Another node knows of a later start of this one: from here on it admits no calls of capped
    /// accounts, as if the ledger had said so. Says whether it did until now.
    pub fn overtaken(&mut self) -> bool {
        let Some(together) = &mut self.together else { return false };
        !std::mem::replace(&mut together.fenced, true)
    }

    /// After an entry of the log about a pool.
    fn after_entry(&mut self, pool: PoolId) {
        let overdraft = self.rights.usage(pool).overdraft;
        let settled = self.rights.is_settled();
        if settled && overdraft > 0 && self.ledger.free(pool) > 0 {
            self.want(pool, overdraft);
        }
        if settled && overdraft == 0 && self.ledger.is_revoked(pool, self.settings.node) {
            self.want(pool, 0);
        }
        self.free(pool);
    }

    pub(super) fn want(&mut self, pool: PoolId, want: u32) {
        if let Some(together) = &mut self.together {
            let wanted = together.wanted.entry(pool).or_default();
            *wanted = want.max(*wanted);
        }
    }

    /// Something may have become free for calls that wait.
    pub(super) fn free(&mut self, pool: PoolId) {
        if let Some(together) = &mut self.together
            && together.waiting.wants(pool)
        {
            together.freed.insert(pool);
        }
    }

    /// Asks for rights for calls that have none.
    pub(super) fn want_cover(&mut self) {
        if self.rights.is_settled() {
            let uncovered: Vec<_> = self.rights.uncovered().collect();
            for (pool, overdraft) in uncovered {
                if self.ledger.free(pool) > 0 {
                    self.want(pool, overdraft);
                }
            }
        }
    }

    /// The calls of a pool, its cap or its rights have changed here: gives back what is too much.
    /// A cap that was lowered below what is out is nobody's to fill.
    pub(super) fn pool_changed(&mut self, pool: PoolId) {
        let cap = self.ledger.cap(pool);
        let over = cap < UNLIMITED && self.ledger.out(pool) > u64::from(cap);
        let back = if over {
            self.rights.give_up_spare(pool)
        } else {
            self.rights.is_settled() && self.rights.surplus(pool).is_some()
        };
        if back {
            self.want(pool, 0);
        }
        self.free(pool);
    }

    /// One right fewer: more is asked for before the last is gone.
    pub(super) fn prefetch(&mut self, pool: PoolId) {
        if let Some(want) = self.rights.runs_low(pool)
            && self.ledger.free(pool) > 0
        {
            self.want(pool, want);
        }
    }

    pub(super) fn recalled(&mut self, pool: PoolId, beneficiary: NodeId, want: u32) {
        if self.together.is_some() {
            self.figures.recalls_received += 1;
        }
        self.give_to(pool, beneficiary, want);
    }

    /// Gives what is spare of a pool back for another node, so many of it at most for that one.
    pub(super) fn give_to(&mut self, pool: PoolId, beneficiary: NodeId, want: u32) {
        let Some(together) = &mut self.together else { return };
        if together.fenced || beneficiary == self.settings.node || together.gifts.len() >= GIFTS_MAX
        {
            return;
        }
        together.gifts.extend(self.rights.give_for(pool, beneficiary, want));
    }

    pub(super) fn node_up(&mut self, node: NodeId) {
        if let Some(together) = &mut self.together {
            together.up.insert(node);
            together.down_since_ms.remove(&node);
        }
    }

    pub(super) fn node_down(&mut self, node: NodeId, now: Now) {
        if let Some(together) = &mut self.together {
            together.up.remove(&node);
            together.down_since_ms.entry(node).or_insert(now.mono_ms);
        }
    }

    pub(super) fn leading(&mut self, leading: bool) {
        if let Some(together) = &mut self.together {
            together.leading = leading;
        }
    }

    pub(super) fn policy(&self, pool: PoolId) -> Policy {
        self.registry.account(pool.account()).map(|account| account.policy).unwrap_or_default()
    }
}
