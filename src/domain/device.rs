//! Devices: what rings.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{DeviceName, Error, Identifier, Number, SipUri, Tags};

/// The longest time a device may ring, in seconds.
pub const RING_S_MAX: u16 = 300;
/// The last stage of a notification list.
pub const STAGE_MAX: u8 = 32;

/// Where a device is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// A SIP URI to which the proxy sends the call as it stands.
    Uri(SipUri),
    /// An address of record; the call goes to wherever it is registered at the proxy.
    Aor(SipUri),
    /// A telephone number, reached through the gateway.
    Number(Number),
}

impl Target {
    /// Reads a place to which a call may be forwarded: `+4917112345`, `user@host`, or a SIP URI.
    ///
    /// # Errors
    /// [`Error::Identifier`] or [`Error::Uri`] when it is none of these.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match Identifier::parse(text) {
            Ok(Identifier::Number(number)) if !text.contains('@') => Ok(Self::Number(number)),
            Ok(_) if text.contains(':') => SipUri::parse(text).map(Self::Uri),
            Ok(_) => SipUri::parse(&format!("sip:{text}")).map(Self::Uri),
            Err(error) => Err(error),
        }
    }

    /// As people read it where a call is forwarded: `+49…` or the URI.
    #[must_use]
    pub fn shown(&self) -> Arc<str> {
        match self {
            Self::Number(number) => number.to_string().into(),
            Self::Uri(uri) | Self::Aor(uri) => uri.shared(),
        }
    }

    /// The URI, if it is one.
    #[must_use]
    pub fn uri(&self) -> Option<&SipUri> {
        match self {
            Self::Uri(uri) | Self::Aor(uri) => Some(uri),
            Self::Number(_) => None,
        }
    }
}

/// One device of an account's notification list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Unique within the account.
    pub name: DeviceName,
    /// Where it is reached.
    pub target: Target,
    /// When it rings: devices of one stage ring together, stages one after the other, from 1.
    pub stage: u8,
    /// How long it rings, in seconds. The longest of a stage's devices is the stage's.
    pub ring_s: u16,
    /// A disabled device never rings.
    pub enabled: bool,
    /// Whoever uses it does not want to be disturbed: it does not ring either. Unlike `enabled` it
    /// is his to say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dnd: bool,
    /// Its app sleeps until a push wakes it: then it registers, and rings. For devices with an
    /// address of record alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub push: bool,
    /// By what else it is spoken of.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

impl Device {
    /// A device as most are: enabled, to be disturbed, without tags.
    #[must_use]
    pub fn new(name: DeviceName, target: Target, stage: u8, ring_s: u16) -> Self {
        let (enabled, dnd, push, tags) = (true, false, false, Tags::default());
        Self { name, target, stage, ring_s, enabled, dnd, push, tags }
    }

    /// Whether it may ring at all.
    #[must_use]
    pub fn may_ring(&self) -> bool {
        self.enabled && !self.dnd
    }

    /// Checks stage, ring time, and whether a push could help.
    ///
    /// # Errors
    /// [`Error::Stage`], [`Error::Ring`] or [`Error::Push`].
    pub fn check(&self) -> Result<(), Error> {
        if !(1..=STAGE_MAX).contains(&self.stage) {
            return Err(Error::Stage { given: self.stage.into() });
        }
        if !(1..=RING_S_MAX).contains(&self.ring_s) {
            return Err(Error::Ring { given_s: self.ring_s.into() });
        }
        if self.push && !matches!(self.target, Target::Aor(_)) {
            return Err(Error::Push);
        }
        Ok(())
    }

    /// The URI that would be shown to people: as it was given, numbers as `tel:`.
    #[must_use]
    pub fn shown_target(&self) -> Arc<str> {
        match &self.target {
            Target::Uri(uri) | Target::Aor(uri) => uri.shared(),
            Target::Number(number) => format!("tel:{number}").into(),
        }
    }
}
