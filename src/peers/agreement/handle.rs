//! The agreement, as its owner holds it.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::domain::NodeId;
use crate::peers::endpoint::lock;

use super::asked;
use super::batch::{self, Proposal};
use super::error::ProposeError;
use super::inner::Inner;
use super::log::Disk;
use super::machine::Hall;
use super::standing::{Standing, node};
use super::types::unpack;
use super::way::Way;
use super::wire::{Ask, Change, Frame, Reply};
use super::{AgreementSettings, MOTION_BYTES_MAX, PROPOSALS_MAX, keeper};

/// A motion that was agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Its place in the log: that of its entry.
    pub index: u64,
    /// What came of it at the leader.
    pub answer: Bytes,
}

/// What is needed of an agreement, so that another one can take its place.
pub trait Agrees {
    /// Proposes a motion, wherever the leader is. When this returns it is committed and carried
    /// out at the leader. While no answer comes it is put again: it may come to stand in the log
    /// more than once, and whoever carries it out has to see that.
    fn propose(&self, motion: Bytes) -> impl Future<Output = Result<Agreed, ProposeError>> + Send;

    /// Whether this node leads.
    fn is_leader(&self) -> bool;

    /// Makes these the voters, and no others; they have to follow already. Those that had a vote
    /// follow then.
    fn change_voters(
        &self,
        voters: BTreeSet<NodeId>,
    ) -> impl Future<Output = Result<(), ProposeError>> + Send;
}

/// The handle. Shut it down with [`Agreement::close`]; dropped, it goes on.
#[derive(Clone)]
pub struct Agreement {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Agreement {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Agreement({:?})", self.standing())
    }
}

impl Agreement {
    /// Begins with what is on the disk. Within a tokio runtime.
    ///
    /// # Errors
    /// [`ProposeError::Disk`] when that can't be read.
    pub async fn start(
        me: NodeId,
        disk: Arc<dyn Disk>,
        hall: Arc<dyn Hall>,
        settings: AgreementSettings,
    ) -> Result<Self, ProposeError> {
        let (proposals, queue) = mpsc::channel(PROPOSALS_MAX);
        let inner = Arc::new(Inner::new(me.0.into(), disk, hall, settings, proposals));
        let raft = keeper::begin(&inner).await.map_err(ProposeError::Disk)?;
        inner.set_raft(Some(raft));
        tokio::spawn(keeper::run(Arc::clone(&inner)));
        tokio::spawn(keeper::stand_back(Arc::clone(&inner)));
        tokio::spawn(batch::run(Arc::clone(&inner), queue));
        Ok(Self { inner })
    }

    /// The way to the other nodes, from now on.
    pub fn connect(&self, way: Arc<dyn Way>) {
        self.inner.questions.connect(way);
    }

    /// Makes this node the only voter of a cluster of its own, unless it is in one already. When
    /// this returns, it leads if it is alone.
    ///
    /// # Errors
    /// The disk's.
    pub async fn found(&self) -> Result<(), ProposeError> {
        let raft = self.inner.raft().ok_or(ProposeError::Closed)?;
        let me = self.inner.me;
        let known = raft.is_initialized().await;
        let disk = |error: &dyn std::fmt::Display| ProposeError::Disk(error.to_string());
        if !known.map_err(|error| disk(&error))? {
            let founded = raft.initialize(BTreeSet::from([me])).await;
            founded.map_err(|error| disk(&error))?;
        }
        // The figures may be older than what was just begun.
        let voters = raft
            .with_raft_state(|state| state.membership_state.effective().voter_ids().collect())
            .await;
        let voters: Vec<u64> = voters.map_err(|error| disk(&error))?;
        if voters == [me] {
            let wait = raft.wait(Some(self.inner.settings.propose()));
            // All that was put into the log before is carried out then.
            let led = wait.metrics(
                |metrics| {
                    metrics.current_leader == Some(me)
                        && metrics.last_applied.map(|id| id.index) == metrics.last_log_index
                },
                "leads",
            );
            tokio::select! {
                led = led => drop(led.map_err(|error| disk(&error))?),
                // It says so, and does what it can.
                () = self.inner.halt.until_strange() => {}
            }
        }
        Ok(())
    }

    /// Puts all that was carried out into the place of the log before it: a newcomer gets the rows
    /// themselves, also those that are older than the log. At the leader.
    ///
    /// # Errors
    /// The disk's, or that it takes too long.
    pub async fn pack(&self) -> Result<(), ProposeError> {
        let raft = self.inner.raft().ok_or(ProposeError::Closed)?;
        let disk = |error: &dyn std::fmt::Display| ProposeError::Disk(error.to_string());
        let upto = self.standing().applied;
        raft.trigger().snapshot().await.map_err(|error| disk(&error))?;
        let wait = raft.wait(Some(self.inner.settings.piece()));
        let packed = wait.metrics(
            |metrics| metrics.snapshot.is_some_and(|id| id.index >= upto),
            "what was carried out is packed",
        );
        packed.await.map_err(|error| disk(&error))?;
        raft.trigger().purge_log(upto).await.map_err(|error| disk(&error))
    }

