//! Videos that come by HTTP, through a one-time link.
//!
//! An upload belongs to a deposit and becomes its next part. It can be cut off and gone on with,
//! or begun anew. Nothing that its sender says is believed: bytes are counted, what it is is seen
//! in the bytes, and whether there is a picture is asked of ffprobe. Only one at a time is written
//! for a deposit.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{CardPart, FileFacts, Medium, MessageId};

use super::error::Error;
use super::kind::{KIND_BYTES, Kind};
use super::look::{Look, look};
use super::{Spool, disk};

/// After so many bytes it is looked again whether there is room.
const ROOM_EVERY_BYTES: u64 = 8 << 20;
/// The longest media type.
const TYPE_BYTES_MAX: usize = 200;

/// The bounds of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadLimits {
    /// The largest file, in bytes.
    pub bytes_max: u64,
    /// What is to stay free on the disk, in bytes.
    pub disk_free_min: u64,
}

/// Why a video was not taken. Each says what its sender can do.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// Another upload for the same link is being written.
    #[error("this video is being uploaded already: wait for it to end, or end it")]
    Busy,
    /// There is no room. What has come is kept for a day.
    #[error("there is no room for the video at the moment: try again later")]
    Full,
    /// The end was said to be reached before it was.
    #[error("{have} of {declared} bytes have come: go on from there")]
    Incomplete {
        /// How much has come, in bytes.
        have: u64,
        /// How much was announced.
        declared: u64,
    },
    /// More came than was announced. All of it was thrown away.
    #[error("more than the announced {declared} bytes came: begin anew with the true size")]
    Longer {
        /// How much was announced, in bytes.
        declared: u64,
    },
    /// The deposit is not there (any more).
    #[error("the message that this video belongs to is not open any more: call again")]
    NoDeposit,
    /// There is nothing to go on with.
    #[error("no upload has begun that this could go on with: begin anew")]
    NoUpload,
    /// No picture is in it that can be played. All of it was thrown away.
    #[error("no picture that can be played is in this file: record it anew")]
    NoVideo,
    /// The announced type is not the one of the bytes, or none that is taken. It was thrown away.
    #[error("this is no video of a type that is taken: send mp4, mov, 3gp, webm or mkv")]
    NotTaken,
    /// Another upload had begun.
    #[error("an upload of another size or type had begun: begin anew")]
    Other,
    /// The link was used: its part is there.
    #[error("this link was used already: the video has arrived")]
    Replayed,
    /// It is too large, or there is nothing in it.
    #[error("a video may have 1 to {max} bytes, and this one has {declared}")]
    Size {
        /// How much was announced, in bytes.
        declared: u64,
        /// The most.
        max: u64,
    },
    /// The disk.
    #[error("the video can't be written down: {0}")]
    Spool(Error),
}

impl From<Error> for UploadError {
    fn from(error: Error) -> Self {
        if matches!(error, Error::Full { .. }) { Self::Full } else { Self::Spool(error) }
    }
}

/// How far an upload has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Which part it is going to be.
    pub part: u16,
    /// How much has come.
    pub bytes: u64,
    /// How much was announced, in bytes.
    pub declared_bytes: u64,
}

/// What was announced when it began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    number: u16,
    declared_bytes: u64,
    declared_type: String,
}

/// A video on its way. Dropped, it can be gone on with for a day.
#[derive(Debug)]
pub struct Upload {
    spool: Arc<Spool>,
    message: MessageId,
    note: Note,
    limits: UploadLimits,
    file: File,
    path: PathBuf,
    offset: u64,
    /// What it is was seen.
    seen: bool,
}

