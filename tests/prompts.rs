//! The prompts that are shipped: every language says everything, and every file can be heard.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};

use hallporter::messages::PROMPTS;

/// A sample that can be heard: 40 dB below the loudest.
const AUDIBLE: i16 = 328;

fn prompts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts")
}

/// The names of what lies in a directory, without this ending.
fn names(directory: &Path, ending: &str) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    let files = entries.map(|name| name.into_string().unwrap());
    let mut names: Vec<String> =
        files.filter_map(|name| Some(name.strip_suffix(ending)?.to_owned())).collect();
    names.sort();
    names
}

fn languages() -> Vec<String> {
    let entries = fs::read_dir(prompts()).unwrap().map(|entry| entry.unwrap());
    let directories = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    directories.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// The names in a text of sentences.
fn spoken(language: &str) -> Vec<String> {
    let text = fs::read_to_string(prompts().join(format!("{language}.txt"))).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut names: Vec<String> =
        lines.map(|line| line.split_once(" = ").expect(line).0.to_owned()).collect();
    names.sort();
    names
}

/// The samples of a wav with 16 bits, one channel and 8000 Hz; in a sentence what else it is.
fn samples(bytes: &[u8]) -> Result<Vec<i16>, String> {
    let number = |at: usize, size: usize| {
        let bytes = bytes.get(at..at + size)?;
        Some(bytes.iter().rev().fold(0usize, |all, byte| all << 8 | usize::from(*byte)))
    };
    let is = |at: usize, word: &[u8]| bytes.get(at..at + word.len()) == Some(word);
    if !is(0, b"RIFF") || !is(8, b"WAVEfmt ") {
        return Err("it is no wav file".to_owned());
    }
    if number(4, 4) != Some(bytes.len() - 8) {
        return Err("its header lies about its size".to_owned());
    }
    let form = [(20, 2), (22, 2), (24, 4), (34, 2)].map(|(at, size)| number(at, size));
    if form != [Some(1), Some(1), Some(8000), Some(16)] {
        return Err(format!("it is not PCM, mono, 8000 Hz, 16 bit: {form:?}"));
    }
    let mut at = 20 + number(16, 4).unwrap_or_default();
    while !is(at, b"data") {
        at += 8 + number(at + 4, 4).ok_or("it has no data")?;
    }
    let data = number(at + 4, 4).and_then(|size| bytes.get(at + 8..at + 8 + size));
    let data = data.ok_or("its data are cut off")?;
    Ok(data.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
}

#[test]
fn every_language_says_everything() {
    let languages = languages();
    for shipped in ["de", "en"] {
        assert!(languages.iter().any(|language| language == shipped), "{shipped} is missing");
    }
    for language in languages {
        assert_eq!(spoken(&language), PROMPTS, "prompts/{language}.txt");
        assert_eq!(names(&prompts().join(&language), ".wav"), PROMPTS, "prompts/{language}");
    }
}

#[test]
fn every_prompt_can_be_played_and_heard() {
    for language in languages() {
        for name in names(&prompts().join(&language), ".wav") {
            let file = prompts().join(&language).join(format!("{name}.wav"));
            let samples = samples(&fs::read(&file).unwrap())
                .unwrap_or_else(|what| panic!("{}: {what}", file.display()));
            let length_ms = samples.len() / 8;
            let audible = |sample: &&i16| sample.unsigned_abs() > AUDIBLE.unsigned_abs();
            let heard_ms = samples.iter().filter(audible).count() / 8;
            let file = file.display();
            assert!((300..=15_000).contains(&length_ms), "{file}: {length_ms} ms");
            // Speech: at least a quarter of it is loud enough, and what comes first is no pause.
            assert!(heard_ms * 4 > length_ms, "{file}: {heard_ms} of {length_ms} ms can be heard");
            let begins = samples.iter().position(|sample| audible(&sample)).unwrap();
            assert!(begins < 8 * 250, "{file} begins with {} ms of silence", begins / 8);
        }
    }
}

#[test]
fn what_is_no_prompt_is_seen() {
    let good = fs::read(prompts().join("en/busy.wav")).unwrap();
    assert!(samples(&good).is_ok());
    let spoilt = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        samples(&bytes).is_err()
    };
    for (at, byte) in [(0, b'X'), (4, 0), (22, 2), (25, 0x3e), (34, 8), (36, b'X')] {
        assert!(spoilt(at, byte), "byte {at}");
    }
    assert!(samples(&good[..good.len() / 2]).is_err());
}
