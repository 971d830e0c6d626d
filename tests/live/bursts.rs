//! Caps under fire: hundreds of calls in the same instant, and exactly as many as fit.

use crate::lab::kamailio::Setup;
use crate::lab::{
    Call, Daemon, Dial, Dice, Does, Lab, Line, Phone, eventually, installed, seconds, whole_machine,
};

const BURSTS: usize = 200;
const CALLS: usize = 200;
const CAP: usize = 5;
/// A machine that is busy with other things makes Kamailio do without an answer now and then, and it
/// lets the call through as it is told to. Such a burst says nothing about caps; so many may be.
const VOID_MAX: usize = BURSTS / 2;

#[test]
fn of_two_hundred_simultaneous_calls_exactly_five_are_admitted_two_hundred_times() {
    if !installed() {
        return;
    }
    let _machine = whole_machine();
    let lab = Lab::new("bursts");
    let mut daemon = Daemon::init(&lab, "porter", 8170);
    daemon.set("trust_from", "true");
    daemon.set("level", "\"info\"");
    daemon.start();
    let phone = lab.phone(Does::Ring);
    // As patient as it can be.
    let setup = Setup::asking(&daemon).set("HP_DEADLINE_MS 950").gateway(phone.at);
    let kamailio = setup.start(&lab);
    daemon.customer("alice", &format!("--max-calls {CAP}"), "+49301", &phone.uri("alice"));
    daemon.cli("number add alice@hp.test --account alice");
    let mut dice = Dice::new();
    let mut admitted = Vec::new();
    let mut void = 0;
    let without_answer = || kamailio.log().matches("is let through without a decision").count();
    while admitted.len() < BURSTS {
        let before = without_answer();
        // Some call her, some are called by her: all of them in her cap.
        let outgoing = dice.roll(CALLS as u64 + 1);
        let lines: Vec<Line> = (0..6).map(|_| lab.line()).collect();
        let calls: Vec<Call> = (0..CALLS)
            .map(|number| {
                let out = (number as u64) < outgoing;
                let dial = match out {
                    true => Dial::to("+15550100").from("<sip:alice@hp.test>"),
                    false => Dial::to("+49301"),
                };
                lines[number % lines.len()].dial(dial)
            })
            .collect();
        let refused = || calls.iter().filter(|call| call.code(seconds(0.0)) != 0).count();
        // Whoever is not refused rings, and keeps ringing until all others are.
        let settled = eventually(seconds(10.0), || refused() + phone.ringing().len() >= CALLS);
        assert!(settled, "{} refused, {} ring", refused(), phone.ringing().len());
        assert!(calls.iter().all(|call| matches!(call.code(seconds(0.0)), 0 | 403 | 486)));
        let found = (phone.open_most(), CALLS - refused());
        if without_answer() == before {
            admitted.push(found);
        } else {
            void += 1;
            assert!(void <= VOID_MAX, "the daemon did not answer in time in {void} bursts");
        }
        end(&calls, &phone);
        let free = eventually(seconds(5.0), || daemon.live("alice") == 0);
        assert!(free, "{} slots stay taken", daemon.live("alice"));
        phone.forget();
        phone.open_most();
    }
    let exact = admitted.iter().filter(|found| **found == (CAP, CAP)).count();
    assert_eq!(exact, BURSTS, "{admitted:?}");
    assert_eq!(kamailio.mistakes(), [""; 0]);
}

/// Calls that ring are over in different ways: given up, busy, answered.
fn end(calls: &[Call], phone: &Phone) {
    for (number, call) in calls.iter().filter(|call| call.code(seconds(0.0)) == 0).enumerate() {
        match number % 3 {
            0 => call.cancel(),
            1 => phone.refuse(&call.id, 486),
            _ => phone.answer(&call.id),
        }
        if call.code(seconds(5.0)) == 200 {
            call.bye();
        }
    }
}
