//! Who rings, when, how long.
//!
//! For now the order is the notification list itself: stages of devices that ring together.
//! Rules (hours, callers, causes) will choose among stages here, in front of [`order`].

use std::sync::Arc;

use crate::domain::{
    Branch, Device, DeviceSkip, ForkOrder, Number, Registrations, Stage, Step, Target,
};

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
    /// The account's devices, by stage.
    pub devices: &'a [Device],
    /// Where they are registered, as far as somebody looked.
    pub registrations: &'a Registrations,
    /// `host[:port]` of the gateway to telephone numbers.
    pub gateway: Option<&'a str>,
    /// Header lines for every branch.
    pub headers: &'a Arc<str>,
    /// How many branches there may be.
    pub limits: Limits,
}

/// The order in which a notification list rings. `leads_back` says whether a device would bring
/// the call back to an account that it has passed. Each device that was looked at leaves a step.
pub fn order(
    list: &List<'_>,
    leads_back: impl Fn(&Device) -> bool,
    steps: &mut Vec<Step>,
) -> ForkOrder {
    let mut stages: Vec<Stage> = Vec::with_capacity(4);
    let mut number = 0;
    let mut branches = 0;
    for (place, device) in list.devices.iter().enumerate() {
        if branches >= list.limits.branches_max {
            steps.push(Step::OrderFull { branches_max: list.limits.branches_max });
            break;
        }
        let same_stage = device.stage == number && !stages.is_empty();
        let taken =
            if same_stage { stages.last().map_or(0, |stage| stage.branches.len()) } else { 0 };
        let room = list.limits.stage_branches_max.saturating_sub(taken);
        let room = room.min(list.limits.branches_max - branches);
        let mut new = Stage { ring_s: 0, branches: Vec::new(), mailbox: false };
        let stage = match stages.last_mut().filter(|_| same_stage) {
            Some(stage) => stage,
            None => &mut new,
        };
        let found = if leads_back(device) {
            Err(DeviceSkip::Loop)
        } else if room == 0 {
            Err(DeviceSkip::StageFull)
        } else {
            if !same_stage {
                let behind = &list.devices[place..];
                let together = behind.iter().take_while(|next| next.stage == device.stage);
                stage.branches = Vec::with_capacity(together.take(room).count());
            }
            ring(device, list, room, &mut stage.branches)
        };
        steps.push(Step::Device {
            device: device.name.clone(),
            stage: device.stage,
            skip: found.as_ref().err().copied(),
        });
        let Ok(found) = found else { continue };
        branches += found;
        number = device.stage;
        stage.ring_s = stage.ring_s.max(device.ring_s);
        if !same_stage {
            stages.push(new);
        }
    }
    ForkOrder { stages }
}

/// Adds the branches of a device to its stage, `room` at most; says how many.
fn ring(
    device: &Device,
    list: &List<'_>,
    room: usize,
    branches: &mut Vec<Branch>,
) -> Result<usize, DeviceSkip> {
    if !device.enabled {
        return Err(DeviceSkip::Disabled);
    }
    let branch = |uri: Arc<str>| Branch {
        device: device.name.clone(),
        uri,
        dst_uri: None,
        path: None,
        headers: (!list.headers.is_empty()).then(|| Arc::clone(list.headers)),
    };
    let before = branches.len();
    match &device.target {
        Target::Uri(uri) => branches.push(branch(uri.shared())),
        Target::Number(number) => {
            let gateway = list.gateway.ok_or(DeviceSkip::NoGateway)?;
            branches.push(branch(at_gateway(*number, gateway)));
        }
        Target::Aor(aor) => match list.registrations.get(aor).map(Vec::as_slice) {
            // Nobody could say where it is: better to try than to leave somebody unreached.
            None => branches.push(branch(aor.shared())),
            Some([]) => return Err(DeviceSkip::NotRegistered),
            Some(contacts) => branches.extend(contacts.iter().take(room).map(|contact| Branch {
                dst_uri: contact.received.as_ref().map(crate::domain::SipUri::shared),
                path: contact.path.clone(),
                ..branch(contact.uri.shared())
            })),
        },
    }
    Ok(branches.len() - before)
}

fn at_gateway(number: Number, gateway: &str) -> Arc<str> {
    let mut uri = String::with_capacity(32 + gateway.len());
    uri.push_str("sip:");
    uri.push_str(&number.text());
    uri.push('@');
    uri.push_str(gateway);
    uri.into()
}

#[cfg(test)]
mod tests;
