//! Branches that join a ringing stage later, what the losers hear, and what each has answered.

use std::fs;
use std::time::Instant;

use serde_json::json;

use crate::lab::kamailio::{Kamailio, Setup};
use crate::lab::stub::Stub;
use crate::lab::{Call, Daemon, Dial, Does, Lab, Line, Phone, eventually, installed, seconds};

const ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";

/// An account whose rule lets `a` ring for 3 s, `b` join after 1 s, and then `c` for 20 s.
struct House {
    _lab: Lab,
    daemon: Daemon,
    kamailio: Kamailio,
    phone: Phone,
    line: Line,
}

const RULES: &str = r#"
[[rule]]
ring = [
  { devices = ["a", { device = "b", after = "1s" }], for = "3s" },
  { devices = ["c"], for = "20s" },
]
"#;

fn house(name: &str) -> House {
    let lab = Lab::new(name);
    let daemon = Daemon::serve(&lab);
    let kamailio = Setup::asking(&daemon).start(&lab);
    let (phone, line) = (lab.phone(Does::Ring), lab.line());
    daemon.cli("account add alice --max-calls 1");
    daemon.cli("number add +49301 --account alice");
    for device in ["a", "b", "c"] {
        daemon.cli(&format!("device add alice {device} --uri {} --ring 20s", phone.uri(device)));
    }
    let house = House { _lab: lab, daemon, kamailio, phone, line };
    house.follows(RULES);
    house
}

impl House {
    fn follows(&self, rules: &str) {
        let file = self.daemon.dir.join("rules.toml");
        fs::write(&file, rules).unwrap();
        self.daemon.ends(&["rule", "set", "alice", &file.display().to_string()], 0);
    }

    fn call(&self) -> Call {
        self.line.dial(Dial::to("+49301"))
    }

