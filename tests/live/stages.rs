//! How a fork order goes on: given up by the caller, declined, busy, dead.

use std::time::Duration;

use crate::lab::kamailio::{Kamailio, Setup};
use crate::lab::{Call, Daemon, Dial, Does, Lab, Line, Phone, installed, seconds};

/// An account with cap 1 and two stages of two phones, of 1 s and 20 s.
struct House {
    lab: Lab,
    daemon: Daemon,
    kamailio: Kamailio,
    phone: Phone,
    line: Line,
}

fn house(name: &str) -> House {
    let lab = Lab::new(name);
    let daemon = Daemon::serve(&lab);
    let kamailio = Setup::asking(&daemon).set("HP_DEAD_PHONE_MS 1000").start(&lab);
    let (phone, line) = (lab.phone(Does::Ring), lab.line());
    daemon.cli("account add alice --max-calls 1");
    daemon.cli("number add +49301 --account alice");
    for (device, stage, ring) in [("a", 1, 1), ("b", 1, 1), ("c", 2, 20), ("d", 2, 20)] {
        let uri = phone.uri(device);
        daemon
            .cli(&format!("device add alice {device} --uri {uri} --stage {stage} --ring {ring}s"));
    }
    House { lab, daemon, kamailio, phone, line }
}

impl House {
    fn call(&self) -> Call {
        self.line.dial(Dial::to("+49301"))
    }

    /// The slot is free again: nothing is up, and the next call is admitted.
    #[track_caller]
    fn is_free(&self) {
        self.daemon.carries("alice", 0);
        let call = self.call();
        self.phone.gets("INVITE", &call.id, 1);
        assert_eq!(self.daemon.live("alice"), 1);
        call.cancel();
        call.ends_with(487);
        self.daemon.carries("alice", 0);
    }
}

#[test]
fn a_caller_may_give_up_at_any_time() {
    if !installed() {
        return;
    }
    let mut house = house("give-up");
    house.daemon.hang();
    let call = house.call();
    call.is_tried();
    call.cancel();
    call.ends_with(487);
    assert!(call.took() < seconds(2.0), "during the question: after {:?}", call.took());
    house.daemon.wake();
    house.is_free();
    assert!(house.phone.got("INVITE", &call.id).is_empty());

    let call = house.call();
    house.phone.gets("INVITE", &call.id, 2);
    call.rings_at(2);
    call.cancel();
    call.ends_with(487);
    house.phone.gets("CANCEL", &call.id, 2);
    house.is_free();

    let call = house.call();
    assert_eq!(house.phone.gets("INVITE", &call.id, 4)[2].message.user(), "c");
    call.rings_at(4);
    call.cancel();
    call.ends_with(487);
    house.phone.gets("CANCEL", &call.id, 4);
    house.is_free();
    assert_eq!(house.kamailio.mistakes(), [""; 0]);
}

#[test]
fn who_declines_declines_for_all() {
    if !installed() {
        return;
    }
    let house = house("decline");
    house.phone.does("b", Does::Refuse(603));
    let call = house.call();
    call.ends_with(603);
    assert!(call.took() < seconds(0.9), "{:?}", call.took());
    assert_eq!(house.phone.gets("INVITE", &call.id, 2).len(), 2);
    house.phone.does("b", Does::Ring);
    house.is_free();
}

#[test]
fn a_stage_that_is_busy_everywhere_ends_at_once() {
    if !installed() {
        return;
    }
    let house = house("busy");
    for device in ["a", "b"] {
        house.phone.does(device, Does::Refuse(486));
    }
    house.phone.does("d", Does::Answer);
    let call = house.call();
    call.ends_with(200);
    assert!(call.took() < seconds(0.9), "{:?}", call.took());
    call.bye();
    house.daemon.carries("alice", 0);
    house.phone.all_do(Does::Refuse(486));
    house.phone.does("d", Does::Refuse(486));
    let call = house.call();
    let reply = call.ends_with(486);
    assert!(call.took() < seconds(0.9), "{:?}", call.took());
    assert_eq!(house.phone.got("INVITE", &call.id).len(), 4, "{}", reply.text);
    house.phone.does("a", Does::Ring);
    house.is_free();
}

