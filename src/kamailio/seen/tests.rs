//! Lists as Kamailio gives them, and odd ones.

use super::*;

macro_rules! sample {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/fixtures/kamailio/", $name, ".json"))
    };
}

fn result<T>(reply: Result<Reply<T>, String>) -> T {
    match reply.unwrap() {
        Reply::Result(result) => result,
        Reply::Refused { code, message } => panic!("{code} {message}"),
    }
}

#[test]
fn a_real_list_is_read() {
    let seen = result(read_dialogs(sample!("dlg.list")));
    assert_eq!((seen.items.len(), seen.skipped), (2, 0));
    let first = &seen.items[0];
    assert_eq!((&*first.call_id, &*first.from_tag), ("1-3922@127.0.0.71", "3922c1"));
    assert_eq!((first.dialog, first.state), ((768, 377), CallState::Up));
    assert_eq!((first.started_s, &*first.from_uri), (1_795_339_154, "sip:alice@127.0.0.71"));
    assert_eq!((&first.account, &first.ruri, first.emergency), (&None, &None, false));
}

fn dialog(change: impl Fn(&mut Value)) -> Seen<SeenDialog> {
    let mut body: Value = serde_json::from_slice(sample!("dlg.list")).unwrap();
    change(&mut body["result"][0]);
    result(read_dialogs(body.to_string().as_bytes()))
}

#[test]
fn our_variables_are_read() {
    let seen = dialog(|one| {
        one["variables"] = serde_json::json!([{"x": "y"}, {"hp_account": "YWxpY2U"},
            {"hp_ruri": "c2lwOis0OUBo"}, {"hp_from": "c2lwOitAaA=="}, {"hp_emergency": "1"}]);
        one["state"] = 2.into();
        one["start_ts"] = 0.into();
        one["init_ts"] = 5.into();
    });
    let first = &seen.items[0];
    assert_eq!(first.account, AccountName::parse("alice").ok());
    assert_eq!((first.ruri.as_deref(), &*first.from_uri), (Some("sip:+49@h"), "sip:+@h"));
    assert_eq!((first.state, first.started_s), (CallState::Reserved, 5));
    assert!(first.emergency);
    let odd = serde_json::json!([{"hp_account": "***"}, {"hp_ruri": 5}, {"hp_from": "AA"},
        {"hp_emergency": 1}, 7]);
    let seen = dialog(|one| one["variables"] = odd.clone());
    assert_eq!((&seen.items[0].account, &seen.items[0].ruri), (&None, &None));
    assert_eq!(&*seen.items[0].from_uri, "sip:alice@127.0.0.71");
    assert!(!seen.items[0].emergency);
}

#[test]
fn an_odd_entry_hides_no_other() {
    assert_eq!(dialog(|one| one["state"] = 5.into()).skipped, 0);
    for (key, value) in [
        ("state", Value::from(9)),
        ("state", "4".into()),
        ("call-id", Value::Null),
        ("call-id", "".into()),
        ("call-id", "a\r\nb".into()),
        ("call-id", "x".repeat(257).into()),
        ("h_entry", (-1).into()),
        ("h_id", "7".into()),
    ] {
        let seen = dialog(|one| one[key] = value.clone());
        assert_eq!((seen.items.len(), seen.skipped), (1, 1), "{key} {value}");
    }
    assert_eq!(dialog(|one| *one = 7.into()).skipped, 1);
    let mut latin = sample!("dlg.list").to_vec();
    let at = latin.windows(5).position(|part| part == b"alice").unwrap();
    latin[at] = 0xe9;
    assert_eq!(result(read_dialogs(&latin)).items.len(), 2);
}

#[test]
fn lists_come_in_other_shapes() {
    for (body, items) in [
        (r#"{"jsonrpc":"2.0","result":[],"id":1}"#, 0),
        (r#"{"jsonrpc":"2.0","result":{},"id":1}"#, 0),
        (r#"{"result":{"h_entry":1,"h_id":2,"call-id":"a","state":4}}"#, 1),
    ] {
        assert_eq!(result(read_dialogs(body.as_bytes())).items.len(), items, "{body}");
    }
    for body in ["", "{}", "[]", "<html>", r#"{"result":7}"#, r#"{"result":null}"#] {
        assert!(read_dialogs(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn contacts_are_read() {
    let seen = result(read_contacts(sample!("ul.lookup")));
    let uris: Vec<&str> = seen.items.iter().map(|contact| contact.uri.as_str()).collect();
    assert_eq!(uris, ["sip:bob@127.0.0.62:5070", "sip:bob@127.0.0.61:5070"]);
    assert_eq!((&seen.items[0].received, &seen.items[0].path), (&None, &None));
    assert_eq!(result(read_contacts(sample!("ul.lookup_404"))), Seen::default());
    let odd = r#"{"result":{"AoR":"b","Contacts":[
        {"Contact":{"Address":"sip:b@h","Received":"sip:1.2.3.4:9","Path":"<sip:p;lr>"}},
        {"Contact":{"Address":"sip:b@h","Expires":"expired"}},
        {"Contact":{"Address":"sip:b@h?X=y"}}, {"Contact":{"Address":"[not set]"}}, {}, 7,
        {"Contact":{"Address":"sip:b@h","Path":"a\r\nb"}}]}}"#;
    let seen = result(read_contacts(odd.as_bytes()));
    assert_eq!((seen.items.len(), seen.skipped), (1, 5));
    assert_eq!(seen.items[0].path.as_deref(), Some("<sip:p;lr>"));
    assert_eq!(seen.items[0].received.as_ref().map(SipUri::as_str), Some("sip:1.2.3.4:9"));
}

#[test]
fn refusals_are_told() {
    let missing = Reply::Refused { code: 404, message: "Dialog not found".to_owned() };
    assert_eq!(read_done(sample!("dlg.end_dlg_404")), Ok(missing));
    assert_eq!(read_done(sample!("dlg.end_dlg")), Ok(Reply::Result(())));
    let since = result(read_up_since(sample!("core.uptime")));
    assert_eq!(since, "Sun Nov 22 09:19:12 2026");
    let refused = read_contacts(sample!("unknown_method")).unwrap();
    assert!(matches!(refused, Reply::Refused { code: 500, .. }));
}
