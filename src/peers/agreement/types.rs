//! The words of openraft, filled in.

use std::sync::Arc;

use bytes::Bytes;
use openraft::{
    EmptyNode, Entry, EntryPayload, LogId, RaftMetrics, SnapshotMeta, StorageError, StorageIOError,
    StoredMembership, Vote,
};
use serde::{Deserialize, Serialize};

use super::machine::Arrival;
use super::machine::Carried;

/// Motions that are put together: one entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Items(pub(super) Vec<Bytes>);

/// What came of them, one answer each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answers(pub(super) Vec<Bytes>);

/// What a snapshot holds.
pub(super) enum Content {
    /// What was carried out here; it is read when it is sent.
    Here,
    /// What has come from the leader.
    Come(Box<dyn Arrival>),
}

openraft::declare_raft_types!(
    pub(super) Types:
        D = Items,
        R = Answers,
        NodeId = u64,
        Node = EmptyNode,
        SnapshotData = Content,
);

pub(super) type Raft = openraft::Raft<Types>;
pub(super) type RaftEntry = Entry<Types>;
pub(super) type Id = LogId<u64>;
pub(super) type RaftVote = Vote<u64>;
pub(super) type Members = StoredMembership<u64, EmptyNode>;
pub(super) type Meta = SnapshotMeta<u64, EmptyNode>;
pub(super) type Metrics = RaftMetrics<u64, EmptyNode>;
pub(super) type Failure = StorageError<u64>;

/// Up to where entries were carried out, and who the members are then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) applied: Option<Id>,
    pub(super) members: Members,
}

impl Mark {
    pub(super) fn meta(&self) -> Meta {
        let at = self.applied.map_or_else(|| String::from("0"), |id| id.to_string());
        Meta { last_log_id: self.applied, last_membership: self.members.clone(), snapshot_id: at }
    }

    pub(super) fn of(meta: &Meta) -> Self {
        Self { applied: meta.last_log_id, members: meta.last_membership.clone() }
    }
}

/// Up to where entries are carried out on the disk, for those that wait for it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    pub(super) applied: Option<Id>,
    /// Something could not be written down since the agreement has begun.
    pub(super) failed: bool,
}

pub(super) fn pack(value: &impl Serialize) -> Result<Vec<u8>, String> {
    postcard::to_allocvec(value).map_err(|error| error.to_string())
}

pub(super) fn unpack<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    postcard::from_bytes(bytes).map_err(|error| format!("what was written makes no sense: {error}"))
}

/// What the owner says of a disk, as openraft wants to hear it: it stops then.
pub(super) fn failure(sentence: impl Into<String>) -> Failure {
    let sentence: String = sentence.into();
    StorageIOError::write(openraft::AnyError::error(sentence)).into()
}

/// Does something on a thread that may wait.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(error.to_string()),
    }
}

/// An entry as the hall takes it, if there is something in it for the hall.
pub(super) fn carried(entry: &RaftEntry) -> Option<Carried> {
    match &entry.payload {
        EntryPayload::Normal(items) => {
            Some(Carried { index: entry.log_id.index, motions: items.0.clone() })
        }
        EntryPayload::Blank | EntryPayload::Membership(_) => None,
    }
}

pub(super) type Shared<T> = Arc<std::sync::Mutex<T>>;
