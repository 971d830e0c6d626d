//! Who rings, when, how long.
//!
//! [`order`] is the notification list itself: stages of devices that ring together. [`follow()`] asks
//! the account's rules, which choose among devices and stages.

mod build;
mod divert;
mod follow;
mod forwarded;
mod judge;
mod members;
mod tell;
mod wake;

use std::sync::Arc;

use crate::domain::{Device, DeviceStates, Few, ForkOrder, Registrations, Step, Target, Wish};

use build::Build;

pub use divert::{Diverted, forward_behind, ring_here};
pub use follow::{Followed, follow};
pub use forwarded::Forwarded;
pub use judge::{Caller, Question};
pub use tell::{lamps, tell};

/// How many branches an order may have. Kamailio keeps one slot a branch over *all* stages of a
/// call, and drops what is beyond its `max_branches`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In all stages together.
    pub branches_max: usize,
    /// In one stage.
    pub stage_branches_max: usize,
}

/// What an order is made from.
#[derive(Clone, Copy, Debug)]
pub struct List<'a> {
    /// Whether a FreeSWITCH without a proxy asks. It dials by itself, and reads an order once.
    pub by_switch: bool,
    /// Whether there is a switch that could ask whoever answers to press a key.
    pub confirms: bool,
    /// The account's devices, by stage.
    pub devices: &'a [Device],
    /// Where they are registered, as far as somebody looked.
    pub registrations: &'a Registrations,
    /// What the devices were seen to do.
    pub states: &'a DeviceStates,
    /// For how long a call is held for a device that is asked to wake, in seconds; `None`: none is.
    pub wait_s: Option<u16>,
    /// `host[:port]` of the gateway to telephone numbers.
    pub gateway: Option<&'a str>,
    /// Header lines for every branch.
    pub headers: &'a Arc<str>,
    /// How many branches there may be.
    pub limits: Limits,
}

/// The order in which a notification list rings. `leads_back` says whether a target would bring
/// the call back to an account that it has passed. Each device that was looked at leaves a step.
pub fn order(
    list: &List<'_>,
    leads_back: impl Fn(&Target) -> bool,
    steps: &mut Vec<Step>,
) -> ForkOrder {
    let mut build = Build::new(list, leads_back, steps);
    whole_list(&mut build, list);
    build.done()
}

/// Carries out what a caller wishes of an order: `no-fork` lets the first device ring alone. Which
/// rules matter to a caller who wishes something else, they say themselves.
pub fn honour(order: &mut ForkOrder, wishes: Few, steps: &mut Vec<Step>) {
    let several = order.stages.len() > 1
        || order.stages.first().is_some_and(|first| first.branches.len() > 1);
    if several && wishes.has(Wish::NoFork as u8) {
        steps.push(Step::Wish { wish: Wish::NoFork });
        order.stages.truncate(1);
        order.stages.iter_mut().for_each(|first| first.branches.truncate(1));
    }
}

/// Puts the notification list behind what is in an order.
fn whole_list<L: Fn(&Target) -> bool>(build: &mut Build<'_, L>, list: &List<'_>) {
    let mut number = None;
    for device in list.devices {
        if !build.has_room() {
            return;
        }
        if number.replace(device.stage) != Some(device.stage) {
            build.next_stage();
        }
        build.device(device, (device.stage, 0), device.ring_s, None);
    }
    build.next_stage();
}

#[cfg(test)]
mod tests;
