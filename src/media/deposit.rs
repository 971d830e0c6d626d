//! Deposits while they are recorded: directories with a card.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tracing::{error, warn};

use crate::domain::{CardPart, DepositCard, FileFacts, Medium, MessageId, NoRoom};

use super::error::{At as _, Error};
use super::look::look;
use super::{Spool, disk};

/// The largest card that is read, in bytes: some thousands of parts.
const CARD_BYTES_MAX: u64 = 1 << 20;

/// A deposit that lies in the spool: its card, or in a sentence why it can't be read.
pub type Orphan = (MessageId, Result<DepositCard, String>);

impl Spool {
    /// Looks whether `disk_free_min` bytes would be left, makes the deposit's directory and writes
    /// its card, for good. A deposit that is open already is opened anew.
    ///
    /// # Errors
    /// [`NoRoom::DiskFull`] or [`NoRoom::Broken`]; the cause is in the log.
    pub fn open_deposit(&self, card: &DepositCard, disk_free_min: u64) -> Result<(), NoRoom> {
        let refuse = |error: &Error| {
            error!(message = %card.message, %error, "no deposit can be opened");
            if matches!(error, Error::Full { .. }) { NoRoom::DiskFull } else { NoRoom::Broken }
        };
        if self.free_bytes().map_err(|error| refuse(&error))? < disk_free_min {
            return Err(NoRoom::DiskFull);
        }
        let opened = self.make_deposit(card);
        opened.map_err(|error| {
            // The card was not written, so there is nothing in it.
            let _ = fs::remove_dir(self.place.deposit(card.message));
            refuse(&error)
        })
    }

    fn make_deposit(&self, card: &DepositCard) -> Result<(), Error> {
        let directory = self.place.deposit(card.message);
        disk::make_directory(&directory).at(&directory)?;
        let deposits = self.place.deposits();
        disk::sync_directory(&deposits).at(&deposits)?;
        self.note(card)
    }

    /// How much may still be written to the spool, in bytes.
    ///
    /// # Errors
    /// What the disk says.
    pub fn free_bytes(&self) -> Result<u64, Error> {
        let deposits = self.place.deposits();
        disk::free_bytes(&deposits).at(&deposits)
    }

    /// Writes a deposit's card anew, for good: the old one or the new one is there, whatever
    /// happens.
    ///
    /// # Errors
    /// What the disk says; the old card stays then.
    pub fn note(&self, card: &DepositCard) -> Result<(), Error> {
        let path = self.place.card(card.message);
        let text = serde_json::to_vec_pretty(card).map_err(io::Error::other).at(&path)?;
        disk::write_whole(&path, &text).at(&path)
    }

    /// The file of a part: what FreeSWITCH is told to write, absolute.
    #[must_use]
    pub fn part_path(&self, message: MessageId, part: CardPart) -> PathBuf {
        self.place.part(message, part)
    }

