//! The lane to the other nodes, as openraft wants it.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use bytes::Bytes;
use openraft::error::{
    Fatal, NetworkError, RPCError, RaftError, ReplicationClosed, StreamingError, Unreachable,
};
use openraft::network::{Backoff, RPCOption};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::{
    AnyError, EmptyNode, OptionalSend, RaftNetwork, RaftNetworkFactory, Snapshot, Vote,
};
use tokio::sync::oneshot;

use crate::domain::NodeId;
use crate::peers::endpoint::lock;
use crate::peers::{Endpoint, Lane, SendError};

use super::machine::{Hall, Whole};
use super::settings::AgreementSettings;
use super::types::{Mark, Shared, Types, blocking, failure, pack, unpack};
use super::wire::{Ask, Frame, Reply};

/// The most questions that wait for an answer; at the limit the next one is not sent.
const ASKED_MAX: usize = 4096;
/// How long a node that can't be reached is left alone.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// Sends to the other nodes what the agreement has to say.
pub trait Way: Send + Sync + 'static {
    /// Sends a frame, behind what was sent before.
    ///
    /// # Errors
    /// When it is not sent; what was taken may be lost all the same.
    fn send(&self, to: NodeId, body: &[u8]) -> Result<(), SendError>;
}

impl Way for Endpoint {
    fn send(&self, to: NodeId, body: &[u8]) -> Result<(), SendError> {
        Self::send(self, to, Lane::Ledger, body)
    }
}

type Waiting = BTreeMap<u64, (u64, oneshot::Sender<Reply>)>;

/// The questions that wait for an answer.
#[derive(Default)]
pub(super) struct Questions {
    way: RwLock<Option<Arc<dyn Way>>>,
    next: AtomicU64,
    waiting: Shared<Waiting>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoReply {
    /// It was not asked.
    NotSent,
    /// It was asked, perhaps.
    Silent,
}

/// Takes a question off the list when nobody waits for it any more.
struct Asked(Shared<Waiting>, u64);

impl Drop for Asked {
    fn drop(&mut self) {
        lock(&self.0).remove(&self.1);
    }
}

impl Questions {
    pub(super) fn connect(&self, way: Arc<dyn Way>) {
        *self.way.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(way);
    }

    pub(super) fn send(&self, to: u64, frame: &Frame) -> bool {
        let way = self.way.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let (Some(way), Ok(to), Ok(body)) = (way, u16::try_from(to), pack(frame)) else {
            return false;
        };
        way.send(NodeId(to), &body).is_ok()
    }

    pub(super) async fn ask(&self, to: u64, ask: Ask, within: Duration) -> Result<Reply, NoReply> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        {
            let mut waiting = lock(&self.waiting);
            if waiting.len() >= ASKED_MAX {
                return Err(NoReply::NotSent);
            }
            waiting.insert(number, (to, sender));
        }
        let _asked = Asked(Arc::clone(&self.waiting), number);
        if !self.send(to, &Frame::Ask(number, ask)) {
            return Err(NoReply::NotSent);
        }
        match tokio::time::timeout(within, receiver).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(_)) | Err(_) => Err(NoReply::Silent),
        }
    }

    /// True if somebody waits for it, and from that node.
    pub(super) fn replied(&self, from: u64, number: u64, reply: Reply) -> bool {
        let mut waiting = lock(&self.waiting);
        if waiting.get(&number).is_none_or(|(asked, _)| *asked != from) {
            return false;
        }
        let Some((_, sender)) = waiting.remove(&number) else { return false };
        let _ = sender.send(reply);
        true
    }
}

/// Ways to all nodes.
#[derive(Clone)]
pub(super) struct Net {
    pub(super) questions: Arc<Questions>,
    pub(super) hall: Arc<dyn Hall>,
    pub(super) settings: AgreementSettings,
}

impl RaftNetworkFactory<Types> for Net {
    type Network = One;

    async fn new_client(&mut self, target: u64, _node: &EmptyNode) -> One {
        One { target, net: self.clone() }
    }
}

/// The way to one node.
pub(super) struct One {
    target: u64,
    net: Net,
}

type Rpc<T> = Result<T, RPCError<u64, EmptyNode, RaftError<u64>>>;

fn lost(what: &str) -> NetworkError {
    NetworkError::from(AnyError::error(what))
}

impl One {
    async fn ask<T>(
        &self,
        ask: Ask,
        within: Duration,
        take: impl FnOnce(Reply) -> Option<T>,
    ) -> Rpc<T> {
        match self.net.questions.ask(self.target, ask, within).await {
            Ok(reply) => take(reply).ok_or_else(|| lost("another answer than asked for").into()),
            Err(NoReply::Silent) => Err(lost("no answer").into()),
            Err(NoReply::NotSent) => {
                Err(Unreachable::from(AnyError::error("not connected")).into())
            }
        }
    }

    async fn piece(&self, ask: Ask) -> Result<Reply, StreamingError<Types, Fatal<u64>>> {
        match self.net.questions.ask(self.target, ask, self.net.settings.piece()).await {
            Ok(reply) => Ok(reply),
            Err(NoReply::Silent) => Err(lost("no answer").into()),
            Err(NoReply::NotSent) => {
                Err(Unreachable::from(AnyError::error("not connected")).into())
            }
        }
    }

    async fn whole(&self, vote: Vote<u64>) -> Sent {
        let broken = |sentence: String| StreamingError::StorageError(failure(sentence));
        let hall = Arc::clone(&self.net.hall);
        let (mark, mut whole) = blocking(move || hall.whole()).await.map_err(broken)?;
        let mark: Mark = match mark {
            Some(bytes) => unpack(&bytes).map_err(broken)?,
            None => return Err(lost("nothing was carried out yet").into()),
        };
        let mut answer = self.piece(Ask::Begin(vote, mark.meta())).await?;
        let mut number = 0;
        loop {
            if !matches!(answer, Reply::Taken) {
                return Err(lost("the snapshot is not taken").into());
            }
            let (piece, back) = blocking(move || next(whole)).await.map_err(broken)?;
            whole = back;
            let Some(piece) = piece else { break };
            answer = self.piece(Ask::Piece(number, piece)).await?;
            number += 1;
        }
        let installed = self.piece(Ask::End(number)).await?;
        let Reply::Installed(response) = installed else {
            return Err(lost("the snapshot is not taken").into());
        };
        Ok(response)
    }
}

type Sent = Result<SnapshotResponse<u64>, StreamingError<Types, Fatal<u64>>>;

fn next(mut whole: Box<dyn Whole>) -> Result<(Option<Bytes>, Box<dyn Whole>), String> {
    let piece = whole.piece()?;
    Ok((piece.map(Bytes::from), whole))
}

impl RaftNetwork<Types> for One {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Rpc<AppendEntriesResponse<u64>> {
        self.ask(Ask::Append(rpc), option.hard_ttl(), |reply| {
            if let Reply::Append(response) = reply { Some(response) } else { None }
        })
        .await
    }

    async fn vote(&mut self, rpc: VoteRequest<u64>, option: RPCOption) -> Rpc<VoteResponse<u64>> {
        self.ask(Ask::Vote(rpc), option.hard_ttl(), |reply| {
            if let Reply::Vote(response) = reply { Some(response) } else { None }
        })
        .await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote<u64>,
        _snapshot: Snapshot<Types>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Sent {
        tokio::select! {
            closed = cancel => Err(closed.into()),
            sent = self.whole(vote) => sent,
        }
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(std::iter::repeat(AGAIN_AFTER))
    }
}
