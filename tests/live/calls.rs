//! The main road: a call rings the phones of its order, is answered, and ends.

use crate::lab::kamailio::Setup;
use crate::lab::line::Dial;
use crate::lab::{Daemon, Does, Lab, installed, seconds};

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
    crate::lab::becomes(&serde_json::json!("up"), seconds(3.0), || up()[0]["state"].clone());
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
