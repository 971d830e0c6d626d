//! What is asked of the ledger next. The first question goes at once, and what comes up while it is
//! on its way gathers for the next one: for as long as an answer takes, or a few milliseconds where
//! the ledger is far away.

use std::collections::BTreeSet;

use crate::admission::Rights;
use crate::domain::{LEDGER_BATCH_MAX, LedgerCommand, NodeId, Now, PoolId, SyncItem};

use super::together::Together;
use super::{Desk, Output};

/// After how long without an answer the ledger is asked again.
const ASK_AGAIN_MS: u64 = 1_000;
/// How long a question gathers what is asked for while others are on their way.
const GATHER_MS: u64 = 10;
/// How many questions are on their way at once, at most.
const ON_THEIR_WAY_MAX: usize = 16;

/// Questions that are on their way: of each pool, one at a time. Their answers may come in any
/// order, since what is returned and granted are totals that only grow.
#[derive(Clone, Debug, Default)]
pub(super) struct OnTheirWay {
    /// With the time at which each is asked again.
    questions: Vec<(LedgerCommand, u64)>,
    /// Those that this node asks about for itself.
    pools: BTreeSet<PoolId>,
    gathers_until_ms: u64,
    /// How long an answer takes as a rule.
    takes_ms: u64,
}

impl OnTheirWay {
    pub(super) fn is_empty(&self) -> bool {
        self.questions.is_empty()
    }

    fn put(&mut self, command: LedgerCommand, now: Now) {
        self.pools.extend(own_pools(&command));
        self.gathers_until_ms = now.mono_ms + GATHER_MS;
        self.questions.push((command, now.mono_ms + ASK_AGAIN_MS));
    }

    fn take(&mut self, at: usize) -> (LedgerCommand, u64) {
        let question = self.questions.remove(at);
        for pool in own_pools(&question.0) {
            self.pools.remove(&pool);
        }
        question
    }

    /// A question has come back, or never will: when it would have been asked again, if it was on
    /// its way.
    pub(super) fn remove(&mut self, command: &LedgerCommand) -> Option<u64> {
        let at = self.questions.iter().position(|(asked, _)| asked == command)?;
        Some(self.take(at).1)
    }

    /// A question has come back with its answer.
    pub(super) fn answered(&mut self, command: &LedgerCommand, now: Now) {
        if let Some(again_ms) = self.remove(command) {
            let took_ms = (now.mono_ms + ASK_AGAIN_MS).saturating_sub(again_ms);
            // One that was held up by something is not what the next will take.
            self.takes_ms = took_ms.min((3 * self.takes_ms + took_ms).div_ceil(4));
        }
    }

    /// How long an answer takes as a rule.
    pub(super) fn takes_ms(&self) -> u64 {
        self.takes_ms
    }

    fn take_overdue(&mut self, now: Now) -> Option<LedgerCommand> {
        let at = self.questions.iter().position(|(_, again_ms)| now.mono_ms >= *again_ms)?;
        Some(self.take(at).0)
    }

    /// From when on one more may be asked; `None`: when one of these has come back.
    fn next_at_ms(&self) -> Option<u64> {
        match self.questions.len() {
            0 => Some(0),
            ON_THEIR_WAY_MAX.. => None,
            _ => Some(self.gathers_until_ms),
        }
    }
}

fn own_pools(command: &LedgerCommand) -> impl Iterator<Item = PoolId> + '_ {
    let (own, items) = match command {
        LedgerCommand::Sync { node, items, .. } => (Some(*node), items.as_slice()),
        LedgerCommand::Hello { .. }
        | LedgerCommand::SetCap { .. }
        | LedgerCommand::Revoke { .. } => (None, &[][..]),
    };
    items.iter().filter(move |item| Some(item.beneficiary) == own).map(|item| item.pool)
}

