//! What a node has seen devices do.

use std::collections::BTreeMap;

use super::DeviceName;

/// What a node has seen a device do since its start. Moments are turns of a counter: they say
/// what was later, and no clock is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceState {
    /// How many calls are up that it has answered.
    pub calls: u32,
    /// When it answered last; 0 for never.
    pub answered: u64,
    /// When a stage in turn began with it last; 0 for never.
    pub began: u64,
}

/// The devices of an account of which something is known.
pub type DeviceStates = BTreeMap<DeviceName, DeviceState>;
