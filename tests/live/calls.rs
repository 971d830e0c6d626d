//! The main road: a call rings the phones of its order, is answered, and ends.

use crate::lab::kamailio::Setup;
use crate::lab::{Daemon, Dial, Does, Lab, becomes, eventually, installed, seconds, sipp};

#[test]
fn a_call_rings_two_phones_at_once_and_then_a_third_that_answers() {
    if !installed() {
        return;
    }
    let lab = Lab::new("stages");
    let daemon = Daemon::serve(&lab);
    let kamailio = Setup::asking(&daemon).start(&lab);
    let phone = lab.phone(Does::Ring);
    phone.does("mobile", Does::AnswerAfter(300));
    daemon.cli("account add alice --max-calls 2");
    daemon.cli("number add +493012345 --account alice");
    for (device, stage, ring) in [("desk", 1, 2), ("door", 1, 1), ("mobile", 2, 5)] {
        let uri = phone.uri(device);
        daemon
            .cli(&format!("device add alice {device} --uri {uri} --stage {stage} --ring {ring}s"));
    }
    let key = daemon.asked("dry", "", "sip:+493012345@hp.test");
    let trail = key["stages"][0]["branches"][0]["headers"].as_str().unwrap().to_owned();
    daemon.post(
        "/v1/event",
        &serde_json::json!({"event": "failed", "call_id": "dry", "from_tag": "t"}),
    );

    let line = lab.line();
    let call = line.dial(Dial::to("+493012345").extra("X-Hallporter-Call: forged\r\n"));
    call.ends_with(200);
    let rung = phone.got("INVITE", &call.id);
    let users: Vec<&str> = rung.iter().map(|got| got.message.user()).collect();
    assert!(users[..2].contains(&"desk") && users[..2].contains(&"door"), "{users:?}");
    assert_eq!(users[2..], ["mobile"]);
    let after = |index: usize| (rung[index].at - call.began()).as_secs_f64();
    assert!(after(0) < 0.4 && after(1) < 0.4, "{} {}", after(0), after(1));
    assert!((1.8..2.4).contains(&after(2)), "the third rings after {} s", after(2));
    assert_eq!(phone.gets("CANCEL", &call.id, 2).len(), 2);
    for got in &rung {
        let headers = format!(
            "X-Hallporter-Trail: {}\r\n",
            got.message.header("X-Hallporter-Trail").unwrap()
        );
        assert!(trail.contains(&headers), "{trail} {headers}");
        assert_eq!(got.message.header("X-Hallporter-Call"), None);
    }

    let up = || daemon.cli_json("call list --account alice");
    becomes(&serde_json::json!("up"), seconds(3.0), || up()[0]["state"].clone());
    let shown = up();
    assert_eq!(
        (shown[0]["call_id"].as_str(), shown[0]["callee"].as_str()),
        (Some(&*call.id), Some("alice"))
    );
    call.bye();
    daemon.carries("alice", 0);
    assert_eq!(up(), serde_json::json!([]));
    let told = daemon.cli(&format!("why {}", call.id));
    assert!(told.contains("rings 2 s: desk") && told.contains("over: it ended"), "{told}");
    assert_eq!(kamailio.mistakes(), [""; 0]);
}

#[test]
fn a_registered_device_is_found_and_one_that_is_not_is_skipped_at_once() {
    if !installed() {
        return;
    }
    let lab = Lab::new("registered");
    let daemon = Daemon::serve(&lab);
    let _kamailio = Setup::asking(&daemon).start(&lab);
    daemon.cli("account add bob --max-calls 1");
    daemon.cli("number add bob@hp.test --account bob");
    daemon.cli("device add bob car --aor sip:car@hp.test --stage 1 --ring 30s");
    daemon.cli("device add bob desk --aor sip:desk@hp.test --stage 2 --ring 10s");
    let phone = sipp::phone(&lab, "phone_answers.xml", 1, "-d 100");
    let contact = format!("-s desk -key contact {}:{} -key expires 600", lab.ip, phone.port);
    sipp::call(&lab, "register.xml", 1, &contact).succeeds();
    let began = std::time::Instant::now();
    sipp::call(&lab, "caller.xml", 1, "-s bob -key caller eve -d 200").succeeds();
    phone.succeeds();
    assert!(began.elapsed() < seconds(5.0), "the call took {:?}", began.elapsed());
    daemon.carries("bob", 0);

    let dry = || daemon.cli("route --from +15550100 --to bob@hp.test");
    let told = dry();
    assert!(told.contains("device car, stage 1: left out, it is not registered"), "{told}");
    let contact = contact.replace("expires 600", "expires 0");
    sipp::call(&lab, "register.xml", 1, &contact).succeeds();
    // What was looked up is good for a second.
    let gone = || dry().contains("device desk, stage 2: left out");
    assert!(eventually(seconds(3.0), gone), "{}", dry());
    let nobody = "-s bob -key caller eve -set expected 480";
    sipp::call(&lab, "caller_expects.xml", 1, nobody).succeeds();
}

