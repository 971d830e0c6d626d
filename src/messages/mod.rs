//! Taking messages: the deposits that are under way.
//!
//! One state machine for each: (state, event, now) → (state, commands). `docs/messages.md` has
//! its picture. Nothing here knows FreeSWITCH's language or touches a file.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "an event that means nothing in a state changes nothing: that is what `_` says here"
)]

mod arrival;
mod chart;
mod closing;
mod deposit;
mod event;
mod guest;
mod legs;
mod prompt;
mod recording;
mod recovery;
mod review;
mod settings;
mod step;
mod table;
mod transitions;
mod upload;
mod video;
mod view;

use crate::domain::{DiscardReason, MessageId, SpoolCommand, SwitchCommand, SwitchId};

pub use chart::{Transition, mermaid};
pub use prompt::PROMPTS;
pub use settings::{Managed, ManagedWhen, Settings, VideoWay};
pub use table::{Arrival, Deposits};
pub use transitions::TRANSITIONS;
pub use view::DepositView;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A switch should do something.
    Switch(SwitchId, SwitchCommand),
    /// The keeper of the files should do something.
    Spool(SpoolCommand),
    /// The recording of a deposit was managed: the call-back may go on.
    Managed(MessageId),
    /// A one-time link is wanted, by which the next part can be uploaded. Answered by
    /// [`Deposits::link_ready`].
    Link {
        /// For which deposit.
        message: MessageId,
        /// Which part.
        part: u16,
        /// Until when it is good, seconds since 1970.
        expires_s: i64,
    },
    /// A deposit is over: a message was left, or why not.
    Over {
        /// Which.
        message: MessageId,
        /// What came of it.
        outcome: Result<(), DiscardReason>,
    },
}

#[cfg(test)]
mod tests;
