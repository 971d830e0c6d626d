//! The papers: who gets which, and what is believed of them. What goes over sockets is in
//! `tests/peers.rs`.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustls::pki_types::CertificateDer;

use super::trust::Trust;
use super::*;
use crate::domain::{NodeId, Now};

const NOW_S: i64 = 1_800_000_000;
const DAY_S: i64 = 86_400;

fn node(number: u16) -> Identity {
    Identity::new("voice", NodeId(number), &format!("n{number}"), "eu").unwrap()
}

fn key() -> PublicKey {
    Newcomer::new().unwrap().public_key().unwrap()
}

fn trust(authority: &Authority) -> Trust {
    let probe = Identity::new(authority.cluster(), NodeId(99), "probe", "eu").unwrap();
    let issued = authority.issue(&probe, &key(), NOW_S).unwrap();
    let authorities: Vec<_> = issued.authorities.into_iter().map(CertificateDer::from).collect();
    Trust::new(&authorities).unwrap()
}

#[test]
fn a_certificate_is_believed_by_its_own_cluster_in_its_own_time() {
    let authority = Authority::new("voice", NOW_S).unwrap();
    let credentials = authority.first(&node(7), NOW_S).unwrap();
    assert_eq!(credentials.identity(), &node(7));
    let at = |at_s| trust(&authority).check(&credentials.certificate, at_s);
    for good_s in [NOW_S, NOW_S - 3_600, NOW_S + NODE_GOOD_S - 1] {
        assert_eq!(at(good_s), Ok(node(7)), "clocks an hour off are no reason");
    }
    for bad_s in [NOW_S - 2 * DAY_S, NOW_S + NODE_GOOD_S + 1, 0, -5, i64::MAX] {
        assert_eq!(at(bad_s), Err(Refusal::Expired), "{bad_s}");
    }
    for cluster in ["video", "voice"] {
        let other = trust(&Authority::new(cluster, NOW_S).unwrap());
        let checked = other.check(&credentials.certificate, NOW_S);
        assert_eq!(checked, Err(Refusal::OtherAuthority), "{cluster}");
    }
    let of_authority = authority.issue(&node(8), &key(), NOW_S).unwrap().authorities.remove(0);
    let checked = trust(&authority).check(&CertificateDer::from(of_authority), NOW_S);
    assert_eq!(checked, Err(Refusal::BadCertificate), "an authority is no node");
    let nothing = trust(&authority).check(&CertificateDer::from(vec![0x30, 0]), NOW_S);
    assert_eq!(nothing, Err(Refusal::BadCertificate));
}

#[test]
fn files_are_read_as_they_were_written_and_nothing_else_is() {
    let authority = Authority::new("voice", NOW_S).unwrap();
    let again = Authority::from_pem(&authority.to_pem()).unwrap();
    assert_eq!(again.fingerprint(), authority.fingerprint());
    // What it signs after it was read is believed as before.
    let credentials = again.first(&node(7), NOW_S).unwrap();
    assert_eq!(trust(&authority).check(&credentials.certificate, NOW_S), Ok(node(7)));
    let text = credentials.to_pem();
    let read = Credentials::from_pem(&text, NOW_S).unwrap();
    assert_eq!((read.identity(), read.to_pem()), (&node(7), text.clone()));
    assert!(!read.renewal_due(NOW_S));
    assert!(read.renewal_due(NOW_S + NODE_GOOD_S - RENEW_BEFORE_S + 1));
    assert!(matches!(
        Credentials::from_pem(&text, NOW_S + NODE_GOOD_S + 1),
        Err(AuthorityError::Certificate(Refusal::Expired))
    ));
    // No secret is shown by chance.
    let shown = format!("{authority:?} {credentials:?}");
    assert!(!shown.contains("PRIVATE") && shown.len() < 200, "{shown}");

    let other = Authority::new("voice", NOW_S).unwrap().to_pem();
    let key_of = |text: &str| text[text.find("-----BEGIN PRIVATE").unwrap()..].to_owned();
    let certificates = text.replace(&key_of(&text), "");
    for bad in [
        String::new(),
        "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n".to_owned(),
        key_of(&text),
        certificates.clone(),
        format!("{certificates}{}", key_of(&other)),
        format!("{}{text}", certificates.repeat(3)),
        " ".repeat(100_000),
    ] {
        assert!(Credentials::from_pem(&bad, NOW_S).is_err(), "{bad:.60}");
        assert!(Authority::from_pem(&bad).is_err(), "{bad:.60}");
    }
    assert!(Authority::from_pem(&text).is_err(), "a node's file is no authority's");
    assert!(Authority::new("two words", NOW_S).is_err());
    let stranger = Identity::new("video", NodeId(7), "n7", "eu").unwrap();
    assert!(authority.issue(&stranger, &key(), NOW_S).is_err());
    let issued = authority.issue(&node(7), &key(), NOW_S).unwrap();
    assert!(credentials.renewed(&issued, NOW_S).is_err(), "for another key");
}

