//! Everything that may happen.

use std::sync::Arc;

use crate::domain::{
    CallEvent, CallRef, DepositCard, Medium, MessageId, ProxyId, RouteQuery, SeenDialog,
    SpoolEvent, SwitchEvent, SwitchId,
};
use crate::registry::Command;

/// Ties an answer to its question. Given by the shell, returned as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// One thing that has happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A proxy asks about a request. Answered by [`super::Output::Answer`].
    Route {
        /// For the answer.
        ticket: Ticket,
        /// The question.
        query: Box<RouteQuery>,
    },
    /// A proxy tells what became of a call.
    Event(CallEvent),
    /// A registry command has been written into the log for good. Answered by
    /// [`super::Output::Applied`].
    Committed {
        /// For the answer.
        ticket: Ticket,
        /// Its number in the log, one above the last one's.
        index: u64,
        /// The command.
        command: Command,
    },
    /// A look at a proxy's own list of calls begins. The list was asked for at this moment: a
    /// call admitted later is not expected in it.
    LookBegin {
        /// Which proxy.
        proxy: ProxyId,
        /// Whether it has been restarted since the last look: its older calls are gone for good.
        restarted: bool,
    },
    /// A part of the list, in portions that keep the desk free in between.
    LookSeen {
        /// Which proxy.
        proxy: ProxyId,
        /// At most a thousand calls.
        dialogs: Vec<SeenDialog>,
    },
    /// The list was complete.
    LookEnd {
        /// Which proxy.
        proxy: ProxyId,
    },
    /// The look failed: what was seen counts, what was not seen does not.
    LookFailed {
        /// Which proxy.
        proxy: ProxyId,
    },
    /// An operator frees a slot by hand. Answered by [`super::Output::Released`].
    Release {
        /// For the answer.
        ticket: Ticket,
        /// Which call.
        call: CallRef,
    },
    /// A question that will be asked in a moment: does the call meet a deposit that has to be
    /// managed first? Answered by [`super::Output::CallBack`].
    CallBack {
        /// The question.
        query: Box<RouteQuery>,
    },
    /// A switch tells something.
    Switch {
        /// Which switch.
        switch: SwitchId,
        /// What.
        event: SwitchEvent,
    },
    /// The keeper of the files tells something. Answered by [`super::Output::Known`].
    Spool(SpoolEvent),
    /// A deposit lies in the spool, at a start.
    Resume(Box<DepositCard>),
    /// A link was made for a deposit.
    LinkReady {
        /// Which deposit.
        message: MessageId,
        /// What its caller is sent.
        text: Arc<str>,
    },
    /// Somebody wishes the other medium for a deposit. Answered by [`super::Output::Known`].
    Wish {
        /// Which deposit.
        message: MessageId,
        /// Which medium.
        medium: Medium,
    },
    /// An operator ends a deposit; what was said is kept. Answered by [`super::Output::Known`].
    EndDeposit {
        /// Which deposit.
        message: MessageId,
    },
    /// The time that the desk named has come.
    Wakeup,
}
