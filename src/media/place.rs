//! Where everything lies. The only file that makes paths; it makes them from nothing but numbers
//! and the names that `MessageId` and `ContentId` show, so that nothing a caller sends is in one.

use std::path::{Path, PathBuf};

use crate::domain::{CardPart, ContentId, MessageId};

/// The paths below the root of the spool.
#[derive(Clone, Debug)]
pub(super) struct Place {
    root: PathBuf,
}

impl Place {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn deposits(&self) -> PathBuf {
        self.root.join("deposits")
    }

    pub(super) fn files(&self) -> PathBuf {
        self.root.join("files")
    }

    pub(super) fn uploads(&self) -> PathBuf {
        self.root.join("uploads")
    }

    pub(super) fn deposit(&self, message: MessageId) -> PathBuf {
        self.deposits().join(message.to_string())
    }

    /// Where a deposit is moved whose card can't be read; `again` if it happens more than once.
    pub(super) fn broken(&self, message: MessageId, again: u32) -> PathBuf {
        let name = match again {
            0 => format!("broken-{message}"),
            again => format!("broken-{message}-{again}"),
        };
        self.deposits().join(name)
    }

    /// What a deposit is called while it is being removed.
    pub(super) fn gone(&self, message: MessageId) -> PathBuf {
        self.deposits().join(format!("gone-{message}"))
    }

    pub(super) fn card(&self, message: MessageId) -> PathBuf {
        self.deposit(message).join("card.json")
    }

    /// What became of the parts, once they are all kept.
    pub(super) fn kept(&self, message: MessageId) -> PathBuf {
        self.deposit(message).join("kept.json")
    }

    pub(super) fn part(&self, message: MessageId, part: CardPart) -> PathBuf {
        self.deposit(message).join(format!("{}.{}", part.number, part.medium.extension()))
    }

    /// What is made of a part; 0: of all of them.
    pub(super) fn draft(&self, message: MessageId, number: u16, ending: &'static str) -> PathBuf {
        self.deposit(message).join(format!("{number}-draft.{ending}"))
    }

    pub(super) fn content(&self, content: ContentId) -> PathBuf {
        self.files().join(format!("{:02x}", content.0[0])).join(content.to_string())
    }

    /// The same for a switch, which takes the kind of a file from its ending alone.
    pub(super) fn sound(&self, content: ContentId) -> PathBuf {
        self.content(content).with_extension("wav")
    }

    pub(super) fn upload(&self, message: MessageId) -> PathBuf {
        self.uploads().join(format!("{message}.part"))
    }

    /// What was said about an upload when it began.
    pub(super) fn upload_note(&self, message: MessageId) -> PathBuf {
        self.uploads().join(format!("{message}.json"))
    }

    /// A file in passing; process and counter keep two from being one.
    pub(super) fn passing(&self, counter: u64, ending: &'static str) -> PathBuf {
        self.uploads().join(format!("passing-{}-{counter}.{ending}", std::process::id()))
    }
}
