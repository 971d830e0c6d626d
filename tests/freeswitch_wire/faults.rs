//! Switches that break, freeze, lie, and come back.

use std::time::Duration;

use hallporter::domain::{LegEvent, SwitchCommand, SwitchEvent};
use hallporter::freeswitch::{Patience, Recognise};

use crate::fake::{Fake, Manner, event};
use crate::side::{LONG, Side, config, end_mark, eventually, leg, patient};

fn is_list(event: &SwitchEvent) -> bool {
    matches!(event, SwitchEvent::Legs { .. })
}

fn restarted(told: &[SwitchEvent]) -> bool {
    let Some(SwitchEvent::Legs { restarted, .. }) = told.last() else { panic!("{told:?}") };
    *restarted
}

#[tokio::test]
async fn a_switch_that_comes_back_is_taken_up_again() {
    let mut fake = Fake::start(Manner::Good).await;
    let mut side = Side::up(&fake, Recognise::Marked).await;
    let first = side.switch.status();
    assert!(first.connected && first.trouble.is_none() && first.connects == 1);
    // The connection breaks: the same run of the switch is found again.
    fake.hang_up();
    side.until(|event| *event == SwitchEvent::Lost).await;
    assert!(!restarted(&side.until(is_list).await));
    // Another run of it.
    fake.kill().await;
    side.until(|event| *event == SwitchEvent::Lost).await;
    fake.restart("00000000-0000-4000-8000-000000000000").await;
    assert!(restarted(&side.until(|event| matches!(event, SwitchEvent::Legs { .. })).await));
    let status = side.switch.status();
    assert_eq!(status.core_uuid.as_deref(), Some("00000000-0000-4000-8000-000000000000"));
    assert_eq!((status.connected, status.connects), (true, 3));
}

#[tokio::test]
async fn a_switch_that_stays_away_has_lost_its_legs() {
    let mut fake = Fake::start(Manner::Good).await;
    let mut side = Side::up(&fake, Recognise::Marked).await;
    fake.kill().await;
    side.until(|event| *event == SwitchEvent::Lost).await;
    assert!(restarted(&side.until(is_list).await));
    assert_eq!(side.next().await, SwitchEvent::Lost);
    assert!(side.switch.status().trouble.unwrap().contains("nothing listens"));
    // What is asked for meanwhile would come too late.
    side.switch.send(SwitchCommand::Claim { leg: leg("a") });
    let refused = LegEvent::Refused { command: "claim" };
    assert_eq!(side.next().await, SwitchEvent::Leg { leg: leg("a"), event: refused });
    assert_eq!(side.switch.status().refused, 1);
}

fn quick() -> Patience {
    let short = Duration::from_millis(60);
    Patience { ping_every: short, answer_max: short * 2, ..patient() }
}

#[tokio::test]
async fn a_frozen_switch_is_noticed() {
    let fake = Fake::start(Manner::Good).await;
    let mut side = Side::up_with(&fake, quick(), Recognise::Marked).await;
    // It keeps its connections, but no ping comes back.
    fake.behave(Manner::Deaf);
    assert_eq!(side.next().await, SwitchEvent::Lost);
    fake.behave(Manner::Good);
    side.until(is_list).await;
}

#[tokio::test]
async fn silence_alone_is_noticed_too() {
    let fake = Fake::start(Manner::Good).await;
    let patience = Patience { silent_max: Duration::from_millis(100), ..patient() };
    let mut side = Side::up_with(&fake, patience, Recognise::Marked).await;
    assert_eq!(side.next().await, SwitchEvent::Lost);
}

#[tokio::test]
async fn a_switch_that_says_nothing_is_no_switch() {
    let fake = Fake::start(Manner::Mute).await;
    let side = Side::start(&fake, quick(), Recognise::Marked);
    let trouble = || side.switch.status().trouble.unwrap_or_default();
    eventually("nothing is said about it", || trouble().contains("does not answer")).await;
    let fake = Fake::start(Manner::Deaf).await;
    let side = Side::start(&fake, quick(), Recognise::Marked);
    let trouble = || side.switch.status().trouble.unwrap_or_default();
    eventually("nothing is said about it", || trouble().contains("the connection ended")).await;
    assert_eq!(side.switch.status().connects, 0);
}

#[tokio::test]
async fn a_wrong_password_is_told_and_tried_again_slowly() {
    let fake = Fake::start(Manner::Good).await;
    let patience = Patience { again_max: LONG * 10, ..patient() };
    let side = Side::start_with(config(fake.port, "wrong", patience), Recognise::Marked);
    let trouble = || side.switch.status().trouble.unwrap_or_default();
    eventually("nothing is said about it", || trouble().contains("refuses the password")).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(fake.connections().0, 1);
    assert!(!format!("{:?}", config(1, "wrong", patience)).contains("wrong"));
}

