//! What can go wrong with the files.

use std::io;
use std::path::{Path, PathBuf};

use crate::domain::ContentId;

/// Why a file could not be written, read or kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no room.
    #[error(
        "the disk with {path} is full: free some room; what was recorded stays in the spool and is delivered later"
    )]
    Full {
        /// The file or directory.
        path: PathBuf,
    },
    /// The medium fails, or somebody else's hands were in it.
    #[error(
        "{path} can't be read or written ({cause}): look into the system's log (`dmesg`), and who owns the spool"
    )]
    Medium {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// A greeting that can't be played.
    #[error("this is no sound that can be played on a telephone ({cause}): send a wav file")]
    NotAudio {
        /// What was wrong.
        cause: String,
    },
    /// A file is not there.
    #[error("the file {content} is not in the spool: it was deleted, or a copy is incomplete")]
    NotThere {
        /// Its name.
        content: ContentId,
    },
    /// A copy that is none.
    #[error("a copy of the file {content} does not hold what it should, and was thrown away")]
    Spoiled {
        /// Its name.
        content: ContentId,
    },
    /// The spool can't be used at all.
    #[error(
        "the spool {path} can't be used ({cause}): it must exist or be creatable, and be writable for the daemon's user (and for FreeSWITCH by its group: chgrp, chmod 2770)"
    )]
    Root {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
}

impl Error {
    /// What an error about `path` means for an operator.
    #[expect(clippy::wildcard_enum_match_arm, reason = "what else the system says is shown")]
    pub(super) fn of(path: &Path, cause: io::Error) -> Self {
        let path = path.to_owned();
        match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            _ => Self::Medium { path, cause },
        }
    }
}

/// Puts a path to an error of the system.
pub(super) trait At<T> {
    fn at(self, path: &Path) -> Result<T, Error>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T, Error> {
        self.map_err(|cause| Error::of(path, cause))
    }
}
