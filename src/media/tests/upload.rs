//! Uploads: what their senders say and do.

use super::*;

const LIMITS: UploadLimits = UploadLimits { bytes_max: 1 << 20, disk_free_min: 1 };

/// A film that needs no ffmpeg to be seen as one: sound and picture for a second.
pub(super) fn small_film() -> Vec<u8> {
    let atom = |name: &[u8; 4], content: &[u8]| {
        [&u32::try_from(content.len() + 8).unwrap().to_be_bytes(), &name[..], content].concat()
    };
    let header: Vec<u8> = [0u32, 0, 0, 600, 600, 0].iter().flat_map(|w| w.to_be_bytes()).collect();
    let handler = atom(b"hdlr", &[&[0; 8][..], b"vide", &[0; 12]].concat());
    let track = atom(b"trak", &atom(b"mdia", &handler));
    let table = atom(b"moov", &[atom(b"mvhd", &header), track].concat());
    [atom(b"ftyp", b"isom\0\0\0\0"), table, atom(b"mdat", &[7; 5000])].concat()
}

fn begin(house: &House, bytes: u64, called: &str) -> Result<Upload, UploadError> {
    Upload::begin(&house.spool, (MESSAGE, 2), (bytes, called), LIMITS)
}

fn resume(house: &House, bytes: u64) -> Result<Upload, UploadError> {
    Upload::resume(&house.spool, (MESSAGE, 2), bytes, LIMITS)
}

/// Nothing but the card is there.
fn is_clean(house: &House) -> bool {
    house.listing() == ["deposits/m7-12c/card.json"]
}

#[test]
fn a_video_arrives_and_is_the_next_part() {
    let mut house = House::new(Tools::default());
    let mut card = house.open(&[audio(1)]);
    card.link_until_s = Some(5);
    house.spool.note(&card).unwrap();
    let film = small_film();
    let size = film.len() as u64;
    assert_eq!(house.spool.progress(MESSAGE), None);
    let mut upload = begin(&house, size, "video/mp4").unwrap();
    assert!(matches!(begin(&house, size, "video/mp4"), Err(UploadError::Busy)));
    for chunk in film.chunks(1000) {
        upload.write(chunk).unwrap();
        let progress = house.spool.progress(MESSAGE).unwrap();
        assert_eq!(
            (progress.bytes, progress.declared_bytes, progress.part),
            (upload.offset(), size, 2)
        );
    }
    let (part, facts) = upload.finish().unwrap();
    assert_eq!((part, facts.length_ms, facts.video, facts.bytes), (video(2), 1_000, true, size));
    assert_eq!(house.spool.check(MESSAGE, part), Some(facts));
    assert_eq!(house.listing(), ["deposits/m7-12c/2.mkv", "deposits/m7-12c/card.json"]);
    assert_eq!(house.spool.progress(MESSAGE), None);
    // The link was used.
    assert!(matches!(begin(&house, size, ""), Err(UploadError::Replayed)));
    assert!(matches!(resume(&house, size), Err(UploadError::NoUpload)));
    // A kill before it was noted does not lose it.
    house.again();
    let found = house.spool.orphans().unwrap();
    assert_eq!(found[0].1.as_ref().unwrap().parts, [audio(1), video(2)]);
}

#[test]
fn one_that_stops_goes_on_or_begins_anew() {
    let mut house = House::new(Tools::default());
    house.open(&[audio(1)]);
    let film = small_film();
    let size = film.len() as u64;
    let mut upload = begin(&house, size, "").unwrap();
    upload.write(&film[..2_000]).unwrap();
    let error = upload.finish().unwrap_err();
    assert!(matches!(error, UploadError::Incomplete { have: 2_000, .. }), "{error}");
    assert!(matches!(resume(&house, size + 1), Err(UploadError::Other)));
    house.again();
    let mut upload = resume(&house, size).unwrap();
    assert_eq!(upload.offset(), 2_000);
    upload.write(&film[2_000..3_000]).unwrap();
    drop(upload);
    let mut upload = begin(&house, size, "video/quicktime").unwrap();
    assert_eq!(upload.offset(), 0);
    upload.write(&film).unwrap();
    drop(upload);
    assert_eq!(resume(&house, size).unwrap().finish().unwrap().0, video(2));
}

