//! Calls: rows of the call-session table.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Our own number of a call: the node's boot number in the upper half, a counter in the lower.
/// Never given twice by one node, because the boot number survives restarts and only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallRef(pub u64);

impl CallRef {
    /// The `counter`-th call after the `boot`-th start.
    #[must_use]
    pub fn new(boot: u32, counter: u32) -> Self {
        Self(u64::from(boot) << 32 | u64::from(counter))
    }

    /// Reads what [`fmt::Display`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (boot, counter) = text.strip_prefix('c')?.split_once('-')?;
        let plain = |part: &str| {
            u32::from_str_radix(part, 16).ok().filter(|value| format!("{value:x}") == part)
        };
        Some(Self::new(plain(boot)?, plain(counter)?))
    }
}

impl fmt::Display for CallRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{:x}-{:x}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

/// The number of a node in the rights ledger.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct NodeId(pub u16);

/// The number of a proxy (a Kamailio) in this node's configuration, in the order written there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProxyId(pub u8);

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallState {
    /// Admitted, not answered yet. Expires when nothing follows.
    Reserved,
    /// Answered.
    Up,
}

/// Why a call's row went away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndCause {
    /// The proxy said that it ended.
    Ended,
    /// The proxy said that it was never answered.
    Failed,
    /// Admitted, and then nothing followed.
    Expired,
    /// Looked for twice, and no proxy knew it.
    Vanished,
    /// The switch's own longest duration has passed.
    TooLong,
    /// An operator released it.
    Released,
}
