//! Nodes: a switch that carries on whatever happens, a disk, and processes that come and go.

use std::collections::{BTreeMap, BTreeSet};

use hallporter::cluster::{Copies, Limits, Member, Membership};
use hallporter::desk::{Desk, Input, Joining, Settings, Ticket, TogetherSettings};
use hallporter::domain::{CallRef, LedgerCommand, LedgerRow, ProxyId};
use hallporter::registry::Change;
use hallporter::sessions::{RowChange, SessionRow};

use super::network::{Row, address};
use super::world::{Entry, OVERDRAFT, Planted, Up, World, id};

#[derive(Default)]
pub(crate) struct Site {
    pub(crate) switch: BTreeMap<u32, Up>,
    /// Calls that its lists show, and that are not there: until when.
    pub(crate) phantoms: BTreeMap<u32, (usize, u64)>,
    pub(crate) disk: Disk,
    pub(crate) backup: Option<Disk>,
    /// What goes to the log does not get there.
    pub(crate) mute: bool,
    /// What comes from the log does not get here.
    pub(crate) deaf: bool,
    /// It comes to the cluster later.
    pub(crate) late: bool,
    pub(crate) leaving: bool,
    pub(crate) left: bool,
    /// The ledger has said that starts up to this one are over.
    pub(crate) above: u32,
    /// The next list hides calls that were there.
    pub(crate) lies: bool,
}

#[derive(Clone, Default)]
pub(crate) struct Disk {
    boot: u32,
    pub(crate) applied: usize,
    rows: Vec<SessionRow>,
    ledger: Vec<LedgerRow>,
}

pub(crate) struct Process {
    /// Which node it is, or says to be.
    pub(crate) node: usize,
    pub(crate) desk: Option<Desk>,
    /// Tells it from all others, whatever it says that it is.
    pub(crate) life: u64,
    pub(crate) boot: u32,
    nonce: u64,
    pub(crate) applied: usize,
    pub(crate) sees: BTreeSet<usize>,
    pub(crate) missed: BTreeMap<usize, u32>,
    pub(crate) fenced: Option<u32>,
    pub(crate) membership: Option<Membership>,
    /// When membership is to be woken.
    pub(crate) beats_at: u64,
    /// When the desk is to be woken, if it is.
    pub(crate) wakes_at: Option<u64>,
    pub(crate) copies: Option<Copies<CallRef, Row>>,
}

impl Process {
    pub(crate) fn none(node: usize) -> Self {
        Self {
            node,
            desk: None,
            life: 0,
            boot: 0,
            nonce: 0,
            applied: 0,
            sees: BTreeSet::new(),
            missed: BTreeMap::new(),
            fenced: None,
            membership: None,
            beats_at: 0,
            wakes_at: None,
            copies: None,
        }
    }
}

impl World {
    fn settings(&self, node: usize, boot: u32) -> Settings {
        let overdraft = if self.planted == Planted::OverdraftUnbounded { 1_000 } else { OVERDRAFT };
        Settings {
            node: id(node),
            boot,
            seed: 7,
            proxies: u8::from(self.planted != Planted::NoFreeze),
            together: TogetherSettings {
                overdraft,
                release_after_ms: Some(15_000),
                ..TogetherSettings::default()
            },
            ..Settings::default()
        }
    }

    /// A node starts from its disk.
    pub(crate) fn start(&mut self, node: usize) {
        if self.processes[node].desk.is_some() || self.sites[node].left {
            return;
        }
        let site = &mut self.sites[node];
        (site.late, site.leaving) = (false, false);
        let disk = self.sites[node].disk.clone();
        let boot = (disk.boot + 1).max(self.sites[node].above + 1);
        self.start_as(node, disk, boot, None);
    }

    fn start_as(&mut self, node: usize, disk: Disk, boot: u32, nonce: Option<u64>) {
        self.given += 1;
        let life = self.given;
        let mut process = Process::none(node);
        (process.life, process.boot, process.nonce) = (life, boot, nonce.unwrap_or(life));
        process.applied = disk.applied;
        self.sites[node].disk = Disk { boot, ..disk };
        let mut desk = Desk::new(self.settings(node, boot));
        let now = self.now();
        let mut index = 0;
        for entry in &self.log[..process.applied] {
            if let Entry::Registry(command) = entry {
                index += 1;
                let command = self.as_read(command);
                desk.handle(Input::Committed { ticket: Ticket(0), index, command }, now);
            }
        }
        let disk = &self.sites[node].disk;
        let alone = self.mix.founding && !self.mix.founded;
        if !alone {
            let other =
                |row: &_| matches!(row, LedgerRow::Start { node: of, .. } if *of != id(node));
            let founding = self.mix.founding && node == 0 && !disk.ledger.iter().any(other);
            desk.together(Joining { boot, nonce: process.nonce, founding }, now);
            desk.tell_others();
            disk.ledger.iter().for_each(|row| desk.restore_ledger(row));
        }
        disk.rows.iter().for_each(|row| desk.restore_call(row, now));
        desk.restored();
        process.desk = Some(desk);
        self.processes[node] = process;
        if !alone {
            self.comes_together(node);
        }
        self.drain(node);
    }

    /// What a process has when there are others.
    pub(crate) fn comes_together(&mut self, node: usize) {
        let (now, boot) = (self.now(), self.processes[node].boot);
        let others = (0..self.sites.len()).filter(|other| *other != node);
        others.clone().for_each(|other| self.handle(node, Input::NodeDown(id(other))));
        if self.mix.copies {
            let copies = Copies::new(id(node), boot, Limits { gone_max: 20, rows_max: 20 });
            self.processes[node].copies = Some(copies);
        }
        if self.mix.foca {
            let own = Member { node: id(node), boot, returns: 0, address: address(node) };
            let others = others.map(address).collect();
            let seed = self.dice.below(usize::MAX) as u64;
            self.processes[node].membership = Some(Membership::new(own, others, seed, now));
            self.beat(node);
        }
    }

