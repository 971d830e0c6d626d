//! How a call comes to the daemon, and what the caller hears when there is none: the beat, the
//! guard, the claim.

use std::time::{Duration, Instant};

use crate::lab::switch::beat;
use crate::lab::{Call, Esl, Lab, Phone, Says, Switch, becomes, installed, seconds, wav};

/// A caller is never left in silence for longer.
const SILENCE_MAX: Duration = Duration::from_secs(6);

struct House {
    lab: Lab,
    switch: Switch,
    esl: Esl,
    phone: Phone,
}

fn house(name: &str) -> House {
    let lab = Lab::new(name);
    let switch = Switch::start(&lab);
    let (esl, phone) = (switch.esl(), Phone::new(lab.ip));
    esl.subscribe("CHANNEL_PARK CHANNEL_UNPARK RECORD_START RECORD_STOP CHANNEL_HANGUP_COMPLETE");
    House { lab, switch, esl, phone }
}

impl House {
    fn call(&self, user: &str) -> Call {
        self.phone.call(user, self.switch.sip)
    }

    /// It waits for a daemon, and rings: its leg.
    #[track_caller]
    fn waits(&self, call: &Call, user: &str) -> String {
        assert!(call.rings(seconds(5.0)), "it does not ring:\n{}", self.switch.log());
        self.switch.leg(&self.esl, user)
    }

    /// The caller hears the fall-back, in time, and is hung up on.
    #[track_caller]
    fn falls_back(&self, call: &Call, began: Instant) {
        let sound = call.first_sound(SILENCE_MAX + seconds(4.0));
        let after = sound.unwrap_or_else(|| panic!("silence:\n{}", self.switch.log())) - began;
        assert!(after <= SILENCE_MAX, "the first sound came after {after:?}");
        assert!(call.hears(&wav::prompt("en/unavailable"), seconds(10.0)), "another sound");
        assert!(call.hung_up(seconds(10.0)), "it is not hung up");
    }
}

#[test]
fn without_a_beat_the_caller_hears_so() {
    if !installed() {
        return;
    }
    let house = house("switch-no-beat");
    let spoil = |value: &str| house.esl.api(&format!("global_setvar hallporter_beat={value}"));
    // None at all; one that is no number; one from the future.
    for value in ["", "garbage", "99999999999"] {
        spoil(value);
        let began = Instant::now();
        let call = house.call("alice");
        house.falls_back(&call, began);
        assert_eq!(call.code(Duration::ZERO), 200);
    }
    assert_eq!(house.esl.count("CHANNEL_PARK", ""), 0);
}

#[test]
fn a_stale_beat_is_none() {
    if !installed() {
        return;
    }
    let house = house("switch-stale");
    beat(&house.esl, 20);
    let began = Instant::now();
    let call = house.call("alice");
    house.falls_back(&call, began);
    assert_eq!(house.esl.count("CHANNEL_PARK", ""), 0);
}

#[test]
fn a_leg_waits_for_the_daemon_and_not_for_long() {
    if !installed() {
        return;
    }
    let house = house("switch-guard");
    beat(&house.esl, 0);
    let began = Instant::now();
    let call = house.call("alice.b_c-d");
    let leg = house.waits(&call, "alice.b_c-d");
    let parked = house.esl.sees("CHANNEL_PARK", &leg);
    assert_eq!(parked.get("variable_hallporter"), "deposit");
    assert_eq!(parked.get("variable_sip_call_id"), call.id);
    assert_eq!(call.code(Duration::ZERO), 0, "it is not answered before it is claimed");
    house.falls_back(&call, began);
    // Who comes now comes too late.
    assert_eq!(house.esl.api(&format!("sched_del {leg}")), "+OK Deleted: 0");
}

#[test]
fn a_claimed_leg_stays() {
    if !installed() {
        return;
    }
    let house = house("switch-claim");
    beat(&house.esl, 0);
    let call = house.call("alice");
    let leg = house.waits(&call, "alice");
    assert_eq!(house.esl.api(&format!("sched_del {leg}")), "+OK Deleted: 1");
    assert_eq!(house.esl.api(&format!("sched_del {leg}")), "+OK Deleted: 0");
    // A later one that nobody claims is the clock: its guard fires after the first one's would.
    let (began, other) = (Instant::now(), house.call("bob"));
    house.waits(&other, "bob");
    house.falls_back(&other, began);
    assert_eq!(house.esl.count("CHANNEL_UNPARK", &leg), 0);
    assert_eq!(house.esl.api(&format!("uuid_exists {leg}")), "true");
    assert_eq!(call.code(Duration::ZERO), 0);
    call.cancel();
    assert_eq!(call.code(seconds(5.0)), 487);
    becomes(&0, seconds(5.0), || Switch::legs(&house.esl));
}

#[test]
fn a_call_back_that_nobody_takes_is_handed_back() {
    if !installed() {
        return;
    }
    let house = house("switch-callback");
    // No daemon: at once.
    let call = house.call("callback-m7-12c");
    assert_eq!(call.code(seconds(5.0)), 480);
    assert!(!call.rings(Duration::ZERO));
    // One that does not take it.
    beat(&house.esl, 0);
    let call = house.call("callback-m7-12c");
    let leg = house.waits(&call, "callback-m7-12c");
    let parked = house.esl.sees("CHANNEL_PARK", &leg);
    assert_eq!(parked.get("variable_hallporter"), "callback");
    assert_eq!(call.code(seconds(10.0)), 480);
    // What only looks like one is a mailbox.
    let call = house.call("callback-m7");
    let leg = house.waits(&call, "callback-m7");
    assert_eq!(house.esl.sees("CHANNEL_PARK", &leg).get("variable_hallporter"), "deposit");
}

/// The dead man's tail: a daemon that dies over a recording.
#[test]
fn a_leg_whose_daemon_has_died_is_led_to_the_fall_back() {
    if !installed() {
        return;
    }
    let house = house("switch-tail");
    beat(&house.esl, 0);
    let call = house.call("alice");
    let leg = house.waits(&call, "alice");
    assert_eq!(house.esl.api(&format!("sched_del {leg}")), "+OK Deleted: 1");
    call.says(Says::Tone(440));
    let file = house.switch.dir.join("rec/1.wav");
    let locked = |application: &str, argument: &str| {
        let reply = house.esl.ask(&format!(
            "sendmsg {leg}\ncall-command: execute\nexecute-app-name: {application}\n\
             execute-app-arg: {argument}\nevent-lock: true"
        ));
        assert!(reply.contains("+OK"), "{reply}");
    };
    locked("answer", "");
    locked("record", &format!("{} 60 200 3", file.display()));
    locked("playback", "silence_stream://1500");
    locked("transfer", "_hallporter_fallback XML hallporter");
    house.esl.sees("RECORD_START", &leg);
    call.has_said(seconds(1.5));
    call.says(Says::Silence);
    house.esl.sees("RECORD_STOP", &leg);
    house.falls_back(&call, Instant::now());
    assert!(wav::strength(&wav::samples(&file)[2000..10_000], 440.0) > 5000.0);
    assert!(house.lab.dir.exists());
}