#[test]
fn a_token_is_read_whole_or_not_at_all() {
    let authority = Authority::new("voice", NOW_S).unwrap();
    let mut roll = Roll::new(&node(1));
    let token = roll.invite(authority.fingerprint(), [9; 32], NOW_S + 60, NOW_S).unwrap();
    let text = token.text();
    assert_eq!(Token::parse(&format!(" {text}\n")), Ok(token.clone()));
    for cut in 0..text.len() {
        assert_eq!(Token::parse(&text[..cut]), Err(TokenError));
    }
    for at in 16..text.len() {
        let mut typed = text.clone().into_bytes();
        typed[at] = if typed[at] == b'a' { b'b' } else { b'a' };
        assert_eq!(Token::parse(&String::from_utf8(typed).unwrap()), Err(TokenError), "{at}");
    }
    let kept = serde_json::to_string(&roll).unwrap();
    let secret = serde_json::to_string(&[9_u8; 32]).unwrap();
    assert!(!kept.contains(&secret), "of the secret a hash is kept");
    assert_eq!(serde_json::from_str::<Roll>(&kept).unwrap(), roll);
    let shown = format!("{token:?} {:?}", token.request("a", "b"));
    assert!(!shown.contains("9, 9") && !shown.contains(&text[16..]), "{shown}");
}

#[test]
fn a_token_is_good_for_one_key() {
    let authority = Authority::new("voice", NOW_S).unwrap();
    let mut roll = Roll::new(&node(1));
    let token = roll.invite(authority.fingerprint(), [9; 32], NOW_S + 60, NOW_S).unwrap();
    let request = token.request("fra1", "eu");
    let (mine, thine) = (key(), key());
    let forged = Token::parse(&token.text()).unwrap().request("fra1", "eu");
    let mut elsewhere = Roll::new(&node(1));
    let others = elsewhere.invite(authority.fingerprint(), [8; 32], NOW_S + 60, NOW_S).unwrap();
    assert_eq!(others.number, token.number);
    let wrong = others.request("fra1", "eu");
    assert_eq!(roll.admit(None, &wrong, &mine, NOW_S), Err(Denied::Unknown), "another secret");
    let renewal = Request::renewal(&node(2));
    assert_eq!(roll.admit(None, &renewal, &mine, NOW_S), Err(Denied::Unknown), "no token");
    assert_eq!(roll.admit(None, &request, &mine, NOW_S + 60), Err(Denied::Expired));
    let taken = token.request("n1", "eu");
    assert_eq!(roll.admit(None, &taken, &mine, NOW_S), Err(Denied::NameTaken("n1".to_owned())));
    assert!(!roll.has(NodeId(2)), "nothing of it has used the token");

    let identity = Identity::new("voice", NodeId(2), "fra1", "eu").unwrap();
    assert_eq!(roll.admit(None, &request, &mine, NOW_S), Ok(identity.clone()));
    // The answer was lost: the same key may ask again, another one may not.
    assert_eq!(roll.admit(None, &forged, &mine, NOW_S), Ok(identity.clone()));
    assert_eq!(roll.admit(None, &request, &thine, NOW_S), Err(Denied::Used));
    assert!(roll.has(NodeId(2)));
    // Renewal goes by the certificate, as long as it is a member under these names.
    let renewal = Request::renewal(&identity);
    assert_eq!(roll.admit(Some(&identity), &renewal, &thine, NOW_S), Ok(identity.clone()));
    let renamed = Request::renewal(&Identity::new("voice", NodeId(2), "n1", "eu").unwrap());
    assert_eq!(roll.admit(Some(&identity), &renamed, &mine, NOW_S), Err(Denied::NoMember));
    roll.remove(NodeId(2));
    assert_eq!(roll.admit(Some(&identity), &renewal, &mine, NOW_S), Err(Denied::NoMember));
    assert_eq!(roll.admit(None, &request, &mine, NOW_S), Err(Denied::Unknown), "gone with it");
    let next = roll.invite(authority.fingerprint(), [7; 32], NOW_S + 60, NOW_S).unwrap();
    let third = roll.admit(None, &next.request("fra1", "eu"), &mine, NOW_S).unwrap();
    assert_eq!(third.node, NodeId(3), "a number is given once, a name can be had again");
}

