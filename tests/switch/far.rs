//! The called party calls back while his message is being left, by way of another node.

use crate::callback::{hears_tone, speaks};
use crate::lab::house::house_with;
use crate::lab::phone::Dialled;
use crate::lab::{Call, Lab, Manners, Says, Takes, becomes, eventually, installed, seconds};
use crate::live::Daemon;
use crate::live::kamailio::{Kamailio, Setup};
use crate::proxy::{Street, street};

/// A street, and another town with a node and a Kamailio of its own, which takes no messages.
struct Region {
    street: Street,
    daemon: Daemon,
    kamailio: Kamailio,
    lab: Lab,
}

fn region(name: &str, mailbox: &str) -> Region {
    let mut street = street(house_with(name, mailbox));
    let here = street.house.lab.at(8171).to_string();
    let house = &mut street.house;
    house.daemon.set_in("cluster", "listen", &format!("\"{here}\""));
    house.daemon.terminate();
    house.starts();
    house.daemon.cli("cluster init --name lab");
    let token = house.lab.dir.join("token");
    std::fs::write(&token, house.daemon.cli("cluster token")).unwrap();

    let lab = Lab::new(&format!("{name}-far"));
    let mut daemon = Daemon::init(&lab, "far", 8170);
    daemon.set("trust_from", "true");
    daemon.set_in("cluster", "listen", &format!("\"{}\"", lab.at(8171)));
    let token = token.display().to_string();
    daemon.start_with(&["--join", &here, "--token-file", &token]);
    let kamailio = Setup::asking(&daemon).start(&lab);
    let region = Region { street, daemon, kamailio, lab };
    for daemon in [&region.daemon, &region.street.house.daemon] {
        becomes(&2, seconds(20.0), || {
            let view = daemon.get("/v1/cluster");
            let nodes = view["nodes"].as_array().unwrap();
            nodes.iter().filter(|node| node["up"] == true).count()
        });
    }
    let knows = || {
        region
            .daemon
            .get_from("/v1/accounts/alice/devices")
            .is_some_and(|answer| answer.status == 200)
    };
    assert!(eventually(seconds(20.0), knows), "{}", region.daemon.log());
    region
}

impl Region {
    /// Alice leaves bob a message here, and the other town knows of it.
    fn speaks(&self) -> Call {
        let call = speaks(&self.street);
        // The other node is told of it within milliseconds; bob would need longer to dial.
        call.has_said(seconds(1.0));
        call
    }

    /// Bob calls alice by way of the other town.
    fn calls_back(&self) -> Call {
        let (bob, proxy) = (&self.street.bob, self.lab.sip());
        let dialled = bob.dialled("+49301", proxy);
        bob.dial(Dialled { from: "<sip:+493012345@hp.test>".to_owned(), ..dialled })
    }

    fn logs(&self) -> String {
        let house = &self.street.house;
        format!("{}\n{}\n{}", house.daemon.log(), self.daemon.log(), self.kamailio.log())
    }

    /// What alice carries here and there.
    #[track_caller]
    fn carries(&self, here: u64, there: u64) {
        self.street.house.daemon.carries("alice", here);
        self.daemon.carries("alice", there);
    }
}

#[test]
fn he_is_led_to_the_switch_where_it_is_left() {
    if !installed() || !crate::live::installed() {
        return;
    }
    let region = region("far-pause", "");
    let house = &region.street.house;
    let call = region.speaks();
    let rehearsed = region.daemon.cli("route --from sip:+493012345@hp.test --to +49301");
    assert!(rehearsed.contains("he is asked whether to take this call"), "{rehearsed}");
    let back = region.calls_back();
    house.hears(&call, "callback_offer");
    call.presses("1");
    assert_eq!(back.code(seconds(12.0)), 200, "{}", region.logs());
    call.says(Says::Tone(700));
    back.says(Says::Tone(440));
    assert!(hears_tone(&call, 440), "alice does not hear bob:\n{}", region.logs());
    assert!(hears_tone(&back, 700), "bob does not hear alice");
    // Alice has one call: the deposit's, which is where it was.
    region.carries(1, 0);
    region.daemon.carries("bob", 1);
    back.bye();
    house.hears(&call, "callback_over");
    house.says(&call, 2, 440);
    call.bye();
    house.has_messages(1);
    let parts = &house.messages()[0].parts;
    assert_eq!(parts.len(), 2);
    house.is_tone(&parts[0], 700, 2.0);
    house.is_tone(&parts[1], 440, 2.0);
    region.carries(0, 0);
    region.daemon.carries("bob", 0);
    assert_eq!(house.phone.came(), 0, "her own phone does not ring: she is on it");
    assert_eq!(region.kamailio.mistakes(), [""; 0]);
}

#[test]
fn who_is_declined_hears_so_and_the_message_goes_on() {
    if !installed() || !crate::live::installed() {
        return;
    }
    let region = region("far-decline", "");
    let house = &region.street.house;
    let call = region.speaks();
    let back = region.calls_back();
    house.hears(&call, "callback_offer");
    call.presses("2");
    assert_eq!(back.code(seconds(10.0)), 486, "{}", region.logs());
    call.has_said(seconds(1.0));
    region.carries(1, 0);
    call.bye();
    house.has_messages(1);
    assert_eq!(house.messages()[0].parts.len(), 1, "it was never stopped");
    region.carries(0, 0);
    region.daemon.carries("bob", 0);
}

#[test]
fn it_is_ended_first_and_its_right_goes_to_the_call() {
    if !installed() || !crate::live::installed() {
        return;
    }
    for policy in ["save", "discard"] {
        let region = region(&format!("far-{policy}"), &format!("--callback {policy}"));
        let house = &region.street.house;
        house.phone.behaves(Manners { takes: Takes::Answers, ..Manners::default() });
        let call = region.speaks();
        let back = region.calls_back();
        assert!(call.hung_up(seconds(5.0)), "{}", region.logs());
        assert_eq!(back.code(seconds(12.0)), 200, "{}", region.logs());
        house.phone.comes(0, seconds(5.0));
        region.carries(0, 1);
        // Her cap is 1, at whatever node.
        let third = region.street.house.daemon.asked("third@h", "bob", "sip:+49301@hp.test");
        assert_eq!(third["cause"], "cap_in", "{third}");
        if policy == "save" {
            house.has_messages(1);
            house.is_tone(&house.messages()[0].parts[0], 700, 2.0);
        } else {
            house.is_over(1);
            assert_eq!(house.messages().len(), 0);
        }
        back.bye();
        region.carries(0, 0);
        region.daemon.carries("bob", 0);
        let why = region.daemon.cli(&format!("why {}", back.id));
        assert!(why.contains("leaves a message just now"), "{why}");
    }
}