#[tokio::test]
async fn bytes_without_sense_end_the_connection_and_nothing_else() {
    let huge = b"Content-Length: 99999999999\nContent-Type: text/event-plain\n\n".to_vec();
    let negative = b"Content-Length: -1\nContent-Type: text/event-plain\n\n".to_vec();
    let nameless = b"Content-Length: 5\n\nabcde".to_vec();
    let unknown = b"Content-Type: text/unheard-of\n\n".to_vec();
    let garbage: Vec<u8> =
        (0..=255u8).cycle().take(70_000).chain(*b"\n\n").map(|byte| byte ^ 0x5a).collect();
    let greeting = b"Content-Type: auth/request\n\n".to_vec();
    for bytes in [huge, negative, nameless, unknown, [garbage, b"\n\n".to_vec()].concat(), greeting]
    {
        let fake = Fake::start(Manner::Good).await;
        let mut side = Side::up(&fake, Recognise::Marked).await;
        fake.say([bytes]);
        assert_eq!(side.next().await, SwitchEvent::Lost);
        side.until(is_list).await;
    }
}

#[tokio::test]
async fn events_without_sense_are_counted_and_left() {
    let fake = Fake::start(Manner::Good).await;
    let mut side = Side::up(&fake, Recognise::All).await;
    let events: &[&[(&str, &str)]] = &[
        &[],
        &[("Event-Name", "CHANNEL_PARK")],
        &[("Event-Name", "CHANNEL_PARK"), ("Unique-ID", "a b")],
        &[("Event-Name", "CHANNEL_PARK"), ("Unique-ID", "a\nb")],
        &[("Event-Name", "UNHEARD_OF"), ("Unique-ID", "a")],
        &[("Event-Name", "DTMF"), ("Unique-ID", "a"), ("DTMF-Digit", "12")],
        &[("Event-Name", "RECORD_STOP"), ("Unique-ID", "a")],
        &[("Event-Name", "CHANNEL_BRIDGE"), ("Unique-ID", "a"), ("Bridge-A-Unique-ID", "a")],
        &[
            ("Event-Name", "CHANNEL_EXECUTE_COMPLETE"),
            ("Unique-ID", "a"),
            ("Application-UUID", "hp-step-xyz"),
        ],
    ];
    for headers in events {
        fake.say([event(headers, "")]);
    }
    fake.say([event(&[("Event-Name", "RECV_INFO"), ("Unique-ID", "a")], "videos")]);
    fake.say([event(&[("Event-Name", "RECV_INFO"), ("Unique-ID", "a")], " Video\n")]);
    // Outside a call it belongs to no leg.
    fake.say([event(&[("Event-Name", "RECV_MESSAGE"), ("to_user", "bob")], "audio")]);
    fake.say([event(&[("Event-Name", "RECV_MESSAGE"), ("Unique-ID", "a")], "AUDIO")]);
    let failed = [
        ("Event-Name", "CHANNEL_EXECUTE_COMPLETE"),
        ("Unique-ID", "a"),
        ("Application-UUID", "hp-step-1f"),
        ("Application-Response", "FILE NOT FOUND"),
    ];
    fake.say([event(&failed, ""), end_mark()]);
    let told = crate::shown::lines(&side.until_end_mark().await);
    assert_eq!(told, "leg 1: wish Video\nleg 1: wish Audio\nleg 1: done hp-step-1f FAILED\n");
    assert!(side.switch.status().ignored >= events.len() as u64, "{:?}", side.switch.status());
    assert_eq!(side.switch.status().connects, 1);
}

#[tokio::test]
async fn nothing_is_left_of_a_switch_that_was_dropped() {
    let fake = Fake::start(Manner::Good).await;
    let side = Side::up_with(&fake, quick(), Recognise::Marked).await;
    assert_eq!(fake.connections(), (2, 2));
    side.ended().await;
    eventually("a connection stays", || fake.connections().1 == 0).await;
}

#[tokio::test]
async fn both_connections_end_with_either() {
    let fake = Fake::start(Manner::Good).await;
    let mut side = Side::up(&fake, Recognise::Marked).await;
    for round in 2..6 {
        if round % 2 == 0 {
            fake.hang_up()
        } else {
            fake.hang_up_jobs()
        }
        side.until(|event| *event == SwitchEvent::Lost).await;
        side.until(is_list).await;
        eventually("a connection stays", || fake.connections() == (round * 2, 2)).await;
    }
}

#[tokio::test]
async fn more_commands_than_may_wait_are_refused() {
    let fake = Fake::start(Manner::Good).await;
    let mut side = Side::up(&fake, Recognise::Marked).await;
    // On one thread nothing is taken away between these.
    for _ in 0..4_200 {
        side.switch.send(SwitchCommand::Answer { leg: leg("a") });
    }
    let refused = side.switch.status().refused;
    assert_eq!(refused, 4_200 - 4_096);
    for _ in 0..refused {
        let event = LegEvent::Refused { command: "answer" };
        assert_eq!(side.next().await, SwitchEvent::Leg { leg: leg("a"), event });
    }
}
