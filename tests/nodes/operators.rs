//! What operators want of a call is done at the node whose call it is.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::calls::{account, call, lists, written};
use super::daemon::{Daemon, event, until};
use super::played::played;
use super::rpc::UPTIME;
use super::world::{Node, cluster_of};

const ENDED: &str = include_str!("../fixtures/kamailio/dlg.end_dlg.json");

/// The RPC of a proxy that ends whatever it is told to; gives its URL, and what it ends.
fn proxy() -> (String, Arc<Mutex<Vec<Value>>>) {
    let ended = Arc::new(Mutex::new(Vec::new()));
    let ends = Arc::clone(&ended);
    let url = played(move |question| match question["method"].as_str().unwrap() {
        "core.uptime" => UPTIME.to_owned(),
        "dlg.list" => r#"{"jsonrpc":"2.0","result":[],"id":1}"#.to_owned(),
        _ => {
            ends.lock().unwrap().push(question.clone());
            ENDED.to_owned()
        }
    });
    (url, ended)
}

/// Two nodes that know of alice; the second has a proxy.
fn two(test: &str) -> (Vec<Node>, Vec<Daemon>, Arc<Mutex<Vec<Value>>>) {
    let (url, ended) = proxy();
    let [a, b] = ["a", "b"].map(|name| Node::new(test, name));
    let more = format!(
        "[kamailio]\nlook_every = \"10m\"\n[[kamailio.proxy]]\nname = \"k\"\nrpc = {url:?}\n"
    );
    b.configure_with("b", &more);
    let (nodes, daemons) = cluster_of(vec![a, b]);
    account(&nodes, 0);
    (nodes, daemons, ended)
}

#[test]
fn a_call_is_ended_freed_and_explained_at_its_own_node() {
    let (nodes, daemons, ended) = two("operators");
    let [a, b] = [&nodes[0], &nodes[1]];
    let number = call(b, "b1@h");
    lists(a, &[["b1@h", "b", "reserved"]]);
    let (code, told) = a.home.cli("call end b1@h");
    assert!(code == 1 && told.contains("was not answered yet"), "{told}");
    let mut start = event("start", "b1@h");
    start["h"] = json!("3:7");
    b.home.proxy().tell(&start);
    lists(a, &[["b1@h", "b", "up"]]);
    let told = a.done(&format!("call end {number}"));
    assert!(told.contains("was ended at the proxy"), "{told}");
    let asked = ended.lock().unwrap().clone();
    assert_eq!((asked.len(), &asked[0]["params"]), (1, &json!([3, 7])));
    lists(a, &[]);
    lists(b, &[]);
    // Its history is at b, which nobody knows any more by its Call-ID.
    for key in ["b1@h", number.as_str()] {
        let mut why = Value::Null;
        until("its end is written down", || {
            why = a.home.admin().get(&format!("/v1/why/{key}"));
            why["entries"].as_array().is_some_and(|entries| entries.len() == 2)
        });
        let kinds = ["decided", "ended"];
        for (entry, kind) in why["entries"].as_array().unwrap().iter().zip(kinds) {
            assert_eq!((&entry["kind"], &entry["node"]), (&json!(kind), &json!("b")), "{why}");
        }
    }
    assert!(a.done("why b1@h").contains("over at node b"));

    call(b, "b2@h");
    lists(a, &[["b2@h", "b", "reserved"]]);
    let told = a.done("call release b2@h --reason stuck");
    assert!(told.contains("its slot is free"), "{told}");
    lists(b, &[]);
    lists(a, &[]);
    daemons[1].logs("an operator freed the slot of a call");
    let audited = |node: &Node| {
        let ledger = rusqlite::Connection::open(node.home.data().join("ledger.db")).unwrap();
        let line = "SELECT json FROM audit WHERE what = 'call.release'";
        ledger.query_row(line, [], |row| row.get::<_, String>(0)).ok()
    };
    let line: Value = serde_json::from_str(&audited(b).unwrap()).unwrap();
    assert_eq!((&line["asked_at"], &line["reason"]), (&json!("a"), &json!("stuck")));
    assert_eq!(audited(a), None);
}

#[test]
fn a_node_that_is_down_is_named() {
    let (nodes, mut daemons, _) = two("operators-down");
    let [a, b] = [&nodes[0], &nodes[1]];
    let number = call(b, "b1@h");
    lists(a, &[["b1@h", "b", "reserved"]]);
    until("b has written it down", || written(b, "SELECT count(*) FROM session") == 1);
    daemons[1].kill();
    until("a has parted from b", || a.view()["nodes"][1]["connected"] == false);
    for line in ["call end b1@h", &format!("call release {number} --reason stuck")] {
        let (code, told) = a.home.cli(line);
        let sentence = format!("call {number} is at node b, which is not reached");
        assert!(code == 1 && told.contains(&sentence), "{line}: {told}");
    }
    for key in ["b1@h", number.as_str(), "nobody@h"] {
        let (code, told) = a.home.cli(&format!("why {key}"));
        assert!(code == 1 && told.contains("not reached: b"), "{key}: {told}");
    }
    lists(a, &[["b1@h", "b", "reserved"]]);
}
