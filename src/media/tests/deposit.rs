//! Deposits: cards, checks, what a kill leaves.

use std::os::unix::fs::PermissionsExt as _;

use proptest::prelude::*;

use crate::domain::{NoRoom, NodeId};

use super::*;

#[test]
fn a_deposit_is_opened_noted_and_found_again() {
    let mut house = House::new(Tools::default());
    let mut card = house.open(&[]);
    house.spool.open_deposit(&card, 1).unwrap();
    card.parts.push(audio(1));
    card.urgent = true;
    house.spool.note(&card).unwrap();
    house.again();
    assert_eq!(house.spool.orphans().unwrap(), [(MESSAGE, Ok(card.clone()))]);
    assert_eq!(house.spool.deposit_card(MESSAGE), Some(card));
    assert_eq!(house.listing(), ["deposits/m7-12c/card.json"]);
    house.spool.remove_deposit(MESSAGE).unwrap();
    house.spool.remove_deposit(MESSAGE).unwrap();
    assert_eq!((house.listing(), house.spool.orphans().unwrap()), (vec![], vec![]));
}

#[test]
fn a_recording_in_no_card_is_found() {
    let mut house = House::new(Tools::default());
    house.open(&[audio(1)]);
    for name in ["2.mkv", "3.wav", "5.wav"] {
        fs::write(house.root.join("deposits/m7-12c").join(name), b"sound").unwrap();
    }
    house.again();
    let found = house.spool.orphans().unwrap();
    let parts = &found[0].1.as_ref().unwrap().parts;
    assert_eq!(parts, &[audio(1), video(2), audio(3)], "numbers have no gaps");
}

#[test]
fn freeswitch_may_write_and_play_as_another_user_of_the_group() {
    let house = House::new(Tools::default());
    house.open(&[]);
    let mode = |path: &str| house.root.join(path).metadata().unwrap().permissions().mode();
    for directory in ["", "deposits", "deposits/m7-12c", "files", "uploads"] {
        assert_eq!(mode(directory) & 0o7777, 0o2770, "{directory:?}");
    }
    let sound = house.spool.keep_sound(&wav(100, 5)).unwrap();
    let kept = house.spool.content_path(sound.content).metadata().unwrap();
    assert_eq!(kept.permissions().mode() & 0o777 & !0o640, 0);
}

#[test]
fn nothing_is_opened_without_room() {
    let house = House::new(Tools::default());
    assert!(house.spool.free_bytes().unwrap() > 0);
    assert_eq!(house.spool.open_deposit(&card(&[]), u64::MAX), Err(NoRoom::DiskFull));
    assert_eq!(house.listing(), [""; 0]);
    fs::remove_dir_all(house.root.join("deposits")).unwrap();
    assert_eq!(house.spool.open_deposit(&card(&[]), 1), Err(NoRoom::Broken));
    fs::write(house.root.join("deposits"), "").unwrap();
    assert_eq!(house.spool.open_deposit(&card(&[]), 1), Err(NoRoom::Broken));
}

#[test]
fn a_root_that_is_none_is_refused_in_a_sentence() {
    let house = House::new(Tools::default());
    let file = house.root.join("file");
    fs::write(&file, "").unwrap();
    for root in [file.clone(), file.join("below")] {
        let error = Spool::open(&root, Tools::default()).unwrap_err().to_string();
        assert!(error.contains("file") && error.contains("writable"), "{error}");
    }
    let deep = house.root.join("a/b/c");
    Spool::open(&deep, Tools::default()).unwrap();
    Spool::open(&deep, Tools::default()).unwrap();
}

#[test]
fn a_part_is_as_long_as_its_file_says_and_nothing_else() {
    let house = House::new(Tools::default());
    let card = house.open(&[audio(1)]);
    let check = || house.spool.check(card.message, audio(1));
    assert_eq!(check(), None);
    let whole = wav(2_000, 1_000);
    house.record(&card, audio(1), &whole);
    let facts = check().unwrap();
    assert_eq!((facts.length_ms, facts.bytes, facts.video), (2_000, 32_044, false));
    // Measured: success with a file of no bytes, and files that are nothing but a head.
    for length in [0, 44, 48] {
        house.record(&card, audio(1), &vec![0; length]);
        let facts = check().unwrap();
        assert_eq!((facts.length_ms, facts.bytes), (0, length as u64));
    }
    house.record(&card, audio(1), &whole[..44]);
    assert_eq!(check().unwrap().length_ms, 0);
    let path = house.spool.part_path(card.message, audio(1));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(check().unwrap().length_ms, 0, "a directory is no recording");
}

