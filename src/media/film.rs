//! What ffmpeg is asked for. Measured on ffmpeg 5.1: an 8 s clip of FreeSWITCH takes 0.15 s, its
//! pictures bit for bit; a file that a kill left is read as far as it goes.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::disk::remove_file;
use super::kind::Kind;
use super::look::{Film, opened_as};
use super::tools::{Tools, Trouble, arguments, file_argument, run};

/// How long ffmpeg may take to put a film into another container.
const COPY_WITHIN: Duration = Duration::from_secs(120);
/// How long it may take to write every picture anew.
const ANEW_WITHIN: Duration = Duration::from_secs(1_200);

/// What every film is written with. What its sender's device wrote beside the pictures (a place,
/// a name) is left out; two runs write the same bytes.
const WRITTEN: [&str; 9] =
    ["-c:a", "aac", "-b:a", "64k", "-map_metadata", "-1", "-fflags", "+bitexact", "-movflags"];
/// Pictures written anew: small, and quickly. Without `vfr`, the frames of FreeSWITCH's files
/// would be doubled (measured: 120 became 398).
const PICTURES: [&str; 10] = [
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-crf",
    "26",
    "-pix_fmt",
    "yuv420p",
    "-fps_mode",
    "vfr",
];

/// How a film becomes an mp4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The pictures as they are.
    Copy,
    /// Every picture anew; for what can't be in an mp4, or is not played everywhere.
    Anew,
}

fn quiet() -> Vec<OsString> {
    arguments(["-nostdin", "-v", "error", "-y", "-threads", "2"])
}

fn input(words: &mut Vec<OsString>, (path, kind): (&Path, Option<Kind>)) {
    match kind {
        Some(kind) => words.extend(arguments(opened_as(kind))),
        // Sounds whose kind is not known to us: from a list, and from this file only.
        None => words.extend(arguments([
            "-protocol_whitelist",
            "file",
            "-format_whitelist",
            "wav,aiff,au,mp3,ogg,flac,aac,amr,mov,matroska",
        ])),
    }
    words.push("-i".into());
    words.push(file_argument(path));
}

/// Writes `to`. A file that is there already may still be written by an ffmpeg that outlived a
/// killed daemon: it keeps its own, which has no name then.
fn ffmpeg(
    tools: &Tools,
    mut words: Vec<OsString>,
    to: &Path,
    within: Duration,
) -> Result<(), Trouble> {
    remove_file(to).map_err(Trouble::Start)?;
    words.push(file_argument(to));
    run(tools.ffmpeg.as_deref(), &words, within).map(|_| ())
}

/// Puts a film with a picture into an mp4; its sound, if it has one, becomes AAC.
pub(super) fn to_mp4(
    tools: &Tools,
    (from, kind): (&Path, Kind),
    to: &Path,
    way: Way,
) -> Result<(), Trouble> {
    let mut words = quiet();
    input(&mut words, (from, Some(kind)));
    words.extend(arguments(["-map", "0:v:0", "-map", "0:a:0?"]));
    let within = match way {
        Way::Copy => {
            words.extend(arguments(["-c:v", "copy"]));
            COPY_WITHIN
        }
        Way::Anew => {
            words.extend(arguments(PICTURES));
            // Half a chroma pixel can't be written.
            words.extend(arguments(["-vf", "scale=trunc(iw/2)*2:trunc(ih/2)*2"]));
            ANEW_WITHIN
        }
    };
    words.extend(arguments(WRITTEN));
    words.extend(arguments(["+faststart", "-f", "mp4"]));
    ffmpeg(tools, words, to, within)
}

