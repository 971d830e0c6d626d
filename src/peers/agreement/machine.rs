//! What was agreed on is carried out, as openraft wants it done.

use std::sync::Arc;

use bytes::Bytes;
use openraft::storage::RaftStateMachine;
use openraft::{EntryPayload, OptionalSend, RaftLogId as _, RaftSnapshotBuilder, Snapshot};
use tokio::sync::watch;

use crate::domain::NodeId;
use crate::peers::endpoint::lock;

use super::halt::Halt;
use super::types::{
    Answers, Content, Failure, Id, Mark, Members, Meta, Progress, RaftEntry, Shared, Types,
    blocking, carried, failure, pack, unpack,
};

/// An entry of the log: motions that were put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Its place in the log.
    pub index: u64,
    /// As they were proposed; they are carried out one by one.
    pub motions: Vec<Bytes>,
}

/// All that was carried out, as it is given to a newcomer, piece by piece.
pub trait Whole: Send {
    /// The next piece, of at most 200,000 bytes; `None`: that was all.
    ///
    /// # Errors
    /// The disk's, as a sentence.
    fn piece(&mut self) -> Result<Option<Vec<u8>>, String>;
}

/// All that was carried out elsewhere, as it comes. Dropped when it does not become complete.
pub trait Arrival: Send + Sync {
    /// The next piece.
    ///
    /// # Errors
    /// The disk's, as a sentence; it is given up then.
    fn take(&mut self, piece: &[u8]) -> Result<(), String>;

    /// All has come: it takes the place of what was carried out here, with this mark, at once or
    /// not at all.
    ///
    /// # Errors
    /// The disk's, as a sentence.
    fn install(self: Box<Self>, mark: &[u8]) -> Result<(), String>;
}

/// Why entries were not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CarryError {
    /// What the disk said.
    Disk(String),
    /// The entry at this index comes from a newer version.
    NotUnderstood {
        /// Its place in the log.
        index: u64,
    },
}

impl From<String> for CarryError {
    fn from(sentence: String) -> Self {
        Self::Disk(sentence)
    }
}

/// All rows, and up to where the log was carried out in them.
pub type Packed = (Option<Vec<u8>>, Box<dyn Whole>);

/// Carries out what was agreed on. The same entries in the same order come to the same at every
/// node.
pub trait Hall: Send + Sync + 'static {
    /// The mark that was written with the last entries.
    ///
    /// # Errors
    /// The disk's, as a sentence.
    fn mark(&self) -> Result<Option<Vec<u8>>, String>;

    /// Carries out entries and writes down what they come to, with the mark, at once or not at
    /// all. One answer for each motion, in order. A motion that was put again is carried out once.
    ///
    /// # Errors
    /// The disk's, as a sentence: the same entries come again then. Or that one of them is not
    /// understood: nothing was done, those before it come again, and it and those behind it never.
    fn carry_out(&self, entries: &[Carried], mark: &[u8]) -> Result<Vec<Bytes>, CarryError>;

    /// Whether a motion can come from that node. The leader leaves out what another node puts that
    /// cannot: nothing of it comes to stand in the log.
    fn can_put(&self, from: NodeId, motion: &[u8]) -> bool;

    /// All that was carried out, and its mark.
    ///
    /// # Errors
    /// The disk's, as a sentence.
    fn whole(&self) -> Result<Packed, String>;

    /// Makes room for all that was carried out elsewhere.
    ///
    /// # Errors
    /// The disk's, as a sentence.
    fn arrive(&self) -> Result<Box<dyn Arrival>, String>;
}

/// The hall, for openraft.
#[derive(Clone)]
pub(super) struct Machine {
    hall: Arc<dyn Hall>,
    /// Held while something is carried out: one that was stopped may be at it still.
    turn: Arc<tokio::sync::Mutex<()>>,
    mark: Shared<Mark>,
    progress: Arc<watch::Sender<Progress>>,
    trouble: Shared<Option<String>>,
    halt: Arc<Halt>,
}

impl Machine {
    pub(super) fn new(hall: Arc<dyn Hall>, halt: Arc<Halt>) -> Self {
        Self {
            hall,
            turn: Arc::default(),
            mark: Shared::default(),
            progress: Arc::new(watch::Sender::new(Progress::default())),
            trouble: Shared::default(),
            halt,
        }
    }

    /// What the disk said when it last failed.
    pub(super) fn trouble(&self) -> Shared<Option<String>> {
        Arc::clone(&self.trouble)
    }

    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    fn moved(&self, mark: Mark) {
        self.progress.send_modify(|progress| progress.applied = mark.applied);
        *lock(&self.mark) = mark;
    }

    fn begins(&self, mark: Mark) {
        self.progress.send_replace(Progress { applied: mark.applied, failed: false });
        *lock(&self.mark) = mark;
    }

