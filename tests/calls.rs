//! What counts as a call: every line of the design's list, as cases that can be read.
//!
//! `calls/*.txt` hold them. A case begins with `== its name`; each line below it is one thing that
//! happens, at the time in front of it (else at once), and what must come of it behind `=>`
//! (nothing behind it: it must be `ok`). `calls/house.rs` has the words.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

#[path = "calls/alone.rs"]
mod alone;
#[path = "calls/called_back.rs"]
mod called_back;
#[path = "common/cases.rs"]
mod cases;
#[path = "calls/command.rs"]
mod command;
#[path = "calls/house.rs"]
mod house;
#[path = "calls/words.rs"]
mod words;

#[path = "common/mod.rs"]
mod common;

use house::House;

fn play(text: &str) -> Result<usize, String> {
    cases::play(text, "ok", House::play)
}

fn check(text: &str, at_least: usize) {
    cases::check(play(text), at_least);
}

#[test]
fn a_wrong_expectation_is_noticed() {
    let right =
        "== one\naccount a calls=1\nroute c1 from a to +4930 => pass\nusage a => 1/1 in 0 out 1";
    assert_eq!(play(right), Ok(1));
    let wrong = right.replace("1/1", "0/1");
    assert!(play(&wrong).is_err_and(|said| said.contains("line 4, one")));
    assert!(play("== two\nnonsense").is_err());
    assert!(play("== three\nroute c1 from nobody to +4930").is_err());
}

#[test]
fn seats() {
    check(include_str!("calls/seats.txt"), 12);
}

#[test]
fn one_call() {
    check(include_str!("calls/one_call.txt"), 12);
}

#[test]
fn emergency() {
    check(include_str!("calls/emergency.txt"), 10);
}

#[test]
fn idempotence() {
    check(include_str!("calls/idempotence.txt"), 12);
}

#[test]
fn release() {
    check(include_str!("calls/release.txt"), 14);
}

#[test]
fn refusals() {
    check(include_str!("calls/refusals.txt"), 10);
}

#[test]
fn starts() {
    check(include_str!("calls/starts.txt"), 10);
}

#[test]
fn rules() {
    check(include_str!("calls/rules.txt"), 10);
}

#[test]
fn somebody_is_told() {
    check(include_str!("calls/tells.txt"), 8);
}

#[test]
fn push() {
    check(include_str!("calls/push.txt"), 14);
}

#[test]
fn self_care() {
    check(include_str!("calls/self_care.txt"), 20);
}

#[test]
fn registry_changes() {
    check(include_str!("calls/registry.txt"), 10);
}
