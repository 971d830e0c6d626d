//! Devices as an example has them.

use crate::domain::{
    Device, DeviceName, DeviceState, DeviceStates, Member, Registrations, SipUri, Tags, Target,
};
use crate::rules::Example;

/// The devices with the tags that the example gives them, none of them quiet but those of which it
/// says so; those that can't be reached are addresses of record that are registered nowhere.
pub(super) fn as_said(devices: &[Device], example: &Example) -> (Vec<Device>, Registrations) {
    let mut devices = devices.to_vec();
    let mut registrations = Registrations::new();
    if let Some(tags) = &example.tags {
        for device in &mut devices {
            let said = tags.iter().find(|(name, _)| *name == device.name);
            device.tags = said.map_or_else(Tags::default, |(_, tags)| tags.clone());
        }
    }
    let unregistered = meant(&example.unregistered, &devices);
    let dnd = meant(&example.dnd, &devices);
    for device in &mut devices {
        if unregistered.contains(&device.name)
            && let Ok(aor) = SipUri::parse(&format!("sip:{}@nowhere.invalid", device.name))
        {
            registrations.insert(aor.clone(), Vec::new());
            device.target = Target::Aor(aor);
        }
        // A file is as right tonight, when somebody does not want to be disturbed, as tomorrow.
        device.dnd = dnd.contains(&device.name);
    }
    (devices, registrations)
}

/// What the example says that devices were seen to do.
pub(super) fn states(devices: &[Device], example: &Example) -> DeviceStates {
    let mut states = DeviceStates::new();
    let mut each = |members: &[Member], set: fn(&mut DeviceState, u64)| {
        for (turn, name) in (1..).zip(meant(members, devices)) {
            set(states.entry(name).or_default(), turn);
        }
    };
    each(&example.answered, |state, turn| state.answered = turn);
    each(&example.began, |state, turn| state.began = turn);
    each(&example.in_call, |state, _| state.calls = 1);
    states
}

/// The devices that an example means, those of a tag in the order of the list.
fn meant(members: &[Member], devices: &[Device]) -> Vec<DeviceName> {
    let mut names = Vec::with_capacity(members.len());
    for member in members {
        match member {
            Member::Device(name) => names.push(name.clone()),
            Member::Tag(tag) => {
                let having = devices.iter().filter(|device| device.tags.has(tag.as_str()));
                names.extend(having.map(|device| device.name.clone()));
            }
        }
    }
    names
}
