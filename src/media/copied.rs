//! Kept files that come from another node, and what is held while a file is about to be referred
//! to.

use std::fmt;
use std::sync::{Arc, PoisonError};

use crate::domain::ContentId;

use super::content::Draft;
use super::error::{At as _, Error};
use super::{Spool, disk};

/// A copy of a kept file while it comes in. Dropped before its end nothing of it stays.
pub struct Copying {
    spool: Arc<Spool>,
    draft: Draft,
    content: ContentId,
}

impl fmt::Debug for Copying {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Copying({}, {} bytes)", self.content, self.draft.bytes())
    }
}

impl Spool {
    /// Begins a copy of a kept file of so many bytes, if `disk_free_min` bytes stay free. `None`:
    /// it is there, and as young as a new one.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Medium`].
    pub fn begin_copy(
        self: &Arc<Self>,
        content: ContentId,
        bytes: u64,
        disk_free_min: u64,
    ) -> Result<Option<Copying>, Error> {
        let path = self.place.content(content);
        match self.file(content) {
            Ok((file, there)) if there == bytes => {
                return disk::touch(&file).at(&path).map(|()| None);
            }
            // A stump, which nobody can play: a copy is better.
            Ok(_) => self.delete(content)?,
            Err(Error::NotThere { .. }) => {}
            Err(error) => return Err(error),
        }
        if self.free_bytes()?.saturating_sub(bytes) < disk_free_min {
            return Err(Error::Full { path });
        }
        let draft = Draft::new(self.place.passing(self.pass(), "copy"))?;
        Ok(Some(Copying { spool: Arc::clone(self), draft, content }))
    }

    /// Whether a kept file is there.
    #[must_use]
    pub fn has(&self, content: ContentId) -> bool {
        self.place.content(content).is_file()
    }

    /// Holds files that are about to be referred to: nothing removes them meanwhile. Look whether
    /// they are there after that.
    #[must_use]
    pub fn pin(self: &Arc<Self>, contents: Vec<ContentId>) -> Pinned {
        // Whoever is about to remove one is waited for: it is seen then that it is gone.
        let _referring = self.referring();
        let _naming = self.naming.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pinned = self.pinned.lock().unwrap_or_else(PoisonError::into_inner);
        contents.iter().for_each(|content| *pinned.entry(*content).or_default() += 1);
        drop(pinned);
        Pinned { spool: Arc::clone(self), contents }
    }

    pub(super) fn is_pinned(&self, content: ContentId) -> bool {
        self.pinned.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&content)
    }
}

impl Copying {
    /// The next piece.
    ///
    /// # Errors
    /// What the disk says.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), Error> {
        self.draft.write(piece)
    }

    /// All has come: it gets its name, for good, if it holds what the name says.
    ///
    /// # Errors
    /// [`Error::Spoiled`]; what the disk says.
    pub fn finish(self) -> Result<(), Error> {
        let Self { spool, draft, content } = self;
        if draft.content() != content {
            return Err(Error::Spoiled { content });
        }
        spool.store(draft, "", 0).map(|_| ())
    }
}

/// Files that are held. Drop it when it is written down that they are referred to.
#[derive(Debug)]
pub struct Pinned {
    spool: Arc<Spool>,
    contents: Vec<ContentId>,
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // Whoever has found before that nothing refers to them still has to find them pinned when
        // he deletes.
        let _referring = self.spool.referring();
        let mut pinned = self.spool.pinned.lock().unwrap_or_else(PoisonError::into_inner);
        for content in &self.contents {
            if let Some(count) = pinned.get_mut(content) {
                *count -= 1;
                if *count == 0 {
                    pinned.remove(content);
                }
            }
        }
    }
}
