//! What the nodes agree on: the entries of one log, carried out everywhere in the same order.

use serde::{Deserialize, Serialize};

use crate::domain::{
    LedgerCommand, LedgerReply, MessageMotion, MessageReply, RollMotion, RollReply,
};
use crate::registry::{self, Command};

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Motion {
    /// Operators change what is laid down.
    Registry {
        /// When it was asked for, milliseconds since 1970.
        at_ms: i64,
        /// What.
        command: Command,
    },
    /// Nodes return rights and ask for rights.
    Ledger(LedgerCommand),
    /// Who is in the cluster, and who may come.
    Roll(RollMotion),
    /// Who has left what, and what becomes of it.
    Message(MessageMotion),
}

/// What came of an entry; the same at every node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The registry's.
    Registry(Result<(), registry::Error>),
    /// The ledger's.
    Ledger(LedgerReply),
    /// The list's of nodes.
    Roll(RollReply),
    /// What came of something about messages.
    Message(MessageReply),
}
