//! How the agreement stands.

use std::collections::BTreeMap;

use crate::domain::NodeId;

use super::types::Metrics;

/// How the agreement stands at this node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Who leads, as far as this node knows.
    pub leader: Option<NodeId>,
    /// Which term it is.
    pub term: u64,
    /// The index of the last entry here.
    pub last: u64,
    /// Up to which index entries are carried out here.
    pub applied: u64,
    /// Who has a vote.
    pub voters: Vec<NodeId>,
    /// Sets of them that can do nothing without each other: those before a change and those after
    /// it, as long as it is not through; one else.
    pub sets: Vec<Vec<NodeId>>,
    /// Who follows without a vote.
    pub followers: Vec<NodeId>,
    /// A change of the voters has begun and is not through: those before and those after it are
    /// both needed.
    pub changing: bool,
    /// Up to which index each other node has the log; only the leader knows.
    pub matched: BTreeMap<NodeId, u64>,
    /// How long ago most voters were heard, milliseconds; only the leader knows.
    pub heard_ms: Option<u64>,
    /// What the disk said when it last failed, until it works again.
    pub trouble: Option<String>,
    /// The entry of a newer version at which carrying out has ended here.
    pub strange: Option<u64>,
}

pub(super) fn node(id: u64) -> NodeId {
    NodeId(u16::try_from(id).unwrap_or(u16::MAX))
}

impl Standing {
    pub(super) fn of(metrics: &Metrics) -> Self {
        let members = metrics.membership_config.membership();
        let sets = members.get_joint_config();
        let matched = metrics.replication.iter().flatten();
        Self {
            leader: metrics.current_leader.map(node),
            term: metrics.current_term,
            last: metrics.last_log_index.unwrap_or(0),
            applied: metrics.last_applied.map_or(0, |id| id.index),
            voters: members.voter_ids().map(node).collect(),
            sets: sets.iter().map(|set| set.iter().copied().map(node).collect()).collect(),
            followers: members.learner_ids().map(node).collect(),
            changing: sets.len() > 1 || *metrics.membership_config.log_id() > metrics.last_applied,
            matched: matched.map(|(id, at)| (node(*id), at.map_or(0, |at| at.index))).collect(),
            heard_ms: metrics.millis_since_quorum_ack,
            trouble: None,
            strange: None,
        }
    }
}
