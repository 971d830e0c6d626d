//! What monitors hear of a node's part in the cluster.

use serde_json::{Value, json};

use super::daemon::until;
use super::line::Line;
use super::world::{Node, cluster};

fn ready(node: &Node) -> (u16, Value) {
    Line::new(&node.home.address, "").ask("GET", "/readyz", &Value::Null)
}

fn part(role: &str, quorum: bool) -> (u16, Value) {
    (200, json!({"ready": true, "role": role, "quorum": quorum}))
}

#[test]
fn a_node_says_its_role_and_whether_most_voters_are_reached() {
    let (nodes, mut daemons) = cluster("ready", &["a", "b", "c"]);
    until("three vote, and one of them leads", || {
        let mut roles: Vec<_> = nodes.iter().map(ready).collect();
        roles.sort_by_key(|(_, said)| said["role"].to_string());
        roles == [part("leader", true), part("voter", true), part("voter", true)]
    });
    until("nothing is wrong", || nodes[0].home.cli("cluster doctor").0 == 0);
    daemons[1].kill();
    daemons[2].kill();
    // It decides on, from the rights that it holds, and leads nobody.
    until("it says that it is alone", || ready(&nodes[0]) == part("voter", false));
    let (code, told) = nodes[0].home.cli("cluster doctor");
    assert!(code == 1 && told.starts_with("2 of 3 voters are not reached"), "{told}");
    let scrape = || {
        let (code, page) = super::line::raw(
            &nodes[0].home.address,
            b"GET /metrics HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        )
        .unwrap();
        assert_eq!(code, 200);
        page
    };
    until("its metrics say so", || {
        let page = scrape();
        let lines = [
            "hallporter_cluster_quorum 0",
            "hallporter_cluster_leader 0",
            "hallporter_peer_up{peer=\"b\"} 0",
            "hallporter_fenced 0",
            "hallporter_questions_waiting 0",
            "hallporter_events_kept 0",
            "hallporter_rights_held 0",
            "hallporter_rights_free 0",
            "hallporter_recalls_sent_total 0",
            "hallporter_recalls_received_total 0",
            "hallporter_calls_overdraft_total 0",
        ];
        lines.iter().all(|line| page.lines().any(|said| said == *line))
    });
}
