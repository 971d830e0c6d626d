//! What desks of several nodes ask each other, step by step, as cases that can be read.
//!
//! `together/*.txt` hold them. A case begins with `== its name`; each line below it is one thing
//! that happens, at the time in front of it (else at once), and what comes of it behind `=>`
//! (nothing behind it: nothing). `together/town.rs` has the words. Nothing is on its way by itself:
//! what is asked of the log waits for `agree`, what nodes tell each other for `deliver`.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "common/cases.rs"]
mod cases;
#[path = "together/mail.rs"]
mod mail;
#[path = "together/town.rs"]
mod town;

use town::Town;

fn play(text: &str) -> Result<usize, String> {
    cases::play(text, "", Town::play)
}

fn check(text: &str, at_least: usize) {
    cases::check(play(text), at_least);
}

#[test]
fn a_wrong_expectation_is_noticed() {
    let right = "== one\naccount a calls=1\none c1 a => one asks a 1\nagree => c1 pass";
    assert_eq!(play(right), Ok(1));
    assert!(
        play(&right.replace("c1 pass", "c1 403 cap_out"))
            .is_err_and(|said| { said.contains("line 4, one") })
    );
    assert!(play("== two\nnonsense => ").is_err());
}

#[test]
fn asking() {
    check(include_str!("together/asking.txt"), 12);
}

#[test]
fn waiting() {
    check(include_str!("together/waiting.txt"), 10);
}

#[test]
fn starting_and_going() {
    check(include_str!("together/going.txt"), 6);
}

#[test]
fn calling_back() {
    check(include_str!("together/calling_back.txt"), 18);
}
