//! The readers of bytes, without a disk.

use proptest::prelude::*;

use super::*;

/// An element of Matroska with a known size.
fn element(id: &[u8], content: &[u8]) -> Vec<u8> {
    let size = (0x0100_0000_0000_0000 | content.len() as u64).to_be_bytes();
    [id, &size, content].concat()
}

/// The same with a size that was never filled in.
fn open_element(id: &[u8], content: &[u8]) -> Vec<u8> {
    [id, &[0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], content].concat()
}

/// A file with a picture and a sound track whose blocks have these times in milliseconds.
fn matroska(blocks: &[(u8, u64)]) -> Vec<u8> {
    let track = |number: u8, kind: u8| {
        let content = [element(&[0xD7], &[number]), element(&[0x83], &[kind])].concat();
        element(&[0xAE], &content)
    };
    let tracks = element(&[0x16, 0x54, 0xAE, 0x6B], &[track(1, 1), track(2, 2)].concat());
    let mut content = element(
        &[0x15, 0x49, 0xA9, 0x66],
        &element(&[0x2A, 0xD7, 0xB1], &1_000_000u32.to_be_bytes()),
    );
    content.extend(tracks);
    for (track, at_ms) in blocks {
        let time = element(&[0xE7], &(at_ms / 1000 * 1000).to_be_bytes());
        let rest = u16::try_from(at_ms % 1000).unwrap().to_be_bytes();
        let block = element(&[0xA3], &[0x80 | track, rest[0], rest[1], 0x80, 1, 2, 3]);
        content.extend(open_element(&[0x1F, 0x43, 0xB6, 0x75], &[time, block].concat()));
    }
    let head = element(&[0x1A, 0x45, 0xDF, 0xA3], &element(&[0x42, 0x82], b"matroska"));
    [head, open_element(&[0x18, 0x53, 0x80, 0x67], &content)].concat()
}

fn reel(bytes: &[u8]) -> Reel {
    read_matroska(&mut Cursor::new(bytes), bytes.len() as u64).unwrap()
}

fn mp4_reel(bytes: &[u8]) -> Reel {
    read_mp4(&mut Cursor::new(bytes), bytes.len() as u64).unwrap()
}

fn atom(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&u32::try_from(content.len() + 8).unwrap().to_be_bytes(), &name[..], content].concat()
}

fn mp4(length: u32) -> Vec<u8> {
    let words =
        |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
    let header = atom(b"mvhd", &words(&[0, 0, 0, 600, length, 0]));
    let handler = |kind: &[u8; 4]| {
        let content = [&[0; 8], &kind[..], &[0; 12]].concat();
        atom(b"trak", &atom(b"mdia", &atom(b"hdlr", &content)))
    };
    let table = atom(b"moov", &[header, handler(b"soun"), handler(b"vide")].concat());
    [atom(b"ftyp", b"isom\0\0\0\0"), atom(b"mdat", &[7; 100]), table].concat()
}

#[test]
fn a_recording_is_as_long_as_it_says() {
    let bytes = wav(2_000, 1_000);
    let wav = read(&bytes).unwrap();
    assert_eq!((wav.length_ms(), wav.from, wav.bytes), (2_000, 44, 32_000));
    assert_eq!(wav.format, WavFormat::pcm16(8_000, 1));
    assert_eq!(wav.format.head(wav.bytes), bytes[..44]);
}

#[test]
fn nothing_can_be_played_of_nothing() {
    let bytes = wav(100, 1);
    for length in [0, 1, 8, 12, 43, 44, 45] {
        assert_eq!(read(&bytes[..length]), None, "{length}");
    }
    assert_eq!(read(&bytes[..46]).unwrap().bytes, 2);
    for garbage in [&b"RIFF"[..], &[0; 4096], b"RIFF\0\0\0\0WAVEdata\xff\xff\xff\xff1234", b"MZ"] {
        assert_eq!(read(garbage), None);
    }
}

