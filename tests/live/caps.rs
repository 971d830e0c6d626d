//! What counts as a call, and what a caller hears when there is no room.

use crate::lab::kamailio::{Kamailio, Setup};
use crate::lab::{Daemon, Dial, Does, Lab, Line, Phone, becomes, installed, seconds};

/// Somewhere to call from and to: everybody proves who he is; the gateway answers.
struct Town {
    lab: Lab,
    daemon: Daemon,
    kamailio: Kamailio,
    phone: Phone,
    gateway: Phone,
    line: Line,
}

fn town(name: &str) -> Town {
    let lab = Lab::new(name);
    let daemon = Daemon::serve(&lab);
    let gateway = lab.phone(Does::Answer);
    let people = ["alice", "bob", "carol", "dave"];
    let setup = Setup::asking(&daemon).with_auth(&people).gateway(gateway.at);
    let kamailio = setup.start(&lab);
    let (phone, line) = (lab.phone(Does::Answer), lab.line());
    Town { lab, daemon, kamailio, phone, gateway, line }
}

impl Town {
    fn customer(&self, name: &str, caps: &str, number: &str) {
        self.daemon.customer(name, caps, number, &self.phone.uri(name));
    }
}

#[test]
fn the_third_call_of_an_account_with_cap_2_is_refused_until_one_has_ended() {
    if !installed() {
        return;
    }
    let town = town("cap-out");
    town.customer("alice", "--max-calls 2", "+49301");
    let dial = || town.line.dial(Dial::to("+15550100").by("alice"));
    let (first, second) = (dial(), dial());
    first.ends_with(200);
    second.ends_with(200);
    let third = dial();
    let refused = third.ends_with(403);
    let reason = refused.header("Reason").unwrap_or_default();
    assert!(reason.starts_with("Q.850;cause=21"), "{}", refused.text);
    assert!(town.gateway.got("INVITE", &third.id).is_empty());
    // The same cap counts calls to it.
    town.line.dial(Dial::to("+49301")).ends_with(486);

    // Hold and transfer keep the slot: no second one, and none lost.
    assert_eq!(first.hold(), 200);
    town.daemon.carries("alice", 2);
    dial().ends_with(403);

    second.bye();
    town.daemon.carries("alice", 1);
    let fourth = dial();
    fourth.ends_with(200);
    // The other end hangs up.
    town.gateway.bye(&fourth.id);
    assert!(fourth.hung_up(seconds(3.0)));
    first.bye();
    town.daemon.carries("alice", 0);
    let told = town.daemon.cli(&format!("why {}", third.id));
    assert!(told.contains("account alice (calling): 2 calls, of 2"), "{told}");
    assert_eq!(town.kamailio.mistakes(), [""; 0]);
}

#[test]
fn a_call_to_a_full_account_is_busy() {
    if !installed() {
        return;
    }
    let town = town("cap-in");
    town.customer("bob", "--max-calls 1", "+49302");
    let call = town.line.dial(Dial::to("+49302"));
    call.ends_with(200);
    let refused = town.line.dial(Dial::to("+49302")).ends_with(486);
    let reason = refused.header("Reason").unwrap_or_default();
    assert!(reason.starts_with("Q.850;cause=17"), "{}", refused.text);
    call.bye();
    town.daemon.carries("bob", 0);
    let call = town.line.dial(Dial::to("+49302"));
    call.ends_with(200);
    call.bye();
}

#[test]
fn both_ends_of_one_account_and_all_its_phones_are_one_call() {
    if !installed() {
        return;
    }
    let town = town("one-call");
    town.customer("alice", "--max-calls 1", "+49301");
    for number in 1..6 {
        let uri = town.phone.uri(&format!("more{number}"));
        town.daemon.cli(&format!("device add alice more{number} --uri {uri}"));
    }
    town.phone.all_do(Does::Ring);
    let call = town.line.dial(Dial::to("+49301").by("alice"));
    town.phone.gets("INVITE", &call.id, 6);
    call.rings_at(6);
    assert_eq!(town.daemon.live("alice"), 1);
    town.phone.answer(&call.id);
    call.ends_with(200);
    town.phone.gets("CANCEL", &call.id, 5);
    assert_eq!(town.daemon.live("alice"), 1);
    town.line.dial(Dial::to("+49301").by("alice")).ends_with(403);
    call.bye();
    town.daemon.carries("alice", 0);
}

#[test]
fn the_cap_of_a_parent_counts_all_of_its_children() {
    if !installed() {
        return;
    }
    let town = town("parent");
    town.daemon.cli("account add reseller --max-calls 2");
    for (name, number) in [("alice", "+49301"), ("bob", "+49302"), ("carol", "+49303")] {
        town.customer(name, "--parent reseller --max-calls 9", number);
    }
    // Within the family: once for the parent, once for each child.
    let inside = town.line.dial(Dial::to("+49302").by("alice"));
    inside.ends_with(200);
    let live = ["reseller", "alice", "bob", "carol"].map(|name| town.daemon.live(name));
    assert_eq!(live, [1, 1, 1, 0]);
    let outside = town.line.dial(Dial::to("+15550100").by("carol"));
    outside.ends_with(200);
    town.line.dial(Dial::to("+15550100").by("bob")).ends_with(403);
    town.line.dial(Dial::to("+49303")).ends_with(486);
    inside.bye();
    town.daemon.carries("reseller", 1);
    let call = town.line.dial(Dial::to("+49303"));
    call.ends_with(200);
    call.bye();
    outside.bye();
    town.daemon.carries("reseller", 0);
}