impl Desk {
    /// Asks the ledger, if there is something to ask and it may be asked now.
    pub(super) fn ask_next(&mut self, now: Now) {
        let node = self.settings.node;
        let Some(together) = &mut self.together else { return };
        if let Some(command) = together.on_their_way.take_overdue(now) {
            self.ask_again(&command);
        }
        let Some(together) = &mut self.together else { return };
        let due = together.on_their_way.next_at_ms().is_some_and(|at_ms| now.mono_ms >= at_ms);
        if together.fenced || !due || now.mono_ms < together.not_before_ms {
            return;
        }
        let first = together.on_their_way.is_empty();
        let boot = together.boot;
        let release_after_ms = self.settings.together.release_after_ms;
        let command = if !self.rights.is_welcomed() {
            first.then_some(LedgerCommand::Hello { node, boot, nonce: together.nonce })
        } else if first
            && let Some(dead) = together
                .presumed_dead(now, release_after_ms, |dead| self.ledger.is_worth_revoking(dead))
        {
            let expected_boot = self.ledger.boot(dead);
            Some(LedgerCommand::Revoke { node: dead, expected_boot, attested: false })
        } else {
            let (rights, ledger) = (&self.rights, &self.ledger);
            let items = together.take_items(|pool, want| {
                // A question without a wish says that all calls are covered. While they are not,
                // nobody else's rights may be freed on a presumption.
                let overdraft = rights.usage(pool).overdraft;
                let uncovered = overdraft > 0 || !rights.is_settled();
                let owed =
                    if uncovered && ledger.is_revoked(pool, node) { overdraft.max(1) } else { 0 };
                rights.wanting(pool, want.max(owed))
            });
            (!items.is_empty()).then_some(LedgerCommand::Sync { node, boot, items })
        };
        if let Some(command) = command {
            together.on_their_way.put(command.clone(), now);
            self.outputs.push_back(Output::Ask(command));
        }
    }

    /// When something is to be done about rights, milliseconds on the monotonic clock.
    pub(super) fn together_wakeup(&self) -> Option<u64> {
        let together = self.together.as_ref()?;
        let way = &together.on_their_way;
        let again = way.questions.iter().map(|(_, again_ms)| *again_ms).min();
        let next = way.next_at_ms().filter(|_| together.has_to_ask(&self.rights));
        let next = next.map(|at_ms| at_ms.max(together.not_before_ms));
        let release_after_ms = self.settings.together.release_after_ms;
        // Not while a question is on its way: what is due has to wait for its answer, and a time
        // that has passed already would be waited for without a rest.
        let leads = together.leading && way.is_empty() && !together.fenced;
        let revoke = together.down_since_ms.iter().filter(|_| leads).filter_map(|(node, since)| {
            let due = since.saturating_add(release_after_ms?).max(together.not_before_ms);
            self.ledger.is_worth_revoking(*node).then_some(due)
        });
        again.into_iter().chain(next).chain(revoke).chain(together.waiting.wakeup()).min()
    }
}

impl Together {
    /// Whether there is something to ask that is not on its way already.
    fn has_to_ask(&self, rights: &Rights) -> bool {
        !self.fenced
            && if rights.is_welcomed() {
                !self.gifts.is_empty() || self.askable().next().is_some()
            } else {
                self.on_their_way.is_empty()
            }
    }

    fn askable(&self) -> impl Iterator<Item = PoolId> + '_ {
        let asked = &self.on_their_way.pools;
        self.wanted.keys().copied().filter(|pool| !asked.contains(pool))
    }

    fn presumed_dead(
        &self,
        now: Now,
        release_after_ms: Option<u64>,
        worth: impl Fn(NodeId) -> bool,
    ) -> Option<NodeId> {
        let after_ms = release_after_ms.filter(|_| self.leading)?;
        let mut away = self.down_since_ms.iter();
        let due = |since: u64| now.mono_ms >= since.saturating_add(after_ms);
        away.find(|(node, since)| due(**since) && worth(**node)).map(|(node, _)| *node)
    }

    /// What the next question holds, gifts first.
    fn take_items(&mut self, item: impl Fn(PoolId, u32) -> SyncItem) -> Vec<SyncItem> {
        let mut items = std::mem::take(&mut self.gifts);
        for given in &mut items {
            given.returned = item(given.pool, 0).returned;
        }
        let room = LEDGER_BATCH_MAX.saturating_sub(items.len());
        let pools: Vec<PoolId> = self.askable().take(room).collect();
        for pool in pools {
            let want = self.wanted.remove(&pool).unwrap_or_default();
            items.push(item(pool, want));
        }
        items
    }
}
