//! The table of calls over all nodes: what this node tells of its own, and what it is told.
//!
//! All rows to a peer go in one lane, so that none overtakes another: those told anew and those
//! that have just changed. Letters go in the other, and wait for no rows.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;

use crate::cluster::{Behind, Directory, Frame, Limits, Marks, Packed, Telling};
use crate::desk::{Called, Input};
use crate::domain::{
    AccountKey, CallRef, DepositCard, DepositRow, FarCall, MessageId, NodeId, Now, Row, RowKey,
};
use crate::peers::{Lane, SendError};
use crate::sessions::RowChange;
use crate::store::Copied;

use super::super::house::{House, lock};
use super::Nodes;
use super::doubles::Doubles;
use super::letter::Letter;
use super::passed::Batches;

/// How long changes are gathered before they are told.
const GATHER: Duration = Duration::from_millis(3);
/// How long to wait for a peer that takes less than it is sent.
const AGAIN: Duration = Duration::from_millis(5);
/// How often nodes say what they know.
const MARKS_EVERY: Duration = Duration::from_secs(1);
/// The most changes of one turn at the desk's lock: questions wait for as long.
const PORTION: usize = 100;
/// The most deposits of one caller that a call to him may meet at other nodes.
const DEPOSITS_MAX: usize = 64;
/// How long an event waits for its node, in milliseconds; a call is not up that long.
const EVENTS_FOR_MS: i64 = 24 * 60 * 60 * 1000;

/// The rows of all nodes at this one.
#[derive(Debug)]
pub(crate) struct Rows {
    directory: Mutex<Directory>,
    /// How many deposits other nodes have: most of the time none, and then no call looks for one.
    deposits: AtomicUsize,
    /// What a peer could not take yet; told is nothing more until it could.
    waiting: Mutex<BTreeMap<NodeId, VecDeque<Vec<u8>>>>,
    /// What peers said last, and since when rows of theirs are missing here (milliseconds,
    /// monotonic).
    heard: Mutex<BTreeMap<NodeId, (Marks, Option<u64>)>>,
    pub(super) batches: Batches,
    bell: Notify,
    /// Rung when a peer comes, goes, or has told something: whoever waits for that is one.
    pub(super) news: Notify,
    pub(super) doubles: Mutex<Doubles>,
    /// Held while the desk is shown what other nodes see, so that it is shown in order.
    showing: Mutex<()>,
}

/// How far this node is behind a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lag {
    /// By how much.
    pub(crate) behind: Behind,
    /// For how long, in milliseconds.
    pub(crate) for_ms: u64,
}

impl Rows {
    /// With what was written down of the others.
    pub(crate) fn new(node: NodeId, boot: u32, seed: u64, copied: Copied) -> Self {
        let mut directory = Directory::new(node, boot, seed, Limits::default());
        for (of, rows) in copied.rows {
            directory.restore(of, rows);
        }
        for (number, of, at_ms, json) in copied.events {
            directory.restore_event(number, of, at_ms, &json);
        }
        Self {
            deposits: AtomicUsize::new(directory.deposits()),
            directory: Mutex::new(directory),
            waiting: Mutex::default(),
            heard: Mutex::default(),
            batches: Batches::default(),
            bell: Notify::new(),
            news: Notify::new(),
            doubles: Mutex::default(),
            showing: Mutex::default(),
        }
    }

