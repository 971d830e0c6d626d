//! The words of the rights protocol, between a node and the ledger. All of them are absolute
//! totals and idempotent, so that loss, repetition and reordering do no harm.

use serde::{Deserialize, Serialize};

use super::{NodeId, PoolId};

/// The cap of a pool that has none: its rights are issued all the same, so that a cap set later
/// finds every live call already holding one.
pub const UNLIMITED: u32 = 1 << 30;

/// How many pools one [`LedgerCommand::Sync`] may name; a node sends the rest with the next one.
pub const LEDGER_BATCH_MAX: usize = 1024;

/// What is asked of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ledger", rename_all = "snake_case")]
pub enum LedgerCommand {
    /// A node has started and wants to know what it holds.
    Hello {
        /// Which node.
        node: NodeId,
        /// The number of this start, greater than that of every start before.
        boot: u32,
        /// Tells two processes apart that claim to be the same start.
        nonce: u64,
    },
    /// A node returns rights and asks for rights.
    Sync {
        /// Which node.
        node: NodeId,
        /// Its start.
        boot: u32,
        /// One item a pool, at most [`LEDGER_BATCH_MAX`].
        items: Vec<SyncItem>,
    },
    /// A cap was set or changed.
    SetCap {
        /// Which pool.
        pool: PoolId,
        /// The new cap; [`UNLIMITED`] for none.
        cap: u32,
    },
    /// A node is presumed dead: its start is over, and its rights become free.
    Revoke {
        /// Which node.
        node: NodeId,
        /// The start that is revoked; a later one is left alone.
        expected_boot: u32,
        /// Somebody has made sure that its calls are gone: all of its rights become free. Else
        /// those of strict accounts stay where they are, and of any other pool at most one
        /// node's are free in this way at a time.
        attested: bool,
    },
}

/// One pool in a [`LedgerCommand::Sync`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncItem {
    /// Which pool.
    pub pool: PoolId,
    /// All rights of this pool that the node has ever returned.
    pub returned: u64,
    /// How many rights are wanted.
    pub want: u32,
    /// Who gets them: the node itself, or a starving one for which it gives back.
    pub beneficiary: NodeId,
}

/// What the ledger answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerReply {
    /// The start is accepted; these rights are held from earlier starts.
    HelloOk(Vec<Holding>),
    /// The start is older than one that the ledger knows.
    BootTooOld {
        /// The newest start of that node.
        current: u32,
    },
    /// Rights as they stand now.
    Granted(Vec<Grant>),
    /// The command came from a start that is over.
    Stale {
        /// The newest start of that node.
        current: u32,
    },
    /// Done, nothing to tell.
    Done,
}

/// What a node holds of one pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Which pool.
    pub pool: PoolId,
    /// All rights ever granted to the node.
    pub granted: u64,
    /// All rights ever returned by it.
    pub returned: u64,
}

/// The outcome of one [`SyncItem`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Whose rights these are.
    pub node: NodeId,
    /// That node's start, as the ledger knows it.
    pub boot: u32,
    /// Which pool.
    pub pool: PoolId,
    /// All rights ever granted to that node.
    pub granted: u64,
    /// All rights that the ledger knows to be returned by that node, in whatever start: a start
    /// learns of the earlier ones' returns where nothing was held any more.
    pub returned: u64,
    /// Nothing could be granted, though something was wanted.
    pub short: bool,
}

/// A part of the ledger as it is written down. What is not here (caps and policies) follows from
/// the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "row", rename_all = "snake_case")]
pub enum LedgerRow {
    /// The newest start of a node.
    Start {
        /// Which node.
        node: NodeId,
        /// The number of the start.
        boot: u32,
        /// Which process it is; 0: none yet, the start before was revoked.
        nonce: u64,
    },
    /// What a node has of a pool. The two totals only grow.
    Share {
        /// Which pool.
        pool: PoolId,
        /// Which node.
        node: NodeId,
        /// All rights ever granted to it.
        granted: u64,
        /// All rights ever returned by it.
        returned: u64,
        /// Its rights were revoked on the presumption that it is dead, and it has not said since
        /// then that all of its calls are covered again.
        revoked: bool,
    },
}

/// What one node has of a pool, to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldShare {
    /// Which node.
    pub node: NodeId,
    /// Rights that it holds.
    pub held: u64,
    /// All rights ever granted to it.
    pub granted: u64,
    /// As in [`LedgerRow::Share`].
    pub revoked: bool,
}
