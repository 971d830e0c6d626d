//! What a node held that is gone for good.

use serde_json::json;

use super::daemon::{Daemon, event, question, until};
use super::world::{Node, cluster_of};

const ALICE: &str = "+493012345";
const BERT: &str = "+493012346";

/// An account of which a node has all rights, and two calls up.
fn held_by(node: &Node, at: &Node, name: &str, number: &str, policy: &str) {
    at.home.lay_down(name, 4, number);
    at.done(&format!("account set {name} --policy {policy}"));
    let shown = || node.home.admin().get(&format!("/v1/accounts/{name}"));
    until("the node knows the account", || {
        node.home.cli(&format!("account show {name}")).0 == 0 && shown()["policy"] == policy
    });
    admits(node, name, number, 2);
    until("it holds all rights", || shown()["usage"]["total"]["held"] == 4);
}

/// So many calls get in at a node; a question that takes too long on a busy machine is asked again.
#[track_caller]
fn admits(node: &Node, name: &str, number: &str, calls: usize) {
    for call in 0..calls {
        let mut tries = 0;
        until(&format!("{} admits call {call} of {name}", node.name), || {
            tries += 1;
            let call_id = format!("{call}.{tries}@{}.{name}", node.name);
            let admitted = node.home.proxy().route(&question(&call_id, number))["action"] == "fork";
            if admitted {
                node.home.proxy().done("POST", "/v1/event", &json!([event("start", &call_id)]));
            }
            admitted
        });
    }
}

/// Three nodes, of which the third has all rights and is killed.
fn without_c(test: &str, more: &str, policies: &[(&str, &str, &str)]) -> (Vec<Node>, Vec<Daemon>) {
    let nodes: Vec<Node> = ["a", "b", "c"].iter().map(|name| Node::new(test, name)).collect();
    for node in &nodes {
        node.configure_with(&node.name, more);
    }
    let (nodes, mut daemons) = cluster_of(nodes);
    for (name, number, policy) in policies {
        held_by(&nodes[2], &nodes[0], name, number, policy);
    }
    daemons[2].kill();
    nodes[0].sees(&["a", "b"]);
    (nodes, daemons)
}

/// The cap is there again as a whole, and no more than that.
#[track_caller]
fn has_all(node: &Node, name: &str, number: &str) {
    admits(node, name, number, 4);
    let answer = node.home.proxy().route(&question("beyond@h", number));
    assert_eq!(answer["action"], "refuse", "{answer}");
}

#[test]
fn the_rights_of_a_node_that_was_not_seen_since_the_start_are_free() {
    let (nodes, mut daemons) = without_c("unseen", "", &[("alice", ALICE, "strict")]);
    daemons[0].kill();
    daemons[0] = nodes[0].home.start();
    nodes[0].sees(&["a", "b"]);
    nodes[0].done("cluster remove c");
    has_all(&nodes[0], "alice", ALICE);
}

#[test]
fn the_rights_of_a_node_that_was_taken_for_dead_before_are_free() {
    let more = "overdraft = 0\nrelease_after = \"10s\"\n";
    let accounts = [("alice", ALICE, "strict"), ("bert", BERT, "available")];
    let (nodes, _daemons) = without_c("presumed", more, &accounts);
    admits(&nodes[0], "bert", BERT, 1);
    nodes[0].done("cluster remove c");
    has_all(&nodes[0], "alice", ALICE);
}
