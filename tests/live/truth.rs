//! What the proxy says is the truth: ghosts go, restarts are noticed, operators are obeyed.

use std::fs;

use serde_json::json;

use crate::lab::kamailio::{Kamailio, Setup};
use crate::lab::{
    Call, Daemon, Dial, Does, Lab, Line, Phone, becomes, eventually, installed, seconds,
};

/// How long two looks take, and some patience.
const TWO_LOOKS_S: f64 = 5.0;

/// An account with cap 2.
struct House {
    daemon: Daemon,
    kamailio: Kamailio,
    phone: Phone,
    line: Line,
}

fn house(name: &str) -> House {
    let lab = Lab::new(name);
    let daemon = Daemon::serve(&lab);
    let kamailio = Setup::asking(&daemon).start(&lab);
    let (phone, line) = (lab.phone(Does::Answer), lab.line());
    daemon.customer("alice", "--max-calls 2", "+49301", &phone.uri("alice"));
    House { daemon, kamailio, phone, line }
}

impl House {
    /// A call that is up, as the daemon knows, too.
    #[track_caller]
    fn call(&self) -> Call {
        let call = self.line.dial(Dial::to("+49301"));
        call.ends_with(200);
        let up = (call.id.clone(), "up".to_owned());
        assert!(eventually(seconds(3.0), || self.daemon.calls().contains(&up)));
        call
    }

    fn ended(&self, cause: &str) -> u64 {
        self.daemon.figure(&format!("hallporter_calls_ended_total{{cause=\"{cause}\"}}"))
    }

    /// Waits for further complete looks at the proxy.
    #[track_caller]
    fn looks(&self, count: u64) {
        let figure = || self.daemon.figure("hallporter_looks_total");
        let until = figure() + count;
        assert!(eventually(seconds(3.0 * count as f64), || figure() >= until), "nobody looks");
    }
}

#[test]
fn a_call_that_was_never_made_is_released_after_two_looks() {
    if !installed() {
        return;
    }
    let house = house("ghost");
    for ghost in ["ghost-1", "ghost-2"] {
        let answer = house.daemon.asked(ghost, "", "sip:+49301@hp.test");
        assert_eq!(answer["action"], "fork", "{answer}");
    }
    house.line.dial(Dial::to("+49301")).ends_with(486);
    becomes(&0, seconds(TWO_LOOKS_S), || house.daemon.live("alice"));
    assert_eq!(house.ended("vanished"), 2);
    let told = house.daemon.cli("why ghost-1");
    assert!(told.contains("asked twice and do not know it"), "{told}");
    let call = house.call();
    house.looks(3);
    assert_eq!(house.daemon.live("alice"), 1, "a call that is there stays");
    call.bye();
    house.daemon.carries("alice", 0);
}

#[test]
fn the_calls_of_a_proxy_that_was_killed_are_released_once_it_is_back() {
    if !installed() {
        return;
    }
    let mut house = house("proxy-killed");
    let calls = [house.call(), house.call()];
    house.looks(1);
    house.kamailio.kill();
    let failed = || house.daemon.figure("hallporter_looks_failed_total");
    assert!(eventually(seconds(8.0), || failed() >= 3), "{} looks failed", failed());
    assert_eq!(house.daemon.live("alice"), 2, "silence is no evidence");
    house.kamailio.start();
    becomes(&0, seconds(TWO_LOOKS_S), || house.daemon.live("alice"));
    assert_eq!(house.daemon.figure("hallporter_proxy_restarts_total"), 1);
    let call = house.call();
    call.bye();
    drop(calls);
    house.daemon.carries("alice", 0);
}

#[test]
fn an_operator_ends_a_call_at_both_phones() {
    if !installed() {
        return;
    }
    let house = house("end");
    let (one, other) = (house.call(), house.call());
    let view = house.daemon.cli_json(&format!("call show {}", one.id));
    house.daemon.cli(&format!("call end {}", view["call"].as_str().unwrap()));
    assert!(one.hung_up(seconds(3.0)), "the caller hears nothing of it");
    house.phone.gets("BYE", &one.id, 1);
    house.daemon.carries("alice", 1);
    becomes(&vec![other.id.clone()], seconds(5.0), || house.kamailio.calls());
    // By its Call-ID, too; and one that is over can't be ended.
    house.daemon.cli(&format!("call end {}", other.id));
    assert!(other.hung_up(seconds(3.0)));
    house.daemon.carries("alice", 0);
    house.daemon.ends(&["call", "end", &other.id], 1);
}

