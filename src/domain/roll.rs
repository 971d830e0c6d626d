//! Who is in the cluster and who may come: what is agreed on about it.
//!
//! Nothing of it is secret. A token's secret and a node's key are known by their hashes alone.

use serde::{Deserialize, Serialize};

use super::NodeId;

/// A change of the list of nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "roll", rename_all = "snake_case")]
pub enum RollMotion {
    /// The first node founds the cluster.
    Found {
        /// The cluster's name.
        cluster: String,
        /// The node's number.
        node: NodeId,
        /// Its name.
        name: String,
        /// Where it stands.
        region: String,
    },
    /// Somebody may come.
    Invite {
        /// The hash of the secret that he will say.
        hash: [u8; 32],
        /// Until when, seconds since 1970.
        expires_s: i64,
        /// When it was asked for, seconds since 1970.
        now_s: i64,
    },
    /// Somebody has come with a token.
    Admit {
        /// The token's number.
        token: u64,
        /// The hash of the secret that he has said.
        hash: [u8; 32],
        /// The hash of the key that he has proven.
        key: [u8; 32],
        /// How he wants to be called.
        name: String,
        /// Where he stands.
        region: String,
        /// When he has come, seconds since 1970.
        now_s: i64,
    },
    /// An operator says who has a vote.
    Voters {
        /// These, and no others.
        nodes: Vec<NodeId>,
    },
    /// A node is not in the cluster any more.
    Remove {
        /// Which.
        node: NodeId,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RollReply {
    /// It is so.
    Done,
    /// The token has this number.
    Invited(u64),
    /// There is no further token.
    NotInvited(InviteError),
    /// The newcomer has this number.
    Admitted(NodeId),
    /// The newcomer gets nothing.
    Denied(Denied),
}

/// Why somebody who asks gets nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Denied {
    /// Never made, withdrawn, or with another secret: which of them is not said.
    #[error("the cluster does not know this token: make one by `hallporter cluster token`")]
    Unknown,
    /// Too late.
    #[error("the token has expired: make a new one by `hallporter cluster token`")]
    Expired,
    /// Somebody else was faster.
    #[error("the token has been used by another node: make a new one, and look who has used it")]
    Used,
    /// A node is called so.
    #[error("a node with the name {0:?} is in the cluster: choose another, or remove that one")]
    NameTaken(String),
    /// Can't be called so.
    #[error("{0}")]
    Name(String),
    /// Not in the cluster any more, or under other names.
    #[error("this node is not in the cluster: it can join with a new token")]
    NoMember,
    /// Whoever decides can't be reached.
    #[error("nobody who can decide it is reached: try again")]
    Later,
}

/// No further token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InviteError {
    /// There are many.
    #[error("{TOKENS_MAX} tokens are open: use them, or wait until they expire")]
    TooMany,
    /// 65,535 nodes have been there.
    #[error("there are no more numbers for nodes")]
    NoNumber,
    /// There is no cluster yet.
    #[error("this node is not in a cluster: see `hallporter cluster init`")]
    Alone,
}

/// The most tokens that are open at once; a further one is not made.
pub const TOKENS_MAX: usize = 64;
