//! Refusals: what a caller is told, and why.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Why a call is refused, and what its caller is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The SIP code.
    pub code: u16,
    /// For programs.
    pub cause: Cause,
    /// For people: the reason phrase. Names no account, because strangers read it.
    pub reason: Arc<str>,
    /// Header lines, each ending in CR LF.
    pub headers: Arc<str>,
}

/// Why a call is refused, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Another dialog uses the same Call-ID.
    CallIdReuse,
    /// The caller had given up before the answer was ready.
    Cancelled,
    /// The called account is at its cap.
    CapIn,
    /// The calling account is at its cap.
    CapOut,
    /// A reseller above one of them is at its cap.
    CapParent,
    /// The account is disabled, or one above it.
    Disabled,
    /// The call was forwarded in a circle.
    Loop,
    /// The called account has no device that can ring.
    NoDevice,
    /// A rule of the called account refuses it, or sends it to the mailbox at once.
    Rule,
    /// Nobody was called: a star code was dialled.
    SelfCare,
    /// A strict account right after a start, before the proxies were asked.
    Settling,
    /// The table of calls is full.
    TableFull,
    /// The proxy authenticated an account that does not exist here.
    Unknown,
    /// No right was left here, and the nodes that have some could not be reached in time.
    Unreachable,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::CallIdReuse,
        Self::Cancelled,
        Self::CapIn,
        Self::CapOut,
        Self::CapParent,
        Self::Disabled,
        Self::Loop,
        Self::NoDevice,
        Self::Rule,
        Self::SelfCare,
        Self::Settling,
        Self::TableFull,
        Self::Unknown,
        Self::Unreachable,
    ];

    /// The word that programs read.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CallIdReuse => "call_id_reuse",
            Self::Cancelled => "cancelled",
            Self::CapIn => "cap_in",
            Self::CapOut => "cap_out",
            Self::CapParent => "cap_parent",
            Self::Disabled => "disabled",
            Self::Loop => "loop",
            Self::NoDevice => "no_device",
            Self::Rule => "rule",
            Self::SelfCare => "self_care",
            Self::Settling => "settling",
            Self::TableFull => "table_full",
            Self::Unknown => "unknown",
            Self::Unreachable => "unreachable",
        }
    }
}