#[test]
fn fifty_calls_at_once_go_through_and_leave_nothing_behind() {
    if !installed() {
        return;
    }
    let lab = Lab::new("fifty");
    let daemon = Daemon::serve(&lab);
    let kamailio = Setup::asking(&daemon).with_auth(&["alice"]).start(&lab);
    let phone = sipp::phone(&lab, "phone_answers.xml", 50, "-d 50");
    daemon.customer(
        "bob",
        "--max-calls 50",
        "+493012345",
        &format!("sip:b@{}:{}", lab.ip, phone.port),
    );
    daemon.cli("account add alice --max-calls 50");
    let who = "-s +493012345 -key caller alice -au alice -ap secret -d 500 -r 200";
    sipp::call(&lab, "caller_auth.xml", 50, who).succeeds();
    phone.succeeds();
    daemon.carries("alice", 0);
    daemon.carries("bob", 0);
    assert_eq!(daemon.figure("hallporter_calls_ended_total{cause=\"ended\"}"), 50);
    assert_eq!(kamailio.mistakes(), [""; 0]);
}

#[test]
fn a_forward_that_comes_back_ends_and_does_not_go_round() {
    if !installed() {
        return;
    }
    let lab = Lab::new("circle");
    let mut daemon = Daemon::init(&lab, "porter", 8170);
    let gateway = lab.phone(Does::Ring);
    daemon.set("pstn_gateway", &format!("\"{}\"", gateway.at));
    daemon.start();
    let _kamailio = Setup::asking(&daemon).start(&lab);
    daemon.cli("account add alice --max-calls 9");
    daemon.cli("number add +49301 --account alice");
    daemon.cli("device add alice mobile --number +491711234567");
    let line = lab.line();
    let call = line.dial(Dial::to("+49301"));
    let went = &gateway.gets("INVITE", &call.id, 1)[0].message;
    assert_eq!(went.user(), "+491711234567");
    assert_eq!(daemon.live("alice"), 1);
    // The mobile is forwarded to where the call came from.
    let trail = went.header("X-Hallporter-Trail").unwrap();
    let header = format!("X-Hallporter-Trail: {trail}\r\n");
    let other = lab.line();
    for back in [Dial::to("+49301"), Dial::to("+49301").call_id(&call.id)] {
        other.dial(back.extra(&header)).ends_with(482);
    }
    assert_eq!((gateway.ringing().len(), daemon.live("alice")), (1, 1));
    gateway.answer(&call.id);
    call.ends_with(200);
    call.bye();
    daemon.carries("alice", 0);
}

#[test]
fn phones_may_speak_tcp_and_have_passwords() {
    if !installed() {
        return;
    }
    let lab = Lab::new("tcp");
    let daemon = Daemon::serve(&lab);
    let setup = Setup::asking(&daemon).with_auth(&["alice"]).define("WITH_TCP");
    let kamailio = setup.set(&format!("HP_LISTEN_TCP tcp:{}", lab.sip())).start(&lab);
    daemon.cli("account add alice --max-calls 1");
    daemon.cli("number add alice@hp.test --account alice");
    daemon.cli("device add alice desk --aor sip:alice@hp.test");
    let phone = sipp::phone(&lab, "phone_answers.xml", 1, "-d 100");
    let keys = format!(
        "-t t1 -s alice -key contact {}:{} -key expires 600 -au alice -ap secret",
        lab.ip, phone.port
    );
    sipp::call(&lab, "register_auth.xml", 1, &keys).succeeds();
    let who = "-t t1 -s alice -key caller alice -au alice -ap secret -d 200";
    sipp::call(&lab, "caller_auth.xml", 1, who).succeeds();
    phone.succeeds();
    daemon.carries("alice", 0);
    assert_eq!(kamailio.mistakes(), [""; 0]);
}
