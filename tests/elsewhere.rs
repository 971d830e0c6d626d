//! Rules among several nodes: who is in a call elsewhere, and whose turn it was there.
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test stops at the first surprise"
)]

use hallporter::cluster::{Directory, Limits};
use hallporter::desk::{Desk, Input, Joining, Output, Settings, Ticket};
use hallporter::domain::{
    AccountKey, AccountName, CallEvent, DeviceName, DeviceRow, DeviceState, EventKind, NodeId, Now,
    Outcome, RouteQuery, Row, RowKey,
};
use hallporter::registry::Command;
use hallporter::rules::RuleFile;
use proptest::prelude::*;
use serde_json::json;

const BUSY: &str = "[[rule]]\nwhen.busy = 2\nrefuse = 486\n\
    [[rule]]\nring = [{ devices = [\"desk\", \"soft\"], skip = \"busy\" }]";
const TURNS: &str =
    "[[rule]]\nring = [{ devices = [\"desk\", \"soft\"], order = \"round_robin\" }]";
const LAST: &str =
    "[[rule]]\nring = [{ devices = [\"desk\", \"soft\"], order = \"last_answered\" }]";

/// A node: its desk, and what it knows of the other's rows.
struct Node {
    id: NodeId,
    desk: Desk,
    rows: Directory,
    commands: u64,
}

impl Node {
    fn new(id: u16, boot: u32) -> Self {
        let id = NodeId(id);
        let mut desk = Desk::new(Settings { node: id, boot, ..Settings::default() });
        desk.together(Joining { boot, nonce: 1, founding: false }, now());
        desk.restored();
        desk.tell_others();
        let rows = Directory::new(id, boot, 7, Limits::default());
        Self { id, desk, rows, commands: 0 }
    }

    fn handle(&mut self, input: Input) -> Option<Outcome> {
        self.desk.handle(input, now());
        let mut outcome = None;
        while let Some(output) = self.desk.poll() {
            if let Output::Answer { decision, .. } = output {
                outcome = Some(decision.outcome.clone());
            }
        }
        outcome
    }

    fn commit(&mut self, command: Command) {
        self.commands += 1;
        self.handle(Input::Committed { ticket: Ticket(0), index: self.commands, command });
    }

    fn rules(&mut self, text: &str) {
        let text = RuleFile::read(text).unwrap();
        self.commit(Command::RulesSet { account: AccountName::parse("alice").unwrap(), text });
    }

    fn query(call: &str) -> RouteQuery {
        RouteQuery {
            call_id: call.into(),
            from_tag: "t".into(),
            from_uri: "sip:+15550000@h".into(),
            ruri: "sip:+4930@h".into(),
            dialog: Some((1, 1)),
            ..RouteQuery::default()
        }
    }

    fn call(&mut self, call: &str) -> String {
        let query = Box::new(Self::query(call));
        shown(&self.handle(Input::Route { ticket: Ticket(1), query }).unwrap())
    }

    /// Whom a call would ring.
    fn would(&mut self) -> String {
        shown(&self.desk.rehearse(&Self::query("dry"), now()).outcome)
    }

    fn event(&mut self, kind: EventKind, call: &str, device: &str) {
        let event = CallEvent {
            from_tag: "t".into(),
            dialog: Some((1, 1)),
            device: DeviceName::parse(device).ok(),
            ..CallEvent::of(kind, call.into())
        };
        self.handle(Input::Event(event));
    }

    fn see(&mut self) {
        for (node, anew, rows) in self.rows.take_unseen() {
            self.handle(Input::Seen { node, anew, rows });
        }
    }
}

fn now() -> Now {
    Now { mono_ms: 100_000, wall_ms: 1_700_000_000_000 }
}

fn shown(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Refuse(refusal) => refusal.code.to_string(),
        Outcome::Pass { .. } => "pass".to_owned(),
        Outcome::Fork(order) => {
            let stages = order.stages.iter().map(|stage| {
                let names = stage.branches.iter().map(|branch| branch.device.to_string());
                names.collect::<Vec<_>>().join("+")
            });
            stages.collect::<Vec<_>>().join(" ")
        }
    }
}

/// Tells one what the other has to tell.
fn tell(from: &mut Node, to: &mut Node) {
    for (key, row) in from.desk.take_untold_seen(usize::MAX) {
        from.rows.change(key, row.as_ref());
    }
    if !to.rows.copies().is_up(from.id) {
        to.rows.peer(from.id, true);
        from.rows.peer(to.id, true);
    }
    from.rows.copies_mut().take_marks(to.id, &to.rows.copies().marks());
    loop {
        let told = from.rows.copies_mut().tell();
        if told.is_empty() {
            break;
        }
        for (_, frame) in told {
            to.rows.take(frame);
        }
    }
    to.see();
}

fn both(one: &mut Node, two: &mut Node) {
    tell(one, two);
    tell(two, one);
}

fn two(rules: &str) -> [Node; 2] {
    [1, 2].map(|id| {
        let mut node = Node::new(id, 1);
        lay_down(&mut node, rules);
        node
    })
}

fn lay_down(node: &mut Node, rules: &str) {
    let device = |name: &str| {
        json!({"command": "device_add", "account": "alice",
            "device": {"name": name, "target": {"uri": format!("sip:{name}@h")}, "stage": 1, "ring_s": 15, "enabled": true}})
    };
    for command in [
        json!({"command": "account_add", "name": "alice"}),
        json!({"command": "number_add", "identifier": "+4930", "account": "alice"}),
        device("desk"),
        device("soft"),
    ] {
        node.commit(serde_json::from_value(command).unwrap());
    }
    node.rules(rules);
}

