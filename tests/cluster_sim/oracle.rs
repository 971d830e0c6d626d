//! How many calls may be up, worked out from the log alone; and faults that are planted in it.

use std::collections::BTreeMap;

use hallporter::cluster::Ledger;
use hallporter::domain::{LedgerCommand, NodeId, PoolId, PoolKind};
use hallporter::registry::Command;

use super::world::{Entry, OVERDRAFT, Planted, World, id};

/// Rights that were freed on a presumption: whose, which start's, and how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Freed {
    pub(crate) node: usize,
    pub(crate) pool: PoolId,
    pub(crate) boot: u32,
    pub(crate) held: u64,
}

fn held(ledger: &Ledger, pool: PoolId, node: NodeId) -> u64 {
    let shares = ledger.shares(pool).into_iter();
    shares.filter(|share| share.node == node).map(|share| share.held).sum()
}

impl World {
    /// How many calls may be up once a process has admitted one more: as many as the highest of
    /// the caps that it has read last and those after it allow, whatever was up before a cap was
    /// lowered; where the policy is `available`, the overdraft of each node and the calls whose
    /// rights were freed on a presumption beside them.
    pub(crate) fn allowed(&self, process: usize, pool: PoolId) -> Option<u64> {
        let cap = self.book.cap(pool, self.processes[process].applied)?;
        if self.book.is_strict(pool) {
            return Some(cap);
        }
        let nodes = self.sites.len() as u64;
        Some(cap + nodes * u64::from(OVERDRAFT) + self.orphans(pool))
    }

    /// Calls that are up of starts that were taken for dead, as long as their node has not said
    /// that all of its calls are covered again.
    fn orphans(&self, pool: PoolId) -> u64 {
        let of = |freed: &&Freed| freed.pool == pool && self.truth.is_revoked(pool, id(freed.node));
        let mut nodes: BTreeMap<usize, (u32, u64)> = BTreeMap::new();
        for freed in self.freed.iter().filter(of) {
            nodes.insert(freed.node, (freed.boot, freed.held));
        }
        let up = nodes.iter().map(|(node, (boot, held))| {
            let calls = self.sites[*node].switch.values();
            let old = calls.filter(|call| call.pools.contains(&pool) && call.boot <= *boot);
            (old.count() as u64).min(*held)
        });
        up.sum()
    }

    pub(crate) fn in_truth(&mut self, command: &LedgerCommand) {
        let before: Vec<(PoolId, u64)> = match command {
            LedgerCommand::Revoke { node, attested: false, .. } => {
                self.book.pools().map(|pool| (pool, held(&self.truth, pool, *node))).collect()
            }
            _ => Vec::new(),
        };
        self.truth.apply(command);
        let LedgerCommand::Revoke { node, expected_boot: boot, .. } = *command else { return };
        for (pool, before) in before {
            if held(&self.truth, pool, node) < before {
                let node = usize::from(node.0) - 1;
                self.freed.push(Freed { node, pool, boot, held: before });
            }
        }
    }

    /// Makes of an entry what a planted fault would.
    pub(crate) fn spoil(&self, mut entry: Entry) -> Entry {
        match &mut entry {
            Entry::Ledger(LedgerCommand::Revoke { attested, .. })
                if self.planted == Planted::DeadWithoutProof =>
            {
                *attested = true;
            }
            Entry::Ledger(LedgerCommand::Sync { node, items, .. })
                if self.planted == Planted::ToldBeforeSubtracted =>
            {
                let process = usize::from(node.0) - 1;
                let Some(desk) = &self.processes[process].desk else { return entry };
                for item in items {
                    let usage = desk.usage(item.pool.account()).total;
                    let busy = u64::from(usage.live - usage.overdraft + usage.frozen);
                    if item.pool.index() == PoolKind::Total as usize {
                        item.returned += usage.held.saturating_sub(busy);
                    }
                }
            }
            Entry::Ledger(_) | Entry::Registry(_) => {}
        }
        entry
    }

    /// What nodes read of a command.
    pub(crate) fn as_read(&self, command: &Command) -> Command {
        let mut command = command.clone();
        match &mut command {
            Command::AccountAdd(spec) if self.planted == Planted::ParentForgotten => {
                spec.parent = None;
            }
            Command::AccountAdd(spec) if self.planted == Planted::DirectionsForgotten => {
                (spec.caps.max_in, spec.caps.max_out) = (None, None);
            }
            Command::AccountSet { patch, .. }
                if self.planted == Planted::DirectionsForgotten
                    && (patch.max_in.is_some() || patch.max_out.is_some()) =>
            {
                (patch.max_in, patch.max_out) = (None, None);
            }
            _ => {}
        }
        command
    }
}
