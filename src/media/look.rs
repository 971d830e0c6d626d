//! What is in a recording: the file is asked, not the event that told of it.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::domain::FileFacts;

use super::ebml::{Reel, read_matroska};
use super::error::{At as _, Error};
use super::kind::Kind;
use super::mp4::read_mp4;
use super::tools::{Tools, Trouble, arguments, file_argument, run};
use super::wav::{Wav, read_wav};

/// How long ffprobe may take over a file: it reads its head.
const PROBE_WITHIN: Duration = Duration::from_secs(10);

/// What a file turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Nothing that can be played.
    Nothing,
    /// Sound.
    Wav(Wav),
    /// A film, or sound in a film's container.
    Film(Kind, Film),
}

/// What is known of a film.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Film {
    pub(super) reel: Reel,
    /// Width and height in pixels, where ffprobe told them.
    pub(super) size: Option<(u32, u32)>,
    /// Its pictures are known not to be H.264, the one codec that everything plays.
    pub(super) foreign: bool,
    /// ffprobe could make nothing of it.
    pub(super) doubted: bool,
}

impl Look {
    pub(super) fn facts(&self, bytes: u64) -> FileFacts {
        match self {
            Self::Nothing => FileFacts { length_ms: 0, bytes, video: false },
            Self::Wav(wav) => FileFacts { length_ms: wav.length_ms(), bytes, video: false },
            Self::Film(_, film) => {
                FileFacts { length_ms: film.reel.length_ms, bytes, video: film.reel.video }
            }
        }
    }
}

/// Looks at a file. Its name is of no importance.
pub(super) fn look(file: &mut File, path: &Path, tools: &Tools) -> Result<(Look, u64), Error> {
    let metadata = file.metadata().at(path)?;
    let size = metadata.len();
    if !metadata.is_file() {
        return Ok((Look::Nothing, 0));
    }
    let look = match Kind::read(file).at(path)? {
        None => Look::Nothing,
        Some(Kind::Wav) => read_wav(file, size).at(path)?.map_or(Look::Nothing, Look::Wav),
        Some(kind @ (Kind::Matroska | Kind::Mp4)) => {
            let own = match kind {
                Kind::Mp4 => read_mp4(file, size),
                Kind::Matroska | Kind::Wav => read_matroska(file, size),
            };
            let film = join_views(kind, own.at(path)?, probe(path, kind, tools));
            if film.reel.length_ms > 0 && (film.reel.video || film.reel.audio) {
                Look::Film(kind, film)
            } else {
                Look::Nothing
            }
        }
    };
    Ok((look, size))
}

/// ffprobe knows codecs, our own readers know what is there of a file that was never finished.
/// Where ffprobe finds nothing, or fails for whatever reason, and we do, it is kept: nothing that
/// was said is lost for a doubt.
fn join_views(kind: Kind, own: Reel, probed: Result<Film, Trouble>) -> Film {
    let ours = Film { reel: own, ..Film::default() };
    match probed {
        Ok(film) if !film.reel.video && !film.reel.audio => Film { doubted: true, ..ours },
        Ok(film) if kind == Kind::Matroska => {
            let reel = Reel {
                video: own.video && film.reel.video,
                audio: own.audio && film.reel.audio,
                ..own
            };
            if reel.video || reel.audio {
                Film { reel, ..film }
            } else {
                Film { doubted: true, ..ours }
            }
        }
        Ok(film) => film,
        Err(Trouble::Failed(..)) => Film { doubted: true, ..ours },
        Err(Trouble::Missing | Trouble::Start(_) | Trouble::Late(_)) => ours,
    }
}

/// How ffmpeg and ffprobe open a file of a stranger: as what it is, and nothing but this file. A
/// playlist in disguise could else make them read others, or the network.
pub(super) fn opened_as(kind: Kind) -> [&'static str; 4] {
    let demuxer = match kind {
        Kind::Wav => "wav",
        Kind::Matroska => "matroska",
        Kind::Mp4 => "mov",
    };
    ["-protocol_whitelist", "file", "-f", demuxer]
}

fn probe(path: &Path, kind: Kind, tools: &Tools) -> Result<Film, Trouble> {
    let mut words = arguments(["-v", "error"]);
    words.extend(arguments(opened_as(kind)));
    words.extend(arguments([
        "-show_entries",
        "format=duration:stream=codec_type,codec_name,width,height:stream_disposition=attached_pic",
        "-of",
        "json",
    ]));
    words.push(file_argument(path));
    let told = run(tools.ffprobe.as_deref(), &words, PROBE_WITHIN)?;
    Ok(read_probe(&told))
}

/// What ffprobe tells, as JSON. A stream whose codec it does not know can't be played.
fn read_probe(told: &[u8]) -> Film {
    let told: Value = serde_json::from_slice(told).unwrap_or_default();
    let mut film = Film::default();
    let seconds = told["format"]["duration"].as_str().and_then(|text| text.parse::<f64>().ok());
    film.reel.length_ms = seconds.map_or(0, milliseconds);
    for stream in told["streams"].as_array().into_iter().flatten() {
        let known = stream["codec_name"].as_str().is_some_and(|name| name != "unknown");
        let still = stream["disposition"]["attached_pic"] == 1;
        let edge = |name: &str| stream[name].as_u64().and_then(|edge| u32::try_from(edge).ok());
        match (known, stream["codec_type"].as_str()) {
            (true, Some("audio")) => film.reel.audio = true,
            (true, Some("video")) if !still => {
                film.foreign |= !film.reel.video && stream["codec_name"] != "h264";
                film.reel.video = true;
                film.size = film.size.or_else(|| edge("width").zip(edge("height")));
            }
            _ => {}
        }
    }
    film
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it was brought within bounds"
)]
fn milliseconds(seconds: f64) -> u64 {
    if seconds.is_finite() { (seconds * 1000.0).clamp(0.0, 1e12).round() as u64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_read_whatever_it_says() {
        let film = read_probe(
            br#"{"streams":[{"codec_name":"h264","codec_type":"video","width":352,"height":288,
            "disposition":{"attached_pic":0}},{"codec_name":"aac","codec_type":"audio"}],
            "format":{"duration":"5.460000"}}"#,
        );
        assert_eq!(film.reel, Reel { length_ms: 5460, video: true, audio: true });
        assert_eq!(film.size, Some((352, 288)));
        let cover = br#"{"streams":[{"codec_name":"mjpeg","codec_type":"video","disposition":{"attached_pic":1}}]}"#;
        assert!(!read_probe(cover).reel.video);
        for odd in [&b""[..], b"[]", b"{\"streams\":3,\"format\":{\"duration\":\"NaN\"}}"] {
            assert_eq!(read_probe(odd), Film::default());
        }
        assert_eq!(milliseconds(f64::INFINITY) + milliseconds(-3.0), 0);
    }
}