    /// Carries out entries that were not carried out before.
    async fn carry(&self, entries: Vec<RaftEntry>, turn: Turn) -> Result<Vec<Answers>, CarryError> {
        let mut mark = lock(&self.mark).clone();
        follow(&mut mark, &entries);
        let packed = pack(&mark)?;
        let hall = Arc::clone(&self.hall);
        let kept = self.clone();
        let carrying = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let work: Vec<Carried> = entries.iter().filter_map(carried).collect();
            let answers = hall.carry_out(&work, &packed)?;
            kept.moved(mark);
            Ok(shared_out(&entries, answers))
        });
        carrying.await.unwrap_or_else(|error| Err(CarryError::Disk(error.to_string())))
    }

    pub(super) fn hall(&self) -> &Arc<dyn Hall> {
        &self.hall
    }

    fn failed(&self, sentence: String) -> Failure {
        *lock(&self.trouble) = Some(sentence.clone());
        self.progress.send_modify(|progress| progress.failed = true);
        failure(sentence)
    }

    /// All that is carried out here, whenever it is sent.
    fn snapshot(&self) -> Snapshot<Types> {
        Snapshot { meta: lock(&self.mark).meta(), snapshot: Box::new(Content::Here) }
    }
}

impl RaftSnapshotBuilder<Types> for Machine {
    async fn build_snapshot(&mut self) -> Result<Snapshot<Types>, Failure> {
        // What was carried out is on the disk; there is nothing to build before it is sent.
        Ok(self.snapshot())
    }
}

/// The turn to carry something out, held on a thread that may wait.
type Turn = tokio::sync::OwnedMutexGuard<()>;

/// Who was a member after these entries, and up to where they go.
fn follow(mark: &mut Mark, entries: &[RaftEntry]) {
    for entry in entries {
        mark.applied = Some(*entry.get_log_id());
        if let EntryPayload::Membership(members) = &entry.payload {
            mark.members = Members::new(Some(entry.log_id), members.clone());
        }
    }
}

/// One list of answers for each entry.
fn shared_out(entries: &[RaftEntry], answers: Vec<Bytes>) -> Vec<Answers> {
    let mut answers = answers.into_iter();
    let one = |entry: &RaftEntry| {
        let count = carried(entry).map_or(0, |carried| carried.motions.len());
        Answers(answers.by_ref().take(count).collect())
    };
    entries.iter().map(one).collect()
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> Result<(Option<Id>, Members), Failure> {
        let _turn = self.turn.lock().await;
        let hall = Arc::clone(&self.hall);
        let read = blocking(move || hall.mark()?.map(|bytes| unpack::<Mark>(&bytes)).transpose());
        let mark = read.await.map_err(|sentence| self.failed(sentence))?.unwrap_or_default();
        self.begins(mark.clone());
        Ok((mark.applied, mark.members))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Answers>, Failure>
    where
        I: IntoIterator<Item = RaftEntry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<RaftEntry> = entries.into_iter().collect();
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let before = lock(&self.mark).applied;
        // One that was stopped in the middle may have done some of it.
        let done = entries.iter().take_while(|entry| Some(entry.log_id) <= before).count();
        let mut new = entries;
        let mut all = vec![Answers::default(); done];
        new.drain(..done);
        match self.carry(new.clone(), turn).await {
            Ok(answers) => all.extend(answers),
            Err(CarryError::Disk(sentence)) => return Err(self.failed(sentence)),
            Err(CarryError::NotUnderstood { index }) => {
                new.retain(|entry| entry.log_id.index < index);
                let turn = Arc::clone(&self.turn).lock_owned().await;
                if let Err(CarryError::Disk(sentence)) = self.carry(new, turn).await {
                    return Err(self.failed(sentence));
                }
                return Err(self.halt.at(index).await);
            }
        }
        Ok(all)
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Content>, Failure> {
        let hall = Arc::clone(&self.hall);
        let arrival = blocking(move || hall.arrive()).await;
        arrival
            .map(|arrival| Box::new(Content::Come(arrival)))
            .map_err(|sentence| self.failed(sentence))
    }

    async fn install_snapshot(
        &mut self,
        meta: &Meta,
        content: Box<Content>,
    ) -> Result<(), Failure> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let Content::Come(arrival) = *content else { return Ok(()) };
        let mark = Mark::of(meta);
        let packed = pack(&mark).map_err(failure)?;
        let kept = self.clone();
        let installing = blocking(move || {
            let _turn = turn;
            arrival.install(&packed)?;
            kept.moved(mark);
            Ok(())
        });
        installing.await.map_err(|sentence| self.failed(sentence))
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<Types>>, Failure> {
        let is_some = lock(&self.mark).applied.is_some();
        Ok(is_some.then(|| self.snapshot()))
    }
}
