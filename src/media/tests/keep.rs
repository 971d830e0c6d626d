//! Delivery of sounds, without ffmpeg.

use super::*;

#[test]
fn one_part_is_its_own_joined_file() {
    let house = House::new(Tools::default());
    let card = house.open(&[audio(1)]);
    let bytes = wav(2_000, 1_000);
    house.record(&card, audio(1), &bytes);
    let kept = house.spool.keep(&card).unwrap();
    assert_eq!((kept.length_ms, &kept.dropped[..]), (2_000, &[][..]));
    assert_eq!(kept.joined.as_ref(), Some(&kept.parts[0].file));
    let part = &kept.parts[0];
    assert_eq!((part.number, part.medium, &*part.file.media_type), (1, Medium::Audio, "audio/wav"));
    assert_eq!(house.kept(&part.file), bytes);
    assert!(named_by_content(&house.spool.content_path(part.file.content)));
    assert!(house.spool.part_path(card.message, audio(1)).is_file(), "the original stays");
}

#[test]
fn parts_are_joined_and_those_thrown_away_or_empty_left_out() {
    let house = House::new(Tools::default());
    let parts = [audio(1), CardPart { dropped: true, ..audio(2) }, audio(3), audio(4), audio(5)];
    let card = house.open(&parts);
    let (one, three) = (wav(1_000, 100), wav(2_000, 200));
    house.record(&card, audio(1), &one);
    house.record(&card, audio(2), &wav(9_000, 1));
    house.record(&card, audio(3), &three);
    house.record(&card, audio(4), &three[..44]);
    let kept = house.spool.keep(&card).unwrap();
    assert_eq!((kept.length_ms, &kept.dropped[..]), (3_000, &[4, 5][..]));
    assert_eq!(kept.parts.iter().map(|part| part.number).collect::<Vec<_>>(), [1, 3]);
    let joined = kept.joined.unwrap();
    assert_eq!((joined.length_ms, &*joined.media_type), (3_000, "audio/wav"));
    let bytes = house.kept(&joined);
    assert_eq!(bytes[44..], [&one[44..], &three[44..]].concat());
    assert_eq!(read(&bytes).unwrap().length_ms(), 3_000);
}

#[test]
fn nothing_recorded_is_nothing_kept() {
    let house = House::new(Tools::default());
    let card = house.open(&[audio(1), video(2)]);
    house.record(&card, video(2), &[0; 48]);
    let kept = house.spool.keep(&card).unwrap();
    assert_eq!((kept.parts.len(), kept.joined, kept.length_ms), (0, None, 0));
    assert_eq!(kept.dropped, [1, 2]);
    // So is a deposit that was removed already.
    house.spool.remove_deposit(MESSAGE).unwrap();
    assert_eq!(house.spool.keep(&card).unwrap().parts.len(), 0);
    assert_eq!(house.listing(), [""; 0]);
}

#[test]
fn sounds_that_differ_stay_parts_where_there_is_no_ffmpeg() {
    let house = House::new(Tools::default());
    let card = house.open(&[audio(1), audio(2)]);
    house.record(&card, audio(1), &wav(1_000, 100));
    let wide = WavFormat::pcm16(48_000, 2);
    house.record(&card, audio(2), &[wide.head(192_000), vec![5; 192_000]].concat());
    let kept = house.spool.keep(&card).unwrap();
    assert_eq!((kept.parts.len(), kept.joined, kept.length_ms), (2, None, 2_000));
}

/// Whatever a crash left, the second delivery comes to the same, and no draft stays.
#[test]
fn a_delivery_may_be_done_again_from_any_point() {
    let mut house = House::new(Tools::default());
    let card = house.open(&[audio(1), audio(2)]);
    house.record(&card, audio(1), &wav(1_000, 100));
    house.record(&card, audio(2), &wav(500, 200));
    let first = house.spool.keep(&card).unwrap();
    let whole = house.listing();
    assert_eq!(whole.iter().filter(|path| path.starts_with("files/")).count(), 3);
    house.again();
    // What was done is not done again: it could take minutes.
    let (part, away) = (house.spool.part_path(MESSAGE, audio(1)), house.root.join("away"));
    fs::rename(&part, &away).unwrap();
    assert_eq!(house.spool.keep(&card).unwrap(), first);
    fs::rename(&away, &part).unwrap();
    let record = house.root.join("deposits/m7-12c/kept.json");
    for trouble in 0..5 {
        match trouble {
            0 => fs::write(&record, "{\"card\":").unwrap(),
            1 => fs::remove_file(&record).unwrap(),
            2 => house.spool.delete(first.parts[1].file.content).unwrap(),
            3 => fs::write(house.root.join("deposits/m7-12c/1-draft.wav"), "half").unwrap(),
            _ => {
                fs::remove_file(&record).unwrap();
                fs::remove_dir_all(house.root.join("files")).unwrap();
                house.again();
            }
        }
        assert_eq!(house.spool.keep(&card).unwrap(), first, "{trouble}");
    }
    let _ = fs::remove_file(house.root.join("deposits/m7-12c/1-draft.wav"));
    assert_eq!(house.listing(), whole);
    // The record is for these parts only.
    let mut fewer = card.clone();
    fewer.parts[1].dropped = true;
    assert_eq!(house.spool.keep(&fewer).unwrap().length_ms, 1_000);
    house.spool.remove_deposit(MESSAGE).unwrap();
    assert_eq!(house.kept(first.joined.as_ref().unwrap()).len() as u64, 44 + 24_000);
}

#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    let house = House::new(Tools::default());
    let card = house.open(&[audio(1)]);
    house.record(&card, audio(1), &wav(1_000, 100));
    // What can be had without a disk of its own: a directory that is none.
    fs::remove_dir(house.root.join("files")).unwrap();
    fs::write(house.root.join("files"), "").unwrap();
    let error = house.spool.keep(&card).unwrap_err().to_string();
    assert!(error.contains("can't be read or written"), "{error}");
    fs::remove_file(house.root.join("files")).unwrap();
    fs::create_dir(house.root.join("files")).unwrap();
    assert_eq!(house.spool.keep(&card).unwrap().length_ms, 1_000);
    let full = Error::of(Path::new("/x"), io::ErrorKind::StorageFull.into());
    assert!(matches!(full, Error::Full { .. }));
}
