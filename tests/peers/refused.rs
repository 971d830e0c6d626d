//! Who is not let in.

use hallporter::domain::NodeId;
use hallporter::peers::{
    Authority, Credentials, HANDSHAKES_MAX, Identity, Kind, NODE_GOOD_S, Refusal, Settings, Side,
    framed,
};
use quinn::ConnectionError;

use crate::stranger::{call, greet, lane, papers, thrown_out};
use crate::world::{NOW_S, World, node, socket, soon};

const PEERS: &str = "hallporter/1";

/// The alert with which a handshake was refused.
fn alert(error: &ConnectionError) -> u64 {
    match error {
        ConnectionError::ConnectionClosed(close) => u64::from(close.error_code) - 0x100,
        other => panic!("no alert: {other:?}"),
    }
}

#[tokio::test]
async fn nobody_comes_in_without_a_certificate_of_the_cluster() {
    let world = World::new();
    let mut one = world.start(1);
    let pem = |authority: &Authority, at_s| authority.first(&node(7), at_s).unwrap().to_pem();
    let (other, namesake) =
        (Authority::new("video", NOW_S).unwrap(), Authority::new("voice", NOW_S).unwrap());
    let of_other = other.first(&Identity::new("video", NodeId(7), "n7", "eu").unwrap(), NOW_S);
    let cases = [
        (None, 116, Refusal::NoCertificate),
        (Some(of_other.unwrap().to_pem()), 48, Refusal::OtherAuthority),
        (Some(pem(&namesake, NOW_S)), 48, Refusal::OtherAuthority),
    ];
    for (pem, code, refusal) in cases {
        let (_endpoint, called) = soon(call(one.address, pem.as_deref().map(papers), PEERS)).await;
        assert_eq!(alert(&soon(thrown_out(called)).await), code, "{refusal:?}");
        one.refused(Side::Here, refusal).await;
    }
    // The authority itself is no node, whoever has its file.
    let of_authority = papers(&world.authority.to_pem());
    let (_endpoint, called) = soon(call(one.address, Some(of_authority), PEERS)).await;
    assert_eq!(alert(&soon(thrown_out(called)).await), 42);
    one.refused(Side::Here, Refusal::BadCertificate).await;
    // Too early, and too late.
    for (made_s, now_s) in [(NODE_GOOD_S, 0), (0, NODE_GOOD_S + 1)] {
        let pem = pem(&world.authority, NOW_S + made_s);
        world.advance(now_s);
        let (_endpoint, called) = soon(call(one.address, Some(papers(&pem)), PEERS)).await;
        assert_eq!(alert(&soon(thrown_out(called)).await), 45);
        one.refused(Side::Here, Refusal::Expired).await;
        world.advance(-now_s);
    }
    one.still_works(&world).await;
}

#[tokio::test]
async fn a_node_does_not_speak_with_another_cluster_either() {
    let (world, other) = (World::new(), World::new());
    let (mut one, mut two) = (world.start(1), other.start(2));
    two.endpoint.reach(one.address, None);
    two.refused(Side::Here, Refusal::OtherAuthority).await;
    one.refused(Side::There, Refusal::OtherAuthority).await;
    assert_eq!((one.endpoint.connected(), two.endpoint.connected()), (0, 0));
}

