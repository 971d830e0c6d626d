//! What the desk has done, in numbers.

use std::collections::BTreeMap;

use crate::domain::{Cause, Decision, DiscardReason, EndCause, Outcome, Room, Step};

use super::Desk;

/// Counters since the start, and how much there is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Decisions to fork.
    pub forked: u64,
    /// Decisions to let pass.
    pub passed: u64,
    /// Of these two, emergency calls.
    pub emergencies: u64,
    /// Decisions to refuse, by cause.
    pub refused: BTreeMap<Cause, u64>,
    /// Calls let through beyond the rights, because the nodes that have some were not reached.
    pub overdrafts: u64,
    /// How often other nodes were asked to give rights back.
    pub recalls_sent: u64,
    /// How often others have asked this node.
    pub recalls_received: u64,
    /// Questions asked again and answered the same.
    pub repeated: u64,
    /// Calls that are over, by cause.
    pub ended: BTreeMap<EndCause, u64>,
    /// Calls found at a proxy that were not known here.
    pub adopted: u64,
    /// Events for calls that were not known here.
    pub strange_events: u64,
    /// Calls that another node counts too, and were left to it.
    pub doubles: u64,
    /// Looks at proxies that were completed.
    pub looks: u64,
    /// Looks that failed.
    pub looks_failed: u64,
    /// Restarts of proxies that were noticed.
    pub proxy_restarts: u64,
    /// Calls in the table now.
    pub calls: usize,
    /// Of these, not answered yet.
    pub reserved: usize,
    /// Rows that wait to be written down.
    pub unwritten: usize,
    /// Tombstones that stand.
    pub tombstones: usize,
    /// Accounts, identifiers and devices.
    pub registry: crate::registry::Counts,
    /// Whether every proxy has been asked since the start.
    pub settled: bool,
    /// Deposits under way.
    pub deposits: usize,
    /// Messages that were left.
    pub messages_left: u64,
    /// Deposits that left no message, by reason.
    pub missed: BTreeMap<DiscardReason, u64>,
    /// Call-backs that met a deposit.
    pub call_backs: u64,
    /// Legs that came for a mailbox that is not there or takes nothing.
    pub strange_legs: u64,
}

impl Desk {
    /// The bytes that calls and rights take, for measurements: (calls, rights).
    #[must_use]
    pub fn bytes(&self) -> (usize, usize) {
        (self.table.bytes(), self.rights.bytes())
    }
}

impl Figures {
    pub(super) fn decided(&mut self, decision: &Decision) {
        match &decision.outcome {
            Outcome::Fork(_) => self.forked += 1,
            Outcome::Pass { .. } => self.passed += 1,
            Outcome::Refuse(refusal) => *self.refused.entry(refusal.cause).or_default() += 1,
        }
        if matches!(decision.steps.first(), Some(Step::Emergency { .. })) {
            self.emergencies += 1;
        }
        let beyond = |step: &Step| matches!(step, Step::Cap { room: Room::Overdraft, .. });
        if !matches!(decision.outcome, Outcome::Refuse(_)) && decision.steps.iter().any(beyond) {
            self.overdrafts += 1;
        }
    }

    pub(super) fn ended(&mut self, cause: EndCause) {
        *self.ended.entry(cause).or_default() += 1;
    }
}
