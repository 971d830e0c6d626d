//! Deposits under a random walk: callers, called parties who call back, a switch that is slow,
//! mute, unreachable or dead, a full disk, a daemon that is killed. `deposits/world.rs` has the
//! world, `deposits/switch.rs` and `deposits/spool.rs` the laws.
//!
//! `HALLPORTER_WALKS=100000` walks longer; a seed that fails is printed with all that happened.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "deposits/clock.rs"]
mod clock;
#[path = "rights/dice.rs"]
mod dice;
#[path = "deposits/people.rs"]
mod people;
#[path = "deposits/spool.rs"]
mod spool;
#[path = "deposits/switch.rs"]
mod switch;
#[path = "deposits/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hallporter::messages::{TRANSITIONS, Transition, mermaid};
use spool::Planted;
use world::World;

const STEPS: usize = 300;
/// So many walks are the measure of the table of transitions.
const WALKS: u64 = 2_000;
/// How many times every way out is tried from each state.
const EXITS: u32 = 12;

fn walks() -> u64 {
    std::env::var("HALLPORTER_WALKS").ok().and_then(|text| text.parse().ok()).unwrap_or(WALKS)
}

/// One walk; says which law was broken.
fn walk(
    (seed, planted): (u64, Planted),
    traced: bool,
    seen: &mut BTreeSet<Transition>,
    mut at_each: impl FnMut(&World) -> Result<(), String>,
) -> Result<u64, (String, String)> {
    let mut world = World::new(seed, planted, traced);
    let mut step = || {
        for step in 0..STEPS {
            world.step();
            world.check().map_err(|law| format!("step {step}: {law}"))?;
            at_each(&world)?;
            seen.extend(world.deposits.seen());
        }
        world.heal().map_err(|law| format!("healed: {law}"))?;
        seen.extend(world.deposits.seen());
        Ok(())
    };
    match step() {
        Ok(()) => Ok(world.begun),
        Err(law) => Err((law, world.trace)),
    }
}

fn fail(seed: u64, law: &str, exits: bool) -> ! {
    let mut nothing = BTreeMap::new();
    let again = walk((seed, Planted::None), true, &mut BTreeSet::new(), |world| {
        if exits { all_exits(world, &mut nothing, u32::MAX) } else { Ok(()) }
    });
    let trace = again.err().map(|(_, trace)| trace).unwrap_or_default();
    panic!("{trace}\nseed {seed}: {law}");
}

#[test]
fn nothing_is_lost_and_everything_ends() {
    let (mut begun, mut seen) = (0, BTreeSet::new());
    for seed in 0..walks() {
        match walk((seed, Planted::None), false, &mut seen, |_| Ok(())) {
            Ok(deposits) => begun += deposits,
            Err((law, _)) => fail(seed, &law, false),
        }
    }
    assert!(begun > walks() * 2, "only {begun} deposits have begun: nothing was tried");
    if walks() == WALKS {
        the_table_is_true(&seen);
    }
}

/// The table of transitions says what was seen.
fn the_table_is_true(seen: &BTreeSet<Transition>) {
    let known: BTreeSet<Transition> = TRANSITIONS.iter().copied().collect();
    if std::env::var_os("HALLPORTER_BLESS").is_some() {
        let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/messages/transitions.rs");
        let source = std::fs::read_to_string(&table).unwrap();
        let (head, _) = source.split_once("&[Transition] = &[").unwrap();
        let rows: String = seen
            .iter()
            .map(|(from, event, to)| format!("    ({from:?}, {event:?}, {to:?}),\n"))
            .collect();
        std::fs::write(&table, format!("{head}&[Transition] = &[\n{rows}];\n")).unwrap();
        return;
    }
    let new: Vec<_> = seen.difference(&known).collect();
    let gone: Vec<_> = known.difference(seen).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "src/messages/transitions.rs is old: run the tests with HALLPORTER_BLESS=1, twice, and \
         look at the difference. New: {new:?}. Not seen: {gone:?}"
    );
}

#[test]
fn the_page_shows_the_picture() {
    let (begin, end) = ("<!-- picture: begin -->\n", "<!-- picture: end -->");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/messages.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(begin).unwrap();
    let (_, tail) = rest.split_once(end).unwrap();
    let should = format!("{head}{begin}```mermaid\n{}```\n{end}{tail}", mermaid());
    if std::env::var_os("HALLPORTER_BLESS").is_some() {
        std::fs::write(&path, &should).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(page == should, "docs/messages.md is old: run the tests with HALLPORTER_BLESS=1");
}

/// Out of every state by hang-up, by time, by the switch's loss and by a restart of the daemon.
fn all_exits(
    world: &World,
    tried: &mut BTreeMap<&'static str, u32>,
    max: u32,
) -> Result<(), String> {
    let states = world.states();
    let fresh = states.keys().any(|state| tried.get(state).copied().unwrap_or(0) < max);
    if !fresh {
        return Ok(());
    }
    for state in states.keys() {
        *tried.entry(state).or_default() += 1;
    }
    let out = |how: &str, way: &dyn Fn(&mut World) -> Result<(), String>| {
        let mut other = world.clone();
        way(&mut other).map_err(|law| {
            format!(
                "{how} in {states:?}: {law}\n{}",
                other.trace.strip_prefix(&world.trace).unwrap_or_default()
            )
        })
    };
    out("hang-up", &|world| {
        world.all_hang_up();
        world.heal()
    })?;
    out("time", &World::heal)?;
    out("the switch is lost", &|world| {
        world.lose_for_ever();
        world.run_down(false)
    })?;
    out("the daemon restarts", &|world| {
        world.kill_daemon();
        world.heal()
    })?;
    out("the daemon restarts without the switch", &|world| {
        world.lose_for_ever();
        world.kill_daemon();
        world.run_down(false)
    })?;
    // Two who talk have no deadline: a switch that tells nothing at all is noticed by its silence.
    if !states.contains_key("talking") {
        out("a switch that does nothing", &|world| {
            world.stun();
            world.run_down(false)
        })?;
    }
    Ok(())
}

#[test]
fn every_state_has_a_way_out() {
    let mut tried = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for seed in 0..walks() {
        let walked = walk((seed, Planted::None), false, &mut seen, |world| {
            all_exits(world, &mut tried, EXITS)
        });
        if let Err((law, _)) = walked {
            fail(seed, &law, true);
        }
    }
    let rare: Vec<_> = tried.iter().filter(|(_, times)| **times < 2).collect();
    assert!(tried.len() >= 24 && rare.is_empty(), "not tried enough: {tried:?}");
}

#[test]
fn planted_faults_are_caught() {
    for planted in [
        Planted::ForgottenCards,
        Planted::BlindChecks,
        Planted::LostMessages,
        Planted::SilentDeliveries,
    ] {
        let caught = (0..200)
            .find_map(|seed| walk((seed, planted), false, &mut BTreeSet::new(), |_| Ok(())).err());
        assert!(caught.is_some(), "{planted:?} was not caught in 200 walks");
    }
}
