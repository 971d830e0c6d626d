//! Kept files: greetings, reading, removing, sweeping.

use std::io::Read as _;

use super::*;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The time of a file, in milliseconds since 1970: nobody here reads a clock.
fn written_ms(path: &Path) -> i64 {
    let modified = path.metadata().unwrap().modified().unwrap();
    let since = modified.duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

#[test]
fn what_is_kept_is_read_until_it_is_deleted() {
    let house = House::new(Tools::default());
    let bytes = wav(300, 77);
    let stored = house.spool.keep_sound(&bytes).unwrap();
    assert_eq!(house.spool.keep_sound(&bytes).unwrap(), stored, "twice is once");
    let (mut file, length) = house.spool.file(stored.content).unwrap();
    let mut read = Vec::new();
    file.read_to_end(&mut read).unwrap();
    assert_eq!((read, length), (bytes.clone(), bytes.len() as u64));
    let sound = house.spool.content_path(stored.content).with_extension("wav");
    assert_eq!(fs::read(&sound).unwrap(), bytes, "a switch knows it by its ending");
    assert_eq!(house.listing().len(), 2, "nothing in passing stays");
    house.spool.delete(stored.content).unwrap();
    house.spool.delete(stored.content).unwrap();
    let error = house.spool.file(stored.content).unwrap_err();
    assert!(matches!(error, Error::NotThere { content } if content == stored.content));
    assert!(!sound.exists());
}

#[test]
fn a_greeting_is_a_sound() {
    let house = House::new(Tools::default());
    let mut cut = wav(1_000, 5);
    cut.truncate(8_044);
    let stored = house.spool.keep_sound(&cut).unwrap();
    assert_eq!((stored.length_ms, stored.bytes), (500, 8_044));
    for bad in [&b""[..], b"#EXTM3U\nfile:///etc/passwd\n", &[7; 5000]] {
        let error = house.spool.keep_sound(bad).unwrap_err();
        assert!(matches!(error, Error::NotAudio { .. }), "{error}");
    }
    assert_eq!(house.listing().len(), 2);
}

#[test]
fn any_sound_becomes_one_for_the_telephone() {
    let Some(tools) = ffmpeg() else { return };
    let house = House::new(tools.clone());
    for (words, ending) in [
        ("-f lavfi -i sine -t 2 -ac 2 -ar 44100", "wav"),
        ("-f lavfi -i sine -t 2 -c:a libvorbis", "ogg"),
        ("-f lavfi -i sine -t 2", "mp3"),
        ("-f lavfi -i sine -t 2 -c:a aac", "m4a"),
    ] {
        let stored = house.spool.keep_sound(&film(&tools, words, ending)).unwrap();
        let wav = read(&house.kept(&stored)).unwrap();
        assert_eq!(wav.format, WavFormat::pcm16(8_000, 1), "{ending}");
        assert!(stored.length_ms.abs_diff(2_000) < 100, "{ending}: {stored:?}");
    }
    let silent = film(&tools, &format!("{PICTURE} -t 1 {H264}"), "mp4");
    for bad in [&silent[..], b"#EXTM3U\nfile:///etc/passwd\n", b"ffconcat version 1.0\nfile x\n"] {
        let error = house.spool.keep_sound(bad).unwrap_err();
        assert!(matches!(error, Error::NotAudio { .. }), "{error}");
    }
    assert_eq!(house.listing().len(), 8);
}

#[test]
fn only_what_is_old_and_not_referred_to_is_swept() {
    let house = House::new(Tools::default());
    let used = house.spool.keep_sound(&wav(100, 1)).unwrap();
    let unused = house.spool.keep_sound(&wav(100, 2)).unwrap();
    let foreign = house.root.join("files/00/readme");
    fs::create_dir_all(foreign.parent().unwrap()).unwrap();
    fs::write(&foreign, "x").unwrap();
    fs::write(house.root.join("uploads/m7-1.part"), "half").unwrap();
    let now_ms = written_ms(&house.root.join("uploads/m7-1.part"));
    let refers = |content| content == used.content;
    let soon = house.spool.sweep(now_ms + DAY_MS - 60_000, &refers).unwrap();
    assert_eq!(soon, Swept::default());
    let later = house.spool.sweep(now_ms + DAY_MS + 1, &refers).unwrap();
    assert_eq!(later, Swept { files: 1, uploads: 1, bytes: unused.bytes + 4 });
    assert!(house.spool.file(unused.content).is_err());
    assert!(!house.spool.content_path(unused.content).with_extension("wav").exists());
    assert!(house.spool.file(used.content).is_ok() && foreign.is_file());
    let again = house.spool.sweep(now_ms + DAY_MS + 1, &refers).unwrap();
    assert_eq!(again, Swept::default());
}

/// An old file that is kept once more is a new one.
#[test]
fn what_is_kept_again_is_not_swept() {
    let house = House::new(Tools::default());
    let stored = house.spool.keep_sound(&wav(100, 1)).unwrap();
    let path = house.spool.content_path(stored.content);
    let fresh_ms = written_ms(&path);
    let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
    house.spool.keep_sound(&wav(100, 1)).unwrap();
    let swept = house.spool.sweep(fresh_ms + 60_000, &|_| false).unwrap();
    assert_eq!((swept.files, path.is_file()), (0, true));
}
