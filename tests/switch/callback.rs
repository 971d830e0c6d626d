//! The called party calls back while his message is being left.

use crate::lab::house::{house, house_with};
use crate::lab::{Call, Manners, Says, Takes, eventually, g711, installed, seconds, wav};
use crate::proxy::{Street, street};

/// Alice leaves bob a message, and has begun to speak.
pub(crate) fn speaks(street: &Street) -> Call {
    street.bob.behaves(Manners { takes: Takes::Refuses(486), ..Manners::default() });
    let call = street.call();
    street.answers(&call);
    street.house.says(&call, 1, 700);
    call
}

/// Bob calls alice.
fn calls_back(street: &Street) -> Call {
    street.dials(&street.bob, "+493012345", "+49301")
}

/// Whether a call hears a tone just now.
pub(crate) fn hears_tone(call: &Call, tone: u16) -> bool {
    let from = call.heard().len();
    eventually(seconds(10.0), || {
        let heard = call.heard();
        let new: Vec<i16> = heard[from..].iter().map(|code| g711::sample(*code)).collect();
        new.len() > 8000 && wav::strength(&new[new.len() - 4000..], f64::from(tone)) > 1000.0
    })
}

#[test]
fn who_accepts_talks_and_then_goes_on_with_the_message() {
    if !installed() || !crate::live::installed() {
        return;
    }
    let street = street(house("callback-accept"));
    let house = &street.house;
    let call = speaks(&street);
    let back = calls_back(&street);
    house.hears(&call, "callback_offer");
    call.presses("1");
    street.answers(&back);
    call.says(Says::Tone(700));
    back.says(Says::Tone(440));
    assert!(hears_tone(&call, 440), "alice does not hear bob:\n{}", house.daemon.log());
    assert!(hears_tone(&back, 700), "bob does not hear alice");
    house.daemon.carries("alice", 1);
    house.daemon.carries("bob", 1);
    back.bye();
    house.hears(&call, "callback_over");
    house.says(&call, 2, 440);
    call.presses("#");
    house.hears(&call, "review");
    call.presses("#");
    house.hears(&call, "saved");
    house.has_messages(1);
    let parts = &house.messages()[0].parts;
    assert_eq!(parts.len(), 2);
    house.is_tone(&parts[0], 700, 2.0);
    house.is_tone(&parts[1], 440, 2.0);
    house.daemon.carries("alice", 0);
    house.daemon.carries("bob", 0);
    assert_eq!(house.phone.came(), 0, "her own phone does not ring: she is on it");
    assert_eq!(street.kamailio.mistakes(), [""; 0]);
}

#[test]
fn who_rejects_or_is_given_up_goes_on_speaking() {
    if !installed() || !crate::live::installed() {
        return;
    }
    let street = street(house("callback-reject"));
    let house = &street.house;
    let call = speaks(&street);
    let back = calls_back(&street);
    house.hears(&call, "callback_offer");
    call.presses("2");
    assert_eq!(back.code(seconds(10.0)), 486, "{}", house.daemon.log());
    call.has_said(seconds(1.0));
    let back = calls_back(&street);
    house.hears_again(&call, "callback_offer");
    back.cancel();
    assert_eq!(back.code(seconds(10.0)), 487);
    call.has_said(seconds(1.0));
    house.daemon.carries("alice", 1);
    call.bye();
    house.has_messages(1);
    let parts = &house.messages()[0].parts;
    assert_eq!(parts.len(), 1, "it was never stopped");
    house.is_tone(&parts[0], 700, 4.0);
    house.daemon.carries("alice", 0);
    house.daemon.carries("bob", 0);
}

#[test]
fn by_policy_it_is_saved_first_and_the_phone_rings() {
    if !installed() || !crate::live::installed() {
        return;
    }
    let street = street(house_with("callback-save", "--callback save"));
    let house = &street.house;
    house.phone.behaves(Manners { takes: Takes::Answers, ..Manners::default() });
    let call = speaks(&street);
    let back = calls_back(&street);
    assert!(call.hung_up(seconds(5.0)), "{}", house.daemon.log());
    street.answers(&back);
    house.phone.comes(0, seconds(5.0));
    house.has_messages(1);
    house.is_tone(&house.messages()[0].parts[0], 700, 2.0);
    house.daemon.carries("alice", 1);
    back.bye();
    house.daemon.carries("alice", 0);
    house.daemon.carries("bob", 0);
}

#[test]
fn by_policy_it_is_thrown_away_first() {
    if !installed() || !crate::live::installed() {
        return;
    }
    let street = street(house_with("callback-discard", "--callback discard"));
    let house = &street.house;
    house.phone.behaves(Manners { takes: Takes::Answers, ..Manners::default() });
    let call = speaks(&street);
    let back = calls_back(&street);
    assert!(call.hung_up(seconds(5.0)), "{}", house.daemon.log());
    street.answers(&back);
    house.is_over(1);
    assert_eq!(house.messages().len(), 0);
    back.bye();
    house.daemon.carries("alice", 0);
}
