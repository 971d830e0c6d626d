//! The log and the vote, as openraft wants them kept.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use bytes::Bytes;
use openraft::storage::{LogFlushed, RaftLogStorage};
use openraft::{LogState, OptionalSend, RaftLogReader};
use tokio::sync::watch;

use crate::peers::endpoint::lock;

use super::halt::Halt;
use super::types::{
    Failure, Id, Progress, RaftEntry, RaftVote, Shared, Types, blocking, failure, pack, unpack,
};

/// The newest entries are kept in memory too, so that they are not read back from the disk.
const TAIL_ENTRIES_MAX: usize = 512;
/// The most bytes of entries that are read for one frame.
const READ_BYTES_MAX: usize = 160 << 10;

/// What a disk keeps beside the entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The vote, as it was given.
    pub vote: Option<Vec<u8>>,
    /// What was given with the last purge.
    pub purged: Option<Vec<u8>>,
    /// The last entry.
    pub last: Option<Vec<u8>>,
    /// Up to where entries were known to be agreed on.
    pub committed: Option<Vec<u8>>,
}

/// The log and the vote on a disk. All of it has to survive a loss of power when a method returns.
/// An error is a sentence for the operator; nothing was changed then.
pub trait Disk: Send + Sync + 'static {
    /// What is there.
    ///
    /// # Errors
    /// The disk's.
    fn kept(&self) -> Result<Kept, String>;

    /// Entries from `from` on and before `to`, in order; at least the first one that is there, and
    /// then no more than come to `bytes_max`.
    ///
    /// # Errors
    /// The disk's.
    fn entries(&self, from: u64, to: u64, bytes_max: usize) -> Result<Vec<Vec<u8>>, String>;

    /// Adds entries, each with its index.
    ///
    /// # Errors
    /// The disk's.
    fn append(&self, entries: &[(u64, Vec<u8>)]) -> Result<(), String>;

    /// Takes away the entries from `from` on.
    ///
    /// # Errors
    /// The disk's.
    fn truncate(&self, from: u64) -> Result<(), String>;

    /// Takes away the entries up to `to`, and that one too; `mark` is given back by [`Kept`].
    ///
    /// # Errors
    /// The disk's.
    fn purge(&self, to: u64, mark: &[u8]) -> Result<(), String>;

    /// Writes the vote down.
    ///
    /// # Errors
    /// The disk's.
    fn vote(&self, vote: &[u8]) -> Result<(), String>;

    /// Writes down up to where entries are agreed on. This has to survive the death of the
    /// process only.
    ///
    /// # Errors
    /// The disk's.
    fn committed(&self, committed: &[u8]) -> Result<(), String>;
}

/// The log, for openraft and for those that send it.
#[derive(Clone)]
pub(super) struct Log {
    disk: Arc<dyn Disk>,
    tail: Shared<VecDeque<RaftEntry>>,
    /// What was carried out, and is on the disk.
    progress: watch::Receiver<Progress>,
    /// What the disk said when it last failed.
    trouble: Shared<Option<String>>,
    halt: Arc<Halt>,
}

impl Log {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        progress: watch::Receiver<Progress>,
        trouble: Shared<Option<String>>,
        halt: Arc<Halt>,
    ) -> Self {
        Self { disk, tail: Shared::default(), progress, trouble, halt }
    }

    /// openraft takes away the entries that a snapshot stands for while that is still being written
    /// down. A kill between would leave neither, and a node that never begins again.
    async fn is_carried_out(&self, id: Id) -> Result<(), Failure> {
        let mut progress = self.progress.clone();
        let there = |progress: &Progress| progress.failed || progress.applied >= Some(id);
        match progress.wait_for(there).await {
            Ok(progress) if progress.applied >= Some(id) => Ok(()),
            Ok(_) | Err(_) => Err(failure("what the log goes on from was not written down")),
        }
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Disk) -> Result<T, String> + Send + 'static,
    ) -> Result<T, Failure> {
        let disk = Arc::clone(&self.disk);
        blocking(move || work(&*disk)).await.map_err(|sentence| {
            *lock(&self.trouble) = Some(sentence.clone());
            failure(sentence)
        })
    }

    /// Entries of the tail, if all that is wanted begins there.
    fn newest(&self, from: u64, to: u64) -> Option<Vec<RaftEntry>> {
        let tail = lock(&self.tail);
        let first = tail.front()?.log_id.index;
        if from < first {
            return None;
        }
        let skip = usize::try_from(from - first).ok()?;
        let wanted = tail.iter().skip(skip).take_while(|entry| entry.log_id.index < to);
        Some(wanted.cloned().collect())
    }

    async fn read(&self, from: u64, to: u64, bytes: usize) -> Result<Vec<RaftEntry>, Failure> {
        if let Some(newest) = self.newest(from, to) {
            return Ok(newest);
        }
        self.ask(move |disk| {
            let entries = disk.entries(from, to, bytes)?;
            entries.iter().map(|entry| unpack(entry)).collect()
        })
        .await
    }
}

