//! The same recordings at several nodes: bringing files to another one, and having them from one.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use crate::domain::{ContentId, MessageId, NodeId};
use crate::media::{self, Copying, Pinned, Spool};
use crate::peers::{FileError, Shelf, Shelved, Unkept};

use super::super::house::House;
use super::super::nodes::Nodes;
use super::{MIB, Mail};

/// How long a caller waits for a second node to have what he said, before it is delivered without.
const COPIED_WITHIN: Duration = Duration::from_secs(4);
/// How long somebody who listens waits for a recording of another node.
const FETCHED_WITHIN: Duration = Duration::from_secs(30);
/// How long it is waited when a way breaks off before it is gone again: at first, and at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));
/// The longest such pause while somebody listens, before others are asked.
const FETCHED_AGAIN_MAX: Duration = Duration::from_millis(400);
/// How long a copy stays that nothing refers to yet: whoever sent it writes that down meanwhile.
const HELD_MS: u64 = 600_000;
/// The most copies that are held so. Beyond it the oldest is let go, which does no harm unless an
/// equal recording is deleted in that instant.
const HELD_MAX: usize = 4_096;

/// The spool as other nodes see it.
pub(super) struct OnSpool {
    spool: Arc<Spool>,
    house: std::sync::Weak<House>,
    disk_free_min: u64,
    held: Mutex<VecDeque<(u64, Pinned)>>,
}

impl OnSpool {
    pub(super) fn new(house: &Arc<House>, mail: &Mail) -> Self {
        Self {
            spool: Arc::clone(&mail.spool),
            house: Arc::downgrade(house),
            disk_free_min: mail.config.disk_free_min_mib.saturating_mul(MIB),
            held: Mutex::default(),
        }
    }

    fn hold(&self, content: ContentId) {
        let Some(house) = self.house.upgrade() else { return };
        let now_ms = house.now().mono_ms;
        let pinned = self.spool.pin(vec![content]);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.push_back((now_ms, pinned));
        let mut over = Vec::new();
        while held.len() > HELD_MAX
            || held.front().is_some_and(|(since_ms, _)| now_ms - since_ms > HELD_MS)
        {
            over.extend(held.pop_front());
        }
        drop(held);
        drop(over);
    }
}

/// What another node is told of it; the log says more.
fn unkept(error: &media::Error) -> Unkept {
    match error {
        media::Error::NotThere { .. } => Unkept::NotThere,
        media::Error::Spoiled { .. } => {
            tracing::warn!(%error, "a copy of a recording is thrown away");
            Unkept::Spoiled
        }
        media::Error::Full { .. } => {
            tracing::warn!(%error, "a copy of a recording has no room");
            Unkept::NoRoom
        }
        media::Error::Medium { .. } | media::Error::NotAudio { .. } | media::Error::Root { .. } => {
            tracing::error!(%error, "a copy of a recording can't be kept or read");
            Unkept::Broken
        }
    }
}

impl Shelf for OnSpool {
    fn open(&self, content: ContentId) -> Result<(File, u64), Unkept> {
        self.spool.file(content).map_err(|error| unkept(&error))
    }

    fn begin(&self, content: ContentId, bytes: u64) -> Result<Option<Box<dyn Shelved>>, Unkept> {
        self.hold(content);
        let copy = self.spool.begin_copy(content, bytes, self.disk_free_min);
        let copy = copy.map_err(|error| unkept(&error))?;
        Ok(copy.map(|copy| -> Box<dyn Shelved> { Box::new(Shelving(copy)) }))
    }
}

struct Shelving(Copying);

impl Shelved for Shelving {
    fn write(&mut self, piece: &[u8]) -> Result<(), Unkept> {
        self.0.write(piece).map_err(|error| unkept(&error))
    }

    fn finish(self: Box<Self>) -> Result<(), Unkept> {
        self.0.finish().map_err(|error| unkept(&error))
    }
}

/// Other nodes that keep recordings, and whether they are there now.
pub(super) fn others(nodes: &Nodes) -> Vec<(NodeId, String, bool)> {
    let book = nodes.book();
    let keeping = book.all().filter(|(_, other)| !other.witness);
    keeping
        .map(|(node, other)| {
            let region = other.identity.as_ref().map(|identity| identity.region.clone());
            (node, region.unwrap_or_default(), other.connected)
        })
        .collect()
}

/// In which order nodes are asked to take a copy: those of other regions first, for a region is
/// lost as a whole; among equal ones another is the first each turn.
fn in_order(own_region: &str, others: &[(NodeId, String)], turn: u64) -> Vec<NodeId> {
    let mut order: Vec<&(NodeId, String)> = others.iter().collect();
    order.sort_unstable();
    if let Ok(count @ 1..) = u64::try_from(order.len()) {
        order.rotate_left(usize::try_from(turn % count).unwrap_or(0));
    }
    order.sort_by_key(|(_, region)| region == own_region);
    order.into_iter().map(|(node, _)| *node).collect()
}

/// Has the bucket take the files of a message that was just left, or else a second node, if there is
/// one and it does so soon. Who has them then.
pub(super) async fn bring_somewhere(
    house: &House,
    message: MessageId,
    files: &[ContentId],
) -> Vec<NodeId> {
    let own = house.node();
    let nodes = house.nodes();
    let other_is_up = nodes.is_some_and(|nodes| others(nodes).iter().any(|(.., up)| *up));
    if let Some(mail) = house.mail()
        && let Some(shared) = &mail.shared
        && shared.save(mail, message, files, other_is_up).await
    {
        return vec![own, NodeId::BUCKET];
    }
    let Some(nodes) = nodes else { return Vec::new() };
    let mut holders = vec![own];
    let turn = super::repair::turn_of(message);
    holders.extend(bring(nodes, files, turn, &holders, COPIED_WITHIN).await);
    holders.sort_unstable();
    holders
}

