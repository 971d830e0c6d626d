//! What is asked, word for word as a switch hears it.

use hallporter::domain::{
    Keys, LegEvent, Medium, SipUri, Sound, StepId, SwitchCommand, SwitchEvent, VideoFacts,
};
use hallporter::freeswitch::Recognise;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::fake::{Fake, Manner, event};
use crate::side::{Side, leg};

const X: &str = "5f2a-9b";

async fn house() -> (Fake, Side) {
    let fake = Fake::start(Manner::Good).await;
    let side = Side::up(&fake, Recognise::Marked).await;
    (fake, side)
}

/// The next commands, each in one line.
async fn heard(fake: &mut Fake, count: usize) -> Vec<String> {
    let mut heard = Vec::new();
    for _ in 0..count {
        heard.push(fake.command().await.replace('\n', " | "));
    }
    heard
}

/// `sendmsg` for an application, as [`heard`] shows it. The crate writes the names of headers
/// its own way; a switch does not mind.
fn sendmsg(application: &str, argument: &str, step: Option<u64>) -> String {
    let name = step.map(|step| format!(" | Event-Uuid: hp-step-{step:x}")).unwrap_or_default();
    format!(
        "sendmsg {X} | Call-Command: execute | Execute-App-Name: {application} | \
         Execute-App-Arg: {argument} | Event-Lock: true{name}"
    )
}

fn told(event: LegEvent) -> SwitchEvent {
    SwitchEvent::Leg { leg: leg(X), event }
}

fn tell(name: &str) -> Vec<u8> {
    event(&[("Event-Name", name), ("Unique-ID", X), ("variable_hallporter", "deposit")], "")
}

fn play(step: u64) -> SwitchCommand {
    let sounds = vec![Sound::File("/p/en/busy.wav".into()), Sound::Beep];
    SwitchCommand::Play { leg: leg(X), step: StepId(step), sounds, keys: Keys::Any }
}

fn played(step: u64) -> [String; 4] {
    let list = "file_string:///p/en/busy.wav!tone_stream://%(400,0,800)";
    [
        sendmsg("set", "playback_terminators=0123456789*#", None),
        sendmsg("playback", list, Some(step)),
        sendmsg("playback", "silence_stream://1500", None),
        sendmsg("transfer", "_lost XML hallporter", None),
    ]
}

#[tokio::test]
async fn a_claim_is_ours_by_exactly_one_answer() {
    for (answer, ours) in [
        ("+OK Deleted: 1\n", true),
        ("+OK Deleted: 0\n", false),
        ("+OK Deleted: 11\n", false),
        ("+OK\n", false),
        ("-ERR no reply\n", false),
        ("", false),
    ] {
        let (mut fake, mut side) = house().await;
        fake.answer("sched_del", answer);
        side.switch.send(SwitchCommand::Claim { leg: leg(X) });
        assert_eq!(heard(&mut fake, 1).await, [format!("api sched_del {X}")]);
        assert_eq!(side.next().await, told(LegEvent::Claimed(ours)), "{answer:?}");
        // A new guard stands in until something runs.
        if ours {
            let guard = format!("api sched_transfer +5 {X} _lost XML hallporter");
            assert_eq!(heard(&mut fake, 1).await, [guard]);
        }
        side.switch.send(play(1));
        assert_eq!(heard(&mut fake, 4).await, played(1));
        side.switch.send(SwitchCommand::Answer { leg: leg(X) });
        let after = if ours { format!("api sched_del {X}") } else { sendmsg("answer", "", None) };
        assert_eq!(heard(&mut fake, 1).await, [after]);
    }
}

