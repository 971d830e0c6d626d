//! Whatever stands in a command or in an event: no byte of it begins another command, no part
//! leaves its place, and nothing that is told breaks the rules of the words.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::command::{self, CallCommand, Execute};
use super::seen::Recognise;
use super::{Error, Headers, Seen, read, read_list};
use crate::domain::{Keys, LegEvent, LegId, Sound, StepId, SwitchEvent};

const FALLBACK: &str = "lost XML hallporter";

fn leg() -> LegId {
    LegId::parse("5f2a-9b").unwrap()
}

fn called(uri: &str, via: Option<&str>, from_user: &str, profile: &str) -> Result<String, Error> {
    let leg = leg();
    let call = CallCommand { leg: &leg, uri, via, from_user, video: true, ring_s: 20 };
    command::call(&call, profile, FALLBACK)
}

/// Text that looks like what we take, with something bad in it now and then.
fn nearly() -> impl Strategy<Value = String> {
    let bad = proptest::sample::select(vec![
        "\n",
        "\r",
        "\0",
        " ",
        ",",
        "|",
        "}",
        "{",
        "[",
        "]",
        "'",
        "\"",
        "`",
        "$",
        "^",
        "!",
        "<",
        ">",
        "%",
        "\\",
        "&",
        "ü",
        "\u{2028}",
        "..",
        "//",
        ";fs_path=sip:evil",
        ":",
        "@",
        "=",
    ]);
    let part = prop_oneof![4 => "[a-z0-9/._-]{1,9}".boxed(), 1 => bad.prop_map(str::to_owned)];
    let near = proptest::collection::vec(part, 0..8).prop_map(|parts| parts.concat());
    prop_oneof![3 => near.boxed(), 1 => ".{0,40}".boxed()]
}

fn uri() -> impl Strategy<Value = String> {
    (nearly(), nearly()).prop_map(|(user, host)| format!("sip:{user}@{host}"))
}

