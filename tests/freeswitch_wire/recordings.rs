//! Every recording of a real switch, and what the reader makes of it.

use std::path::{Path, PathBuf};

use hallporter::domain::SwitchEvent;
use hallporter::freeswitch::Recognise;

use crate::fake::{Fake, Manner};
use crate::shown::lines;
use crate::side::{LONG, Side, end_mark, eventually, patient};

/// Who said a block of a recording, and what.
pub(crate) struct Block {
    pub(crate) by_switch: bool,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/freeswitch")
}

/// The blocks of a recording; the format is in the README beside them.
pub(crate) fn blocks(name: &str) -> Vec<Block> {
    let bytes = std::fs::read(fixtures().join(format!("{name}.esl"))).unwrap();
    let (mut blocks, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let end = at + bytes[at..].iter().position(|byte| *byte == b'\n').unwrap();
        let head = std::str::from_utf8(&bytes[at..end]).unwrap();
        let words: Vec<&str> = head.split(' ').collect();
        assert_eq!((words[0], words.len()), ("===", 4), "{name}: {head}");
        let length: usize = words[3].strip_prefix("bytes=").unwrap().parse().unwrap();
        let block = bytes[end + 1..end + 1 + length].to_vec();
        blocks.push(Block { by_switch: words[1] == "S", bytes: block });
        at = end + 1 + length + 1;
    }
    blocks
}

pub(crate) fn names() -> Vec<String> {
    let files = std::fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|ending| ending == "esl"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// The applications in the recordings bear other names than ours: gives them ours, one after the
/// other, so that their end is told.
fn named(frame: &[u8], step: &mut u64) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(frame) else { return frame.to_vec() };
    let Some((head, body)) = text.split_once("\n\n") else { return frame.to_vec() };
    let (begin, end) = if has(frame, "event-json") {
        ("\"Application-UUID\":\"", '"')
    } else {
        ("Application-UUID: ", '\n')
    };
    let (true, Some((before, rest))) =
        (has(frame, "CHANNEL_EXECUTE_COMPLETE"), body.split_once(begin))
    else {
        return frame.to_vec();
    };
    *step += 1;
    let (_, after) = rest.split_once(end).unwrap();
    let body = format!("{before}{begin}hp-step-{step:x}{end}{after}");
    let kind = head.lines().find(|line| line.starts_with("Content-Type")).unwrap();
    format!("Content-Length: {}\n{kind}\n\n{body}", body.len()).into_bytes()
}

/// Cuts bytes into pieces of odd lengths, from 1 to 1,300.
fn pieces(bytes: &[u8], seed: &mut u64) -> Vec<Vec<u8>> {
    let (mut rest, mut pieces) = (bytes, Vec::new());
    while !rest.is_empty() {
        *seed =
            seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let limit = if *seed >> 60 == 0 { 3 } else { 1_300 };
        let length = (1 + (*seed >> 33) as usize % limit).min(rest.len());
        pieces.push(rest[..length].to_vec());
        rest = &rest[length..];
    }
    pieces
}

/// Plays everything that the switch said behind its greeting, replies that nobody has asked for
/// among it, and gives what was told.
async fn play(name: &str, seed: u64) -> String {
    let fake = Fake::start(Manner::Good).await;
    let mut side = Side::up(&fake, Recognise::All).await;
    let (mut bytes, mut rest, mut step) = (Vec::new(), Vec::new(), 0);
    for block in blocks(name).iter().filter(|block| block.by_switch) {
        let ends = has(&block.bytes, "text/disconnect-notice") && !has(&block.bytes, "linger")
            || has(&block.bytes, "rude-rejection");
        if !rest.is_empty() || ends {
            rest.extend_from_slice(&block.bytes);
        } else if !has(&block.bytes, "auth/request") {
            bytes.extend(named(&block.bytes, &mut step));
        }
    }
    bytes.extend(end_mark());
    let mut seed = seed;
    fake.say(pieces(&bytes, &mut seed));
    let told = lines(&side.until_end_mark().await);
    fake.say(pieces(&rest, &mut seed));
    fake.hang_up();
    let last = side.until(|event| *event == SwitchEvent::Lost).await;
    assert_eq!(last.len(), 1, "{name}: {last:?}");
    side.ended().await;
    told
}

#[tokio::test]
async fn every_recording_is_read_as_it_is_written_down() {
    let names = names();
    assert!(names.len() >= 37, "{names:?}");
    let mut wrong = Vec::new();
    for name in &names {
        let told = play(name, 7).await;
        let path = fixtures().join(format!("expected/{name}.txt"));
        if std::env::var_os("HALLPORTER_BLESS").is_some() {
            std::fs::write(&path, &told).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        if kept != told {
            wrong.push(format!("== {name}, expected:\n{kept}-- and was:\n{told}"));
        }
    }
    assert!(wrong.is_empty(), "if that is right: HALLPORTER_BLESS=1\n{}", wrong.join("\n"));
    let kept = std::fs::read_dir(fixtures().join("expected")).unwrap().count();
    assert_eq!(kept, names.len());
}

#[tokio::test]
async fn frames_may_be_cut_anywhere() {
    for name in ["audio_message_dtmf_stop", "audio_message_silence_json"] {
        let kept = std::fs::read_to_string(fixtures().join(format!("expected/{name}.txt")));
        for seed in 1..12 {
            assert_eq!(play(name, seed).await, *kept.as_ref().unwrap(), "{name}, seed {seed}");
        }
    }
}

/// What a recorded switch said, for a switch that plays nothing else.
fn said(name: &str) -> &'static [&'static [u8]] {
    let blocks = blocks(name).into_iter().filter(|block| block.by_switch);
    Vec::leak(blocks.map(|block| &*Vec::leak(block.bytes)).collect())
}

#[tokio::test]
async fn refusals_are_told_in_one_sentence() {
    for (name, sentence) in [
        ("auth_bad", "the Event Socket refuses the password: write"),
        ("rude_rejection", "the Event Socket refuses this address: allow"),
    ] {
        let fake = Fake::start(Manner::Recorded(said(name))).await;
        let side = Side::start(&fake, patient(), Recognise::Marked);
        let trouble = || side.switch.status().trouble.unwrap_or_default();
        eventually(name, || !trouble().is_empty()).await;
        assert!(trouble().starts_with(sentence), "{name}: {}", trouble());
        // It is tried again, and nothing else is said.
        eventually(name, || fake.connections().0 >= 3).await;
        assert!(trouble().starts_with(sentence) && !side.switch.status().connected);
        tokio::time::timeout(LONG, side.ended()).await.unwrap();
    }
}