#[tokio::test]
async fn every_application_flushes_the_tail_before_it() {
    let (mut fake, mut side) = house().await;
    let flush = format!("api uuid_break {X} all");
    fake.say([tell("CHANNEL_PARK")]);
    side.next().await;
    side.switch.send(play(0x1f));
    assert_eq!(heard(&mut fake, 4).await, played(0x1f));
    let path = "/s/1.mkv".into();
    let keys = Keys::EndOrSwitch { switch: '*' };
    let (limit_s, silence_s, medium) = (120, 4, Medium::Video);
    let step = StepId(2);
    let record =
        SwitchCommand::Record { leg: leg(X), step, path, medium, limit_s, silence_s, keys };
    side.switch.send(record);
    assert_eq!(
        heard(&mut fake, 6).await,
        [
            flush.clone(),
            sendmsg("set", "playback_terminators=#*", None),
            sendmsg("set", "record_fill_cng=true", None),
            sendmsg("record", "/s/1.mkv 120 200 4", Some(2)),
            sendmsg("playback", "silence_stream://1500", None),
            sendmsg("transfer", "_lost XML hallporter", None),
        ]
    );
    // A break takes the tail with it: nothing is left to flush.
    side.switch.send(SwitchCommand::Break { leg: leg(X) });
    side.switch.send(play(3));
    side.switch.send(SwitchCommand::Bridge { leg: leg(X), other: leg("other") });
    assert_eq!(heard(&mut fake, 5).await, [&[flush.clone()][..], &played(3)].concat());
    assert_eq!(
        heard(&mut fake, 5).await,
        [
            flush,
            format!("api uuid_setvar {X} park_after_bridge true"),
            "api sched_del other".to_owned(),
            "api uuid_answer other".to_owned(),
            format!("api uuid_bridge {X} other"),
        ]
    );
    // The bridge fails, or ends: the leg waits again, and is told so once.
    fake.say([tell("CHANNEL_PARK"), tell("CHANNEL_PARK"), crate::side::end_mark()]);
    assert_eq!(side.until_end_mark().await, [told(LegEvent::Unbridged)]);
    side.switch.send(SwitchCommand::HangUp { leg: leg(X), cause: "NORMAL_CLEARING" });
    assert_eq!(heard(&mut fake, 1).await, [format!("api uuid_kill {X} NORMAL_CLEARING")]);
}

#[tokio::test]
async fn what_is_kept_of_a_leg_goes_with_it() {
    let mut fake = Fake::start(Manner::Good).await;
    let mut patience = crate::side::patient();
    patience.list_every = std::time::Duration::from_millis(20);
    let mut side = Side::up_with(&fake, patience, Recognise::Marked).await;
    fake.say([tell("CHANNEL_PARK")]);
    side.until(|event| matches!(event, SwitchEvent::Leg { .. })).await;
    side.switch.send(play(1));
    assert_eq!(heard(&mut fake, 4).await, played(1));
    // The caller hangs up by himself; the next list but one was begun after that.
    fake.say([tell("CHANNEL_HANGUP_COMPLETE")]);
    side.until(|event| matches!(event, SwitchEvent::Leg { .. })).await;
    for _ in 0..2 {
        side.until(|event| matches!(event, SwitchEvent::Legs { .. })).await;
    }
    side.switch.send(play(2));
    assert_eq!(heard(&mut fake, 4).await, played(2));
}

#[tokio::test]
async fn the_beat_stops_with_the_daemon() {
    let fake = Fake::start(Manner::Good).await;
    let mut patience = crate::side::patient();
    patience.beat_every = std::time::Duration::from_millis(10);
    let side = Side::up_with(&fake, patience, Recognise::Marked).await;
    let beats = || fake.beats();
    crate::side::eventually("no beat", || beats() > 3).await;
    side.switch.beat(false);
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    let before = beats();
    tokio::time::sleep(std::time::Duration::from_millis(60)).await;
    assert_eq!(beats(), before);
    side.switch.beat(true);
    crate::side::eventually("no beat", || beats() > before).await;
}

