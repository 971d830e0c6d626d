//! The cluster, as operators see it.

use serde::{Deserialize, Serialize};

/// What a node is in the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It is told what was agreed on, and has no vote.
    #[default]
    Follower,
    /// It has a vote.
    Voter,
    /// It has a vote, and leads.
    Leader,
    /// It has a vote and answers no calls.
    Witness,
}

impl Role {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Follower => "follower",
            Self::Voter => "voter",
            Self::Leader => "leader",
            Self::Witness => "witness",
        }
    }
}

/// A node's part in the cluster, in short.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterBrief {
    /// The cluster's name.
    pub cluster: String,
    /// What this node is in it.
    pub role: Role,
    /// Whether more than half of the voters are reached.
    pub quorum: bool,
}

/// The cluster as one node sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterView {
    /// The cluster's name.
    pub cluster: String,
    /// The node that says all this.
    pub node: String,
    /// What it is in the cluster.
    pub role: Role,
    /// When it said so, milliseconds since 1970.
    #[serde(default)]
    pub at_ms: i64,
    /// The node that leads; absent when none is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<String>,
    /// Whether more than half of the voters are reached.
    pub quorum: bool,
    /// How many nodes have a vote.
    pub voters: usize,
    /// How many of them are up and connected with this node, itself among them.
    #[serde(default)]
    pub voters_reached: usize,
    /// A change of them has begun and is not through: those before and those after it are needed.
    #[serde(default)]
    pub voters_changing: bool,
    /// The last entry of the log that this node has carried out.
    pub applied: u64,
    /// The last entry that is known to be agreed on.
    pub committed: u64,
    /// For how long this node's certificate is good, in seconds.
    pub certificate_s: i64,
    /// Whether this node can let others in.
    pub authority: bool,
    /// Whether the others said that this node is not one of them any more.
    #[serde(default)]
    pub removed: bool,
    /// Whether this node is leaving.
    #[serde(default)]
    pub leaving: bool,
    /// Why this node, which is leaving and is ready for it, can't go yet, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hindered: Option<String>,
    /// Why what is agreed on is not kept or carried out here, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Why what was agreed on can't be written down here, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<String>,
    /// Connections that were refused in the last minutes.
    #[serde(default)]
    pub refused: Vec<RefusedView>,
    /// Messages that one node alone has.
    #[serde(default)]
    pub messages_unsafe: u64,
    /// How this node gets on with the bucket for recordings, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<BucketView>,
    /// Calls that wait here for rights of other nodes.
    #[serde(default)]
    pub waiting: WaitingView,
    /// All nodes, by their numbers.
    pub nodes: Vec<NodeView>,
}

/// A bucket for recordings, as one node sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketView {
    /// What is wrong with it, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Messages that are not there.
    pub waiting: u64,
}

/// One node of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeView {
    /// Its number.
    pub number: u16,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub region: String,
    /// What it is in the cluster.
    pub role: Role,
    /// Whether it is the one that says this.
    pub here: bool,
    /// Whether it answers.
    pub up: bool,
    /// Since when it does or does not, milliseconds since 1970; absent if it was never seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
    /// Whether there is a connection with it.
    pub connected: bool,
    /// Where it is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The number of its start.
    pub boot: u32,
    /// The version of its program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How it shares rights; absent if it was never heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharing: Option<SharingView>,
    /// How long its oldest row has been missing here, in milliseconds; 0: none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_ms: Option<u64>,
    /// How many of its rows are missing here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_rows: Option<u64>,
    /// Whether its rows are other ones here than at it, although none is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diverged: Option<bool>,
    /// How far its clock is ahead of this node's, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_offset_ms: Option<i64>,
    /// How long a question to it and the answer took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trip_ms: Option<i64>,
    /// What it holds of all accounts, where it is down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved: Option<ReservedView>,
    /// What it holds of an account's rights, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rights: Option<Vec<ShareView>>,
}

/// How a node shares rights, as its `[cluster]` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharingView {
    /// How many calls it carries beyond its rights of a cap.
    pub overdraft: u32,
    /// After how long it takes a node for dead, in milliseconds; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_after_ms: Option<u64>,
}

/// Calls that wait for rights of other nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingView {
    /// How many.
    pub calls: u64,
    /// How many may wait at once (`cluster.waiting_max`).
    pub max: u64,
    /// For how long the oldest has been waiting, in milliseconds.
    pub oldest_ms: u64,
}

/// What a node holds of all accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservedView {
    /// Rights.
    pub rights: u64,
    /// How many caps they are of.
    pub caps: u64,
    /// How many accounts.
    pub accounts: u64,
    /// Of these, with policy `strict`.
    pub strict: u64,
}

/// What a node holds of the rights of one cap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareView {
    /// Which cap: `total`, `in` or `out`.
    pub cap: String,
    /// How many rights.
    pub held: u64,
}

/// A connection that was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedView {
    /// The other side.
    pub address: String,
    /// Who did not want: `here` or `there`.
    pub by: String,
    /// Why, as metrics name it.
    pub why: String,
    /// Why, in words about the one that was refused.
    pub sentence: String,
    /// Whether it concerns nodes of the cluster, and not just strangers.
    pub of_cluster: bool,
}

/// Something that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What, in a sentence.
    pub what: String,
    /// What to do about it.
    pub advice: String,
}

/// Everything that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// The worst first.
    pub findings: Vec<Finding>,
}

/// A new cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundBody {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A token for a newcomer is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteBody {
    /// For how long, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good_for_s: Option<u32>,
}

/// A token for one newcomer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteView {
    /// The token; whoever has it can come in once.
    pub token: String,
    /// Until when it is good, milliseconds since 1970.
    pub expires_ms: i64,
}

/// This node is to leave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaveBody {
    /// Not to wait for its calls to end.
    #[serde(default)]
    pub now: bool,
}

/// How far a leaving node is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaveView {
    /// Calls that it still waits for.
    pub calls: u64,
}

/// Which nodes are to have a vote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VotersBody {
    /// Their names.
    pub names: Vec<String>,
}