/// Writes the sound of a file as WAVE: one channel, 16 bit.
pub(super) fn to_wav(
    tools: &Tools,
    from: (&Path, Option<Kind>),
    to: &Path,
    rate_hz: u32,
    within: Duration,
) -> Result<(), Trouble> {
    let mut words = quiet();
    input(&mut words, from);
    let rate = rate_hz.to_string();
    words.extend(arguments(["-map", "0:a:0", "-ac", "1", "-ar", &rate, "-c:a", "pcm_s16le"]));
    words.extend(arguments(["-fflags", "+bitexact", "-map_metadata", "-1", "-f", "wav"]));
    ffmpeg(tools, words, to, within)
}

/// One part of a row.
pub(super) struct Reeled<'a> {
    pub(super) path: &'a Path,
    pub(super) kind: Kind,
    pub(super) film: Film,
}

/// Plays sounds one after the other into one WAVE file.
pub(super) fn row_of_sounds(
    tools: &Tools,
    parts: &[Reeled<'_>],
    to: &Path,
    rate_hz: u32,
) -> Result<(), Trouble> {
    let mut words = quiet();
    let mut graph = String::new();
    for (index, part) in parts.iter().enumerate() {
        input(&mut words, (part.path, Some(part.kind)));
        graph += &format!("[{index}:a:0]{}[a{index}];", sound(rate_hz));
    }
    graph += &(0..parts.len()).map(|index| format!("[a{index}]")).collect::<String>();
    graph += &format!("concat=n={}:v=0:a=1[a]", parts.len());
    words.extend(arguments(["-filter_complex", &graph, "-map", "[a]", "-c:a", "pcm_s16le"]));
    words.extend(arguments(["-fflags", "+bitexact", "-f", "wav"]));
    ffmpeg(tools, words, to, ANEW_WITHIN)
}

/// Plays films and sounds one after the other into one mp4. Where there is no picture, it is
/// black; where there is no sound, it is silent.
pub(super) fn row_of_films(tools: &Tools, parts: &[Reeled<'_>], to: &Path) -> Result<(), Trouble> {
    let (width, height) = canvas(parts);
    let mut words = quiet();
    let mut graph = String::new();
    let mut row = String::new();
    for (index, part) in parts.iter().enumerate() {
        input(&mut words, (part.path, Some(part.kind)));
        let reel = part.film.reel;
        let length = format!("{}.{:03}", reel.length_ms / 1000, reel.length_ms % 1000);
        graph += &if reel.video {
            format!(
                "[{index}:v:0]scale={width}:{height}:force_original_aspect_ratio=decrease,\
                 pad={width}:{height}:(ow-iw)/2:(oh-ih)/2,setsar=1,format=yuv420p[v{index}];"
            )
        } else {
            format!(
                "color=black:s={width}x{height}:r=5:d={length},setsar=1,format=yuv420p[v{index}];"
            )
        };
        graph += &if reel.audio {
            format!("[{index}:a:0]{}[a{index}];", sound(48_000))
        } else {
            format!("anullsrc=r=48000:cl=mono,atrim=duration={length},{}[a{index}];", sound(48_000))
        };
        row += &format!("[v{index}][a{index}]");
    }
    graph += &format!("{row}concat=n={}:v=1:a=1[v][a]", parts.len());
    words.extend(arguments(["-filter_complex", &graph, "-map", "[v]", "-map", "[a]"]));
    words.extend(arguments(PICTURES));
    words.extend(arguments(WRITTEN));
    words.extend(arguments(["+faststart", "-f", "mp4"]));
    ffmpeg(tools, words, to, ANEW_WITHIN)
}

fn sound(rate_hz: u32) -> String {
    format!("aresample={rate_hz},aformat=sample_fmts=s16:channel_layouts=mono")
}

/// The largest picture among them, within bounds and even.
fn canvas(parts: &[Reeled<'_>]) -> (u32, u32) {
    let sizes = parts.iter().filter_map(|part| part.film.size);
    let largest = sizes.max_by_key(|(width, height)| u64::from(*width) * u64::from(*height));
    let (width, height) = largest.unwrap_or((640, 480));
    let edge = |edge: u32| edge.clamp(64, 1280) / 2 * 2;
    (edge(width), edge(height))
}
