//! What goes over the lane: questions with a number, and answers to them.

use bytes::Bytes;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use serde::{Deserialize, Serialize};

use super::types::{Items, Meta, RaftVote, Types};

#[derive(Serialize, Deserialize)]
pub(super) enum Frame {
    Ask(u64, Ask),
    Reply(u64, Reply),
}

#[derive(Serialize, Deserialize)]
pub(super) enum Ask {
    Append(AppendEntriesRequest<Types>),
    Vote(VoteRequest<u64>),
    /// A snapshot comes.
    Begin(RaftVote, Meta),
    /// Its next piece, with its number.
    Piece(u32, Bytes),
    /// That was all of so many pieces.
    End(u32),
    Propose(Items),
    Change(Change),
}

/// A change of the members.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Change {
    Follower(u64),
    Voters(Vec<u64>),
    Remove(u64),
}

#[derive(Serialize, Deserialize)]
pub(super) enum Reply {
    Append(AppendEntriesResponse<u64>),
    Vote(VoteResponse<u64>),
    /// The beginning or a piece was taken.
    Taken,
    Installed(SnapshotResponse<u64>),
    /// At which index, and what came of each.
    Proposed(u64, Vec<Bytes>),
    Changed,
    /// Nothing was done.
    NotLeader(Option<u64>),
    /// It may be done or not.
    Failed(String),
}