#[test]
fn lies_are_seen() {
    let house = House::new(Tools::default());
    house.open(&[audio(1)]);
    let film = small_film();
    let size = film.len() as u64;
    for (bytes, called) in [(0, "video/mp4"), (u64::MAX, "video/mp4"), (LIMITS.bytes_max + 1, "")] {
        assert!(matches!(begin(&house, bytes, called), Err(UploadError::Size { .. })));
    }
    for called in ["text/html", "video", "audio/wav", "image/svg+xml", &"x".repeat(300)] {
        assert!(matches!(begin(&house, size, called), Err(UploadError::NotTaken)), "{called}");
    }
    assert!(is_clean(&house));
    // More than announced.
    let mut upload = begin(&house, size - 1, "").unwrap();
    assert!(matches!(upload.write(&film), Err(UploadError::Longer { .. })));
    drop(upload);
    assert!(is_clean(&house));
    // Another type than announced, and none at all: seen at once.
    for (bytes, called) in [
        (&film[..], "video/webm"),
        (b"#EXTM3U\nfile:///etc/passwd", ""),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0", "video/mp4"),
        (&wav(100, 1), "application/octet-stream"),
    ] {
        let mut upload = begin(&house, bytes.len() as u64 + 100, called).unwrap();
        assert!(matches!(upload.write(bytes), Err(UploadError::NotTaken)));
        drop(upload);
        assert!(is_clean(&house));
    }
    // Too short to be anything, and a film without a picture.
    let silent = [film[..16].to_vec(), vec![0; 8]].concat();
    for (bytes, no_video) in [(&b"abc"[..], false), (&silent, true)] {
        let mut upload = begin(&house, bytes.len() as u64, "").unwrap();
        upload.write(bytes).unwrap();
        let error = upload.finish().unwrap_err();
        assert_eq!(matches!(error, UploadError::NoVideo), no_video, "{error}");
        assert!(is_clean(&house));
    }
}

#[test]
fn there_must_be_a_deposit_and_room() {
    let house = House::new(Tools::default());
    let film = small_film();
    let size = film.len() as u64;
    assert!(matches!(begin(&house, size, ""), Err(UploadError::NoDeposit)));
    assert!(matches!(resume(&house, size), Err(UploadError::NoUpload)));
    house.open(&[audio(1)]);
    let tight = UploadLimits { disk_free_min: u64::MAX, ..LIMITS };
    let full = Upload::begin(&house.spool, (MESSAGE, 2), (size, ""), tight);
    assert!(matches!(full, Err(UploadError::Full)));
    // The deposit ends while it is uploaded.
    let mut upload = begin(&house, size, "").unwrap();
    upload.write(&film[..100]).unwrap();
    house.spool.remove_deposit(MESSAGE).unwrap();
    upload.write(&film[100..]).unwrap();
    let error = upload.finish().unwrap_err();
    assert!(matches!(error, UploadError::NoDeposit), "{error}");
    assert_eq!(house.listing(), [""; 0]);
    // Begun and given up.
    house.open(&[audio(1)]);
    begin(&house, size, "").unwrap().abandon().unwrap();
    assert!(is_clean(&house));
}

#[test]
fn a_running_upload_is_not_swept() {
    let house = House::new(Tools::default());
    house.open(&[audio(1)]);
    let upload = begin(&house, 100, "").unwrap();
    house.spool.sweep(i64::MAX, &|_| false).unwrap();
    assert!(house.root.join("uploads/m7-12c.part").is_file());
    drop(upload);
    house.spool.sweep(i64::MAX, &|_| false).unwrap();
    assert!(is_clean(&house));
}

#[test]
fn a_real_video_must_have_a_picture_that_ffprobe_sees() {
    let Some(tools) = ffmpeg() else { return };
    let house = House::new(tools.clone());
    house.open(&[audio(1)]);
    let send = |bytes: &[u8], called: &str| {
        let mut upload = begin(&house, bytes.len() as u64, called).unwrap();
        bytes.chunks(64 << 10).try_for_each(|chunk| upload.write(chunk))?;
        upload.finish()
    };
    let sound = film(&tools, &format!("{SOUND} -t 1 -c:a aac"), "mp4");
    assert!(matches!(send(&sound, "video/mp4"), Err(UploadError::NoVideo)));
    // Its own reader believes it, ffprobe does not.
    assert!(matches!(send(&small_film(), "video/mp4"), Err(UploadError::NoVideo)));
    let (part, facts) = send(recording(&tools), "video/x-matroska").unwrap();
    assert_eq!((part, facts.video), (video(2), true));
    assert!(facts.length_ms.abs_diff(4_000) < 100, "{facts:?}");
}
