//! Everything that may happen.

use std::sync::Arc;

use crate::domain::{
    CallBackMet, CallEvent, CallRef, CallbackPolicy, DepositCard, LedgerCommand, Medium, MessageId,
    NodeId, PoolId, ProxyId, RouteQuery, SeenDialog, Sight, SpoolEvent, SwitchEvent, SwitchId,
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
    /// Another node counts this call too, and a proxy that it looks at has it: it was asked late,
    /// or answered late, and the proxy has asked here as well.
    Elsewhere {
        /// The SIP Call-ID.
        call_id: Arc<str>,
        /// Which node.
        node: NodeId,
        /// Whether that node sees it; else a third one does.
        seen: bool,
    },
    /// What another node sees of accounts with rules has changed.
    Seen {
        /// Which node.
        node: NodeId,
        /// Whether this is all of it: what it told before is gone.
        anew: bool,
        /// The rows; others than of accounts and devices are passed over.
        rows: Vec<Sight>,
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
        /// The node where it will be asked; `None`: here.
        asked_at: Option<NodeId>,
    },
    /// A deposit was managed for the sake of a call that will be asked about at another node. What
    /// it holds is that node's from now on, but with the policy `pause`. Answered by
    /// [`super::Output::Met`].
    HandOver {
        /// The question there.
        query: Box<RouteQuery>,
        /// What [`super::Output::CallBack`] has named.
        deposit: (MessageId, CallbackPolicy),
        /// The node.
        to: NodeId,
    },
    /// Another node has managed a deposit because of a question that will be asked here in a moment.
    /// Answered by [`super::Output::Known`]: whether that makes sense.
    Met {
        /// The question.
        query: Box<RouteQuery>,
        /// The node.
        node: NodeId,
        /// What it says.
        met: CallBackMet,
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
    /// An entry of the log about rights, from whatever node; all of them come, in the order of the
    /// log, in one row with [`Input::Committed`]. Answered by [`super::Output::Ledger`].
    Agreed(LedgerCommand),
    /// What [`super::Output::Ask`] asked for could not be put into the log; or nobody knows
    /// whether it was, and it may still come.
    AskFailed(LedgerCommand),
    /// Another node has too few rights of a pool: [`super::Output::Recall`], arrived. Believed only
    /// as far as it costs nothing.
    Recalled {
        /// Which pool.
        pool: PoolId,
        /// Who wants them.
        beneficiary: NodeId,
        /// How many.
        want: u32,
    },
    /// Another node can be reached.
    NodeUp(NodeId),
    /// Another node can't be reached. Told of all that are away when this one starts, too.
    NodeDown(NodeId),
    /// Whether this node leads the log: it is the one that presumes others dead.
    Leading(bool),
    /// This node is about to leave: what it holds and does not use is for the others. Said again
    /// and again until [`super::Desk::holds_nothing`].
    Leaving,
    /// The time that the desk named has come.
    Wakeup,
}
