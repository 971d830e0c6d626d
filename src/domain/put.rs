//! Who has put a motion, and which of his it is: a motion can stand in the log more than once.

use super::NodeId;

/// A motion, told from all others that were ever put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutId {
    /// Which node has put it.
    pub by: NodeId,
    /// The number of that node's start.
    pub boot: u32,
    /// Tells two processes apart that claim to be the same start.
    pub nonce: u64,
    /// Which of this start's motions it is, counted from 0.
    pub number: u64,
    /// Of what has a lower number, nobody waits for anything any more.
    pub open_from: u64,
}

/// What was seen of a node's motions, as it is written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenRow {
    /// Which node.
    pub node: NodeId,
    /// The newest of its starts.
    pub boot: u32,
    /// Which process that was.
    pub nonce: u64,
    /// Whatever has a lower number is over: it was carried out, or never will be.
    pub over_below: u64,
    /// What was carried out beside it, in order.
    pub seen: Vec<u64>,
}
