//! What is known of the other nodes.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::cluster::Member;
use crate::domain::NodeId;
use crate::http::wire::SharingView;
use crate::peers::Identity;

/// Another node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Other {
    /// Who it is, by its certificate.
    pub(crate) identity: Option<Identity>,
    /// Which start of it this is.
    pub(crate) boot: u32,
    /// Where it is reached.
    pub(crate) address: Option<SocketAddr>,
    /// The version of its program.
    pub(crate) version: Option<String>,
    /// How it shares rights.
    pub(crate) sharing: Option<SharingView>,
    /// Whether it only has a vote.
    pub(crate) witness: bool,
    /// Whether there is a connection.
    pub(crate) connected: bool,
    /// Whether it answers, as the nodes tell each other.
    pub(crate) up: bool,
    /// Whether it was said that it tells nonsense, of this connection.
    pub(crate) nonsense: bool,
    /// Since when it does or does not, milliseconds since 1970.
    pub(crate) since_ms: Option<i64>,
    /// How far its clock is ahead, and how long a question and its answer took, milliseconds.
    pub(crate) clock_ms: Option<(i64, i64)>,
}

/// All other nodes.
#[derive(Debug, Default)]
pub(crate) struct Book(BTreeMap<NodeId, Other>);

impl Book {
    pub(crate) fn get(&self, node: NodeId) -> Option<&Other> {
        self.0.get(&node)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (NodeId, &Other)> {
        self.0.iter().map(|(node, other)| (*node, other))
    }

    pub(crate) fn entry(&mut self, node: NodeId) -> &mut Other {
        self.0.entry(node).or_default()
    }

    pub(crate) fn remove(&mut self, node: NodeId) -> Option<Other> {
        self.0.remove(&node)
    }

    /// Who is at an address.
    pub(crate) fn at(&self, address: SocketAddr) -> Option<NodeId> {
        self.all().find(|(_, other)| other.address == Some(address)).map(|(node, _)| node)
    }

    pub(crate) fn connected(&self) -> Vec<NodeId> {
        self.all().filter(|(_, other)| other.connected).map(|(node, _)| node).collect()
    }

    /// The nodes tell each other that one is there or not; says where it was before, if it has
    /// moved.
    pub(crate) fn presence(
        &mut self,
        member: &Member,
        up: bool,
        now_ms: i64,
    ) -> Option<SocketAddr> {
        let other = self.entry(member.node);
        if up {
            other.boot = member.boot;
        }
        if other.up != up || other.since_ms.is_none() {
            other.since_ms = Some(now_ms);
        }
        other.up = up;
        if !up {
            return None;
        }
        let before = other.address.replace(member.address);
        before.filter(|before| *before != member.address)
    }
}
