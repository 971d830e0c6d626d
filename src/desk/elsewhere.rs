//! What other nodes see of accounts with rules, and what they are told of it: how many calls are
//! up, and what devices were seen to do.
//!
//! Whom a call rings depends on that, and not whether it is admitted: caps are a matter of rights.
//! So nothing is waited for here. What a node that can't be reached saw last counts for nothing:
//! a device that rings in vain is better than one that does not ring.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    AccountKey, DeviceName, DeviceRow, DeviceState, DeviceStates, NodeId, PoolId, PoolKind, Row,
    RowKey, Seats, Sight,
};

use super::Desk;

/// No turn comes this far by itself; whoever says so is not followed.
const TURN_MAX: u64 = 1 << 62;

/// What one node sees of an account.
#[derive(Clone, Debug, Default)]
struct Seen {
    calls: u32,
    devices: BTreeMap<u64, DeviceRow>,
}

/// What other nodes see. Bounded by the rows that are kept of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Elsewhere(BTreeMap<NodeId, BTreeMap<AccountKey, Seen>>);

impl Elsewhere {
    /// How many calls of an account are up at other nodes.
    pub(super) fn calls(&self, account: AccountKey) -> u32 {
        let calls = self.0.values().filter_map(|seen| seen.get(&account)).map(|seen| seen.calls);
        calls.fold(0, u32::saturating_add)
    }

    /// Adds what other nodes see of an account's devices to what this one does.
    pub(super) fn added_to<'a>(
        &self,
        account: AccountKey,
        mut states: Cow<'a, DeviceStates>,
    ) -> Cow<'a, DeviceStates> {
        for row in self.0.values().filter_map(|seen| seen.get(&account)).flat_map(Seen::rows) {
            states.to_mut().entry(row.name.clone()).or_default().add(row.state);
        }
        states
    }

    /// A row of a node; the latest turn in it.
    fn put(&mut self, node: NodeId, (key, row): Sight) -> u64 {
        let (RowKey::Account(account) | RowKey::Device(account, _)) = key else { return 0 };
        let accounts = self.0.entry(node).or_default();
        let seen = accounts.entry(account).or_default();
        let mut turn = 0;
        match (key, row) {
            (RowKey::Account(_), Some(Row::Account(calls))) => seen.calls = calls,
            (RowKey::Account(_), _) => seen.calls = 0,
            (RowKey::Device(_, hash), Some(Row::Device(row))) => {
                turn = row.state.answered.max(row.state.began);
                if turn < TURN_MAX {
                    seen.devices.insert(hash, row);
                } else {
                    turn = 0;
                }
            }
            (RowKey::Device(_, hash), _) => drop(seen.devices.remove(&hash)),
            (RowKey::Call(_) | RowKey::Deposit(_), _) => {}
        }
        if seen.calls == 0 && seen.devices.is_empty() {
            accounts.remove(&account);
        }
        turn
    }
}

impl Seen {
    fn rows(&self) -> impl Iterator<Item = &DeviceRow> {
        self.devices.values()
    }
}

/// What other nodes were not told yet; `None`: there are none. Bounded by the registry.
#[derive(Clone, Debug, Default)]
pub(super) struct Untold(Option<BTreeSet<(AccountKey, Option<DeviceName>)>>);

impl Untold {
    /// How many calls an account has may have changed.
    pub(super) fn calls(&mut self, account: AccountKey) {
        if let Some(untold) = &mut self.0 {
            untold.insert((account, None));
        }
    }

    /// Something was seen of a device.
    pub(super) fn device(&mut self, account: AccountKey, device: &DeviceName) {
        if let Some(untold) = &mut self.0 {
            untold.insert((account, Some(device.clone())));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, BTreeSet::len)
    }
}

impl Desk {
    /// How many calls of an account are up or being set up, at all nodes that can be reached.
    pub(super) fn calls_up(&self, account: AccountKey) -> u32 {
        let here = self.rights.usage(PoolId::new(account, PoolKind::Total)).live;
        here.saturating_add(self.devices.elsewhere.calls(account))
    }

    /// Calls of these accounts have come or gone.
    pub(super) fn calls_change(&mut self, seats: &Seats) {
        if self.devices.untold.0.is_some() {
            for seat in seats.iter() {
                if self.registry.rules(seat.account).is_some() {
                    self.devices.untold.calls(seat.account);
                }
            }
        }
    }

    /// There are other nodes from now on: what is seen of accounts with rules is to be told.
    pub(super) fn tell_seen(&mut self) {
        if self.devices.untold.0.is_some() {
            return;
        }
        let accounts = self.registry.accounts(None).map(|(account, _)| account);
        let accounts = accounts.filter(|account| self.registry.rules(*account).is_some());
        let devices = self.devices.seen().map(|(account, device)| (account, Some(device.clone())));
        let all = accounts.map(|account| (account, None)).chain(devices).collect();
        self.devices.untold.0 = Some(all);
    }

    /// Up to `max` rows of accounts with rules that other nodes were not told yet.
    pub fn take_untold_seen(&mut self, max: usize) -> Vec<Sight> {
        let mut rows = Vec::new();
        while rows.len() < max
            && let Some((account, device)) =
                self.devices.untold.0.as_mut().and_then(BTreeSet::pop_first)
        {
            rows.push(match device {
                Some(name) => {
                    let state = self.devices.here(account, &name);
                    let key = RowKey::device(account, &name);
                    let row = Row::Device(DeviceRow { name, state });
                    (key, (state != DeviceState::default()).then_some(row))
                }
                None => {
                    let has_rules = self.registry.rules(account).is_some();
                    let live = self.rights.usage(PoolId::new(account, PoolKind::Total)).live;
                    let calls = Some(live).filter(|live| has_rules && *live > 0);
                    (RowKey::Account(account), calls.map(Row::Account))
                }
            });
        }
        rows
    }

    /// Another node tells what it sees; `anew`: that is all.
    pub(super) fn seen_elsewhere(&mut self, node: NodeId, anew: bool, rows: Vec<Sight>) {
        if anew {
            self.devices.elsewhere.0.remove(&node);
        }
        for row in rows {
            let turn = self.devices.elsewhere.put(node, row);
            self.devices.turn_seen(turn);
        }
    }
}
