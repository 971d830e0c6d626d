//! Rights of several nodes under one ledger, over a network that loses, repeats, delays and
//! reorders, with nodes that crash and start: never more calls than rights, never more rights
//! than the cap, and none lost when everything has healed.
//!
//! `rights/world.rs` has the world. The faults in [`Planted`] must all be caught, so that a walk
//! that finds nothing says something.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "rights/deeds.rs"]
mod deeds;
#[path = "rights/dice.rs"]
mod dice;
#[path = "rights/network.rs"]
mod network;
#[path = "rights/world.rs"]
mod world;

use world::{Planted, World};

const STEPS: usize = 2_000;

/// One walk; says at which step which law was broken.
fn walk(seed: u64, planted: Planted) -> Result<u64, String> {
    let mut world = World::new(seed, planted);
    for step in 0..STEPS {
        world.step();
        world.check().map_err(|law| format!("seed {seed}, step {step}: {law}"))?;
    }
    let admitted = world.admitted;
    world.heal().map_err(|law| format!("seed {seed}, healed: {law}"))?;
    world.check().map_err(|law| format!("seed {seed}, healed: {law}"))?;
    Ok(admitted)
}

#[test]
fn no_overshoot_and_no_leak() {
    let walks: u64 = 150;
    let admitted: u64 = (0..walks)
        .map(|seed| walk(seed, Planted::None).unwrap_or_else(|broken| panic!("{broken}")))
        .sum();
    assert!(admitted > walks * 50, "only {admitted} calls were admitted: nothing was tried");
}

#[test]
fn planted_faults_are_caught() {
    for planted in [
        Planted::ToldBeforeSubtracted,
        Planted::RelativeGrants,
        Planted::NoBootCheck,
        Planted::NoQuarantine,
        Planted::ForgottenReturns,
        Planted::BootReused,
    ] {
        let caught = (0..100).find_map(|seed| walk(seed, planted).err());
        assert!(caught.is_some(), "{planted:?} was not caught in 100 walks");
    }
}