    /// A node that was alone, maybe with calls up, becomes the first of several.
    pub(crate) fn found(&mut self) {
        self.mix.founded = true;
        let Process { boot, nonce, .. } = self.processes[0];
        let now = self.now();
        let Some(desk) = &mut self.processes[0].desk else { return };
        desk.together(Joining { boot, nonce, founding: true }, now);
        desk.tell_others();
        self.comes_together(0);
        self.drain(0);
    }

    /// Whether others may come.
    pub(crate) fn lets_in(&self) -> bool {
        let first = || self.processes[0].desk.as_ref();
        let covered =
            || self.planted == Planted::LetInTooEarly || first().is_some_and(Desk::covered);
        !self.mix.founding || self.mix.opened || (self.mix.founded && covered())
    }

    /// A process is gone; its switch carries on. Some of its last rows are not written down.
    pub(crate) fn stop(&mut self, process: usize) {
        let node = self.processes[process].node;
        let fenced = self.processes[process].fenced;
        if let Some(disk) = self.disk_of(process)
            && process == node
        {
            self.sites[node].disk = disk;
            self.sites[node].above = self.sites[node].above.max(fenced.unwrap_or(0));
        }
        self.processes[process] =
            Process { boot: self.processes[process].boot, ..Process::none(node) };
    }

    /// What is on a running process's disk.
    fn disk_of(&mut self, process: usize) -> Option<Disk> {
        let now = self.now();
        // A node alone vouches for strict accounts only when it has lost something.
        let alone = self.mix.founding && !self.mix.opened && !self.book.all_strict();
        let lost = if alone { 0 } else { [0, 10, 100][self.dice.below(3)] };
        let Process { boot, applied, desk, .. } = &mut self.processes[process];
        let desk = desk.as_mut()?;
        let rows = desk.calls(None, None, 10_000, now).rows.into_iter();
        let _: Vec<RowChange> = desk.take_changes(10, now);
        let ledger = if desk.is_together() { desk.ledger_rows().collect() } else { Vec::new() };
        let (boot, applied) = (*boot, *applied);
        let rows = rows.filter(|_| !self.dice.chance(lost)).collect();
        Some(Disk { boot, applied, rows, ledger })
    }

    /// Somebody keeps a copy of a disk.
    pub(crate) fn back_up(&mut self, node: usize) {
        let running = self.disk_of(node);
        let disk = running.unwrap_or_else(|| self.sites[node].disk.clone());
        self.sites[node].backup = Some(disk);
    }

    /// A node that is down starts from a disk of an earlier time, or from an empty one.
    pub(crate) fn start_from_old_disk(&mut self, node: usize) {
        if self.processes[node].desk.is_some() || self.sites[node].left || self.sites[node].late {
            return;
        }
        let backup = self.sites[node].backup.clone().filter(|_| self.dice.chance(70));
        self.sites[node].above = 0;
        self.sites[node].disk = backup.unwrap_or_default();
        self.start(node);
    }

    /// The same node is started a second time, on a copy of its disk, while the first lives. Its
    /// switch asks the new one from now on.
    pub(crate) fn start_second(&mut self, node: usize) {
        let second = self.processes.len() - 1;
        if self.processes[second].desk.is_some() || self.processes[node].desk.is_none() {
            return;
        }
        let Some(disk) = self.disk_of(node) else { return };
        let Process { boot, nonce, .. } = self.processes[node];
        let first = std::mem::replace(&mut self.processes[node], Process::none(node));
        self.processes[second] = first;
        let (boot, nonce) = match self.planted {
            Planted::TwoAsOne => (boot, Some(nonce)),
            _ => (boot + u32::from(self.dice.chance(50)), None),
        };
        self.start_as(node, disk, boot, nonce);
    }

    /// Takes the place of all that was missed of the log.
    pub(crate) fn install(&mut self, process: usize) {
        let rows: Vec<LedgerRow> = self.truth.rows().collect();
        let Some(desk) = &mut self.processes[process].desk else { return };
        if self.planted == Planted::CapsDropped {
            let old: Vec<_> = desk.registry().accounts(None).map(|(key, _)| key).collect();
            old.into_iter().for_each(|key| desk.restore_registry(Change::AccountGone(key)));
        }
        desk.replace_registry(self.book.changes.clone(), self.book.applied());
        desk.replace_ledger(&rows);
        self.processes[process].applied = self.log.len();
        self.handle(process, Input::Wakeup);
    }

    /// A node that wants to go, and whose calls are over, is gone for good.
    pub(crate) fn go(&mut self, node: usize) {
        let faulty = self.planted == Planted::LeftWithRights;
        let Some(desk) = &mut self.processes[node].desk else { return };
        let mut goes = || if faulty { desk.figures().calls == 0 } else { desk.retire() };
        if !self.sites[node].switch.is_empty() || !goes() {
            return;
        }
        if !faulty {
            let expected_boot = self.truth.boot(id(node));
            let revoke = LedgerCommand::Revoke { node: id(node), expected_boot, attested: true };
            self.append(Entry::Ledger(revoke));
        }
        self.good_bye(node);
        self.stop(node);
        self.sites[node].left = true;
    }

    pub(crate) fn proxy() -> ProxyId {
        ProxyId(0)
    }
}
