//! FreeSWITCH without Kamailio: what it can dial, when, and what a caller wishes.

use std::time::Instant;

use crate::alone::{registers, takes, town};
use crate::lab::phone::Dialled;
use crate::lab::{Manners, Phone, Takes, installed, seconds};

#[test]
fn a_device_that_is_registered_twice_joins_late_with_both() {
    if !installed() {
        return;
    }
    let town = town("alone-late-twice");
    let daemon = &town.house.daemon;
    for device in ["desk", "wall"] {
        daemon.cli(&format!("device rm bob {device}"));
    }
    daemon.cli("device add bob any --aor sip:bob@phones.test --stage 1 --ring 3s");
    registers(&town, &[&town.first, &town.second]);
    let text = "[[rule]]\nring = [{ devices = [\"late\", { device = \"any\", after = \"2s\" }], for = \"6s\" }]\nmailbox = false\n";
    crate::greeting::rules(&town.house, text);
    let call = town.dials("+493012345");
    let at_once = town.third.comes(0, seconds(5.0));
    let began = Instant::now();
    for phone in [&town.first, &town.second] {
        assert_eq!(phone.came(), 0, "it joins at once\n{}", town.logs());
    }
    let late = [&town.first, &town.second].map(|phone| phone.comes(0, seconds(5.0)));
    let waited = began.elapsed();
    assert!((seconds(1.2)..seconds(3.5)).contains(&waited), "{waited:?}\n{}", town.logs());
    late[1].answer(Manners::default());
    town.is_told(&call, 200);
    assert!(late[0].hung_up(seconds(5.0)) && at_once.hung_up(seconds(5.0)), "{}", town.logs());
    call.bye();
    town.carries(0);
}

#[test]
fn what_the_switch_cannot_dial_is_said_and_the_rest_rings() {
    if !installed() {
        return;
    }
    let town = town("alone-odd");
    let daemon = &town.house.daemon;
    daemon.cli("device add bob six --uri sip:six@[2001:db8::1] --stage 1 --ring 3s");
    takes(&town.first, Takes::Answers);
    let call = town.dials("+493012345");
    town.is_told(&call, 200);
    let id = daemon.calls()[0].0.clone();
    let why = daemon.cli(&format!("why {id}"));
    let line = "device six, stage 1: left out, it has an address that a FreeSWITCH can't dial";
    assert!(why.contains(line), "{why}");
    call.bye();
    town.carries(0);
}

/// FreeSWITCH tells nobody of the headers of RFC 3841 themselves (1.11.2), so a caller's device or
/// the way to it writes them with `X-` before.
#[test]
fn what_a_caller_wishes_is_heard() {
    if !installed() {
        return;
    }
    let town = town("alone-wishes");
    let house = &town.house;
    house.daemon.cli("mailbox add bob --account bob --no-video");
    for phone in [&town.first, &town.second, &town.third] {
        takes(phone, Takes::Refuses(486));
    }
    let mut came = [0; 3];
    for (extra, rings, code) in [
        ("X-Request-Disposition: no-fork\r\nX-Reject-Contact: *;automata\r\n", [1, 0, 0], 486),
        ("X-Reject-Contact: *;actor=\"msg-taker\"\r\n", [1, 1, 1], 486),
        ("X-Request-Disposition: ${system(x)},</action>\r\n", [1, 1, 1], 200),
    ] {
        let dialled = house.phone.dialled("+493012345", house.switch.sip);
        let from = "<sip:+49301@hp.test>".to_owned();
        let call = house.phone.dial(Dialled { from, extra: extra.to_owned(), ..dialled });
        town.is_told(&call, code);
        came.iter_mut().zip(rings).for_each(|(all, rings)| *all += rings);
        let now = [&town.first, &town.second, &town.third].map(Phone::came);
        assert_eq!(now, came, "{extra}\n{}", town.logs());
        if code == 200 {
            call.bye();
        }
        town.carries(0);
    }
}
