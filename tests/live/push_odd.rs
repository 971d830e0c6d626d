//! Pushed phones in odd company: late branches, mailboxes, keys, and answers that lie.

use serde_json::json;

use crate::lab::{Does, eventually, installed, seconds};
use crate::push::{site, wait};

#[test]
fn who_joins_later_rings_although_the_call_is_held() {
    if !installed() {
        return;
    }
    let site = site("push-join");
    let uri = |user: &str| site.phone.uri(user);
    let plan = json!({"v": 1, "action": "fork", "call": "c1-1", "wait_s": 6,
        "stages": [{"ring_s": 20, "branches": []}],
        "joins": [{"after_s": 1, "stage": 0, "device": "late", "uri": uri("late")},
            {"after_s": 2, "stage": 0, "device": "later", "uri": uri("later")}],
        "waits": [wait(0, "a")]});
    site.stub.says(200, &plan.to_string());
    let call = site.call();
    call.waits();
    let got = site.phone.gets("INVITE", &call.id, 1);
    let after = (got[0].at - call.began()).as_secs_f64();
    assert!((0.9..2.0).contains(&after), "{after}");
    site.registers("a");
    site.phone.gets("INVITE", &call.id, 3);
    assert_eq!(site.called(&call), ["late", "a", "later"]);
    call.rings_at(3);
    site.phone.answer_as("later", &call.id);
    call.ends_with(200);
    site.phone.gets("CANCEL", &call.id, 2);
    call.bye();
    // Who is woken to join later does not ring before, and the call is not held for him alone.
    let mut late = wait(0, "b");
    late["after_s"] = 2.into();
    site.plan(&[(20, &["desk"])], 6, &[late]);
    let call = site.call();
    site.phone.gets("INVITE", &call.id, 1);
    site.registers("b");
    let got = site.phone.gets("INVITE", &call.id, 2);
    let after = (got[1].at - got[0].at).as_secs_f64();
    assert!((1.8..3.0).contains(&after), "{after}");
    call.cancel();
    call.ends_with(487);
    site.phone.does("desk", Does::Refuse(486));
    let call = site.call();
    call.ends_with(486);
    assert!(call.took() < seconds(1.0), "{:?}", call.took());
    site.is_well();
}

/// Its ring time begins when it wakes, and that of the others is as long as ever.
#[test]
fn who_wakes_rings_from_then_on() {
    if !installed() {
        return;
    }
    let site = site("push-time");
    site.plan(&[(3, &["desk"])], 2, &[wait(0, "a")]);
    let call = site.call();
    site.phone.gets("INVITE", &call.id, 1);
    // It wakes after the time for which the call would have been held, while the desk rings.
    assert!(!eventually(seconds(2.2), || call.code(seconds(0.0)) != 0));
    site.registers("a");
    let invites = site.phone.gets("INVITE", &call.id, 2);
    let cancels = site.phone.gets("CANCEL", &call.id, 2);
    let users: Vec<&str> = cancels.iter().map(|got| got.message.user()).collect();
    assert_eq!(users, ["desk", "a"]);
    for (cancel, invite) in cancels.iter().zip(&invites) {
        let took = (cancel.at - invite.at).as_secs_f64();
        assert!((2.6..3.7).contains(&took), "{}: {took}", invite.message.user());
    }
    call.ends_with(408);
    site.is_well();
}

/// Where it was registered it is called at once. If it says that it rings, or says no, it is
/// awake.
#[test]
fn who_is_awake_is_called_once_and_not_waited_for() {
    if !installed() {
        return;
    }
    let site = site("push-awake");
    site.registers("a");
    site.plan(&[(20, &["a"])], 5, &[wait(0, "a")]);
    let call = site.call();
    call.rings();
    site.registers("a");
    call.cancel();
    call.ends_with(487);
    assert_eq!(site.called(&call), ["a"]);
    site.phone.does("a", Does::Refuse(486));
    let call = site.call();
    call.ends_with(486);
    assert!(call.took() < seconds(1.0), "{:?}", call.took());
    // One that says nothing at all is asleep.
    site.phone.does("a", Does::Nothing);
    let call = site.call();
    call.waits();
    site.phone.does("a", Does::Answer);
    site.registers("a");
    call.ends_with(200);
    call.bye();
    assert!(site.called(&call).len() >= 2);
    site.is_well();
}