    /// Waits until this call is over everywhere and its late branch would have been due, and says
    /// who was called: a second call is made after it, whose late branch comes behind the first's.
    fn were_called(&self, call: &Call) -> Vec<String> {
        self.daemon.carries("alice", 0);
        for user in ["a", "b", "c"] {
            self.phone.does(user, Does::Ring);
        }
        let second = self.call();
        self.phone.gets("INVITE", &second.id, 2);
        second.cancel();
        second.ends_with(487);
        self.daemon.carries("alice", 0);
        users(&self.phone, &call.id)
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

fn users(phone: &Phone, call_id: &str) -> Vec<String> {
    phone.got("INVITE", call_id).iter().map(|got| got.message.user().to_owned()).collect()
}

#[test]
fn who_joins_later_rings_with_the_others_and_ends_with_the_stage() {
    if !installed() {
        return;
    }
    let house = house("late-joins");
    let call = house.call();
    let got = house.phone.gets("INVITE", &call.id, 3);
    let order: Vec<&str> = got.iter().map(|got| got.message.user()).collect();
    assert_eq!(order, ["a", "b", "c"]);
    let [b, c] = [1, 2].map(|place: usize| (got[place].at - got[0].at).as_secs_f64());
    assert!((0.9..2.5).contains(&b) && (2.5..4.5).contains(&c), "{b} {c}");
    // The stage is over for both of them, and not because somebody else has answered.
    for cancel in house.phone.gets("CANCEL", &call.id, 2) {
        assert_ne!(cancel.message.header("Reason"), Some(ELSEWHERE));
    }
    house.phone.answer(&call.id);
    call.ends_with(200);
    call.bye();
    let told = house.why(&call);
    for line in [
        "device b, stage 1: rings after 1 s",
        "device a: 408, no answer after ",
        "device b: 408, no answer after ",
        "device c: answered after ",
    ] {
        assert!(told.contains(line), "{line}:\n{told}");
    }
    assert_eq!(house.kamailio.mistakes(), [""; 0]);
}

#[test]
fn who_would_have_joined_does_not_when_the_stage_is_over() {
    if !installed() {
        return;
    }
    let house = house("late-over");
    // Answered before.
    house.phone.does("a", Does::Answer);
    let call = house.call();
    call.ends_with(200);
    let answered = Instant::now();
    call.bye();
    assert_eq!(house.were_called(&call), ["a"]);
    assert!(answered.elapsed() > seconds(0.9), "the branch was due");
    assert!(house.why(&call).contains("device a: answered after 0."));
    // Given up before.
    let call = house.call();
    house.phone.gets("INVITE", &call.id, 1);
    call.rings();
    call.cancel();
    call.ends_with(487);
    assert_eq!(house.were_called(&call), ["a"]);
    let cancel = &house.phone.gets("CANCEL", &call.id, 1)[0].message;
    assert_ne!(cancel.header("Reason"), Some(ELSEWHERE));
    // All who rang were busy: the next stage, at once.
    house.phone.does("a", Does::Refuse(486));
    house.phone.does("c", Does::Refuse(480));
    let call = house.call();
    call.ends_with(480);
    assert!(call.took() < seconds(0.9), "{:?}", call.took());
    assert_eq!(house.were_called(&call), ["a", "c"]);
    let told = house.why(&call);
    assert!(told.contains("device a: 486, busy after 0."), "{told}");
    assert!(told.contains("device c: SIP code 480 after 0."), "{told}");
    assert_eq!(house.kamailio.mistakes(), [""; 0]);
}

#[test]
fn the_losers_read_that_another_has_answered() {
    if !installed() {
        return;
    }
    let house = house("elsewhere");
    house.follows("[[rule]]\nring = [[\"a\", { device = \"b\", after = \"1s\" }, \"c\"]]\n");
    house.phone.does("b", Does::Answer);
    let call = house.call();
    call.ends_with(200);
    let cancels = house.phone.gets("CANCEL", &call.id, 2);
    for cancel in &cancels {
        assert_eq!(cancel.message.header("Reason"), Some(ELSEWHERE));
    }
    let mut losers: Vec<&str> = cancels.iter().map(|cancel| cancel.message.user()).collect();
    losers.sort_unstable();
    assert_eq!(losers, ["a", "c"]);
    call.bye();
    assert!(house.why(&call).contains("device b: answered after "));
    assert_eq!(house.kamailio.mistakes(), [""; 0]);
}

/// What an answer says may be wrong, and must do no harm.
#[test]
fn bad_late_branches_do_not_ring() {
    if !installed() {
        return;
    }
    let lab = Lab::new("late-hostile");
    let stub = Stub::new(lab.at(8170));
    let kamailio = Setup::asking_at(stub.at, "t").start(&lab);
    let (phone, line) = (lab.phone(Does::Ring), lab.line());
    let at = |user| phone.uri(user);
    let late = |uri: &str| json!({"after_s": 1, "stage": 0, "device": "x", "uri": uri});
    let mut joins = vec![
        late(""),
        late("sip:b@x\r\nX-Evil: yes"),
        late("sip:b@x\"],\"id\":2"),
        late(&format!("sip:me@{}", lab.sip())),
        json!({"after_s": "1", "stage": "0", "uri": 7}),
        json!({"after_s": 1, "stage": 5, "uri": at("other")}),
        json!({"after_s": 9999, "stage": 0, "uri": at("never")}),
        json!({"after_s": -1, "stage": 0, "uri": at("before")}),
        json!({"stage": 0, "uri": at("unsaid")}),
    ];
    joins.push(json!({"after_s": 2, "stage": 0, "device": "a b", "uri": "sip:good@elsewhere.test",
        "dst_uri": format!("sip:{}", phone.at), "headers": "X-Late: yes\r\n"}));
    let plan = json!({"v": 1, "action": "fork", "call": "c1-1", "joins": joins,
        "stages": [{"ring_s": 20, "branches": [{"device": "a", "uri": at("a")}]}]});
    stub.says(200, &plan.to_string());
    let call = line.dial(Dial::to("x"));
    let good = &phone.gets("INVITE", &call.id, 2)[1].message;
    assert_eq!((good.ruri(), good.header("X-Late")), ("sip:good@elsewhere.test", Some("yes")));
    assert_eq!(users(&phone, &call.id), ["a", "good"]);
    phone.answer(&call.id);
    call.ends_with(200);
    call.bye();
    assert_eq!(kamailio.mistakes(), [""; 0]);
}

/// More late branches at once than one line of Kamailio's memory would show if it were wrong.
#[test]
fn many_calls_have_their_late_branches_at_the_same_time() {
    if !installed() {
        return;
    }
    let house = house("late-many");
    house.daemon.cli("account set alice --max-calls 200");
    let calls: Vec<Call> = (0..60).map(|_| house.call()).collect();
    for call in &calls {
        house.phone.gets("INVITE", &call.id, 2);
        assert_eq!(users(&house.phone, &call.id)[..2], ["a", "b"]);
    }
    for call in &calls {
        call.cancel();
        call.ends_with(487);
    }
    house.daemon.carries("alice", 0);
    assert_eq!(house.kamailio.mistakes(), [""; 0]);
}

/// What a phone wrote into its contact about push (RFC 8599) comes back to it with the call: the
/// push service behind it finds the phone by that.
#[test]
fn what_a_contact_says_about_push_is_kept() {
    if !installed() {
        return;
    }
    let house = house("push-kept");
    house.daemon.cli("device add alice pocket --aor sip:pocket@hp.test --ring 20s");
    house.follows("[[rule]]\nring = [\"pocket\"]\n");
    let push = ";pn-provider=apns;pn-prid=00fc13adff78;pn-param=DEF123GHIJ.net.example.voip";
    let contact = house.phone.uri("pocket") + push;
    house.line.register("pocket", &contact);
    let call = house.call();
    let got = &house.phone.gets("INVITE", &call.id, 1)[0];
    assert_eq!(got.message.ruri(), contact);
    call.rings();
    call.cancel();
    call.ends_with(487);
}
