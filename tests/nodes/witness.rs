//! A node that only has a vote.

use serde_json::Value;

use super::daemon::{Daemon, question, until};
use super::line::Line;
use super::world::{Node, cluster};

/// Lets one in; it is never ready.
fn witness(test: &str, over: &Node) -> (Node, Daemon) {
    let witness = Node::new(test, "w");
    let mut serve = witness.joining(over, &over.token());
    serve.arg("--witness");
    let daemon = witness.spawned(serve);
    (witness, daemon)
}

#[test]
fn a_witness_answers_no_calls() {
    let (nodes, _daemons) = cluster("witness", &["a"]);
    let (witness, _daemon) = witness("witness", &nodes[0]);
    nodes[0].sees(&["a", "w"]);
    until("it says what it is", || nodes[0].view()["nodes"][1]["role"] == "witness");
    let mut line = Line::new(&witness.home.address, "");
    let (status, body) = line.ask("GET", "/readyz", &Value::Null);
    assert!(status == 503 && body["error"].as_str().unwrap().contains("witness"), "{body}");
    let asked = question("one", "+493012345");
    let (status, body) = witness.home.proxy().ask("POST", "/v1/route", &asked);
    assert!(status == 503 && body["error"].as_str().unwrap().contains("witness"), "{body}");
}

/// With it either of two can be missed: what the other one needs is agreed on.
#[test]
fn with_a_witness_either_of_two_goes_on_without_the_other() {
    let (nodes, mut daemons) = cluster("witness-two", &["a", "b"]);
    let (_witness, _daemon) = witness("witness-two", &nodes[0]);
    for node in &nodes {
        until("three vote", || {
            let view = node.view();
            view["voters"] == 3 && view["voters_changing"] == false
        });
    }
    for (gone, (stays, account)) in [(0, (1, "alice")), (1, (0, "bert"))] {
        daemons[gone].kill();
        let stays = &nodes[stays];
        stays.sees(&[&stays.name, "w"]);
        until("somebody leads", || stays.view()["leader"].is_string());
        let number = format!("+4930{gone}");
        stays.home.lay_down(account, 1, &number);
        // Its right comes out of the ledger.
        let asked = question(&format!("{account}1@h"), &number);
        let answer = stays.home.proxy().route(&asked);
        assert_eq!(answer["action"], "fork", "{answer}");
        let asked = question(&format!("{account}2@h"), &number);
        assert_eq!(stays.home.proxy().route(&asked)["action"], "refuse");
        daemons[gone] = nodes[gone].home.start();
        stays.sees(&["a", "b", "w"]);
        until("it knows the account", || {
            nodes[gone].home.cli(&format!("account show {account}")).0 == 0
        });
    }
}