#[tokio::test]
async fn what_a_switch_refuses_is_told() {
    let (mut fake, mut side) = house().await;
    fake.answer("sendmsg", "-ERR invalid session id [x]");
    side.switch.send(SwitchCommand::Answer { leg: leg(X) });
    assert_eq!(side.next().await, told(LegEvent::Refused { command: "answer" }));
    // What could break a command is not even sent.
    let sounds = vec![Sound::File("/p/a b.wav".into())];
    let step = StepId(1);
    side.switch.send(SwitchCommand::Play { leg: leg(X), step, sounds, keys: Keys::None });
    assert_eq!(side.next().await, told(LegEvent::Refused { command: "play" }));
    side.switch.send(SwitchCommand::OfferVideo { leg: leg(X) });
    let heard = heard(&mut fake, 2).await;
    assert_eq!(heard[1], format!("api uuid_media_reneg {X} =PCMU,PCMA,VP8,H264"));
}

#[tokio::test]
async fn video_is_asked_for() {
    for (possible, flow, packets, facts) in [
        ("true", "sendrecv", "69", VideoFacts { negotiated: true, packets: 69 }),
        ("true", "inactive", "0", VideoFacts { negotiated: false, packets: 0 }),
        ("_undef_", "inactive", "_undef_", VideoFacts { negotiated: false, packets: 0 }),
        ("true", "sendonly", "-1", VideoFacts { negotiated: true, packets: 0 }),
    ] {
        let (fake, mut side) = house().await;
        fake.answer(&format!("uuid_getvar {X} video_possible"), possible);
        fake.answer(&format!("uuid_getvar {X} remote_video_media_flow"), flow);
        fake.answer(&format!("uuid_getvar {X} rtp_video_in_packet_count"), packets);
        side.switch.send(SwitchCommand::AskVideo { leg: leg(X) });
        assert_eq!(side.next().await, told(LegEvent::Video(facts)));
    }
}

fn text() -> SwitchCommand {
    let uri = SipUri::parse("sip:dev@10.0.0.7:5060").unwrap();
    let via = Some("10.0.0.1:5070".into());
    SwitchCommand::SendText { leg: leg(X), uri, via, text: "https://h.example/m/7".into() }
}

fn call() -> SwitchCommand {
    let uri = SipUri::parse("sip:dev@10.0.0.7:5060").unwrap();
    let (via, from_user) = (Some("10.0.0.1:5070".into()), "alice".into());
    SwitchCommand::Call { leg: leg(X), uri, via, from_user, video: true, ring_s: 20 }
}

#[tokio::test]
async fn slow_things_run_in_the_background() {
    let (mut fake, mut side) = house().await;
    side.switch.send(call());
    side.switch.send(text());
    let heard = heard(&mut fake, 2).await;
    assert!(heard[0].starts_with("bgapi originate {^^:origination_uuid=5f2a-9b:"), "{heard:?}");
    let to = "sip:dev@10.0.0.1:5070;hp_to=10.0.0.7:5060";
    let message = format!("{to}|https://h.example/m/7|text/plain");
    assert_eq!(heard[1], format!("bgapi chat sip|hallporter@127.0.0.1|lab/{message}"));
    // The second is done before the first; an unknown job means nothing.
    fake.end_job(7, "-ERR nobody\n");
    fake.end_job(2, "Sent");
    assert_eq!(side.next().await, told(LegEvent::TextSent(true)));
    fake.end_job(1, "-ERR USER_BUSY\n");
    assert_eq!(side.next().await, told(LegEvent::HungUp { cause: "USER_BUSY".into() }));
    // Its leg says the same a moment later.
    let gone = [
        ("Event-Name", "CHANNEL_HANGUP_COMPLETE"),
        ("Unique-ID", X),
        ("variable_hallporter", "call"),
    ];
    fake.say([event(&gone, ""), crate::side::end_mark()]);
    assert_eq!(side.until_end_mark().await, []);
    side.switch.send(text());
    fake.command().await;
    fake.end_job(3, "Error! Message Not Sent");
    assert_eq!(side.next().await, told(LegEvent::TextSent(false)));
    // An answer that was lost with the connection does not come any more.
    side.switch.send(text());
    fake.command().await;
    fake.hang_up();
    assert_eq!(side.next().await, told(LegEvent::Refused { command: "send_text" }));
    assert_eq!(side.next().await, SwitchEvent::Lost);
}

