//! Phones that sleep until a push wakes them: Kamailio waits for them, and rings who registers.

use std::fs;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::{Value, json};

use crate::lab::door::Door;

use crate::lab::kamailio::{Kamailio, Setup};
use crate::lab::stub::Stub;
use crate::lab::{Call, Daemon, Dial, Does, Lab, Line, Phone, eventually, installed, seconds};

const ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";

/// A Kamailio that is told what to do by hand, with one phone for all devices.
pub(crate) struct Site {
    _lab: Lab,
    pub(crate) stub: Stub,
    kamailio: Kamailio,
    pub(crate) phone: Phone,
    pub(crate) line: Line,
}

pub(crate) fn site(name: &str) -> Site {
    let lab = Lab::new(name);
    let stub = Stub::new(lab.at(8170));
    let setup = Setup::asking_at(stub.at, "t").set("HP_DEAD_PHONE_MS 1000");
    let (kamailio, phone, line) = (setup.start(&lab), lab.phone(Does::Ring), lab.line());
    Site { _lab: lab, stub, kamailio, phone, line }
}

impl Site {
    /// An order: stages with ring times and devices, and who is waited for in which of them.
    pub(crate) fn plan(&self, stages: &[(u16, &[&str])], wait_s: u16, waits: &[Value]) {
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

    pub(crate) fn call(&self) -> Call {
        let call = self.line.dial(Dial::to("x"));
        call.is_tried();
        call
    }

    pub(crate) fn registers(&self, user: &str) {
        self.line.register(user, &self.phone.uri(user));
    }

    pub(crate) fn called(&self, call: &Call) -> Vec<String> {
        let got = self.phone.got("INVITE", &call.id);
        got.iter().map(|got| got.message.user().to_owned()).collect()
    }

    #[track_caller]
    pub(crate) fn is_well(&self) {
        assert_eq!(self.kamailio.mistakes(), [""; 0]);
    }
}

pub(crate) fn wait(stage: u16, user: &str) -> Value {
    json!({"stage": stage, "device": user, "aor": format!("sip:{user}@hp.test")})
}

#[test]
fn who_registers_while_nobody_else_is_there_rings_and_so_does_the_next() {
    if !installed() {
        return;
    }
    let site = site("push-hold");
    site.plan(&[(20, &[])], 8, &[wait(0, "a"), wait(0, "b")]);
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
    site.plan(&[(20, &[])], 2, &[wait(0, "a")]);
    let call = site.call();
    call.ends_with(480);
    assert!((1.5..3.0).contains(&call.took().as_secs_f64()), "{:?}", call.took());
    // A stage behind it.
    site.plan(&[(20, &[]), (20, &["desk"])], 2, &[wait(0, "a")]);
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
    site.plan(&[(2, &["desk"]), (20, &[])], 2, &[wait(1, "b")]);
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
    site.plan(&[(2, &["desk"])], 3, &[wait(0, "a")]);
    let call = site.call();
    call.ends_with(486);
    assert!((2.5..4.0).contains(&call.took().as_secs_f64()), "{:?}", call.took());
    // It wakes, and rings as long as its stage.
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
    site.plan(&[(20, &["desk"])], 8, &[wait(0, "a")]);
    let call = site.call();
    site.phone.gets("INVITE", &call.id, 1);
    site.phone.answer(&call.id);
    call.ends_with(200);
    site.registers("a");
    call.bye();
    assert_eq!(site.called(&call), ["desk"]);
    // While it is held.
    site.plan(&[(20, &[])], 8, &[wait(0, "b")]);
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

/// The whole: a daemon, an account whose phone sleeps, and somebody who sends pushes.
struct House {
    site: Site,
    daemon: Daemon,
    told: Arc<Mutex<Vec<Value>>>,
    /// What the gateway answers.
    status: Arc<AtomicU16>,
    _gateway: Door,
}

fn house(name: &str, rules: &str) -> House {
    let lab = Lab::new(name);
    let told: Arc<Mutex<Vec<Value>>> = Arc::default();
    let status = Arc::new(AtomicU16::new(200));
    let (hears, answers) = (Arc::clone(&told), Arc::clone(&status));
    let gateway = Door::open(lab.at(8180), move |head, body| {
        let mut body: Value = serde_json::from_str(body).unwrap();
        let key = head.lines().find_map(|line| line.strip_prefix("idempotency-key: "));
        body["key"] = key.into();
        hears.lock().unwrap().push(body);
        (answers.load(Ordering::Relaxed), "{}".to_owned())
    });
    let mut daemon = Daemon::init(&lab, "porter", 8170);
    let text = fs::read_to_string(daemon.dir.join("hallporter.toml")).unwrap();
    let push = format!("[push]\nwebhook = \"http://{}/push\"\nwait = \"3s\"", gateway.at);
    fs::write(daemon.dir.join("hallporter.toml"), text.replace("[push]", &push)).unwrap();
    let proxy = format!("rpc = \"http://{}/RPC\"", lab.at(8090));
    let text = fs::read_to_string(daemon.dir.join("hallporter.toml")).unwrap();
    assert!(text.contains(&proxy) && text.contains(&push));
    let kamailio = Setup::asking(&daemon).set("HP_DEAD_PHONE_MS 1000").start(&lab);
    daemon.start();
    let (phone, line) = (lab.phone(Does::Ring), lab.line());
    daemon.cli("account add alice --max-calls 5");
    daemon.cli("number add +49301 --account alice");
    daemon.cli(&format!("device add alice desk --uri {} --ring 20s", phone.uri("desk")));
    for device in ["pocket", "tablet"] {
        daemon.cli(&format!("device add alice {device} --aor sip:{device}@hp.test --push on"));
    }
    let file = daemon.dir.join("rules.toml");
    fs::write(&file, rules).unwrap();
    daemon.ends(&["rule", "set", "alice", &file.display().to_string()], 0);
    let stub = Stub::new(lab.at(8171));
    House {
        site: Site { _lab: lab, stub, kamailio, phone, line },
        daemon,
        told,
        status,
        _gateway: gateway,
    }
}

impl House {
    fn call(&self) -> Call {
        self.site.line.dial(Dial::to("+49301"))
    }

    /// Waits for so many pushes, wanted and cancelled.
    #[track_caller]
    fn pushes(&self, count: usize) -> Vec<Value> {
        let all = || self.told.lock().unwrap().clone();
        assert!(eventually(seconds(5.0), || all().len() >= count), "{:?}", all());
        all()
    }

    /// Why, as soon as its end is written down.
    fn why(&self, call: &Call) -> String {
        let mut told = String::new();
        let over = eventually(seconds(5.0), || {
            told = self.daemon.ends(&["why", &call.id], 0);
            told.contains("over: ")
        });
        assert!(over, "{told}");
        told
    }
}

#[test]
fn a_push_is_asked_for_and_cancelled_and_why_tells_who_woke() {
    if !installed() {
        return;
    }
    let house = house("push-asked", "[[rule]]\nring = [[\"pocket\", \"tablet\"]]\n");
    let site = &house.site;
    let push = ";pn-provider=fcm;pn-prid=a%22%7D%3ab;pn-param=p";
    site.line.register("pocket", &(site.phone.uri("pocket") + push));
    site.phone.does("pocket", Does::Nothing);
    let call = house.call();
    let wanted = house.pushes(2);
    let of = |device: &str| wanted.iter().find(|told| told["device"] == device).unwrap();
    let pocket = of("pocket");
    for (key, value) in [
        ("event", json!("push.wanted")),
        ("account", json!("alice")),
        ("aor", json!("sip:pocket@hp.test")),
        ("call_id", json!(call.id)),
        ("video", json!(false)),
        ("needed_in_s", json!(0)),
        ("ring_s", json!(20)),
        ("contact", json!({"provider": "fcm", "prid": "a\"}:b", "param": "p"})),
        ("key", pocket["id"].clone()),
    ] {
        assert_eq!(pocket[key], value, "{key}: {pocket}");
    }
    assert_eq!(of("tablet")["contact"], Value::Null);
    // It was called where it had registered, said nothing, and wakes.
    site.phone.gets("INVITE", &call.id, 1);
    call.waits();
    site.phone.does("pocket", Does::AnswerAfter(300));
    site.line.register("pocket", &(site.phone.uri("pocket") + push));
    call.ends_with(200);
    let told = house.pushes(3);
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(told[2]["event"], "push.cancelled");
    assert_eq!(
        (&told[2]["device"], &told[2]["reason"]),
        (&json!("tablet"), &json!("answered_elsewhere"))
    );
    assert_eq!(told[2]["push"], of("tablet")["push"]);
    call.bye();
    let why = house.why(&call);
    for line in [
        "device pocket: its app is asked to wake, and rings when it has registered",
        "device pocket: 408, no answer after ",
        "device pocket: woke after ",
        ", answered after ",
    ] {
        assert!(why.contains(line), "{line}:\n{why}");
    }
    assert_eq!(house.daemon.figure("hallporter_pushes_heard_total"), 3);
    site.is_well();
}

#[test]
fn nobody_is_woken_for_a_stage_that_does_not_begin() {
    if !installed() {
        return;
    }
    let rules = "[[rule]]\nring = [\"desk\", \"pocket\"]\n";
    let house = house("push-later", rules);
    let site = &house.site;
    let call = house.call();
    site.phone.gets("INVITE", &call.id, 1);
    site.phone.answer(&call.id);
    call.ends_with(200);
    call.bye();
    house.daemon.carries("alice", 0);
    // The desk refuses, and the phone wakes.
    site.phone.does("desk", Does::Refuse(486));
    let call = house.call();
    let told = house.pushes(1);
    assert_eq!((&told[0]["device"], &told[0]["call_id"]), (&json!("pocket"), &json!(call.id)));
    site.registers("pocket");
    site.phone.gets("INVITE", &call.id, 2);
    call.rings();
    call.cancel();
    call.ends_with(487);
    let told = house.pushes(2);
    assert_eq!((told.len(), &told[1]["reason"]), (2, &json!("caller_gave_up")), "{told:?}");
    site.phone.gets("CANCEL", &call.id, 1);
    site.is_well();
}

/// No call waits for the gateway, and what it does not hear is counted and given up.
#[test]
fn a_gateway_that_does_not_hear_costs_no_call() {
    if !installed() {
        return;
    }
    let house = house("push-deaf", "[[rule]]\nring = [\"pocket\"]\n");
    let site = &house.site;
    house.status.store(503, Ordering::Relaxed);
    let call = house.call();
    call.waits();
    site.registers("pocket");
    site.phone.gets("INVITE", &call.id, 1);
    let tried = house.pushes(3);
    assert!(tried.iter().all(|told| told["id"] == tried[0]["id"]), "{tried:?}");
    let failed = || house.daemon.figure("hallporter_pushes_failed_total");
    assert!(eventually(seconds(5.0), || failed() == 1), "{}", failed());
    assert!(house.daemon.log().contains("a push was not heard"));
    // What is refused for good is not told again; what is not needed is told even so.
    house.status.store(403, Ordering::Relaxed);
    call.rings();
    call.cancel();
    call.ends_with(487);
    assert!(eventually(seconds(5.0), || failed() == 2), "{}", failed());
    let told = house.pushes(4);
    assert_eq!((told.len(), &told[3]["event"]), (4, &json!("push.cancelled")));
    house.daemon.carries("alice", 0);
    site.is_well();
}
