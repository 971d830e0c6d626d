//! Nodes, links, what is on its way, and the laws.

use std::collections::{BTreeMap, BTreeSet};

use hallporter::cluster::{Copies, Frame, Limits, Mark, Marks, News};
use hallporter::domain::NodeId;

use super::dice::Dice;

const NODES: usize = 4;
const KEYS: usize = 8;

/// Small, so that walks come to them.
const LIMITS: Limits = Limits { gone_max: 3, rows_max: 3 };

/// A fault on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Planted {
    None,
    /// Nobody says what he knows but when a link comes up.
    NoMarks,
    /// What does not go on from what is known is taken as if it did.
    GapsTaken,
    /// Rows that are gone are left out.
    GoingNotTold,
    /// What is told from the beginning is taken as more of what is known.
    AnewTakenAsMore,
    /// A node starts with the number that it had.
    BootReused,
}

type Key = u8;
/// Rows are numbers that never come twice, later ones greater.
type Row = u64;

struct Node {
    boot: u32,
    /// What it has on its disk.
    own: BTreeMap<Key, Row>,
    process: Option<Process>,
}

struct Process {
    copies: Copies<Key, Row>,
    /// The newest that was seen of each row, and of which start of its node.
    seen: BTreeMap<(usize, Key), Row>,
}

#[derive(Clone)]
enum Message {
    Frame(Frame<Key, Row>),
    Marks(Marks),
}

/// A message on its way: from, to, and to which start of it.
type Sent = (usize, usize, u32, Message);

pub(crate) struct World {
    dice: Dice,
    planted: Planted,
    nodes: Vec<Node>,
    cut: BTreeSet<(usize, usize)>,
    network: Vec<Sent>,
    rows: Row,
    /// What every row has ever been.
    been: BTreeSet<(usize, Key, Row)>,
    /// What a node's rows were at each of its marks.
    history: BTreeMap<(usize, Mark), BTreeMap<Key, Row>>,
    pub(crate) told: usize,
}

fn id(node: usize) -> NodeId {
    NodeId(u16::try_from(node).unwrap() + 1)
}

impl World {
    pub(crate) fn new(seed: u64, planted: Planted) -> Self {
        let nodes = (0..NODES).map(|_| Node { boot: 0, own: BTreeMap::new(), process: None });
        let mut world = Self {
            dice: Dice::new(seed),
            planted,
            nodes: nodes.collect(),
            cut: BTreeSet::new(),
            network: Vec::new(),
            rows: 0,
            been: BTreeSet::new(),
            history: BTreeMap::new(),
            told: 0,
        };
        (0..NODES).for_each(|node| world.start(node));
        world
    }

    pub(crate) fn step(&mut self) {
        let node = self.dice.below(NODES);
        let other = self.dice.below(NODES);
        match self.dice.below(100) {
            0..25 => self.change(node),
            25..45 => self.tell(node),
            45..55 => self.say_marks(node, other),
            55..92 => self.deliver_any(),
            92..96 => self.turn_link(node, other),
            96..98 => self.crash(node),
            _ => self.start(node),
        }
    }

    fn change(&mut self, node: usize) {
        let key = Key::try_from(self.dice.below(KEYS)).unwrap();
        let gone = self.dice.chance(40);
        self.rows += 1;
        let row = (!gone).then_some(self.rows);
        let Node { own, process: Some(process), .. } = &mut self.nodes[node] else { return };
        if gone && !own.contains_key(&key) {
            return;
        }
        process.copies.change(key, row);
        match row {
            Some(row) => own.insert(key, row),
            None => own.remove(&key),
        };
        self.note(node);
        self.been.extend(row.map(|row| (node, key, row)));
    }

    /// What a node's rows are at its mark.
    fn note(&mut self, node: usize) {
        let Some(process) = &self.nodes[node].process else { return };
        self.history
            .insert((node, process.copies.known(id(node)).mark), self.nodes[node].own.clone());
    }

    fn tell(&mut self, node: usize) {
        let Some(process) = &mut self.nodes[node].process else { return };
        for (peer, mut frame) in process.copies.tell() {
            assert!(frame.1.rows.len() <= LIMITS.rows_max);
            self.told += frame.1.rows.len();
            if self.planted == Planted::GoingNotTold {
                frame.1.rows.retain(|change| change.row.is_some());
            }
            let to = usize::from(peer.0) - 1;
            self.network.push((node, to, self.nodes[to].boot, Message::Frame(frame)));
        }
    }

    fn say_marks(&mut self, node: usize, other: usize) {
        if node == other || self.cut.contains(&link(node, other)) {
            return;
        }
        let Some(process) = &self.nodes[node].process else { return };
        let message = Message::Marks(process.copies.marks());
        self.network.push((node, other, self.nodes[other].boot, message));
    }

    fn deliver_any(&mut self) {
        if self.network.is_empty() {
            return;
        }
        let sent = self.network.swap_remove(self.dice.below(self.network.len()));
        if self.dice.chance(10) {
            return;
        }
        if self.dice.chance(15) && self.network.len() < 300 {
            self.network.push(sent.clone());
        }
        self.deliver(sent);
    }

