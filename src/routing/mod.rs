//! Who rings, when, how long.
//!
//! For now the order is the notification list itself: stages of devices that ring together.
//! Rules (hours, callers, causes) will choose among stages here, in front of [`order`].

use std::sync::Arc;

use crate::domain::{Branch, Device, DeviceSkip, ForkOrder, Registrations, Stage, Step, Target};

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
    for device in list.devices {
        if branches >= list.limits.branches_max {
            steps.push(Step::OrderFull { branches_max: list.limits.branches_max });
            break;
        }
        let same_stage = device.stage == number && !stages.is_empty();
        let taken =
            if same_stage { stages.last().map_or(0, |stage| stage.branches.len()) } else { 0 };
        let room = list.limits.stage_branches_max.saturating_sub(taken);
        let room = room.min(list.limits.branches_max - branches);
        let found = if leads_back(device) {
            Err(DeviceSkip::Loop)
        } else if room == 0 {
            Err(DeviceSkip::StageFull)
        } else {
            branches_of(device, list)
        };
        steps.push(Step::Device {
            device: device.name.clone(),
            stage: device.stage,
            skip: found.as_ref().err().copied(),
        });
        let Ok(mut found) = found else { continue };
        found.truncate(room);
        branches += found.len();
        number = device.stage;
        match stages.last_mut().filter(|_| same_stage) {
            Some(stage) => {
                stage.ring_s = stage.ring_s.max(device.ring_s);
                stage.branches.append(&mut found);
            }
            None => stages.push(Stage { ring_s: device.ring_s, branches: found, mailbox: false }),
        }
    }
    ForkOrder { stages }
}

fn branches_of(device: &Device, list: &List<'_>) -> Result<Vec<Branch>, DeviceSkip> {
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
    match &device.target {
        Target::Uri(uri) => Ok(vec![branch(uri.shared())]),
        Target::Number(number) => {
            let gateway = list.gateway.ok_or(DeviceSkip::NoGateway)?;
            Ok(vec![branch(format!("sip:{number}@{gateway}").into())])
        }
        Target::Aor(aor) => match list.registrations.get(aor).map(Vec::as_slice) {
            // Nobody could say where it is: better to try than to leave somebody unreached.
            None => Ok(vec![branch(aor.shared())]),
            Some([]) => Err(DeviceSkip::NotRegistered),
            Some(contacts) => Ok(contacts
                .iter()
                .map(|contact| Branch {
                    dst_uri: contact.received.as_ref().map(crate::domain::SipUri::shared),
                    path: contact.path.clone(),
                    ..branch(contact.uri.shared())
                })
                .collect()),
        },
    }
}

#[cfg(test)]
mod tests;
