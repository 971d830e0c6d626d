//! The way between nodes, over loopback: who is let in, what goes through, what happens at each
//! limit. Nothing here sleeps or measures time; events are awaited.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks for one event")]

#[path = "peers/files.rs"]
mod files;
#[path = "peers/joining.rs"]
mod joining;
#[path = "peers/refused.rs"]
mod refused;
#[path = "peers/stranger.rs"]
mod stranger;
#[path = "peers/world.rs"]
mod world;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use hallporter::cluster::PACKET_BYTES_MAX;
use hallporter::domain::NodeId;
use hallporter::peers::{
    BODY_BYTES_MAX, EVENTS_MAX, Event, Lane, NODE_GOOD_S, Refusal, SendError, Settings, Side,
    redial_after_ms,
};

use world::{World, node, socket};

const ONE: NodeId = NodeId(1);
const TWO: NodeId = NodeId(2);

#[tokio::test]
async fn frames_and_datagrams_go_both_ways() {
    let world = World::new();
    let (mut one, mut two) = world.pair().await;
    // The longest packet of the membership fits from the beginning.
    let packet = Bytes::from(vec![7; PACKET_BYTES_MAX]);
    one.endpoint.send_datagram(TWO, packet.clone()).unwrap();
    assert_eq!(two.datagram().await, (ONE, packet.clone()));
    two.endpoint.send_datagram(ONE, packet.clone()).unwrap();
    assert_eq!(one.datagram().await, (TWO, packet));
    for lane in Lane::ALL {
        for number in 0..200_u32 {
            one.endpoint.send(TWO, lane, &number.to_be_bytes()).unwrap();
        }
        for number in 0..200_u32 {
            assert_eq!(two.frame().await, (ONE, lane, Bytes::from(number.to_be_bytes().to_vec())));
        }
        let longest = vec![lane as u8; BODY_BYTES_MAX];
        two.endpoint.send(ONE, lane, &longest).unwrap();
        assert_eq!(one.frame().await, (TWO, lane, Bytes::from(longest)));
    }
    let (one, two) = (one.endpoint.figures(), two.endpoint.figures());
    assert_eq!((one.frames_sent, two.frames_received), (600, 600));
    assert_eq!((one.frames_refused, one.datagrams_sent, one.datagrams_dropped), (0, 1, 0));
}

#[tokio::test]
async fn what_cannot_be_sent_is_said() {
    let world = World::new();
    let (one, _two) = world.pair().await;
    let away = NodeId(9);
    let small = Bytes::from_static(b"x");
    assert_eq!(one.endpoint.send(away, Lane::Rows, b"x"), Err(SendError::Away(away)));
    assert_eq!(one.endpoint.send_datagram(away, small), Err(SendError::Away(away)));
    let long = vec![0; BODY_BYTES_MAX + 1];
    let too_long = Err(SendError::TooLong(long.len()));
    assert_eq!(one.endpoint.send(TWO, Lane::Rows, &long), too_long);
    assert_eq!(one.endpoint.send_datagram(TWO, Bytes::from(long)), too_long);
    let figures = one.endpoint.figures();
    assert_eq!((figures.frames_refused, figures.datagrams_dropped), (2, 2));
}

