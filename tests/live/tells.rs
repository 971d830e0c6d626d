//! Telling devices through a real Kamailio: of missed calls, and instead of ringing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::lab::door::Door;
use crate::lab::kamailio::{Kamailio, Setup};
use crate::lab::text::Text;
use crate::lab::{Daemon, Dial, Does, Lab, Line, Phone, becomes, installed, seconds};

struct House {
    lab: Lab,
    daemon: Daemon,
    kamailio: Kamailio,
    phone: Phone,
    line: Line,
}

/// alice at +49301: a and b ring, nobody answers.
fn house(name: &str, rules: &str) -> House {
    let lab = Lab::new(&format!("tells-{name}"));
    let daemon = Daemon::serve(&lab);
    let phone = lab.phone(Does::Ring);
    let kamailio = Setup::asking(&daemon).gateway(phone.at).start(&lab);
    let line = lab.line();
    daemon.cli("account add alice --zone Europe/Berlin");
    daemon.cli("number add +49301 --account alice");
    for device in ["a", "b"] {
        daemon.cli(&format!("device add alice {device} --uri {} --ring 20s", phone.uri(device)));
    }
    daemon.cli("device add alice soft --aor sip:soft@hp.test --stage 2 --ring 20s");
    let house = House { lab, daemon, kamailio, phone, line };
    house.rules(rules);
    house
}

const MISSED: &str = "[[rule]]\nwhen.kind = [\"missed\"]\nnotify = [\"a\", [\"b\", \"soft\"]]\n\
                      [[rule]]\nring = [\"b\"]\n";

impl House {
    fn rules(&self, text: &str) {
        let path = self.lab.dir.join("rules.toml");
        std::fs::write(&path, text).unwrap();
        self.daemon.ends(&["rule", "set", "alice", path.to_str().unwrap()], 0);
    }

    /// A call that is given up while it rings; its Call-ID.
    fn is_missed(&self, from: &str) -> String {
        let call = self.line.dial(Dial::to("+49301").from(from));
        self.phone.gets("INVITE", &call.id, 1);
        call.cancel();
        call.ends_with(487);
        call.id
    }

    /// What a device was told, in order.
    fn told(&self, user: &str) -> Vec<String> {
        let told = self.phone.told("MESSAGE", user).into_iter();
        told.map(|came| came.text.split_once("\r\n\r\n").unwrap().1.to_owned()).collect()
    }

    /// The states of all notices.
    fn notices(&self) -> Vec<String> {
        let page = self.daemon.get("/v1/notices");
        let all = page["items"].as_array().unwrap().iter();
        all.map(|notice| notice["state"].as_str().unwrap().to_owned()).collect()
    }

    #[track_caller]
    fn all_told(&self, count: usize) {
        // What has failed once is tried again after 10 s.
        becomes(&vec!["told".to_owned(); count], seconds(18.0), || self.notices());
    }
}

#[test]
fn a_missed_call_is_told_to_devices_stage_by_stage() {
    if !installed() {
        return;
    }
    let house = house("missed", MISSED);
    let call = house.is_missed("\"Bob\" <sip:+4930123@elsewhere.test>");
    house.all_told(1);
    let told = house.told("a");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("Missed call from +4930123 at "), "{told:?}");
    let came = &house.phone.told("MESSAGE", "a")[0];
    assert_eq!(came.header("Content-Type"), Some("text/plain;charset=UTF-8"));
    assert!(came.header("From").unwrap().starts_with("<sip:hallporter@"));
    assert!(came.header("X-Hallporter-Notice").unwrap().starts_with("devices:c"));
    assert_eq!((house.told("b").len(), house.told("soft").len()), (0, 0));
    let why = house.daemon.ends(&["why", &call], 0);
    assert!(why.contains("device a is told by a text, stage 1"), "{why}");
    assert!(why.contains("text a: heard, 200"), "{why}");
    let line = "route --from +4930123 --to +49301 --kind missed";
    let told = house.daemon.cli(line);
    assert!(told.contains("rule 1 (line 1): matches"), "{told}");
    assert!(told.ends_with("tells text a\ntells, if nobody has heard it, text b, text soft\n"));
    assert!(house.daemon.cli(&line.replace("missed", "message")).ends_with("tells nobody\n"));
    // The first does not take it: the second stage, whoever of it is there.
    house.phone.says("a", 486);
    house.is_missed("<sip:+4930124@elsewhere.test>");
    house.all_told(2);
    assert_eq!((house.told("a").len(), house.told("b").len()), (2, 1));
    // A registered phone is told where it is, and a silent one is not waited for for ever.
    house.phone.says("a", 0);
    house.phone.says("b", 404);
    house.line.register("soft", &house.phone.uri("soft"));
    house.is_missed("<sip:anonymous@anonymous.invalid>");
    becomes(&1, seconds(12.0), || house.told("soft").len());
    house.all_told(3);
    assert!(house.told("soft")[0].contains("Missed call from anonymous@anonymous.invalid at "));
    // One that is answered is not missed.
    house.phone.does("b", Does::Answer);
    let call = house.line.dial(Dial::to("+49301"));
    call.ends_with(200);
    call.bye();
    house.daemon.carries("alice", 0);
    assert_eq!(house.notices().len(), 3);
    assert_eq!(house.kamailio.mistakes(), [""; 0]);
}

