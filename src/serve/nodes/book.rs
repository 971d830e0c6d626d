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
    /// Whether it leaves, and gives its vote to others.
    pub(crate) going: bool,
    /// Whether there is a connection.
    pub(crate) connected: bool,
    /// Whether it answers, as the nodes tell each other.
    pub(crate) up: bool,
    /// Which start of it was there last, and where, as they tell each other.
    there: Option<Member>,
    /// Whether it was said that it tells nonsense, of this connection.
    pub(crate) nonsense: bool,
    /// Since when it does or does not, milliseconds since 1970.
    pub(crate) since_ms: Option<i64>,
    /// How far its clock is ahead, and how long a question and its answer took, milliseconds.
    pub(crate) clock_ms: Option<(i64, i64)>,
}

impl Other {
    /// Whether it answers, and can be asked from here.
    pub(crate) fn is_reached(&self) -> bool {
        self.up && self.connected
    }
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

    /// Whether what the nodes tell each other is of an earlier start or place of a node that is
    /// there: one that was killed and starts at another address is up there before the others find
    /// out that nobody is at the old one.
    pub(crate) fn is_late(&self, member: &Member, up: bool) -> bool {
        let other = self.get(member.node).filter(|other| other.up);
        other.and_then(|other| other.there.as_ref()).is_some_and(|there| {
            member.boot < there.boot || (!up && member.address != there.address)
        })
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
        other.there = Some(member.clone());
        let before = other.address.replace(member.address);
        before.filter(|before| *before != member.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(boot: u32, port: u16) -> Member {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Member { node: NodeId(2), boot, returns: 0, address }
    }

    /// Takes what is told in turn, as [`super::super::Nodes`] does.
    fn told(news: &[(u32, u16, bool)]) -> Other {
        let mut book = Book::default();
        for (boot, port, up) in news {
            let member = member(*boot, *port);
            if !book.is_late(&member, *up) {
                book.presence(&member, *up, 0);
            }
        }
        book.get(NodeId(2)).cloned().unwrap_or_default()
    }

    #[test]
    fn who_has_moved_is_not_down_because_nobody_is_at_the_old_place() {
        let moved = told(&[(1, 10, true), (2, 20, true), (1, 10, false)]);
        assert!(moved.up);
        assert_eq!((moved.boot, moved.address), (2, Some(member(2, 20).address)));
        // Somebody who has not heard of it tells of the old place once more.
        let told_again = [(2, 20, true), (1, 10, true), (1, 10, false)];
        assert_eq!(told(&told_again).address, Some(member(2, 20).address));
        assert!(told(&told_again).up);
        // A start at the same place.
        assert!(told(&[(1, 10, true), (1, 10, false), (2, 10, true)]).up);
        assert!(told(&[(1, 10, true), (2, 10, true), (1, 10, false)]).up);
    }

    #[test]
    fn who_is_down_where_it_was_last_is_down() {
        assert!(!told(&[(1, 10, true), (1, 10, false)]).up);
        assert!(!told(&[(1, 10, true), (2, 20, true), (1, 10, false), (2, 20, false)]).up);
        assert!(!told(&[(2, 20, true), (2, 20, false), (1, 10, false)]).up);
        // One whose disk is older than what was seen of it is there all the same.
        assert!(told(&[(2, 20, true), (2, 20, false), (1, 10, true)]).up);
    }
}