/// A mailbox behind those who do not wake is told that nobody could be reached (RFC 4458), and
/// behind one who has refused what he said.
#[test]
fn the_mailbox_is_told_why() {
    if !installed() {
        return;
    }
    let site = site("push-mailbox");
    let branch = |user: &str| json!({"device": user, "uri": site.phone.uri(user)});
    let mut boxed = branch("box");
    boxed["uri"] = json!(format!("{};cause=408", site.phone.uri("box")));
    for (first, cause, code) in [("", "404", 0), ("desk", "486", 486), ("desk", "603", 603)] {
        site.phone.does("desk", Does::Refuse(code));
        let branches = if first.is_empty() { json!([]) } else { json!([branch(first)]) };
        let plan = json!({"v": 1, "action": "fork", "call": "c1-1", "wait_s": 1,
            "stages": [{"ring_s": 20, "branches": branches},
                {"ring_s": 20, "mailbox": true, "branches": [boxed]}],
            "waits": [wait(0, "a")]});
        site.stub.says(200, &plan.to_string());
        site.phone.does("box", Does::Answer);
        let call = site.call();
        call.ends_with(200);
        let got = site.phone.got("INVITE", &call.id).pop().unwrap();
        assert!(got.message.ruri().contains(&format!(";cause={cause}")), "{}", got.message.ruri());
        // A 6xx is for all devices, asleep or not.
        assert_eq!(call.took() < seconds(0.7), cause == "603", "{:?}", call.took());
        call.bye();
    }
    site.is_well();
}

/// Who asks for a key stands between the call and the phone that woke.
#[test]
fn who_wakes_may_be_called_through_somebody_else() {
    if !installed() {
        return;
    }
    let site = site("push-through");
    let mut through = wait(0, "a");
    through["uri"] = json!(site.phone.uri("confirm-1-0-0"));
    through["headers"] = json!("X-Hallporter-Confirm: 1\r\nX-Hallporter-Device: sip:a@hp.test\r\n");
    site.plan(&[(20, &["desk"])], 6, &[through]);
    let call = site.call();
    site.phone.gets("INVITE", &call.id, 1);
    site.registers("a");
    let got = &site.phone.gets("INVITE", &call.id, 2)[1].message;
    assert_eq!((got.user(), got.header("X-Hallporter-Confirm")), ("confirm-1-0-0", Some("1")));
    site.registers("a");
    site.phone.answer(&call.id);
    call.ends_with(200);
    call.bye();
    assert_eq!(site.called(&call), ["desk", "confirm-1-0-0"]);
    site.is_well();
}

/// What an answer says may be wrong, what registers may be a stranger's, and neither does harm.
#[test]
fn bad_answers_and_bad_registrations_wake_nobody() {
    if !installed() {
        return;
    }
    let site = site("push-hostile");
    let with = |key: &str, value: serde_json::Value| {
        let mut wait = wait(0, "a");
        wait[key] = value;
        wait
    };
    let waits = [
        with("aor", json!("")),
        with("aor", json!(7)),
        with("aor", json!("sip:a@hp.test\r\nX-Evil: yes")),
        with("aor", json!("sip:a@hp.test/0:0:0:0/")),
        with("device", json!("a\",\"event\":\"end")),
        with("stage", json!(1)),
        with("stage", json!("x")),
        with("after_s", json!(-1)),
        with("after_s", json!(99_999)),
        with("uri", json!("sip:x@h\"\r\nX: y")),
        wait(0, "b"),
    ];
    site.plan(&[(20, &["desk"])], 9_999, &waits);
    let call = site.call();
    site.phone.gets("INVITE", &call.id, 1);
    site.registers("a");
    let long = ";pn-provider=x;pn-prid=".to_owned()
        + &"%22%0d%0aX:,|/<=".replace('<', "")
        + &"y".repeat(300);
    site.line.register("b", &(site.phone.uri("b") + &long));
    let got = site.phone.gets("INVITE", &call.id, 2);
    assert_eq!(got[1].message.ruri(), site.phone.uri("b") + &long);
    assert_eq!(got[1].message.header("X"), None);
    site.line.unregister("b");
    site.registers("c");
    assert_eq!(site.called(&call), ["desk", "b"]);
    call.rings_at(2);
    site.phone.answer_as("b", &call.id);
    call.ends_with(200);
    call.bye();
    // Nobody is waited for any more: what registers now does not even find the call.
    assert!(eventually(seconds(5.0), || site.phone.ringing().is_empty()));
    site.is_well();
}