#[test]
fn who_is_in_a_call_at_another_node_does_not_ring() {
    let [mut one, mut two] = two(BUSY);
    assert_eq!(one.call("c1"), "desk+soft");
    one.event(EventKind::Start, "c1", "soft");
    assert_eq!(two.would(), "desk+soft", "it has not been told");
    both(&mut one, &mut two);
    assert_eq!(two.would(), "desk");
    assert_eq!(two.call("c2"), "desk");
    both(&mut one, &mut two);
    assert_eq!([one.would(), two.would()], ["486", "486"], "two calls are up, one at each");
    one.event(EventKind::End, "c1", "");
    both(&mut one, &mut two);
    assert_eq!([one.would(), two.would()], ["desk+soft", "desk+soft"]);
    two.event(EventKind::End, "c2", "");
    both(&mut one, &mut two);
    assert_eq!(one.rows.copies().rows(one.id).count(), 1, "that it has answered is all there is");
}

#[test]
fn whose_turn_it_was_is_known_from_all_nodes() {
    let [mut one, mut two] = two(TURNS);
    assert_eq!(one.call("c1"), "desk soft");
    both(&mut one, &mut two);
    assert_eq!(two.call("c2"), "soft desk");
    both(&mut one, &mut two);
    assert_eq!([one.would(), two.would()], ["desk soft", "desk soft"]);
    for node in [&mut one, &mut two] {
        node.rules(LAST);
    }
    // Later is later, at whatever node: the second has come to fewer turns by itself.
    for call in ["c3", "c4", "c5"] {
        one.call(call);
        one.event(EventKind::Start, call, "desk");
    }
    both(&mut one, &mut two);
    two.call("c6");
    two.event(EventKind::Start, "c6", "soft");
    both(&mut one, &mut two);
    assert_eq!([one.would(), two.would()], ["soft desk", "soft desk"]);
}

#[test]
fn what_a_node_saw_that_is_away_counts_for_nothing_until_it_is_back() {
    let [mut one, mut two] = two(BUSY);
    one.call("c1");
    one.event(EventKind::Start, "c1", "soft");
    both(&mut one, &mut two);
    two.rows.peer(one.id, false);
    two.see();
    assert_eq!(two.would(), "desk+soft");
    two.rows.peer(one.id, true);
    two.see();
    assert_eq!(two.would(), "desk");
    // It is started again and has seen nothing: its rows are others now.
    one = Node::new(1, 2);
    lay_down(&mut one, BUSY);
    one.rows.peer(two.id, true);
    tell(&mut one, &mut two);
    one.call("c2");
    tell(&mut one, &mut two);
    assert_eq!(two.would(), "desk+soft");
    two.rows.forget(one.id);
    two.see();
    assert_eq!(two.call("c3"), "desk+soft");
    assert_eq!(two.would(), "desk+soft", "one call is up");
}

#[test]
fn an_account_without_rules_is_nothing_to_tell_of() {
    let [mut one, mut two] = two(BUSY);
    let remove = json!({"command": "rules_remove", "account": "alice"});
    one.commit(serde_json::from_value(remove).unwrap());
    one.call("c1");
    one.event(EventKind::Start, "c1", "soft");
    both(&mut one, &mut two);
    assert_eq!(one.rows.copies().rows(one.id).count(), 0);
    assert_eq!(two.would(), "desk+soft");
    one.rules(BUSY);
    both(&mut one, &mut two);
    assert_eq!(two.call("c2"), "desk+soft");
    assert_eq!(two.would(), "486", "the call that is up is told of with the rules");
    let remove = json!({"command": "account_remove", "name": "alice"});
    one.commit(serde_json::from_value(remove).unwrap());
    both(&mut one, &mut two);
    assert_eq!(one.rows.copies().rows(one.id).count(), 0);
    assert_eq!(two.would(), "desk+soft");
}

fn any_row() -> impl Strategy<Value = (RowKey, Option<Row>)> {
    let account = (0_u32..3).prop_map(AccountKey);
    let key = prop_oneof![
        account.clone().prop_map(RowKey::Account),
        (account, 0_u64..3).prop_map(|(account, hash)| RowKey::Device(account, hash)),
    ];
    let turn = prop_oneof![0_u64..9, Just(u64::MAX)];
    let state = (any::<u32>(), turn.clone(), turn)
        .prop_map(|(calls, answered, began)| DeviceState { calls, answered, began });
    let name = prop_oneof![Just("desk"), Just("soft"), Just("other")];
    let device = (name, state).prop_map(|(name, state)| {
        Row::Device(DeviceRow { name: DeviceName::parse(name).unwrap(), state })
    });
    (key, proptest::option::of(prop_oneof![any::<u32>().prop_map(Row::Account), device]))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A peer that tells nonsense changes whom a call rings, at most, until it is away.
    #[test]
    fn nonsense_of_a_peer_is_gone_with_it(rows in prop::collection::vec(any_row(), 0..20)) {
        let [mut one, _] = two(LAST);
        let node = NodeId(2);
        one.handle(Input::Seen { node, anew: false, rows });
        one.would();
        one.handle(Input::Seen { node, anew: true, rows: Vec::new() });
        for (call, device, order) in
            [("c1", "soft", "soft desk"), ("c2", "desk", "desk soft"), ("c3", "soft", "soft desk")]
        {
            one.call(call);
            one.event(EventKind::Start, call, device);
            prop_assert_eq!(one.would(), order);
        }
    }
}
