//! A mailbox's own greeting, and those that rules choose.

use crate::lab::house::{House, house};
use crate::lab::phone::Dialled;
use crate::lab::{Call, Manners, Takes, installed, seconds, wav};

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

/// Bob greets as usual with one sentence, and with others by name. Nobody hears them on these ways
/// otherwise.
fn greets(house: &House) {
    let file = |name: &str| wav::prompts().join(format!("en/{name}.wav")).display().to_string();
    house.daemon.cli(&format!(
        "mailbox set bob --greeting {} --named-greeting closed={} --named-greeting away={}",
        file("cancelled"),
        file("video_failed"),
        file("too_short")
    ));
}

/// Which of the three is heard, before the words that come behind any greeting.
#[track_caller]
fn hears(house: &House, call: &Call, greeting: &str) {
    house.answers(call);
    house.hears(call, "leave_audio");
    for known in ["cancelled", "video_failed", "too_short"] {
        let heard = call.hears(&wav::prompt(&format!("en/{known}")), seconds(0.0));
        assert_eq!(heard, known == greeting, "{known}\n{}", house.daemon.log());
    }
    call.bye();
}

/// Bob's rules.
#[track_caller]
pub(crate) fn rules(house: &House, text: &str) {
    let file = house.lab.dir.join("greeting.toml");
    std::fs::write(&file, text).unwrap();
    house.daemon.cli(&format!("rule set bob {}", file.display()));
}

#[test]
fn a_greeting_comes_by_its_name_and_an_unknown_one_is_the_usual() {
    if !installed() {
        return;
    }
    let house = house("greeting-named");
    greets(&house);
    let long = "x".repeat(300);
    for (named, greeting) in [
        ("closed", "video_failed"),
        ("Closed", "cancelled"),
        ("../closed", "cancelled"),
        ("${system(x)}", "cancelled"),
        (&*long, "cancelled"),
    ] {
        let dialled = house.phone.dialled("bob", house.switch.sip);
        let extra = format!("X-Hallporter-Greeting: {named}\r\n");
        let call = house.phone.dial(Dialled { extra, ..dialled });
        hears(&house, &call, greeting);
    }
    house.daemon.cli("mailbox set bob --no-named-greeting closed");
    let dialled = house.phone.dialled("bob", house.switch.sip);
    let extra = "X-Hallporter-Greeting: closed\r\n".to_owned();
    hears(&house, &house.phone.dial(Dialled { extra, ..dialled }), "cancelled");
}

#[test]
fn a_rule_chooses_the_greeting_behind_kamailio_and_a_caller_does_not() {
    if !installed() || !crate::live::installed() {
        return;
    }
    let street = crate::proxy::street(house("greeting-rule"));
    let house = &street.house;
    greets(house);
    street.bob.behaves(Manners { takes: Takes::Refuses(486), ..Manners::default() });
    let forged = || {
        // She may have one call.
        house.daemon.carries("alice", 0);
        let dialled = house.phone.dialled("+493012345", house.lab.sip());
        let extra = "X-Hallporter-Greeting: away\r\n".to_owned();
        let from = "<sip:+49301@hp.test>".to_owned();
        house.phone.dial(Dialled { from, extra, ..dialled })
    };
    // Without rules, and with one that chooses none.
    hears(house, &forged(), "cancelled");
    rules(house, "[[rule]]\nmailbox = true\n");
    hears(house, &forged(), "cancelled");
    // At once, and behind a phone.
    rules(house, "[[rule]]\nmailbox = { greeting = \"closed\" }\n");
    hears(house, &forged(), "video_failed");
    rules(house, "[[rule]]\nring = [\"phone\"]\nmailbox = { greeting = \"closed\" }\n");
    house.daemon.carries("alice", 0);
    let rang = street.bob.came();
    hears(house, &street.call(), "video_failed");
    assert_eq!(street.bob.came(), rang + 1);
    // One that is not there.
    rules(house, "[[rule]]\nmailbox = { greeting = \"night\" }\n");
    hears(house, &forged(), "cancelled");
    let told = house.daemon.cli("route --from +49301 --to +493012345");
    assert!(told.contains("; it has no greeting night, and greets as usual"), "{told}");
    assert_eq!(street.kamailio.mistakes(), [""; 0]);
}

#[test]
fn a_rule_chooses_the_greeting_without_kamailio() {
    if !installed() {
        return;
    }
    let (house, _world) = crate::lab::house::house_alone("greeting-alone");
    let daemon = &house.daemon;
    daemon.cli("account add bob");
    daemon.cli("number add +493012345 --account bob");
    daemon.cli("mailbox add bob --account bob --no-video");
    greets(&house);
    let dials = || {
        let dialled = house.phone.dialled("+493012345", house.switch.sip);
        let extra = "X-Hallporter-Greeting: away\r\nhallporter_greeting: away\r\n".to_owned();
        house.phone.dial(Dialled { extra, ..dialled })
    };
    rules(&house, "[[rule]]\nmailbox = { greeting = \"closed\" }\n");
    hears(&house, &dials(), "video_failed");
    rules(&house, "[[rule]]\nmailbox = true\n");
    hears(&house, &dials(), "cancelled");
}
