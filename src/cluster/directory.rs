//! All nodes' calls and deposits as this node knows them: packed rows, and how they are found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;

use crate::domain::{MessageId, NodeId, ROW_CALL_ID_BYTES_MAX, Row, RowKey};

use super::{Change, Copies, Frame, Limits, Mark, Marks, News, Packed, Telling};

mod depositors;
mod find;
mod index;
mod unseen;

use depositors::Depositors;
use index::CallIndex;
use unseen::Unseen;

/// The most changes of others' rows that wait for the disk. Beyond it the nodes' rows are written
/// down anew as a whole, in the order of their keys: nothing has to be remembered for that but the
/// place.
const UNKEPT_MAX: usize = 200_000;

/// As long as a row usually is, in bytes.
const ROW_BYTES: usize = 160;

/// The most events that wait for nodes that are away. Beyond it the proxies' own lists have to
/// tell those nodes.
const EVENTS_MAX: usize = 10_000;

/// What is to be written down of other nodes' rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// All that is written down of a node goes.
    Nothing(NodeId),
    /// A row is this now; `None`: it is gone.
    Row(NodeId, RowKey, Option<Packed>),
    /// An event that waits for a node, and since when (milliseconds since 1970); `None`: it does
    /// no longer.
    Event(u64, Option<(NodeId, i64, Arc<str>)>),
}

/// How far this node is behind in the rows of a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Behind {
    /// How many changes are missing here.
    pub changes: u64,
    /// Whether its rows are other ones here than there, although none is missing.
    pub differs: bool,
}

/// How far the writing down of a node's rows has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Walk {
    /// What is written down of it has to go first.
    Ahead,
    /// That is gone, and all rows up to this one are written down.
    Behind(Option<RowKey>),
}

impl Walk {
    /// Whether it will come to a row by itself.
    fn meets(self, key: RowKey) -> bool {
        match self {
            Self::Ahead => true,
            Self::Behind(last) => last.is_none_or(|last| key > last),
        }
    }
}

/// All nodes' rows, and how they are found.
#[derive(Debug)]
pub struct Directory {
    copies: Copies<RowKey, Packed>,
    calls: CallIndex,
    depositors: Depositors,
    unkept: BTreeSet<(NodeId, RowKey)>,
    /// Whose rows are being written down anew.
    unkept_whole: BTreeMap<NodeId, Walk>,
    /// Events of other nodes' calls, until those have them.
    events: BTreeMap<u64, (NodeId, i64, Arc<str>)>,
    unkept_events: BTreeSet<u64>,
    event: u64,
    unseen: Unseen,
}

impl Directory {
    /// At a node that starts for the `boot`-th time. `seed`: of the hashes of what callers choose.
    #[must_use]
    pub fn new(node: NodeId, boot: u32, seed: u64, limits: Limits) -> Self {
        Self {
            copies: Copies::new(node, boot, limits),
            calls: CallIndex::new(seed),
            depositors: Depositors::default(),
            unkept: BTreeSet::new(),
            unkept_whole: BTreeMap::new(),
            events: BTreeMap::new(),
            unkept_events: BTreeSet::new(),
            event: 0,
            unseen: Unseen::default(),
        }
    }

    /// The rows.
    #[must_use]
    pub fn copies(&self) -> &Copies<RowKey, Packed> {
        &self.copies
    }

    /// The rows, to tell of them.
    pub fn copies_mut(&mut self) -> &mut Copies<RowKey, Packed> {
        &mut self.copies
    }

    /// An own row is this now; `None`: it is gone. A call with too long a Call-ID is nobody's.
    pub fn change(&mut self, key: RowKey, row: Option<&Row>) {
        let fits = |row: &&Row| match row {
            Row::Call(call) => call.call_id.len() <= ROW_CALL_ID_BYTES_MAX,
            Row::Deposit(deposit) => deposit.call_id.len() <= ROW_CALL_ID_BYTES_MAX,
            Row::Account(_) | Row::Device(_) => true,
        };
        if row.is_some_and(|row| !fits(&row)) {
            return;
        }
        let packed =
            row.and_then(|row| postcard::to_extend(row, Vec::with_capacity(ROW_BYTES)).ok());
        let packed = packed.map(Packed::from);
        if Unseen::is_of(key) && self.copies.row(self.copies.node(), &key) == packed.as_ref() {
            return;
        }
        self.copies.change(key, packed);
    }

