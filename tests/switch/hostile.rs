//! Callers who try to give commands to the switch.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::lab::switch::beat;
use crate::lab::{Lab, Phone, Switch, becomes, installed, seconds};

/// User parts that are no mailbox.
fn users(bait: &Path) -> Vec<String> {
    let bait = bait.display();
    let mut users = vec![
        format!("${{system(touch {bait})}}"),
        format!("$%7Bsystem(touch%20{bait})%7D"),
        format!("%24%7Bsystem(touch%20{bait})%7D"),
        format!("$${{system(touch%20{bait})}}"),
        format!("alice$%7Bsystem(touch%20{bait})%7D"),
        "${uuid_kill(all)}".to_owned(),
        "${global_setvar(hallporter_beat=1)}".to_owned(),
        "%24%7Bglobal_setvar(hallporter_beat=1)%7D".to_owned(),
        "alice'".to_owned(),
        "alice%20XML%20default".to_owned(),
        "alice,hangup".to_owned(),
        "..".to_owned(),
        "../../etc/passwd".to_owned(),
        "..%2F..%2Fetc%2Fpasswd".to_owned(),
        "-alice".to_owned(),
        "j%C3%BCrgen".to_owned(),
        "gw+x".to_owned(),
        "x".repeat(65),
        "x".repeat(300),
        "callback-m7-12c/..".to_owned(),
    ];
    users.extend(["answer,park", "_hallporter", "service%20", "%"].map(str::to_owned));
    users
}

/// FreeSWITCH takes quotes and control characters away, and what follows a NUL, before the dialplan sees them; what is
/// left may be a mailbox's name, and is one then.
const CLEANED: [&str; 5] =
    ["%22alice%22", "alice%0A", "alice%0D%0AX-Hallporter-Call:%201", "%0Aalice", "alice%00x"];

fn is_mailbox(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.starts_with(['.', '_', '-']) && (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

#[test]
fn what_is_no_mailbox_comes_nowhere() {
    if !installed() {
        return;
    }
    let lab = Lab::new("switch-hostile");
    let switch = Switch::start(&lab);
    let (esl, phone) = (switch.esl(), Phone::new(lab.ip));
    esl.subscribe("CHANNEL_PARK");
    beat(&esl, 0);
    let bait = lab.dir.join("bait");
    let calls: Vec<_> =
        users(&bait).into_iter().map(|user| (phone.call(&user, switch.sip), user)).collect();
    for (call, user) in &calls {
        if user.contains([' ', '{', '"', '<']) || user == "%" {
            // No URI at all (RFC 3261 §25.1): the request may be dropped unanswered.
            continue;
        }
        let code = call.code(seconds(10.0));
        assert!(matches!(code, 400 | 404 | 480 | 484), "{user}: {code}");
    }
    assert_eq!(esl.count("CHANNEL_PARK", ""), 0);
    beat(&esl, 0);
    let before = esl.api("global_getvar hallporter_beat");
    for user in CLEANED {
        let call = phone.call(user, switch.sip);
        let code = call.told(seconds(10.0));
        assert!(matches!(code, 180 | 400 | 404 | 480), "{user}: {code}");
    }
    assert_eq!(esl.api("global_getvar hallporter_beat"), before);
    // Still whole: who means well comes through.
    beat(&esl, 0);
    let call = phone.call("berta", switch.sip);
    assert!(call.rings(seconds(5.0)));
    switch.leg(&esl, "berta");
    for name in esl.all("CHANNEL_PARK", "Caller-Destination-Number") {
        assert!(is_mailbox(&name), "{name:?} was let in");
    }
    let taken = calls.iter().filter(|(call, _)| call.code(Duration::ZERO) == 200);
    let taken: Vec<&String> = taken.map(|(_, user)| user).collect();
    assert!(taken.is_empty(), "{taken:?}");
    assert!(!bait.exists(), "a command was run");
}

/// Every header that a caller writes, in a call that goes all the way to the fall-back.
#[test]
fn what_a_caller_writes_is_not_expanded() {
    if !installed() {
        return;
    }
    let lab = Lab::new("switch-headers");
    let switch = Switch::start(&lab);
    let (esl, phone) = (switch.esl(), Phone::new(lab.ip));
    esl.subscribe("CHANNEL_PARK");
    let bait = lab.dir.join("bait");
    let bad = format!("${{system(touch {})}}", bait.display());
    beat(&esl, 0);
    let mut dialled = phone.dialled("alice", switch.sip);
    dialled.from = format!("\"{bad}\" <sip:x@{}>", phone.at);
    dialled.uri = format!("sip:alice@{};cause=486;x=%24%7Bsystem(touch%20x)%7D", switch.sip);
    dialled.extra = [
        "X-Hallporter-Cause",
        "X-Hallporter-Call",
        "Subject",
        "User-Agent",
        "Organization",
        "Call-Info",
        "Alert-Info",
        "X-FS-Support",
        "Remote-Party-ID",
        "P-Asserted-Identity",
    ]
    .map(|name| format!("{name}: {bad}\r\n"))
    .concat();
    let began = Instant::now();
    let call = phone.dial(dialled);
    assert!(call.rings(seconds(5.0)), "{}", switch.log());
    let leg = switch.leg(&esl, "alice");
    let parked = esl.sees("CHANNEL_PARK", &leg);
    assert_eq!(parked.get("variable_hallporter"), "deposit");
    // FreeSWITCH 1.11 defuses it (`%{`); what matters is that it was not run.
    assert!(parked.get("Caller-Caller-ID-Name").contains("{system(touch"), "it is told");
    let sound = call.first_sound(seconds(10.0)).expect("the fall-back is heard");
    assert!(sound - began <= seconds(6.0));
    assert!(call.hung_up(seconds(10.0)));
    becomes(&0, seconds(5.0), || Switch::legs(&esl));
    assert!(!bait.exists(), "a command was run");
    assert!(fs::read_dir(&switch.dir).unwrap().all(|entry| entry.unwrap().file_name() != "x"));
}