/// Measured: RIFF size 8 and data size 0 are what a kill leaves.
#[test]
fn a_head_that_was_never_finished_is_not_believed() {
    let mut bytes = wav(3_000, 1_000);
    bytes[4..8].copy_from_slice(&8u32.to_le_bytes());
    bytes[40..44].copy_from_slice(&0u32.to_le_bytes());
    assert_eq!(read(&bytes).unwrap().length_ms(), 3_000);
    bytes[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(read(&bytes).unwrap().length_ms(), 3_000);
    bytes.push(1);
    assert_eq!(read(&bytes).unwrap().bytes, 48_000, "half a sample is none");
}

#[test]
fn other_chunks_may_stand_around_the_samples() {
    let plain = wav(1_000, 1_000);
    let list = [&b"LIST"[..], &5u32.to_le_bytes(), b"INFOx\0"].concat();
    let around = [&plain[..12], &list, &plain[12..], &list].concat();
    let found = read(&around).unwrap();
    assert_eq!((found.length_ms(), found.from), (1_000, 44 + 14));
    // An empty recording with a title is empty.
    let mut empty = [&plain[..44], &list].concat();
    empty[40..44].copy_from_slice(&0u32.to_le_bytes());
    assert_eq!(read(&empty), None);
}

#[test]
fn formats_that_make_no_sense_are_refused() {
    let good = wav(100, 1);
    // Code, channels, rate, frame, bits: of PCM each follows from the others.
    for (at, value) in [(22, 0u16), (22, 200), (24, 0), (32, 0), (32, 3), (34, 0), (34, 12)] {
        let mut bad = good.clone();
        bad[at..at + 2].copy_from_slice(&value.to_le_bytes());
        if at == 24 {
            bad[26..28].copy_from_slice(&0u16.to_le_bytes());
        }
        assert_eq!(read(&bad), None, "{value} at {at}");
    }
    let mut rate = good.clone();
    rate[28..32].copy_from_slice(&1u32.to_le_bytes());
    assert_eq!(read(&rate).unwrap().length_ms(), 100, "bytes a second are reckoned");
    let mut ulaw = good;
    ulaw[20..22].copy_from_slice(&7u16.to_le_bytes());
    ulaw[32..36].copy_from_slice(&[1, 0, 8, 0]);
    let ulaw = read(&ulaw).unwrap();
    assert_eq!(ulaw.length_ms(), 200);
    let head = ulaw.format.head(8_001);
    assert_eq!(read(&[head, vec![0; 8_002]].concat()).unwrap().bytes, 8_001);
}

#[test]
fn a_film_is_as_long_as_its_blocks() {
    let bytes = matroska(&[(1, 0), (2, 10), (1, 990), (2, 5_500)]);
    assert_eq!(reel(&bytes), Reel { length_ms: 5_520, video: true, audio: true });
    let sound = matroska(&[(2, 0), (2, 980)]);
    assert_eq!(reel(&sound), Reel { length_ms: 1_000, video: false, audio: true });
    assert_eq!(reel(&matroska(&[])), Reel::default(), "tracks alone are nothing");
    assert_eq!(reel(&matroska(&[(9, 0), (9, 500)])), Reel::default(), "no such track");
    // The last block is not whole.
    let cut = &bytes[..bytes.len() - 1];
    assert_eq!(reel(cut), Reel { length_ms: 1_010, video: true, audio: true });
    assert_eq!(reel(b""), Reel::default());
    assert_eq!(reel(&[0x1A, 0x45, 0xDF, 0xA3]), Reel::default());
}

#[test]
fn an_upload_is_as_long_as_its_table_says() {
    let bytes = mp4(3_000);
    assert_eq!(mp4_reel(&bytes), Reel { length_ms: 5_000, video: true, audio: true });
    for length in 1..bytes.len() {
        let cut = mp4_reel(&bytes[..length]);
        assert!(cut.length_ms == 0, "{length}: {cut:?}");
    }
    assert_eq!(mp4_reel(&mp4(u32::MAX)).length_ms, 0, "unknown");
}

proptest! {
    /// Cut anywhere, what is said to be there is there.
    #[test]
    fn a_cut_recording_is_shorter(length in 0_usize..8_100) {
        let bytes = wav(500, 1_000);
        match read(&bytes[..length.min(bytes.len())]) {
            None => prop_assert!(length < 46),
            Some(wav) => {
                prop_assert_eq!(wav.bytes, (length.min(bytes.len()) as u64 - 44) / 2 * 2);
            }
        }
    }

    #[test]
    fn a_cut_film_is_shorter(length in 0_usize..1_000) {
        let blocks: Vec<(u8, u64)> = (0..20).map(|at| (1 + at % 2, u64::from(at) * 40)).collect();
        let bytes = matroska(&blocks);
        let (whole, cut) = (reel(&bytes), reel(&bytes[..length.min(bytes.len())]));
        prop_assert!(cut.length_ms <= whole.length_ms);
    }

    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300), form in 0..4) {
        let start = match form {
            0 => wav(1, 1)[..44].to_vec(),
            1 => matroska(&[(1, 0)]),
            2 => mp4(5),
            _ => Vec::new(),
        };
        let bytes = [start, bytes].concat();
        if let Some(wav) = read(&bytes) {
            prop_assert!(wav.from + wav.bytes <= bytes.len() as u64 && wav.bytes > 0);
        }
        let _ = (reel(&bytes), mp4_reel(&bytes));
    }
}
