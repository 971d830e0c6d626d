//! Writing behind: calls and their history go to the disk after the answers, in batches.
//!
//! The rows that wait are not queued here but stand in the table itself, each at most once. A full
//! disk therefore costs nothing but the batch in hand, which is tried again until it is written.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use crate::cluster::Kept;
use crate::sessions::RowChange;

mod health;

use super::history::{self, Page, Waiting};
use super::{Error, Health, Keep, Wall, copies, locked, sessions};

/// Gives the next rows to be written, at most so many.
pub type RowSource = Box<dyn FnMut(usize) -> Vec<RowChange> + Send>;

/// Gives what is to be written next of other nodes, at most so much.
pub type CopySource = Box<dyn FnMut(usize) -> Vec<Kept> + Send>;

/// How long rows are gathered before they are written.
const GATHER: Duration = Duration::from_millis(5);
/// In how many turns of that what happened to calls is gathered, unless a page is full before.
const HISTORY_TURNS: u32 = 10;
/// In how many turns other nodes' rows are gathered: a second at least. Those nodes tell them again
/// after a start, and what comes and goes within a turn is never written.
const COPIES_TURNS: u32 = 200;
/// The most rows of one transaction.
const ROWS_MAX: usize = 500;
/// The most of other nodes' rows of one transaction.
const COPIES_MAX: usize = 5_000;
/// The most rows of one turn at the desk's lock: questions wait for as long.
const PORTION: usize = 50;
/// How long to wait after a failure.
const AGAIN: Duration = Duration::from_secs(1);
/// How long somebody who asks why waits for what is waiting.
const FLUSH_WITHIN: Duration = Duration::from_millis(500);
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

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    bell: Condvar,
    /// Rung for each call: whether `state.rows` stands already is seen without its lock.
    rows: AtomicBool,
    /// The same of what other nodes have told.
    told: AtomicBool,
    history: Mutex<Waiting>,
    copies: Mutex<Option<CopySource>>,
    flushed: Condvar,
}

#[derive(Default)]
struct State {
    /// There are rows.
    rows: bool,
    /// There is history.
    history: bool,
    /// There is a whole page of it.
    page: bool,
    /// Other nodes have told something.
    told: bool,
    /// Something is kept for other nodes, and waits for no turn.
    kept: bool,
    stop: bool,
    /// How often somebody asked for all to be written, and up to which of these it was.
    flush: u64,
    flushed: u64,
    health: Health,
}

impl State {
    fn in_haste(&self) -> bool {
        self.stop || self.flush > self.flushed
    }

    /// Whether there is something that is not gathered for long.
    fn is_due(&self) -> bool {
        self.rows || self.page || self.kept || self.in_haste()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { shared: Arc::default(), thread: Mutex::new(None) }
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
            copied: Vec::new(),
            pages: Vec::new(),
            history_turns: 0,
            copies_turns: 0,
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
        *locked(&self.thread) = Some(thread);
        Ok(())
    }

    pub(super) fn copies_from(&self, source: CopySource) {
        *locked(&self.shared.copies) = Some(source);
        self.wake_for_kept();
    }

    pub(super) fn wake_for_kept(&self) {
        self.shared.state().kept = true;
        self.shared.bell.notify_one();
    }

    pub(super) fn wake_for_told(&self) {
        if !self.shared.told.swap(true, Ordering::AcqRel) {
            self.shared.state().told = true;
            self.shared.bell.notify_one();
        }
    }

    pub(super) fn wake(&self) {
        if !self.shared.rows.swap(true, Ordering::AcqRel) {
            self.shared.state().rows = true;
            self.shared.bell.notify_one();
        }
    }

    /// Lets `add` add to what waits, and rings for the first entry and for a full page.
    pub(super) fn remember(&self, add: impl FnOnce(&mut Waiting)) {
        let (first, page) = {
            let mut waiting = locked(&self.shared.history);
            let before = (waiting.len(), waiting.is_due());
            add(&mut waiting);
            (before.0 == 0, !before.1 && waiting.is_due())
        };
        if first || page {
            let mut state = self.shared.state();
            state.history = true;
            state.page |= page;
            self.shared.bell.notify_one();
        }
    }

    /// Waits until all that is waiting now is written, but not for long.
    pub(super) fn flush(&self) {
        if locked(&self.thread).is_none() {
            return;
        }
        let mut state = self.shared.state();
        state.flush += 1;
        let wanted = state.flush;
        self.shared.bell.notify_one();
        let waits = |state: &mut State| state.flushed < wanted;
        drop(self.shared.flushed.wait_timeout_while(state, FLUSH_WITHIN, waits));
    }

    pub(super) fn health(&self) -> Health {
        let history_dropped = locked(&self.shared.history).dropped;
        Health { history_dropped, ..self.shared.state().health.clone() }
    }

