use proptest::prelude::*;

use crate::domain::{Cause, DeviceName};

use super::*;

fn branch(uri: &str, headers: Option<&str>) -> Branch {
    Branch {
        device: DeviceName::parse("desk").unwrap(),
        after_s: 0,
        uri: uri.into(),
        dst_uri: None,
        path: None,
        headers: headers.map(Into::into),
        wake: None,
    }
}

fn stage(ring_s: u16, branches: Vec<Branch>) -> Stage {
    Stage { ring_s, branches, mailbox: false, after: None }
}

fn decision(outcome: Outcome) -> Decision {
    Decision {
        call: CallRef::parse("c1-2"),
        call_id: "x".into(),
        at_ms: 0,
        from_uri: "".into(),
        ruri: "".into(),
        outcome,
        steps: Vec::new(),
    }
}

fn planned(outcome: Outcome, dialled: &str, aors: &[SipUri]) -> String {
    plan(&decision(outcome), Around { dialled, profile: "phones", prompts: "/p/en", aors })
}

/// The actions of a plan as `application data`, unescaped.
fn actions(text: &str) -> Vec<String> {
    let parts = text.split("<action application=\"").skip(1);
    let read = |part: &str| {
        let (application, rest) = part.split_once("\" data=\"").unwrap();
        let (data, _) = rest.split_once('"').unwrap();
        let mut data = data.to_owned();
        for (from, to) in
            [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")]
        {
            data = data.replace(from, to);
        }
        format!("{application} {data}")
    };
    parts.map(read).collect()
}

fn fork(stages: Vec<Stage>) -> Outcome {
    Outcome::Fork(ForkOrder { stages }.into())
}

#[test]
fn stages_ring_one_after_the_other() {
    let trail = Some("X-Hallporter-Trail: 1f;2\r\n");
    let aor = SipUri::parse("sip:bob@example.com").unwrap();
    let mut mailbox = stage(30, vec![branch("sip:bob@10.0.0.5:5080;cause=408", None)]);
    mailbox.mailbox = true;
    let stages = vec![
        stage(
            15,
            vec![
                branch("sip:desk@10.0.0.7:5061;transport=tcp", trail),
                branch(aor.as_str(), trail),
            ],
        ),
        stage(20, vec![branch("sip:+49171@gw", None), branch("sip:a@b", Some("X-A: 1\r\n"))]),
        mailbox,
    ];
    let text = planned(fork(stages.clone()), "+4930", std::slice::from_ref(&aor));
    assert_eq!(
        actions(&text),
        [
            "set hallporter_call=c1-2",
            "set hangup_after_bridge=true",
            "set continue_on_fail=true",
            "bridge {originate_timeout=15,ignore_early_media=true,sip_h_X-Hallporter-Trail=1f;2}\
             sofia/phones/desk@10.0.0.7:5061;transport=tcp,${sofia_contact(*/bob@example.com)}",
            "bridge {originate_timeout=20,ignore_early_media=true}sofia/phones/+49171@gw,\
             [sip_h_X-A=1]sofia/phones/a@b",
            "transfer bob XML hallporter",
        ]
    );
    // Without a mailbox the caller hears what the last ones said.
    let text = planned(fork(stages[..1].to_vec()), "+4930", &[]);
    assert_eq!(actions(&text)[3], "set continue_on_fail=false");
    // Nobody who can be dialled.
    let text = planned(fork(vec![stage(5, vec![branch("sip:a%40b@c", None)])]), "1", &[]);
    assert_eq!(actions(&text).last().unwrap(), "respond 480 Nobody can be reached");
}

#[test]
fn who_joins_late_is_called_late() {
    let mut late = branch("sip:mobile@10.0.0.8", Some("X-A: 1\r\n"));
    late.after_s = 8;
    let stages = vec![stage(20, vec![branch("sip:desk@10.0.0.7", Some("X-A: 1\r\n")), late])];
    let text = planned(fork(stages), "1", &[]);
    assert_eq!(
        actions(&text)[4],
        "bridge {originate_timeout=20,ignore_early_media=true}[sip_h_X-A=1]\
         sofia/phones/desk@10.0.0.7,[sip_h_X-A=1,leg_delay_start=8]sofia/phones/mobile@10.0.0.8"
    );
}

/// Each place where a device is registered is a leg of its own, and all of them wait.
#[test]
fn who_is_registered_twice_joins_late_with_both() {
    let aor = SipUri::parse("sip:bob@example.com").unwrap();
    let mut late = branch(aor.as_str(), Some("X-A: 1\r\n"));
    late.after_s = 8;
    let stages = vec![stage(20, vec![branch("sip:desk@10.0.0.7", None), late])];
    let text = planned(fork(stages), "1", std::slice::from_ref(&aor));
    assert_eq!(
        actions(&text)[4],
        "bridge {originate_timeout=20,ignore_early_media=true}sofia/phones/desk@10.0.0.7,\
         ${sofia_contact(*/bob@example.com/[sip_h_X-A=1,leg_delay_start=8])}"
    );
}

#[test]
fn a_mailbox_is_told_why() {
    let mut mailbox =
        stage(30, vec![branch("sip:bob@h;cause=486", Some("X-Hallporter-Cause: cap_in\r\n"))]);
    mailbox.mailbox = true;
    let text = planned(fork(vec![mailbox]), "1", &[]);
    let done = actions(&text);
    assert_eq!(done[3..], ["set hallporter_cause=cap_in", "transfer bob XML hallporter"]);
}

#[test]
fn a_mailbox_is_told_how_to_greet() {
    let headers = "X-Hallporter-Cause: rule\r\nX-Hallporter-Greeting: closed\r\n";
    let mut mailbox = stage(30, vec![branch("sip:bob@h;cause=480", Some(headers))]);
    mailbox.mailbox = true;
    let text = planned(fork(vec![mailbox]), "1", &[]);
    let done = actions(&text);
    let cause = "set hallporter_cause=rule";
    assert_eq!(done[3..5], [cause, "set hallporter_greeting=closed"]);
    assert_eq!(done[5..], ["transfer bob XML hallporter"]);
}

#[test]
fn who_answers_presses_a_key() {
    let headers = Some("X-Hallporter-Trail: 1\r\nX-Hallporter-Confirm: 7\r\n");
    let text = planned(fork(vec![stage(9, vec![branch("sip:m@h", headers)])]), "1", &[]);
    assert_eq!(
        actions(&text)[4],
        "bridge {originate_timeout=9,ignore_early_media=true,sip_h_X-Hallporter-Trail=1,\
         group_confirm_key=7,group_confirm_read_timeout=3000,\
         group_confirm_file=file_string:///p/en/confirm.wav!/p/en/key_seven.wav}sofia/phones/m@h"
    );
}

#[test]
fn who_is_called_back_meets_the_deposit() {
    let mut meeting = branch("sip:callback-m1-2@10.0.0.5:5080", None);
    meeting.device = DeviceName::parse("callback").unwrap();
    let text = planned(fork(vec![stage(9, vec![meeting])]), "1", &[]);
    assert_eq!(actions(&text)[1..], ["transfer callback-m1-2 XML hallporter"]);
}

#[test]
fn what_is_not_ours_is_handed_on() {
    let pass = || Outcome::Pass { headers: "X-Hallporter-Trail: 1\r\n".into() };
    assert_eq!(
        actions(&planned(pass(), "+49*#1", &[])),
        [
            "set hallporter_call=c1-2",
            "export nolocal:sip_h_X-Hallporter-Trail=1",
            "transfer +49*#1 XML hallporter-pass",
        ]
    );
    for evil in ["", "1 XML x", "1\n2", "${x}", "1,2", &"1".repeat(65)] {
        assert_eq!(
            actions(&planned(pass(), evil, &[]))[1..],
            ["respond 404 Not Found"],
            "{evil:?}"
        );
    }
}

#[test]
fn a_refusal_is_a_status_line() {
    let refusal = |code, reason: &str| {
        let (reason, headers) = (reason.into(), "".into());
        Outcome::Refuse(Refusal { code, cause: Cause::CapIn, reason, headers })
    };
    let told = |code, reason| actions(&planned(refusal(code, reason), "1", &[]));
    assert_eq!(told(486, "Busy, sorry"), ["respond 486 Busy, sorry"]);
    assert_eq!(told(200, "${a}<b>'&\""), ["respond 500 ab"]);
    assert_eq!(told(403, "\r\n"), ["respond 403 Refused"]);
}

/// Pieces that mean something to XML, to the switch's expansion, to its lists.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("${system(x)}".to_owned()),
        Just("$${x}".to_owned()),
        Just("\"/><action application=\"system\" data=\"x".to_owned()),
        Just("<!--#include x-->".to_owned()),
        Just("],[a=b]".to_owned()),
        Just("}{a=b}".to_owned()),
        Just("|loopback/1:_:error/x".to_owned()),
        Just("\r\n".to_owned()),
        Just("sip:a@b".to_owned()),
        Just(": ".to_owned()),
        ".{0,12}",
    ];
    proptest::collection::vec(pieces, 0..4).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn nothing_breaks_out(
        uri in hostile(),
        user in hostile(),
        way in proptest::option::of(hostile()),
        headers in hostile(),
        dialled in hostile(),
        reason in hostile(),
        mailbox in any::<bool>(),
    ) {
        let mut first = branch(&uri, Some(&headers));
        first.dst_uri = way.map(Into::into);
        let second = branch(&format!("sip:{user}@h"), Some(&format!("X-A: {headers}\r\n")));
        let mut last = stage(3, vec![second.clone()]);
        last.mailbox = mailbox;
        let refusal = Refusal {
            code: 486,
            cause: Cause::CapIn,
            reason: reason.as_str().into(),
            headers: headers.as_str().into(),
        };
        for (outcome, most) in [
            (fork(vec![stage(3, vec![first, second]), last]), 7),
            (Outcome::Pass { headers: headers.as_str().into() }, 12),
            (Outcome::Refuse(refusal), 1),
        ] {
            let text = planned(outcome, &dialled, &[]);
            prop_assert!(!text.contains('$') && !text.contains("<!"), "{text}");
            prop_assert!(!text.trim_end().contains(char::is_control), "{text}");
            let done = actions(&text);
            prop_assert!(done.len() <= most, "{done:?}");
            prop_assert_eq!(text.matches('<').count(), done.len() + 10);
            for action in done {
                let (application, data) = action.split_once(' ').unwrap();
                prop_assert!(["set", "export", "bridge", "transfer", "respond"].contains(&application));
                match application {
                    "transfer" => prop_assert_eq!(data.split(' ').count(), 3, "{}", data),
                    "bridge" => {
                        let lists = data.matches(['[', '{']).count();
                        prop_assert!(data.starts_with('{') && lists <= 3, "{data}");
                        prop_assert_eq!(data.matches([']', '}']).count(), lists);
                        prop_assert!(!data.contains(['|', '\'', '\\', '\n']) && !data.contains(":_:"), "{data}");
                    }
                    _ => {}
                }
            }
        }
    }
}