#[test]
fn a_dead_phone_holds_nobody_up_for_long() {
    if !installed() {
        return;
    }
    let house = house("dead-phone");
    for device in ["a", "b"] {
        house.phone.does(device, Does::Nothing);
    }
    house.phone.does("c", Does::Nothing);
    house.phone.does("d", Does::Nothing);
    let call = house.call();
    let code = call.code(Duration::from_secs(6));
    assert_eq!(code, 408);
    assert!((1.5..8.0).contains(&call.took().as_secs_f64()), "{:?}", call.took());
    house.phone.does("a", Does::Ring);
    house.is_free();
    // A whole machine that is gone, and one that refuses the packet.
    let hole = house.lab.hole();
    let gone = format!("sip:a@{}", hole.local_addr().unwrap());
    house.daemon.cli(&format!("device set alice a --uri {gone}"));
    house.daemon.cli("device set alice b --uri sip:b@127.0.11.254:9");
    house.phone.does("c", Does::Answer);
    let call = house.call();
    call.ends_with(200);
    assert!(call.took() < seconds(5.0), "{:?}", call.took());
    call.bye();
    house.daemon.carries("alice", 0);
}

/// The proxy knows how what rang has failed, and the daemon which device has answered.
#[test]
fn what_rings_next_is_a_matter_of_how_it_failed() {
    if !installed() {
        return;
    }
    let house = house("after");
    let text = "[[rule]]\nname = \"free\"\ncontinue = true\nunless.in_call = \"c\"\nring = [\"a\"]\n\
        [[rule]]\nwhen.after = [\"busy\", \"declined\"]\nring = [\"b\", \"c\"]\n\
        [[rule]]\nwhen.after = \"no_answer\"\nring = [\"d\"]\n\
        [[rule]]\nring = [{ devices = [\"c\", \"d\"], skip = \"busy\" }]\n";
    let file = house.lab.dir.join("rules.toml");
    std::fs::write(&file, text).unwrap();
    house.daemon.cli(&format!("rule set alice {}", file.display()));
    house.daemon.cli("account set alice --max-calls 2");
    let asked = |call: &Call, users: &[&str]| {
        let got = house.phone.gets("INVITE", &call.id, users.len());
        let got: Vec<String> = got.iter().map(|got| got.message.user().to_owned()).collect();
        assert_eq!(got, users);
    };
    // Busy: both of the rule's stages, and nobody of the other rule's.
    house.phone.does("a", Does::Refuse(486));
    house.phone.does("b", Does::Refuse(480));
    house.phone.does("c", Does::Answer);
    let call = house.call();
    call.ends_with(200);
    asked(&call, &["a", "b", "c"]);
    let dry = || house.daemon.cli("route --from +15550100 --to +49301");
    assert!(
        crate::lab::eventually(seconds(5.0), || dry().contains("one of its devices is in a call"))
    );
    assert!(dry().contains("device c, stage 1: left out, it is in a call"), "{}", dry());
    call.bye();
    house.daemon.carries("alice", 0);
    assert!(dry().contains("rule free (line 1): matches"), "{}", dry());
    // Declined for all devices: what a rule says of that, and nothing else.
    house.phone.does("a", Does::Refuse(603));
    house.phone.does("b", Does::Refuse(603));
    let call = house.call();
    call.ends_with(603);
    asked(&call, &["a", "b"]);
    // Nobody answers.
    house.phone.does("a", Does::Ring);
    house.phone.does("d", Does::Answer);
    let call = house.call();
    call.ends_with(200);
    asked(&call, &["a", "d"]);
    call.bye();
    house.daemon.carries("alice", 0);
    assert_eq!(house.kamailio.mistakes(), [""; 0]);
}
