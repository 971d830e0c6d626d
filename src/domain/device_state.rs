//! What a node has seen devices do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::DeviceName;

/// What nodes have seen a device do since their start. Moments are turns of a counter: they say
/// what was later, and no clock is needed. Among several nodes each goes on from the highest that
/// it was told, so that of two moments at two nodes the later one has the higher turn, unless
/// neither could have known of the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceState {
    /// How many calls are up that it has answered.
    pub calls: u32,
    /// When it answered last; 0 for never.
    pub answered: u64,
    /// When a stage in turn began with it last; 0 for never.
    pub began: u64,
}

impl DeviceState {
    /// Adds what another node has seen of the same device.
    pub fn add(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.answered = self.answered.max(other.answered);
        self.began = self.began.max(other.began);
    }
}

/// The devices of an account of which something is known.
pub type DeviceStates = BTreeMap<DeviceName, DeviceState>;
