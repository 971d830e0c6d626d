//! What has become of what was asked of the bucket.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Error;

/// Counts since the start, and what was wrong last.
#[derive(Debug, Default)]
pub struct Figures {
    uploads: AtomicU64,
    uploads_failed: AtomicU64,
    bytes_uploaded: AtomicU64,
    downloads: AtomicU64,
    downloads_failed: AtomicU64,
    deletes: AtomicU64,
    deletes_failed: AtomicU64,
    trouble: Mutex<Option<String>>,
}

/// The same at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Files that were brought there.
    pub uploads: u64,
    /// Those that did not arrive.
    pub uploads_failed: u64,
    /// Bytes of files that were brought there.
    pub bytes_uploaded: u64,
    /// Files that were had from there.
    pub downloads: u64,
    /// Those that could not be had, or were not what they should be.
    pub downloads_failed: u64,
    /// Objects that were deleted.
    pub deletes: u64,
    /// Those that could not be.
    pub deletes_failed: u64,
}

impl Figures {
    /// The counts.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let count = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        Counts {
            uploads: count(&self.uploads),
            uploads_failed: count(&self.uploads_failed),
            bytes_uploaded: count(&self.bytes_uploaded),
            downloads: count(&self.downloads),
            downloads_failed: count(&self.downloads_failed),
            deletes: count(&self.deletes),
            deletes_failed: count(&self.deletes_failed),
        }
    }

    /// What is wrong with the bucket, in a sentence; `None`: it did what was asked last.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn uploaded(&self, failed: Option<&Error>, bytes: u64) {
        self.count(failed, &self.uploads, &self.uploads_failed);
        if failed.is_none() {
            self.bytes_uploaded.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    pub(super) fn downloaded(&self, failed: Option<&Error>) {
        self.count(failed, &self.downloads, &self.downloads_failed);
    }

    pub(super) fn deleted(&self, failed: Option<&Error>) {
        self.count(failed, &self.deletes, &self.deletes_failed);
    }

    /// Notes how the bucket is, by what came of a question to it.
    pub(super) fn note(&self, failed: Option<&Error>) {
        let trouble = match failed {
            None => None,
            // What is wrong with one file says nothing of the bucket.
            Some(Error::NotThere { .. } | Error::Spoiled { .. } | Error::Unread { .. }) => return,
            Some(
                error @ (Error::Settings { .. }
                | Error::Refused { .. }
                | Error::NoBucket { .. }
                | Error::Away { .. }
                | Error::Late { .. }
                | Error::Odd { .. }),
            ) => Some(error.to_string()),
        };
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    fn count(&self, failed: Option<&Error>, done: &AtomicU64, undone: &AtomicU64) {
        let figure = if failed.is_none() { done } else { undone };
        figure.fetch_add(1, Ordering::Relaxed);
        self.note(failed);
    }
}