impl RaftLogReader<Types> for Log {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<RaftEntry>, Failure> {
        let from = match range.start_bound() {
            Bound::Included(from) => *from,
            Bound::Excluded(from) => from.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let to = match range.end_bound() {
            Bound::Included(to) => to.saturating_add(1),
            Bound::Excluded(to) => *to,
            Bound::Unbounded => u64::MAX,
        };
        self.read(from, to, usize::MAX).await
    }

    async fn limited_get_log_entries(
        &mut self,
        start: u64,
        end: u64,
    ) -> Result<Vec<RaftEntry>, Failure> {
        let mut entries = self.read(start, end, READ_BYTES_MAX).await?;
        let mut bytes = 0;
        let fit = entries.iter().take_while(|entry| {
            let before = bytes;
            bytes += weight(entry);
            before == 0 || bytes <= READ_BYTES_MAX
        });
        let fit = fit.count();
        entries.truncate(fit);
        Ok(entries)
    }
}

/// About how long an entry is when it is written.
fn weight(entry: &RaftEntry) -> usize {
    let motions = super::types::carried(entry)
        .map_or(0, |carried| carried.motions.iter().map(|motion: &Bytes| motion.len() + 8).sum());
    motions + 64
}

impl RaftLogStorage<Types> for Log {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, Failure> {
        let (purged, last) = self
            .ask(|disk| {
                let kept = disk.kept()?;
                let purged: Option<Id> = kept.purged.map(|bytes| unpack(&bytes)).transpose()?;
                let last: Option<RaftEntry> = kept.last.map(|bytes| unpack(&bytes)).transpose()?;
                Ok((purged, last.map(|entry| entry.log_id)))
            })
            .await?;
        Ok(LogState { last_purged_log_id: purged, last_log_id: last.or(purged) })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &RaftVote) -> Result<(), Failure> {
        let bytes = pack(vote).map_err(failure)?;
        self.ask(move |disk| disk.vote(&bytes)).await
    }

    async fn read_vote(&mut self) -> Result<Option<RaftVote>, Failure> {
        self.ask(|disk| disk.kept()?.vote.map(|bytes| unpack(&bytes)).transpose()).await
    }

    /// Entries take effect at the desk before their rows are written: whoever starts again first
    /// carries out all that was carried out before, also where it can't ask anybody.
    async fn save_committed(&mut self, committed: Option<Id>) -> Result<(), Failure> {
        let Some(committed) = committed else { return Ok(()) };
        let bytes = pack(&committed).map_err(failure)?;
        self.ask(move |disk| disk.committed(&bytes)).await
    }

    async fn read_committed(&mut self) -> Result<Option<Id>, Failure> {
        // Where it came to an end before, it would again.
        if self.halt.strange().is_some() {
            return Ok(None);
        }
        self.ask(|disk| disk.kept()?.committed.map(|bytes| unpack(&bytes)).transpose()).await
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<Types>) -> Result<(), Failure>
    where
        I: IntoIterator<Item = RaftEntry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<RaftEntry> = entries.into_iter().collect();
        let packed =
            entries.iter().map(|entry| pack(entry).map(|bytes| (entry.log_id.index, bytes)));
        let packed: Vec<(u64, Vec<u8>)> = packed.collect::<Result<_, _>>().map_err(failure)?;
        self.ask(move |disk| disk.append(&packed)).await?;
        {
            let mut tail = lock(&self.tail);
            let follows = tail.back().map(|last| last.log_id.index.saturating_add(1));
            if follows != entries.first().map(|first| first.log_id.index) {
                tail.clear();
            }
            tail.extend(entries);
            let surplus = tail.len().saturating_sub(TAIL_ENTRIES_MAX);
            tail.drain(..surplus);
        }
        callback.log_io_completed(Ok(()));
        Ok(())
    }

    async fn truncate(&mut self, log_id: Id) -> Result<(), Failure> {
        lock(&self.tail).clear();
        self.ask(move |disk| disk.truncate(log_id.index)).await
    }

    async fn purge(&mut self, log_id: Id) -> Result<(), Failure> {
        let mark = pack(&log_id).map_err(failure)?;
        self.is_carried_out(log_id).await?;
        {
            let mut tail = lock(&self.tail);
            while tail.front().is_some_and(|entry| entry.log_id.index <= log_id.index) {
                tail.pop_front();
            }
        }
        self.ask(move |disk| disk.purge(log_id.index, &mark)).await
    }
}