#[test]
fn in_and_out_have_caps_and_refusals_have_codes_of_their_own() {
    if !installed() {
        return;
    }
    let town = town("in-and-out");
    town.customer("dave", "--max-in 1 --max-out 1 --code-in 480 --code-out 488", "+49304");
    let (into, out) =
        (town.line.dial(Dial::to("+49304")), town.line.dial(Dial::to("+15550100").by("dave")));
    into.ends_with(200);
    out.ends_with(200);
    town.line.dial(Dial::to("+49304")).ends_with(480);
    town.line.dial(Dial::to("+15550100").by("dave")).ends_with(488);
    // Raised while calls run, it is so at once.
    town.daemon.cli("account set dave --max-in 2 --code-out none");
    let more = town.line.dial(Dial::to("+49304"));
    more.ends_with(200);
    town.line.dial(Dial::to("+15550100").by("dave")).ends_with(403);
    for call in [into, out, more] {
        call.bye();
    }
    town.daemon.carries("dave", 0);
    town.daemon.cli("account set dave --disabled");
    town.line.dial(Dial::to("+15550100").by("dave")).ends_with(403);
}

/// A From that names an account is worth nothing: strangers could use up its cap.
#[test]
fn a_stranger_who_claims_to_be_a_customer_counts_for_nobody() {
    if !installed() {
        return;
    }
    let lab = Lab::new("stranger");
    let daemon = Daemon::serve(&lab);
    let gateway = lab.phone(Does::Answer);
    let _kamailio = Setup::asking(&daemon).gateway(gateway.at).start(&lab);
    daemon.cli("account add alice --max-calls 1");
    daemon.cli("number add alice@hp.test --account alice");
    let line = lab.line();
    let calls: Vec<_> =
        (0..3).map(|_| line.dial(Dial::to("+15550100").from("<sip:alice@hp.test>"))).collect();
    for call in &calls {
        call.ends_with(200);
    }
    assert_eq!(daemon.live("alice"), 0);
    for call in calls {
        call.bye();
    }
}

/// Else any number of calls could be carried in the slot of one.
#[test]
fn a_call_id_that_is_in_use_carries_no_second_call() {
    if !installed() {
        return;
    }
    let town = town("call-id");
    town.customer("alice", "--max-calls 2", "+49301");
    let first = town.line.dial(Dial::to("+49301"));
    first.ends_with(200);
    let other = Line::new(town.lab.ip, town.lab.sip());
    let again = other.dial(Dial::to("+49301").call_id(&first.id));
    again.ends_with(482);
    assert_eq!(town.phone.got("INVITE", &first.id).len(), 1);
    // The end of the second, which has the same Call-ID, is not the end of the first.
    becomes(&1, seconds(3.0), || town.daemon.figure("hallporter_events_strange_total"));
    assert_eq!(town.daemon.live("alice"), 1, "the first goes on");
    first.bye();
    town.daemon.carries("alice", 0);
}

/// Whoever calls can't carry a second call in the place of one by giving it the same name, and not
/// by a trail of ours either.
#[test]
fn a_second_invite_of_a_call_that_rings_is_refused() {
    if !installed() {
        return;
    }
    let town = town("second-invite");
    let rings = town.lab.phone(Does::Ring);
    town.customer("alice", "--max-calls 1", "+49301");
    town.daemon.customer("bob", "", "+49302", &rings.uri("bob"));
    let dial = Dial::to("+49302").by("alice").tag("same");
    let first = town.line.dial(dial);
    first.rings();
    for trail in ["", "X-Hallporter-Trail: 1\r\n", "X-Hallporter-Trail: 7;8\r\n"] {
        let other = Line::new(town.lab.ip, town.lab.sip());
        let beside = Dial::to("+15550100").by("alice").call_id(&first.id).tag("same");
        other.dial(beside.extra(trail)).ends_with(482);
        assert_eq!(town.gateway.got("INVITE", &first.id).len(), 0);
        assert_eq!(town.daemon.live("alice"), 1);
    }
    // What became of them is not what becomes of the call.
    rings.answer(&first.id);
    first.ends_with(200);
    assert_eq!(town.daemon.live("alice"), 1);
    assert_eq!(town.kamailio.calls(), [first.id.as_str()]);
    first.bye();
    town.daemon.carries("alice", 0);
}

/// After its end a call may be tried again under its name at once, whether its end was told or not.
#[test]
fn an_attempt_that_was_refused_may_be_made_again_under_its_name() {
    if !installed() {
        return;
    }
    let town = town("next-attempt");
    let busy = town.lab.phone(Does::Refuse(486));
    town.customer("alice", "--max-calls 1", "+49301");
    town.daemon.customer("bob", "", "+49302", &busy.uri("bob"));
    let dial = |to: &str| Dial::to(to).by("alice").tag("same");
    for _ in 0..10 {
        let first = town.line.dial(dial("+49302"));
        first.ends_with(486);
        let other = Line::new(town.lab.ip, town.lab.sip());
        let again = other.dial(dial("+15550100").call_id(&first.id));
        again.ends_with(200);
        again.bye();
        town.daemon.carries("alice", 0);
    }
}
