//! Delivery: what was recorded becomes what is kept. The originals stay until the deposit is
//! removed.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::domain::{CardPart, DepositCard, Medium, MessageId, Part, Stored};

use super::content::Draft;
use super::error::{At as _, Error};
use super::film::{Way, to_mp4, to_wav};
use super::kind::Kind;
use super::look::{Film, Look, look};
use super::{Spool, disk};

/// Sound that was recorded with room for a picture is kept in this rate: as good as it was.
const SOUND_HZ: u32 = 16_000;
const SOUND_WITHIN: Duration = Duration::from_secs(120);

/// What a deposit came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What can be played, in order.
    pub parts: Vec<Part>,
    /// All of it in one file, where that could be made.
    pub joined: Option<Stored>,
    /// The length of all parts, in milliseconds.
    pub length_ms: u64,
    /// The numbers of parts that the caller did not throw away, and that have nothing to play:
    /// no file, an empty one, or none that can be read.
    pub dropped: Vec<u16>,
}

/// What was kept, for which parts; so that a delivery that was cut off is not begun anew.
#[derive(Serialize, Deserialize)]
struct Record {
    card: Vec<CardPart>,
    kept: Kept,
}

impl Spool {
    /// Keeps what was recorded: repairs, puts video into mp4, joins. The result is on the disk for
    /// good, and nothing of the deposit was removed: do that with [`Spool::remove_deposit`] when
    /// the message is written down. No parts: nothing was recorded that could be played.
    ///
    /// May take minutes for long video. May be called again, and gives the same then.
    ///
    /// # Errors
    /// What the disk says. What ffmpeg can't do is no error: it is kept as it was recorded.
    pub fn keep(&self, card: &DepositCard) -> Result<Kept, Error> {
        if let Some(kept) = self.recall(card) {
            return Ok(kept);
        }
        let (mut parts, mut dropped) = (Vec::new(), Vec::new());
        for part in card.parts.iter().filter(|part| !part.dropped) {
            match self.keep_part(card.message, *part)? {
                Some(part) => parts.push(part),
                None => dropped.push(part.number),
            }
        }
        let joined = self.join(card.message, &parts)?;
        let length_ms = parts.iter().map(|part| part.file.length_ms).sum();
        let kept = Kept { parts, joined, length_ms, dropped };
        let record = Record { card: card.parts.clone(), kept };
        let path = self.place.kept(card.message);
        let text = serde_json::to_vec(&record).map_err(io::Error::other).at(&path)?;
        match disk::write_whole(&path, &text) {
            // Only a delivery of nothing has no directory.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            written => written.at(&path)?,
        }
        Ok(record.kept)
    }

    fn recall(&self, card: &DepositCard) -> Option<Kept> {
        let text = fs::read(self.place.kept(card.message)).ok()?;
        let record: Record = serde_json::from_slice(&text).ok()?;
        let files = record.kept.parts.iter().map(|part| &part.file).chain(&record.kept.joined);
        let there = |file: &Stored| {
            // As young as if it had been kept now: it is about to be referred to.
            let kept = self.file(file.content);
            kept.is_ok_and(|(open, bytes)| bytes == file.bytes && disk::touch(&open).is_ok())
        };
        (record.card == card.parts && files.into_iter().all(there)).then_some(record.kept)
    }

