//! What must be so when everything has healed.

use hallporter::domain::{AccountKey, PoolId, PoolKind};

use super::book::{ACCOUNTS, seats_in};
use super::world::{Due, Planted, World, id};

impl World {
    fn staying(&self) -> Vec<usize> {
        (0..self.sites.len()).filter(|node| !self.sites[*node].left).collect()
    }

    /// Everything is mended, all calls end: every right is free again.
    pub(crate) fn heal(&mut self) -> Result<(), String> {
        self.healed = true;
        let alone = self.mix.founding && !self.mix.founded;
        if alone {
            self.start(0);
            self.found();
        }
        self.cut.clear();
        if self.planted == Planted::TwoAsOne {
            self.stop(self.processes.len() - 1);
        }
        // An empty disk learns from the log of one start of its node at a time that it is over.
        for _ in 0..12 {
            for node in 0..self.sites.len() {
                self.mend(node);
                if node == 0 || self.mix.opened || self.lets_in() {
                    self.mix.opened |= node > 0;
                    self.start(node);
                }
            }
            self.run(5_000)?;
        }
        self.run(5_000)?;
        self.all_is_free()?;
        self.filling = true;
        (0..ACCOUNTS)
            .filter(|account| self.book.is_there(*account))
            .collect::<Vec<_>>()
            .into_iter()
            .try_for_each(|account| self.fill(account))
    }

    fn all_is_free(&self) -> Result<(), String> {
        let second = self.processes.len() - 1;
        if self.processes[second].desk.is_some() {
            return Err("two processes are one node".to_owned());
        }
        let staying = self.staying();
        for node in &staying {
            let Some(desk) = &self.processes[*node].desk else {
                return Err(format!("node {node} is down"));
            };
            if !desk.ledger_rows().eq(self.truth.rows()) {
                return Err(format!("node {node} has another ledger"));
            }
            let others = staying.iter().filter(|other| *other != node);
            if !others.clone().all(|other| self.processes[*node].sees.contains(other)) {
                return Err(format!("node {node} sees {:?}", self.processes[*node].sees));
            }
            for pool in self.book.pools() {
                let account: AccountKey = pool.account();
                let usage = desk.usage(account);
                let usage = match pool.kind() {
                    PoolKind::Total => usage.total,
                    PoolKind::In => usage.incoming,
                    PoolKind::Out => usage.outgoing,
                };
                let shares = desk.shares(pool);
                let share = shares.iter().find(|share| share.node == id(*node));
                let out = share.map_or(0, |share| share.held);
                if usage.live != 0 || usage.frozen != 0 || usage.held != out {
                    return Err(format!("node {node} has {pool:?} {usage:?}, {out} are out to it"));
                }
            }
        }
        for pool in self.book.pools() {
            for share in self.truth.shares(pool) {
                let node = Self::node_of(share.node);
                if self.sites[node].left && share.held > 0 {
                    return Err(format!("node {node} has left with {share:?} of {pool:?}"));
                }
            }
        }
        self.copies_are_equal()
    }

    /// What everybody has of everybody's rows is what he has.
    fn copies_are_equal(&self) -> Result<(), String> {
        if !self.mix.copies {
            return Ok(());
        }
        for at in self.staying() {
            let Some(copies) = &self.processes[at].copies else { continue };
            for of in self.staying() {
                let mut known: Vec<&str> =
                    copies.rows(id(of)).map(|(_, (call, _))| &**call).collect();
                let up: Vec<String> =
                    self.sites[of].switch.keys().map(|call| format!("c{call}")).collect();
                let mut up: Vec<&str> = up.iter().map(String::as_str).collect();
                known.sort_unstable();
                up.sort_unstable();
                if known != up {
                    return Err(format!("node {at} knows {known:?} of {of}, which has {up:?}"));
                }
            }
        }
        Ok(())
    }

    /// One node can carry all that the caps allow.
    fn fill(&mut self, account: usize) -> Result<(), String> {
        let staying = self.staying();
        let node = staying[self.dice.below(staying.len())];
        let seats = seats_in(&self.book.registry, Some(account), None);
        let pools: Vec<PoolId> = seats.iter().flat_map(|seat| seat.pools()).collect();
        let caps = pools.iter().filter_map(|pool| self.book.cap(*pool, usize::MAX));
        let Some(cap) = caps.min() else { return Ok(()) };
        self.said.clear();
        // A call that is refused may be tried again: holders give back by halves.
        for _ in 0..3 * cap + 6 {
            self.ask(node, Some(account), None);
            self.run(400)?;
            if self.said.iter().filter(|admitted| **admitted).count() as u64 == cap {
                break;
            }
        }
        let admitted = self.said.iter().filter(|admitted| **admitted).count();
        if (admitted as u64) < cap {
            let desk = self.processes[node].desk.as_ref().unwrap();
            let shares: Vec<_> = pools.iter().map(|pool| (pool, desk.shares(*pool))).collect();
            return Err(format!("{admitted} of {cap} of {account} at node {node}: {shares:?}"));
        }
        self.run(3_000)?;
        self.copies_are_equal()?;
        let calls: Vec<u32> = self.sites[node].switch.keys().copied().collect();
        calls.into_iter().for_each(|call| self.later(1, Due::End { node, call }));
        self.run(1_000)
    }
}