#[tokio::test]
async fn a_peer_that_does_not_read_fills_its_lane_and_no_other() {
    let world = World::new();
    let (one, mut two) = world.pair().await;
    let mut taken = 0_u32;
    loop {
        let mut body = vec![0; 60_000];
        body[..4].copy_from_slice(&taken.to_be_bytes());
        match one.endpoint.send(TWO, Lane::Whole, &body) {
            Ok(()) => taken += 1,
            Err(error) => {
                assert_eq!(error, SendError::Full(TWO));
                break;
            }
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(one.endpoint.figures().frames_refused, 1);
    // Events that wait there, a window in each direction, and what may wait here.
    let most = EVENTS_MAX * 60_000 + (6 << 20) + Settings::default().queue_bytes;
    assert!(taken as usize * 60_000 <= most, "{taken} were taken");
    one.endpoint.send(TWO, Lane::Ledger, b"beside it").unwrap();
    // What was taken comes, whole and in order, once somebody reads.
    let (mut next, mut beside) = (0, 0);
    while next < taken || beside == 0 {
        let (_, lane, body) = two.frame().await;
        if lane == Lane::Ledger {
            beside += 1;
            continue;
        }
        assert_eq!(body[..4], next.to_be_bytes());
        next += 1;
    }
    one.endpoint.send(TWO, Lane::Whole, b"there is room again").unwrap();
    assert_eq!(&two.frame().await.2[..], b"there is room again");
}

#[tokio::test]
async fn datagrams_beyond_the_limit_are_dropped_and_counted() {
    let world = World::new();
    let (one, mut two) = world.pair().await;
    let packet = Bytes::from(vec![1; 1_000]);
    let mut sent = 0;
    // Nothing goes out as long as this task runs.
    let error = loop {
        match one.endpoint.send_datagram(TWO, packet.clone()) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error, SendError::Full(TWO));
    let figures = one.endpoint.figures();
    assert_eq!((figures.datagrams_sent, figures.datagrams_dropped), (sent, 1));
    // An owner that is behind loses the newest, and it is counted: send until that is seen.
    while two.endpoint.figures().datagrams_unread == 0 {
        let _ = one.endpoint.send_datagram(TWO, packet.clone());
        tokio::task::yield_now().await;
    }
    for _ in 0..EVENTS_MAX {
        two.datagram().await;
    }
}

#[tokio::test]
async fn a_node_that_comes_back_is_called_again() {
    let world = World::new();
    let (port, credentials) = (socket(), world.credentials(&node(1)));
    let again = port.try_clone().unwrap();
    let pem = credentials.to_pem();
    let one = world.start_with(port, credentials, 1, Settings::default());
    let mut two = world.start(2);
    two.endpoint.reach(one.address, Some(ONE));
    assert_eq!(two.up().await.boot, 1);
    one.endpoint.close().await;
    assert_eq!(two.down().await, ONE);
    assert_eq!(two.endpoint.send(ONE, Lane::Rows, b"x"), Err(SendError::Away(ONE)));
    let credentials = hallporter::peers::Credentials::from_pem(&pem, world.now_s()).unwrap();
    let mut one = world.start_with(again, credentials, 2, Settings::default());
    assert_eq!(two.up().await.boot, 2);
    assert_eq!(one.up().await.identity, node(2));
    // Nobody calls any more; the connection stays until it ends.
    two.endpoint.forget(one.address);
    two.endpoint.send(ONE, Lane::Rows, b"still").unwrap();
    assert_eq!(&one.frame().await.2[..], b"still");
}

#[tokio::test]
async fn when_both_call_one_connection_stays() {
    for _ in 0..10 {
        let world = World::new();
        let (mut one, mut two) = (world.start(1), world.start(2));
        one.endpoint.reach(two.address, None);
        two.endpoint.reach(one.address, Some(ONE));
        // Each greets at every beginning; the last beginning is the one that stays.
        let (mut heard_one, mut heard_two) = (false, false);
        while !(heard_one && heard_two) {
            tokio::select! {
                event = one.next() => match event {
                    Event::Up(_) => one.endpoint.send(TWO, Lane::Rows, b"hello").unwrap_or(()),
                    Event::Frame(..) => heard_one = true,
                    Event::Down(_) => {}
                    other => panic!("{other:?}"),
                },
                event = two.next() => match event {
                    Event::Up(_) => two.endpoint.send(ONE, Lane::Rows, b"hello").unwrap_or(()),
                    Event::Frame(..) => heard_two = true,
                    Event::Down(_) => {}
                    other => panic!("{other:?}"),
                },
            }
        }
        assert!(one.endpoint.connected() <= 1 && two.endpoint.connected() <= 1);
    }
}

#[tokio::test]
async fn certificates_are_changed_without_a_stop() {
    let world = World::new();
    let (mut one, mut two) = world.pair().await;
    // Both certificates run out; the connection goes on.
    world.advance(NODE_GOOD_S + 1);
    two.endpoint.send(ONE, Lane::Rows, b"before").unwrap();
    assert_eq!(&one.frame().await.2[..], b"before");
    let renewed = |number| world.credentials(&node(number));
    assert!(one.endpoint.set_credentials(renewed(3)).is_err(), "another node's");
    one.endpoint.set_credentials(renewed(1)).unwrap();
    two.endpoint.send(ONE, Lane::Rows, b"between").unwrap();
    assert_eq!(&one.frame().await.2[..], b"between");
    // A new connection needs new certificates: the caller's is old, and it is told so.
    two.endpoint.hang_up(ONE);
    assert_eq!(one.down().await, TWO);
    one.refused(Side::Here, Refusal::Expired).await;
    two.refused(Side::There, Refusal::Expired).await;
    two.endpoint.set_credentials(renewed(2)).unwrap();
    one.up().await;
    two.up().await;
    one.endpoint.send(TWO, Lane::Rows, b"after").unwrap();
    assert_eq!(&two.frame().await.2[..], b"after");
}

/// A cable that can be cut: what comes from the called node goes to whoever has called last.
async fn relay(socket: tokio::net::UdpSocket, called: SocketAddr, cut: Arc<AtomicBool>) {
    let (mut caller, mut packet) = (None, vec![0; 65_536]);
    while let Ok((length, from)) = socket.recv_from(&mut packet).await {
        let to = if from == called { caller } else { Some(called) };
        if from != called {
            caller = Some(from);
        }
        if let (Some(to), false) = (to, cut.load(Ordering::Relaxed)) {
            // What can't be sent is lost, as on any cable.
            let _ = socket.send_to(&packet[..length], to).await;
        }
    }
}

#[tokio::test]
async fn a_peer_that_falls_silent_is_noticed_and_found_again() {
    let world = World::new();
    let settings = Settings { idle_ms: 2_000, ..Settings::default() };
    let start = |number| world.start_with(socket(), world.credentials(&node(number)), 1, settings);
    let (mut one, mut two) = (start(1), start(2));
    let between = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (address, cut) = (between.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
    let cable = tokio::spawn(relay(between, one.address, Arc::clone(&cut)));
    two.endpoint.reach(address, Some(ONE));
    assert_eq!(two.up().await.address, address);
    one.up().await;
    cut.store(true, Ordering::Relaxed);
    assert_eq!((one.down().await, two.down().await), (TWO, ONE));
    assert_eq!(two.endpoint.connected(), 0);
    cut.store(false, Ordering::Relaxed);
    one.up().await;
    two.up().await;
    cable.abort();
}

#[test]
fn calls_are_repeated_less_and_less_often_up_to_a_limit() {
    for dice in 0..200 {
        let mut most = 0;
        for tries in 0..64 {
            let wait_ms = redial_after_ms(tries, (100, 5_000), dice);
            let whole: u64 = (100_u64 << tries.min(20)).min(5_000);
            assert!((whole / 2..=whole).contains(&wait_ms), "{tries} {dice}: {wait_ms}");
            most = most.max(wait_ms);
        }
        assert!(most <= 5_000);
        assert_eq!(redial_after_ms(3, (100, 5_000), dice), redial_after_ms(3, (100, 5_000), dice));
    }
    let spread = |dice| redial_after_ms(6, (100, 5_000), dice);
    assert!((0..50).any(|dice| spread(dice) != spread(0)), "not all at once");
}