    /// Takes up what was written down of another node's rows, at a start. Whatever that node tells,
    /// or others tell of it, is newer.
    pub fn restore(&mut self, node: NodeId, rows: Vec<(RowKey, Packed)>) {
        let last = rows.len() as u64;
        let numbered = rows.into_iter().zip(1..);
        let rows = numbered.map(|((key, row), number)| Change { number, key, row: Some(row) });
        let telling = Telling {
            boot: 0,
            floor: 0,
            after: 0,
            anew: true,
            upto: last,
            last,
            whole: false,
            rows: rows.collect(),
        };
        self.copies.take((node, telling));
        self.index(node);
    }

    /// Somebody tells of a node's rows. Says whether anything has changed.
    pub fn take(&mut self, frame: Frame<RowKey, Packed>) -> bool {
        let node = frame.0;
        match self.copies.take(frame) {
            News::None => return false,
            News::Some(changes) => {
                let walk = self.unkept_whole.get(&node).copied();
                for change in changes {
                    self.note(node, change.key, change.row.as_ref());
                    if !walk.is_some_and(|walk| walk.meets(change.key)) {
                        self.unkept.insert((node, change.key));
                    }
                }
            }
            News::All => {
                self.index(node);
                self.keep_whole(node);
            }
        }
        if self.unkept.len() > UNKEPT_MAX {
            let nodes: BTreeSet<NodeId> = self.unkept.iter().map(|(node, _)| *node).collect();
            nodes.into_iter().for_each(|node| self.keep_whole(node));
        }
        if self.calls.is_due() {
            let copies = &self.copies;
            self.calls.sweep(|node, call| copies.row(node, &RowKey::Call(call)).is_some());
        }
        true
    }

    /// A node has left for good.
    pub fn forget(&mut self, node: NodeId) {
        self.copies.forget(node);
        self.index(node);
        self.keep_whole(node);
        let his: Vec<u64> = self.events_for(node).map(|(number, _)| number).collect();
        his.into_iter().for_each(|number| self.event_taken(node, number));
    }

    /// Up to `max` things to be written down; each is given once.
    pub fn take_unkept(&mut self, max: usize) -> Vec<Kept> {
        let mut kept: Vec<Kept> = Vec::new();
        while kept.len() < max
            && let Some(number) = self.unkept_events.pop_first()
        {
            kept.push(Kept::Event(number, self.events.get(&number).cloned()));
        }
        while kept.len() < max
            && let Some((node, walk)) = self.unkept_whole.pop_first()
        {
            let last = match walk {
                Walk::Ahead => {
                    kept.push(Kept::Nothing(node));
                    None
                }
                Walk::Behind(last) => last,
            };
            let room = max - kept.len();
            let rows = self.copies.rows_after(node, last.as_ref()).take(room);
            let before = kept.len();
            kept.extend(rows.map(|(key, row)| Kept::Row(node, *key, Some(row.clone()))));
            if kept.len() - before == room {
                let last = match kept.last() {
                    Some(Kept::Row(_, key, _)) => Some(*key),
                    Some(Kept::Nothing(_) | Kept::Event(..)) | None => last,
                };
                self.unkept_whole.insert(node, Walk::Behind(last));
            }
        }
        while kept.len() < max
            && let Some((node, key)) = self.unkept.pop_first()
        {
            kept.push(Kept::Row(node, key, self.copies.row(node, &key).cloned()));
        }
        kept
    }