impl Upload {
    /// Begins the upload of part `number` of a deposit; what had come before is thrown away.
    ///
    /// # Errors
    /// [`UploadError::Size`], [`UploadError::NotTaken`], [`UploadError::NoDeposit`],
    /// [`UploadError::Replayed`], [`UploadError::Busy`], [`UploadError::Full`], and what the disk
    /// says.
    pub fn begin(
        spool: &Arc<Spool>,
        (message, number): (MessageId, u16),
        (declared_bytes, declared_type): (u64, &str),
        limits: UploadLimits,
    ) -> Result<Self, UploadError> {
        if !(1..=limits.bytes_max).contains(&declared_bytes) {
            return Err(UploadError::Size { declared: declared_bytes, max: limits.bytes_max });
        }
        if declared_type.len() > TYPE_BYTES_MAX || !Kind::may_be_called(declared_type) {
            return Err(UploadError::NotTaken);
        }
        let note = Note { number, declared_bytes, declared_type: declared_type.to_owned() };
        let mut upload = Self::open(spool, message, note, limits, true)?;
        if spool.free_bytes()? < limits.disk_free_min.saturating_add(declared_bytes) {
            return Err(UploadError::Full);
        }
        upload.cut(0)?;
        let path = spool.place.upload_note(message);
        let text = serde_json::to_vec(&upload.note).map_err(io::Error::other);
        let noted = text.and_then(|text| disk::write_whole(&path, &text));
        noted.map_err(|cause| Error::of(&path, cause))?;
        Ok(upload)
    }

    /// Goes on with an upload, from [`Upload::offset`]; part and size must be those with which it
    /// began.
    ///
    /// # Errors
    /// [`UploadError::NoUpload`], [`UploadError::Other`], and those of [`Upload::begin`].
    pub fn resume(
        spool: &Arc<Spool>,
        (message, number): (MessageId, u16),
        declared_bytes: u64,
        limits: UploadLimits,
    ) -> Result<Self, UploadError> {
        let note = spool.upload_note(message).ok_or(UploadError::NoUpload)?;
        if (note.number, note.declared_bytes) != (number, declared_bytes) {
            return Err(UploadError::Other);
        }
        let mut upload = Self::open(spool, message, note, limits, false)?;
        let length = upload.file.metadata().map_err(|cause| upload.wrong(cause))?.len();
        upload.cut(length.min(declared_bytes))?;
        Ok(upload)
    }

