//! Who is connected, and which of two connections stays. No sockets here: it decides, others do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::NodeId;

use super::{Identity, Refusal};

/// What a node says of itself when a connection begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hello {
    /// Its number.
    pub(super) node: NodeId,
    /// Its name.
    pub(super) name: String,
    /// Which start of it this is: a number that survives restarts.
    pub(super) boot: u32,
    /// A number drawn at this start, so that two processes are told apart.
    pub(super) start: u64,
}

/// A connection that has said who it is.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) identity: Identity,
    pub(super) boot: u32,
    pub(super) start: u64,
    /// Whether this node has called the other one.
    pub(super) called: bool,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the one with this peer; another one that there was goes, for this reason.
    Stays(Option<Gone>),
    /// There is a better one with the same process.
    Second,
    /// It is not to be.
    Refused(Refusal),
}

/// Why a connection goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    /// For a better one with the same process.
    Second,
    /// For one with a later start of the node.
    Older,
}

/// One connection for each peer. `C` is how it is held.
#[derive(Debug)]
pub(super) struct Book<C> {
    own: Hello,
    peers: BTreeMap<NodeId, (Claim, C)>,
}

impl<C> Book<C> {
    pub(super) fn new(own: Hello) -> Self {
        Self { own, peers: BTreeMap::new() }
    }

    pub(super) fn get(&self, node: NodeId) -> Option<&C> {
        self.peers.get(&node).map(|(_, connection)| connection)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &C> {
        self.peers.values().map(|(_, connection)| connection)
    }

    /// What is to become of a connection that makes this claim.
    pub(super) fn judge(&self, claim: &Claim) -> Verdict {
        let node = claim.identity.node;
        if node == self.own.node {
            return Verdict::Refused(Refusal::SameNumber);
        }
        let mut others = self.peers.values().filter(|(other, _)| other.identity.node != node);
        if claim.identity.name == self.own.name
            || others.any(|(other, _)| other.identity.name == claim.identity.name)
        {
            return Verdict::Refused(Refusal::SameName);
        }
        let Some((other, _)) = self.peers.get(&node) else { return Verdict::Stays(None) };
        if other.start == claim.start {
            // The same process: when both have called, the call of the lower number stays; who
            // calls once more has lost the first.
            let by_lower = claim.called == (self.own.node < node);
            let stays = other.called == claim.called || by_lower;
            return if stays { Verdict::Stays(Some(Gone::Second)) } else { Verdict::Second };
        }
        match claim.boot.cmp(&other.boot) {
            std::cmp::Ordering::Greater => Verdict::Stays(Some(Gone::Older)),
            std::cmp::Ordering::Less => Verdict::Refused(Refusal::OlderStart),
            std::cmp::Ordering::Equal => Verdict::Refused(Refusal::SameNumber),
        }
    }

    /// Enters it; what was there before comes back.
    pub(super) fn enter(&mut self, claim: Claim, connection: C) -> Option<C> {
        let node = claim.identity.node;
        self.peers.insert(node, (claim, connection)).map(|(_, before)| before)
    }

    /// Takes it out, if it is still the one.
    pub(super) fn leave(&mut self, node: NodeId, is_it: impl Fn(&C) -> bool) {
        if self.peers.get(&node).is_some_and(|(_, connection)| is_it(connection)) {
            self.peers.remove(&node);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    fn hello(node: u16) -> Hello {
        Hello { node: NodeId(node), name: format!("n{node}"), boot: 1, start: u64::from(node) }
    }

    fn claim(node: u16, name: &str, boot: u32, start: u64, called: bool) -> Claim {
        let identity = Identity::new("voice", NodeId(node), name, "eu").unwrap();
        Claim { identity, boot, start, called }
    }

    fn with(own: u16, there: Claim) -> Book<()> {
        let mut book = Book::new(hello(own));
        assert_eq!(book.judge(&there), Verdict::Stays(None));
        assert_eq!(book.enter(there, ()), None);
        book
    }

    #[test]
    fn numbers_and_names_are_had_by_one() {
        let book = with(2, claim(5, "n5", 3, 50, true));
        let refused = |claim: &Claim| match book.judge(claim) {
            Verdict::Refused(refusal) => refusal,
            Verdict::Stays(_) | Verdict::Second => panic!("{claim:?} is taken"),
        };
        assert_eq!(refused(&claim(2, "other", 9, 90, false)), Refusal::SameNumber);
        assert_eq!(refused(&claim(3, "n2", 1, 30, false)), Refusal::SameName);
        assert_eq!(refused(&claim(3, "n5", 1, 30, false)), Refusal::SameName);
        assert_eq!(refused(&claim(5, "n5", 3, 51, false)), Refusal::SameNumber);
        assert_eq!(refused(&claim(5, "n5", 2, 51, false)), Refusal::OlderStart);
        assert_eq!(book.judge(&claim(5, "n5", 4, 51, false)), Verdict::Stays(Some(Gone::Older)));
    }

    #[test]
    fn of_two_calls_both_nodes_keep_the_same() {
        let kept = Verdict::Stays(Some(Gone::Second));
        // Node 2 has called 5, and 5 has called 2: the call of 2 stays, at both and in any order.
        for (own, other) in [(2, 5), (5, 2)] {
            let two_calls =
                |called| claim(other, &format!("n{other}"), 1, u64::from(other), called);
            let of_two = own == 2;
            assert_eq!(with(own, two_calls(!of_two)).judge(&two_calls(of_two)), kept);
            assert_eq!(with(own, two_calls(of_two)).judge(&two_calls(!of_two)), Verdict::Second);
            // Who calls once more has lost the first.
            for called in [true, false] {
                assert_eq!(with(own, two_calls(called)).judge(&two_calls(called)), kept);
            }
        }
    }
}