    fn deliver(&mut self, (from, to, boot, message): Sent) {
        if self.nodes[to].boot != boot || self.cut.contains(&link(from, to)) {
            return;
        }
        let Some(process) = &mut self.nodes[to].process else { return };
        match message {
            Message::Marks(_) if self.planted == Planted::NoMarks && self.dice.chance(95) => {}
            Message::Marks(marks) => process.copies.take_marks(id(from), &marks),
            Message::Frame((node, mut telling)) => {
                let known = process.copies.known(node);
                if self.planted == Planted::GapsTaken {
                    telling.after = telling.after.min(known.mark.number);
                }
                if self.planted == Planted::AnewTakenAsMore && known.mark.boot == telling.boot {
                    telling.anew = false;
                }
                let told = process.copies.take((node, telling));
                if told == News::All && process.copies.known(node).mark == known.mark {
                    let of = usize::from(node.0) - 1;
                    process.seen.retain(|(seen, _), _| *seen != of);
                }
            }
        }
    }

    fn turn_link(&mut self, node: usize, other: usize) {
        if node == other {
            return;
        }
        let link = link(node, other);
        let is_up = self.cut.remove(&link);
        if !is_up {
            self.cut.insert(link);
        }
        for (node, peer) in [(node, other), (other, node)] {
            let meets = is_up && self.nodes[peer].process.is_some();
            let Some(process) = &mut self.nodes[node].process else { continue };
            if meets {
                process.copies.peer_up(id(peer));
                self.say_marks(node, peer);
            } else {
                process.copies.peer_down(id(peer));
            }
        }
    }

    fn crash(&mut self, node: usize) {
        self.nodes[node].process = None;
        for other in &mut self.nodes {
            if let Some(process) = &mut other.process {
                process.copies.peer_down(id(node));
            }
        }
    }

    fn start(&mut self, node: usize) {
        if self.nodes[node].process.is_some() {
            return;
        }
        if self.planted != Planted::BootReused || self.nodes[node].boot == 0 {
            self.nodes[node].boot += 1;
        }
        let mut copies = Copies::new(id(node), self.nodes[node].boot, LIMITS);
        for (key, row) in &self.nodes[node].own {
            copies.change(*key, Some(*row));
        }
        self.nodes[node].process = Some(Process { copies, seen: BTreeMap::new() });
        self.note(node);
        for other in (0..NODES).filter(|other| *other != node) {
            if self.cut.contains(&link(node, other)) || self.nodes[other].process.is_none() {
                continue;
            }
            for (node, peer) in [(node, other), (other, node)] {
                self.nodes[node].process.as_mut().unwrap().copies.peer_up(id(peer));
                self.say_marks(node, peer);
            }
        }
    }

    /// The laws that hold at every moment.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        let last: Vec<_> = (0..NODES).map(|node| self.last_mark(node)).collect();
        for at in 0..NODES {
            let Some(process) = &mut self.nodes[at].process else { continue };
            for (of, last) in last.iter().enumerate() {
                let rows: BTreeMap<Key, Row> =
                    process.copies.rows(id(of)).map(|(key, row)| (*key, *row)).collect();
                for (key, row) in &rows {
                    if !self.been.contains(&(of, *key, *row)) {
                        return Err(format!("{at} sees a row of {of} that never was: {key} {row}"));
                    }
                    let seen = process.seen.entry((of, *key)).or_default();
                    if *seen > *row {
                        return Err(format!("{at} sees {key} {row} of {of}, and has seen {seen}"));
                    }
                    *seen = *row;
                }
                let mark = process.copies.known(id(of)).mark;
                let was = self.history.get(&(of, mark));
                // Up to an earlier mark, rows that have changed since may be missing.
                if *last == Some(mark) && was.is_some_and(|was| *was != rows) {
                    return Err(format!("{at} knows {of} up to {mark:?}: {rows:?}, not {was:?}"));
                }
            }
        }
        Ok(())
    }

    /// The last mark of a node, running or not.
    fn last_mark(&self, node: usize) -> Option<Mark> {
        let last = (node, Mark { boot: self.nodes[node].boot, number: u64::MAX });
        let (of, mark) = self.history.range(..=last).next_back()?.0;
        (*of == node).then_some(*mark)
    }

    /// All links are there, nothing is lost any more; one node stays away.
    pub(crate) fn heal(&mut self) -> Result<(), String> {
        let away = self.dice.below(NODES);
        self.crash(away);
        for node in (0..NODES).filter(|node| *node != away) {
            for other in (0..NODES).filter(|other| *other != node && *other != away) {
                if self.cut.contains(&link(node, other)) {
                    self.turn_link(node, other);
                }
            }
            self.start(node);
        }
        for _ in 0..4 {
            if self.planted != Planted::NoMarks {
                for node in 0..NODES {
                    (0..NODES).for_each(|other| self.say_marks(node, other));
                }
            }
            self.settle();
        }
        self.check()?;
        for of in 0..NODES {
            let mut all = (0..NODES).filter_map(|at| {
                let process = self.nodes[at].process.as_ref()?;
                let rows = process.copies.rows(id(of)).map(|(key, row)| (*key, *row));
                Some((process.copies.known(id(of)).mark, rows.collect::<BTreeMap<_, _>>()))
            });
            let first = all.next().unwrap();
            if let Some(other) = all.find(|other| *other != first) {
                return Err(format!("two see {of} differently: {first:?}, {other:?}"));
            }
            if of != away && first.1 != self.nodes[of].own {
                return Err(format!("{of} is seen as {first:?}"));
            }
        }
        Ok(())
    }

    /// Until nobody has anything to say.
    fn settle(&mut self) {
        loop {
            (0..NODES).for_each(|node| self.tell(node));
            if self.network.is_empty() {
                return;
            }
            for sent in std::mem::take(&mut self.network) {
                self.deliver(sent);
            }
        }
    }
}

fn link(one: usize, other: usize) -> (usize, usize) {
    (one.min(other), one.max(other))
}
