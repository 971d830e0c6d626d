//! How nodes find each other.

use serde_json::json;

use super::daemon::{event, question, until};
use super::world::{Node, cluster};

#[test]
fn three_nodes_find_each_other_and_see_one_die_and_come_back() {
    let (nodes, mut daemons) = cluster("three", &["a", "b", "c"]);
    let view = nodes[1].view();
    assert_eq!(view["cluster"], "voice");
    let numbers: Vec<_> = view["nodes"].as_array().unwrap().iter().map(|n| &n["number"]).collect();
    assert_eq!(numbers, [1, 2, 3]);
    for node in &nodes {
        let text = node.done("cluster status");
        for part in ["voice", "of-a", "of-b", "of-c"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        // Clocks are compared as soon as there is a connection.
        until("clocks are compared", || {
            let view = node.view();
            let mut others =
                view["nodes"].as_array().unwrap().iter().filter(|n| n["here"] == false);
            others.all(|other| other["clock_offset_ms"].as_i64().is_some())
        });
    }
    daemons[2].kill();
    nodes[0].sees(&["a", "b"]);
    nodes[1].sees(&["a", "b"]);
    let (code, told) = nodes[0].home.cli("cluster doctor");
    assert!(code == 1 && told.contains("c is down"), "{told}");
    let boot = |node: &Node| node.view()["nodes"][2]["boot"].as_u64().unwrap();
    assert_eq!(boot(&nodes[0]), 1);
    // At a later start nothing has to be said, and nothing that is said does harm.
    let mut serve = nodes[2].home.serve();
    serve.args(["--join", &nodes[0].home.address, "--token-file", "/nowhere"]);
    daemons[2] = nodes[2].started(serve);
    nodes[0].sees(&["a", "b", "c"]);
    nodes[2].sees(&["a", "b", "c"]);
    until("the second start is seen", || boot(&nodes[0]) == 2);
    let metrics = nodes[0].home.admin().try_ask("GET", "/metrics", None).unwrap().1;
    for line in ["hallporter_cluster_nodes_up 3", "hallporter_peer_up{peer=\"c\"} 1"] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[test]
fn who_has_no_good_token_does_not_come_in() {
    let (nodes, _daemons) = cluster("tokens", &["a", "b"]);
    let own = Node::new("tokens", "own");
    let mut daemon = own.home.start();
    own.home.lay_down("alice", 1, "+493012345");
    daemon.stop();
    let told = own.refused(own.joining(&nodes[0], &nodes[0].token()));
    assert!(told.contains("accounts of its own"), "{told}");
    let late = Node::new("tokens", "late");
    let used = nodes[0].token();
    let third = Node::new("tokens", "third");
    let _third = third.started(third.joining(&nodes[0], &used));
    let told = late.refused(late.joining(&nodes[0], &used));
    assert!(told.contains("the token has been used by another node"), "{told}");
    // No token at all.
    let torn = late.home.dir.join("torn");
    std::fs::write(&torn, "hallporter-join-xyz").unwrap();
    let told = late.refused(late.joining(&nodes[0], &torn));
    assert!(told.contains("this is no whole token"), "{told}");
    // A name that somebody has.
    late.configure("b");
    let told = late.refused(late.joining(&nodes[0], &nodes[0].token()));
    assert!(told.contains("a node with the name \"b\" is in the cluster"), "{told}");
    // A token of another cluster.
    late.configure("late");
    let other = Node::new("tokens", "other");
    let _daemon = other.home.start();
    other.done("cluster init");
    let told = late.refused(late.joining(&nodes[0], &other.token()));
    assert!(told.contains("is the token of this cluster?"), "{told}");
    // Nothing was left behind, so that a good one works.
    let _daemon = late.join(&nodes[1]);
    nodes[0].sees(&["a", "b", "third", "late"]);
}

#[test]
fn a_running_daemon_becomes_the_first_and_refuses_no_call() {
    let node = Node::new("founding", "a");
    let mut daemon = node.home.start();
    node.home.lay_down("alice", 1, "+493012345");
    let mut proxy = node.home.proxy();
    let answer = proxy.done("POST", "/v1/route", &question("before", "+493012345"));
    assert_eq!(answer["action"], "fork");
    node.done("cluster init");
    assert_eq!(node.view()["cluster"], "hallporter");
    let (code, told) = node.home.cli("cluster init");
    assert!(code == 1 && told.contains("a of the cluster hallporter already"), "{told}");
    // The call that is up still counts, and its end frees the place.
    let answer = proxy.done("POST", "/v1/route", &question("second", "+493012345"));
    assert_eq!(answer["cause"], "cap_in", "{answer}");
    proxy.done("POST", "/v1/event", &json!([event("end", "before")]));
    let answer = proxy.done("POST", "/v1/route", &question("third", "+493012345"));
    assert_eq!(answer["action"], "fork", "{answer}");
    daemon.stop();
    // It is still the first of its cluster after a start.
    let _daemon = node.home.start();
    assert_eq!(node.view()["nodes"][0]["name"], "a");
}

#[test]
fn papers_can_be_made_while_the_daemon_is_stopped() {
    let node = Node::new("stopped", "a");
    let told = node.done("cluster init --name voice");
    assert!(told.contains("the daemon does not run"), "{told}");
    let (code, told) = node.home.cli("cluster init");
    assert!(code == 1 && told.contains("is in a cluster already"), "{told}");
    let _daemon = node.home.start();
    assert_eq!(node.view()["cluster"], "voice");
    until("a token can be made", || node.home.cli("cluster token").0 == 0);
}
