//! One table of calls over all nodes, and events that come to the wrong one.

use serde_json::{Value, json};

use super::daemon::{Daemon, event, question, until};
use super::world::{Node, cluster};

/// Lays down an account at a node, with one number and one device, and waits until the others know
/// it.
pub(super) fn account(nodes: &[Node], at: usize) {
    let admin = |node: &Node| node.home.admin();
    nodes[at].home.lay_down("alice", 9, "+493012345");
    for node in nodes {
        until("the account is known", || {
            let (status, shown) =
                admin(node).ask("GET", "/v1/accounts/alice/devices", &Value::Null);
            status == 200 && shown.to_string().contains("desk@10.0.0.7")
        });
    }
}

/// A call is admitted at a node; gives its number. It may have to wait for rights of another node,
/// and is refused where that takes too long: on a machine that is busy with other tests. Refused
/// by one Call-ID is refused for good, so calls before it ask for the same rights.
#[track_caller]
pub(super) fn call(node: &Node, call_id: &str) -> String {
    let mut tries = 0;
    until("there are rights", || {
        let account = node.home.admin().get("/v1/accounts/alice");
        let total = &account["usage"]["total"];
        let spare = total["held"].as_u64() > total["live"].as_u64();
        if !spare {
            tries += 1;
            let before = format!("{tries}.{call_id}");
            let answer = node.home.proxy().route(&question(&before, "+493012345"));
            if answer["action"] == "fork" {
                node.home.proxy().tell(&event("failed", &before));
            }
        }
        spare
    });
    let answer = node.home.proxy().route(&question(call_id, "+493012345"));
    assert_eq!(answer["action"], "fork", "{answer}");
    answer["call"].as_str().unwrap().to_owned()
}

fn calls(node: &Node, query: &str) -> Vec<Value> {
    node.home.admin().get(&format!("/v1/calls{query}"))["items"].as_array().unwrap().clone()
}

/// Call-ID, node and state of all calls that a node knows.
fn listed(node: &Node) -> Vec<[String; 3]> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let calls = calls(node, "").into_iter();
    let mut calls: Vec<_> =
        calls.map(|call| [&call["call_id"], &call["node"], &call["state"]].map(text)).collect();
    calls.sort();
    calls
}

#[track_caller]
pub(super) fn lists(node: &Node, calls: &[[&str; 3]]) {
    until(&format!("{} lists {calls:?}", node.name), || listed(node) == calls);
}

fn two(test: &str) -> (Vec<Node>, Vec<Daemon>) {
    let (nodes, daemons) = cluster(test, &["a", "b"]);
    account(&nodes, 0);
    (nodes, daemons)
}

#[test]
fn each_node_knows_the_calls_of_all_and_takes_events_of_any() {
    let (nodes, _daemons) = two("calls");
    let [a, b] = [&nodes[0], &nodes[1]];
    let number = call(b, "b1@h");
    let id = |call: &Value| call["call"].as_str().unwrap().to_owned();
    lists(a, &[["b1@h", "b", "reserved"]]);
    assert_eq!(id(&a.home.admin().get("/v1/calls/b1@h")), number);
    assert_eq!(id(&a.home.admin().get(&format!("/v1/calls/{number}"))), number);
    let table = a.done("call list");
    assert!(table.contains("b1@h"), "{table}");
    a.home.proxy().tell(&event("start", "b1@h"));
    lists(b, &[["b1@h", "b", "up"]]);
    lists(a, &[["b1@h", "b", "up"]]);
    // An end stands at the node whose call it is, and at nobody else's.
    a.home.proxy().tell(&event("end", "b1@h"));
    lists(b, &[]);
    lists(a, &[]);
    let why = b.home.admin().get("/v1/why/b1@h");
    assert!(why.to_string().contains("ended"), "{why}");
    // The other way round.
    call(a, "a1@h");
    lists(b, &[["a1@h", "a", "reserved"]]);
    b.home.proxy().tell(&event("failed", "a1@h"));
    lists(a, &[]);
    lists(b, &[]);
}

#[test]
fn an_account_shows_what_each_node_has_of_it() {
    let (nodes, daemons) = two("rights");
    let [a, b] = [&nodes[0], &nodes[1]];
    call(b, "b1@h");
    let had = || {
        let shown = a.home.admin().get("/v1/accounts/alice");
        let nodes = shown["cluster"]["nodes"].as_array().unwrap().clone();
        let total = |name: &str| {
            let mut its = nodes.iter().filter(|it| it["node"] == name && it["cap"] == "total");
            let share = its.next().unwrap();
            (share["held"].as_u64().unwrap(), share["live"].as_u64())
        };
        (total("a"), total("b"))
    };
    // The cap is a small one: all of it is where it was asked for.
    until("a knows what b has", || had() == ((0, Some(0)), (9, Some(1))));
    let text = a.done("account show alice");
    // Both nodes may go beyond it by one, and either may be taken for dead with all nine.
    assert!(text.contains("max_calls: at worst 20 instead of 9"), "{text}");
    a.configure_with("a", "overdraft = 3\nrelease_after = \"never\"\n");
    daemons[0].signal("HUP");
    until("it says what is in force now", || {
        a.done("account show alice").contains("at worst 15 instead of 9: 6 on overdraft")
    });
    assert!(!daemons[0].log().contains("takes effect only after a restart"));
    // The other one shares otherwise, and its operators are told.
    until("the doctor of b has heard", || {
        let (_, told) = b.home.cli("cluster doctor");
        told.contains(
            "a shares rights by overdraft = 3, release_after = never, this node by overdraft = 1",
        )
    });
}

