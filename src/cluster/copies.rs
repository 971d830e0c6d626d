//! What each node has of all nodes' rows, and what it tells the others. No clock, no wire: who
//! owns this sends what it gives, takes in what comes, and says who is there.
//!
//! Every row has one writer, the node that it belongs to. A change is pushed to every peer at once;
//! what was lost on the way is found by comparing marks ([`Marks`], sent every second or so), and
//! told again. What a node told before it went down is told by whoever knows more of it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;

use serde::{Deserialize, Serialize};

use crate::domain::NodeId;

use super::numbered::{Change, Known, Mark, Numbered, Telling};

/// What a node told of another, or of itself.
pub type Frame<K, R> = (NodeId, Telling<K, R>);

/// The most nodes of which anything is kept; of others nothing is.
pub const NODES_MAX: usize = 64;

/// What a node says about itself to its peers: when they come up, and now and then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// What it knows of each node's rows.
    pub known: BTreeMap<NodeId, Known>,
    /// Whose rows it is being told anew: how far that has come, and at which number it is whole.
    pub begun: BTreeMap<NodeId, (Mark, u64)>,
    /// The nodes that tell it of themselves. Of others it is told by whoever knows more.
    pub hears: BTreeSet<NodeId>,
}

/// What may be kept and told at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many rows of a node that are gone are remembered, so that their going can be told.
    /// Beyond it the oldest is forgotten; whoever has not heard of it is told everything anew.
    pub gone_max: usize,
    /// The most rows of one telling.
    pub rows_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { gone_max: 100_000, rows_max: 500 }
    }
}

/// All nodes' rows at one node.
#[derive(Debug)]
pub struct Copies<K, R> {
    node: NodeId,
    copies: BTreeMap<NodeId, Copy<K, R>>,
    peers: BTreeMap<NodeId, BTreeMap<NodeId, Told>>,
    limits: Limits,
}

/// One node's rows.
#[derive(Debug)]
struct Copy<K, R> {
    rows: Numbered<K, R>,
    /// The same told from the beginning, until it is all there: what is known stays in view.
    anew: Option<Anew<K, R>>,
}

#[derive(Debug)]
struct Anew<K, R> {
    rows: Numbered<K, R>,
    /// It is all there when this is known.
    whole_at: u64,
}

/// What a peer is told of one node.
#[derive(Clone, Copy, Debug)]
struct Told {
    upto: Mark,
    /// The floor of what was told from the beginning; 0: nothing was.
    floor: u64,
    /// Up to where it had been told when its marks came the last time. Should it not know that
    /// much by its next ones, something was lost; what was told since may be on its way.
    at_marks: Mark,
}

/// What has changed here by what somebody told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News<K, R> {
    /// Nothing.
    None,
    /// These rows of it.
    Some(Vec<Change<K, R>>),
    /// All of that node's: what is not among its rows any more is gone. While the node is away, a
    /// row can be set back by it to what it was before its last change.
    All,
}

impl<K: Ord + Hash + Clone, R: Clone> Copies<K, R> {
    /// At a node that starts for the `boot`-th time, and knows of nobody.
    #[must_use]
    pub fn new(node: NodeId, boot: u32, limits: Limits) -> Self {
        let own = Copy { rows: Numbered::new(boot, limits.gone_max), anew: None };
        Self { node, copies: BTreeMap::from([(node, own)]), peers: BTreeMap::new(), limits }
    }

    /// Whose it is.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// An own row is this now; `None`: it is gone.
    pub fn change(&mut self, key: K, row: Option<R>) {
        if let Some(own) = self.copies.get_mut(&self.node) {
            own.rows.change(key, row);
        }
    }

    /// A peer can be reached (again). It is told nothing until it says what it knows.
    pub fn peer_up(&mut self, peer: NodeId) {
        if peer != self.node {
            self.peers.insert(peer, BTreeMap::new());
        }
    }

    /// A peer cannot be reached.
    pub fn peer_down(&mut self, peer: NodeId) {
        self.peers.remove(&peer);
    }

    /// Whether a peer can be reached.
    #[must_use]
    pub fn is_up(&self, peer: NodeId) -> bool {
        self.peers.contains_key(&peer)
    }

    /// A node has left for good: its rows go.
    pub fn forget(&mut self, node: NodeId) {
        if node != self.node {
            self.copies.remove(&node);
            self.peers.remove(&node);
        }
    }

    /// What to say to peers.
    #[must_use]
    pub fn marks(&self) -> Marks {
        Marks {
            known: self.copies.iter().map(|(node, copy)| (*node, copy.rows.known)).collect(),
            begun: self
                .copies
                .iter()
                .filter_map(|(node, copy)| Some((*node, copy.begun()?)))
                .collect(),
            hears: self.peers.keys().copied().collect(),
        }
    }

