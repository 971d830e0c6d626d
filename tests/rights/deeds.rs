//! What nodes, switches and operators do.

use std::collections::BTreeSet;

use hallporter::admission::{Look, Rights};
use hallporter::domain::{LedgerCommand, SyncItem};

use super::world::{Call, NODES, Node, POOLS, Planted, Process, World, id, pool};

impl World {
    pub(crate) fn admit(&mut self, node: usize, index: usize) {
        let call = Call { number: self.calls, pool: index };
        self.calls += 1;
        let Some(process) = self.nodes[node].process.as_mut().filter(|p| p.welcomed) else {
            return;
        };
        // Of an account without a cap nobody counts, and one whose cap it has not read it does not
        // know.
        if process.rights.usage(pool(index)).cap.is_none() {
            return;
        }
        match process.rights.look(pool(index)) {
            Look::Room => {
                process.rights.take(pool(index));
                process.table.insert(call);
                self.nodes[node].switch.insert(call);
                self.admitted += 1;
            }
            Look::Short { want } => {
                let item = process.rights.wanting(pool(index), want);
                self.send(node, item);
            }
            Look::Full | Look::Frozen => {}
        }
    }

    pub(crate) fn end_any(&mut self, node: usize) {
        let calls = self.nodes[node].switch.len();
        if calls > 0 {
            let place = self.dice.below(calls);
            let call = *self.nodes[node].switch.iter().nth(place).unwrap();
            self.end(node, call);
        }
    }

    pub(crate) fn end(&mut self, node: usize, call: Call) {
        self.nodes[node].switch.remove(&call);
        // The end of a call that ended while nobody listened is found out by the look.
        let Some(process) = &mut self.nodes[node].process else { return };
        if process.table.remove(&call) {
            process.rights.give_back(pool(call.pool));
            self.return_surplus(node, call.pool);
        }
    }

    pub(crate) fn return_surplus(&mut self, node: usize, index: usize) {
        let Some(process) = &mut self.nodes[node].process else { return };
        let item = if self.planted == Planted::ToldBeforeSubtracted {
            process.owed.push(index);
            process.rights.clone().surplus(pool(index))
        } else {
            process.rights.surplus(pool(index))
        };
        if let Some(item) = item {
            self.send(node, item);
        }
    }

    /// A node gives up what it can spare in favour of another one, in one command.
    pub(crate) fn recall(&mut self, node: usize, index: usize) {
        let starving = self.dice.below(NODES);
        let Some(process) = &mut self.nodes[node].process else { return };
        if let Some(item) = process.rights.surplus(pool(index)) {
            self.send(node, SyncItem { want: 5, beneficiary: id(starving), ..item });
        }
    }

    pub(crate) fn crash(&mut self, node: usize) {
        let Some(process) = self.nodes[node].process.take() else { return };
        // The last milliseconds are not on the disk.
        self.nodes[node].disk =
            process.table.into_iter().filter(|_| self.dice.chance(90)).collect();
    }

    pub(crate) fn start(&mut self, node: usize) {
        if self.nodes[node].process.is_some() {
            return;
        }
        if self.planted != Planted::BootReused || self.nodes[node].boot == 0 {
            self.nodes[node].boot += 1;
        }
        let boot = self.nodes[node].boot;
        let mut rights = Rights::new(id(node), boot, false);
        for (index, cap) in &self.log[..self.nodes[node].log_read] {
            rights.cap_changed(pool(*index), *cap);
        }
        let table = std::mem::take(&mut self.nodes[node].disk);
        table.iter().for_each(|call| rights.take(pool(call.pool)));
        let process = Process { rights, welcomed: false, table, owed: Vec::new() };
        self.nodes[node].process = Some(process);
        self.hello(node);
    }

    pub(crate) fn look_at_switch(&mut self, node: usize) {
        let Node { process: Some(process), switch, .. } = &mut self.nodes[node] else { return };
        if !process.welcomed {
            return self.hello(node);
        }
        let switch: &BTreeSet<Call> = switch;
        for call in switch.difference(&process.table) {
            process.rights.take(pool(call.pool));
        }
        for call in process.table.difference(switch) {
            process.rights.give_back(pool(call.pool));
        }
        process.table.clone_from(switch);
        self.thaw(node);
    }

    pub(crate) fn thaw(&mut self, node: usize) {
        let Some(process) = &mut self.nodes[node].process else { return };
        let _ = process.rights.thaw();
        (0..POOLS).for_each(|index| self.return_surplus(node, index));
    }

    /// Somebody makes sure that a node and its switch are gone, and says so.
    pub(crate) fn revoke(&mut self, node: usize) {
        if self.nodes[node].process.is_none() && self.dice.chance(50) {
            self.nodes[node].switch.clear();
            let expected_boot = self.nodes[node].boot;
            self.nodes[node].boot += 1;
            let command = LedgerCommand::Revoke { node: id(node), expected_boot, attested: true };
            self.ledger.apply(&command);
        }
    }

    pub(crate) fn set_cap(&mut self, index: usize, cap: u32) {
        self.caps[index] = cap;
        self.log.push((index, cap));
        self.ledger.apply(&LedgerCommand::SetCap { pool: pool(index), cap });
    }

    /// A node reads the next line of the log, sooner or later than others.
    pub(crate) fn read_log(&mut self, node: usize) {
        let Some((index, cap)) = self.log.get(self.nodes[node].log_read).copied() else { return };
        let Some(process) = &mut self.nodes[node].process else { return };
        process.rights.cap_changed(pool(index), cap);
        self.nodes[node].log_read += 1;
        self.return_surplus(node, index);
    }
}
