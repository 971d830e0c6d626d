//! Writing behind: calls and their history go to the disk after the answers, in batches.
//!
//! The rows that wait are not queued here but stand in the table itself, each at most once. A full
//! disk therefore costs nothing but the batch in hand, which is tried again until it is written.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use crate::sessions::RowChange;

use super::{Error, Health, HistoryEntry, Keep, Wall, sessions};

/// Gives the next rows to be written, at most so many.
pub type RowSource = Box<dyn FnMut(usize) -> Vec<RowChange> + Send>;

/// How long rows are gathered before they are written.
const GATHER: Duration = Duration::from_millis(5);
/// The most rows of one transaction, and of one turn at the desk's lock.
const ROWS_MAX: usize = 1000;
/// How long to wait after a failure.
const AGAIN: Duration = Duration::from_secs(1);
/// The most history entries that wait; beyond it the oldest is dropped and counted.
const HISTORY_MAX: usize = 10_000;
/// After how many history entries the old ones are forgotten.
const FORGET_EVERY: usize = 2_000;

/// What is wrong when the thread is gone.
const DEAD: &str =
    "the writing thread ended in a panic, which is a mistake in hallporter: restart the daemon";

/// The way to the writing thread.
pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<usize>>>,
}

struct Shared {
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Default)]
struct State {
    wake: bool,
    stop: bool,
    history: VecDeque<HistoryEntry>,
    health: Health,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    pub(super) fn new() -> Self {
        let shared = Shared { state: Mutex::new(State::default()), bell: Condvar::new() };
        Self { shared: Arc::new(shared), thread: Mutex::new(None) }
    }

    /// Starts the thread.
    pub(super) fn start(
        &self,
        path: PathBuf,
        connection: Connection,
        keep: Keep,
        wall: Wall,
        rows: RowSource,
    ) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        let work = Work {
            shared,
            path,
            connection,
            keep,
            wall,
            rows,
            batch: Vec::new(),
            entries: Vec::new(),
            remembered: 0,
        };
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                let watch = Watch(Arc::clone(&work.shared));
                let left = work.run();
                std::mem::forget(watch);
                left
            })
            .map_err(Error::Thread)?;
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }

    pub(super) fn wake(&self) {
        let mut state = self.shared.state();
        if !state.wake {
            state.wake = true;
            self.shared.bell.notify_one();
        }
    }

    pub(super) fn remember(&self, entry: HistoryEntry) {
        let mut state = self.shared.state();
        if state.history.len() >= HISTORY_MAX {
            state.history.pop_front();
            state.health.history_dropped += 1;
        }
        state.history.push_back(entry);
        state.wake = true;
        self.shared.bell.notify_one();
    }

    pub(super) fn health(&self) -> Health {
        self.shared.state().health.clone()
    }

    /// Writes what is left and ends the thread; says how many rows could not be written.
    pub(super) fn stop(&self) -> usize {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.shared.state().stop = true;
        self.shared.bell.notify_one();
        thread.and_then(|thread| thread.join().ok()).unwrap_or(0)
    }
}

/// Tells of a thread that ended by a panic: nothing would be written any more, and nobody know it.
struct Watch(Arc<Shared>);

impl Drop for Watch {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.health.failures += 1;
        state.health.failing_since_ms.get_or_insert(0);
        state.health.last_error = Some(DEAD.to_owned());
        tracing::error!(error = DEAD, "calls can't be written down");
    }
}

struct Work {
    shared: Arc<Shared>,
    path: PathBuf,
    connection: Connection,
    keep: Keep,
    wall: Wall,
    rows: RowSource,
    /// What is in hand until it is written.
    batch: Vec<RowChange>,
    entries: Vec<HistoryEntry>,
    remembered: usize,
}

impl Work {
    fn run(mut self) -> usize {
        loop {
            let stop = self.wait();
            loop {
                if self.batch.is_empty() {
                    self.batch = (self.rows)(ROWS_MAX);
                }
                if self.entries.is_empty() {
                    let mut state = self.shared.state();
                    let count = state.history.len().min(ROWS_MAX);
                    self.entries.extend(state.history.drain(..count));
                }
                if self.batch.is_empty() && self.entries.is_empty() {
                    break;
                }
                let written = self.write();
                let failed = written.is_err();
                self.note(written);
                if failed && stop {
                    return self.batch.len() + (self.rows)(usize::MAX).len();
                }
                if failed {
                    self.rest(AGAIN);
                    break;
                }
            }
            if stop {
                let _ = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
                return 0;
            }
        }
    }

    /// Waits for work, then a moment for more of it; says whether to stop.
    fn wait(&self) -> bool {
        let mut state = self.shared.state();
        while !state.wake && !state.stop && self.batch.is_empty() && self.entries.is_empty() {
            state = self.shared.bell.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.wake = false;
        let stop = state.stop;
        drop(state);
        if !stop {
            self.rest(GATHER);
        }
        stop
    }

    /// Rests, but not when asked to stop.
    fn rest(&self, time: Duration) {
        let state = self.shared.state();
        let stopping = self.shared.bell.wait_timeout_while(state, time, |state| !state.stop);
        drop(stopping);
    }

    fn write(&mut self) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        for change in &self.batch {
            sessions::write(&transaction, change)?;
        }
        for entry in &self.entries {
            sessions::remember(&transaction, entry)?;
        }
        let mut remembered = self.remembered + self.entries.len();
        if remembered >= FORGET_EVERY {
            remembered = 0;
            let kept_ms = i64::try_from(self.keep.for_.as_millis()).unwrap_or(i64::MAX);
            sessions::forget(
                &transaction,
                self.keep.entries,
                (self.wall)().saturating_sub(kept_ms),
            )?;
        }
        transaction.commit()?;
        self.remembered = remembered;
        self.batch.clear();
        self.entries.clear();
        Ok(())
    }

    /// Tells of a change for the worse or the better, once.
    fn note(&self, written: rusqlite::Result<()>) {
        let now_ms = (self.wall)();
        let mut state = self.shared.state();
        let health = &mut state.health;
        health.rows_waiting = self.batch.len();
        match written {
            Ok(()) => {
                if health.last_error.take().is_some() {
                    tracing::info!("calls are written down again");
                }
                health.failing_since_ms = None;
            }
            Err(error) => {
                let sentence = Error::of(&self.path, &error).to_string();
                if health.last_error.is_none() {
                    tracing::error!(
                        error = sentence,
                        "calls can't be written down; trying again every second"
                    );
                    health.failing_since_ms = Some(now_ms);
                }
                health.last_error = Some(sentence);
                health.failures += 1;
            }
        }
    }
}