    /// What is known of all nodes.
    pub(crate) fn directory(&self) -> MutexGuard<'_, Directory> {
        lock(&self.directory)
    }

    /// There may be something to tell.
    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }

    /// A deposit has begun here, or is over.
    pub(crate) fn deposit(&self, message: MessageId, card: Option<&DepositCard>) {
        let row = card.map(|card| {
            Row::Deposit(DepositRow {
                account: card.account,
                caller: card.caller.account,
                shown: (&*card.caller.shown).into(),
                call_id: (&*card.call_id).into(),
                callback: card.mailbox.callback,
                scope: card.mailbox.callback_scope,
            })
        });
        self.directory().change(RowKey::deposit(message), row.as_ref());
        self.ring();
    }

    /// A peer can be spoken to.
    pub(super) fn connected(&self, house: &House, nodes: &Nodes, peer: NodeId) {
        lock(&self.waiting).remove(&peer);
        let marks = {
            let mut directory = self.directory();
            directory.peer(peer, true);
            directory.copies().marks()
        };
        self.show(house);
        let _ = nodes.send(peer, Lane::Rows, &Letter::Marks(marks));
        self.begin_events(nodes, peer);
    }

    /// A peer can't be spoken to any more.
    pub(super) fn parted(&self, house: &House, peer: NodeId) {
        lock(&self.waiting).remove(&peer);
        lock(&self.heard).remove(&peer);
        self.directory().peer(peer, false);
        self.news.notify_one();
        self.show(house);
    }

    /// Shows the desk what other nodes see of accounts with rules, as far as it has changed.
    fn show(&self, house: &House) {
        let _in_order = lock(&self.showing);
        let unseen = self.directory().take_unseen();
        for (node, mut anew, mut rows) in unseen {
            while anew || !rows.is_empty() {
                let rest = rows.split_off(rows.len().min(PORTION));
                house.handle(Input::Seen { node, anew, rows });
                (anew, rows) = (false, rest);
            }
        }
    }

    /// A node has left for good.
    pub(super) fn forget(&self, house: &House, node: NodeId) {
        lock(&self.waiting).remove(&node);
        lock(&self.heard).remove(&node);
        let mut directory = self.directory();
        directory.forget(node);
        self.deposits.store(directory.deposits(), Ordering::Relaxed);
        drop(directory);
        self.show(house);
        house.store.wake_for_told();
    }

    /// Rows have come.
    pub(super) fn take(&self, house: &House, frame: Frame<RowKey, Packed>) {
        let mut directory = self.directory();
        let news = directory.take(frame);
        self.deposits.store(directory.deposits(), Ordering::Relaxed);
        drop(directory);
        if news {
            self.show(house);
            house.store.wake_for_told();
            self.news.notify_one();
        }
    }

    /// What other nodes have told of deposits of somebody who is called.
    pub(crate) fn deposits_of(&self, called: &Called) -> Vec<(NodeId, DepositRow)> {
        let found = self.directory().deposits_of(called.account, &called.shown, DEPOSITS_MAX);
        found.into_iter().map(|(node, _, row)| (node, row)).collect()
    }

    /// Whether other nodes have deposits at all.
    pub(crate) fn has_deposits(&self) -> bool {
        self.deposits.load(Ordering::Relaxed) > 0
    }

    /// A peer says what it knows.
    pub(super) fn take_marks(&self, peer: NodeId, marks: Marks, now: Now) {
        let behind = {
            let mut directory = self.directory();
            directory.copies_mut().take_marks(peer, &marks);
            directory.behind(peer, &marks)
        };
        let mut heard = lock(&self.heard);
        let before = heard.get(&peer).and_then(|(_, since_ms)| *since_ms);
        let since_ms = (behind.changes > 0).then(|| before.unwrap_or(now.mono_ms));
        heard.insert(peer, (marks, since_ms));
        self.news.notify_one();
        self.ring();
    }

    /// How far this node is behind a peer that is connected.
    pub(crate) fn lag(&self, peer: NodeId, now: Now) -> Option<Lag> {
        let heard = lock(&self.heard);
        let (marks, since_ms) = heard.get(&peer)?;
        let behind = self.directory().behind(peer, marks);
        let since_ms = since_ms.filter(|_| behind.changes > 0);
        let for_ms = since_ms.map_or(0, |since_ms| now.mono_ms.saturating_sub(since_ms));
        Some(Lag { behind, for_ms })
    }

    /// Tells what has changed; says whether some of it has to wait.
    fn flush(&self, house: &House, nodes: &Nodes) -> bool {
        loop {
            let (changes, seen) = {
                let mut desk = house.desk();
                (desk.take_untold(PORTION, house.now()), desk.take_untold_seen(PORTION))
            };
            let last = changes.len().max(seen.len()) < PORTION;
            let mut directory = self.directory();
            for (key, row) in seen {
                directory.change(key, row.as_ref());
            }
            for change in changes {
                match change {
                    RowChange::Gone(call) => directory.change(RowKey::Call(call), None),
                    RowChange::Put(row) => {
                        let key = RowKey::Call(row.call);
                        directory.change(key, Some(&Row::Call(row.into())));
                    }
                }
            }
            if last {
                break;
            }
        }
        let mut waiting = lock(&self.waiting);
        for (peer, frames) in &mut *waiting {
            while let Some(frame) = frames.front() {
                match nodes.endpoint.send(*peer, Lane::Whole, frame) {
                    Err(SendError::Full(_)) => break,
                    // Lost ones are found by marks.
                    Ok(()) | Err(SendError::Away(_) | SendError::TooLong(_)) => {
                        frames.pop_front();
                    }
                }
            }
        }
        waiting.retain(|_, frames| !frames.is_empty());
        loop {
            let told =
                self.directory().copies_mut().tell_those(|peer| !waiting.contains_key(&peer));
            if told.is_empty() {
                return !waiting.is_empty();
            }
            // Peers that know as much are told the same: it is written once.
            let mut written: Option<(Part, Vec<u8>)> = None;
            for (peer, frame) in told {
                let part = Part::of(&frame);
                let same = written.take().filter(|(before, _)| *before == part);
                let written = match same {
                    Some(same) => written.insert(same),
                    None => match written_down(frame) {
                        Ok(bytes) => written.insert((part, bytes)),
                        Err(_) => continue,
                    },
                };
                if let Err(SendError::Full(_)) = nodes.endpoint.send(peer, Lane::Whole, &written.1)
                {
                    waiting.entry(peer).or_default().push_back(written.1.clone());
                }
            }
        }
    }
}

