//! Callers and daemons that lie: nothing that they write breaks out of where it belongs.

use serde_json::{Value, json};

use crate::lab::kamailio::{Kamailio, Setup};
use crate::lab::stub::Stub;
use crate::lab::{Daemon, Dial, Does, Lab, Line, Phone, becomes, installed, seconds, unique};

/// A Kamailio that asks a stub, and a phone of `bob`, registered, who answers.
struct House {
    stub: Stub,
    kamailio: Kamailio,
    phone: Phone,
    line: Line,
}

fn house(name: &str) -> House {
    let lab = Lab::new(name);
    let stub = Stub::new(lab.at(8170));
    let (phone, line) = (lab.phone(Does::Answer), lab.line());
    let kamailio = Setup::asking_at(stub.at, "t").gateway(phone.at).start(&lab);
    line.register("bob", &phone.uri("bob"));
    House { stub, kamailio, phone, line }
}

impl House {
    /// A call to bob; says with which code it ended, and the reply's text.
    fn call(&self, dial: Dial) -> (u16, String, String) {
        let call = self.line.dial(dial);
        let reply = call.settled(seconds(5.0)).expect("the caller hears nothing at all");
        if reply.code() == Some(200) {
            call.bye();
        }
        (reply.code().unwrap(), reply.text, call.id)
    }

    /// An INVITE arrived at the phone, and no line in it that nobody may write.
    fn arrived_clean(&self, call_id: &str) -> bool {
        let got = self.phone.got("INVITE", call_id);
        got.iter().all(|got| !got.message.text.contains("Evil")) && !got.is_empty()
    }
}

fn fork(branches: &Value) -> String {
    json!({"v": 1, "action": "fork", "call": "c1-1", "stages": [{"ring_s": 5, "branches": branches}]})
        .to_string()
}

fn uri(uri: &str) -> String {
    fork(&json!([{"device": "d", "uri": uri}]))
}

