//! The nodes, their log, and what is due when.

use std::collections::{BTreeMap, BTreeSet};

use hallporter::cluster::Ledger;
use hallporter::desk::{Desk, Input, Output, Ticket};
use hallporter::domain::{LedgerCommand, NodeId, Now, Outcome, PoolId};
use hallporter::registry::Command;

use super::book::{ACCOUNTS, Book, seats_in};
use super::dice::Dice;
use super::fate::Mix;
use super::network::Parcel;
use super::oracle::Freed;
use super::site::{Process, Site};

/// Calls on overdraft of a pool at a node, at most.
pub(crate) const OVERDRAFT: u32 = 1;

/// A fault that is built in on purpose; each must be caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Planted {
    None,
    /// Who is taken for dead is taken for surely dead: all of its rights are free.
    DeadWithoutProof,
    OverdraftUnbounded,
    /// A return is in the ledger before it is subtracted at the node.
    ToldBeforeSubtracted,
    /// What a start before held is for new calls at once.
    NoFreeze,
    /// The switches show nothing after a start that has lost its rows.
    EmptyLists,
    /// The accounts above the callers' are not counted for.
    ParentForgotten,
    /// Only calls of both directions together are counted.
    DirectionsForgotten,
    /// Two processes are one node, say that they are the same start, and are both asked.
    TwoAsOne,
    /// Others come before the ledger has the calls of a node that was alone.
    LetInTooEarly,
    /// Who leaves keeps what he held.
    LeftWithRights,
    /// While a node takes the whole state, its accounts are gone for a moment.
    CapsDropped,
    /// Nobody says what he knows of others' rows.
    NoMarks,
}

impl Planted {
    pub(crate) fn wants_available(self) -> bool {
        matches!(self, Self::OverdraftUnbounded | Self::DeadWithoutProof)
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Registry(Command),
    Ledger(LedgerCommand),
}

/// What will happen. `at`: to which process, named by its node and what tells it from all others.
#[derive(Clone, Debug)]
pub(crate) enum Due {
    Ask,
    Put { from: (usize, u64), command: LedgerCommand },
    Failed { at: (usize, u64), command: LedgerCommand },
    Apply { process: usize, upto: usize },
    Arrive { from: usize, to: usize, parcel: Parcel },
    Recall { to: usize, pool: PoolId, beneficiary: NodeId, want: u32 },
    End { node: usize, call: u32 },
    Wake { at: (usize, u64) },
    Beat { at: (usize, u64) },
    Look { node: usize },
    Gossip,
    Fate,
}

/// A call at a switch.
#[derive(Clone, Debug)]
pub(crate) struct Up {
    pub(crate) from: Option<usize>,
    pub(crate) to: Option<usize>,
    /// What it holds, as the node had it that let it in.
    pub(crate) pools: Vec<PoolId>,
    pub(crate) since_ms: u64,
    /// The start that admitted it.
    pub(crate) boot: u32,
    /// Whether the last list has shown it.
    pub(crate) shown: bool,
}

/// A question on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) node: usize,
    pub(crate) from: Option<usize>,
    pub(crate) to: Option<usize>,
}

pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) planted: Planted,
    pub(crate) mix: Mix,
    pub(crate) now_ms: u64,
    due: BTreeMap<(u64, u64), Due>,
    pub(crate) given: u64,
    pub(crate) sites: Vec<Site>,
    /// One a site, and behind them the one that may be a node's second.
    pub(crate) processes: Vec<Process>,
    /// Ways between nodes that are cut, each in one direction.
    pub(crate) cut: BTreeSet<(usize, usize)>,
    pub(crate) log: Vec<Entry>,
    pub(crate) book: Book,
    /// The ledger as the whole log has it.
    pub(crate) truth: Ledger,
    pub(crate) freed: Vec<Freed>,
    pub(crate) asked: BTreeMap<u32, Asked>,
    pub(crate) calls: u32,
    pub(crate) admitted: u64,
    pub(crate) healed: bool,
    pub(crate) filling: bool,
    pub(crate) broken: Option<String>,
    pub(crate) wall_ms: i64,
    pub(crate) said: Vec<bool>,
}