    /// How far this node is behind a peer's own rows, by what the peer said last of itself.
    #[must_use]
    pub fn behind(&self, peer: NodeId, marks: &Marks) -> Behind {
        let theirs = marks.known.get(&peer).copied().unwrap_or_default();
        let ours = self.copies.known(peer);
        let known = if theirs.mark.boot == ours.mark.boot { ours.mark } else { Mark::default() };
        Behind {
            changes: theirs.mark.number.saturating_sub(known.number),
            differs: theirs.mark == ours.mark && theirs.sum != ours.sum,
        }
    }

    /// Keeps an event for the node whose call it is, until that says that it has it. `None`: there
    /// are too many.
    pub fn keep_event(&mut self, node: NodeId, at_ms: i64, event: &str) -> Option<u64> {
        if self.events.len() >= EVENTS_MAX {
            return None;
        }
        // Numbers go on behind those that were on the disk, and none comes twice in a start.
        self.event += 1;
        self.events.insert(self.event, (node, at_ms, event.into()));
        self.unkept_events.insert(self.event);
        Some(self.event)
    }

    /// Takes up an event that was kept before the last stop.
    pub fn restore_event(&mut self, number: u64, node: NodeId, at_ms: i64, event: &str) {
        self.event = self.event.max(number);
        self.events.insert(number, (node, at_ms, event.into()));
    }

    /// The node has it, or is gone.
    pub fn event_taken(&mut self, node: NodeId, number: u64) {
        if self.events.get(&number).is_some_and(|(of, ..)| *of == node) {
            self.events.remove(&number);
            self.unkept_events.insert(number);
        }
    }

    /// What is kept for a node, the oldest first.
    pub fn events_for(&self, node: NodeId) -> impl Iterator<Item = (u64, &str)> {
        let his = self.events.iter().filter(move |(_, (of, ..))| *of == node);
        his.map(|(number, (.., event))| (*number, &**event))
    }

    /// The number of the event that was kept last; 0: there was none.
    #[must_use]
    pub fn last_event(&self) -> u64 {
        self.event
    }

    /// How many events are kept.
    #[must_use]
    pub fn events(&self) -> usize {
        self.events.len()
    }

    /// Drops events that were kept before a moment, milliseconds since 1970.
    pub fn drop_events_before(&mut self, at_ms: i64) {
        let old = self.events.extract_if(.., |_, (_, kept_ms, _)| *kept_ms < at_ms);
        let old: Vec<u64> = old.map(|(number, _)| number).collect();
        self.unkept_events.extend(old);
    }

    fn keep_whole(&mut self, node: NodeId) {
        self.unkept.retain(|(of, _)| *of != node);
        self.unkept_whole.insert(node, Walk::Ahead);
    }

    fn note(&mut self, node: NodeId, key: RowKey, row: Option<&Packed>) {
        match key {
            RowKey::Call(call) => {
                if let Some(call_id) = row.and_then(|row| call_id(row)) {
                    self.calls.note(call_id, node, call);
                }
            }
            RowKey::Deposit(message) => {
                let row = row.and_then(|row| unpack(row));
                self.depositors.note(node, MessageId(message), row.as_ref());
            }
            RowKey::Account(_) | RowKey::Device(..) => self.unseen.changed(node, key),
        }
    }

    fn index(&mut self, node: NodeId) {
        self.unseen.all_changed(node);
        self.depositors.forget(node);
        let rows: Vec<_> = self.copies.rows(node).map(|(key, row)| (*key, row.clone())).collect();
        for (key, row) in rows {
            self.note(node, key, Some(&row));
        }
    }
}

/// Reads a row; `None`: it makes no sense, because another version has written it.
fn unpack(row: &[u8]) -> Option<Row> {
    postcard::from_bytes(row).ok()
}

/// The Call-ID of a call's row, without reading the rest of it.
fn call_id(row: &[u8]) -> Option<&str> {
    /// How a row begins.
    #[derive(Deserialize)]
    enum Head<'a> {
        Call(&'a str),
    }
    let (Head::Call(call_id), _) = postcard::take_from_bytes(row).ok()?;
    Some(call_id)
}
