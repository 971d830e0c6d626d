//! Texts through a real Kamailio: the account's order, stage by stage, and nothing counts.

use serde_json::json;

use crate::lab::kamailio::{Kamailio, Setup};
use crate::lab::stub::Stub;
use crate::lab::text::Text;
use crate::lab::{Daemon, Does, Lab, Phone, installed, seconds};

struct House {
    lab: Lab,
    daemon: Daemon,
    kamailio: Kamailio,
    phone: Phone,
}

/// alice at +49301: a and b first, then c.
fn house(name: &str) -> House {
    let lab = Lab::new(&format!("texts-{name}"));
    let daemon = Daemon::serve(&lab);
    let phone = lab.phone(Does::Ring);
    let kamailio = Setup::asking(&daemon).gateway(phone.at).start(&lab);
    daemon.cli("account add alice --max-calls 1");
    daemon.cli("number add +49301 --account alice");
    for (device, stage) in [("a", 1), ("b", 1), ("c", 2)] {
        let uri = phone.uri(device);
        daemon.cli(&format!("device add alice {device} --uri {uri} --stage {stage} --ring 20s"));
    }
    House { lab, daemon, kamailio, phone }
}

impl House {
    #[track_caller]
    fn text(&self, text: &Text, code: u16) -> String {
        let reply = text.send(self.lab.ip, self.lab.sip());
        assert_eq!(reply.code(), Some(code), "{}", reply.text);
        reply.text
    }

    /// How often each device has got a text.
    fn got(&self) -> [usize; 3] {
        ["a", "b", "c"].map(|device| self.phone.told("MESSAGE", device).len())
    }

    fn rules(&self, text: &str) {
        let path = self.lab.dir.join("rules.toml");
        std::fs::write(&path, text).unwrap();
        self.daemon.ends(&["rule", "set", "alice", path.to_str().unwrap()], 0);
    }
}

#[test]
fn a_text_goes_to_the_devices_stage_by_stage() {
    if !installed() {
        return;
    }
    let house = house("stages");
    // Both of the first stage get it, and one who takes it is enough.
    house.phone.says("b", 486);
    let text = Text::to("+49301").body("h\u{e9}llo\r\n\"quoted\" {json}\r\nX-Evil: 1\r\n");
    house.text(&text, 200);
    assert_eq!(house.got(), [1, 1, 0]);
    let came = &house.phone.told("MESSAGE", "a")[0];
    assert!(came.text.ends_with("\r\n\r\nh\u{e9}llo\r\n\"quoted\" {json}\r\nX-Evil: 1\r\n"));
    assert_eq!(came.header("X-Evil"), None);
    assert!(came.header("From").unwrap().starts_with("<sip:stranger@elsewhere.test>"));
    // Nobody of it: the second stage.
    house.phone.says("a", 480);
    house.text(&Text::to("+49301"), 200);
    assert_eq!(house.got(), [2, 2, 1]);
    // One that says nothing at all is waited for, not for ever.
    house.phone.says("a", 0);
    let began = std::time::Instant::now();
    house.text(&Text::to("+49301"), 200);
    assert!((3.0..6.5).contains(&began.elapsed().as_secs_f64()), "{:?}", began.elapsed());
    assert_eq!(house.got(), [3, 3, 2]);
    // Nobody at all.
    house.phone.says("c", 404);
    house.text(&Text::to("+49301"), 404);
    house.phone.says("c", 0);
    house.text(&Text::to("+49301"), 480);
    assert_eq!(house.kamailio.mistakes(), [""; 0]);
}

#[test]
fn a_text_is_no_call() {
    if !installed() {
        return;
    }
    let house = house("no-call");
    // The account is full, and texts come all the same.
    let line = house.lab.line();
    let call = line.dial(crate::lab::Dial::to("+49301"));
    house.phone.gets("INVITE", &call.id, 2);
    house.daemon.carries("alice", 1);
    for _ in 0..3 {
        let text = Text::to("+49301");
        house.text(&text, 200);
        assert_eq!(house.daemon.live("alice"), 1);
        assert_eq!(house.daemon.calls().len(), 1);
        let why = house.daemon.ends(&["why", &text.call_id], 0);
        assert!(why.contains("device a, stage 1: rings"), "{why}");
        assert!(!why.contains("room"), "no cap is asked: {why}");
    }
    assert_eq!(house.kamailio.dialogs().len(), 1);
    call.cancel();
    call.ends_with(487);
    house.daemon.carries("alice", 0);
    assert_eq!(house.got(), [3, 3, 0]);
}

