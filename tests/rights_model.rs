//! The rights protocol (ARCHITECTURE.md, "Invariants"), every state of a small world: two or three
//! nodes, one pool, and a network that may do anything. `rights.rs` walks the real rooms at random
//! through larger worlds; this shows that the rules themselves leave no way.
//!
//! `HALLPORTER_MODEL=large cargo test --release --test rights_model` takes some minutes and several
//! gigabytes, and goes through all sizes; without it, the small ones.
//!
//! The count of states is compared: a rule that was changed shows there, even if it breaks nothing.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

#[path = "rights_model/protocol.rs"]
mod protocol;

use protocol::{Planted, Protocol, Revoke};
use stateright::{Checker as _, Expectation, HasDiscoveries, Model as _};

/// Two nodes, a cap of one, each started at most so often.
fn two(boots_max: u8) -> Protocol {
    Protocol {
        nodes: 2,
        cap: 1,
        boots_max,
        granted_max: 2,
        transfers: false,
        revoke: Revoke::Never,
        planted: Planted::None,
    }
}

/// Goes through all states; what was found against an invariant, and how many there are.
fn check(model: Protocol) -> (Vec<String>, usize) {
    let (name, planted) = (format!("{model:?}"), model.planted != Planted::None);
    let always: Vec<&str> = model
        .properties()
        .iter()
        .filter(|property| property.expectation == Expectation::Always)
        .map(|property| property.name)
        .collect();
    let checker = model.checker().threads(2).finish_when(HasDiscoveries::AnyFailures);
    let checker = checker.spawn_bfs().join();
    assert!(checker.is_done(), "{name} was not gone through to the end");
    let moved = checker.discovery("a right moves to another node").is_some();
    assert!(moved || planted, "{name}: nothing happens");
    let broken = checker.discoveries().into_iter().filter(|(what, _)| always.contains(what));
    let broken = broken.map(|(what, path)| format!("{what}: {:?}", path.into_actions()));
    (broken.collect(), checker.unique_state_count())
}

#[track_caller]
fn holds(model: &Protocol, states: usize) {
    let (broken, count) = check(model.clone());
    assert!(broken.is_empty(), "{model:?}: {broken:#?}");
    assert_eq!(count, states, "{model:?}: a rule has changed");
}

fn large() -> bool {
    std::env::var("HALLPORTER_MODEL").is_ok_and(|size| size == "large")
}

#[test]
fn no_way_leads_over_the_cap() {
    holds(&Protocol { granted_max: 1, revoke: Revoke::Anytime, ..two(1) }, 2_612);
    holds(&Protocol { nodes: 3, cap: 2, ..two(1) }, 57_125);
}

#[test]
fn no_way_leads_over_the_cap_in_larger_worlds() {
    if !large() {
        return;
    }
    holds(&Protocol { granted_max: 1, ..two(2) }, 142_551);
    holds(&Protocol { granted_max: 1, revoke: Revoke::Attested, ..two(2) }, 295_324);
    holds(&Protocol { cap: 2, granted_max: 3, transfers: true, ..two(1) }, 354_955);
    holds(&Protocol { transfers: true, revoke: Revoke::Anytime, ..two(1) }, 739_742);
    holds(&Protocol { granted_max: 1, transfers: true, ..two(2) }, 1_239_181);
    holds(&Protocol { granted_max: 1, revoke: Revoke::Anytime, ..two(2) }, 2_921_196);
    holds(&Protocol { nodes: 3, transfers: true, ..two(1) }, 6_350_683);
    holds(&two(2), 10_302_411);
}

#[test]
fn planted_faults_are_caught() {
    for planted in [
        Planted::NoBootCheckAtLedger,
        Planted::NoQuarantine,
        Planted::ToldBeforeSubtracted,
        Planted::RelativeGrants,
        Planted::LocalTotalsWithoutHello,
        Planted::ReconciledWithoutSwitch,
        Planted::BootReused,
        Planted::RevokedWithoutFence,
    ] {
        let fenced = planted == Planted::RevokedWithoutFence;
        let revoke = if fenced { Revoke::Anytime } else { Revoke::Never };
        let (broken, _) = check(Protocol { planted, revoke, ..two(2) });
        assert!(!broken.is_empty(), "{planted:?} was not caught");
    }
}