    fn keep_part(&self, message: MessageId, part: CardPart) -> Result<Option<Part>, Error> {
        let path = self.place.part(message, part);
        let mut file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                info!(%message, part = part.number, "nothing was recorded");
                return Ok(None);
            }
            opened => opened.at(&path)?,
        };
        let (look, bytes) = look(&mut file, &path, &self.tools)?;
        let (medium, file) = match look {
            Look::Nothing => {
                info!(%message, part = part.number, bytes, "nothing can be played");
                return Ok(None);
            }
            Look::Wav(wav) => {
                let draft = self.place.draft(message, part.number, "wav");
                (Medium::Audio, self.store_wav(&mut file, &path, &wav, draft)?)
            }
            Look::Film(kind, film) => {
                let medium = if film.reel.video { Medium::Video } else { Medium::Audio };
                let made = match medium {
                    Medium::Video => self.keep_film(message, part, kind, film)?,
                    Medium::Audio => self.keep_sound_of(message, part, kind, film)?,
                };
                let kept = match made {
                    Some(kept) => kept,
                    None => self.keep_as_it_is(message, part, kind, film)?,
                };
                (medium, kept)
            }
        };
        Ok(Some(Part { number: part.number, medium, file }))
    }

    /// As an mp4 that every browser plays; `None` if ffmpeg does not make one.
    fn keep_film(
        &self,
        message: MessageId,
        part: CardPart,
        kind: Kind,
        film: Film,
    ) -> Result<Option<Stored>, Error> {
        let from = self.place.part(message, part);
        let to = self.place.draft(message, part.number, "mp4");
        let ways = if film.foreign { [Way::Anew, Way::Copy] } else { [Way::Copy, Way::Anew] };
        for way in ways {
            match to_mp4(&self.tools, (&from, kind), &to, way) {
                Ok(()) => match self.store_film(&to, film.reel.length_ms / 2)? {
                    Some(kept) => return Ok(Some(kept)),
                    None => warn!(%message, part = part.number, ?way, "ffmpeg lost most of it"),
                },
                Err(trouble) => {
                    disk::remove_file(&to).at(&to)?;
                    warn!(%message, part = part.number, ?way, %trouble, "no mp4 was made");
                }
            }
            if self.tools.ffmpeg.is_none() {
                break;
            }
        }
        Ok(None)
    }

    /// Keeps an mp4 that ffmpeg wrote, if at least so much can be played. Success is no proof of a
    /// file: it is looked at.
    pub(super) fn store_film(
        &self,
        path: &PathBuf,
        at_least_ms: u64,
    ) -> Result<Option<Stored>, Error> {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.at(path)?,
        };
        let (look, _) = look(&mut file, path, &self.tools)?;
        let draft = Draft::of(path.clone())?;
        match look {
            Look::Film(_, film) if film.reel.video && film.reel.length_ms >= at_least_ms => {
                self.store(draft, "video/mp4", film.reel.length_ms).map(Some)
            }
            Look::Film(..) | Look::Nothing | Look::Wav(_) => Ok(None),
        }
    }

    /// The picture never came (measured: FreeSWITCH waits 10 s for it, then records sound).
    fn keep_sound_of(
        &self,
        message: MessageId,
        part: CardPart,
        kind: Kind,
        film: Film,
    ) -> Result<Option<Stored>, Error> {
        let from = self.place.part(message, part);
        let to = self.place.draft(message, part.number, "wav");
        match to_wav(&self.tools, (&from, Some(kind)), &to, SOUND_HZ, SOUND_WITHIN) {
            Ok(()) => {
                let kept = self.store_written_wav(to)?;
                Ok(kept.filter(|kept| kept.length_ms >= film.reel.length_ms / 2))
            }
            Err(trouble) => {
                disk::remove_file(&to).at(&to)?;
                warn!(%message, part = part.number, %trouble, "no wav was made");
                Ok(None)
            }
        }
    }

    fn keep_as_it_is(
        &self,
        message: MessageId,
        part: CardPart,
        kind: Kind,
        film: Film,
    ) -> Result<Stored, Error> {
        let path = self.place.part(message, part);
        let mut file = File::open(&path).at(&path)?;
        let mut draft = Draft::new(self.place.draft(message, part.number, "mkv"))?;
        draft.append(&mut file, &path, u64::MAX)?;
        let media_type = match kind {
            Kind::Mp4 => "video/mp4",
            Kind::Matroska | Kind::Wav => "video/x-matroska",
        };
        self.store(draft, media_type, film.reel.length_ms)
    }
}
