//! The keeper of the files: deposits while they are recorded, uploads, and what is kept.
//!
//! ```text
//! ROOT/deposits/MESSAGE/card.json         who leaves it, and its parts: written before anything is recorded
//! ROOT/deposits/MESSAGE/NUMBER.wav|mkv    written by FreeSWITCH, or an upload that was accepted
//! ROOT/deposits/broken-MESSAGE/           its card can't be read: for a person to look at
//! ROOT/uploads/MESSAGE.part|json          an upload on its way
//! ROOT/files/XX/CONTENT                   what is kept, by its SHA-256; XX its first two digits
//! ```
//!
//! FreeSWITCH runs as another user and writes below `deposits` while we read, and plays from
//! `files`: directories are 2770 (what is made in them has their group), files 0640. Give the
//! root the group of FreeSWITCH, be a member of it, and leave FreeSWITCH a umask that lets the
//! group read (0027).
//!
//! All of it blocks: call it from a thread that may. Everything may be called again after a crash
//! at whatever point; a success means that it is on the disk for good. Calls about one deposit
//! come one after the other, calls about different ones from as many threads as one likes.

mod content;
mod copied;
mod deposit;
mod disk;
mod ebml;
mod error;
mod film;
mod join;
mod keep;
mod kind;
mod look;
mod mp4;
mod place;
mod sweep;
mod tools;
mod upload;
mod wav;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use copied::{Copying, Pinned};
pub use deposit::Orphan;
pub use ebml::{Reel, read_matroska};
pub use error::Error;
pub use keep::Kept;
pub use kind::{KIND_BYTES, Kind};
pub use mp4::read_mp4;
pub use sweep::Swept;
pub use tools::Tools;
pub use upload::{Progress, Upload, UploadError, UploadLimits};
pub use wav::{Wav, WavFormat, read_wav};

use place::Place;

use crate::domain::ContentId;

/// The directory with everything that was recorded.
#[derive(Debug)]
pub struct Spool {
    place: Place,
    tools: Tools,
    /// Held while a kept file gets its name or loses it, so that none is swept away that somebody
    /// is just about to refer to.
    naming: Mutex<()>,
    referring: Mutex<()>,
    /// What is about to be referred to, and how often.
    pinned: Mutex<BTreeMap<ContentId, usize>>,
    passed: AtomicU64,
}

impl Spool {
    /// Opens the spool at `root`, makes what is missing, and tries whether it can be written.
    ///
    /// # Errors
    /// [`Error::Root`].
    pub fn open(root: &Path, tools: Tools) -> Result<Self, Error> {
        let wrong = |cause| Error::Root { path: root.to_owned(), cause };
        // A relative path would mean something else to FreeSWITCH.
        let root = std::path::absolute(root).map_err(wrong)?;
        let place = Place::new(&root);
        let (naming, referring) = (Mutex::default(), Mutex::default());
        let pinned = Mutex::default();
        let spool = Self { place, tools, naming, referring, pinned, passed: AtomicU64::default() };
        spool.prepare().map_err(wrong)?;
        Ok(spool)
    }

    /// To be held by whoever writes down that kept files are not referred to any more, and then
    /// deletes them. Who writes down that they are has them pinned ([`Spool::pin`]) meanwhile.
    pub fn referring(&self) -> MutexGuard<'_, ()> {
        self.referring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn prepare(&self) -> io::Result<()> {
        let root = self.place.root();
        if let Some(above) = root.parent() {
            std::fs::create_dir_all(above)?;
        }
        disk::make_directory(root)?;
        for directory in [self.place.deposits(), self.place.files(), self.place.uploads()] {
            disk::make_directory(&directory)?;
            let probe = directory.join("probe.tmp");
            disk::write_whole(&probe, b"hallporter was here")?;
            disk::remove_file(&probe)?;
        }
        disk::sync_directory(root)
    }

    /// The number of the next file in passing.
    fn pass(&self) -> u64 {
        self.passed.fetch_add(1, Ordering::Relaxed)
    }
}
