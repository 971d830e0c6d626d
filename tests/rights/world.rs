//! Nodes, one ledger, a switch beside each node, and a network that does what it likes.

use std::collections::{BTreeMap, BTreeSet};

use hallporter::admission::Rights;
use hallporter::cluster::Ledger;
use hallporter::domain::{
    AccountKey, LedgerCommand, LedgerReply, NodeId, PoolId, PoolKind, UNLIMITED,
};

use super::dice::Dice;

pub(crate) const NODES: usize = 3;
pub(crate) const POOLS: usize = 3;

/// A fault that is built in on purpose; each must be caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Planted {
    None,
    /// A return is told to the ledger first and subtracted later.
    ToldBeforeSubtracted,
    /// Grants are differences, so that a repeated one counts twice.
    RelativeGrants,
    /// The ledger hears starts that are over.
    NoBootCheck,
    NoQuarantine,
    /// A start believes that it never returned anything.
    ForgottenReturns,
    /// A start uses the number of the one before.
    BootReused,
}

/// A message on its way. It may arrive late, more than once, or never.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    ToLedger { node: usize, boot: u32, command: LedgerCommand },
    ToNode { node: usize, boot: u32, reply: LedgerReply },
}

/// A call at a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Call {
    pub(crate) number: u64,
    pub(crate) pool: usize,
}

/// A node; its process may be down while its switch carries on.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) boot: u32,
    pub(crate) process: Option<Process>,
    /// The calls that are really up.
    pub(crate) switch: BTreeSet<Call>,
    /// The calls that the process before wrote down.
    pub(crate) disk: BTreeSet<Call>,
    /// How much of the log of caps it has read.
    pub(crate) log_read: usize,
}

#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) rights: Rights,
    pub(crate) welcomed: bool,
    pub(crate) table: BTreeSet<Call>,
    /// Returns that a planted fault has told and not subtracted yet.
    pub(crate) owed: Vec<usize>,
}

pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) planted: Planted,
    /// Nodes crash and start all the time.
    pub(crate) restless: bool,
    pub(crate) ledger: Ledger,
    pub(crate) nodes: Vec<Node>,
    pub(crate) network: Vec<Message>,
    pub(crate) caps: [u32; POOLS],
    pub(crate) log: Vec<(usize, u32)>,
    pub(crate) out_before: [u64; POOLS],
    pub(crate) calls: u64,
    /// What each node was granted, as a planted fault counts it.
    pub(crate) counted: BTreeMap<(usize, u64), u64>,
    pub(crate) admitted: u64,
}

pub(crate) fn pool(index: usize) -> PoolId {
    PoolId::new(AccountKey(u32::try_from(index).unwrap()), PoolKind::Total)
}

pub(crate) fn id(node: usize) -> NodeId {
    NodeId(u16::try_from(node).unwrap() + 1)
}

impl World {
    pub(crate) fn new(seed: u64, planted: Planted) -> Self {
        let node = |_| Node {
            boot: 0,
            process: None,
            switch: BTreeSet::new(),
            disk: BTreeSet::new(),
            log_read: 0,
        };
        let mut world = Self {
            dice: Dice::new(seed),
            planted,
            restless: seed % 2 == 1,
            ledger: Ledger::default(),
            nodes: (0..NODES).map(node).collect(),
            network: Vec::new(),
            caps: [UNLIMITED; POOLS],
            log: Vec::new(),
            out_before: [0; POOLS],
            calls: 0,
            counted: BTreeMap::new(),
            admitted: 0,
        };
        for (pool, cap) in [1, 5, 40].into_iter().enumerate() {
            world.set_cap(pool, cap);
        }
        (0..NODES).for_each(|node| world.start(node));
        world
    }

    /// One thing happens.
    pub(crate) fn step(&mut self) {
        let node = self.dice.below(NODES);
        let pool = self.dice.below(POOLS);
        if self.restless && self.dice.chance(2) {
            self.crash(node);
            self.start(node);
        }
        match self.dice.below(1000) {
            0..350 => self.admit(node, pool),
            350..600 => self.end_any(node),
            600..900 => self.deliver_any(true),
            900..930 => drop(self.pick_message()),
            930..940 => self.crash(node),
            940..960 => self.start(node),
            960..975 => self.look_at_switch(node),
            975..985 => self.recall(node, pool),
            985..990 => self.revoke(node),
            990..993 => {
                let cap = [0, 1, 2, 5, 12, 40][self.dice.below(6)];
                self.set_cap(pool, cap);
            }
            _ => self.read_log(node),
        }
    }