/// Brings files to one other node, which has all of them then; `None`: to nobody in that time.
/// `not`: who has them, or is not to.
pub(super) async fn bring(
    nodes: &Nodes,
    contents: &[ContentId],
    turn: u64,
    not: &[NodeId],
    within: Duration,
) -> Option<NodeId> {
    let deadline = Instant::now() + within;
    let mut pause = AGAIN.0;
    loop {
        let there = others(nodes).into_iter().filter(|(node, _, up)| *up && !not.contains(node));
        let there: Vec<_> = there.map(|(node, region, _)| (node, region)).collect();
        let mut broken_off = false;
        for node in in_order(&nodes.own.region, &there, turn) {
            match timeout_at(deadline, bring_all(nodes, node, contents)).await {
                Ok(Ok(())) => return Some(node),
                // A node for calls alone.
                Ok(Err(FileError::There(Unkept::NoShelf))) => {}
                Ok(Err(error)) => {
                    broken_off |= broke_off(&error);
                    tracing::warn!(node = node.0, %error, "a recording can't be copied to another node");
                }
                Err(_) => return None,
            }
        }
        if !broken_off || timeout_at(deadline, tokio::time::sleep(pause)).await.is_err() {
            return None;
        }
        pause = (pause * 2).min(AGAIN.1);
    }
}

/// Whether the way has broken off and another may be there at once: two nodes that call each other
/// in the same moment keep one connection, and what was on its way over the other breaks off.
fn broke_off(error: &FileError) -> bool {
    matches!(error, FileError::Cut | FileError::Away(_))
}

async fn bring_all(nodes: &Nodes, node: NodeId, contents: &[ContentId]) -> Result<(), FileError> {
    for content in contents {
        nodes.endpoint.copy_file(node, *content).await?;
    }
    Ok(())
}

/// Why a file is not here.
pub(super) enum NotFetched {
    /// Nobody has it.
    Nowhere,
    /// These should have it, and do not give it now; the bucket may be among them.
    Away(Vec<NodeId>),
}

/// Brings a file here from whoever has it, if it is not here.
pub(super) async fn fetch(
    house: &Arc<House>,
    mail: &Mail,
    content: ContentId,
) -> Result<(), NotFetched> {
    if mail.spool.has(content) {
        return Ok(());
    }
    let holders = house.in_store(move |store| store.holders(content)).await.unwrap_or_default();
    let bucket = mail.shared.as_ref().filter(|_| holders.contains(&NodeId::BUCKET));
    // Nodes that should have it first; then the bucket; then nodes that may have it all the same.
    let wait = async {
        let nodes = house.nodes();
        let there = nodes.map(|nodes| others(nodes)).unwrap_or_default();
        let there = there.into_iter().filter(|(.., up)| *up).map(|(node, ..)| node);
        let (first, rest): (Vec<NodeId>, Vec<NodeId>) =
            there.partition(|node| holders.contains(node));
        if let Some(nodes) = nodes
            && from_nodes(nodes, first, content).await
        {
            return true;
        }
        if let Some(shared) = bucket
            && super::bucket::fetch(house, mail, shared, content).await
        {
            return true;
        }
        match nodes {
            Some(nodes) => from_nodes(nodes, rest, content).await,
            None => false,
        }
    };
    if timeout(FETCHED_WITHIN, wait).await == Ok(true) {
        return Ok(());
    }
    let own = house.node();
    let away: Vec<NodeId> = holders.into_iter().filter(|node| *node != own).collect();
    Err(if away.is_empty() { NotFetched::Nowhere } else { NotFetched::Away(away) })
}

async fn from_nodes(nodes: &Nodes, from: Vec<NodeId>, content: ContentId) -> bool {
    let mut pause = AGAIN.0;
    loop {
        let mut broken_off = false;
        for node in &from {
            match nodes.endpoint.fetch_file(*node, content).await {
                Ok(()) => return true,
                Err(FileError::There(Unkept::NotThere | Unkept::NoShelf)) => {}
                Err(error) => {
                    broken_off |= broke_off(&error);
                    tracing::warn!(node = node.0, %error, "a recording can't be had from another node");
                }
            }
        }
        if !broken_off || pause > FETCHED_AGAIN_MAX {
            return false;
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_go_to_another_region_and_to_everybody_in_turn() {
        let others: Vec<_> = [(4, "eu"), (2, "us"), (3, "us"), (5, "eu")]
            .map(|(node, region)| (NodeId(node), region.to_owned()))
            .into();
        let first: Vec<u16> = (0..4).map(|turn| in_order("eu", &others, turn)[0].0).collect();
        assert_eq!(first, [2, 3, 2, 2]);
        for turn in 0..9 {
            let order = in_order("eu", &others, turn);
            let regions = order.iter().map(|node| if node.0 < 4 { "us" } else { "eu" });
            assert!(regions.eq(["us", "us", "eu", "eu"]), "{order:?}");
        }
        let mut alike: Vec<u16> = (0..4).map(|turn| in_order("asia", &others, turn)[0].0).collect();
        alike.sort_unstable();
        assert_eq!(alike, [2, 3, 4, 5], "each is the first once");
        assert_eq!(in_order("eu", &[], 7), []);
    }
}