impl World {
    pub(crate) fn new(seed: u64, planted: Planted) -> Self {
        let mut dice = Dice::new(seed);
        let nodes = 3 + dice.below(3);
        let mix = Mix::drawn(&mut dice, planted);
        let book = Book::new(&mut dice, planted);
        let mut world = Self {
            dice,
            planted,
            mix,
            now_ms: 1_000,
            due: BTreeMap::new(),
            given: 0,
            sites: (0..nodes).map(|_| Site::default()).collect(),
            processes: (0..=nodes).map(Process::none).collect(),
            cut: BTreeSet::new(),
            log: Vec::new(),
            book,
            truth: Ledger::default(),
            freed: Vec::new(),
            asked: BTreeMap::new(),
            calls: 0,
            admitted: 0,
            healed: false,
            filling: false,
            broken: None,
            wall_ms: 1_700_000_000_000,
            said: Vec::new(),
        };
        (0..ACCOUNTS).for_each(|account| world.add_account(account));
        for node in 0..nodes {
            world.sites[node].disk.applied = world.log.len();
            let first = if world.mix.founding { 1 } else { 3 };
            let late = node >= first && (world.mix.founding || world.dice.chance(50));
            world.sites[node].late = late;
            if !late {
                world.start(node);
            }
            world.later(300, Due::Look { node });
        }
        world.later(100, Due::Gossip);
        world.later(1_000, Due::Fate);
        for _ in 0..4 {
            world.later(10, Due::Ask);
        }
        world
    }

    pub(crate) fn add_account(&mut self, account: usize) {
        for command in self.book.adding(account) {
            self.append(Entry::Registry(command));
        }
    }

    pub(crate) fn now(&self) -> Now {
        Now { mono_ms: self.now_ms, wall_ms: self.wall_ms + i64::try_from(self.now_ms).unwrap() }
    }

    pub(crate) fn later(&mut self, in_ms: usize, due: Due) {
        self.given += 1;
        self.due.insert((self.now_ms + u64::try_from(in_ms).unwrap(), self.given), due);
    }

    pub(crate) fn append(&mut self, entry: Entry) {
        let entry = self.spoil(entry);
        match &entry {
            Entry::Ledger(command) => self.in_truth(&command.clone()),
            Entry::Registry(command) => {
                let place = self.log.len();
                self.book.apply(place, command, &mut self.truth);
            }
        }
        self.log.push(entry);
        for process in 0..self.processes.len() {
            let upto = self.log.len();
            let in_ms = self.delay();
            self.later(in_ms, Due::Apply { process, upto });
        }
    }

    pub(crate) fn handle(&mut self, process: usize, input: Input) {
        let now = self.now();
        if let Some(desk) = &mut self.processes[process].desk {
            desk.handle(input, now);
            self.drain(process);
        }
    }

    pub(crate) fn drain(&mut self, process: usize) {
        while let Some(output) = self.processes[process].desk.as_mut().and_then(Desk::poll) {
            self.carry_out(process, output);
        }
        let at = (self.processes[process].node, self.processes[process].life);
        if let Some(at_ms) = self.processes[process].desk.as_ref().and_then(Desk::wakeup) {
            let in_ms = usize::try_from(at_ms.saturating_sub(self.now_ms)).unwrap().max(1);
            let wakes_at = self.now_ms + in_ms as u64;
            if in_ms < 2_000 && self.processes[process].wakes_at.is_none_or(|at| wakes_at < at) {
                self.processes[process].wakes_at = Some(wakes_at);
                self.later(in_ms, Due::Wake { at });
            }
        }
        self.tell_rows(process);
        if self.processes[process].fenced.is_some() {
            self.stop(process);
        }
    }

