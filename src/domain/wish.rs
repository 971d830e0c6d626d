//! What a caller wishes of those who route the call (RFC 3841).

use serde::{Deserialize, Serialize};

/// One wish. All of a caller's are a [`super::Few`] of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// No message is to be left: `Reject-Contact` with `automata` or an `actor` that is a
    /// `msg-taker`.
    NoMailbox,
    /// One device is to ring: `Request-Disposition: no-fork`.
    NoFork,
    /// Devices are to ring one after the other: `Request-Disposition: sequential`.
    Sequential,
    /// Devices are to ring together: `Request-Disposition: parallel`.
    Parallel,
}

impl Wish {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::NoMailbox, Self::NoFork, Self::Sequential, Self::Parallel];

    /// The word in a rule file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoMailbox => "no_mailbox",
            Self::NoFork => "no_fork",
            Self::Sequential => "sequential",
            Self::Parallel => "parallel",
        }
    }
}
