//! What another node tells, and what of it is believed.

use super::super::super::{Input, Settings, Ticket};
use super::*;
use crate::domain::{AccountName, Now, Outcome, Seat};
use crate::registry::Command;

const NOW: Now = Now { mono_ms: 1, wall_ms: 1 };
const THERE: NodeId = NodeId(2);

fn desk() -> Desk {
    let mut desk = Desk::new(Settings::default());
    for (index, text) in (1..).zip([
        r#"{"command":"account_add","name":"a","max_calls":0}"#,
        r#"{"command":"account_add","name":"b","max_calls":1}"#,
        r#"{"command":"number_add","identifier":"+441","account":"a"}"#,
    ]) {
        let command: Command = serde_json::from_str(text).unwrap();
        desk.handle(Input::Committed { ticket: Ticket(1), index, command }, NOW);
    }
    desk
}

fn query() -> RouteQuery {
    RouteQuery {
        call_id: "c@h".into(),
        from_tag: "t".into(),
        from_uri: "sip:b@h".into(),
        ruri: "sip:+441@h".into(),
        account: AccountName::parse("b").ok(),
        ..RouteQuery::default()
    }
}

/// A deposit that sits where it is called, and where it is not.
fn met(desk: &Desk) -> CallBackMet {
    let key = |name| desk.registry().find(name).unwrap();
    let seat = |name| Seat { account: key(name), incoming: false, outgoing: true };
    CallBackMet {
        message: MessageId::new(THERE, 1, 1),
        policy: CallbackPolicy::Pause,
        seats: Seats::new(&[seat("a"), seat("b")]),
        switch: Some("10.0.0.2:5080".into()),
    }
}

fn rehearsed(desk: &mut Desk, met: CallBackMet) -> String {
    let decision = desk.rehearse_meeting(&query(), Some((THERE, met)), NOW);
    match &decision.outcome {
        Outcome::Fork(order) => order.stages[0].branches[0].uri.to_string(),
        Outcome::Pass { .. } => "pass".to_owned(),
        Outcome::Refuse(refusal) => refusal.cause.as_str().to_owned(),
    }
}

#[test]
fn another_node_is_believed_only_about_what_is_its_own() {
    let mut desk = desk();
    let good = met(&desk);
    let uri = format!("sip:callback-{}@10.0.0.2:5080", good.message);
    assert_eq!(rehearsed(&mut desk, good.clone()), uri);
    let message = MessageId::new(NodeId(3), 1, 1);
    let foreign = CallBackMet { message, ..good.clone() };
    let ignored = CallBackMet { policy: CallbackPolicy::Ignore, ..good.clone() };
    let nowhere = CallBackMet { switch: None, ..good.clone() };
    let ended = CallBackMet { policy: CallbackPolicy::Save, ..good.clone() };
    let long = "x".repeat(600);
    let bad = ["", "h>;x", "h x", "a@b", "h;fs_path=x", "h\r\nX: y", &long];
    let strange = bad.map(|sip| CallBackMet { switch: Some(sip.into()), ..good.clone() });
    let all = [foreign, ignored, nowhere];
    for met in all.into_iter().chain(strange) {
        assert_eq!(rehearsed(&mut desk, met.clone()), "cap_in", "{met:?}");
        desk.handle(Input::Met { query: Box::new(query()), node: THERE, met }, NOW);
        assert!(matches!(desk.outputs.pop_back(), Some(Output::Known(false))));
        assert!(desk.meetings.is_empty());
    }
    // Nobody is spared the cap of whoever calls.
    let set = r#"{"command":"account_set","name":"b","max_calls":0}"#;
    let command = serde_json::from_str(set).unwrap();
    desk.handle(Input::Committed { ticket: Ticket(1), index: 4, command }, NOW);
    assert_eq!(rehearsed(&mut desk, good), "cap_out");
    assert_eq!(rehearsed(&mut desk, ended), "cap_out");
}
