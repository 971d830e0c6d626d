//! All parts in one file.

use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use tracing::{info, warn};

use crate::domain::{Medium, MessageId, Part, Stored};

use super::content::Draft;
use super::ebml::Reel;
use super::error::{At as _, Error};
use super::film::{Reeled, row_of_films, row_of_sounds};
use super::kind::Kind;
use super::look::{Film, Look, look};
use super::wav::Wav;
use super::{Spool, disk};

/// How many parts are joined at most; more are served one by one.
const PARTS_MAX: usize = 100;
/// The rate of sounds that were recorded in several.
const MIXED_HZ: u32 = 16_000;

struct Opened {
    path: PathBuf,
    file: File,
    look: Look,
}

impl Spool {
    /// Joins what was kept; `None` where that can't be done, or there is nothing.
    pub(super) fn join(&self, message: MessageId, parts: &[Part]) -> Result<Option<Stored>, Error> {
        if let [] | [_] = parts {
            return Ok(parts.first().map(|part| part.file.clone()));
        }
        if parts.len() > PARTS_MAX {
            info!(%message, parts = parts.len(), "too many parts to join them");
            return Ok(None);
        }
        let mut opened =
            parts.iter().map(|part| self.opened(part)).collect::<Result<Vec<_>, _>>()?;
        if let Some(wavs) = alike(&opened) {
            return self.join_wavs(message, &mut opened, &wavs);
        }
        let row: Vec<Reeled<'_>> = opened.iter().filter_map(reeled).collect();
        if row.len() != opened.len() {
            return Ok(None);
        }
        let whole_ms: u64 = parts.iter().map(|part| part.file.length_ms).sum();
        if parts.iter().all(|part| part.medium == Medium::Audio) {
            let to = self.place.draft(message, 0, "wav");
            if let Err(trouble) = row_of_sounds(&self.tools, &row, &to, MIXED_HZ) {
                return not_joined(message, &to, &trouble.to_string());
            }
            let joined = self.store_written_wav(to)?;
            return Ok(joined.filter(|joined| joined.length_ms >= whole_ms / 2));
        }
        let to = self.place.draft(message, 0, "mp4");
        if self.tools.ffprobe.is_none() {
            // Which part has sound and which has none is not known for certain.
            return not_joined(message, &to, "ffprobe is not installed");
        }
        match row_of_films(&self.tools, &row, &to) {
            Ok(()) => self.store_film(&to, whole_ms / 2),
            Err(trouble) => not_joined(message, &to, &trouble.to_string()),
        }
    }

    fn opened(&self, part: &Part) -> Result<Opened, Error> {
        let path = self.place.content(part.file.content);
        let mut file = File::open(&path).at(&path)?;
        let (look, _) = look(&mut file, &path, &self.tools)?;
        Ok(Opened { path, file, look })
    }

    fn join_wavs(
        &self,
        message: MessageId,
        opened: &mut [Opened],
        wavs: &[Wav],
    ) -> Result<Option<Stored>, Error> {
        let Some(first) = wavs.first() else { return Ok(None) };
        let bytes = wavs.iter().map(|wav| wav.bytes).sum();
        let whole = Wav { format: first.format.clone(), from: 0, bytes };
        let mut draft = Draft::new(self.place.draft(message, 0, "wav"))?;
        draft.write(&whole.format.head(bytes))?;
        for (part, wav) in opened.iter_mut().zip(wavs) {
            part.file.seek(SeekFrom::Start(wav.from)).at(&part.path)?;
            draft.append(&mut part.file, &part.path, wav.bytes)?;
        }
        if bytes % 2 == 1 {
            draft.write(&[0])?;
        }
        self.store(draft, "audio/wav", whole.length_ms()).map(Some)
    }
}

fn not_joined(message: MessageId, to: &Path, cause: &str) -> Result<Option<Stored>, Error> {
    warn!(%message, cause, "the parts were not joined");
    disk::remove_file(to).at(to)?;
    Ok(None)
}

/// All of them, if they are sounds that are written in the same way.
fn alike(opened: &[Opened]) -> Option<Vec<Wav>> {
    let wavs = opened.iter().map(|part| match &part.look {
        Look::Wav(wav) => Some(wav.clone()),
        Look::Nothing | Look::Film(..) => None,
    });
    let wavs: Vec<Wav> = wavs.collect::<Option<_>>()?;
    wavs.windows(2).all(|pair| pair[0].format == pair[1].format).then_some(wavs)
}

fn reeled(part: &Opened) -> Option<Reeled<'_>> {
    let (kind, film) = match &part.look {
        Look::Nothing => return None,
        Look::Wav(wav) => {
            let reel = Reel { length_ms: wav.length_ms(), video: false, audio: true };
            (Kind::Wav, Film { reel, ..Film::default() })
        }
        Look::Film(kind, film) => (*kind, *film),
    };
    Some(Reeled { path: &part.path, kind, film })
}
