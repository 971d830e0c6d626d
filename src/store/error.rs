//! What can go wrong with the disk.

use std::path::{Path, PathBuf};

use crate::domain::BOOT_MAX;

/// Why something could not be read or written down.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A database file is damaged, or none.
    #[error("{path} is damaged or not hallporter's ({cause}): {remedy}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        cause: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The data directory can't be used.
    #[error(
        "the data directory {path} can't be used ({cause}): it must exist or be creatable, and belong to the daemon's user"
    )]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// There is no room.
    #[error(
        "the disk with {path} is full: free some room; calls are still decided, but nothing can be written down"
    )]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// Another program holds a database.
    #[error(
        "{path} is locked by another program ({cause}): close what else has it open (sqlite3, a backup) and try again"
    )]
    Held {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        cause: String,
    },
    /// Another daemon works on the same data.
    #[error(
        "another daemon (process {pid}) works on {path}: stop it, or give this one a data_dir of its own"
    )]
    InUse {
        /// The directory.
        path: PathBuf,
        /// Its process, as it said itself.
        pid: String,
    },
    /// The medium fails, or a quota is used up.
    #[error(
        "{path} can't be read or written ({cause}): look into the system's log (`dmesg`) for a failing disk, and whether a quota is used up"
    )]
    Medium {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        cause: String,
    },
    /// The registry is gone, but calls have been here.
    #[error(
        "{path} is missing or empty, though calls were counted here before: restore it from a copy, or remove session.db as well to begin with no accounts"
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// It has been started too often.
    #[error(
        "this node was started {BOOT_MAX} times, and the numbers of its calls would come again: start it with an empty data_dir, in a cluster as a new node"
    )]
    WornOut,
    /// A newer version has been here.
    #[error(
        "{path} was written by a newer hallporter (format {found}, this one knows {known}): start that version, or restore a copy from before the upgrade"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest format known.
        known: i64,
    },
    /// The log skips or repeats a number.
    #[error(
        "the log of {path} ends at {last}, and {given} does not follow: restart the daemon; if it says so again, restore ledger.db from a copy"
    )]
    OutOfOrder {
        /// The file.
        path: PathBuf,
        /// The last number.
        last: u64,
        /// The one that should be written.
        given: u64,
    },
    /// It can't be written to.
    #[error(
        "{path} can't be written ({cause}): is the disk mounted read-only, or does the file belong to somebody else?"
    )]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        cause: String,
    },
    /// The writing thread could not be started.
    #[error(
        "the system gives no thread for writing ({0}): raise the limit of processes (ulimit -u)"
    )]
    Thread(std::io::Error),
    /// Anything else that SQLite says.
    #[error("{path}: {cause}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        cause: String,
    },
}

impl Error {
    /// What an error of SQLite about `path` means for an operator.
    pub(super) fn of(path: &Path, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let (path, cause) = (path.to_owned(), error.to_string());
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                let remedy = remedy(&path);
                Self::Damaged { path, cause, remedy }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Held { path, cause },
            Some(ErrorCode::SystemIoFailure) => Self::Medium { path, cause },
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                Self::ReadOnly { path, cause }
            }
            _ => Self::Sqlite { path, cause },
        }
    }

    pub(super) fn damaged(path: &Path, cause: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), cause: cause.into(), remedy: remedy(path) }
    }
}

fn remedy(path: &Path) -> &'static str {
    if path.ends_with("session.db") {
        "stop the daemon and move it away with its -wal and -shm; the calls that are up are found \
         again at the proxies"
    } else {
        "stop the daemon and restore it from a copy, with no -wal and -shm beside it; accounts, \
         numbers, devices, mailboxes and the list of messages are in it"
    }
}
