//! SQLite: what survives.
//!
//! `ledger.db` has the registry and its log, messages (their files lie in the spool), and the outbox
//! of notices; a change is on the disk before it is answered (`synchronous=FULL`). `session.db` has
//! the calls and what was decided about them; it is written behind the answers
//! (`synchronous=NORMAL`) and never on the way to a decision.

mod agreed;
mod copies;
mod entry;
mod entry_read;
mod error;
mod file;
mod history;
mod holders;
mod mailroom;
mod message_motion;
mod messages;
mod outbox;
mod registry;
mod rights;
mod sessions;
mod whole;
mod writer;

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, params};

use crate::desk::Ended;
use crate::domain::{AccountKey, BOOT_MAX, CallRef, Decision};
use crate::registry::{Change, Command};
use crate::sessions::SessionRow;

use file::{Formats, Synchronous};
use registry::ReadError;
use writer::Writer;

pub use agreed::{Enacted, LogKept, Mark};
pub use copies::Copied;
pub use error::Error;
pub use messages::{MailboxUse, MessageFilter};
pub use outbox::NoticeCounts;
pub use whole::{Arriving, Whole};
pub use writer::{CopySource, RowSource};

/// `HpLe` and `HpSe` as big-endian numbers, so that `file` shows them too.
const LEDGER_FORMATS: Formats = Formats {
    id: 0x4870_4c65,
    steps: &[
        include_str!("schema/ledger_1.sql"),
        include_str!("schema/ledger_2.sql"),
        include_str!("schema/ledger_3.sql"),
        include_str!("schema/ledger_4.sql"),
        include_str!("schema/ledger_5.sql"),
        include_str!("schema/ledger_6.sql"),
        include_str!("schema/ledger_7.sql"),
        include_str!("schema/ledger_8.sql"),
        include_str!("schema/ledger_9.sql"),
        include_str!("schema/ledger_10.sql"),
        include_str!("schema/ledger_11.sql"),
    ],
};
const SESSION_FORMATS: Formats = Formats {
    id: 0x4870_5365,
    steps: &[
        include_str!("schema/session_1.sql"),
        include_str!("schema/session_2.sql"),
        include_str!("schema/session_3.sql"),
        include_str!("schema/session_4.sql"),
    ],
};

/// Tells the wall clock, milliseconds since 1970: the store reads none itself.
pub type Wall = Arc<dyn Fn() -> i64 + Send + Sync>;

/// How much history is kept.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// How many entries.
    pub entries: usize,
    /// For how long.
    pub for_: Duration,
}

/// One thing that happened to a call, for `why`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The SIP Call-ID.
    pub call_id: String,
    /// Our number of the call, if it had one.
    pub call: Option<CallRef>,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// What kind of thing.
    pub kind: String,
    /// The rest.
    pub data: serde_json::Value,
}

/// How the writing thread is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Rows in hand that could not be written yet.
    pub rows_waiting: usize,
    /// What is wrong, in a sentence.
    pub last_error: Option<String>,
    /// Since when, milliseconds since 1970.
    pub failing_since_ms: Option<i64>,
    /// Failed tries since the start.
    pub failures: u64,
    /// History entries that were dropped because too many waited.
    pub history_dropped: u64,
}

/// The databases of one node, locked against others.
pub struct Store {
    ledger: Mutex<Connection>,
    ledger_path: PathBuf,
    reader: Mutex<Connection>,
    session_path: PathBuf,
    /// Handed to the writing thread when it starts.
    session: Mutex<Option<Connection>>,
    writer: Writer,
    keep: Keep,
    wall: Wall,
    /// Held until the process ends; the system frees it even after a kill.
    _lock: File,
}

