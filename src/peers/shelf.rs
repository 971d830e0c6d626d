//! Where files of other nodes are put, and taken from: what the owner of the endpoint gives.

use std::fs::File;

use serde::{Deserialize, Serialize};

use crate::domain::ContentId;

/// Why a file is not kept, or not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unkept {
    /// It is not there.
    #[error("the file is not there")]
    NotThere,
    /// There is no room for it.
    #[error("there is no room for the file: free some on its disk")]
    NoRoom,
    /// Nobody takes one of this size.
    #[error("the file is too large")]
    TooLarge,
    /// It does not hold what it should.
    #[error("the file does not hold what it should")]
    Spoiled,
    /// The disk fails.
    #[error("the disk fails: its node's log says more")]
    Broken,
    /// No files are kept at this node at all.
    #[error("no files are kept there: write messages.spool into its config file")]
    NoShelf,
}

/// Where a node keeps files. All of it may block.
pub trait Shelf: Send + Sync + 'static {
    /// Opens one; its length in bytes.
    ///
    /// # Errors
    /// Why it can't be given.
    fn open(&self, content: ContentId) -> Result<(File, u64), Unkept>;

    /// Begins one that comes, of so many bytes. `None`: it is there, whole.
    ///
    /// # Errors
    /// Why it is not taken.
    fn begin(&self, content: ContentId, bytes: u64) -> Result<Option<Box<dyn Shelved>>, Unkept>;
}

/// A file that comes in. Dropped before its end nothing of it stays.
pub trait Shelved: Send {
    /// The next piece.
    ///
    /// # Errors
    /// Why it goes no further.
    fn write(&mut self, piece: &[u8]) -> Result<(), Unkept>;

    /// All has come: it is looked whether it holds what it should, and kept for good.
    ///
    /// # Errors
    /// Why it is not kept.
    fn finish(self: Box<Self>) -> Result<(), Unkept>;
}
