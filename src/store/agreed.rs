//! The replicated log on the disk, and what was carried out of it.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::domain::{LedgerRow, MessageMotion, MessageReply, NodeId, SeenRow};
use crate::registry::{Change, Command};

use super::message_motion::message_motion;
use super::{Error, Store, locked, rights};

/// The log and the vote, as they are on the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogKept {
    /// The vote.
    pub vote: Option<Vec<u8>>,
    /// What was given with the last purge.
    pub purged: Option<Vec<u8>>,
    /// The last entry.
    pub last: Option<Vec<u8>>,
    /// Up to where entries were known to be agreed on.
    pub committed: Option<Vec<u8>>,
}

/// Up to where the log was carried out, as its keeper packs it.
pub type Mark = Vec<u8>;

/// What was agreed on, and is written down.
#[derive(Clone, Debug)]
pub enum Enacted {
    /// A command of the registry, and what it comes to.
    Registry {
        /// Its number in the registry's own log.
        index: u64,
        /// When it was asked for, milliseconds since 1970.
        at_ms: i64,
        /// What.
        command: Command,
        /// The rows that change.
        changes: Vec<Change>,
    },
    /// Rows of the ledger as they stand now.
    Ledger(Vec<LedgerRow>),
    /// Something about messages.
    Message(Box<MessageMotion>),
    /// Which motions of a node were carried out.
    Seen(SeenRow),
}

pub(super) fn state(connection: &Connection, key: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT value FROM raft_state WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()
}