impl Store {
    /// Opens the databases in `data_dir` and makes what is missing. The number is that of this
    /// start: one more than at the last one, and on the disk already.
    ///
    /// # Errors
    /// See [`Error`]: another daemon is there, a file is damaged or too new, the disk is full or
    /// can't be written.
    pub fn open(data_dir: &Path, keep: Keep, wall: Wall) -> Result<(Self, u32), Error> {
        let unusable = |cause| Error::Directory { path: data_dir.to_owned(), cause };
        DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(unusable)?;
        let lock = lock(data_dir)?;
        let ledger_path = data_dir.join("ledger.db");
        let session_path = data_dir.join("session.db");
        if is_empty(&ledger_path) && !is_empty(&session_path) {
            return Err(Error::Missing { path: ledger_path });
        }
        let ledger = file::open(&ledger_path, Synchronous::Full, LEDGER_FORMATS)?;
        let session = file::open(&session_path, Synchronous::Normal, SESSION_FORMATS)?;
        let wrong = |error: rusqlite::Error| Error::of(&ledger_path, &error);
        // An older copy of ledger.db must not make the numbers of calls begin anew.
        let seen =
            sessions::last_boot(&session).map_err(|error| Error::of(&session_path, &error))?;
        let boot = registry::meta(&ledger, "boot").map_err(wrong)?.max(seen) + 1;
        if boot > u64::from(BOOT_MAX) {
            return Err(Error::WornOut);
        }
        registry::set_meta(&ledger, "boot", boot).map_err(wrong)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(&session_path, flags)
            .map_err(|error| Error::of(&session_path, &error))?;
        let store = Self {
            ledger: Mutex::new(ledger),
            ledger_path,
            reader: Mutex::new(reader),
            session_path,
            session: Mutex::new(Some(session)),
            writer: Writer::new(),
            keep,
            wall,
            _lock: lock,
        };
        Ok((store, u32::try_from(boot).unwrap_or(u32::MAX)))
    }

    /// Reads the registry, accounts first; says up to which number of the log it goes.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a row that makes no sense.
    pub fn load_registry(&self, take: &mut dyn FnMut(Change)) -> Result<u64, Error> {
        let ledger = locked(&self.ledger);
        registry::read(&ledger, take).map_err(|error| match error {
            ReadError::Sqlite(error) => self.ledger_error(&error),
            ReadError::Row(sentence) => Error::damaged(&self.ledger_path, sentence),
        })?;
        registry::meta(&ledger, "applied").map_err(|error| self.ledger_error(&error))
    }

