//! What is asked of the ledger next: one question at a time.

use crate::admission::Rights;
use crate::domain::{LEDGER_BATCH_MAX, LedgerCommand, NodeId, Now, PoolId, SyncItem};

use super::together::Together;
use super::{Desk, Output};

/// After how long without an answer the ledger is asked again.
const ASK_AGAIN_MS: u64 = 1_000;

impl Desk {
    /// Asks the ledger, if there is something to ask and no question on its way.
    pub(super) fn ask_next(&mut self, now: Now) {
        let node = self.settings.node;
        let Some(together) = &mut self.together else { return };
        if let Some((command, _)) = together.in_flight.take_if(|(_, again)| now.mono_ms >= *again) {
            self.ask_again(&command);
        }
        let Some(together) = &mut self.together else { return };
        if together.fenced || together.in_flight.is_some() || now.mono_ms < together.not_before_ms {
            return;
        }
        let boot = together.boot;
        let release_after_ms = self.settings.together.release_after_ms;
        let command = if !self.rights.is_welcomed() {
            Some(LedgerCommand::Hello { node, boot, nonce: together.nonce })
        } else if let Some(dead) = together
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
            together.in_flight = Some((command.clone(), now.mono_ms + ASK_AGAIN_MS));
            self.outputs.push_back(Output::Ask(command));
        }
    }

    /// When something is to be done about rights, milliseconds on the monotonic clock.
    pub(super) fn together_wakeup(&self) -> Option<u64> {
        let together = self.together.as_ref()?;
        let again = match &together.in_flight {
            Some((_, again_ms)) => Some(*again_ms),
            None if together.fenced => None,
            None => together.has_to_ask(&self.rights).then_some(together.not_before_ms),
        };
        let release_after_ms = self.settings.together.release_after_ms;
        // Not while a question is on its way: what is due has to wait for its answer, and a time
        // that has passed already would be waited for without a rest.
        let leads = together.leading && together.in_flight.is_none() && !together.fenced;
        let revoke = together.down_since_ms.iter().filter(|_| leads).filter_map(|(node, since)| {
            let due = since.saturating_add(release_after_ms?).max(together.not_before_ms);
            self.ledger.is_worth_revoking(*node).then_some(due)
        });
        again.into_iter().chain(revoke).chain(together.waiting.wakeup()).min()
    }
}

impl Together {
    fn has_to_ask(&self, rights: &Rights) -> bool {
        !rights.is_welcomed() || !self.wanted.is_empty() || !self.gifts.is_empty()
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
        while items.len() < LEDGER_BATCH_MAX
            && let Some((pool, want)) = self.wanted.pop_first()
        {
            items.push(item(pool, want));
        }
        items
    }
}
