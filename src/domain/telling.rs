//! Telling devices: who is told of a message left, of a call that nobody took, of a text.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    AccountName, Communication, DepositCause, DeviceName, DeviceSkip, MailboxName, Names, Zone,
};

/// One who is told. `push`, once phones can be woken for it, is one more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Told {
    /// This device gets a SIP MESSAGE.
    Text(DeviceName),
    /// This device is told how many messages wait (RFC 3842), which lights its lamp or puts it out.
    Lamp(DeviceName),
    /// The installation's webhook.
    Webhook,
}

impl Told {
    /// The device, if it is one.
    #[must_use]
    pub fn device(&self) -> Option<&DeviceName> {
        match self {
            Self::Text(device) | Self::Lamp(device) => Some(device),
            Self::Webhook => None,
        }
    }
}

/// As examples write it: `text desk`, `lamp desk`, `webhook`.
impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(device) => write!(f, "text {device}"),
            Self::Lamp(device) => write!(f, "lamp {device}"),
            Self::Webhook => f.write_str("webhook"),
        }
    }
}

/// Who is told, one after the other: whoever stands in one stage is told at the same time, and the
/// next stage only where nobody of the one before has heard it.
pub type Tells = Vec<Vec<Told>>;

/// One who is told as rules keep it among their `members`: a place in their `devices`, with a bit
/// for its lamp, or the webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Teller {
    /// A SIP MESSAGE to the device at this place.
    Text(u16),
    /// The lamp of the device at this place.
    Lamp(u16),
    /// The webhook.
    Webhook,
}

/// Where this bit is set the lamp is meant.
const LAMP: u16 = 0x8000;
/// No text of rules has so many devices.
const WEBHOOK: u16 = u16::MAX;

impl Teller {
    /// As rules keep it; `None` for a place that is too far away.
    #[must_use]
    pub fn pack(self) -> Option<u16> {
        let near = |place: u16| (place < LAMP - 1).then_some(place);
        match self {
            Self::Text(place) => near(place),
            Self::Lamp(place) => near(place).map(|place| place | LAMP),
            Self::Webhook => Some(WEBHOOK),
        }
    }

    /// What was kept.
    #[must_use]
    pub fn unpack(member: u16) -> Self {
        match member {
            WEBHOOK => Self::Webhook,
            member if member & LAMP != 0 => Self::Lamp(member & !LAMP),
            member => Self::Text(member),
        }
    }

    /// What rules call it, as they have their names: a device, or `tag:NAME`.
    #[must_use]
    pub fn name(self, names: &Names) -> Option<&str> {
        match self {
            Self::Text(place) | Self::Lamp(place) => names.get(usize::from(place)),
            Self::Webhook => None,
        }
    }

    /// A device in its place.
    #[must_use]
    pub fn with(self, device: DeviceName) -> Told {
        match self {
            Self::Text(_) => Told::Text(device),
            Self::Lamp(_) => Told::Lamp(device),
            Self::Webhook => Told::Webhook,
        }
    }
}

/// One who stood in a stage of a decision, and why he is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldStep {
    /// The stage, from 1.
    pub stage: u8,
    /// Who; `None`: a rule tells nobody.
    pub who: Option<Told>,
    /// Why he is not told; `None`: he is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<DeviceSkip>,
}

/// What is told to devices, complete: written down, and told until somebody has heard it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telling {
    /// What it is about.
    pub kind: Communication,
    /// Whose devices.
    pub account: AccountName,
    /// The SIP Call-ID.
    pub call_id: Arc<str>,
    /// Who called, wrote or left the message: number or address, as a list shows it.
    pub shown: Arc<str>,
    /// The name that he gives himself; may be empty.
    pub display: Arc<str>,
    /// When that was, milliseconds since 1970.
    pub at_ms: i64,
    /// Why the call was not taken, as far as it is known.
    pub cause: DepositCause,
    /// Where the clock is that people look at.
    pub zone: Zone,
    /// The mailbox in which messages wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailbox: Option<MailboxName>,
    /// How long the message is, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length_ms: Option<u64>,
    /// Who is told.
    pub stages: Tells,
    /// What the webhook is told, should its turn come only when nobody before has heard it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Arc<str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_told_comes_back_as_it_was_kept() {
        for teller in [
            Teller::Text(0),
            Teller::Text(0x7ffe),
            Teller::Lamp(0),
            Teller::Lamp(0x7ffe),
            Teller::Webhook,
        ] {
            assert_eq!(teller.pack().map(Teller::unpack), Some(teller));
        }
        assert_eq!((Teller::Text(0x7fff).pack(), Teller::Lamp(u16::MAX).pack()), (None, None));
    }
}