/// A broken answer is none: the call goes on as if the daemon were not there.
#[test]
fn a_daemon_that_talks_nonsense_costs_nobody_a_call() {
    if !installed() {
        return;
    }
    let house = house("nonsense");
    let answers = [
        "{not json".to_owned(),
        String::new(),
        "[]".to_owned(),
        "null".to_owned(),
        "{}".to_owned(),
        "\u{0}\u{1}\u{ff}".to_owned(),
        "[".repeat(50_000),
        format!(r#"{{"v":1,"action":"pass","call":"{}"}}"#, "x".repeat(200_000)),
        r#"{"v":1,"action":"pass","call":"\u0000"}"#.to_owned(),
        r#"{"v":1,"action":"fork\r\nX-Evil: 1"}"#.to_owned(),
        r#"{"v":1,"action":["fork"]}"#.to_owned(),
        r#"{"v":1,"action":"fork"}"#.to_owned(),
        r#"{"v":1,"action":"fork","stages":[]}"#.to_owned(),
        r#"{"v":1,"action":"fork","stages":5}"#.to_owned(),
        r#"{"v":1,"action":"fork","stages":{"a":1}}"#.to_owned(),
        r#"{"v":1,"action":"fork","stages":[{"ring_s":5,"branches":[]}]}"#.to_owned(),
        r#"{"v":1,"action":"fork","stages":[{"ring_s":5,"branches":["x",5,null]}]}"#.to_owned(),
        uri(""),
        uri("sip:"),
        uri("sip:@"),
        uri("http://x/"),
        uri("sip:a b@127.0.0.1"),
        uri("sip:a@127.0.0.1\r\nX-Evil: 1"),
        uri("sip:a@127.0.0.1>;<sip:b"),
        uri("sip:bob@hp.test"),
        uri(&format!("sip:{}", "\u{e9}".repeat(3000))),
    ];
    for answer in answers {
        house.stub.says(200, &answer);
        let (code, _, call_id) = house.call(Dial::to("bob"));
        let shown: String = answer.chars().take(80).collect();
        assert_eq!(code, 200, "{shown}");
        assert!(house.arrived_clean(&call_id), "{shown}");
    }
    becomes(&0, seconds(8.0), || house.kamailio.dialogs().len());
    assert_eq!(house.kamailio.mistakes(), [""; 0]);
}

#[test]
fn what_a_daemon_writes_stays_a_reason_and_whole_headers() {
    if !installed() {
        return;
    }
    let house = house("breakout");
    let long = "x".repeat(5000);
    for (refusal, first_line) in [
        (json!({"code": 403, "reason": "Full house"}), "403 Full house"),
        (json!({"code": 403, "reason": "Busy\r\nX-Evil: yes"}), "403 Refused"),
        (json!({"code": 403, "reason": "Busy\nX-Evil: yes"}), "403 Refused"),
        (json!({"code": 403, "reason": "Besetzt, mein L\u{fc}ber"}), "403 Refused"),
        (json!({"code": 403, "reason": ""}), "403 Refused"),
        (json!({"code": 403, "reason": long}), "403 Refused"),
        (json!({"code": 403, "reason": 5}), "403 5"),
        (json!({"code": "486", "reason": "text"}), "486 text"),
        (json!({"code": 486.0, "reason": "float"}), "486 float"),
        (json!({"code": 200, "reason": "ok"}), "503 ok"),
        (json!({"code": 302, "reason": "ok"}), "503 ok"),
        (json!({"code": 42, "reason": "ok"}), "503 ok"),
        (json!({"code": 999, "reason": "ok"}), "503 ok"),
        (json!({"code": -1, "reason": "ok"}), "503 ok"),
        (json!({"code": 1e30, "reason": "ok"}), "503 ok"),
        (json!({"code": null, "reason": "ok"}), "503 ok"),
        (json!({"reason": "ok"}), "503 ok"),
        (json!({"code": 486, "reason": "B", "headers": "X-Evil: a\r\n\r\nbody"}), "486 B"),
        (json!({"code": 486, "reason": "B", "headers": "X-Evil: a"}), "486 B"),
        (
            json!({"code": 486, "reason": "B", "headers": "X-Evil: 1\r\nContent-Length: 5\r\n"}),
            "486 B",
        ),
        (json!({"code": 486, "reason": "B", "headers": "via: Evil\r\n"}), "486 B"),
        (json!({"code": 486, "reason": "B", "headers": "X-Evil: a\r\n folded\r\n"}), "486 B"),
        (json!({"code": 486, "reason": "B", "headers": "X-Evil:\u{1}\r\n"}), "486 B"),
        (json!({"code": 486, "reason": "B", "headers": ["X-Evil: 1\r\n"]}), "486 B"),
    ] {
        let mut answer = refusal.clone();
        answer["v"] = 1.into();
        answer["action"] = "refuse".into();
        house.stub.says(200, &answer.to_string());
        let (_, text, _) = house.call(Dial::to("bob"));
        let shown: String = refusal.to_string().chars().take(120).collect();
        assert!(text.starts_with(&format!("SIP/2.0 {first_line}\r\n")), "{shown}\n{text}");
        assert!(!text.contains("Evil"), "{shown}\n{text}");
    }
    assert_eq!(house.kamailio.mistakes(), [""; 0]);
}

#[test]
fn one_bad_branch_does_not_cost_the_others() {
    if !installed() {
        return;
    }
    let house = house("bad-branch");
    let to = house.phone.uri("bob");
    house.stub.says(
        200,
        &fork(&json!([
            {"uri": "bad uri"},
            {"uri": to, "headers": "X-Evil: \u{1}\r\n"},
            {"uri": to, "dst_uri": "sip:127.0.0.1:9\r\nX-Evil: 1"},
            {"uri": "sip:x@10.255.255.1", "path": "<sip:127.0.0.1:9>\r\nX-Evil: 1"},
        ])),
    );
    let (code, _, call_id) = house.call(Dial::to("bob"));
    assert!(code == 200 && house.arrived_clean(&call_id));
    assert_eq!(house.phone.got("INVITE", &call_id).len(), 1);

    for headers in ["X-Evil: a\r\n\r\n", "X-Evil: a", "Route: <sip:Evil>\r\n", "X-Evil: \u{7f}\r\n"]
    {
        let pass = json!({"v": 1, "action": "pass", "call": "Evil\r\n", "headers": headers});
        house.stub.says(200, &pass.to_string());
        let (code, _, call_id) = house.call(Dial::to("bob"));
        assert!(code == 200 && house.arrived_clean(&call_id), "{headers:?}");
    }
    assert_eq!(house.kamailio.mistakes(), [""; 0]);
}

/// What callers write, as bytes.
fn names() -> Vec<String> {
    let mut names: Vec<String> = [
        r#""O'Brien \"x\" \\" <sip:a@b.test>"#,
        r#""\",\"account\":\"root" <sip:a@b.test>"#,
        r#"","account":"root","x":" <sip:a@b.test>"#,
        "\"a\tb\" <sip:a@b.test>",
        r#""%s%n$ru$(x)$var(y)" <sip:a@b.test>"#,
        "<sip:a%22,%22account%22:%22root@b.test>",
        r#""a|b:c" <sip:a|b@c.test>"#,
        "<sip:$ru@c.test>",
        "<sip:'or'1'='1@c.test>",
        "\"Zo\u{c3}\u{ab}\" <sip:a@b.test>",
        "\"\u{ff}\u{fe}\u{80}\" <sip:a@b.test>",
        "<sip:a@b.test?X-Evil=1>",
        "\"a\0b\" <sip:a@b.test>",
        "\"x\" <sip:a\0b@b.test>",
        "\"x\r\n folded\" <sip:a@b.test>",
        "\"x\" <sip:a@b.test>;x=\"\r\nX-Other: 1",
        "",
        "\"x\"",
        "<>",
        "<sip:>",
        "<tel:+49123;phone-context=\"x>",
    ]
    .map(str::to_owned)
    .into();
    names.push(format!("\"{}\" <sip:a@b.test>", "n".repeat(4096)));
    names.push(format!("\"{}\" <sip:a@b.test>", "\\\"".repeat(4096)));
    names.push(format!("<sip:{}@b.test>", "\"".repeat(900)));
    names
}

#[test]
fn what_a_caller_writes_reaches_the_daemon_as_it_is_or_not_at_all() {
    if !installed() {
        return;
    }
    let house = house("callers");
    let to = house.phone.uri("bob");
    house.stub.says(200, &fork(&json!([{"device": "d", "uri": to}])));
    let mut asked = 0;
    for name in names() {
        let call = house.line.dial(Dial::to("bob").from(&name));
        // Some can't be read as SIP at all; there is nobody then whom one could answer.
        let Some(reply) = call.settled(seconds(0.6)) else { continue };
        assert!(matches!(reply.code(), Some(200 | 400)), "{name}: {}", reply.text);
        if reply.code() != Some(200) {
            continue;
        }
        call.bye();
        let questions = house.stub.questions();
        let question = questions.iter().find(|question| question["call_id"] == *call.id);
        let question = question.unwrap_or_else(|| panic!("{name}: not asked"));
        assert!(question.get("account").is_none(), "{name}: {question}");
        assert_eq!(question["ruri"], "sip:bob@hp.test", "{name}");
        assert!(question["from_display"].as_str().unwrap().chars().count() <= 256);
        asked += 1;
    }
    assert!(asked >= 12, "only {asked} could be asked about");
    // Every question was JSON, or the stub would have said so.
    let keys: Vec<usize> =
        house.stub.questions().iter().map(|q| q.as_object().unwrap().len()).collect();
    assert!(keys.iter().all(|count| *count == 12), "{keys:?}");
    assert_eq!(house.kamailio.mistakes(), [""; 0]);
}

#[test]
fn a_real_daemon_and_kamailio_stand_whatever_is_dialled() {
    if !installed() {
        return;
    }
    let lab = Lab::new("dialled");
    let daemon = Daemon::serve(&lab);
    let phone = lab.phone(Does::Answer);
    let kamailio = Setup::asking(&daemon).gateway(phone.at).start(&lab);
    daemon.customer("alice", "--max-calls 1", "+49301", &phone.uri("alice"));
    let line = lab.line();
    let targets = [
        r#"sip:x%22y|z:"p"@hp.test"#.to_owned(),
        "sip:x\"y@hp.test".to_owned(),
        "sip:x;a=\"b\"@hp.test".to_owned(),
        "sip:%00@hp.test".to_owned(),
        "sip:a%0d%0aX-Evil:%201@hp.test".to_owned(),
        "sip:\u{1}\u{ff}@hp.test".to_owned(),
        "sip:+49301@hp.test;x=\"\r\n".to_owned(),
        "sip:+49301%00@hp.test".to_owned(),
        "sip:@".to_owned(),
        "tel:".to_owned(),
        "urn:service:evil".to_owned(),
        format!("sip:{}@hp.test", "9".repeat(900)),
        format!("sip:{}@hp.test", "%41".repeat(330)),
    ];
    for target in &targets {
        for dial in [
            Dial { to: target.clone(), ..Dial::to("x") },
            Dial { to: target.clone(), tag: "t".repeat(200), ..Dial::to("x") },
            Dial {
                call_id: format!("\"{}\\|:;$ci\"", unique("x")),
                to: target.clone(),
                ..Dial::to("x")
            },
        ] {
            let call = line.dial(dial);
            if call.code(seconds(0.4)) == 200 {
                call.bye();
            }
        }
    }
    let bare = "INVITE sip:+49301@hp.test SIP/2.0\r\nFrom: x\r\n\r\n";
    for text in [bare, "\r\n\r\n", "INVITE", "\0\0\0", "SIP/2.0 200 OK\r\n\r\n"] {
        line.blurt(text);
    }
    // Both still do their work, and nothing has stuck.
    becomes(&0, seconds(8.0), || daemon.calls().len());
    let call = line.dial(Dial::to("+49301"));
    call.ends_with(200);
    line.dial(Dial::to("+49301")).ends_with(486);
    call.bye();
    daemon.carries("alice", 0);
    assert!(!daemon.log().contains("panicked"), "{}", daemon.log());
    assert_eq!(kamailio.mistakes(), [""; 0]);
}
