//! What becomes of messages.

use std::collections::BTreeMap;

use hallporter::domain::{Grant, LedgerCommand, LedgerReply, SyncItem};

use super::world::{Message, Planted, World, id, pool};

impl World {
    pub(crate) fn send(&mut self, node: usize, item: SyncItem) {
        let boot = self.nodes[node].boot;
        let command = LedgerCommand::Sync { node: id(node), boot, items: vec![item] };
        self.network.push(Message::ToLedger { node, boot, command });
    }

    pub(crate) fn hello(&mut self, node: usize) {
        let boot = self.nodes[node].boot;
        let command = LedgerCommand::Hello { node: id(node), boot, nonce: u64::from(boot) };
        self.network.push(Message::ToLedger { node, boot, command });
    }

    pub(crate) fn pick_message(&mut self) -> Option<Message> {
        if self.network.is_empty() {
            return None;
        }
        let place = self.dice.below(self.network.len());
        Some(self.network.swap_remove(place))
    }

    pub(crate) fn deliver_any(&mut self, faults: bool) {
        let Some(message) = self.pick_message() else { return };
        if faults && self.dice.chance(20) && self.network.len() < 500 {
            self.network.push(message.clone());
        }
        match message {
            Message::ToLedger { node, boot, command } => self.at_ledger(node, boot, command),
            Message::ToNode { node, boot, reply } => self.at_node(node, boot, reply),
        }
    }

    pub(crate) fn at_ledger(&mut self, node: usize, boot: u32, command: LedgerCommand) {
        let mut command = command;
        if let LedgerCommand::Sync { boot, .. } = &mut command
            && self.planted == Planted::NoBootCheck
        {
            *boot = self.nodes[node].boot;
        }
        match self.ledger.apply(&command) {
            LedgerReply::Granted(grants) => {
                for grant in grants {
                    let to = usize::from(grant.node.0) - 1;
                    let reply = LedgerReply::Granted(vec![grant]);
                    self.network.push(Message::ToNode { node: to, boot: grant.boot, reply });
                }
            }
            reply @ (LedgerReply::HelloOk(_)
            | LedgerReply::BootTooOld { .. }
            | LedgerReply::Stale { .. }
            | LedgerReply::Done) => self.network.push(Message::ToNode { node, boot, reply }),
        }
    }

    pub(crate) fn at_node(&mut self, node: usize, boot: u32, reply: LedgerReply) {
        if self.nodes[node].boot != boot {
            return;
        }
        let (planted, counted) = (self.planted, &mut self.counted);
        let Some(process) = &mut self.nodes[node].process else { return };
        match reply {
            LedgerReply::HelloOk(mut held) => {
                if planted == Planted::ForgottenReturns {
                    held.iter_mut().for_each(|holding| holding.returned = 0);
                }
                process.rights.welcomed(&held);
                process.welcomed = true;
                if planted == Planted::NoQuarantine {
                    self.thaw(node);
                }
            }
            LedgerReply::Granted(grants) => {
                for mut grant in grants {
                    if planted == Planted::RelativeGrants {
                        make_relative(counted, node, &mut grant);
                    }
                    process.rights.granted(&grant);
                }
            }
            LedgerReply::BootTooOld { .. } | LedgerReply::Stale { .. } | LedgerReply::Done => {}
        }
        for index in self.nodes[node].take_owed() {
            if let Some(process) = &mut self.nodes[node].process {
                let _ = process.rights.surplus(pool(index));
            }
        }
    }
}

/// Turns a total into "some more", as a ledger that sends differences would.
fn make_relative(counted: &mut BTreeMap<(usize, u64), u64>, node: usize, grant: &mut Grant) {
    let key = (node, u64::from(grant.pool.account().0));
    let before = counted.get(&key).copied().unwrap_or(0);
    if !grant.short {
        grant.granted = grant.granted.max(before + 1);
    }
    counted.insert(key, grant.granted);
}
