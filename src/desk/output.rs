//! Everything that may be asked for.

use std::sync::Arc;

use crate::domain::{
    BranchEnd, CallBackMet, CallRef, CallbackPolicy, Decision, DiscardReason, EndCause,
    LedgerCommand, LedgerReply, MessageId, NodeId, PoolId, Push, PushId, PushOver, RouteQuery,
    SpoolCommand, SwitchCommand, SwitchId,
};
use crate::messages::Managed;
use crate::registry;

use super::{Ticket, Tidings};

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
        /// The question. Handed back because freeing it takes a tenth of the time of a decision:
        /// whoever takes the answer can do it where nobody waits.
        query: Box<RouteQuery>,
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
    /// Whether a call meets a deposit, and whether that has been managed already.
    CallBack {
        /// The deposit, if there is one, and what is done about it.
        met: Option<(MessageId, CallbackPolicy)>,
        /// Whether to wait for [`Output::Managed`].
        managed: Managed,
    },
    /// A recording was managed: the call-back may go on.
    Managed(MessageId),
    /// What the node is told where a call that meets a deposit here will be asked about.
    Met(CallBackMet),
    /// Whether there is the deposit that was named; of an uploaded file, whether it was waited for;
    /// of what another node tells, whether it makes sense.
    Known(bool),
    /// A switch should do something.
    Switch(SwitchId, SwitchCommand),
    /// The keeper of the files should do something.
    Spool(SpoolCommand),
    /// A one-time link is wanted.
    Link {
        /// For which deposit.
        message: MessageId,
        /// Which part is uploaded by it.
        part: u16,
        /// Until when it is good, seconds since 1970.
        expires_s: i64,
    },
    /// A device is to be woken by a push, at once or never.
    Push(Box<Push>),
    /// A device that was asked to wake is not needed any more.
    PushOver {
        /// Which push.
        id: PushId,
        /// Why; `None`: it has answered itself.
        over: Option<PushOver>,
    },
    /// A deposit has begun.
    DepositBegan {
        /// Which.
        message: MessageId,
        /// The SIP Call-ID.
        call_id: Arc<str>,
    },
    /// A deposit is over: a message was left, or why not.
    DepositOver {
        /// Which.
        message: MessageId,
        /// What came of it.
        outcome: Result<(), DiscardReason>,
    },
    /// Somebody is to be told of something.
    Tell {
        /// Our number of the call, or one for this alone.
        call: CallRef,
        /// What, and to whom.
        tidings: Box<Tidings>,
    },
    /// A call that was not known here was found at a proxy and is counted from now on.
    Adopted {
        /// Our number for it.
        call: CallRef,
        /// The SIP Call-ID.
        call_id: Arc<str>,
    },
    /// Put this into the log; it comes back as [`super::Input::Agreed`], or
    /// [`super::Input::AskFailed`] says that it did not. Several may be on their way at once.
    Ask(LedgerCommand),
    /// What came of an [`super::Input::Agreed`]; the same on every node.
    Ledger(LedgerReply),
    /// Tell another node that this one has too few rights of a pool. A hint: it may get lost.
    Recall {
        /// Whom.
        to: NodeId,
        /// Which pool.
        pool: PoolId,
        /// This node.
        beneficiary: NodeId,
        /// How many are wanted.
        want: u32,
    },
    /// The ledger says that this start is over: another process is this node, or it was taken for
    /// dead, or its disk is an old one. It admits no calls of capped accounts any more and has to
    /// be started anew, with a greater number.
    Fenced {
        /// The newest start that the ledger knows: the next has to be above it.
        current: u32,
        /// Another process has started as this node since, from a later state of its disk than this
        /// one has: this one is an old copy. Else the start was revoked, and the next one is good.
        overtaken: bool,
    },
}

/// A call that is over.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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
    /// How its branches ended, as far as the proxy told.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub branches: Arc<[BranchEnd]>,
}