/// One line, of characters that stand for themselves.
fn is_line(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_call_keeps_its_parts_in_place(
        uri in uri(), via in nearly(), user in nearly(), profile in nearly(),
    ) {
        let Ok(text) = called(&uri, Some(&via), &user, &profile) else { return Ok(()) };
        prop_assert!(is_line(&text));
        let rest = text.strip_prefix("originate {^^:").unwrap();
        let (variables, target) = rest.split_once('}').unwrap();
        let names: Vec<&str> =
            variables.split(':').map(|pair| pair.split_once('=').unwrap().0).collect();
        prop_assert_eq!(names, [
            "origination_uuid", "hallporter", "absolute_codec_string", "ignore_early_media",
            "originate_timeout", "origination_caller_id_number", "origination_caller_id_name",
            "execute_on_answer",
        ]);
        let words: Vec<&str> = target.split(' ').collect();
        prop_assert_eq!((words.len(), words[1]), (2, "&park()"));
        let begin = format!("sofia/{profile}/");
        prop_assert!(words[0].starts_with(&begin));
        prop_assert_eq!(words[0].matches("fs_path=").count(), 1);
        let separators = [',', '|', '{', '}', '[', ']', '<', '>', '&', '^', '%', '$', '\''];
        prop_assert!(!words[0].contains(separators), "{}", words[0]);
        let end = format!(";fs_path=sip:{via}");
        prop_assert!(words[0].ends_with(&end));
    }

    #[test]
    fn a_text_keeps_its_parts_in_place(
        profile in nearly(), host in nearly(), uri in uri(), words in nearly(),
        via in proptest::option::of(nearly()),
    ) {
        let to = (&*uri, via.as_deref());
        let Ok(text) = command::text(&profile, &host, to, &words) else { return Ok(()) };
        prop_assert!(is_line(&text));
        let fields: Vec<&str> = text.split('|').collect();
        prop_assert_eq!(fields.len(), 5);
        prop_assert_eq!((fields[0], fields[3], fields[4]), ("chat sip", &*words, "text/plain"));
        let begin = format!("{profile}/sip:");
        prop_assert!(fields[2].starts_with(&begin));
    }

    #[test]
    fn a_path_is_one_word(path in nearly()) {
        let play = command::play(
            StepId(1),
            &[Sound::File(path.as_str().into()), Sound::Beep],
            Keys::Any,
            FALLBACK,
        );
        if let Ok(queue) = &play {
            let list = queue[1].argument.strip_prefix("file_string://").unwrap();
            let files: Vec<&str> = list.split('!').collect();
            prop_assert_eq!(files.len(), 2);
            prop_assert_eq!(files[0], &*path);
            prop_assert!(path.starts_with('/') && !path.contains("..") && is_line(&path));
        }
        let record = command::record(StepId(1), &path, (60, 3), Keys::None, FALLBACK);
        prop_assert_eq!(record.is_ok(), play.is_ok());
        if let Ok(queue) = record {
            let words: Vec<&str> = queue[2].argument.split(' ').collect();
            prop_assert_eq!(words, [&path, "60", "200", "3"]);
        }
        for text in [command::overlay(&leg(), &path), command::hush(&leg(), &path)] {
            prop_assert_eq!(text.is_ok(), play.is_ok());
            if let Ok(text) = text {
                prop_assert_eq!(text.split(' ').nth(3), Some(&*path));
                prop_assert!(is_line(&text));
            }
        }
    }

    #[test]
    fn an_event_is_read_or_not_but_never_more(
        names in proptest::collection::vec(0..NAMES.len(), 0..14),
        values in proptest::collection::vec(prop_oneof![nearly(), sensible()], 14),
        kind in 0..KINDS.len(),
        body in proptest::option::of(nearly()),
    ) {
        let mut headers = BTreeMap::from([("Event-Name".to_owned(), KINDS[kind].to_owned())]);
        for (name, value) in names.into_iter().zip(values) {
            headers.insert(NAMES[name].to_owned(), value);
        }
        let mut seen = Seen::new(Recognise::All);
        let Some(SwitchEvent::Leg { leg, event }) = read(&Made { headers, body }, &mut seen) else {
            return Ok(());
        };
        prop_assert!(LegId::parse(leg.as_str()).is_some());
        if let LegEvent::Parked(facts) = &event {
            for text in [&facts.call_id, &facts.dialled, &facts.from_display] {
                prop_assert!(text.len() <= 512 && !text.contains(char::is_control));
            }
            let via = facts.via.as_deref().unwrap_or_default();
            let breaks = via.contains([' ', ',', ';', '}']);
            prop_assert!(is_line(via) && !breaks);
            prop_assert!(facts.cause.is_none_or(|cause| (300..700).contains(&cause)));
        }
    }

    #[test]
    fn a_list_is_read_or_refused(text in ".{0,200}") {
        let _ = read_list(&text);
        let row = serde_json::json!({ "row_count": 1, "rows": [{ "uuid": text }] }).to_string();
        for seen in read_list(&row).unwrap() {
            prop_assert_eq!(seen.leg.as_str(), &text);
        }
    }
}

const KINDS: &[&str] = &[
    "CHANNEL_PARK",
    "CHANNEL_ANSWER",
    "CHANNEL_EXECUTE_COMPLETE",
    "DTMF",
    "RECORD_START",
    "RECORD_STOP",
    "CHANNEL_BRIDGE",
    "RECV_INFO",
    "RECV_MESSAGE",
    "CHANNEL_HANGUP_COMPLETE",
    "OTHER",
];

const NAMES: &[&str] = &[
    "Unique-ID",
    "Unique-ID",
    "Unique-ID",
    "variable_hallporter",
    "Application-UUID",
    "Application-Response",
    "DTMF-Digit",
    "Record-File-Path",
    "Bridge-A-Unique-ID",
    "Bridge-B-Unique-ID",
    "Hangup-Cause",
    "variable_playback_terminator_used",
    "variable_sip_call_id",
    "variable_sip_from_uri",
    "variable_sip_from_display",
    "variable_sip_contact_uri",
    "variable_sip_req_params",
    "variable_sip_network_ip",
    "variable_sip_network_port",
    "Caller-Destination-Number",
    "variable_sip_h_X-Hallporter-Call",
    "variable_sip_h_X-Hallporter-Greeting",
];

fn sensible() -> impl Strategy<Value = String> {
    proptest::sample::select(vec![
        "a-1",
        "b-2",
        "deposit",
        "callback",
        "call",
        "hp-step-1f",
        "FILE NOT FOUND",
        "#",
        "5",
        "true",
        "alice@10.0.0.7:5060",
        "<sip:a@b>",
        "cause=486",
        ";cause=99999;x",
        "10.0.0.7",
        "5060",
        "99999",
        "hp-1-2f",
    ])
    .prop_map(str::to_owned)
}

