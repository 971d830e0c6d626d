//! What the parts of an agreement share.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, RwLock};

use openraft::ChangeMembers;
use openraft::error::{ClientWriteError, Fatal, RaftError};
use tokio::sync::{Notify, Semaphore, mpsc};

use crate::peers::endpoint::lock;

use super::AgreementSettings;
use super::asked::Arriving;
use super::batch::Proposal;
use super::halt::Halt;
use super::log::{Disk, Log};
use super::machine::{Hall, Machine};
use super::types::{Items, Raft, Shared};
use super::way::{NoReply, Questions};
use super::wire::{Ask, Change, Reply};

/// The most questions of other nodes that are answered at once; more are dropped.
const ANSWERED_MAX: usize = 1024;

pub(super) struct Inner {
    pub(super) me: u64,
    pub(super) settings: AgreementSettings,
    pub(super) questions: Arc<Questions>,
    pub(super) machine: Machine,
    pub(super) log: Log,
    pub(super) trouble: Shared<Option<String>>,
    pub(super) arriving: Shared<Option<Arriving>>,
    pub(super) closing: AtomicBool,
    /// Rung when it begins anew, and when it is shut down.
    pub(super) turned: Notify,
    pub(super) proposals: mpsc::Sender<Proposal>,
    pub(super) halt: Arc<Halt>,
    pub(super) answering: Arc<Semaphore>,
    raft: RwLock<Option<Raft>>,
}

impl Inner {
    pub(super) fn new(
        me: u64,
        disk: Arc<dyn Disk>,
        hall: Arc<dyn Hall>,
        settings: AgreementSettings,
        proposals: mpsc::Sender<Proposal>,
    ) -> Self {
        let halt: Arc<Halt> = Arc::default();
        let machine = Machine::new(hall, Arc::clone(&halt));
        Self {
            me,
            settings,
            questions: Arc::default(),
            log: Log::new(disk, machine.progress(), machine.trouble(), Arc::clone(&halt)),
            trouble: machine.trouble(),
            machine,
            arriving: Shared::default(),
            closing: AtomicBool::new(false),
            turned: Notify::new(),
            proposals,
            halt,
            answering: Arc::new(Semaphore::new(ANSWERED_MAX)),
            raft: RwLock::new(None),
        }
    }

    pub(super) fn raft(&self) -> Option<Raft> {
        self.raft.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    pub(super) fn set_raft(&self, raft: Option<Raft>) {
        *self.raft.write().unwrap_or_else(std::sync::PoisonError::into_inner) = raft;
    }

    pub(super) fn leader(&self) -> Option<u64> {
        self.raft().and_then(|raft| raft.metrics().borrow().current_leader)
    }

    fn failed(&self, error: &impl std::fmt::Display) -> Reply {
        let said = lock(&self.trouble).clone();
        Reply::Failed(said.unwrap_or_else(|| error.to_string()))
    }

    fn outcome<T>(
        &self,
        result: Result<T, RaftError<u64, ClientWriteError<u64, openraft::EmptyNode>>>,
        done: impl FnOnce(T) -> Reply,
    ) -> Reply {
        match result {
            Ok(response) => {
                lock(&self.trouble).take();
                done(response)
            }
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(to))) => {
                Reply::NotLeader(to.leader_id)
            }
            Err(RaftError::APIError(ClientWriteError::ChangeMembershipError(error))) => {
                Reply::Failed(error.to_string())
            }
            // It is shut down, or was: another one leads soon.
            Err(RaftError::Fatal(Fatal::Stopped)) => Reply::Failed(String::new()),
            Err(RaftError::Fatal(error)) => self.failed(&error),
        }
    }

    /// Puts motions into the log, if this node leads.
    pub(super) async fn write(&self, items: Items) -> Reply {
        if self.halt.strange().is_some() {
            return Reply::NotLeader(None);
        }
        let Some(raft) = self.raft() else { return Reply::NotLeader(None) };
        self.outcome(raft.client_write(items).await, |response| {
            Reply::Proposed(response.log_id.index, response.data.0)
        })
    }

    /// Changes the members, if this node leads.
    pub(super) async fn change(&self, change: Change) -> Reply {
        let Some(raft) = self.raft() else { return Reply::NotLeader(None) };
        let done = |_| Reply::Changed;
        match change {
            Change::Follower(id) => {
                let node = openraft::EmptyNode {};
                self.outcome(raft.add_learner(id, node, false).await, done)
            }
            Change::Voters(voters) => {
                let voters = ChangeMembers::ReplaceAllVoters(voters.into_iter().collect());
                self.outcome(raft.change_membership(voters, true).await, done)
            }
            Change::Remove(id) => {
                let node = ChangeMembers::RemoveNodes(BTreeSet::from([id]));
                self.outcome(raft.change_membership(node, false).await, done)
            }
        }
    }

    /// Asks the leader, wherever it is. `None`: there is none for now, and nothing was done.
    pub(super) async fn at_leader(&self, ask: Ask) -> Option<Reply> {
        self.at(self.leader(), ask).await
    }

    /// Asks whoever is said to lead. `None`: nothing was done.
    pub(super) async fn at(&self, leader: Option<u64>, ask: Ask) -> Option<Reply> {
        let leader = leader?;
        if leader == self.me {
            return Some(match ask {
                Ask::Propose(items) => self.write(items).await,
                Ask::Change(change) => self.change(change).await,
                Ask::Append(_) | Ask::Vote(_) | Ask::Begin(..) | Ask::Piece(..) | Ask::End(_) => {
                    return None;
                }
            });
        }
        match self.questions.ask(leader, ask, self.settings.propose()).await {
            Ok(reply) => Some(reply),
            Err(NoReply::NotSent) => None,
            Err(NoReply::Silent) => Some(Reply::Failed(String::new())),
        }
    }

    /// Waits until somebody else leads, or nobody.
    pub(super) async fn other_leader(&self, than: Option<u64>) {
        let Some(raft) = self.raft() else {
            self.turn().await;
            return;
        };
        // An error says that it has stopped: nobody leads for this node then.
        let _ = raft.metrics().wait_for(|metrics| metrics.current_leader != than).await;
    }

    /// Waits a moment: who leads may change.
    pub(super) async fn turn(&self) {
        let pause = std::time::Duration::from_millis(20);
        let _ = tokio::time::timeout(pause, self.turned.notified()).await;
    }
}
