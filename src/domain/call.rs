//! Calls: rows of the call-session table.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How often a node can start before its numbers would come again.
pub const BOOT_MAX: u32 = 0xf_ffff;

/// Our own number of a call: the node less one (12 bits), the node's boot number (20), a counter
/// (32). Never given twice in a cluster, because nodes' numbers are not given twice, and the boot
/// number survives restarts and only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallRef(pub u64);

impl CallRef {
    /// The `counter`-th call after the `boot`-th start of a node.
    #[must_use]
    pub fn new(node: NodeId, boot: u32, counter: u32) -> Self {
        Self(numbered(node, boot, counter))
    }

    /// The node that has given it, whose call it is.
    #[must_use]
    pub fn node(self) -> NodeId {
        node_of(self.0)
    }

    /// The start of the node in which it was given.
    #[must_use]
    pub fn boot(self) -> u32 {
        boot_of(self.0)
    }

    /// Reads what [`fmt::Display`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (boot, counter) = text.strip_prefix('c')?.split_once('-')?;
        let plain = |part: &str| {
            u32::from_str_radix(part, 16).ok().filter(|value| format!("{value:x}") == part)
        };
        Some(Self(u64::from(plain(boot)?) << 32 | u64::from(plain(counter)?)))
    }
}

impl fmt::Display for CallRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{:x}-{:x}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

/// A number that no other node gives, and this one only once.
pub(super) fn numbered(node: NodeId, boot: u32, counter: u32) -> u64 {
    let node = u64::from(node.0.saturating_sub(1));
    node << 52 | u64::from(boot & BOOT_MAX) << 32 | u64::from(counter)
}

pub(super) fn node_of(number: u64) -> NodeId {
    NodeId((number >> 52) as u16 + 1)
}

pub(super) fn boot_of(number: u64) -> u32 {
    (number >> 32) as u32 & BOOT_MAX
}

/// The number of a node in the rights ledger.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct NodeId(pub u16);

impl NodeId {
    /// Stands among those who have a message's files for the bucket that all nodes share. No node
    /// has this number: theirs end at 4,096.
    pub const BUCKET: Self = Self(u16::MAX);
}

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
