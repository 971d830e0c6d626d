//! What the proxies' own lists say to a desk among others: which calls are nobody's, and when it is
//! known that none is missing.

use std::sync::Arc;

use crate::domain::{CallState, NodeId, Now, Policy, PoolId, ProxyId, SeenDialog};

use super::{Desk, SwitchPlace};

/// A switch has every call in its list that it was allowed this long ago. Only a list that was
/// asked for so long after a start says that no call of the start before is unknown.
const LISTED_AFTER_MS: u64 = 5_000;
/// How many calls that nobody here knows are remembered from one look to the next; beyond it they
/// are taken in at once.
const STRANGERS_MAX: usize = 100_000;

impl Desk {
    pub(super) fn look_began(&mut self, proxy: ProxyId, now: Now) {
        if let Some(together) = &mut self.together {
            together.look_began_ms.insert(proxy, now.mono_ms);
        }
    }

    /// Whether a call that is not known here may be one that another node has allowed, or is about
    /// to: a proxy has it in its list before it is decided, and the other node's row comes some
    /// milliseconds after that. So an answered call is taken in at the second look, others never.
    /// At once as long as rights wait for the proxies: what is thawed must have been counted.
    pub(super) fn may_be_anothers(&mut self, proxy: ProxyId, seen: &SeenDialog) -> bool {
        let settled = self.rights.is_settled();
        let Some(together) = &mut self.together else { return false };
        if together.waiting.has_call(&seen.call_id) {
            return true;
        }
        if !settled {
            return false;
        }
        let look = together.look_began_ms.get(&proxy).copied().unwrap_or_default();
        match together.strangers.get(&seen.call_id) {
            _ if seen.state == CallState::Reserved => true,
            Some((_, before)) => *before == look,
            None if together.strangers.len() >= STRANGERS_MAX => false,
            None => {
                together.strangers.insert(Arc::clone(&seen.call_id), (proxy, look));
                true
            }
        }
    }

    /// Two nodes count one call. The one that sees it in a proxy's list keeps it, for it will see
    /// that it is over; if both see it, the one with the smaller number does. If neither does, a
    /// third node has said who keeps it.
    pub(super) fn elsewhere(&mut self, call_id: &str, node: NodeId, seen_there: bool) {
        let Some(slot) = self.table.find(call_id) else { return };
        let seen = self.table.get(slot).is_some_and(|session| session.proxy().is_some());
        if !(seen && (self.settings.node < node || !seen_there)) {
            self.figures.doubles += 1;
            self.forget(slot);
        }
    }

    pub(super) fn look_ended(&mut self, proxy: ProxyId) {
        let Some(together) = &mut self.together else { return };
        let began = together.look_began_ms.remove(&proxy);
        // Those of the looks before are known by now, or gone.
        together.strangers.retain(|_, (of, look)| *of != proxy || Some(*look) == began);
        if began.is_some_and(|began| began >= together.started_ms + LISTED_AFTER_MS) {
            together.looked_at.insert(proxy);
        }
        self.thaw_if_settled();
    }

    pub(super) fn thaw_if_settled(&mut self) {
        let Some(together) = &self.together else { return };
        let switches = self.settings.switches.iter().filter_map(SwitchPlace::as_proxy);
        let mut proxies = (0..self.settings.proxies).map(ProxyId).chain(switches);
        let known = together.vouched || proxies.all(|proxy| together.looked_at.contains(&proxy));
        let asked = self.rights.is_welcomed() && self.looks.settled() && known;
        if !asked || self.rights.is_settled() {
            return;
        }
        self.thaw();
        self.want_cover();
        for pool in self.ledger.revoked_of(self.settings.node) {
            if self.rights.usage(pool).overdraft == 0 {
                self.want(pool, 0);
            }
        }
    }

    /// Whether the rights of a pool are nobody's to give: strict, and calls of a time before the
    /// ledger may be up.
    pub(super) fn is_unvouched(&self, pool: PoolId) -> bool {
        let founding = self.together.as_ref().is_some_and(|together| together.founding);
        founding && !self.rights.is_settled() && self.policy(pool) == Policy::Strict
    }
}
