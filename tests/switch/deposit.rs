//! A caller leaves a message: what he hears, says and presses, and what is kept.

use crate::lab::house::house;
use crate::lab::{Says, eventually, g711, installed, seconds, wav};

#[test]
fn a_message_is_left_reviewed_and_sent() {
    if !installed() {
        return;
    }
    let house = house("deposit-audio");
    let call = house.speaks();
    house.hears(&call, "unknown");
    house.hears(&call, "leave_audio");
    house.says(&call, 1, 700);
    call.presses("#");
    house.hears(&call, "review");
    // Listen to it, then urgent, then send.
    let before = call.heard().len();
    call.presses("1");
    let listens = || {
        let heard: Vec<i16> =
            call.heard()[before..].iter().map(|code| g711::sample(*code)).collect();
        wav::strength(&heard, 700.0)
    };
    assert!(eventually(seconds(10.0), || listens() > 300.0), "it is not played");
    call.presses("3");
    house.hears(&call, "urgent");
    call.presses("#");
    house.hears(&call, "saved");
    assert!(call.hung_up(seconds(10.0)));
    house.has_messages(1);
    let message = &house.messages()[0];
    assert!(message.urgent);
    house.is_tone(&message.parts[0], 700, 2.0);
    assert!(eventually(seconds(5.0), || house.deposits().is_empty()), "it stays");
}

#[test]
fn who_hangs_up_has_left_what_he_said() {
    if !installed() {
        return;
    }
    let house = house("deposit-hangup");
    // In the greeting: nothing was said.
    let call = house.speaks();
    house.hears(&call, "unknown");
    call.bye();
    house.is_over(1);
    // In the recording.
    let call = house.speaks();
    house.says(&call, 1, 700);
    call.bye();
    house.has_messages(1);
    // In the menu.
    let call = house.speaks();
    house.says(&call, 1, 440);
    call.presses("#");
    house.hears(&call, "review");
    call.bye();
    house.has_messages(2);
    let tones: Vec<u16> = vec![700, 440];
    for (message, tone) in house.messages().iter().zip(tones) {
        house.is_tone(&message.parts[0], tone, 2.0);
    }
    // Too short to be kept.
    let call = house.speaks();
    house.begins(1);
    call.bye();
    house.is_over(4);
    assert_eq!(house.messages().len(), 2);
    assert!(eventually(seconds(5.0), || house.deposits().is_empty()));
}

#[test]
fn silence_ends_it_again_records_anew_and_star_cancels() {
    if !installed() {
        return;
    }
    let house = house("deposit-again");
    let call = house.speaks();
    house.says(&call, 1, 700);
    call.says(Says::Silence);
    house.hears(&call, "review");
    call.presses("2");
    house.says(&call, 2, 440);
    call.presses("#");
    house.hears_again(&call, "review");
    call.presses("#");
    house.has_messages(1);
    let message = &house.messages()[0];
    assert_eq!(message.parts.len(), 1, "what was recorded first is not in it");
    house.is_tone(&message.parts[0], 440, 2.0);
    assert!(call.hung_up(seconds(10.0)));

    let call = house.speaks();
    house.says(&call, 1, 700);
    call.presses("#");
    house.hears(&call, "review");
    call.presses("*");
    house.hears(&call, "cancelled");
    assert!(call.hung_up(seconds(10.0)));
    house.is_over(2);
    assert_eq!(house.messages().len(), 1);
}

#[test]
fn a_killed_daemon_takes_up_the_recording_where_it_is() {
    if !installed() {
        return;
    }
    let mut house = house("deposit-kill");
    // The caller goes on speaking, and hangs up when it is back.
    let call = house.speaks();
    house.says(&call, 1, 700);
    house.daemon.kill();
    call.has_said(seconds(2.0));
    house.starts();
    call.has_said(seconds(2.0));
    call.presses("#");
    house.hears(&call, "review");
    call.bye();
    house.has_messages(1);
    // The caller hangs up while it is away.
    let call = house.speaks();
    house.says(&call, 1, 440);
    house.daemon.kill();
    call.bye();
    house.starts();
    house.has_messages(2);
    house.is_tone(&house.messages()[0].parts[0], 700, 5.0);
    house.is_tone(&house.messages()[1].parts[0], 440, 2.0);
    // The recording ends while it is away: the switch itself says so, and it is found all the same.
    let call = house.speaks();
    house.says(&call, 1, 440);
    house.daemon.kill();
    call.presses("#");
    house.hears(&call, "unavailable");
    house.starts();
    house.has_messages(3);
}

#[test]
fn what_was_recorded_by_a_killed_switch_is_delivered() {
    if !installed() {
        return;
    }
    let mut house = house("deposit-switch-kill");
    let call = house.speaks();
    // The switch writes in blocks of four seconds.
    house.begins(1);
    call.says(Says::Tone(700));
    call.has_said(seconds(7.0));
    house.switch.kill();
    house.has_messages(1);
    house.is_tone(&house.messages()[0].parts[0], 700, 3.0);
    // And it takes messages again when it is back.
    house.switch.run();
    let call = house.speaks_when_ready();
    house.says(&call, 1, 440);
    call.bye();
    house.has_messages(2);
}