struct Made {
    headers: BTreeMap<String, String>,
    body: Option<String>,
}

impl Headers for Made {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    fn body(&self) -> Option<&str> {
        self.body.as_deref()
    }
}

fn shown(queue: &[Execute]) -> Vec<String> {
    let line = |execute: &Execute| {
        let name = execute.step.map(|step| format!("  [{step}]")).unwrap_or_default();
        format!("{} {}{name}", execute.application, execute.argument)
    };
    queue.iter().map(line).collect()
}

#[test]
fn playing_ends_in_the_dead_mans_tail() {
    let sounds = [Sound::File("/p/en/busy.wav".into()), Sound::Silence { ms: 300 }, Sound::Beep];
    let queue = command::play(StepId(0x2f), &sounds, Keys::Any, FALLBACK).unwrap();
    assert_eq!(
        shown(&queue),
        [
            "set playback_terminators=0123456789*#",
            "playback file_string:///p/en/busy.wav!silence_stream://300!tone_stream://%(400,0,800)  [hp-step-2f]",
            "playback silence_stream://1500",
            "transfer lost XML hallporter",
        ]
    );
}

#[test]
fn recording_ends_in_the_dead_mans_tail() {
    let keys = Keys::EndOrSwitch { switch: '*' };
    let queue = command::record(StepId(1), "/s/1.mkv", (120, 0), keys, FALLBACK).unwrap();
    assert_eq!(
        shown(&queue),
        [
            "set playback_terminators=#*",
            "set record_fill_cng=true",
            "record /s/1.mkv 120  [hp-step-1]",
            "playback silence_stream://1500",
            "transfer lost XML hallporter",
        ]
    );
    let keys = Keys::EndOrSwitch { switch: '\n' };
    let queue = command::record(StepId(1), "/s/1.wav", (120, 4), keys, FALLBACK).unwrap();
    assert_eq!(shown(&queue)[0], "set playback_terminators=#");
    assert_eq!(shown(&queue)[2], "record /s/1.wav 120 200 4  [hp-step-1]");
}

#[test]
fn a_call_says_all_that_it_must() {
    assert_eq!(
        called("sip:dev@10.0.0.7:5060;transport=tcp", Some("10.0.0.1:5070"), "alice", "lab")
            .unwrap(),
        "originate {^^:origination_uuid=5f2a-9b:hallporter=call:\
         absolute_codec_string=PCMU,PCMA,VP8,H264:ignore_early_media=true:originate_timeout=20:\
         origination_caller_id_number=alice:origination_caller_id_name=alice:\
         execute_on_answer='sched_transfer +5 lost XML hallporter'}\
         sofia/lab/dev@10.0.0.7:5060;transport=tcp;fs_path=sip:10.0.0.1:5070 &park()"
    );
    let bad = ["sip:a%40b@c", "sip:a@b;FS_path=sip:x", "sip:a@b,c", "sip:", "", "sip:a b@c"];
    for uri in bad {
        assert!(called(uri, None, "alice", "lab").is_err(), "{uri}");
    }
    assert!(called("sip:a@b", Some("x y"), "alice", "lab").is_err());
    assert!(called("sip:a@b", None, "a:b", "lab").is_err());
    assert!(called("sip:a@b", None, "alice", "lab/x").is_err());
}

#[test]
fn a_text_says_all_that_it_must() {
    let link = "Your video: https://hallporter.example/m/7Yk2";
    assert_eq!(
        command::text("lab", "10.0.0.1", ("sip:dev@10.0.0.7", None), link).unwrap(),
        format!("chat sip|hallporter@10.0.0.1|lab/sip:dev@10.0.0.7|{link}|text/plain")
    );
    // Through a proxy it is for the device's name there, and says where the device is.
    assert_eq!(
        command::text("lab", "10.0.0.1", ("sip:dev@10.0.0.7", Some("10.0.0.2")), "hi").unwrap(),
        "chat sip|hallporter@10.0.0.1|lab/sip:dev@10.0.0.2;hp_to=10.0.0.7|hi|text/plain"
    );
    assert!(command::text("lab", "10.0.0.1", ("sip:dev@10.0.0.7", Some("a|b")), link).is_err());
    for bad in ["", "a|b", "a\nb", "ü"] {
        assert!(
            command::text("lab", "10.0.0.1", ("sip:dev@10.0.0.7", None), bad).is_err(),
            "{bad:?}"
        );
    }
}