/// A frame as it goes over the wire, written without growing again and again.
fn written_down(frame: Frame<RowKey, Packed>) -> Result<Vec<u8>, postcard::Error> {
    /// What a row takes besides itself, and a frame besides its rows, at most.
    const ROOM: usize = 64;
    let rows = frame.1.rows.iter();
    let room = rows.map(|change| ROOM + change.row.as_ref().map_or(0, |row| row.len()));
    let written = Vec::with_capacity(ROOM + room.sum::<usize>());
    postcard::to_extend(&Letter::Rows(frame), written)
}

/// Which rows a frame has: two with the same ones, made in one go, are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    node: NodeId,
    floor: u64,
    after: u64,
    anew: bool,
    upto: u64,
}

impl Part {
    fn of((node, telling): &Frame<RowKey, Packed>) -> Self {
        let Telling { floor, after, anew, upto, .. } = *telling;
        Self { node: *node, floor, after, anew, upto }
    }
}

impl Nodes {
    /// What a node is called; its number, where the list does not have it.
    pub(crate) fn name_of(&self, house: &House, node: NodeId) -> String {
        let named = house.roll.look(|roll| {
            roll.members().find(|member| member.node == node).map(|member| member.name)
        });
        named.flatten().unwrap_or_else(|| node.0.to_string())
    }

    /// Calls of other nodes, each with its node's name.
    pub(crate) fn far_calls(
        &self,
        house: &House,
        (node, account): (Option<&str>, Option<AccountKey>),
        after: Option<CallRef>,
        max: usize,
    ) -> Vec<(String, FarCall)> {
        let only = node.map(|name| Self::called(house, name));
        // No node has that name.
        if only == Some(None) {
            return Vec::new();
        }
        let calls = self.rows.directory().calls((only.flatten(), account), after, max);
        calls.into_iter().map(|far| (self.name_of(house, far.node), far)).collect()
    }

    /// A call of another node, by its number or its SIP Call-ID.
    pub(crate) fn far_call(&self, house: &House, key: &str) -> Option<(String, FarCall)> {
        let far = {
            let directory = self.rows.directory();
            let numbered = CallRef::parse(key).filter(|call| call.node() != self.own.node);
            let far = numbered.and_then(|call| directory.call(call.node(), call));
            far.or_else(|| directory.find(key))?
        };
        Some((self.name_of(house, far.node), far))
    }
}

/// Tells changes as they come; ends with the process.
pub(super) async fn run(house: Arc<House>, nodes: Arc<Nodes>) {
    {
        let mut desk = house.desk();
        desk.tell_others();
        for view in desk.deposits().views() {
            nodes.rows.deposit(view.message, Some(&view.card));
        }
    }
    loop {
        while nodes.rows.flush(&house, &nodes) {
            tokio::time::sleep(AGAIN).await;
        }
        nodes.rows.bell.notified().await;
        tokio::time::sleep(GATHER).await;
    }
}

/// Says what is known, every second; ends with the process.
pub(super) async fn say_marks(house: Arc<House>, nodes: Arc<Nodes>) {
    loop {
        tokio::time::sleep(MARKS_EVERY).await;
        let marks = {
            let mut directory = nodes.rows.directory();
            directory.drop_events_before(house.now().wall_ms - EVENTS_FOR_MS);
            directory.copies().marks()
        };
        for peer in nodes.connected() {
            let _ = nodes.send(peer, Lane::Rows, &Letter::Marks(marks.clone()));
            nodes.rows.send_events_again(&nodes, peer);
        }
    }
}
