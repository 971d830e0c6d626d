//! Daemons that are dead, hang, or come back: what becomes of calls meanwhile and afterwards.

use crate::lab::kamailio::Setup;
use crate::lab::{Daemon, Dial, Does, Lab, becomes, eventually, installed, seconds};

/// How a call in and a call out fare with the daemon dead and with it hung.
fn without_daemon(name: &str, defines: &[&str], (into, out): (u16, u16)) {
    let lab = Lab::new(name);
    let mut daemon = Daemon::serve(&lab);
    let (gateway, phone) = (lab.phone(Does::Answer), lab.phone(Does::Answer));
    let mut setup = Setup::asking(&daemon).with_auth(&["alice"]).gateway(gateway.at);
    for define in defines {
        setup = setup.define(define);
    }
    let kamailio = setup.start(&lab);
    daemon.customer("alice", "", "+49301", &phone.uri("alice"));
    let line = lab.line();
    let probe = |state: &str, within: f64| {
        for (dial, code) in [(Dial::to("+49301"), into), (Dial::to("+15550100").by("alice"), out)] {
            let call = line.dial(dial);
            call.ends_with(code);
            let took = call.took();
            assert!(took < seconds(within + 2.0), "{state}: {code} took {took:?}");
            if code == 200 {
                call.bye();
            }
        }
    };
    daemon.kill();
    probe("dead", 0.3);
    daemon.start();
    // Once it is back it decides again, whatever was assumed meanwhile.
    let back = || {
        let call = line.dial(Dial::to("+49301"));
        let decided = call.code(seconds(5.0)) == 200 && !phone.got("INVITE", &call.id).is_empty();
        if decided {
            call.bye();
        }
        decided
    };
    assert!(eventually(seconds(5.0), back));
    daemon.hang();
    probe("hung", 0.8);
    daemon.wake();
    assert!(eventually(seconds(6.0), back));
    becomes(&0, seconds(5.0), || daemon.live("alice"));
    assert_eq!(kamailio.mistakes(), [""; 0]);
}

#[test]
fn without_a_daemon_calls_in_go_on_and_calls_out_do_not() {
    if !installed() {
        return;
    }
    // 403: it went the site's own way, where a stranger may not dial a number that is nobody's.
    without_daemon("fail-default", &[], (403, 503));
}

#[test]
fn a_site_may_turn_round_what_happens_without_a_daemon() {
    if !installed() {
        return;
    }
    let round = ["HP_OUTBOUND_FAIL_OPEN", "HP_INBOUND_FAIL_CLOSED"];
    without_daemon("fail-turned", &round, (503, 200));
}

#[test]
fn the_second_daemon_decides_when_the_first_is_dead_or_hangs() {
    if !installed() {
        return;
    }
    let lab = Lab::new("second");
    let mut first = Daemon::serve(&lab);
    let mut second = Daemon::init(&lab, "second", 8171);
    let token = lab.dir.join("porter/route.token");
    std::fs::copy(token, second.dir.join("route.token")).unwrap();
    second.start();
    let phone = lab.phone(Does::Answer);
    for daemon in [&first, &second] {
        daemon.customer("alice", "--max-calls 9", "+49301", &phone.uri("alice"));
    }
    let setup = Setup::asking(&first).set(&format!("HP_DAEMON_2 http://{}", second.listen));
    let kamailio = setup.start(&lab);
    let line = lab.line();
    // A look at the proxy may find the call before its question comes, which is then one asked again.
    let asked = |daemon: &Daemon| {
        daemon.figure("hallporter_decisions_total{outcome=\"fork\",cause=\"\"}")
            + daemon.figure("hallporter_decisions_repeated_total")
    };
    let call = |within: f64| {
        let call = line.dial(Dial::to("+49301"));
        call.ends_with(200);
        assert!(call.took() < seconds(within + 2.0), "took {:?}", call.took());
        call.bye();
    };
    call(0.3);
    assert_eq!((asked(&first), asked(&second)), (1, 0));
    first.kill();
    call(0.3);
    assert_eq!(asked(&second), 1);
    first.start();
    call(0.3);
    assert_eq!((asked(&first), asked(&second)), (1, 1), "the first is asked again");

    first.hang();
    call(0.7);
    assert_eq!(asked(&second), 2);
    // Nobody waits for the first any more.
    for _ in 0..5 {
        call(0.2);
    }
    assert_eq!(asked(&second), 7);
    first.wake();
    let before = asked(&first);
    let again = || {
        call(0.7);
        asked(&first) > before + 1
    };
    assert!(eventually(seconds(8.0), again), "the first is never asked again");
    becomes(&(0, 0), seconds(5.0), || (first.live("alice"), second.live("alice")));
    assert_eq!(kamailio.mistakes(), [""; 0]);
}

