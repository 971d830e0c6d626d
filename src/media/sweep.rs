//! What nobody refers to any more.

use std::fs::{self, DirEntry, File};
use std::io;
use std::path::Path;
use std::sync::PoisonError;

use tracing::warn;

use crate::domain::ContentId;

use super::error::{At as _, Error};
use super::{Spool, disk};

/// How old a file has to be: whoever keeps one refers to it long before.
const AGE_MS: u64 = 24 * 60 * 60 * 1000;

/// What a sweep has removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Kept files that nothing referred to.
    pub files: u64,
    /// Uploads that nobody went on with, and files in passing that a crash has left.
    pub uploads: u64,
    /// Their size in bytes.
    pub bytes: u64,
}

impl Spool {
    /// Removes kept files that are older than a day and that nothing refers to, and uploads that
    /// nobody went on with for a day. `now_ms`: milliseconds since 1970. What has a name that is
    /// not ours stays.
    ///
    /// # Errors
    /// What the disk says about a directory; a file that can't be removed is logged and left.
    pub fn sweep(
        &self,
        now_ms: i64,
        referenced: &dyn Fn(ContentId) -> bool,
    ) -> Result<Swept, Error> {
        let mut swept = Swept::default();
        let files = self.place.files();
        for directory in entries(&files)? {
            if !directory.path().is_dir() {
                continue;
            }
            for entry in entries(&directory.path())? {
                let name = entry.file_name();
                let Some(name) = name.to_str() else { continue };
                // A second name of the same file is no second file.
                let (name, is_second) =
                    name.strip_suffix(".wav").map_or((name, false), |name| (name, true));
                let Some(content) = ContentId::parse(name) else { continue };
                let _naming = self.naming.lock().unwrap_or_else(PoisonError::into_inner);
                let bytes =
                    sweep_one(&entry, now_ms, || !self.is_pinned(content) && !referenced(content));
                if let Some(bytes) = bytes.filter(|_| !is_second) {
                    swept.files += 1;
                    swept.bytes += bytes;
                }
            }
        }
        let uploads = self.place.uploads();
        for entry in entries(&uploads)? {
            if let Some(bytes) = sweep_one(&entry, now_ms, || is_idle(&entry.path())) {
                swept.uploads += 1;
                swept.bytes += bytes;
            }
        }
        Ok(swept)
    }
}

/// Nobody is writing it.
fn is_idle(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

/// Removes a file that is old enough and may go; its size in bytes.
fn sweep_one(entry: &DirEntry, now_ms: i64, may_go: impl FnOnce() -> bool) -> Option<u64> {
    let path = entry.path();
    let removed = (|| -> io::Result<Option<u64>> {
        let metadata = fs::symlink_metadata(&path)?;
        if !metadata.is_file() || disk::age_ms(&metadata, now_ms)? < AGE_MS || !may_go() {
            return Ok(None);
        }
        fs::remove_file(&path)?;
        Ok(Some(metadata.len()))
    })();
    removed.unwrap_or_else(|error| {
        if error.kind() != io::ErrorKind::NotFound {
            warn!(path = %path.display(), %error, "a file can't be swept away");
        }
        None
    })
}

fn entries(directory: &Path) -> Result<Vec<DirEntry>, Error> {
    let read = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    read.at(directory)
}