    /// A peer says what it knows, and will be told what it does not.
    pub fn take_marks(&mut self, peer: NodeId, marks: &Marks) {
        let Some(all_told) = self.peers.get_mut(&peer) else { return };
        if let Some(own) = self.copies.get_mut(&self.node)
            && let Some(theirs) = marks.known.get(&self.node)
        {
            own.rows.skip_to(theirs.mark);
        }
        for (node, copy) in &self.copies {
            let theirs = marks.known.get(node).copied().unwrap_or_default();
            let ours = copy.rows.known;
            let start = match *node {
                // What it has was told by a start of this node that had the same number, and was
                // lost with its disk.
                node if node == self.node && theirs.mark == ours.mark && theirs.sum != ours.sum => {
                    Some(Mark::default())
                }
                node if node == self.node => Some(theirs.mark),
                node if node == peer || marks.hears.contains(&node) => None,
                _ => start((self.node, ours), (peer, theirs)),
            };
            let Some(start) = start else {
                all_told.remove(node);
                continue;
            };
            // What cannot be made whole from here counts for nothing here.
            let begun = marks.begun.get(node).filter(|(_, whole_at)| *whole_at <= ours.mark.number);
            let has = begun.map_or(start, |(begun, _)| start.max(*begun));
            let told =
                all_told.entry(*node).or_insert(Told { upto: start, floor: 0, at_marks: start });
            if has < told.at_marks || start > told.upto {
                (told.upto, told.floor) = (start, 0);
            }
            told.at_marks = told.upto;
        }
    }

    /// What peers are to be told now, each of each node at most one frame. There may be more:
    /// until it gives none.
    pub fn tell(&mut self) -> Vec<(NodeId, Frame<K, R>)> {
        self.tell_those(|_| true)
    }

    /// The same, for those peers alone that can take something now.
    pub fn tell_those(&mut self, can: impl Fn(NodeId) -> bool) -> Vec<(NodeId, Frame<K, R>)> {
        let (rows_max, mut frames) = (self.limits.rows_max, Vec::new());
        for (peer, all_told) in self.peers.iter_mut().filter(|(peer, _)| can(**peer)) {
            for (node, told) in all_told {
                let rows = self.copies.get(node).map(|copy| &copy.rows);
                let Some(telling) =
                    rows.and_then(|rows| rows.tell((told.upto, told.floor), rows_max))
                else {
                    continue;
                };
                told.upto = Mark { boot: telling.boot, number: telling.upto };
                if telling.anew {
                    told.floor = telling.floor;
                }
                frames.push((*peer, (*node, telling)));
            }
        }
        frames
    }

    /// Somebody tells of a node. Nobody tells us of ourselves.
    pub fn take(&mut self, (node, telling): Frame<K, R>) -> News<K, R> {
        let known = self.copies.contains_key(&node);
        if node == self.node || (!known && self.copies.len() >= NODES_MAX) {
            return News::None;
        }
        let gone_max = self.limits.gone_max;
        let nothing = || Copy { rows: Numbered::new(0, gone_max), anew: None };
        self.copies.entry(node).or_insert_with(nothing).take(&telling, gone_max)
    }

    /// What is known of a node's rows.
    #[must_use]
    pub fn known(&self, node: NodeId) -> Known {
        self.copies.get(&node).map(|copy| copy.rows.known).unwrap_or_default()
    }

    /// One row of a node.
    #[must_use]
    pub fn row(&self, node: NodeId, key: &K) -> Option<&R> {
        self.copies.get(&node)?.rows.get(key)
    }

    /// All of whom something is kept, this node among them.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.copies.keys().copied()
    }

    /// The rows of a node behind a key, in the order of their keys.
    pub fn rows_after(
        &self,
        node: NodeId,
        after: Option<&K>,
    ) -> impl Iterator<Item = (&K, &R)> + use<'_, K, R> {
        let rows = self.copies.get(&node).map(|copy| copy.rows.rows_after(after));
        rows.into_iter().flatten()
    }

    /// The rows of a node, in the order in which they last changed.
    pub fn rows(&self, node: NodeId) -> impl Iterator<Item = (&K, &R)> {
        self.copies.get(&node).into_iter().flat_map(|copy| copy.rows.rows())
    }
}

impl<K: Ord + Hash + Clone, R: Clone> Copy<K, R> {
    fn begun(&self) -> Option<(Mark, u64)> {
        self.anew.as_ref().map(|anew| (anew.rows.known.mark, anew.whole_at))
    }

    fn take(&mut self, telling: &Telling<K, R>, gone_max: usize) -> News<K, R> {
        let (boot, last) = (telling.boot, telling.last);
        // Who knows as much is listened to as well: he would not begin anew without a reason.
        if telling.anew && (Mark { boot, number: last }) >= self.rows.known.mark {
            let rows = Numbered::anew(boot, gone_max, telling.floor);
            self.anew = Some(Anew { rows, whole_at: last });
        }
        let news = self.rows.take(telling);
        if let Some(anew) = &mut self.anew {
            anew.rows.take(telling);
        }
        let is_whole = |anew: &mut Anew<K, R>| anew.rows.known.mark.number >= anew.whole_at;
        if let Some(anew) = self.anew.take_if(is_whole)
            && anew.rows.known.mark >= self.rows.known.mark
        {
            self.rows = anew.rows;
            return News::All;
        }
        if news.is_empty() { News::None } else { News::Some(news) }
    }
}

/// From where one who knows of a node tells a peer that does not hear from it, if he should. Only
/// the node itself can go on from rows that are not whole. Of two who know as much, and not the
/// same, who has the rows whole is right; else it is the one with the lower number, so that both
/// come to have the same.
fn start((we, ours): (NodeId, Known), (they, theirs): (NodeId, Known)) -> Option<Mark> {
    if theirs.mark == ours.mark {
        let tells = (ours.whole, Reverse(we)) > (theirs.whole, Reverse(they));
        return (tells && ours.sum != theirs.sum).then(Mark::default);
    }
    let knows = if theirs.whole { theirs.mark } else { Mark::default() };
    (theirs.mark < ours.mark).then_some(knows)
}