/// Anything that may stand in a command's text.
fn anything() -> impl Strategy<Value = std::sync::Arc<str>> {
    let bad = proptest::sample::select(vec![
        "\n\napi shutdown\n\n",
        "\n",
        "\r\n",
        " ",
        "|",
        "!",
        ",",
        "}",
        "' &hangup",
        "${x}",
        "/..",
    ]);
    let part = prop_oneof![3 => "[a-z0-9/.:@-]{1,8}".boxed(), 1 => bad.prop_map(str::to_owned), 1 => ".{0,6}".boxed()];
    proptest::collection::vec(part, 0..5).prop_map(|parts| format!("/{}", parts.concat()).into())
}

fn any_command() -> impl Strategy<Value = SwitchCommand> {
    let uri = "sip:[!-~]{1,30}@[a-z0-9.:;=,-]{1,20}"
        .prop_filter_map("no URI", |text| SipUri::parse(&text).ok());
    (0..6u8, anything(), anything(), proptest::option::of(anything()), uri).prop_map(
        |(kind, one, other, maybe, uri)| {
            let (leg, step, keys) = (leg(X), StepId(1), Keys::None);
            match kind {
                0 => {
                    let sounds = vec![Sound::File(one), Sound::File(other)];
                    SwitchCommand::Play { leg, step, sounds, keys }
                }
                1 => {
                    let (limit_s, silence_s, medium) = (9, 3, Medium::Audio);
                    SwitchCommand::Record { leg, step, path: one, medium, limit_s, silence_s, keys }
                }
                2 => SwitchCommand::Overlay { leg, path: maybe },
                3 => {
                    let from_user = one[1..].into();
                    SwitchCommand::Call { leg, uri, via: maybe, from_user, video: false, ring_s: 9 }
                }
                4 => {
                    let (prompts, key, ring_s) = (one, other.chars().next_back().unwrap(), 9);
                    SwitchCommand::Confirm { leg, uri, via: maybe, key, prompts, ring_s }
                }
                _ => SwitchCommand::SendText { leg, uri, via: maybe, text: one },
            }
        },
    )
}

/// Whether a command is one of ours, whole.
fn is_ours(command: &str) -> bool {
    let line = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let lines: Vec<&str> = command.lines().collect();
    match lines.as_slice() {
        [one] => {
            let begins = [
                "api sched_del ",
                "api uuid_break ",
                "api uuid_displace ",
                "bgapi originate {^^:",
                "bgapi chat sip|",
                "api uuid_set_media_stats ",
                "api uuid_getvar ",
            ];
            line(one) && begins.iter().any(|begin| one.starts_with(begin))
        }
        [to, call, name, argument, lock, rest @ ..] => {
            let applications = ["set", "playback", "record", "transfer"];
            let name = name.strip_prefix("Execute-App-Name: ");
            *to == format!("sendmsg {X}")
                && *call == "Call-Command: execute"
                && name.is_some_and(|name| applications.contains(&name))
                && argument.starts_with("Execute-App-Arg: ")
                && line(argument)
                && *lock == "Event-Lock: true"
                && (rest.is_empty() || rest == ["Event-Uuid: hp-step-1"])
        }
        _ => false,
    }
}

#[tokio::test]
async fn no_text_begins_another_command() {
    const COMMANDS: usize = 1_500;
    let (mut fake, side) = house().await;
    let mut runner = TestRunner::deterministic();
    for _ in 0..COMMANDS {
        side.switch.send(any_command().new_tree(&mut runner).unwrap().current());
    }
    side.switch.send(SwitchCommand::AskVideo { leg: leg(X) });
    let mut count = 0;
    loop {
        let command = fake.command().await;
        assert!(is_ours(&command), "{command:?}");
        count += 1;
        if command == format!("api uuid_set_media_stats {X}") {
            break;
        }
    }
    // Some were sent, some were not: the test has met both.
    assert!(count > COMMANDS / 4, "{count}");
    assert!(side.switch.status().connects == 1);
}
