//! Films, with a real ffmpeg.

use super::*;

/// What ffprobe says of a kept file: codecs in order, length in milliseconds, number of pictures.
fn probe(tools: &Tools, house: &House, file: &Stored) -> (Vec<String>, u64, u64) {
    let words = "-v error -count_packets -show_entries \
                 stream=codec_name,nb_read_packets:format=duration -of json";
    let mut arguments = super::super::tools::arguments(words.split_whitespace());
    arguments.push(house.spool.content_path(file.content).into());
    let within = std::time::Duration::from_secs(60);
    let told = super::super::tools::run(tools.ffprobe.as_deref(), &arguments, within).unwrap();
    let told: serde_json::Value = serde_json::from_slice(&told).unwrap();
    let streams = told["streams"].as_array().unwrap();
    let names = streams.iter().map(|one| one["codec_name"].as_str().unwrap().to_owned()).collect();
    let seconds: f64 = told["format"]["duration"].as_str().unwrap().parse().unwrap();
    let pictures = streams[0]["nb_read_packets"].as_str().unwrap().parse().unwrap();
    (names, std::time::Duration::from_secs_f64(seconds).as_millis() as u64, pictures)
}

fn kept_of(tools: &Tools, bytes: &[u8]) -> (House, Kept) {
    let house = House::new(tools.clone());
    let card = house.open(&[video(1)]);
    house.record(&card, video(1), bytes);
    let kept = house.spool.keep(&card).unwrap();
    (house, kept)
}

#[test]
fn a_recording_becomes_an_mp4() {
    let Some(tools) = ffmpeg() else { return };
    let (mut house, kept) = kept_of(&tools, recording(&tools));
    let facts = house.spool.check(MESSAGE, video(1)).unwrap();
    assert!(facts.video && facts.length_ms.abs_diff(4_000) < 100, "{facts:?}");
    let [part] = &kept.parts[..] else { panic!("{kept:?}") };
    assert_eq!((part.medium, &*part.file.media_type), (Medium::Video, "video/mp4"));
    assert!(part.file.length_ms.abs_diff(4_000) < 100, "{part:?}");
    let (streams, length_ms, pictures) = probe(&tools, &house, &part.file);
    assert_eq!((&streams[..], pictures), (&["h264".to_owned(), "aac".to_owned()][..], 60));
    assert!(length_ms.abs_diff(4_000) < 100);
    assert!(named_by_content(&house.spool.content_path(part.file.content)));
    // Without its record it is made anew, and comes to the same bytes.
    house.again();
    fs::remove_file(house.root.join("deposits/m7-12c/kept.json")).unwrap();
    assert_eq!(house.spool.keep(&card(&[video(1)])).unwrap(), kept);
}

/// The switch is killed: what the reader finds is what ffmpeg makes of it, and more of it at every 4 KiB.
#[test]
fn a_kill_costs_what_was_not_written_yet() {
    let Some(tools) = ffmpeg() else { return };
    let whole = recording(&tools);
    let house = House::new(Tools::default());
    let deposit = house.open(&[video(1)]);
    let mut last_ms = 0;
    for length in (0..whole.len()).step_by(4096) {
        house.record(&deposit, video(1), &whole[..length]);
        let facts = house.spool.check(MESSAGE, video(1)).unwrap();
        assert!((last_ms..4_100).contains(&facts.length_ms), "{length}: {facts:?}");
        // The first picture is large, and sound comes before it is whole.
        assert!(facts.length_ms < 500 || facts.video, "{length}: {facts:?}");
        last_ms = facts.length_ms;
    }
    assert!(last_ms > 3_000, "{last_ms}");
    for part in 1..4 {
        let cut = &whole[..whole.len() * part / 4];
        let (house, kept) = kept_of(&tools, cut);
        let there = house.spool.check(MESSAGE, video(1)).unwrap();
        assert!(there.length_ms > 200, "{part}: {there:?}");
        assert_eq!(&*kept.parts[0].file.media_type, "video/mp4");
        assert!(kept.length_ms.abs_diff(there.length_ms) < 200, "{part}: {kept:?} {there:?}");
    }
    let (_, kept) = kept_of(&tools, &whole[..300]);
    assert_eq!(kept.dropped, [1]);
}

#[test]
fn a_film_without_sound_and_a_sound_without_picture_are_kept() {
    let Some(tools) = ffmpeg() else { return };
    let (house, kept) = kept_of(&tools, &film(&tools, &format!("{PICTURE} -t 2 {H264}"), "mkv"));
    let part = &kept.parts[0];
    assert_eq!((part.medium, &*part.file.media_type), (Medium::Video, "video/mp4"));
    assert_eq!(probe(&tools, &house, &part.file).0, ["h264"]);
    let (house, kept) =
        kept_of(&tools, &film(&tools, &format!("{SOUND} -t 2 -c:a libvorbis"), "mkv"));
    let facts = house.spool.check(MESSAGE, video(1)).unwrap();
    assert!(!facts.video && facts.length_ms.abs_diff(2_000) < 100, "{facts:?}");
    let part = &kept.parts[0];
    assert_eq!((part.medium, &*part.file.media_type), (Medium::Audio, "audio/wav"));
    assert!(part.file.length_ms.abs_diff(2_000) < 100, "{part:?}");
}

