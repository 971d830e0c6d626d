//! Rows of several nodes over a network that loses, repeats, delays and reorders, with links that
//! are cut and nodes that crash, start anew or stay away: nobody ever sees a row that was not, or
//! an older one after a newer one; who knows all changes up to a number has exactly those rows;
//! and when all has healed, everybody has everything.
//!
//! `copies/world.rs` has the world. The faults in [`Planted`] must all be caught, so that a walk
//! that finds nothing says something.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "rights/dice.rs"]
mod dice;
#[path = "copies/world.rs"]
mod world;

use world::{Planted, World};

const STEPS: usize = 1_500;

/// One walk; says at which step which law was broken.
fn walk(seed: u64, planted: Planted) -> Result<usize, String> {
    let mut world = World::new(seed, planted);
    for step in 0..STEPS {
        world.step();
        world.check().map_err(|law| format!("seed {seed}, step {step}: {law}"))?;
    }
    let told = world.told;
    world.heal().map_err(|law| format!("seed {seed}, healed: {law}"))?;
    Ok(told)
}

#[test]
fn everybody_comes_to_know_everything() {
    let walks: usize = 400;
    let told: usize = (0..walks as u64)
        .map(|seed| walk(seed, Planted::None).unwrap_or_else(|broken| panic!("{broken}")))
        .sum();
    assert!(told > walks * 100, "only {told} rows were told: nothing was tried");
}

#[test]
fn planted_faults_are_caught() {
    for planted in [
        Planted::NoMarks,
        Planted::GapsTaken,
        Planted::GoingNotTold,
        Planted::AnewTakenAsMore,
        Planted::BootReused,
    ] {
        let caught = (0..100).find_map(|seed| walk(seed, planted).err());
        assert!(caught.is_some(), "{planted:?} was not caught in 100 walks");
    }
}