#[test]
fn rules_route_and_refuse_texts_and_say_why() {
    if !installed() {
        return;
    }
    let house = house("rules");
    house.rules(
        "[[rule]]\nwhen = { kind = [\"text\"], from = [\"+49666*\"] }\n\
         refuse = { code = 403, reason = \"No texts, please\" }\n\
         [[rule]]\nwhen.kind = [\"text\"]\nring = [\"c\", \"a\"]\n\
         [[rule]]\nring = [\"b\"]\n",
    );
    let spam = Text::to("+49301").from("\"X\" <sip:+49666123@elsewhere.test>");
    let heard = house.text(&spam, 403);
    assert!(heard.starts_with("SIP/2.0 403 No texts, please\r\n"), "{heard}");
    assert!(heard.contains("Reason: Q.850;cause=21;text=\"No texts, please\"\r\n"), "{heard}");
    assert!(house.daemon.ends(&["why", &spam.call_id], 0).contains("rule 1 (line 1): matches"));
    house.phone.says("c", 486);
    house.text(&Text::to("+49301"), 200);
    assert_eq!(house.got(), [1, 0, 1]);
    // Behind a disabled account nobody is.
    house.daemon.cli("account set alice --disabled");
    house.text(&Text::to("+49301"), 480);
    // And what is nobody's here goes on, as calls do.
    house.text(&Text::to("+4930999"), 200);
    assert_eq!(house.phone.told("MESSAGE", "+4930999").len(), 1);
    assert_eq!(house.kamailio.mistakes(), [""; 0]);
}

#[test]
fn a_text_finds_registered_phones_and_nobody_where_none_is() {
    if !installed() {
        return;
    }
    let house = house("registered");
    house.daemon.cli("account add bob");
    house.daemon.cli("number add +49302 --account bob");
    house.daemon.cli("device add bob soft --aor sip:bob@hp.test --stage 1 --ring 20s");
    let heard = house.text(&Text::to("+49302"), 480);
    assert!(heard.contains("The called party cannot be reached"), "{heard}");
    house.lab.line().register("bob", &house.phone.uri("bob"));
    let came = crate::lab::eventually(seconds(5.0), || {
        Text::to("+49302").send(house.lab.ip, house.lab.sip()).code() == Some(200)
    });
    assert!(came && !house.phone.told("MESSAGE", "bob").is_empty());
}

#[test]
fn what_a_stranger_writes_breaks_nothing() {
    if !installed() {
        return;
    }
    let house = house("hostile");
    let hostile = [
        Text::to("+49301").from("\"\\\",\\\"account\\\":\\\"alice\" <sip:x@y.test>"),
        Text::to("+49301").from("\"O'Brien {} \\\\ <script>\" <sip:%22%0d%0aX-Evil:1@y.test>"),
        Text::to("+49301").extra("X-Hallporter-Call: c1-1\r\nX-Hallporter-Device: sip:x@y\r\n"),
        Text::to("+49301").extra("X-Hallporter-Trail: zz;1;\";\"\r\n"),
        Text::to("+49301").extra(&format!("Subject: {}\r\n", "x".repeat(3000))),
        Text::to("+49301").body("\u{0}\u{1}\r\n.\r\n"),
    ];
    for text in &hostile {
        house.text(text, 200);
    }
    for came in house.phone.told("MESSAGE", "a") {
        for header in ["X-Evil", "X-Hallporter-Call", "X-Hallporter-Device"] {
            assert_eq!(came.header(header), None, "{}", came.text);
        }
    }
    house.text(&Text::to(&format!("sip:{}@hp.test", "x".repeat(1100))), 400);
    // A retransmission is one text.
    assert_eq!(house.phone.told("MESSAGE", "a").len(), hostile.len());
    assert_eq!(house.kamailio.mistakes(), [""; 0]);
}

/// A daemon that lies, or is not there.
#[test]
fn texts_are_decided_without_a_daemon_as_calls_are() {
    if !installed() {
        return;
    }
    let lab = Lab::new("texts-stub");
    let stub = Stub::new(lab.at(8170));
    let (phone, line) = (lab.phone(Does::Answer), lab.line());
    let kamailio = Setup::asking_at(stub.at, "t").gateway(phone.at).start(&lab);
    line.register("bob", &phone.uri("bob"));
    let send = |answer: String| {
        stub.says(200, &answer);
        Text::to("bob").send(lab.ip, lab.sip()).code().unwrap()
    };
    let fork = |uri: &str| {
        let branches = json!([{"device": "d", "uri": uri, "headers": "X-Evil: 1\r\nVia: x\r\n"}]);
        json!({"v": 1, "action": "fork", "stages": [{"ring_s": 5, "branches": branches}]})
            .to_string()
    };
    // Nonsense is no answer: the text goes its own way.
    for answer in ["{", "{}", r#"{"v":1,"action":"fork","stages":[]}"#, "[]"] {
        assert_eq!(send(answer.to_owned()), 200, "{answer}");
    }
    assert_eq!(send(fork("sip:bo b@x\r\nX-Evil: 1")), 200);
    assert_eq!(send(fork(&phone.uri("bob"))), 200);
    let refuse = json!({"v": 1, "action": "refuse", "code": 42, "reason": "a\r\nX-Evil: 1",
        "headers": "X-Evil: 1"});
    assert_eq!(send(refuse.to_string()), 503);
    let told = phone.told("MESSAGE", "bob");
    assert_eq!(told.len(), 6);
    assert!(told.iter().all(|came| came.header("X-Evil").is_none()));
    assert_eq!(kamailio.mistakes(), [""; 0]);
}
