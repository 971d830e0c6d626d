//! Devices and numbers as the admin API shows and takes them.

use serde::{Deserialize, Serialize};

use crate::domain::{AccountName, Device, DeviceName, Identifier, Number, SipUri, Tags, Target};
use crate::registry::DevicePatch;

/// How long a device rings when nothing was said, in seconds.
const RING_S_DEFAULT: u16 = 20;

/// A device; exactly one of `uri`, `aor` and `number` is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceView {
    /// Its name, unique within the account.
    pub name: DeviceName,
    /// A SIP URI to which calls go as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<SipUri>,
    /// An address of record that registers at the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aor: Option<SipUri>,
    /// A telephone number, reached through the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<Number>,
    /// When it rings, from 1; 1 if nothing was said.
    #[serde(default = "first_stage")]
    pub stage: u8,
    /// How long it rings, in seconds; 20 if nothing was said.
    #[serde(default = "ring_s_default")]
    pub ring_s: u16,
    /// Whether it rings at all; yes if nothing was said.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Whether it is not to be disturbed, and so does not ring; no if nothing was said.
    #[serde(default)]
    pub dnd: bool,
    /// Whether its app sleeps until a push wakes it; no if nothing was said.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub push: bool,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

fn first_stage() -> u8 {
    1
}

fn ring_s_default() -> u16 {
    RING_S_DEFAULT
}

fn yes() -> bool {
    true
}

/// Not exactly one target was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Two or three of them.
    #[error("a device is reached at one place: give only one of uri, aor and number")]
    Many,
    /// None.
    #[error("it is not said where the device is reached: give one of uri, aor and number")]
    Missing,
}

impl DeviceView {
    /// The device as it is shown.
    #[must_use]
    pub fn of(device: &Device) -> Self {
        let mut view = Self {
            name: device.name.clone(),
            uri: None,
            aor: None,
            number: None,
            stage: device.stage,
            ring_s: device.ring_s,
            enabled: device.enabled,
            dnd: device.dnd,
            push: device.push,
            tags: device.tags.clone(),
        };
        match &device.target {
            Target::Uri(uri) => view.uri = Some(uri.clone()),
            Target::Aor(aor) => view.aor = Some(aor.clone()),
            Target::Number(number) => view.number = Some(*number),
        }
        view
    }

    /// The device that is meant.
    ///
    /// # Errors
    /// [`TargetError`] unless exactly one target is given.
    pub fn device(self) -> Result<Device, TargetError> {
        let target = target(self.uri, self.aor, self.number)?.ok_or(TargetError::Missing)?;
        let Self { name, stage, ring_s, enabled, dnd, push, tags, .. } = self;
        Ok(Device { name, target, stage, ring_s, enabled, dnd, push, tags })
    }
}

/// Changes to a device; a missing key leaves a value as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceEdit {
    /// A new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rename: Option<DeviceName>,
    /// A SIP URI instead of the target so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<SipUri>,
    /// An address of record instead of the target so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aor: Option<SipUri>,
    /// A telephone number instead of the target so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<Number>,
    /// Another stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<u8>,
    /// Another ring time, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ring_s: Option<u16>,
    /// Enabled or disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether it is not to be disturbed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dnd: Option<bool>,
    /// Whether its app sleeps until a push wakes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<bool>,
    /// Other tags instead of those that it had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Tags>,
}

impl DeviceEdit {
    /// The change that is meant.
    ///
    /// # Errors
    /// [`TargetError::Many`] when more than one target is given.
    pub fn patch(self) -> Result<DevicePatch, TargetError> {
        let target = target(self.uri, self.aor, self.number)?;
        let Self { rename, stage, ring_s, enabled, dnd, push, tags, .. } = self;
        Ok(DevicePatch { rename, target, stage, ring_s, enabled, dnd, push, tags })
    }
}

fn target(
    uri: Option<SipUri>,
    aor: Option<SipUri>,
    number: Option<Number>,
) -> Result<Option<Target>, TargetError> {
    let mut given = [uri.map(Target::Uri), aor.map(Target::Aor), number.map(Target::Number)]
        .into_iter()
        .flatten();
    let first = given.next();
    if given.next().is_some() { Err(TargetError::Many) } else { Ok(first) }
}

/// A number or address and the account it leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberView {
    /// What is dialled.
    pub identifier: Identifier,
    /// Where it leads.
    pub account: AccountName,
}

/// Leads a number to another account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberEdit {
    /// Where it leads now.
    pub account: AccountName,
}

/// Which numbers are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberFilter {
    /// Only those of this account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// Only those that begin so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_exactly_one_target() {
        let read = |text: &str| serde_json::from_str::<DeviceView>(text).unwrap().device();
        let desk = read(r#"{"name":"desk","uri":"sip:desk@10.0.0.7","ring_s":15}"#).unwrap();
        assert_eq!((desk.stage, desk.ring_s, desk.enabled), (1, 15, true));
        assert_eq!(
            serde_json::to_value(DeviceView::of(&desk)).unwrap()["uri"],
            "sip:desk@10.0.0.7"
        );
        assert_eq!(read(r#"{"name":"desk"}"#), Err(TargetError::Missing));
        let two = r#"{"name":"desk","uri":"sip:a@h","number":"+4930123"}"#;
        assert_eq!(read(two), Err(TargetError::Many));
    }

    #[test]
    fn an_edit_may_leave_the_target() {
        let read = |text: &str| serde_json::from_str::<DeviceEdit>(text).unwrap().patch();
        assert_eq!(read("{}").unwrap(), DevicePatch::default());
        assert!(read(r#"{"aor":"sip:a@h"}"#).unwrap().target.is_some());
        assert_eq!(read(r#"{"aor":"sip:a@h","uri":"sip:a@h"}"#), Err(TargetError::Many));
    }
}