    /// Takes in a frame that has come from a node; false: it makes no sense, or cannot be true
    /// coming from there. It is counted and left out then.
    pub fn frame(&self, node: NodeId, bytes: &[u8]) -> bool {
        let from = u64::from(node.0);
        let hall = &**self.inner.machine.hall();
        let taken = match unpack::<Frame>(bytes) {
            Ok(Frame::Reply(number, reply)) => {
                // One that comes too late is no lie.
                self.inner.questions.replied(from, number, reply);
                true
            }
            Ok(Frame::Ask(number, ask)) if asked::is_honest(hall, node, &ask) => {
                let permit = Arc::clone(&self.inner.answering).try_acquire_owned();
                if let Ok(permit) = permit {
                    let inner = Arc::clone(&self.inner);
                    tokio::spawn(async move {
                        asked::answer(inner, from, number, ask).await;
                        drop(permit);
                    });
                }
                true
            }
            Ok(Frame::Ask(..)) | Err(_) => false,
        };
        if !taken {
            tracing::debug!(node = from, "a frame about the agreement makes no sense");
        }
        taken
    }

    /// Lets a node follow: it gets all that was agreed on, and has no vote.
    ///
    /// # Errors
    /// Why not.
    pub async fn add_follower(&self, node: NodeId) -> Result<(), ProposeError> {
        self.changed(&Change::Follower(node.0.into())).await
    }

    /// Takes out a node that has no vote.
    ///
    /// # Errors
    /// Why not; a voter is refused.
    pub async fn remove(&self, node: NodeId) -> Result<(), ProposeError> {
        self.changed(&Change::Remove(node.0.into())).await
    }

    async fn changed(&self, change: &Change) -> Result<(), ProposeError> {
        let until = tokio::time::Instant::now() + self.inner.settings.propose();
        while tokio::time::Instant::now() < until {
            match self.inner.at_leader(Ask::Change(change.clone())).await {
                Some(Reply::Changed) => return Ok(()),
                Some(Reply::Failed(sentence)) if sentence.is_empty() => {
                    return Err(ProposeError::Unknown);
                }
                Some(Reply::Failed(sentence)) => return Err(ProposeError::Members(sentence)),
                _ => self.inner.turn().await,
            }
        }
        Err(ProposeError::NoLeader)
    }

    /// Who leads, as far as this node knows.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        self.inner.leader().map(node)
    }

    /// The entry of a newer version at which carrying out has ended here.
    #[must_use]
    pub fn strange(&self) -> Option<u64> {
        self.inner.halt.strange()
    }

    /// How it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let raft = self.inner.raft();
        let standing = raft.map(|raft| Standing::of(&raft.metrics().borrow()));
        Standing {
            strange: self.inner.halt.strange(),
            trouble: lock(&self.inner.trouble).clone(),
            ..standing.unwrap_or_default()
        }
    }

    /// Waits until the standing is as wanted.
    pub async fn until(&self, wanted: impl Fn(&Standing) -> bool) -> Standing {
        loop {
            let standing = self.standing();
            if wanted(&standing) {
                return standing;
            }
            let Some(raft) = self.inner.raft() else {
                self.inner.turn().await;
                continue;
            };
            let mut metrics = raft.metrics();
            tokio::select! {
                _ = metrics.changed() => {}
                () = self.inner.turn() => {}
            }
        }
    }

    /// Stops. What was agreed on is on the disk.
    pub async fn close(&self) {
        self.inner.closing.store(true, Ordering::Relaxed);
        self.inner.halt.close();
        self.inner.turned.notify_waiters();
        if let Some(raft) = self.inner.raft() {
            let _ = raft.shutdown().await;
        }
        self.inner.set_raft(None);
    }
}

impl Agrees for Agreement {
    async fn propose(&self, motion: Bytes) -> Result<Agreed, ProposeError> {
        if motion.len() > MOTION_BYTES_MAX {
            return Err(ProposeError::TooLong(motion.len()));
        }
        let (answer, answered) = oneshot::channel();
        self.inner.proposals.try_send(Proposal { motion, answer }).map_err(
            |error| match error {
                mpsc::error::TrySendError::Full(_) => ProposeError::Full,
                mpsc::error::TrySendError::Closed(_) => ProposeError::Closed,
            },
        )?;
        answered.await.unwrap_or(Err(ProposeError::Closed))
    }

    fn is_leader(&self) -> bool {
        self.inner.leader() == Some(self.inner.me)
    }

    async fn change_voters(&self, voters: BTreeSet<NodeId>) -> Result<(), ProposeError> {
        let voters = voters.into_iter().map(|node| node.0.into()).collect();
        self.changed(&Change::Voters(voters)).await
    }
}