#[test]
fn the_pages_of_the_list_show_each_call_once() {
    let (nodes, _daemons) = two("pages");
    let mut all = Vec::new();
    for (node, count) in nodes.iter().zip([2, 3]) {
        let mut calls: Vec<String> = Vec::new();
        let mut asked = 0;
        // A right that is on its way from the other node may come too late for one call.
        until("all are admitted", || {
            let call_id = format!("{}{asked}@h", node.name);
            asked += 1;
            let answer = node.home.proxy().route(&question(&call_id, "+493012345"));
            calls.extend((answer["action"] == "fork").then_some(call_id));
            calls.len() == count
        });
        all.extend(calls);
    }
    all.sort();
    for node in &nodes {
        until("all are listed", || listed(node).len() == all.len());
        // Pages that end within own calls, with the last of them, and behind it.
        for limit in 1..=6 {
            let (mut seen, mut after) = (Vec::new(), String::new());
            loop {
                let page = node.home.admin().get(&format!("/v1/calls?limit={limit}{after}"));
                let items = page["items"].as_array().unwrap();
                assert!(items.len() <= limit, "{page}");
                seen.extend(items.iter().map(|call| call["call_id"].as_str().unwrap().to_owned()));
                let Some(next) = page["next"].as_str() else { break };
                assert!(seen.len() <= all.len(), "it goes round: {seen:?}");
                after = format!("&after={next}");
            }
            seen.sort();
            assert_eq!(seen, all, "{}, pages of {limit}", node.name);
        }
    }
    assert_eq!(calls(&nodes[0], "?node=a").len(), 2);
    assert_eq!(calls(&nodes[0], "?node=b").len(), 3);
    assert_eq!(calls(&nodes[0], "?node=nobody").len(), 0);
}

#[test]
fn events_of_a_node_that_is_down_wait_for_it_even_over_a_start() {
    let (nodes, mut daemons) = two("down");
    let [a, b] = [&nodes[0], &nodes[1]];
    call(b, "b1@h");
    call(b, "b2@h");
    call(b, "b3@h");
    b.home.proxy().tell(&json!([event("start", "b1@h"), event("start", "b2@h")]));
    let up = [["b1@h", "b", "up"], ["b2@h", "b", "up"], ["b3@h", "b", "reserved"]];
    lists(a, &up);
    // Written down at b, too: a kill takes what is not.
    until("b has written it down", || {
        written(b, "SELECT count(*) FROM session WHERE state = 'up'") == 2
    });
    until("a has written it down", || written(a, "SELECT count(*) FROM copy") == 3);
    daemons[1].kill();
    a.sees(&["a"]);
    lists(a, &up);
    a.home.proxy().tell(&event("end", "b1@h"));
    until("it is written down", || written(a, "SELECT count(*) FROM kept_event") == 1);
    daemons[0].kill();
    daemons[0] = a.home.start();
    lists(a, &up);
    a.home.proxy().tell(&event("end", "b2@h"));
    daemons[1] = b.home.start();
    lists(b, &[["b3@h", "b", "reserved"]]);
    lists(a, &[["b3@h", "b", "reserved"]]);
    until("nothing waits any more", || written(a, "SELECT count(*) FROM kept_event") == 0);
}

pub(super) fn written(node: &Node, count: &str) -> i64 {
    let session = rusqlite::Connection::open(node.home.data().join("session.db")).unwrap();
    session.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    session.query_row(count, [], |row| row.get(0)).unwrap()
}

#[test]
fn rules_look_over_all_nodes() {
    let (nodes, mut daemons) = two("rules");
    let [a, b] = [&nodes[0], &nodes[1]];
    let soft = json!({"name": "soft", "uri": "sip:soft@10.0.0.8", "stage": 1, "ring_s": 15});
    a.home.admin().done("POST", "/v1/accounts/alice/devices", &soft);
    let text = a.home.dir.join("rules.toml");
    let rules = "[[rule]]\nwhen.busy = 2\nrefuse = 486\n\
                 [[rule]]\nring = [{ devices = [\"desk\", \"soft\"], skip = \"busy\" }]";
    std::fs::write(&text, rules).unwrap();
    a.done(&format!("rule set alice {}", text.display()));
    let would = |node: &Node, devices: &[&str]| {
        until(&format!("{} would ring {devices:?}", node.name), || {
            let (_, shown) = node.home.cli("route --from sip:x@h --to +493012345 --json");
            let decision: Value = serde_json::from_str(&shown).unwrap_or_default();
            let stages =
                decision["decision"]["outcome"]["stages"].as_array().cloned().unwrap_or_default();
            let branches = stages.iter().flat_map(|stage| stage["branches"].as_array().unwrap());
            let names: Vec<&str> =
                branches.map(|branch| branch["device"].as_str().unwrap()).collect();
            names == devices
        });
    };
    would(b, &["desk", "soft"]);
    call(a, "a1@h");
    let mut started = event("start", "a1@h");
    started["device"] = json!("soft");
    a.home.proxy().tell(&started);
    would(a, &["desk"]);
    would(b, &["desk"]);
    call(b, "b1@h");
    would(a, &[]);
    would(b, &[]);
    // It is not known whether the phone still talks there; it rings.
    daemons.remove(0).kill();
    would(b, &["desk", "soft"]);
}
