//! Phones that are woken, all at once: no call loses one, rings it twice, or stays behind.

use serde_json::json;

use crate::lab::kamailio::{Kamailio, Setup};
use crate::lab::stub::Stub;
use crate::lab::{Call, Dial, Does, Lab, becomes, eventually, installed, seconds, whole_machine};

/// Transactions that tm still has.
fn transactions(kamailio: &Kamailio) -> u64 {
    let all = kamailio.rpc("stats.get_statistics", &json!(["tmx:"]));
    let all: Vec<&str> = all.as_array().unwrap().iter().filter_map(|one| one.as_str()).collect();
    let line = all.iter().find_map(|one| one.strip_prefix("tmx:inuse_transactions = "));
    line.unwrap_or_else(|| panic!("{all:?}")).parse().unwrap()
}

#[test]
fn all_phones_of_many_calls_wake_in_the_same_instant() {
    if !installed() {
        return;
    }
    let _machine = whole_machine();
    let lab = Lab::new("push-crowd");
    let stub = Stub::new(lab.at(8170));
    let kamailio = Setup::asking_at(stub.at, "t").start(&lab);
    let (phone, line) = (lab.phone(Does::Ring), lab.line());
    let users = ["a", "b", "c"];
    let waits: Vec<_> = users
        .iter()
        .map(|user| json!({"stage": 0, "device": user, "aor": format!("sip:{user}@hp.test")}))
        .collect();
    // One of them refuses just when the others wake.
    phone.does("desk", Does::Refuse(486));
    for branches in [json!([]), json!([{"device": "desk", "uri": phone.uri("desk")}])] {
        let desk = branches.as_array().unwrap().len();
        let plan = json!({"v": 1, "action": "fork", "call": "c1-1", "wait_s": 8, "waits": waits,
            "stages": [{"ring_s": 20, "branches": branches}]});
        stub.says(200, &plan.to_string());
        let calls: Vec<Call> = (0..25).map(|_| line.dial(Dial::to("x"))).collect();
        for call in &calls {
            call.is_tried();
        }
        std::thread::scope(|scope| {
            for user in users {
                let (line, contact) = (lab.line(), phone.uri(user));
                scope.spawn(move || {
                    for _ in 0..3 {
                        line.register(user, &contact);
                    }
                });
            }
        });
        for call in &calls {
            let rings = |user: &str| {
                let got = phone.got("INVITE", &call.id);
                got.iter().filter(|got| got.message.user() == user).count()
            };
            for user in users {
                assert!(eventually(seconds(5.0), || rings(user) > 0), "{user} in {}", call.id);
            }
            call.rings_at(users.len());
            phone.answer_as("b", &call.id);
            call.ends_with(200);
            phone.gets("CANCEL", &call.id, 2);
            assert_eq!(phone.got("INVITE", &call.id).len(), users.len() + desk, "{}", call.id);
            call.bye();
        }
        // Else they are there at once for the second round.
        for user in users {
            lab.line().unregister(user);
        }
    }
    // Who registers when nobody is there any more does no harm.
    lab.line().unregister("a");
    becomes(&0, seconds(20.0), || transactions(&kamailio));
    assert_eq!(kamailio.mistakes(), [""; 0]);
}

/// A call that is over while it is continued leaves nothing behind, and nobody ringing.
#[test]
fn callers_give_up_just_when_their_phones_wake() {
    if !installed() {
        return;
    }
    let _machine = whole_machine();
    let lab = Lab::new("push-race");
    let stub = Stub::new(lab.at(8170));
    let kamailio = Setup::asking_at(stub.at, "t").start(&lab);
    let (phone, line) = (lab.phone(Does::Ring), lab.line());
    let waits = json!([{"stage": 0, "device": "a", "aor": "sip:a@hp.test"}]);
    let plan = json!({"v": 1, "action": "fork", "call": "c1-1", "wait_s": 8, "waits": waits,
        "stages": [{"ring_s": 20, "branches": []}]});
    stub.says(200, &plan.to_string());
    let (mut rang, mut calls) = (0, 0);
    // Both orders come about in some of the rounds.
    for round in 0..12 {
        let all: Vec<Call> = (0..8).map(|_| line.dial(Dial::to("x"))).collect();
        all.iter().for_each(Call::waits);
        std::thread::scope(|scope| {
            let other = lab.line();
            let contact = phone.uri("a");
            scope.spawn(move || other.register("a", &contact));
            for call in all.iter().skip(round % 3) {
                call.cancel();
            }
        });
        for call in &all {
            call.cancel();
        }
        for call in &all {
            call.ends_with(487);
            calls += 1;
            rang += phone.got("INVITE", &call.id).len();
            // Nobody goes on ringing for a caller who is gone.
            let rings = || phone.ringing().contains(&call.id);
            assert!(eventually(seconds(5.0), || !rings()), "{} rings", call.id);
        }
        lab.line().unregister("a");
    }
    assert!(rang > 0 && rang <= calls, "{rang} of {calls} rang");
    becomes(&0, seconds(20.0), || transactions(&kamailio));
    assert_eq!(kamailio.mistakes(), [""; 0]);
}
