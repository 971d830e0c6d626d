//! Whenever the daemon dies, no caller is left in silence.
//!
//! HALLPORTER_KILLS says how many rounds (6), HALLPORTER_SEED which ones.

use std::time::{Duration, Instant};

use crate::lab::house::{House, house};
use crate::lab::{Call, Says, Switch, becomes, eventually, installed, seconds, wav};
use crate::live::Dice;

/// How long a caller may hear nothing.
const SILENCE_MAX: Duration = Duration::from_secs(6);
/// What a busy machine may add to a figure that is taken here and not at the caller's ear.
const SLACK: Duration = Duration::from_millis(300);

fn rounds() -> u64 {
    let rounds = std::env::var("HALLPORTER_KILLS").ok().and_then(|rounds| rounds.parse().ok());
    rounds.unwrap_or(6)
}

/// It dies before, in and behind the claim, the answer, the greeting: the first sound comes in time,
/// and the caller is told.
#[test]
fn a_daemon_that_dies_around_the_hand_off_leaves_nobody_in_silence() {
    if !installed() {
        return;
    }
    let mut dice = Dice::new();
    let mut house = house("silence-handoff");
    let mut states = Vec::new();
    for round in 0..rounds() {
        // The instants of the claim and the answer are the first 100 ms; two in three die there.
        let below = if dice.roll(3) == 0 { 4_000 } else { 160 };
        let kill_after = Duration::from_millis(dice.roll(below));
        let comes_after =
            Duration::from_millis(if dice.roll(4) == 0 { dice.roll(16_000) } else { 0 });
        let call = if comes_after.is_zero() {
            let call = house.phone.call("bob", house.switch.sip);
            eventually(kill_after, || false);
            house.daemon.kill();
            call
        } else {
            house.daemon.kill();
            // Its last sign of life grows old.
            eventually(comes_after, || false);
            house.phone.call("bob", house.switch.sip)
        };
        let answered = call.code(Duration::ZERO);
        let first = call.first_sound(SILENCE_MAX + seconds(6.0));
        let silence = first.map(|first| first.saturating_duration_since(call.began()));
        states.push(format!("round {round}: dead after {kill_after:?}, comes {comes_after:?} later ({answered}): {silence:?}"));
        let silence =
            silence.unwrap_or_else(|| panic!("silence: {states:#?}\n{}", house.switch.log()));
        assert!(silence <= SILENCE_MAX, "{states:#?}");
        is_told(&house, &call, &states);
        house.starts();
        becomes(&0, seconds(20.0), || Switch::legs(&house.switch.esl()));
    }
    println!("{states:#?}");
}

/// It dies while the caller waits for what comes next: behind `#`, in the menu, while he listens.
#[test]
fn a_daemon_that_dies_later_leaves_nobody_in_silence() {
    if !installed() {
        return;
    }
    let mut dice = Dice::new();
    let mut house = house("silence-later");
    let mut states = Vec::new();
    for round in 0..rounds() {
        let call = house.speaks();
        house.begins(1);
        call.says(Says::Tone(700));
        call.has_said(seconds(1.6));
        call.says(Says::Silence);
        let keys = ["#", "#1", "##", "#2"][usize::try_from(dice.roll(4)).unwrap()];
        let pressed = Instant::now();
        call.presses(keys);
        let below = if dice.roll(3) == 0 { 3_000 } else { 300 };
        let kill_after = Duration::from_millis(dice.roll(below));
        eventually(kill_after, || false);
        house.daemon.kill();
        let gap = longest_gap(&call, pressed);
        states.push(format!("round {round}: {keys}, dead after {kill_after:?}: {gap:?}"));
        assert!(gap <= SILENCE_MAX + SLACK, "{states:#?}\n{}", house.switch.log());
        house.starts();
        becomes(&0, seconds(20.0), || Switch::legs(&house.switch.esl()));
    }
    println!("{states:#?}");
}

/// The longest time without a sound until the caller is hung up.
fn longest_gap(call: &Call, from: Instant) -> Duration {
    let (mut heard, mut last, mut longest) = (call.loud(), from, Duration::ZERO);
    eventually(seconds(90.0), || {
        let now = call.loud();
        if now != heard {
            (heard, last) = (now, Instant::now());
        }
        longest = longest.max(last.elapsed());
        call.hung_up(Duration::ZERO) || longest > SILENCE_MAX + seconds(2.0)
    });
    longest
}

/// The caller hears that nobody can take his message, and is hung up on.
#[track_caller]
fn is_told(house: &House, call: &Call, states: &[String]) {
    // A recording may have begun: it ends with silence.
    call.says(Says::Silence);
    let told = call.hears(&wav::prompt("en/unavailable"), seconds(30.0));
    assert!(told, "it is not said: {states:#?}\n{}", house.switch.log());
    assert!(call.hung_up(seconds(10.0)), "it is not hung up: {states:#?}");
}
