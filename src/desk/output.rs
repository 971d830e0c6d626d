//! Everything that may be asked for.

use std::sync::Arc;

use crate::domain::{CallRef, Decision, EndCause};
use crate::registry;

use super::Ticket;

/// One thing to do, in the order in which it was decided.
#[derive(Clone, Debug)]
pub enum Output {
    /// Answer a question.
    Answer {
        /// Which.
        ticket: Ticket,
        /// The answer; also to be kept for `why`, unless `repeated`.
        decision: Arc<Decision>,
        /// The same answer was given before.
        repeated: bool,
    },
    /// Say what became of a committed command.
    Applied {
        /// Which.
        ticket: Ticket,
        /// The registry's verdict; the same on every node.
        result: Result<(), registry::Error>,
    },
    /// Say what became of a release by hand: `None` if there was no such call.
    Released {
        /// Which.
        ticket: Ticket,
        /// The call as it was.
        ended: Option<Ended>,
    },
    /// A call's row went away; for the log, `why` and the figures.
    Ended(Ended),
    /// A call that was not known here was found at a proxy and is counted from now on.
    Adopted {
        /// Our number for it.
        call: CallRef,
        /// The SIP Call-ID.
        call_id: Arc<str>,
    },
}

/// A call that is over.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Ended {
    /// Our number of it.
    pub call: CallRef,
    /// The SIP Call-ID.
    pub call_id: Arc<str>,
    /// Why its row went away.
    pub cause: EndCause,
    /// The SIP code that ended it, if it was told.
    pub code: Option<u16>,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// How long it was up, in milliseconds; 0 if it was never answered.
    pub up_ms: i64,
}
