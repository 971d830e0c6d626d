//! A call that two nodes count, because its proxy has asked the second before the first answered.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::calls::{account, call, lists};
use super::daemon::event;
use super::played::played;
use super::rpc::UPTIME;
use super::world::{Node, cluster_of};

/// The RPC of a proxy that has these calls, by their Call-IDs; gives its URL.
fn proxy() -> (String, Arc<Mutex<Vec<&'static str>>>) {
    let has = Arc::new(Mutex::new(Vec::new()));
    let shown = Arc::clone(&has);
    let url = played(move |question| match question["method"].as_str().unwrap() {
        "dlg.list" => listed(&shown.lock().unwrap()),
        _ => UPTIME.to_owned(),
    });
    (url, has)
}

/// What `dlg.list` answers.
fn listed(calls: &[&str]) -> String {
    let list = include_str!("../fixtures/kamailio/dlg.list.json");
    let list: Value = serde_json::from_str(list).unwrap();
    let dialogs = calls.iter().map(|call_id| {
        let mut dialog = list["result"][0].clone();
        dialog["call-id"] = json!(call_id);
        dialog["caller"]["tag"] = json!("t");
        dialog
    });
    json!({"jsonrpc": "2.0", "result": dialogs.collect::<Vec<_>>(), "id": 1}).to_string()
}

#[test]
fn a_call_that_two_nodes_count_is_left_to_one_by_a_third_that_sees_it() {
    let (url, has) = proxy();
    let [a, b, c] = ["a", "b", "c"].map(|name| Node::new("doubles", name));
    let more = format!(
        "[kamailio]\nlook_every = \"1s\"\n[[kamailio.proxy]]\nname = \"k\"\nrpc = {url:?}\n"
    );
    c.configure_with("c", &more);
    let (nodes, daemons) = cluster_of(vec![a, b, c]);
    account(&nodes, 0);
    let [a, b, c] = [&nodes[0], &nodes[1], &nodes[2]];
    call(a, "x@h");
    call(b, "x@h");
    lists(c, &[["x@h", "a", "reserved"], ["x@h", "b", "reserved"]]);
    has.lock().unwrap().push("x@h");
    for node in [a, b, c] {
        lists(node, &[["x@h", "a", "reserved"]]);
    }
    let page = b.home.admin().get("/v1/accounts/alice");
    assert_eq!(page["usage"]["total"]["live"], 0, "{page}");
    assert!(!daemons[2].log().contains("a call that was not known here"), "{}", daemons[2].log());
    has.lock().unwrap().clear();

    // An end is told to whoever counts it.
    call(b, "y@h");
    call(a, "y@h");
    lists(c, &[["x@h", "a", "reserved"], ["y@h", "a", "reserved"], ["y@h", "b", "reserved"]]);
    c.home.proxy().tell(&event("failed", "y@h"));
    c.home.proxy().tell(&event("failed", "x@h"));
    for node in [a, b, c] {
        lists(node, &[]);
    }
}

#[test]
fn a_node_that_starts_takes_no_call_of_another_for_its_own() {
    let (url, has) = proxy();
    let [a, b] = ["a", "b"].map(|name| Node::new("starts", name));
    a.configure_with("a", &format!("[[kamailio.proxy]]\nname = \"k\"\nrpc = {url:?}\n"));
    let (nodes, mut daemons) = cluster_of(vec![a, b]);
    account(&nodes, 0);
    let [a, b] = [&nodes[0], &nodes[1]];
    // With it b has all rights, for nobody else can be asked later.
    call(b, "w@h");
    daemons[0].kill();
    call(b, "x@h");
    has.lock().unwrap().push("x@h");
    daemons[0] = a.home.start();
    for node in [a, b] {
        lists(node, &[["w@h", "b", "reserved"], ["x@h", "b", "reserved"]]);
    }
    assert!(!daemons[0].log().contains("a call that was not known here"), "{}", daemons[0].log());
}