    /// Looks at a part's file. `None`: it is not there. A file that can't be read, is empty or has
    /// nothing but a head has the length 0; one that a kill cut off is as long as can be played.
    #[must_use]
    pub fn check(&self, message: MessageId, part: CardPart) -> Option<FileFacts> {
        let path = self.place.part(message, part);
        let facts = File::open(&path).at(&path).and_then(|mut file| {
            let (look, bytes) = look(&mut file, &path, &self.tools)?;
            // Measured: a success event with a file of no bytes. What is told must be on the disk.
            file.sync_all().at(&path)?;
            let directory = self.place.deposit(message);
            disk::sync_directory(&directory).at(&directory)?;
            Ok(look.facts(bytes))
        });
        match facts {
            Ok(facts) => Some(facts),
            Err(Error::Medium { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                error!(%message, part = part.number, %error, "a recording can't be read");
                Some(FileFacts::default())
            }
        }
    }

    /// Removes a deposit's directory, and what was being uploaded for it. A card is never left
    /// without its recordings, nor they without it. Doing it twice is harmless.
    ///
    /// # Errors
    /// What the disk says.
    pub fn remove_deposit(&self, message: MessageId) -> Result<(), Error> {
        let (directory, gone) = (self.place.deposit(message), self.place.gone(message));
        remove_whole(&gone)?;
        match fs::rename(&directory, &gone) {
            Ok(()) => {
                let deposits = self.place.deposits();
                disk::sync_directory(&deposits).at(&deposits)?;
                remove_whole(&gone)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::of(&directory, error)),
        }
        for path in [self.place.upload(message), self.place.upload_note(message)] {
            disk::remove_file(&path).at(&path)?;
        }
        Ok(())
    }

    /// Every deposit that is there, in the order of their numbers: after a start, before any is
    /// opened, those that nobody delivered. An upload that was accepted, but not yet noted, is put on its card. A card
    /// that can't be read is an error in a sentence; its directory was moved aside
    /// (`broken-…`), for a person to look at.
    ///
    /// # Errors
    /// What the disk says about the directory of all deposits.
    pub fn orphans(&self) -> Result<Vec<Orphan>, Error> {
        let deposits = self.place.deposits();
        let mut found = Vec::new();
        for entry in fs::read_dir(&deposits).at(&deposits)? {
            let name = entry.at(&deposits)?.file_name();
            let Some(name) = name.to_str() else { continue };
            if let Some(message) = MessageId::parse(name) {
                found.push(message);
            } else if let Some(message) = name.strip_prefix("gone-").and_then(MessageId::parse) {
                remove_whole(&self.place.gone(message))?;
            }
        }
        found.sort_unstable();
        let cards = found.into_iter().filter_map(|message| Some((message, self.card(message)?)));
        Ok(cards.collect())
    }

    /// The card of a deposit, if it is open and its card can be read.
    #[must_use]
    pub fn deposit_card(&self, message: MessageId) -> Option<DepositCard> {
        self.read_card(message).ok()
    }

    fn read_card(&self, message: MessageId) -> Result<DepositCard, String> {
        let path = self.place.card(message);
        let size = fs::metadata(&path).map_err(|error| error.to_string())?.len();
        if size > CARD_BYTES_MAX {
            return Err(format!("it has {size} bytes"));
        }
        let text = fs::read(&path).map_err(|error| error.to_string())?;
        let card: DepositCard =
            serde_json::from_slice(&text).map_err(|error| format!("it is damaged: {error}"))?;
        if card.message != message {
            return Err(format!("it belongs to the deposit {}", card.message));
        }
        Ok(card)
    }

    /// `None`: there was nothing in it at all, and it was removed.
    fn card(&self, message: MessageId) -> Option<Result<DepositCard, String>> {
        let directory = self.place.deposit(message);
        let cause = match self.read_card(message) {
            Ok(card) => return Some(Ok(self.with_strays(card))),
            Err(cause) => cause,
        };
        if !self.place.card(message).exists() && is_bare(&directory) {
            // The daemon was killed before the card was written, so nothing was recorded yet.
            if let Err(error) = remove_whole(&directory) {
                warn!(%message, %error, "an empty deposit can't be removed");
            }
            return None;
        }
        let aside = (0..1000).map(|again| self.place.broken(message, again));
        let aside = aside.into_iter().find(|path| !path.exists())?;
        let moved = fs::rename(&directory, &aside);
        let where_to = if moved.is_ok() { &aside } else { &directory };
        let sentence = format!(
            "the card of deposit {message} can't be read ({cause}): look at {}, what was recorded is in it",
            where_to.display()
        );
        error!(%message, cause, moved = moved.is_ok(), "a deposit is broken");
        Some(Err(sentence))
    }

    /// A part's file may be there before it is on the card: a daemon that is killed has told the
    /// switch to record, and has not written it down yet; or an upload is complete (it would not
    /// have its name otherwise), and was not told.
    fn with_strays(&self, mut card: DepositCard) -> DepositCard {
        loop {
            let number = card.parts.iter().map(|part| part.number).max().unwrap_or(0);
            let Some(number) = number.checked_add(1) else { return card };
            let media = [Medium::Audio, Medium::Video];
            let mut parts =
                media.map(|medium| CardPart { number, medium, dropped: false }).into_iter();
            let Some(part) = parts.find(|part| self.place.part(card.message, *part).is_file())
            else {
                return card;
            };
            card.parts.push(part);
            if card.leg.is_none() {
                // What the link was for is here.
                card.link_until_s = None;
            }
        }
    }
}

/// Whether nothing but drafts is in a directory.
fn is_bare(directory: &Path) -> bool {
    let Ok(mut entries) = fs::read_dir(directory) else { return false };
    entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == OsStr::new("card.tmp")))
}

fn remove_whole(directory: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.at(directory),
    }
}
