//! What devices were seen to do: who has answered, who is in a call, whose turn it was.
//!
//! Kept for accounts with rules alone, and in memory alone: after a start nobody has answered yet.
//! Other nodes are told of it, and tell what they see; see `elsewhere.rs`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::domain::{AccountKey, Decision, DeviceName, DeviceState, DeviceStates, Step};
use crate::registry::{Change, Registry};
use crate::sessions::Slot;

use super::Desk;
use super::elsewhere::{Elsewhere, Untold};

/// How many devices are remembered that an account no longer has, until they are looked through.
const STRANGERS_MAX: usize = 8;

/// Bounded by the registry and by the table of calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Devices {
    states: BTreeMap<AccountKey, DeviceStates>,
    /// Which device has answered a call.
    answered: BTreeMap<Slot, (AccountKey, DeviceName)>,
    /// Counts what is remembered.
    turn: u64,
    pub(super) elsewhere: Elsewhere,
    pub(super) untold: Untold,
}

impl Devices {
    /// What is known of an account's devices, here and at other nodes.
    pub(super) fn of(&self, account: AccountKey) -> Cow<'_, DeviceStates> {
        let here = self.states.get(&account).map(Cow::Borrowed).unwrap_or_default();
        self.elsewhere.added_to(account, here)
    }

    /// What was seen of a device here.
    pub(super) fn here(&self, account: AccountKey, device: &DeviceName) -> DeviceState {
        let state = self.states.get(&account).and_then(|states| states.get(device));
        state.copied().unwrap_or_default()
    }

    /// The devices of which something was seen here.
    pub(super) fn seen(&self) -> impl Iterator<Item = (AccountKey, &DeviceName)> {
        self.states
            .iter()
            .flat_map(|(account, states)| states.keys().map(move |device| (*account, device)))
    }

    /// Another node has come to this turn.
    pub(super) fn turn_seen(&mut self, turn: u64) {
        self.turn = self.turn.max(turn);
    }

    /// An account is gone.
    pub(super) fn forget(&mut self, account: AccountKey) {
        for device in self.states.remove(&account).unwrap_or_default().into_keys() {
            self.untold.device(account, &device);
        }
    }

    /// The state of a device, to be changed by what is seen at the next turn.
    fn change(
        &mut self,
        registry: &Registry,
        account: AccountKey,
        device: &DeviceName,
    ) -> Option<&mut DeviceState> {
        let devices = registry.devices(account);
        let is_own = |name: &DeviceName| devices.iter().any(|device| device.name == *name);
        if !is_own(device) {
            return None;
        }
        if self.states.len() > registry.counts().accounts {
            self.states.retain(|account, _| registry.account(*account).is_some());
        }
        let states = self.states.entry(account).or_default();
        if states.len() >= devices.len() + STRANGERS_MAX {
            states.retain(|name, _| is_own(name));
        }
        self.turn += 1;
        self.untold.device(account, device);
        Some(states.entry(device.clone()).or_default())
    }

    /// A call was answered.
    fn take(&mut self, registry: &Registry, slot: Slot, account: AccountKey, device: &DeviceName) {
        if self.answered.contains_key(&slot) {
            return;
        }
        let turn = self.turn + 1;
        if let Some(state) = self.change(registry, account, device) {
            state.calls += 1;
            state.answered = turn;
            self.answered.insert(slot, (account, device.clone()));
        }
    }

    /// A stage has begun with a device.
    fn begin(&mut self, registry: &Registry, account: AccountKey, device: &DeviceName) {
        let turn = self.turn + 1;
        if let Some(state) = self.change(registry, account, device) {
            state.began = turn;
        }
    }

    /// A call is over.
    pub(super) fn end(&mut self, slot: Slot) {
        let Some((account, device)) = self.answered.remove(&slot) else { return };
        let state = self.states.get_mut(&account).and_then(|states| states.get_mut(&device));
        if let Some(state) = state {
            state.calls = state.calls.saturating_sub(1);
            self.untold.device(account, &device);
        }
    }
}

impl Desk {
    /// What is told of an account follows a change of the registry.
    pub(super) fn devices_follow(&mut self, change: &Change) {
        match change {
            Change::Rules(account, ..) | Change::RulesGone(account) => {
                self.devices.untold.calls(*account);
            }
            Change::AccountGone(account) => {
                self.devices.untold.calls(*account);
                self.devices.forget(*account);
            }
            Change::Account(..)
            | Change::KeysGiven(_)
            | Change::Identifier(..)
            | Change::IdentifierGone(_)
            | Change::Device(..)
            | Change::DeviceGone(..)
            | Change::Mailbox(..)
            | Change::MailboxGone(..)
            | Change::Care(..) => {}
        }
    }

    /// A proxy has told which device answered.
    pub(super) fn device_answered(&mut self, slot: Slot, device: Option<&DeviceName>) {
        let callee = self.table.get(slot).and_then(|session| session.callee());
        let callee = callee.filter(|callee| self.registry.rules(*callee).is_some());
        if let (Some(callee), Some(device)) = (callee, device) {
            self.devices.take(&self.registry, slot, callee, device);
        }
    }

    /// A call is set up: whose turn it was is remembered.
    pub(super) fn turns_taken(&mut self, callee: Option<AccountKey>, decision: &Decision) {
        let Some(callee) = callee else { return };
        for step in &decision.steps {
            if let Step::Turn { device, .. } = step {
                self.devices.begin(&self.registry, callee, device);
            }
        }
    }
}
