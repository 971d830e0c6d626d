//! What devices change themselves, as the API shows and takes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::domain::{AccountName, DeviceName, Forward, ForwardPlaces, SelfCare};

/// How an account's self care stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CareView {
    /// Whose.
    pub account: AccountName,
    /// How much devices may change.
    pub may: SelfCare,
    /// Where to they may forward; empty: nowhere.
    pub places: ForwardPlaces,
    /// What is forwarded, and where to: `+49…` or a SIP URI.
    pub forwards: BTreeMap<Forward, String>,
    /// What of it is not done, because the account does not allow it (any more).
    pub not_done: Vec<Forward>,
    /// The device that rings alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub here: Option<DeviceName>,
    /// The devices that have a token; shown to operators alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<DeviceName>,
    /// The device that asks, if one asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceName>,
    /// Whether the device that asks is not to be disturbed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dnd: Option<bool>,
}

/// Where to something is forwarded; `None`: not any more.
pub type ForwardEdits = BTreeMap<Forward, Option<String>>;

/// What an operator changes; a missing key leaves a value as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CareEdit {
    /// How much devices may change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may: Option<SelfCare>,
    /// Where to they may forward.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub places: Option<ForwardPlaces>,
    /// What is forwarded, and where to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub forwards: ForwardEdits,
    /// The device that rings alone; `Some(None)`: none does.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub here: Option<Option<DeviceName>>,
}

/// What a device changes; a missing key leaves a value as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnEdit {
    /// Whether it is not to be disturbed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dnd: Option<bool>,
    /// What is forwarded, and where to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub forwards: ForwardEdits,
    /// Whether it rings alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub here: Option<bool>,
}

/// A device's new token. It is shown this once; only a hash of it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenView {
    /// What the device sends as `Authorization: Bearer TOKEN`.
    pub token: String,
}

fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<DeviceName>>, D::Error> {
    Option::<DeviceName>::deserialize(deserializer).map(Some)
}