    fn open(
        spool: &Arc<Spool>,
        message: MessageId,
        note: Note,
        limits: UploadLimits,
        anew: bool,
    ) -> Result<Self, UploadError> {
        if !spool.place.card(message).is_file() {
            return Err(UploadError::NoDeposit);
        }
        let path = spool.place.upload(message);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(anew).mode(0o640);
        let file = match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(UploadError::NoUpload);
            }
            opened => opened.map_err(|cause| Error::of(&path, cause))?,
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(UploadError::Busy),
            Err(TryLockError::Error(cause)) => return Err(Error::of(&path, cause).into()),
        }
        // Looked at while the lock is held: nobody else can be about to put it there.
        if spool.place.part(message, part_of(&note)).exists() {
            return Err(UploadError::Replayed);
        }
        let spool = Arc::clone(spool);
        Ok(Self { spool, message, note, limits, file, path, offset: 0, seen: false })
    }

    /// How much has come, in bytes; where the sender has to go on.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Writes what came next.
    ///
    /// # Errors
    /// [`UploadError::Longer`] and [`UploadError::NotTaken`], after which nothing is left of it;
    /// [`UploadError::Full`] and what the disk says, after which it can be gone on with.
    pub fn write(&mut self, chunk: &[u8]) -> Result<(), UploadError> {
        let before = self.offset;
        let after = before.saturating_add(chunk.len() as u64);
        if after > self.note.declared_bytes {
            self.discard()?;
            return Err(UploadError::Longer { declared: self.note.declared_bytes });
        }
        if after / ROOM_EVERY_BYTES != before / ROOM_EVERY_BYTES
            && self.spool.free_bytes()? < self.limits.disk_free_min
        {
            return Err(UploadError::Full);
        }
        if let Err(cause) = self.file.write_all(chunk) {
            // A part of it may have been written, and the offset has to be true.
            self.cut(before)?;
            return Err(self.wrong(cause));
        }
        self.offset = after;
        if !self.seen && after >= KIND_BYTES as u64 {
            self.see()?;
        }
        Ok(())
    }

    /// The end: all of it is made to last, looked at, and becomes the deposit's part.
    ///
    /// # Errors
    /// [`UploadError::Incomplete`], after which it can be gone on with; [`UploadError::NotTaken`]
    /// and [`UploadError::NoVideo`], after which nothing is left of it;
    /// [`UploadError::NoDeposit`], [`UploadError::Replayed`], and what the disk says.
    pub fn finish(mut self) -> Result<(CardPart, FileFacts), UploadError> {
        let declared = self.note.declared_bytes;
        if self.offset != declared {
            return Err(UploadError::Incomplete { have: self.offset, declared });
        }
        self.see()?;
        self.file.sync_all().map_err(|cause| self.wrong(cause))?;
        let (look, bytes) = look(&mut self.file, &self.path, &self.spool.tools)?;
        let facts = look.facts(bytes);
        // Here a doubt is enough: its sender is there and can send another.
        let sure = matches!(look, Look::Film(_, film) if film.reel.video && !film.doubted);
        if !sure {
            self.discard()?;
            return Err(UploadError::NoVideo);
        }
        let part = part_of(&self.note);
        let path = self.spool.place.part(self.message, part);
        match disk::link_new(&self.path, &path) {
            Ok(true) => {}
            Ok(false) => {
                self.discard()?;
                return Err(UploadError::Replayed);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.discard()?;
                return Err(UploadError::NoDeposit);
            }
            Err(cause) => return Err(Error::of(&path, cause).into()),
        }
        self.discard()?;
        Ok((part, facts))
    }

    /// Ends it and leaves nothing of it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn abandon(mut self) -> Result<(), UploadError> {
        self.discard()
    }

    /// Sees what it is, and whether that was said.
    fn see(&mut self) -> Result<(), UploadError> {
        let kind = Kind::read(&mut self.file).map_err(|cause| self.wrong(cause))?;
        if !kind.is_some_and(|kind| kind.is_called(&self.note.declared_type)) {
            self.discard()?;
            return Err(UploadError::NotTaken);
        }
        self.file.seek(SeekFrom::End(0)).map_err(|cause| self.wrong(cause))?;
        self.seen = true;
        Ok(())
    }

    fn cut(&mut self, offset: u64) -> Result<(), UploadError> {
        let cut = self.file.set_len(offset).and_then(|()| self.file.seek(SeekFrom::Start(offset)));
        self.offset = cut.map_err(|cause| self.wrong(cause))?;
        Ok(())
    }

    /// Removes its files; the lock is held until it is dropped.
    fn discard(&mut self) -> Result<(), UploadError> {
        let note = self.spool.place.upload_note(self.message);
        for path in [&note, &self.path] {
            disk::remove_file(path).map_err(|cause| Error::of(path, cause))?;
        }
        Ok(())
    }

    fn wrong(&self, cause: io::Error) -> UploadError {
        Error::of(&self.path, cause).into()
    }
}

fn part_of(note: &Note) -> CardPart {
    CardPart { number: note.number, medium: Medium::Video, dropped: false }
}

impl Spool {
    /// How far the upload for a deposit has come; `None`: there is none on its way. Anybody may
    /// ask, at any time.
    #[must_use]
    pub fn progress(&self, message: MessageId) -> Option<Progress> {
        let note = self.upload_note(message)?;
        let bytes = fs::metadata(self.place.upload(message)).ok()?.len();
        Some(Progress { part: note.number, bytes, declared_bytes: note.declared_bytes })
    }

    fn upload_note(&self, message: MessageId) -> Option<Note> {
        let path: &Path = &self.place.upload_note(message);
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }
}
