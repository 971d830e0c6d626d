//! What the nodes agree on about messages: who has left what, what becomes of it, where its files
//! are.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ContentId, Message, MessageId, MessageState, NodeId, Notice};

/// One entry of the log about messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageMotion {
    /// A message was left.
    Left {
        /// The message, and who has its files ([`Message::holders`]).
        message: Box<Message>,
        /// How long it is kept, milliseconds since 1970.
        keep_until_ms: i64,
        /// What is told of it.
        tells: Outgoing,
    },
    /// A message changes its state.
    Set {
        /// Which.
        message: MessageId,
        /// To what.
        state: MessageState,
        /// When, milliseconds since 1970.
        at_ms: i64,
        /// What is told of it.
        tells: Outgoing,
    },
    /// Messages that were deleted, or whose time is over, are taken away.
    Gone {
        /// Which.
        messages: Vec<MessageId>,
        /// What is told of it.
        tells: Outgoing,
    },
    /// A node has the files of a message, too; or it has not, whatever was said before.
    Held {
        /// Which.
        message: MessageId,
        /// Where.
        node: NodeId,
        /// Whether it has them.
        here: bool,
    },
    /// Notices were told, or given up: nobody has to take them over.
    Told {
        /// Their ids.
        notices: Vec<Arc<str>>,
    },
    /// A node has left for good: nothing is kept there any more, and what it had still to tell is
    /// told by another.
    NodeGone {
        /// Which.
        node: NodeId,
        /// Who tells.
        heir: NodeId,
    },
}

/// What is told of a change, by one node: it is in its outbox when the change has come about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// Which node tells. The others keep it for the case that it goes for good.
    pub by: NodeId,
    /// What.
    pub notices: Vec<Notice>,
}

/// What comes of an entry about messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageReply {
    /// Whether anything has changed: the message was not there yet, or it is there, as the entry
    /// wants it.
    pub changed: bool,
    /// Files that no message and no greeting has any more.
    pub free: Vec<ContentId>,
}
