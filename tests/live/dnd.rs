//! Do not disturb, set by an operator, with a real Kamailio.

use crate::lab::kamailio::Setup;
use crate::lab::{Daemon, Dial, Does, Lab, installed};

#[test]
fn a_phone_that_is_not_to_be_disturbed_does_not_ring_and_rules_know() {
    if !installed() {
        return;
    }
    let lab = Lab::new("dnd");
    let daemon = Daemon::serve(&lab);
    let kamailio = Setup::asking(&daemon).start(&lab);
    let (phone, line) = (lab.phone(Does::Answer), lab.line());
    phone.does("desk", Does::Ring);
    daemon.cli("account add alice");
    daemon.cli("number add +49301 --account alice");
    for device in ["desk", "mobile"] {
        daemon.cli(&format!("device add alice {device} --uri {} --ring 1s", phone.uri(device)));
    }
    daemon.cli("device set alice mobile --stage 2 --tag away --tag work");
    // Whose phones ring, in order; and what the caller is told.
    let rings = |code: u16| -> (Vec<String>, String) {
        let call = line.dial(Dial::to("+49301"));
        call.ends_with(code);
        if code == 200 {
            call.bye();
        }
        daemon.carries("alice", 0);
        let rung = phone.got("INVITE", &call.id).into_iter();
        let rung = rung.map(|got| got.message.user().to_owned()).collect();
        (rung, daemon.ends(&["why", &call.id], 0))
    };
    let quiet = "device desk, stage 1: left out, it is set to do not disturb";
    let (rung, why) = rings(200);
    assert!(rung == ["desk", "mobile"] && !why.contains(quiet), "{rung:?}\n{why}");
    daemon.cli("device set alice desk --dnd on");
    let (rung, why) = rings(200);
    assert!(rung == ["mobile"] && why.contains(quiet), "{rung:?}\n{why}");
    daemon.cli("device set alice mobile --dnd on");
    assert_eq!(rings(480).0, [""; 0]);
    daemon.cli("device set alice mobile --dnd off");
    daemon.cli("device set alice desk --dnd off");
    assert_eq!(rings(200).0, ["desk", "mobile"]);

    // A rule that asks, by name and by tag.
    let file = lab.dir.join("dnd.toml");
    let text = "[[rule]]\nwhen.dnd = \"tag:away\"\nrefuse = 486\n[[rule]]\nwhen.dnd = \"desk\"\nring = [\"tag:work\"]\n[[rule]]\nring = [\"desk\"]\n";
    std::fs::write(&file, text).unwrap();
    daemon.cli(&format!("rule set alice {}", file.display()));
    daemon.cli("device set alice desk --tag fixed --dnd on");
    assert_eq!(rings(200).0, ["mobile"]);
    daemon.cli("device set alice mobile --dnd on");
    assert_eq!(rings(486).0, [""; 0]);
    daemon.cli("device set alice mobile --dnd off --tag home");
    let (rung, why) = rings(480);
    let nobody = "tag work, stage 1: left out, no device of the account has it";
    assert!(rung.is_empty() && why.contains(nobody), "{rung:?}\n{why}");
    daemon.cli("device set alice desk --dnd off");
    phone.does("desk", Does::Answer);
    assert_eq!(rings(200).0, ["desk"]);
    assert_eq!(kamailio.mistakes(), [""; 0]);
}