/// Whatever a caller calls himself stays within the text.
#[test]
fn a_caller_does_not_break_out_of_what_is_told() {
    if !installed() {
        return;
    }
    let house = house("hostile", MISSED);
    let long = format!("\"{}\" <sip:+4930125@y.test>", "x".repeat(400));
    let names = [
        "\"x\\\"},{\\\"method\\\":\\\"core.shutdown\" <sip:+4930123@y.test>",
        "\"a %0d%0aX-Evil: 1\" <sip:%0d%0aX-Evil%3a1@y.test>",
        "\"J\u{c3}\u{bc}rgen '`$(id)`' {s.len}\" <sip:+4930124@y.test>",
        &long,
    ];
    for name in names {
        house.is_missed(name);
    }
    house.all_told(names.len());
    let told = house.phone.told("MESSAGE", "a");
    assert_eq!(told.len(), names.len());
    for came in told {
        assert_eq!(came.header("X-Evil"), None, "{}", came.text);
        let body = came.text.split_once("\r\n\r\n").unwrap().1;
        assert!(body.starts_with("Missed call from ") && !body.contains('\r'), "{body}");
    }
    assert_eq!(house.kamailio.mistakes(), [""; 0]);
}

/// What nobody has heard is told after a kill of the daemon, and of the proxy.
#[test]
fn a_missed_call_is_told_after_kills() {
    if !installed() {
        return;
    }
    let mut house = house("kills", MISSED);
    for device in ["a", "b"] {
        house.phone.says(device, 503);
    }
    house.is_missed("<sip:+4930123@y.test>");
    // It was tried, and waits.
    becomes(&1, seconds(8.0), || house.told("b").len());
    becomes(&vec!["waiting".to_owned()], seconds(5.0), || house.notices());
    house.daemon.kill();
    house.phone.says("a", 200);
    house.daemon.start();
    house.all_told(1);
    let told = house.phone.told("MESSAGE", "a");
    assert!(told.len() >= 2, "{}", told.len());
    let ids: std::collections::BTreeSet<_> =
        told.iter().map(|came| came.header("X-Hallporter-Notice")).collect();
    assert_eq!(ids.len(), 1, "the same one at every try: {ids:?}");
    // A call that rings over a kill of the daemon is missed like any other: the proxy keeps its
    // event until somebody has written down what is to be told.
    let call = house.line.dial(Dial::to("+49301").from("<sip:+4930126@y.test>"));
    house.phone.gets("INVITE", &call.id, 1);
    becomes(&0, seconds(5.0), || house.daemon.figure("hallporter_store_rows_waiting"));
    house.daemon.kill();
    call.cancel();
    call.ends_with(487);
    house.daemon.start();
    house.all_told(2);
    assert!(house.told("a").iter().any(|told| told.contains("+4930126")), "{:?}", house.told("a"));
    // While the proxy is away nobody is told, and nothing is lost.
    let call = house.line.dial(Dial::to("+49301").from("<sip:+4930127@y.test>").tag("t9"));
    house.phone.gets("INVITE", &call.id, 1);
    house.kamailio.kill();
    let failed = serde_json::json!({"event": "failed", "call_id": call.id, "from_tag": "t9",
        "code": 480});
    assert_eq!(house.daemon.post("/v1/event", &failed).status, 200);
    let trouble = || {
        let page = house.daemon.get("/v1/notices?state=waiting");
        page["items"][0]["trouble"].as_str().unwrap_or_default().contains("does not answer")
    };
    becomes(&true, seconds(8.0), trouble);
    house.kamailio.start();
    house.all_told(3);
    assert!(house.told("a").iter().any(|told| told.contains("+4930127")), "{:?}", house.told("a"));
}

#[test]
fn devices_are_told_instead_of_ringing() {
    if !installed() {
        return;
    }
    let house = house("instead", "[[rule]]\nnotify = [[\"a\", \"b\"]]\nrefuse = 486\n");
    let call = house.line.dial(Dial::to("+49301").from("<sip:+4930123@y.test>"));
    call.ends_with(486);
    house.all_told(1);
    assert!(house.told("a")[0].starts_with("+4930123 called at "), "{:?}", house.told("a"));
    assert_eq!(house.told("b").len(), 1);
    assert!(house.phone.got("INVITE", &call.id).is_empty());
    let text = Text::to("+49301").from("<sip:+4930124@y.test>").send(house.lab.ip, house.lab.sip());
    assert_eq!(text.code(), Some(486));
    house.all_told(2);
    assert!(house.told("a").iter().any(|told| told.contains("+4930124 wrote at ")));
    assert_eq!(house.daemon.live("alice"), 0);
    assert_eq!(house.kamailio.mistakes(), [""; 0]);
}