/// The switch is killed: at every 4 KiB what can be played is said to be there, and kept.
#[test]
fn a_kill_costs_what_was_not_written_yet() {
    let house = House::new(Tools::default());
    let card = house.open(&[audio(1)]);
    let mut whole = wav(4_000, 1_000);
    whole[4..8].copy_from_slice(&8u32.to_le_bytes());
    whole[40..44].copy_from_slice(&0u32.to_le_bytes());
    for length in (0..=whole.len()).step_by(4096) {
        house.record(&card, audio(1), &whole[..length]);
        let there_ms = (length as u64).saturating_sub(44) / 16;
        assert_eq!(house.spool.check(card.message, audio(1)).unwrap().length_ms, there_ms);
        let _ = fs::remove_file(house.root.join("deposits/m7-12c/kept.json"));
        let kept = house.spool.keep(&card).unwrap();
        assert_eq!((kept.length_ms, kept.parts.is_empty()), (there_ms, there_ms == 0));
        if let Some(part) = kept.parts.first() {
            let repaired = house.kept(&part.file);
            assert_eq!(repaired[44..], whole[44..length]);
            let said = u32::from_le_bytes(repaired[40..44].try_into().unwrap());
            assert_eq!(said as usize, length - 44, "other players believe the head");
        }
    }
}

#[test]
fn a_card_that_cannot_be_read_is_kept_aside() {
    let mut house = House::new(Tools::default());
    let other = MessageId::new(NodeId(1), 7, 1);
    for (round, bad) in [&b"{\"message\":\"m7-"[..], b"", b"[]", &[0xff; 300]].iter().enumerate() {
        let card = house.open(&[audio(1)]);
        house.record(&card, audio(1), &wav(1_000, 9));
        fs::write(house.root.join("deposits/m7-12c/card.json"), bad).unwrap();
        house.again();
        let found = house.spool.orphans().unwrap();
        let [(MESSAGE, Err(sentence))] = &found[..] else { panic!("{found:?}") };
        assert!(sentence.contains("m7-12c") && sentence.contains("broken-m7-12c"), "{sentence}");
        assert_eq!(house.spool.orphans().unwrap(), [], "said once");
        let aside = match round {
            0 => "deposits/broken-m7-12c/1.wav".to_owned(),
            round => format!("deposits/broken-m7-12c-{round}/1.wav"),
        };
        assert!(house.root.join(aside).is_file(), "nothing of it was lost");
    }
    // A card in the wrong directory, and recordings without any card.
    let card = house.open(&[]);
    fs::rename(house.root.join("deposits/m7-12c"), house.root.join("deposits/m7-1")).unwrap();
    house.open(&[]);
    house.record(&card, audio(1), b"x");
    fs::remove_file(house.root.join("deposits/m7-12c/card.json")).unwrap();
    let found = house.spool.orphans().unwrap();
    assert_eq!(
        found.iter().map(|(id, card)| (*id, card.is_err())).collect::<Vec<_>>(),
        [(other, true), (MESSAGE, true)]
    );
}

#[test]
fn a_kill_in_the_middle_of_opening_or_removing_leaves_nothing() {
    let mut house = House::new(Tools::default());
    house.open(&[]);
    let directory = house.root.join("deposits/m7-12c");
    fs::rename(directory.join("card.json"), directory.join("card.tmp")).unwrap();
    house.again();
    assert_eq!(house.spool.orphans().unwrap(), []);
    house.open(&[]);
    fs::rename(&directory, house.root.join("deposits/gone-m7-12c")).unwrap();
    house.again();
    assert_eq!((house.spool.orphans().unwrap(), house.listing()), (vec![], vec![]));
    fs::create_dir(house.root.join("deposits/gone-m7-12c")).unwrap();
    fs::write(house.root.join("deposits/gone-m7-12c/1.wav"), "x").unwrap();
    house.open(&[]);
    house.spool.remove_deposit(MESSAGE).unwrap();
    assert_eq!(house.listing(), [""; 0]);
    // Neither does what is somebody else's.
    fs::create_dir(house.root.join("deposits/lost+found")).unwrap();
    fs::write(house.root.join("deposits/notes.txt"), "x").unwrap();
    assert_eq!(house.spool.orphans().unwrap(), []);
    assert_eq!(house.listing(), ["deposits/notes.txt"]);
}

proptest! {
    /// Every path stays where it belongs, whatever the numbers are.
    #[test]
    fn no_path_leaves_the_spool(id: u64, number: u16, content: [u8; 32], again: u32, film: bool) {
        let root = Path::new("/spool");
        let place = Place::new(root);
        let id = MessageId(id);
        let part = if film { video(number) } else { audio(number) };
        let made = [
            place.deposit(id),
            place.broken(id, again),
            place.gone(id),
            place.card(id),
            place.kept(id),
            place.part(id, part),
            place.draft(id, number, "wav"),
            place.content(ContentId(content)),
            place.upload(id),
            place.upload_note(id),
            place.passing(again.into(), "wav"),
        ];
        for path in &made {
            let below = path.strip_prefix(root).unwrap();
            let plain = |name: std::path::Component<'_>| {
                let std::path::Component::Normal(name) = name else { return false };
                let name = name.to_str().unwrap();
                !name.starts_with('.') && name.bytes().all(|byte| {
                    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte)
                })
            };
            prop_assert!(below.components().all(plain), "{}", path.display());
            prop_assert!((2..=3).contains(&below.components().count()));
        }
        let distinct: std::collections::BTreeSet<_> = made.iter().collect();
        prop_assert_eq!(distinct.len(), made.len());
    }
}