#[tokio::test]
async fn who_says_to_be_another_is_refused() {
    let world = World::new();
    let mut one = world.start(1);
    let own = || Some(papers(&world.credentials(&node(7)).to_pem()));
    for (hello, refusal) in [
        (r#"{"node":8,"name":"n7","boot":1,"start":1}"#, Refusal::OtherNode),
        (r#"{"node":7,"name":"n8","boot":1,"start":1}"#, Refusal::OtherNode),
        (r#"{"node":7}"#, Refusal::Nonsense),
        ("", Refusal::Nonsense),
    ] {
        let (_endpoint, called) = soon(call(one.address, own(), PEERS)).await;
        let called = called.unwrap();
        assert!(!soon(greet(&called, hello)).await, "{hello}");
        let ConnectionError::ApplicationClosed(close) = soon(called.closed()).await else {
            panic!("not told why");
        };
        assert_eq!(close.reason, refusal.label());
        one.refused(Side::Here, refusal).await;
    }
    // Whoever is called has to be the one that was wanted.
    let mut two = world.start(2);
    two.endpoint.reach(one.address, Some(NodeId(9)));
    two.refused(Side::Here, Refusal::OtherNode).await;
    one.refused(Side::There, Refusal::OtherNode).await;
    two.endpoint.forget(one.address);
    one.still_works(&world).await;
}

#[tokio::test]
async fn two_nodes_with_one_number_or_name_are_refused() {
    let world = World::new();
    let (mut one, mut two) = world.pair().await;
    let copy = |pem: &str| Credentials::from_pem(pem, NOW_S).unwrap();
    // The called node's own number; a disk that was copied; a name that another one has.
    let pem = world.credentials(&node(2)).to_pem();
    let namesake = Identity::new("voice", NodeId(3), "n2", "us").unwrap();
    for (credentials, refusal) in [
        (world.credentials(&node(1)), Refusal::SameNumber),
        (copy(&pem), Refusal::SameNumber),
        (world.credentials(&namesake), Refusal::SameName),
    ] {
        let mut third = world.start_with(socket(), credentials, 1, Settings::default());
        third.endpoint.reach(one.address, None);
        one.refused(Side::Here, refusal).await;
        third.refused(Side::There, refusal).await;
        drop(third);
    }
    assert_eq!(one.endpoint.connected(), 1);
    // The same node, started again while the old process still runs: the later start counts.
    let mut later = world.start_with(socket(), copy(&pem), 2, Settings::default());
    later.endpoint.reach(one.address, None);
    assert_eq!(one.down().await, NodeId(2));
    assert_eq!(one.up().await.boot, 2);
    later.up().await;
    two.refused(Side::There, Refusal::OlderStart).await;
    two.overtaken().await;
    two.down().await;
    one.refused(Side::Here, Refusal::OlderStart).await;
    two.refused(Side::There, Refusal::OlderStart).await;
    two.overtaken().await;
}

#[tokio::test]
async fn nonsense_of_a_peer_ends_its_connection() {
    let world = World::new();
    let mut one = world.start(1);
    let rows = framed(Kind::Rows, b"a row").unwrap();
    let mut other_version = rows.to_vec();
    other_version[4] = 9;
    let mut too_long = rows.to_vec();
    too_long[0] = 0xff;
    let ledger = framed(Kind::Ledger, b"").unwrap();
    let hello = framed(Kind::Hello, b"{}").unwrap();
    for (index, bytes) in
        (1..).zip([other_version, too_long, [rows, ledger].concat(), hello.to_vec()])
    {
        let own = papers(&world.credentials(&node(7)).to_pem());
        let (_endpoint, called) = soon(call(one.address, Some(own), PEERS)).await;
        let called = called.unwrap();
        let hello = format!(r#"{{"node":7,"name":"n7","boot":{index},"start":{index}}}"#);
        assert!(soon(greet(&called, &hello)).await);
        assert_eq!(one.up().await.identity, node(7));
        let _stream = soon(lane(&called, &bytes)).await;
        one.refused(Side::Here, Refusal::Nonsense).await;
        assert_eq!(one.down().await, NodeId(7));
    }
    one.still_works(&world).await;
}

#[tokio::test]
async fn other_versions_are_refused() {
    let world = World::new();
    let mut one = world.start(1);
    let own = || Some(papers(&world.credentials(&node(7)).to_pem()));
    let (_endpoint, called) = soon(call(one.address, own(), "hallporter/99")).await;
    assert_eq!(alert(&soon(thrown_out(called)).await), 120);
    one.refused(Side::Here, Refusal::Version).await;
    // Of QUIC itself there is one version, which has TLS 1.3 in it (`src/peers/tests.rs` asks for an
    // older one): a draft is answered with it.
    let draft = socket();
    let mut packet = vec![0; 1_200];
    packet[..6].copy_from_slice(&[0xc0, 0xff, 0, 0, 0x1d, 8]);
    packet[14] = 8;
    draft.send_to(&packet, one.address).unwrap();
    draft.set_nonblocking(true).unwrap();
    let draft = tokio::net::UdpSocket::from_std(draft).unwrap();
    let mut answer = [0; 1_500];
    let (length, _) = soon(draft.recv_from(&mut answer)).await.unwrap();
    assert_eq!(answer[1..5], [0; 4], "version negotiation");
    let versions = &answer[7 + 16..length];
    let known: Vec<_> =
        versions.chunks(4).filter(|version| version.iter().any(|b| b & 0x0f != 0x0a)).collect();
    assert_eq!(known, [[0, 0, 0, 1]]);
    one.still_works(&world).await;
}

#[tokio::test]
async fn what_is_no_quic_is_counted_and_harms_nobody() {
    let world = World::new();
    let mut one = world.start(1);
    let stray = socket();
    let sent: [&[u8]; 4] =
        [b"", b"\x00", b"OPTIONS sip:one SIP/2.0\r\n\r\n", &[0x17, 3, 3, 0, 40, 1, 2]];
    // "O" is 0x4f and looks like QUIC at its first byte; an empty packet says nothing.
    for bytes in sent {
        stray.send_to(bytes, one.address).unwrap();
    }
    for _ in 0..2 {
        let address = one.refused(Side::Here, Refusal::NotQuic).await;
        assert_eq!(address, stray.local_addr().unwrap());
    }
    assert_eq!(one.endpoint.refused(Side::Here, Refusal::NotQuic), 2);
    one.still_works(&world).await;
}

#[tokio::test]
async fn who_says_nothing_is_sent_away() {
    let world = World::new();
    let settings = Settings { hello_ms: 30, ..Settings::default() };
    let mut one = world.start_with(socket(), world.credentials(&node(1)), 1, settings);
    let own = papers(&world.credentials(&node(7)).to_pem());
    let (_endpoint, called) = soon(call(one.address, Some(own), PEERS)).await;
    soon(thrown_out(called)).await;
    one.refused(Side::Here, Refusal::Silent).await;
}

#[tokio::test]
async fn only_so_many_handshakes_go_on_at_once() {
    let world = World::new();
    let settings = Settings { hello_ms: 600_000, ..Settings::default() };
    let mut one = world.start_with(socket(), world.credentials(&node(1)), 1, settings);
    let pem = world.credentials(&node(7)).to_pem();
    // Each has a certificate and says nothing. Beyond the half they have to show their address.
    let mut kept = Vec::new();
    let mut unanswered = 0;
    while kept.len() < HANDSHAKES_MAX {
        let (endpoint, called) = soon(call(one.address, Some(papers(&pem)), PEERS)).await;
        match called {
            Ok(connection) => kept.push((endpoint, connection)),
            // Seen twice in some thousand runs on busy machines, and never where somebody watched:
            // one attempt hears nothing. A node calls again; that has to be answered.
            Err(ConnectionError::TimedOut) if unanswered < 2 => unanswered += 1,
            Err(error) => panic!("after {}, {unanswered} heard nothing: {error:?}", kept.len()),
        }
    }
    let (_endpoint, called) = soon(call(one.address, Some(papers(&pem)), PEERS)).await;
    assert!(matches!(called, Err(ConnectionError::ConnectionClosed(_))), "{called:?}");
    one.refused(Side::Here, Refusal::TooMany).await;
    drop(kept);
}
