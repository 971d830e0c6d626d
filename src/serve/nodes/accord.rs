//! How the agreement stands, as far as operators care.

use crate::domain::NodeId;
use crate::peers::Agrees as _;

use super::super::house::House;
use super::voters::Change;

/// Who decides, and how far the log is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Accord {
    /// Who leads; `None`: nobody is known to.
    pub(crate) leader: Option<NodeId>,
    /// Who has a vote.
    pub(crate) voters: Vec<NodeId>,
    /// A change of them has begun, and is not through.
    pub(crate) changing: bool,
    /// Who follows without a vote.
    pub(crate) followers: Vec<NodeId>,
    /// Whether more than half of them are up and connected; of those before a change and of those
    /// after it, as long as it is not through.
    pub(crate) quorum: bool,
    /// How many of those that have a vote are up and connected, this node among them.
    pub(crate) reached: usize,
    /// Why the log is not kept or carried out here, in a sentence.
    pub(crate) halted: Option<String>,
    /// The last entry that this node has carried out.
    pub(crate) applied: u64,
    /// The last entry that is known to be agreed on.
    pub(crate) committed: u64,
}

impl Accord {
    /// Brings a change of the members about; what is not done now is tried again.
    pub(super) async fn change(house: &House, change: Change) {
        let Some(agreement) = house.agreement() else { return };
        let done = match &change {
            Change::Follow(node) => match agreement.pack().await {
                Ok(()) => agreement.add_follower(*node).await,
                Err(error) => Err(error),
            },
            Change::Voters(nodes) => agreement.change_voters(nodes.clone()).await,
            Change::Remove(node) => agreement.remove(*node).await,
        };
        match done {
            Ok(()) => tracing::info!(?change, "the members of the agreement have changed"),
            Err(error) => tracing::debug!(?change, %error, "the members can't be changed now"),
        }
    }

    /// Whether a node has a vote or follows.
    pub(super) fn knows(&self, node: NodeId) -> bool {
        self.voters.contains(&node) || self.followers.contains(&node)
    }

    /// As this node knows it.
    pub(crate) fn of(house: &House) -> Self {
        let Some(agreement) = house.agreement() else { return Self::default() };
        let standing = agreement.standing();
        let mut up = vec![];
        if let Some(nodes) = house.nodes() {
            up.push(nodes.own.node);
            let book = nodes.book();
            up.extend(book.all().filter(|(_, other)| other.is_reached()).map(|(node, _)| node));
        }
        let reached = |voters: &[NodeId]| voters.iter().filter(|voter| up.contains(voter)).count();
        let quorum = standing.sets.iter().all(|set| reached(set) > set.len() / 2);
        let quorum = quorum && !standing.sets.is_empty();
        Self {
            // One that does not reach most voters leads nobody, and hears of it late.
            leader: standing.leader.filter(|leader| quorum || Some(leader) != up.first()),
            quorum,
            reached: reached(&standing.voters),
            halted: match standing.strange {
                Some(index) => Some(format!("its entry {index} comes from a newer version")),
                None => standing.trouble,
            },
            voters: standing.voters,
            changing: standing.changing,
            followers: standing.followers,
            applied: standing.applied,
            committed: standing.last,
        }
    }
}
