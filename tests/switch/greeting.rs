//! A mailbox's own greeting.

use crate::lab::house::house;
use crate::lab::{installed, seconds, wav};

#[test]
fn a_mailbox_greets_in_its_own_words_until_they_are_taken_back() {
    if !installed() {
        return;
    }
    let house = house("greeting-own");
    // Words that nobody hears on this way otherwise.
    let own = wav::prompts().join("en/cancelled.wav");
    house.daemon.cli(&format!("mailbox set bob --greeting {}", own.display()));
    let call = house.speaks();
    house.hears(&call, "cancelled");
    house.hears(&call, "leave_audio");
    assert!(
        !call.hears(&wav::prompt("en/unknown"), seconds(0.0)),
        "the usual words are heard, too"
    );
    house.says(&call, 1, 700);
    call.bye();
    house.has_messages(1);
    house.is_tone(&house.messages()[0].parts[0], 700, 2.0);

    house.daemon.cli("mailbox set bob --no-greeting");
    let call = house.speaks();
    house.hears(&call, "unknown");
    house.hears(&call, "leave_audio");
    assert!(!call.hears(&wav::prompt("en/cancelled"), seconds(0.0)), "it was taken back");
    call.bye();
    house.is_over(2);
}