/// An app that sleeps: whoever sends pushes is told where no text is taken.
#[test]
fn who_sends_pushes_is_told_where_no_text_is_taken() {
    if !installed() {
        return;
    }
    let lab = Lab::new("tells-push");
    let heard: Arc<Mutex<Vec<Value>>> = Arc::default();
    let (told, deaf) = (Arc::clone(&heard), Arc::new(AtomicBool::new(false)));
    let refuses = Arc::clone(&deaf);
    let _door = Door::open(lab.at(8200), move |_, body| {
        told.lock().unwrap().push(serde_json::from_str(body).unwrap());
        (if refuses.load(Ordering::Relaxed) { 503 } else { 204 }, String::new())
    });
    let mut daemon = Daemon::init(&lab, "porter", 8170);
    daemon.set_in("push", "webhook", &format!("\"http://{}/push\"", lab.at(8200)));
    daemon.start();
    let (phone, line) = (lab.phone(Does::Ring), lab.line());
    let kamailio = Setup::asking(&daemon).gateway(phone.at).start(&lab);
    daemon.cli("account add alice");
    daemon.cli("number add +49301 --account alice");
    daemon.cli(&format!("device add alice a --uri {} --ring 20s", phone.uri("a")));
    daemon.cli("device add alice soft --aor sip:soft@hp.test --ring 20s --push on --stage 2");
    let house = House { lab, daemon, kamailio, phone, line };
    house.rules(
        "[[rule]]\nwhen.kind = [\"missed\"]\nnotify = [\"soft\", \"a\"]\n\
         [[rule]]\nring = [\"a\"]\n",
    );
    let pushed = |number: usize| heard.lock().unwrap().get(number).cloned().unwrap_or_default();
    let count = || {
        let all = heard.lock().unwrap();
        all.iter().filter(|told| told["event"] == "push.told").count()
    };
    house.is_missed("<sip:+4930123@y.test>");
    becomes(&1, seconds(8.0), count);
    let body = pushed(0);
    assert_eq!((&body["device"], &body["kind"]), (&"soft".into(), &"missed".into()));
    assert!(body["text"].as_str().unwrap().starts_with("Missed call from +4930123 at "), "{body}");
    assert!(body["contact"].is_null() && body["id"].as_str().unwrap().ends_with(":soft"), "{body}");
    house.all_told(1);
    assert_eq!(house.told("a").len(), 0, "somebody has heard it");
    // Registered, and asleep: what the contact says goes with it.
    house.phone.says("soft", 480);
    house.line.register("soft", &format!("{};pn-prid=x%3ay", house.phone.uri("soft")));
    house.is_missed("<sip:+4930124@y.test>");
    becomes(&2, seconds(8.0), count);
    assert_eq!(pushed(1)["contact"]["prid"], "x:y");
    // Awake: nobody is asked for a push.
    house.all_told(2);
    house.phone.says("soft", 200);
    house.is_missed("<sip:+4930125@y.test>");
    house.all_told(3);
    assert_eq!((count(), house.told("a").len()), (2, 0));
    // Nobody sends the push: the next stage.
    house.phone.says("soft", 480);
    deaf.store(true, Ordering::Relaxed);
    house.is_missed("<sip:+4930126@y.test>");
    becomes(&1, seconds(8.0), || house.told("a").len());
    assert_eq!(count(), 3);
    assert_eq!(house.kamailio.mistakes(), [""; 0]);
}

/// Only what tells somebody is let through the RPC, whoever posts there.
#[test]
fn the_rpc_sends_nothing_but_messages_and_notifies() {
    if !installed() {
        return;
    }
    let house = house("rpc", MISSED);
    let at = house.phone.uri("a");
    let headers = "From: <sip:x@y>\r\nTo: <sip:a@y>\r\nContent-Type: text/plain\r\n";
    for method in ["INVITE", "BYE", "REGISTER", "MESSAGE\r\nX: y", "", "OPTIONS"] {
        let params = serde_json::json!([method, at, ".", ".", headers, "x"]);
        let refused = crate::lab::web::rpc(house.lab.at(8090), "tm.t_uac_wait", &params);
        assert!(refused.is_none_or(|answer| answer.get("result").is_none()), "{method}");
        assert!(house.phone.told(method, "a").is_empty());
    }
    let params = serde_json::json!(["MESSAGE", at, ".", ".", headers, "x"]);
    assert_eq!(house.kamailio.rpc("tm.t_uac_wait", &params)[0], 200);
}