    /// Writes what is left and ends the thread; says how many rows could not be written.
    pub(super) fn stop(&self) -> usize {
        let thread = locked(&self.thread).take();
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

/// What to do in one turn.
struct Turn {
    /// Whether history is to be written too.
    history: bool,
    /// Whether what other nodes have told is.
    copies: bool,
    stop: bool,
    /// Up to which wish all is written then.
    flush: u64,
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
    copied: Vec<Kept>,
    pages: Vec<Page>,
    /// How many turns have gone since history was written.
    history_turns: u32,
    /// The same of what other nodes have told.
    copies_turns: u32,
    remembered: usize,
}

impl Work {
    fn run(mut self) -> usize {
        loop {
            let turn = self.wait();
            loop {
                if self.batch.is_empty() {
                    self.fetch();
                }
                if self.pages.is_empty() && turn.history {
                    self.pages = locked(&self.shared.history).take();
                }
                if self.copied.is_empty()
                    && turn.copies
                    && let Some(source) = &mut *locked(&self.shared.copies)
                {
                    self.copied = source(COPIES_MAX);
                }
                if self.batch.is_empty() && self.pages.is_empty() && self.copied.is_empty() {
                    break self.flushed(turn.flush);
                }
                let written = self.write();
                let failed = written.is_err();
                let now_ms = (self.wall)();
                let mut state = self.shared.state();
                health::note(&mut state.health, self.batch.len(), written, &self.path, now_ms);
                drop(state);
                if failed && turn.stop {
                    return self.batch.len() + (self.rows)(usize::MAX).len();
                }
                if failed {
                    self.rest(AGAIN);
                    break;
                }
            }
            if turn.stop {
                let _ = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
                return 0;
            }
        }
    }

    /// Takes rows over. In the order of the calls' numbers, since each is then put behind the last
    /// one; what is about the same call stays in its order.
    fn fetch(&mut self) {
        while self.batch.len() < ROWS_MAX {
            let before = self.batch.len();
            self.batch.append(&mut (self.rows)(PORTION));
            if self.batch.len() < before + PORTION {
                break;
            }
        }
        self.batch.sort_by_key(|change| match change {
            RowChange::Put(row) => row.call,
            RowChange::Gone(call) => *call,
        });
    }

    /// Waits for work, then a moment for more of it; says what to do.
    fn wait(&mut self) -> Turn {
        let idle = self.batch.is_empty() && self.pages.is_empty() && self.copied.is_empty();
        let nothing = |state: &mut State| idle && !state.history && !state.told && !state.is_due();
        let state = self.shared.state();
        let state = self.shared.bell.wait_while(state, nothing);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        // Rows are waited for by a start after a kill; what happened to calls, by people; and what
        // other nodes have told, by nobody.
        while idle && !state.is_due() {
            let with_history = state.history;
            let turns = if with_history { HISTORY_TURNS } else { COPIES_TURNS };
            let same = |state: &mut State| !state.is_due() && state.history == with_history;
            let waited = self.shared.bell.wait_timeout_while(state, GATHER * turns, same);
            let patience;
            (state, patience) = waited.unwrap_or_else(PoisonError::into_inner);
            if patience.timed_out() {
                self.history_turns += turns;
                self.copies_turns += turns;
                break;
            }
        }
        let in_haste = |state: &mut State| !state.in_haste();
        let rested = self.shared.bell.wait_timeout_while(state, GATHER, in_haste);
        let (mut state, _) = rested.unwrap_or_else(PoisonError::into_inner);
        self.history_turns += 1;
        self.copies_turns += 1;
        let at_once = state.in_haste() || !idle;
        let history =
            at_once || state.page || (state.history && self.history_turns >= HISTORY_TURNS);
        if history {
            self.history_turns = 0;
            (state.history, state.page) = (false, false);
        }
        let copies = at_once || state.kept || (state.told && self.copies_turns >= COPIES_TURNS);
        if copies {
            self.copies_turns = 0;
            (state.told, state.kept) = (false, false);
            self.shared.told.store(false, Ordering::Release);
        }
        state.rows = false;
        self.shared.rows.store(false, Ordering::Release);
        Turn { history, copies, stop: state.stop, flush: state.flush }
    }

    fn flushed(&self, up_to: u64) {
        let mut state = self.shared.state();
        if state.flushed < up_to {
            state.flushed = up_to;
            self.shared.flushed.notify_all();
        }
    }

    /// Rests, but not when asked to stop.
    fn rest(&self, time: Duration) {
        let state = self.shared.state();
        let stopping = self.shared.bell.wait_timeout_while(state, time, |state| !state.stop);
        drop(stopping);
    }

    fn write(&mut self) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        sessions::write(&transaction, &self.batch)?;
        copies::write(&transaction, &self.copied)?;
        for page in &self.pages {
            history::write(&transaction, page)?;
        }
        let mut remembered = self.remembered + history::entries(&self.pages);
        if remembered >= FORGET_EVERY {
            remembered = 0;
            let kept_ms = i64::try_from(self.keep.for_.as_millis()).unwrap_or(i64::MAX);
            let before_ms = (self.wall)().saturating_sub(kept_ms);
            history::forget(&transaction, self.keep.entries, before_ms)?;
        }
        transaction.commit()?;
        self.remembered = remembered;
        self.batch.clear();
        self.copied.clear();
        locked(&self.shared.history).give_back(self.pages.drain(..));
        Ok(())
    }
}
