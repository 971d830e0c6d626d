//! The papers: who gets which, and what is believed of them. What goes over sockets is in
//! `tests/peers.rs`.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use rustls::pki_types::CertificateDer;

use super::trust::Trust;
use super::*;
use crate::domain::NodeId;

const NOW_S: i64 = 1_800_000_000;
const DAY_S: i64 = 86_400;

fn node(number: u16) -> Identity {
    Identity::new("voice", NodeId(number), &format!("n{number}"), "eu").unwrap()
}

fn check(
    authority: &Authority,
    credentials: &Credentials,
    now_s: i64,
) -> Result<Identity, Refusal> {
    let issued = authority.issue(&node(99), &Newcomer::new().unwrap().public_key().unwrap(), NOW_S);
    let authority = CertificateDer::from(issued.unwrap().authorities.remove(0));
    Trust::new(&[authority]).unwrap().check(&credentials.certificate, now_s)
}

#[test]
fn a_certificate_is_believed_by_its_own_cluster_in_its_own_time() {
    let authority = Authority::new("voice", NOW_S).unwrap();
    let credentials = authority.first(&node(7), NOW_S).unwrap();
    assert_eq!(credentials.identity(), &node(7));
    assert_eq!(check(&authority, &credentials, NOW_S), Ok(node(7)));
    assert_eq!(check(&authority, &credentials, NOW_S - 3_600), Ok(node(7)), "a clock an hour off");
    for at_s in [NOW_S - 2 * DAY_S, NOW_S + NODE_GOOD_S + 1, 0, -5] {
        assert_eq!(check(&authority, &credentials, at_s), Err(Refusal::Expired), "{at_s}");
    }
    // Another cluster's, and one that only has the same name.
    for cluster in ["video", "voice"] {
        let other = Authority::new(cluster, NOW_S).unwrap();
        assert_eq!(check(&other, &credentials, NOW_S).is_err(), true);
        if cluster == "voice" {
            assert_eq!(check(&other, &credentials, NOW_S), Err(Refusal::OtherAuthority));
        }
    }
}