    fn carry_out(&mut self, process: usize, output: Output) {
        let at = (self.processes[process].node, self.processes[process].life);
        match output {
            Output::Answer { ticket, decision, .. } => {
                let call = u32::try_from(ticket.0).unwrap();
                let Some(asked) = self.asked.remove(&call) else { return };
                let admitted = !matches!(decision.outcome, Outcome::Refuse(_));
                if self.healed {
                    self.said.push(admitted);
                }
                if admitted && asked.node == self.processes[process].node {
                    self.up(process, asked, call);
                }
            }
            Output::Ask(command) => {
                if self.mute(process) || self.lost() {
                    return self.later(300, Due::Failed { at, command });
                }
                let times = if self.dice.chance(self.mix.repeated) { 2 } else { 1 };
                for _ in 0..times {
                    let in_ms = self.delay();
                    let command = command.clone();
                    self.later(in_ms, Due::Put { from: at, command });
                }
            }
            Output::Recall { to, pool, beneficiary, want } => {
                let (from, to) = (self.processes[process].node, usize::from(to.0) - 1);
                if self.reaches(from, to) && !self.lost() {
                    let in_ms = self.delay();
                    self.later(in_ms, Due::Recall { to, pool, beneficiary, want });
                }
            }
            Output::Fenced { current, .. } => self.processes[process].fenced = Some(current),
            _ => {}
        }
    }

    /// A call is really up from now on.
    fn up(&mut self, process: usize, asked: Asked, call: u32) {
        self.admitted += 1;
        let Process { boot, node, desk, .. } = &self.processes[process];
        let (boot, node) = (*boot, *node);
        let Some(desk) = desk else { return };
        let Asked { from, to, .. } = asked;
        // What the plant hides from nodes is seen here.
        let seats = match self.planted {
            Planted::ParentForgotten => self.book.seats(from, to),
            _ => seats_in(desk.registry(), from, to),
        };
        let pools: Vec<PoolId> = seats.iter().flat_map(|seat| seat.pools()).collect();
        let since_ms = self.now_ms;
        let up = Up { from, to, pools: pools.clone(), since_ms, boot, shown: false };
        self.sites[node].switch.insert(call, up);
        for pool in pools {
            let Some(allowed) = self.allowed(process, pool) else { continue };
            let up = self.really_up(pool);
            if up > allowed {
                let text = format!("{up} calls of {pool:?} are up, {allowed} are allowed");
                self.broken.get_or_insert(text);
            }
        }
        let hold_ms = if self.filling { 10_000_000 } else { 500 + self.dice.below(15_000) };
        self.later(hold_ms, Due::End { node, call });
    }

    pub(crate) fn really_up(&self, pool: PoolId) -> u64 {
        let up = self.sites.iter().flat_map(|it| it.switch.values());
        up.filter(|call| call.pools.contains(&pool)).count() as u64
    }

    pub(crate) fn ask(&mut self, node: usize, from: Option<usize>, to: Option<usize>) {
        let second = self.processes.len() - 1;
        let both = self.planted == Planted::TwoAsOne && self.processes[second].node == node;
        let process = if both && self.dice.chance(50) { second } else { node };
        if self.processes[process].desk.is_none() || self.sites[node].leaving {
            return;
        }
        self.calls += 1;
        let call = self.calls;
        self.asked.insert(call, Asked { node, from, to });
        let query = Box::new(super::deeds::query(call, from, to));
        self.handle(process, Input::Route { ticket: Ticket(u64::from(call)), query });
    }

    /// Time passes.
    pub(crate) fn run(&mut self, for_ms: u64) -> Result<(), String> {
        let until_ms = self.now_ms + for_ms;
        while let Some(next) = self.due.first_entry().filter(|next| next.key().0 <= until_ms) {
            self.now_ms = next.key().0;
            let due = next.remove();
            self.happen(due);
            if let Some(broken) = self.broken.take() {
                return Err(format!("{} ms: {broken}", self.now_ms));
            }
        }
        self.now_ms = until_ms;
        Ok(())
    }
}

pub(crate) fn id(node: usize) -> NodeId {
    NodeId(u16::try_from(node + 1).unwrap())
}