#[test]
fn events_wait_for_the_daemon_and_calls_of_the_meantime_are_counted() {
    if !installed() {
        return;
    }
    let lab = Lab::new("meantime");
    let mut daemon = Daemon::serve(&lab);
    let (gateway, phone) = (lab.phone(Does::Answer), lab.phone(Does::Answer));
    let setup = Setup::asking(&daemon).with_auth(&["alice", "bob"]).gateway(gateway.at);
    let kamailio = setup.define("HP_OUTBOUND_FAIL_OPEN").start(&lab);
    daemon.customer("alice", "--max-calls 2", "+49301", &phone.uri("alice"));
    daemon.customer("bob", "--max-calls 2", "+49302", &phone.uri("bob"));
    let line = lab.line();
    let dial = |by: &str| line.dial(Dial::to("+49301").by(by));
    let (ends, stays) = (dial("bob"), dial("bob"));
    ends.ends_with(200);
    stays.ends_with(200);
    daemon.carries("alice", 2);
    becomes(&2, seconds(3.0), || daemon.calls().iter().filter(|(_, state)| state == "up").count());

    daemon.kill();
    let killed = std::time::Instant::now();
    ends.bye();
    // Open: they go the site's own way, to the gateway, beyond every cap.
    let open: Vec<_> = (0..3).map(|_| line.dial(Dial::to("+49301").by("alice"))).collect();
    for call in &open {
        call.ends_with(200);
    }
    let brief = dial("bob");
    brief.ends_with(200);
    brief.bye();
    // An outage of three seconds, with the events of all that in the queue.
    std::thread::sleep(seconds(3.0).saturating_sub(killed.elapsed()));
    daemon.start();
    // One that stays and three of the meantime are counted before the door opens; the one whose
    // end is still in Kamailio's queue is too.
    assert!((4..=5).contains(&daemon.live("alice")), "{}", daemon.live("alice"));

    let mut expected: Vec<String> = open.iter().map(|call| call.id.clone()).collect();
    expected.push(stays.id.clone());
    expected.sort();
    let up = |daemon: &Daemon| -> Vec<String> {
        daemon.calls().into_iter().map(|call| call.0).collect()
    };
    becomes(&expected, seconds(5.0), || up(&daemon));
    assert_eq!(kamailio.calls(), expected);
    assert_eq!((daemon.live("alice"), daemon.live("bob")), (4, 1));
    for call in &open {
        let view = daemon.cli_json(&format!("call show {}", call.id));
        assert_eq!((&view["caller"], &view["callee"]), (&"alice".into(), &"alice".into()));
    }
    let told = daemon.cli(&format!("why {}", open[0].id));
    assert!(told.contains("found at a proxy"), "{told}");
    let told = daemon.cli(&format!("why {}", ends.id));
    assert!(told.contains("over: it ended"), "{told}");
    // Over its cap, an account gets no further call until there is room.
    dial("bob").ends_with(486);
    for call in &open[..2] {
        call.bye();
    }
    daemon.carries("alice", 2);
    dial("bob").ends_with(486);
    open[2].bye();
    stays.bye();
    daemon.carries("alice", 0);
    daemon.carries("bob", 0);
}