#[test]
fn what_is_not_played_everywhere_is_written_anew() {
    let Some(tools) = ffmpeg() else { return };
    for (codecs, ending) in [
        ("-c:v libvpx -deadline realtime -c:a libvorbis", "webm"),
        ("-c:v mpeg4 -c:a aac", "3gp"),
        ("-c:v h263 -s 176x144 -c:a aac", "mov"),
    ] {
        let words = format!("{PICTURE} {SOUND} -t 1 {codecs} -metadata title=my-home");
        let (house, kept) = kept_of(&tools, &film(&tools, &words, ending));
        let file = &kept.parts[0].file;
        assert_eq!(&*file.media_type, "video/mp4", "{ending}");
        assert_eq!(probe(&tools, &house, file).0, ["h264", "aac"], "{ending}");
        let bytes = house.kept(file);
        let told = bytes.windows(7).any(|window| window == b"my-home");
        assert!(!told, "{ending}: what the device wrote beside the pictures is left out");
    }
}

#[test]
fn without_ffmpeg_or_with_one_that_fails_it_is_kept_as_it_is() {
    let Some(tools) = ffmpeg() else { return };
    let bytes = recording(&tools);
    let fails = Some(PathBuf::from("/bin/false"));
    // A program that says that all is well, and writes nothing.
    let lies = Some(PathBuf::from("/bin/true"));
    for ffmpeg in [None, fails, lies] {
        let poor = Tools { ffmpeg, ffprobe: tools.ffprobe.clone() };
        let (house, kept) = kept_of(&poor, bytes);
        let part = &kept.parts[0];
        assert_eq!((part.medium, &*part.file.media_type), (Medium::Video, "video/x-matroska"));
        assert_eq!(house.kept(&part.file), bytes);
        assert_eq!(kept.joined.as_ref(), Some(&part.file), "one part is its own whole");
        assert!(kept.length_ms.abs_diff(4_000) < 100);
        let drafts = house.listing().into_iter().filter(|path| path.contains("draft"));
        assert_eq!(drafts.count(), 0);
    }
}

/// Whatever happens to ffprobe, what was said is kept.
#[test]
fn a_probe_that_fails_loses_nothing() {
    let Some(tools) = ffmpeg() else { return };
    for ffprobe in ["/bin/false", "/bin/true"] {
        let poor = Tools { ffmpeg: tools.ffmpeg.clone(), ffprobe: Some(ffprobe.into()) };
        let (house, kept) = kept_of(&poor, recording(&tools));
        let facts = house.spool.check(MESSAGE, video(1)).unwrap();
        assert!(facts.video && facts.length_ms.abs_diff(4_000) < 100, "{facts:?}");
        assert_eq!((kept.parts.len(), &*kept.parts[0].file.media_type), (1, "video/mp4"));
        assert!(kept.length_ms.abs_diff(4_000) < 100, "{kept:?}");
    }
}

#[test]
fn sounds_and_films_play_one_after_the_other() {
    let Some(tools) = ffmpeg() else { return };
    let house = House::new(tools.clone());
    let parts = [audio(1), video(2), video(3), audio(4)];
    let card = house.open(&parts);
    house.record(&card, parts[0], &wav(1_000, 900));
    house.record(&card, parts[1], recording(&tools));
    let large = "-f lavfi -i testsrc=size=320x240:rate=25";
    house.record(&card, parts[2], &film(&tools, &format!("{large} -t 2 {H264}"), "mkv"));
    house.record(&card, parts[3], &wav(1_500, 900));
    let kept = house.spool.keep(&card).unwrap();
    assert!(kept.length_ms.abs_diff(8_500) < 200, "{kept:?}");
    let media: Vec<Medium> = kept.parts.iter().map(|part| part.medium).collect();
    assert_eq!(media, [Medium::Audio, Medium::Video, Medium::Video, Medium::Audio]);
    let joined = kept.joined.clone().unwrap();
    assert_eq!(&*joined.media_type, "video/mp4");
    let (streams, length_ms, _) = probe(&tools, &house, &joined);
    assert_eq!(streams, ["h264", "aac"]);
    assert!(
        length_ms.abs_diff(8_500) < 400 && joined.length_ms.abs_diff(8_500) < 400,
        "{joined:?}"
    );
    assert_eq!(house.spool.keep(&card).unwrap(), kept);
    let drafts = house.listing().into_iter().filter(|path| path.contains("draft"));
    assert_eq!(drafts.count(), 0);
}

#[test]
fn sounds_that_differ_are_mixed_down() {
    let Some(tools) = ffmpeg() else { return };
    let house = House::new(tools);
    let card = house.open(&[audio(1), audio(2)]);
    house.record(&card, audio(1), &wav(1_000, 900));
    let wide = WavFormat::pcm16(48_000, 2);
    house.record(&card, audio(2), &[wide.head(192_000), vec![5; 192_000]].concat());
    let joined = house.spool.keep(&card).unwrap().joined.unwrap();
    assert_eq!((&*joined.media_type, joined.length_ms.abs_diff(2_000) < 50), ("audio/wav", true));
}