    /// The text of an account's rules as it was written; `None`: it has none.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn rule_text(&self, account: AccountKey) -> Result<Option<String>, Error> {
        registry::rule_text(&locked(&self.ledger), account)
            .map_err(|error| self.ledger_error(&error))
    }

    /// Reads the calls; says how many rows made no sense and were left out.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn load_sessions(&self, take: &mut dyn FnMut(SessionRow)) -> Result<u64, Error> {
        let reader = locked(&self.reader);
        sessions::read(&reader, take).map_err(|error| Error::of(&self.session_path, &error))
    }

    /// Writes a command into the log under `index`, with the rows that it comes to, for good.
    ///
    /// # Errors
    /// [`Error::OutOfOrder`] when the number does not follow; the disk's. Nothing was changed.
    pub fn commit(
        &self,
        index: u64,
        at_ms: i64,
        command: &Command,
        changes: &[Change],
    ) -> Result<(), Error> {
        let wrong = |error: rusqlite::Error| self.ledger_error(&error);
        let mut ledger = locked(&self.ledger);
        let transaction = ledger.transaction().map_err(wrong)?;
        self.write_command(&transaction, (index, at_ms), command, changes)?;
        transaction.commit().map_err(wrong)
    }

    fn write_command(
        &self,
        transaction: &Transaction<'_>,
        (index, at_ms): (u64, i64),
        command: &Command,
        changes: &[Change],
    ) -> Result<(), Error> {
        let wrong = |error: rusqlite::Error| self.ledger_error(&error);
        let last = registry::meta(transaction, "applied").map_err(wrong)?;
        if index != last + 1 {
            return Err(Error::OutOfOrder { path: self.ledger_path.clone(), last, given: index });
        }
        let text = serde_json::to_string(command)
            .map_err(|error| Error::damaged(&self.ledger_path, error.to_string()))?;
        registry::log(transaction, index, at_ms, &text).map_err(wrong)?;
        changes.iter().try_for_each(|change| registry::write(transaction, change)).map_err(wrong)
    }

    /// Writes down what an operator did, for good.
    ///
    /// # Errors
    /// The disk's.
    pub fn audit(&self, at_ms: i64, what: &str, json: &str) -> Result<(), Error> {
        locked(&self.ledger)
            .execute(
                "INSERT INTO audit (at_ms, what, json) VALUES (?1, ?2, ?3)",
                params![at_ms, what, json],
            )
            .map(|_| ())
            .map_err(|error| self.ledger_error(&error))
    }

    /// Starts writing the rows that `rows` gives.
    ///
    /// # Errors
    /// [`Error::Thread`]. A second start does nothing.
    pub fn write_rows_from(&self, rows: RowSource) -> Result<(), Error> {
        let Some(session) = locked(&self.session).take() else { return Ok(()) };
        let wall = Arc::clone(&self.wall);
        self.writer.start(self.session_path.clone(), session, self.keep, wall, rows)
    }

    /// Reads what was written down of other nodes.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn load_copies(&self) -> Result<Copied, Error> {
        copies::read(&locked(&self.reader)).map_err(|error| Error::of(&self.session_path, &error))
    }

    /// Writes down what `copies` gives of other nodes, too.
    pub fn write_copies_from(&self, copies: CopySource) {
        self.writer.copies_from(copies);
    }

    /// There are rows to write. Cheap: a lock and a flag.
    pub fn wake(&self) {
        self.writer.wake();
    }

    /// Other nodes have told something: it is written down within a second or so.
    pub fn wake_for_told(&self) {
        self.writer.wake_for_told();
    }

    /// Something is kept for other nodes, or no longer: it is written down at once.
    pub fn wake_for_kept(&self) {
        self.writer.wake_for_kept();
    }

    /// Writes down a decision, a little later. Cheap: a lock and a few hundred bytes.
    pub fn decided(&self, decision: &Decision) {
        self.writer.remember(|waiting| waiting.decided(decision));
    }

    /// Writes down the end of a call, a little later.
    pub fn ended(&self, ended: &Ended) {
        self.writer.remember(|waiting| waiting.ended(ended));
    }

    /// Writes down what else happened to a call, a little later. What is no JSON (a map with keys
    /// that are no strings) is not written.
    pub fn remember(
        &self,
        call_id: &str,
        call: Option<CallRef>,
        at_ms: i64,
        kind: &str,
        data: &impl serde::Serialize,
    ) {
        self.writer.remember(|waiting| waiting.other((call_id, call, at_ms), kind, data));
    }

    /// What is known of a call, by its Call-ID or our number of it, oldest first; at most the
    /// newest 200 entries. What waits to be written down is written first, if the disk takes it.
    ///
    /// # Errors
    /// The disk's.
    pub fn why(&self, key: &str) -> Result<Vec<HistoryEntry>, Error> {
        self.writer.flush();
        let reader = locked(&self.reader);
        history::why(&reader, key).map_err(|error| Error::of(&self.session_path, &error))
    }

    /// How the writing thread is.
    #[must_use]
    pub fn health(&self) -> Health {
        self.writer.health()
    }

    /// Writes what is left and stops; says how many rows could not be written.
    #[must_use]
    pub fn flush_and_stop(&self) -> usize {
        let left = self.writer.stop();
        // So that a copy of ledger.db alone is whole. If it fails, its -wal is as good.
        let _ = locked(&self.ledger).execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        left
    }

    fn ledger_error(&self, error: &rusqlite::Error) -> Error {
        Error::of(&self.ledger_path, error)
    }
}

/// A panic under one of these locks leaves the database as consistent as SQLite always does.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether there is nothing in a file, or no file.
fn is_empty(path: &Path) -> bool {
    path.metadata().map_or(true, |file| file.len() == 0)
}

/// Keeps other daemons out of the directory.
fn lock(data_dir: &Path) -> Result<File, Error> {
    let unusable = |cause: std::io::Error| {
        let path = data_dir.to_owned();
        let full = cause.kind() == std::io::ErrorKind::StorageFull;
        if full { Error::Full { path } } else { Error::Directory { path, cause } }
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(data_dir.join("lock"))
        .map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            let mut pid: String = pid.trim().chars().filter(char::is_ascii_digit).collect();
            if pid.is_empty() {
                // It has just begun and not said yet.
                "unknown".clone_into(&mut pid);
            }
            return Err(Error::InUse { path: data_dir.to_owned(), pid });
        }
        Err(TryLockError::Error(cause)) => return Err(unusable(cause)),
    }
    file.set_len(0).map_err(unusable)?;
    file.rewind().map_err(unusable)?;
    writeln!(file, "{}", std::process::id()).map_err(unusable)?;
    Ok(file)
}

#[cfg(test)]
mod tests;
