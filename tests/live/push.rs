//! Phones that sleep until a push wakes them: Kamailio waits for them, and rings who registers.

use std::time::Instant;

use serde_json::{Value, json};

use crate::lab::kamailio::{Kamailio, Setup};
use crate::lab::stub::Stub;
use crate::lab::{Call, Dial, Does, Lab, Line, Phone, installed, seconds};

const ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";

/// A Kamailio that is told what to do by hand, with one phone for all devices.
struct Site {
    _lab: Lab,
    stub: Stub,
    kamailio: Kamailio,
    phone: Phone,
    line: Line,
}

fn site(name: &str) -> Site {
    let lab = Lab::new(name);
    let stub = Stub::new(lab.at(8170));
    let setup = Setup::asking_at(stub.at, "t").set("HP_DEAD_PHONE_MS 1000");
    let (kamailio, phone, line) = (setup.start(&lab), lab.phone(Does::Ring), lab.line());
    Site { _lab: lab, stub, kamailio, phone, line }
}

impl Site {
    /// An order: stages with ring times and devices, and who is waited for in which of them.
    fn plan(&self, stages: &[(u16, &[&str])], wait_s: u16, waits: &[Value]) {
        let branch = |user: &&str| json!({"device": user, "uri": self.phone.uri(user)});
        let stages: Vec<Value> = stages
            .iter()
            .map(|(ring_s, users)| {
                let branches: Vec<Value> = users.iter().map(branch).collect();
                json!({"ring_s": ring_s, "branches": branches})
            })
            .collect();
        let plan = json!({"v": 1, "action": "fork", "call": "c1-1", "stages": stages,
            "wait_s": wait_s, "waits": waits});
        self.stub.says(200, &plan.to_string());
    }

    fn call(&self) -> Call {
        let call = self.line.dial(Dial::to("x"));
        call.is_tried();
        call
    }

    fn registers(&self, user: &str) {
        self.line.register(user, &self.phone.uri(user));
    }

    fn called(&self, call: &Call) -> Vec<String> {
        let got = self.phone.got("INVITE", &call.id);
        got.iter().map(|got| got.message.user().to_owned()).collect()
    }

    #[track_caller]
    fn is_well(&self) {
        assert_eq!(self.kamailio.mistakes(), [""; 0]);
    }
}

fn wait(stage: u16, user: &str, ring_s: u16) -> Value {
    json!({"stage": stage, "device": user, "aor": format!("sip:{user}@hp.test"), "ring_s": ring_s})
}

#[test]
fn who_registers_while_nobody_else_is_there_rings_and_so_does_the_next() {
    if !installed() {
        return;
    }
    let site = site("push-hold");
    site.plan(&[(20, &[])], 8, &[wait(0, "a", 20), wait(0, "b", 20)]);
    let call = site.call();
    call.waits();
    site.registers("a");
    site.phone.gets("INVITE", &call.id, 1);
    call.rings();
    site.registers("b");
    site.phone.gets("INVITE", &call.id, 2);
    assert_eq!(site.called(&call), ["a", "b"]);
    call.rings_at(2);
    // They refresh what they have registered.
    site.registers("a");
    site.registers("b");
    site.phone.answer_as("a", &call.id);
    call.ends_with(200);
    let cancel = &site.phone.gets("CANCEL", &call.id, 1)[0].message;
    assert_eq!((cancel.user(), cancel.header("Reason")), ("b", Some(ELSEWHERE)));
    site.registers("b");
    call.bye();
    assert_eq!(site.called(&call), ["a", "b"]);
    site.is_well();
}

#[test]
fn nobody_wakes_and_the_call_goes_on_in_time() {
    if !installed() {
        return;
    }
    let site = site("push-nobody");
    site.plan(&[(20, &[])], 2, &[wait(0, "a", 20)]);
    let call = site.call();
    call.ends_with(480);
    assert!((1.5..3.0).contains(&call.took().as_secs_f64()), "{:?}", call.took());
    // A stage behind it.
    site.plan(&[(20, &[]), (20, &["desk"])], 2, &[wait(0, "a", 20)]);
    let call = site.call();
    let got = &site.phone.gets("INVITE", &call.id, 1)[0];
    let after = (got.at - call.began()).as_secs_f64();
    assert!((1.5..3.0).contains(&after), "{after}");
    // Woken too late: its stage is over.
    site.registers("a");
    site.phone.answer(&call.id);
    call.ends_with(200);
    call.bye();
    assert_eq!(site.called(&call), ["desk"]);
    // Who has woken too early rings in his stage, and not before.
    site.plan(&[(2, &["desk"]), (20, &[])], 2, &[wait(1, "b", 20)]);
    let call = site.call();
    site.phone.gets("INVITE", &call.id, 1);
    site.registers("b");
    let got = site.phone.gets("INVITE", &call.id, 2);
    assert!((got[1].at - got[0].at).as_secs_f64() > 1.5);
    assert_eq!(site.called(&call), ["desk", "b"]);
    call.cancel();
    call.ends_with(487);
    site.is_well();
}

#[test]
fn the_call_is_held_for_the_one_who_sleeps_when_the_others_refuse() {
    if !installed() {
        return;
    }
    let site = site("push-others");
    site.phone.does("desk", Does::Refuse(486));
    site.plan(&[(20, &["desk"])], 3, &[wait(0, "a", 2)]);
    let call = site.call();
    call.ends_with(486);
    assert!((2.5..4.0).contains(&call.took().as_secs_f64()), "{:?}", call.took());
    // It wakes, and rings its own time.
    let call = site.call();
    site.phone.gets("INVITE", &call.id, 1);
    site.registers("a");
    let woken = Instant::now();
    let code = call.code(seconds(8.0));
    let rang = woken.elapsed().as_secs_f64();
    assert!((1.5..3.0).contains(&rang), "{rang} {code} {:?}", site.called(&call));
    assert_eq!(site.called(&call), ["desk", "a"]);
    site.is_well();
}

#[test]
fn nobody_is_called_after_the_answer_or_when_the_caller_has_given_up() {
    if !installed() {
        return;
    }
    let site = site("push-over");
    site.plan(&[(20, &["desk"])], 8, &[wait(0, "a", 20)]);
    let call = site.call();
    site.phone.gets("INVITE", &call.id, 1);
    site.phone.answer(&call.id);
    call.ends_with(200);
    site.registers("a");
    call.bye();
    assert_eq!(site.called(&call), ["desk"]);
    // While it is held.
    site.plan(&[(20, &[])], 8, &[wait(0, "b", 20)]);
    let call = site.call();
    call.waits();
    call.cancel();
    call.ends_with(487);
    assert!(call.took() < seconds(2.0), "{:?}", call.took());
    site.registers("b");
    assert_eq!(site.called(&call), [""; 0]);
    // It is well for the next call, which finds it there.
    let call = site.call();
    site.phone.gets("INVITE", &call.id, 1);
    call.cancel();
    call.ends_with(487);
    site.is_well();
}