pub(super) fn set_state(connection: &Connection, key: &str, value: &[u8]) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO raft_state (key, value) VALUES (?1, ?2)")?
        .execute(params![key, value])
        .map(|_| ())
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Store {
    /// What is kept of the replicated log beside its entries.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn log_kept(&self) -> Result<LogKept, Error> {
        let ledger = locked(&self.ledger);
        let read = || {
            let last = "SELECT entry FROM raft_log ORDER BY idx DESC LIMIT 1";
            Ok(LogKept {
                vote: state(&ledger, "vote")?,
                purged: state(&ledger, "purged")?,
                last: ledger.query_row(last, [], |row| row.get(0)).optional()?,
                committed: state(&ledger, "committed")?,
            })
        };
        read().map_err(|error| self.ledger_error(&error))
    }

    /// Entries of the replicated log from `from` on and before `to`; the first, and then no more
    /// than come to `bytes_max`.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn log_entries(&self, from: u64, to: u64, bytes_max: usize) -> Result<Vec<Vec<u8>>, Error> {
        let ledger = locked(&self.ledger);
        let read = || {
            let mut rows = ledger.prepare_cached(
                "SELECT entry FROM raft_log WHERE idx >= ?1 AND idx < ?2 ORDER BY idx",
            )?;
            let mut rows = rows.query(params![signed(from), signed(to)])?;
            let (mut entries, mut bytes) = (Vec::new(), 0);
            while let Some(row) = rows.next()? {
                let entry: Vec<u8> = row.get(0)?;
                bytes += entry.len();
                if bytes > bytes_max && !entries.is_empty() {
                    break;
                }
                entries.push(entry);
            }
            Ok(entries)
        };
        read().map_err(|error| self.ledger_error(&error))
    }

    /// Adds entries to the replicated log, for good.
    ///
    /// # Errors
    /// The disk's. Nothing was changed.
    pub fn log_append(&self, entries: &[(u64, Vec<u8>)]) -> Result<(), Error> {
        self.for_good(|transaction| {
            let mut insert = transaction
                .prepare_cached("INSERT OR REPLACE INTO raft_log (idx, entry) VALUES (?1, ?2)")?;
            for (index, entry) in entries {
                insert.execute(params![signed(*index), entry])?;
            }
            Ok(())
        })
    }

    /// Takes the entries from `from` on out of the replicated log.
    ///
    /// # Errors
    /// The disk's. Nothing was changed.
    pub fn log_truncate(&self, from: u64) -> Result<(), Error> {
        self.for_good(|transaction| {
            transaction.execute("DELETE FROM raft_log WHERE idx >= ?1", [signed(from)]).map(|_| ())
        })
    }

    /// Takes the entries up to `to` out of the replicated log.
    ///
    /// # Errors
    /// The disk's. Nothing was changed.
    pub fn log_purge(&self, to: u64, mark: &[u8]) -> Result<(), Error> {
        self.for_good(|transaction| {
            transaction.execute("DELETE FROM raft_log WHERE idx <= ?1", [signed(to)])?;
            set_state(transaction, "purged", mark)
        })
    }

    /// Writes this node's vote down, for good.
    ///
    /// # Errors
    /// The disk's. Nothing was changed.
    pub fn log_vote(&self, vote: &[u8]) -> Result<(), Error> {
        self.for_good(|transaction| set_state(transaction, "vote", vote))
    }

    /// Writes down up to where entries are agreed on. It survives the death of the process.
    ///
    /// # Errors
    /// The disk's. Nothing was changed.
    pub fn log_committed(&self, committed: &[u8]) -> Result<(), Error> {
        let ledger = locked(&self.ledger);
        self.set_synchronous(&ledger, "NORMAL")?;
        let written = set_state(&ledger, "committed", committed);
        self.set_synchronous(&ledger, "FULL")?;
        written.map_err(|error| self.ledger_error(&error))
    }

    /// The mark that was written with what was last carried out.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn mark(&self) -> Result<Option<Vec<u8>>, Error> {
        state(&locked(&self.ledger), "mark").map_err(|error| self.ledger_error(&error))
    }

    /// Writes down what was agreed on, with the mark, all or nothing; gives what came of what was
    /// about messages, in order. `own`: whose store this is. It survives the death of the process;
    /// after a loss of power the log has it, and it is carried out again.
    ///
    /// # Errors
    /// [`Error::OutOfOrder`] when a number does not follow; the disk's. Nothing was changed.
    pub fn enact(
        &self,
        own: NodeId,
        all: &[Enacted],
        mark: &[u8],
    ) -> Result<Vec<MessageReply>, Error> {
        let mut ledger = locked(&self.ledger);
        self.set_synchronous(&ledger, "NORMAL")?;
        let written = self.write_enacted(&mut ledger, own, all, mark);
        // Everything else in this file is on the disk before it is answered.
        self.set_synchronous(&ledger, "FULL")?;
        written
    }

    fn set_synchronous(&self, ledger: &Connection, level: &str) -> Result<(), Error> {
        ledger.pragma_update(None, "synchronous", level).map_err(|error| self.ledger_error(&error))
    }

    fn write_enacted(
        &self,
        ledger: &mut Connection,
        own: NodeId,
        all: &[Enacted],
        mark: &[u8],
    ) -> Result<Vec<MessageReply>, Error> {
        let wrong = |error: rusqlite::Error| self.ledger_error(&error);
        let transaction = ledger.transaction().map_err(wrong)?;
        let mut replies = Vec::new();
        for enacted in all {
            match enacted {
                Enacted::Registry { index, at_ms, command, changes } => {
                    self.write_command(&transaction, (*index, *at_ms), command, changes)?;
                }
                Enacted::Ledger(rows) => {
                    for row in rows {
                        rights::write(&transaction, row).map_err(wrong)?;
                    }
                }
                Enacted::Message(motion) => {
                    replies.push(message_motion(&transaction, own, motion).map_err(wrong)?);
                }
                Enacted::Seen(row) => rights::write_seen(&transaction, row).map_err(wrong)?,
            }
        }
        set_state(&transaction, "mark", mark).map_err(wrong)?;
        transaction.commit().map_err(wrong)?;
        Ok(replies)
    }

    fn for_good(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), Error> {
        let mut ledger = locked(&self.ledger);
        let done = || {
            let transaction = ledger.transaction()?;
            work(&transaction)?;
            transaction.commit()
        };
        done().map_err(|error| self.ledger_error(&error))
    }
}
