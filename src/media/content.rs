//! What is kept, under the name of what it holds.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::domain::{ContentId, Stored};

use super::error::{At as _, Error};
use super::film::to_wav;
use super::kind::Kind;
use super::look::{Look, look};
use super::wav::{Wav, WavFormat, read_wav};
use super::{Spool, disk};

/// How much is read at once, in bytes.
const BLOCK_BYTES: usize = 256 << 10;
/// What a telephone plays.
const TELEPHONE_HZ: u32 = 8_000;
/// How long ffmpeg may take over a greeting.
const GREETING_WITHIN: Duration = Duration::from_secs(60);

/// A file that is being made, and is going to be kept. Removed when it is dropped.
pub(super) struct Draft {
    file: File,
    path: PathBuf,
    hash: Sha256,
    bytes: u64,
}

impl Draft {
    pub(super) fn new(path: PathBuf) -> Result<Self, Error> {
        let file = disk::create(&path).at(&path)?;
        Ok(Self { file, path, hash: Sha256::new(), bytes: 0 })
    }

    /// What a program has written.
    pub(super) fn of(path: PathBuf) -> Result<Self, Error> {
        let mut file = OpenOptions::new().read(true).write(true).open(&path).at(&path)?;
        disk::open_to_group(&file).at(&path)?;
        let mut hash = Sha256::new();
        let mut bytes = 0;
        in_blocks(&mut file, u64::MAX, |block| {
            hash.update(block);
            bytes += block.len() as u64;
            Ok(())
        })
        .at(&path)?;
        Ok(Self { file, path, hash, bytes })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).at(&self.path)?;
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Appends so many bytes of another file, from where it stands; fewer if it ends before.
    pub(super) fn append(&mut self, from: &mut File, path: &Path, bytes: u64) -> Result<(), Error> {
        let mut written = Ok(());
        in_blocks(from, bytes, |block| {
            written = self.write(block);
            if written.is_ok() { Ok(()) } else { Err(io::ErrorKind::Other.into()) }
        })
        .at(path)
        .or_else(|read| written.and(Err(read)))
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What it holds so far.
    pub(super) fn content(&self) -> ContentId {
        ContentId(self.hash.clone().finalize().into())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // What is left is swept.
        let _ = fs::remove_file(&self.path);
    }
}

fn in_blocks(
    from: &mut impl Read,
    mut bytes: u64,
    mut use_block: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut block = vec![0; BLOCK_BYTES];
    while bytes > 0 {
        let most = usize::try_from(bytes).unwrap_or(usize::MAX).min(BLOCK_BYTES);
        let read = match from.read(&mut block[..most]) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        use_block(&block[..read])?;
        bytes -= read as u64;
    }
    Ok(())
}

impl Spool {
    /// Opens a kept file; its length in bytes.
    ///
    /// # Errors
    /// [`Error::NotThere`]; [`Error::Medium`].
    pub fn file(&self, content: ContentId) -> Result<(File, u64), Error> {
        let path = self.place.content(content);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::NotThere { content });
            }
            opened => opened.at(&path)?,
        };
        let bytes = file.metadata().at(&path)?.len();
        Ok((file, bytes))
    }

    /// Where a kept file lies, for FreeSWITCH to play it. Whether it is there was not looked at.
    #[must_use]
    pub fn content_path(&self, content: ContentId) -> PathBuf {
        self.place.content(content)
    }

    /// Removes a kept file. The caller has made sure that nothing refers to it: two messages with
    /// the same content share one file. That it is gone already is no error; one that is pinned
    /// stays.
    ///
    /// # Errors
    /// [`Error::Medium`].
    pub fn delete(&self, content: ContentId) -> Result<(), Error> {
        if self.is_pinned(content) {
            return Ok(());
        }
        let path = self.place.content(content);
        let _naming = self.naming.lock().unwrap_or_else(PoisonError::into_inner);
        let sound = self.place.sound(content);
        disk::remove_file(&sound).at(&sound)?;
        if disk::remove_file(&path).at(&path)?
            && let Some(directory) = path.parent()
        {
            disk::sync_directory(directory).at(directory)?;
        }
        Ok(())
    }

    /// Gives a draft the name of its content, for good.
    pub(super) fn store(
        &self,
        draft: Draft,
        media_type: &str,
        length_ms: u64,
    ) -> Result<Stored, Error> {
        draft.file.sync_all().at(&draft.path)?;
        let content = draft.content();
        let path = self.place.content(content);
        let _naming = self.naming.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(directory) = path.parent()
            && disk::make_directory(directory).at(directory)?
        {
            let files = self.place.files();
            disk::sync_directory(&files).at(&files)?;
        }
        if !disk::link_new(&draft.path, &path).at(&path)? {
            // It is there. Were it old and unreferred to, the next sweep would take it.
            disk::touch(&File::open(&path).at(&path)?).at(&path)?;
        }
        Ok(Stored { content, media_type: media_type.into(), bytes: draft.bytes, length_ms })
    }

    /// Copies the samples of a WAVE file behind a head that is right, and keeps the result.
    pub(super) fn store_wav(
        &self,
        file: &mut File,
        path: &Path,
        wav: &Wav,
        draft: PathBuf,
    ) -> Result<Stored, Error> {
        let mut draft = Draft::new(draft)?;
        let head = wav.format.head(wav.bytes);
        draft.write(&head)?;
        file.seek(SeekFrom::Start(wav.from)).at(path)?;
        draft.append(file, path, wav.bytes)?;
        if draft.bytes() != head.len() as u64 + wav.bytes {
            // Somebody cut it off meanwhile.
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof)).at(path);
        }
        if wav.bytes % 2 == 1 {
            draft.write(&[0])?;
        }
        self.store(draft, "audio/wav", wav.length_ms())
    }

    /// Keeps a sound for the telephone: 8 kHz, one channel, 16 bit. Whatever else it is, ffmpeg
    /// makes that of it.
    ///
    /// # Errors
    /// [`Error::NotAudio`] if it is no sound, or ffmpeg is needed and not there; else what the
    /// disk says.
    pub fn keep_file(&self, path: &Path) -> Result<Stored, Error> {
        let mut file = File::open(path).at(path)?;
        let (look, _) = look(&mut file, path, &self.tools)?;
        let draft = self.place.passing(self.pass(), "wav");
        if let Look::Wav(wav) = &look
            && wav.format == WavFormat::pcm16(TELEPHONE_HZ, 1)
        {
            return self.store_wav(&mut file, path, wav, draft);
        }
        let kind = match look {
            Look::Nothing => None,
            Look::Wav(_) => Some(Kind::Wav),
            Look::Film(kind, _) => Some(kind),
        };
        let converted = to_wav(&self.tools, (path, kind), &draft, TELEPHONE_HZ, GREETING_WITHIN);
        if let Err(trouble) = converted {
            disk::remove_file(&draft).at(&draft)?;
            let cause = format!("ffmpeg: {trouble}");
            return Err(Error::NotAudio { cause });
        }
        let kept = self.store_written_wav(draft)?;
        kept.ok_or_else(|| Error::NotAudio { cause: "there is no sound in it".to_owned() })
    }

    /// The same with the sound at hand. It is written to the spool in passing.
    ///
    /// # Errors
    /// See [`Spool::keep_file`].
    pub fn keep_sound(&self, sound: &[u8]) -> Result<Stored, Error> {
        let mut passing = Draft::new(self.place.passing(self.pass(), "in"))?;
        passing.write(sound)?;
        let kept = self.keep_file(&passing.path)?;
        self.name_sound(kept.content)?;
        Ok(kept)
    }

    /// Gives a kept sound a second name that a switch can play: without an ending FreeSWITCH does
    /// not know what it is ("Unknown file Format", measured on 1.11.2).
    ///
    /// # Errors
    /// [`Error::Medium`].
    pub fn name_sound(&self, content: ContentId) -> Result<(), Error> {
        let (from, to) = (self.place.content(content), self.place.sound(content));
        let _naming = self.naming.lock().unwrap_or_else(PoisonError::into_inner);
        disk::link_new(&from, &to).at(&to)?;
        Ok(())
    }

    /// Keeps what ffmpeg wrote, behind our own head: its one would name its version, and equal
    /// sounds be two files. `None`: there is nothing in it.
    pub(super) fn store_written_wav(&self, path: PathBuf) -> Result<Option<Stored>, Error> {
        let mut file = File::open(&path).at(&path)?;
        let size = file.metadata().at(&path)?.len();
        let wav = read_wav(&mut file, size).at(&path)?;
        let clean = self.place.passing(self.pass(), "wav");
        let kept = wav.map(|wav| self.store_wav(&mut file, &path, &wav, clean)).transpose();
        disk::remove_file(&path).at(&path)?;
        kept
    }
}
