//! Recordings: what is in a file of sound, or of picture and sound.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::live::program;

/// The samples of a wav with 16 bits and one channel, as far as they are there; a header that was
/// never completed (the switch was killed) does no harm.
pub(crate) fn samples(file: &Path) -> Vec<i16> {
    let bytes = std::fs::read(file).unwrap_or_default();
    let data = bytes.windows(4).position(|four| four == b"data").map_or(0, |at| at + 8);
    let data = bytes.get(data..).unwrap_or_default();
    data.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// A prompt that is shipped, such as `en/busy`.
pub(crate) fn prompt(name: &str) -> Vec<i16> {
    let file: PathBuf = prompts().join(format!("{name}.wav"));
    let samples = samples(&file);
    assert!(!samples.is_empty(), "there is no {}", file.display());
    samples
}

/// The directory of the prompts that are shipped.
pub(crate) fn prompts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts")
}

/// How strong a pitch is among samples at 8000 Hz (Goertzel), as the size of its sine.
pub(crate) fn strength(samples: &[i16], hz: f64) -> f64 {
    let step = std::f64::consts::TAU * hz / 8000.0;
    let (mut one, mut two) = (0.0, 0.0);
    for sample in samples {
        let now = f64::from(*sample) + 2.0 * step.cos() * one - two;
        (two, one) = (one, now);
    }
    let power = one * one + two * two - 2.0 * step.cos() * one * two;
    let length = f64::from(u32::try_from(samples.len().max(1)).unwrap());
    2.0 * power.max(0.0).sqrt() / length
}

/// Both streams are there and as long as they should be, if there is something to look with.
#[track_caller]
pub(crate) fn has_picture_and_sound(file: &Path, length_s: f64) {
    let size = std::fs::metadata(file).map_or(0, |facts| facts.len());
    assert!(size > 10_000, "{}: {size} bytes", file.display());
    let Some(ffprobe) = program("ffprobe") else { return };
    let output = Command::new(ffprobe)
        .args(["-v", "error", "-count_frames", "-of", "csv=p=0"])
        .args(["-show_entries", "stream=codec_type,nb_read_frames:format=duration"])
        .arg(file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let frames = |kind: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(&format!("{kind},")));
        line.and_then(|frames| frames.parse::<u32>().ok()).unwrap_or_default()
    };
    let length = said.lines().last().and_then(|last| last.parse::<f64>().ok()).unwrap_or_default();
    assert!(frames("video") >= 15 && frames("audio") >= 15, "{said}");
    assert!(length >= length_s, "{said}");
}

#[test]
fn pitches_are_told_apart() {
    let tone = |hz: f64| {
        let sine = |place| (std::f64::consts::TAU * hz * f64::from(place) / 8000.0).sin();
        (0..8000).map(|place| num(8000.0 * sine(place))).collect::<Vec<i16>>()
    };
    assert!((strength(&tone(440.0), 440.0) - 8000.0).abs() < 100.0);
    assert!(strength(&tone(440.0), 700.0) < 100.0);
    assert!(strength(&[], 440.0) < 1.0);
}

/// A sample from what was calculated.
#[allow(clippy::cast_possible_truncation, reason = "a sine of at most 8000")]
pub(crate) fn num(value: f64) -> i16 {
    value as i16
}