#[test]
fn so_many_tokens_are_open_and_no_more() {
    let authority = Authority::new("voice", NOW_S).unwrap().fingerprint();
    let mut roll = Roll::new(&node(1));
    for _ in 0..TOKENS_MAX {
        roll.invite(authority, [1; 32], NOW_S + 60, NOW_S).unwrap();
    }
    let further = |roll: &mut Roll, now_s| roll.invite(authority, [1; 32], NOW_S + 120, now_s);
    assert_eq!(further(&mut roll, NOW_S + 59), Err(InviteError::TooMany));
    assert!(roll.is_open(NOW_S + 59) && !roll.is_open(NOW_S + 60));
    assert!(further(&mut roll, NOW_S + 60).is_ok(), "the old ones have expired");
    let mut last = Roll::new(&node(u16::MAX));
    assert_eq!(further(&mut last, NOW_S), Err(InviteError::NoNumber));
}

/// A client that knows nothing after TLS 1.2: no extension says that it knows more.
#[test]
fn an_older_tls_is_refused() {
    let authority = Authority::new("voice", NOW_S).unwrap();
    let credentials = authority.first(&node(7), NOW_S).unwrap();
    let clock: Clock = Arc::new(|| Now { mono_ms: 0, wall_ms: NOW_S * 1_000 });
    let open = Arc::new(AtomicBool::new(true));
    let tls = Arc::new(tls::answering(&credentials, open, &clock).unwrap());
    let version = rustls::quic::Version::V1;
    let mut server = rustls::quic::ServerConnection::new(tls, version, Vec::new()).unwrap();
    // Version, random, no session, one suite, no compression; signatures it can verify.
    let signatures = [0, 13, 0, 4, 0, 2, 4, 3];
    let body = [
        &[3, 3][..],
        &[7; 32],
        &[0, 0, 2, 0xc0, 0x2b, 1, 0],
        &[0, u8::try_from(signatures.len()).unwrap()],
        &signatures,
    ]
    .concat();
    let hello = [&[1, 0, 0, u8::try_from(body.len()).unwrap()][..], &body].concat();
    let refused = server.read_hs(&hello);
    assert!(matches!(refused, Err(rustls::Error::PeerIncompatible(_))), "{refused:?}");
    assert_eq!(server.alert(), Some(rustls::AlertDescription::ProtocolVersion));
    assert_eq!(trust::of_alert(70), Some(Refusal::Version));
}
