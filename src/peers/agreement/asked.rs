//! What the other nodes ask for.

use std::sync::Arc;

use openraft::raft::AppendEntriesRequest;
use openraft::{Snapshot, Vote};

use crate::domain::NodeId;
use crate::peers::endpoint::lock;

use super::inner::Inner;
use super::machine::{Arrival, Hall};
use super::types::{Content, Meta, RaftVote, Types, blocking};
use super::wire::{Ask, Frame, Reply};

/// The longest snapshot, pieces: some 20 GB.
const PIECES_MAX: u32 = 100_000;

/// A snapshot that is on its way.
pub(super) struct Arriving {
    from: u64,
    vote: RaftVote,
    meta: Meta,
    next: u32,
    arrival: Box<dyn Arrival>,
}

/// Whether what is asked can be true, coming from that node.
pub(super) fn is_honest(hall: &dyn Hall, from: NodeId, ask: &Ask) -> bool {
    let its_own = |vote: &Vote<u64>| vote.leader_id.node_id == u64::from(from.0);
    match ask {
        Ask::Append(request) => its_own(&request.vote) && follows(request),
        Ask::Vote(request) => its_own(&request.vote),
        Ask::Begin(vote, _) => its_own(vote),
        Ask::Piece(number, _) | Ask::End(number) => *number < PIECES_MAX,
        Ask::Propose(items) => items.0.iter().all(|motion| hall.can_put(from, motion)),
        Ask::Change(_) => true,
    }
}

/// Entries without a gap, none of a later term than that of the leader.
fn follows(request: &AppendEntriesRequest<Types>) -> bool {
    let mut next = request.prev_log_id.map_or(Some(0), |id| id.index.checked_add(1));
    request.entries.iter().all(|entry| {
        let right = next == Some(entry.log_id.index)
            && entry.log_id.leader_id.term <= request.vote.leader_id.term;
        next = entry.log_id.index.checked_add(1);
        right
    })
}

pub(super) async fn answer(inner: Arc<Inner>, from: u64, number: u64, ask: Ask) {
    let reply = match ask {
        Ask::Append(request) => match inner.raft() {
            Some(raft) => raft.append_entries(request).await.ok().map(Reply::Append),
            None => None,
        },
        Ask::Vote(request) => match inner.raft() {
            Some(raft) => raft.vote(request).await.ok().map(Reply::Vote),
            None => None,
        },
        Ask::Begin(vote, meta) => begin(&inner, from, vote, meta).await,
        Ask::Piece(at, piece) => take(&inner, from, at, piece).await,
        Ask::End(count) => end(&inner, from, count).await,
        Ask::Propose(items) => Some(inner.write(items).await),
        Ask::Change(change) => Some(inner.change(change).await),
    };
    if let Some(reply) = reply {
        // A lost answer is one that comes too late.
        inner.questions.send(from, &Frame::Reply(number, reply));
    }
}

async fn begin(inner: &Inner, from: u64, vote: RaftVote, meta: Meta) -> Option<Reply> {
    let hall = Arc::clone(inner.machine.hall());
    // One at a time: what was on its way before is given up.
    lock(&inner.arriving).take();
    let arrival = blocking(move || hall.arrive()).await;
    let arrival = match arrival {
        Ok(arrival) => arrival,
        Err(sentence) => return Some(Reply::Failed(sentence)),
    };
    *lock(&inner.arriving) = Some(Arriving { from, vote, meta, next: 0, arrival });
    Some(Reply::Taken)
}

async fn take(inner: &Inner, from: u64, at: u32, piece: bytes::Bytes) -> Option<Reply> {
    let mut arriving = lock(&inner.arriving).take()?;
    if arriving.from != from || arriving.next != at {
        return Some(Reply::Failed(String::from("another piece was expected")));
    }
    let taken = blocking(move || {
        arriving.arrival.take(&piece)?;
        arriving.next += 1;
        Ok(arriving)
    });
    match taken.await {
        Ok(arriving) => {
            *lock(&inner.arriving) = Some(arriving);
            Some(Reply::Taken)
        }
        Err(sentence) => Some(Reply::Failed(sentence)),
    }
}

async fn end(inner: &Inner, from: u64, count: u32) -> Option<Reply> {
    let Arriving { from: sender, vote, meta, next, arrival } = lock(&inner.arriving).take()?;
    if sender != from || next != count {
        return Some(Reply::Failed(String::from("pieces are missing")));
    }
    let snapshot = Snapshot { meta, snapshot: Box::new(Content::Come(arrival)) };
    let installed = inner.raft()?.install_full_snapshot(vote, snapshot).await;
    installed.ok().map(Reply::Installed)
}
