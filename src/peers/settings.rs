//! What can be set, what is told, and what is counted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::domain::{NodeId, Now};

use super::{Denied, Identity, Issued, Kind, PublicKey, Refusal, Request};

/// Who reads the time: the room itself does not.
pub type Clock = Arc<dyn Fn() -> Now + Send + Sync>;

/// The most handshakes that go on at once. Beyond it nobody new is taken.
pub const HANDSHAKES_MAX: usize = 64;

/// How the way between nodes behaves.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// After this long without a sign of life a connection is given up, milliseconds.
    pub idle_ms: u32,
    /// How long somebody has to say who he is, milliseconds.
    pub hello_ms: u32,
    /// How long to wait before calling again: at first, and at most, milliseconds.
    pub redial_ms: (u32, u32),
    /// The most frames that wait for a peer in one lane.
    pub queue_frames: usize,
    /// The most bytes that wait for a peer in one lane.
    pub queue_bytes: usize,
    /// After this long without a byte a file is given up, milliseconds.
    pub file_ms: u32,
    /// What the spread of waiting times is drawn from.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            idle_ms: 10_000,
            hello_ms: 5_000,
            redial_ms: (100, 5_000),
            queue_frames: 1_024,
            queue_bytes: 8 << 20,
            file_ms: 20_000,
            seed: 0,
        }
    }
}

/// What frames are about; each lane is a stream of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Changes of rows, and marks.
    Rows,
    /// Rows from the beginning.
    Whole,
    /// What is agreed on.
    Ledger,
}

impl Lane {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Rows, Self::Whole, Self::Ledger];

    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Rows => Kind::Rows,
            Self::Whole => Kind::Whole,
            Self::Ledger => Kind::Ledger,
        }
    }

    pub(super) fn of(kind: Kind) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.kind() == kind)
    }

    pub(super) fn index(self) -> usize {
        usize::from(self.kind().number() - Self::Rows.kind().number())
    }
}

/// A peer as its certificate and its greeting show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Who it is.
    pub identity: Identity,
    /// Which start of it this is.
    pub boot: u32,
    /// Where it is reached.
    pub address: SocketAddr,
}

/// Who refused whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// This node.
    Here,
    /// The other one.
    There,
}

/// What has happened.
#[derive(Debug)]
pub enum Event {
    /// A peer can be spoken to. What was sent before is lost: begin by comparing marks.
    Up(Peer),
    /// A peer can't be spoken to any more.
    Down(NodeId),
    /// A datagram of it.
    Datagram(NodeId, Bytes),
    /// A frame of it. Those of one lane come in the order in which they were sent.
    Frame(NodeId, Lane, Bytes),
    /// Somebody asks for a certificate.
    Asked(Asked),
    /// Somebody was refused; told for the sake of whoever looks, and left out when there is much
    /// to tell.
    Refused {
        /// The other one.
        address: SocketAddr,
        /// Who did not want.
        by: Side,
        /// Why.
        refusal: Refusal,
    },
    /// A peer with a certificate of the cluster knows of a later start of this node: this one is
    /// over.
    Overtaken,
}

/// A question for a certificate. Dropped without an answer it is one for later.
#[derive(Debug)]
pub struct Asked {
    /// A node of the cluster that wants its next one; `None`: a newcomer.
    pub known: Option<Identity>,
    /// What is asked for.
    pub request: Request,
    /// The key that was proven.
    pub key: PublicKey,
    pub(super) answer: oneshot::Sender<Result<Issued, Denied>>,
}

impl Asked {
    /// What the other one gets.
    pub fn answer(self, answer: Result<Issued, Denied>) {
        // He may have gone meanwhile; then he asks again.
        let _ = self.answer.send(answer);
    }
}

/// Why something could not be sent. The peer is repaired by comparing marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// There is no connection with it.
    #[error("node {} is not connected", .0.0)]
    Away(NodeId),
    /// It takes less than it is sent.
    #[error("too much waits for node {}", .0.0)]
    Full(NodeId),
    /// Longer than anybody takes.
    #[error("{0} bytes are too long")]
    TooLong(usize),
}

/// What was counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Datagrams that were sent.
    pub datagrams_sent: u64,
    /// Datagrams that were not: nobody there, too long, or too many.
    pub datagrams_dropped: u64,
    /// Datagrams that came and found the owner of all this behind.
    pub datagrams_unread: u64,
    /// Frames that were taken for sending.
    pub frames_sent: u64,
    /// Frames that were not.
    pub frames_refused: u64,
    /// Frames that came.
    pub frames_received: u64,
    /// Files that went to a peer, whole.
    pub files_sent: u64,
    /// Files that came from a peer, whole, and are kept here.
    pub files_received: u64,
    /// Files that were given up on the way, or that the other one did not have or want.
    pub files_failed: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) datagrams_sent: AtomicU64,
    pub(super) datagrams_dropped: AtomicU64,
    pub(super) datagrams_unread: AtomicU64,
    pub(super) frames_sent: AtomicU64,
    pub(super) frames_refused: AtomicU64,
    pub(super) frames_received: AtomicU64,
    pub(super) files_sent: AtomicU64,
    pub(super) files_received: AtomicU64,
    pub(super) files_failed: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> Figures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Figures {
            datagrams_sent: read(&self.datagrams_sent),
            datagrams_dropped: read(&self.datagrams_dropped),
            datagrams_unread: read(&self.datagrams_unread),
            frames_sent: read(&self.frames_sent),
            frames_refused: read(&self.frames_refused),
            frames_received: read(&self.frames_received),
            files_sent: read(&self.files_sent),
            files_received: read(&self.files_received),
            files_failed: read(&self.files_failed),
        }
    }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// How long to wait after so many failed calls, milliseconds: twice as long each time up to the
/// longest, and then somewhere between the half and the whole of that, so that nodes that have
/// lost each other together do not call together.
#[must_use]
pub fn redial_after_ms(tries: u32, bounds_ms: (u32, u32), dice: u64) -> u64 {
    let (first, most) = (u64::from(bounds_ms.0).max(1), u64::from(bounds_ms.1).max(1));
    let whole = first.saturating_mul(1 << tries.min(20)).min(most);
    whole - spread(dice) % (whole / 2 + 1)
}

/// A number that looks like chance (splitmix64).
pub(super) fn spread(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
