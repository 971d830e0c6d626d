//! What a caller wishes (RFC 3841), from his own headers to the phones.

use crate::lab::kamailio::Setup;
use crate::lab::{Daemon, Dial, Does, Lab, installed};

#[test]
fn a_caller_s_wishes_reach_the_order_and_break_nothing() {
    if !installed() {
        return;
    }
    let lab = Lab::new("wishes");
    let daemon = Daemon::serve(&lab);
    let kamailio = Setup::asking(&daemon).start(&lab);
    let (phone, line) = (lab.phone(Does::Answer), lab.line());
    // One of the two alone answers: where both do at once, a second 200 is on its way to the caller.
    phone.does("b", Does::Ring);
    daemon.cli("account add alice");
    daemon.cli("number add +49301 --account alice");
    for device in ["a", "b"] {
        daemon.cli(&format!("device add alice {device} --uri {} --ring 20s", phone.uri(device)));
    }
    let long = format!("Request-Disposition: {}\r\n", "x, ".repeat(400));
    for (headers, rings) in [
        ("", 2),
        ("Request-Disposition: no-fork\r\n", 1),
        ("Request-Disposition: proxy, NO-FORK\r\nReject-Contact: *;automata\r\n", 1),
        ("Request-Disposition: \r\nReject-Contact: \r\n", 2),
        ("Reject-Contact: *;x=\"\\\",\\\"reject\\\":\\\"\"\r\n", 2),
        (&long, 2),
    ] {
        let call = line.dial(Dial::to("+49301").extra(headers));
        call.ends_with(200);
        assert_eq!(phone.gets("INVITE", &call.id, rings).len(), rings, "{headers}");
        call.bye();
        daemon.carries("alice", 0);
        assert_eq!(phone.got("INVITE", &call.id).len(), rings, "{headers}");
        let why = daemon.ends(&["why", &call.id], 0);
        assert_eq!(why.contains("as the caller wishes: no_fork"), rings == 1, "{why}");
    }
    assert_eq!(kamailio.mistakes(), [""; 0]);
}