#[test]
fn a_call_that_only_rings_is_not_said_to_be_ended() {
    if !installed() {
        return;
    }
    let house = house("end-ringing");
    house.phone.all_do(Does::Ring);
    let call = house.line.dial(Dial::to("+49301"));
    call.rings();
    house.looks(1);
    let told = house.daemon.ends(&["call", "end", &call.id], 1);
    assert!(told.contains("was not answered yet"), "{told}");
    house.looks(1);
    assert_eq!((call.code(seconds(0.0)), house.daemon.live("alice")), (0, 1));
    house.phone.answer(&call.id);
    call.ends_with(200);
    let up = (call.id.clone(), "up".to_owned());
    assert!(eventually(seconds(3.0), || house.daemon.calls().contains(&up)));
    house.daemon.cli(&format!("call end {}", call.id));
    assert!(call.hung_up(seconds(3.0)));
    house.daemon.carries("alice", 0);
}

#[test]
fn an_operator_frees_a_slot_and_that_is_written_down() {
    if !installed() {
        return;
    }
    let mut house = house("release");
    let (call, other) = (house.call(), house.call());
    house.line.dial(Dial::to("+49301")).ends_with(486);
    let reason = ["call", "release", &call.id, "--reason", "stuck, ticket 4711"];
    house.daemon.ends(&reason, 0);
    assert_eq!(house.daemon.live("alice"), 1);
    assert!(!call.hung_up(seconds(0.2)), "the call itself goes on");
    house.looks(3);
    assert_eq!(house.daemon.live("alice"), 1, "the looks do not bring it back");
    let told = house.daemon.cli(&format!("why {}", call.id));
    assert!(told.contains("an operator freed its slot: stuck, ticket 4711"), "{told}");
    let next = house.call();
    for call in [call, other, next] {
        call.bye();
    }
    house.daemon.carries("alice", 0);
    assert!(house.daemon.terminate().is_some_and(|status| status.success()));
    let file = rusqlite::Connection::open(house.daemon.dir.join("data/ledger.db")).unwrap();
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let audit: (String, String) = file.query_row("SELECT what, json FROM audit", [], read).unwrap();
    assert!(audit.0 == "call.release" && audit.1.contains("ticket 4711"), "{audit:?}");
}

#[test]
fn a_daemon_that_is_told_to_stop_drains_and_comes_back_with_its_calls() {
    if !installed() {
        return;
    }
    let mut house = house("drain");
    house.daemon.set("drain", "\"2s\"");
    house.daemon.process().signal("HUP");
    let taken = || house.daemon.log().contains("the configuration was taken anew");
    assert!(eventually(seconds(3.0), taken), "{}", house.daemon.log());
    let stays = house.call();
    house.daemon.process().signal("TERM");
    let draining = || house.daemon.get_from("/readyz").is_some_and(|answer| answer.status == 503);
    assert!(eventually(seconds(1.0), draining), "{}", house.daemon.log());
    let late = house.line.dial(Dial::to("+49301"));
    late.ends_with(200);
    house.line.dial(Dial::to("+49301")).ends_with(486);
    let status = house.daemon.process().wait(seconds(6.0));
    assert!(status.is_some_and(|status| status.success()), "{status:?}");
    let mut kept = vec![stays.id.clone(), late.id.clone()];
    kept.sort();
    // What comes back comes from its own table: nobody can be looked at now.
    house.kamailio.kill();
    house.daemon.start();
    let ids: Vec<String> = house.daemon.calls().into_iter().map(|call| call.0).collect();
    assert_eq!(ids, kept);
    assert_eq!(house.daemon.live("alice"), 2);
}

#[test]
fn new_tokens_are_taken_while_calls_run_and_mistakes_change_nothing() {
    if !installed() {
        return;
    }
    let mut house = house("tokens");
    let call = house.call();
    let old = house.daemon.token("route.token");
    let token = |text: &str| fs::write(house.daemon.dir.join("route.token"), text).unwrap();
    token("the-next-token-0123456789abcdef");
    let event = json!({"event": "failed", "call_id": "x", "from_tag": "y"});
    assert_eq!(house.daemon.post("/v1/event", &event).status, 401, "not before it is told");
    house.daemon.process().signal("HUP");
    becomes(&200, seconds(3.0), || house.daemon.post("/v1/event", &event).status);
    // Kamailio has the old one: it goes on by itself, and says why.
    house.line.dial(Dial::to("nobody")).ends_with(404);
    assert!(house.kamailio.log().contains("HP_TOKEN must be the content of its route.token"));

    fs::write(house.daemon.dir.join("route.token"), &old).unwrap();
    house.daemon.append("\n[calls]\nmistake = 1\n");
    house.daemon.process().signal("HUP");
    let told = || house.daemon.log().contains("nothing was changed");
    assert!(eventually(seconds(3.0), told), "{}", house.daemon.log());
    let path = house.daemon.dir.join("hallporter.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\n[calls]\nmistake = 1\n", "")).unwrap();
    house.daemon.process().signal("HUP");
    becomes(&200, seconds(3.0), || house.daemon.post("/v1/event", &event).status);
    let next = house.call();
    for call in [call, next] {
        call.bye();
    }
    house.daemon.carries("alice", 0);
}