    /// What must hold after every step.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        for index in 0..POOLS {
            let out = self.ledger.out(pool(index));
            let cap = u64::from(self.caps[index]);
            if out > cap.max(self.out_before[index]) {
                return Err(format!("I1: {out} rights of pool {index} are out, its cap is {cap}"));
            }
            self.out_before[index] = out;
            let up: usize = self.nodes.iter().map(|node| node.up(index)).sum();
            if up as u64 > out {
                return Err(format!("I1: {up} calls of pool {index} are up on {out} rights"));
            }
            let mut held = 0;
            for node in &self.nodes {
                let Some(process) = &node.process else { continue };
                let usage = process.rights.usage(pool(index));
                let read = self.log[..node.log_read].iter().rev().find(|line| line.0 == index);
                if usage.cap != read.map(|(_, cap)| *cap) {
                    return Err(format!("pool {index}: a node says {usage:?}, its log {read:?}"));
                }
                let used = u64::from(usage.live - usage.overdraft) + u64::from(usage.frozen);
                if used > usage.held {
                    return Err(format!("I3: pool {index}: {used} used or frozen of {usage:?}"));
                }
                held += usage.held;
            }
            if held > out {
                return Err(format!("I2: nodes hold {held} of pool {index}, out are {out}"));
            }
        }
        Ok(())
    }

    /// The network heals, everything starts, all calls end: then nothing may be lost.
    pub(crate) fn heal(&mut self) -> Result<(), String> {
        for node in 0..NODES {
            self.start(node);
            while self.nodes[node].log_read < self.log.len() {
                self.read_log(node);
            }
        }
        self.quiet();
        for node in 0..NODES {
            self.look_at_switch(node);
            for call in self.nodes[node].switch.clone() {
                self.end(node, call);
            }
        }
        self.quiet();
        (0..POOLS).for_each(|index| self.recall_all(index));
        self.quiet();
        for (index, cap) in self.caps.into_iter().enumerate() {
            let free = self.fill(index);
            if free != cap {
                let usage: Vec<_> = self.nodes.iter().map(|node| node.usage(index)).collect();
                return Err(format!("pool {index}: {free} of {cap} are free again: {usage:?}"));
            }
        }
        Ok(())
    }

    /// A cap that was lowered while several nodes hold less than it each: the ledger recalls what
    /// is out. (A recall has no word of its own yet; a cap of 0 for a moment gives all back.)
    fn recall_all(&mut self, index: usize) {
        let cap = self.caps[index];
        if self.ledger.out(pool(index)) <= u64::from(cap) {
            return;
        }
        for node in 0..NODES {
            for cap in [0, cap] {
                if let Some(process) = &mut self.nodes[node].process {
                    process.rights.cap_changed(pool(index), cap);
                }
                self.return_surplus(node, index);
            }
        }
    }

    /// Every answer of the ledger arrives, and what was lost is told again.
    fn quiet(&mut self) {
        for node in 0..NODES {
            self.hello(node);
        }
        for round in 0..2 {
            while !self.network.is_empty() {
                self.deliver_any(false);
            }
            for index in 0..POOLS {
                for node in 0..NODES {
                    if let Some(process) = self.nodes[node].process.as_ref().filter(|_| round == 0)
                    {
                        let item = process.rights.wanting(pool(index), 0);
                        self.send(node, item);
                    }
                }
            }
        }
    }

    /// How many calls all nodes together can admit now.
    fn fill(&mut self, index: usize) -> u32 {
        let before = self.admitted;
        for _ in 0..400 {
            for node in 0..NODES {
                self.admit(node, index);
                while !self.network.is_empty() {
                    self.deliver_any(false);
                }
            }
        }
        u32::try_from(self.admitted - before).unwrap()
    }
}

impl Node {
    fn up(&self, index: usize) -> usize {
        self.switch.iter().filter(|call| call.pool == index).count()
    }

    pub(crate) fn take_owed(&mut self) -> Vec<usize> {
        self.process.as_mut().map(|process| std::mem::take(&mut process.owed)).unwrap_or_default()
    }

    fn usage(&self, index: usize) -> Option<hallporter::admission::PoolUsage> {
        self.process.as_ref().map(|process| process.rights.usage(pool(index)))
    }
}
