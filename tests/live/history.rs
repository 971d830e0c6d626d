//! Where a call has been (History-Info, RFC 7044), through a real Kamailio.

use std::path::PathBuf;

use crate::lab::kamailio::{Kamailio, Setup};
use crate::lab::{DOMAIN, Daemon, Dial, Does, Lab, Line, Phone, installed};

const TO: &str = "+491711234567";

/// Alice's phone is busy, and rules forward her calls to the gateway.
struct House {
    daemon: Daemon,
    kamailio: Kamailio,
    phone: Phone,
    gateway: Phone,
    line: Line,
    rules: PathBuf,
}

fn house(name: &str) -> House {
    let lab = Lab::new(name);
    let mut daemon = Daemon::init(&lab, "porter", 8170);
    let gateway = lab.phone(Does::Answer);
    daemon.set("pstn_gateway", &format!("\"{}\"", gateway.at));
    daemon.start();
    let kamailio = Setup::asking(&daemon).start(&lab);
    let (phone, line) = (lab.phone(Does::Refuse(486)), lab.line());
    daemon.cli("account add alice");
    daemon.cli("number add +49301 --account alice");
    daemon.cli(&format!("device add alice desk --uri {}", phone.uri("desk")));
    House { daemon, kamailio, phone, gateway, line, rules: lab.dir.join("history.toml") }
}

impl House {
    fn rules(&self, text: &str) {
        std::fs::write(&self.rules, text).unwrap();
        self.daemon.cli(&format!("rule set alice {}", self.rules.display()));
    }

    /// What was dialled as a gateway writes it, and where the call goes.
    fn places(&self) -> (String, String) {
        let gateway = self.gateway.at;
        (format!("<sip:+49301@{gateway}>"), format!("sip:{TO}@{gateway}"))
    }

    /// A call with these headers, and the history that reaches the gateway, header by header.
    #[track_caller]
    fn told(&self, headers: &str) -> Vec<String> {
        let call = self.line.dial(Dial::to("+49301").extra(headers));
        call.ends_with(200);
        let got = &self.gateway.gets("INVITE", &call.id, 1)[0].message;
        assert_eq!((got.user(), got.headers("Diversion").len()), (TO, 1));
        let told = got.headers("History-Info").iter().map(ToString::to_string).collect();
        call.bye();
        self.daemon.carries("alice", 0);
        told
    }
}

#[test]
fn a_forward_continues_the_history_and_a_hostile_one_begins_anew() {
    if !installed() {
        return;
    }
    let house = house("history");
    let (dialled, to) = house.places();
    let anew = format!("{dialled};index=1, <{to};cause=302>;index=1.1;mp=1");
    house.rules(&format!("[[rule]]\nforward = \"{TO}\"\n"));
    assert_eq!(house.told(""), [&*anew]);
    // What came stays, and is continued.
    let (first, second) =
        ("<sip:a@h>;index=1", "<sip:b@h?Reason=SIP%3Bcause%3D302>;index=1.1;mp=1");
    let both = format!("History-Info: {first}\r\nHistory-Info: {second}\r\n");
    let more = format!("{dialled};index=1.1.1, <{to};cause=302>;index=1.1.1.1;mp=1.1.1");
    assert_eq!(house.told(&both), [first, second, &more]);
    let both = format!("{first}, {second}");
    assert_eq!(house.told(&format!("History-Info: {both}\r\n")), [&*both, &*more]);
    // Somebody before us has written down what is dialled here.
    let here = format!("<sip:+49301@{DOMAIN};user=phone>;index=3");
    let more = format!("<{to};cause=302>;index=3.1;mp=3");
    assert_eq!(house.told(&format!("history-info: {here}\r\n")), [&*here, &*more]);
    // What can't be continued is taken away, all of it.
    let long = format!("<sip:a@h;x={}>;index=1", "x".repeat(1100));
    for bad in [
        "rubbish",
        "<sip:a@h>",
        "<sip:a@h>;index=1\"",
        "<sip:a@h>;index=1, <sip:b@h>;index=2;x=\"",
        "<sip:a@h>;index=1\",\"ruri\":\"sip:x@y",
        "<sip:a@h>;index=1\r\n ;index=2",
        "<sip:$var(hp_uri)@h>;index=$ru",
        "<sip:a@h>;index=1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1",
        &long,
    ] {
        let headers = format!("History-Info: {first}\r\nHistory-Info: {bad}\r\n");
        assert_eq!(house.told(&headers), [&*anew], "{bad}");
    }
    // Who does not want it told is told of by nobody here.
    let private = format!("Privacy: history\r\nHistory-Info: {first}\r\n");
    assert_eq!(house.told(&private), [first]);
    assert_eq!(house.told("Privacy: id\r\n"), [&*anew]);
    assert_eq!(house.kamailio.mistakes(), [""; 0]);
}

#[test]
fn a_forward_after_something_has_failed_says_so_and_the_phone_is_not_told() {
    if !installed() {
        return;
    }
    let house = house("history-busy");
    let (dialled, to) = house.places();
    house.rules(&format!(
        "[[rule]]\ncontinue = true\nring = [\"desk\"]\n[[rule]]\nwhen.after = \"busy\"\n\
         forward = \"{TO}\"\n[[rule]]\nmailbox = false\ncontinue = true\n"
    ));
    let busy = format!("{dialled};index=1, <{to};cause=486>;index=1.1;mp=1");
    assert_eq!(house.told(""), [&*busy]);
    let first = "<sip:a@h>;index=1";
    let call = house.line.dial(Dial::to("+49301").extra(&format!("History-Info: {first}\r\n")));
    call.ends_with(200);
    let rung = &house.phone.gets("INVITE", &call.id, 1)[0].message;
    assert_eq!(rung.headers("History-Info"), [first]);
    call.bye();
    house.daemon.carries("alice", 0);
    assert_eq!(house.kamailio.mistakes(), [""; 0]);
}
