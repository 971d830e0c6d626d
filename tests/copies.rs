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

use hallporter::cluster::{Copies, Limits};
use hallporter::domain::NodeId;

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

/// What a start told that never came to be known to the others' log, so that the next one, on an
/// empty disk, has its number again.
#[test]
fn a_node_is_right_about_its_own_rows() {
    let (one, two) = (NodeId(1), NodeId(2));
    let new = |node| Copies::<u32, &'static str>::new(node, 1, Limits::default());
    let mut hears = new(two);
    let mut meet = |tells: &mut Copies<u32, &'static str>| {
        tells.peer_up(two);
        for _ in 0..3 {
            tells.take_marks(two, &hears.marks());
            for (_, frame) in tells.tell() {
                hears.take(frame);
            }
        }
        hears.rows(one).map(|(key, row)| (*key, *row)).collect::<Vec<_>>()
    };
    let mut before = new(one);
    before.change(7, Some("of before"));
    before.change(8, Some("of before, too"));
    assert_eq!(meet(&mut before), [(7, "of before"), (8, "of before, too")]);
    let mut after = new(one);
    after.change(9, Some("of now"));
    assert_eq!(meet(&mut after), [(9, "of now")], "it has told less than was told before");
    let mut later = new(one);
    (0..4).for_each(|row| later.change(row, None));
    assert_eq!(meet(&mut later), []);
}
