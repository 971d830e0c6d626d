//! Emergency calls: nothing stops them, whatever the daemon thinks or whether it thinks at all.

use crate::lab::kamailio::Setup;
use crate::lab::{Daemon, Dial, Does, Lab, installed, seconds};

#[test]
fn emergency_calls_go_through_at_the_cap_and_with_the_daemon_hung_or_dead() {
    if !installed() {
        return;
    }
    let lab = Lab::new("emergency");
    let mut daemon = Daemon::serve(&lab);
    let (gateway, phone) = (lab.phone(Does::Answer), lab.phone(Does::Answer));
    let setup = Setup::asking(&daemon).with_auth(&["alice"]).gateway(gateway.at);
    let kamailio = setup.set("HP_INBOUND_FAIL_CLOSED").start(&lab);
    daemon.customer("alice", "--max-calls 1", "+49301", &phone.uri("alice"));
    let line = lab.line();
    let full = line.dial(Dial::to("+15550100").by("alice"));
    full.ends_with(200);
    line.dial(Dial::to("+49301")).ends_with(486);

    // Nobody is asked for a password who only gives a name; who has one is counted.
    let urn = Dial { to: "urn:service:sos".to_owned(), ..Dial::to("112") };
    let mut calls = Vec::new();
    let spelled = [
        "112",
        "sip:%31%31%32;x=y@hp.test",
        "tel:112",
        "sip:+112@hp.test",
        "tel:1-1-2",
        "sip:1.1.2@hp.test",
        "sip:+112;phone-context=+49@hp.test",
    ];
    for dial in spelled.map(Dial::to).into_iter().chain([urn]) {
        let call = line.dial(dial);
        call.ends_with(200);
        assert_eq!(gateway.got("INVITE", &call.id).len(), 1);
        calls.push(call);
    }
    let counted = "hallporter_emergencies_total";
    assert_eq!(daemon.figure(counted), 8);

    for (state, within) in [("hung", 0.7), ("dead", 0.2)] {
        match state {
            "hung" => daemon.hang(),
            _ => daemon.kill(),
        }
        for number in ["112", "911", "sip:110@hp.test", "tel:1-1-2", "sip:+112@hp.test"] {
            let call = line.dial(Dial::to(number));
            call.ends_with(200);
            assert!(
                call.took() < seconds(within + 2.0),
                "{state}: {number} took {:?}",
                call.took()
            );
            calls.push(call);
        }
        line.dial(Dial::to("+49301")).ends_with(503);
        if state == "hung" {
            daemon.wake();
        }
    }
    daemon.start();
    for call in calls {
        call.bye();
    }
    full.bye();
    daemon.carries("alice", 0);
    crate::lab::becomes(&0, seconds(5.0), || daemon.calls().len());
    assert_eq!(kamailio.mistakes(), [""; 0]);
}

#[test]
fn who_has_called_for_help_can_be_called_back_at_the_cap() {
    if !installed() {
        return;
    }
    let lab = Lab::new("grace");
    let mut daemon = Daemon::init(&lab, "porter", 8170);
    daemon.set("trust_from", "true");
    daemon.start();
    let (gateway, phone) = (lab.phone(Does::Answer), lab.phone(Does::Answer));
    let _kamailio = Setup::asking(&daemon).gateway(gateway.at).start(&lab);
    daemon.customer("alice", "--max-calls 1", "+49301", &phone.uri("alice"));
    daemon.cli("number add alice@hp.test --account alice");
    let line = lab.line();
    let alice = |to: &str| line.dial(Dial::to(to).from("<sip:alice@hp.test>"));
    let full = alice("+15550100");
    full.ends_with(200);
    line.dial(Dial::to("+49301")).ends_with(486);
    alice("+15550100").ends_with(403);
    let help = alice("112");
    help.ends_with(200);
    assert_eq!(daemon.live("alice"), 2, "it is counted");
    let back = line.dial(Dial::to("+49301"));
    back.ends_with(200);
    for call in [full, help, back] {
        call.bye();
    }
    daemon.carries("alice", 0);
}

#[test]
fn a_number_that_the_daemon_alone_knows_to_be_urgent_goes_through() {
    if !installed() {
        return;
    }
    let lab = Lab::new("urgent");
    let mut daemon = Daemon::init(&lab, "porter", 8170);
    daemon.set("numbers", r#"["112", "19222"]"#);
    daemon.start();
    let gateway = lab.phone(Does::Answer);
    let kamailio = Setup::asking(&daemon).with_auth(&["alice"]).gateway(gateway.at).start(&lab);
    let line = lab.line();
    let call = line.dial(Dial::to("sip:19222@hp.test"));
    call.ends_with(200);
    assert_eq!(gateway.got("INVITE", &call.id).len(), 1);
    // So that a start of the daemon, and who looks, knows what it is.
    let shown = kamailio.dialogs();
    assert_eq!(shown[0]["variables"].to_string().matches("hp_emergency").count(), 1, "{shown:?}");
    // Nobody's other numbers go out from a stranger.
    line.dial(Dial::to("sip:19223@hp.test")).ends_with(403);
    call.bye();
}
