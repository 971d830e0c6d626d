//! How nodes go.

use serde_json::{Value, json};

use super::daemon::{event, question, until};
use super::line::Line;
use super::world::{Node, cluster};

/// Who has a vote, as a node sees it.
fn voters(node: &Node) -> Vec<String> {
    let view = node.view();
    let votes = |node: &&Value| ["leader", "voter"].contains(&node["role"].as_str().unwrap());
    let voters = view["nodes"].as_array().unwrap().iter().filter(votes);
    voters.map(|node| node["name"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn vote(nodes: &[&Node], names: &[&str]) {
    for node in nodes {
        until(&format!("{} sees that {names:?} vote", node.name), || {
            voters(node) == names && node.view()["voters_changing"] == false
        });
    }
}

/// An account that is laid down at a node is known at the others.
#[track_caller]
fn agrees(nodes: &[&Node], at: usize, account: &str) {
    nodes[at].done(&format!("account add {account} --max-calls 1"));
    for node in nodes {
        until("the account is known", || node.home.cli(&format!("account show {account}")).0 == 0);
    }
}

#[test]
fn a_node_leaves_and_does_not_come_back_by_itself() {
    let (nodes, mut daemons) = cluster("leave", &["a", "b"]);
    let told = nodes[1].done("cluster leave");
    assert!(told.contains("the daemon stops by itself"), "{told}");
    assert!(daemons[1].ended().success(), "{}", daemons[1].log());
    nodes[0].lists(1);
    let told = nodes[1].home.refusal();
    assert!(told.contains("this node has left its cluster"), "{told}");
    // With a new token it is a node again, under its old name and a new number.
    let _daemon = nodes[1].join(&nodes[0]);
    nodes[0].sees(&["a", "b"]);
    assert_eq!(nodes[0].view()["nodes"][1]["number"], 3);
    // The last one can't leave: nobody would know.
    let (code, told) = nodes[0].home.cli("cluster remove a");
    assert!(code == 1 && told.contains("cluster leave"), "{told}");
}

#[test]
fn a_node_that_stops_says_good_bye_and_comes_back() {
    let (nodes, mut daemons) = cluster("stops", &["a", "b"]);
    for boot in 2..4 {
        daemons[1].stop();
        nodes[0].sees(&["a"]);
        daemons[1] = nodes[1].home.start();
        nodes[0].sees(&["a", "b"]);
        nodes[1].sees(&["a", "b"]);
        until("its next start is seen", || nodes[0].view()["nodes"][1]["boot"] == boot);
    }
}

#[test]
fn a_removed_node_is_not_taken_in_again() {
    let (nodes, mut daemons) = cluster("remove", &["a", "b", "c"]);
    let (code, told) = nodes[0].home.cli("cluster remove c");
    assert!(code == 1 && told.contains("c is up"), "{told}");
    let (code, told) = nodes[0].home.cli("cluster remove nobody");
    assert!(code == 1 && told.contains("no node of the cluster is called"), "{told}");
    daemons[2].kill();
    nodes[0].sees(&["a", "b"]);
    let told = nodes[0].done("cluster remove c");
    assert!(told.contains("policy strict"), "{told}");
    nodes[1].lists(2);
    // It has its certificate still, and is refused all the same.
    let removed = nodes[2].spawned(nodes[2].home.serve());
    removed.logs("this node was removed from the cluster");
    daemons[0].logs("a node that was removed is not taken in");
    assert_eq!(nodes[0].up(), ["a", "b"]);
    until("it says so", || {
        // Its door opens when it has waited for rights in vain.
        let answer = Line::new(&nodes[2].home.address, "").try_ask("GET", "/readyz", None);
        answer.is_some_and(|(status, text)| status == 503 && text.contains("removed"))
    });
    // It calls no more, and is told of once.
    assert_eq!(daemons[0].log().matches("is not taken in").count(), 1, "{}", daemons[0].log());
}

/// A node that leaves with calls up takes no more of them, waits, and gives back what it held.
#[test]
fn a_node_that_leaves_waits_for_its_calls_and_its_rights_are_free_then() {
    let (nodes, mut daemons) = cluster("leave-calls", &["a", "b"]);
    let [a, b] = [&nodes[0], &nodes[1]];
    a.home.lay_down("alice", 1, "+493012345");
    until("b knows it", || b.home.cli("account show alice").0 == 0);
    let asked = question("b1@h", "+493012345");
    until("b admits it", || b.home.proxy().route(&asked)["action"] == "fork");
    b.home.proxy().tell(&event("start", "b1@h"));
    let told = b.done("cluster leave");
    assert!(told.contains('1'), "{told}");
    until("b says so", || {
        let (status, _) = Line::new(&b.home.address, "").ask("GET", "/readyz", &Value::Null);
        status == 503 && b.view()["leaving"] == true
    });
    // It is up, its call counts, and it is one of the cluster.
    let answer = a.home.proxy().route(&question("a1@h", "+493012345"));
    assert_eq!(answer["action"], "refuse", "{answer}");
    assert_eq!(a.view()["nodes"].as_array().unwrap().len(), 2);
    assert!(daemons[1].runs(), "{}", daemons[1].log());
    b.home.proxy().done("POST", "/v1/event", &json!([event("end", "b1@h")]));
    assert!(daemons[1].ended().success(), "{}", daemons[1].log());
    a.lists(1);
    let asked = question("a2@h", "+493012345");
    until("the right is free", || a.home.proxy().route(&asked)["action"] == "fork");
}

/// Whoever has founded the cluster is a node like any other: it leaves, and the others let in whom
/// they want.
#[test]
fn the_first_node_leaves_and_another_lets_somebody_in() {
    let (nodes, mut daemons) = cluster("founder", &["a", "b", "c"]);
    vote(&[&nodes[0], &nodes[1], &nodes[2]], &["a", "b", "c"]);
    until("b can let somebody in", || nodes[1].view()["authority"] == true);
    nodes[0].done("cluster leave");
    assert!(daemons[0].ended().success(), "{}", daemons[0].log());
    let left = [&nodes[1], &nodes[2]];
    for node in left {
        node.lists(2);
    }
    agrees(&left, 0, "alice");
    agrees(&left, 1, "bert");
    let late = Node::new("founder", "d");
    let _daemon = late.join(&nodes[1]);
    let now = [&nodes[1], &nodes[2], &late];
    vote(&now, &["b", "c", "d"]);
    agrees(&now, 2, "carl");
    assert_eq!(late.home.cli("account show alice").0, 0, "what was there before it is known");
}

/// Two nodes have one vote, and whoever has it gives it away before it goes.
#[test]
fn who_has_the_only_vote_leaves_it_to_the_other() {
    let (nodes, mut daemons) = cluster("only-vote", &["a", "b"]);
    vote(&[&nodes[0], &nodes[1]], &["a"]);
    nodes[0].done("cluster leave");
    assert!(daemons[0].ended().success(), "{}", daemons[0].log());
    vote(&[&nodes[1]], &["b"]);
    nodes[1].lists(1);
    agrees(&[&nodes[1]], 0, "alice");
}

#[test]
fn two_that_leave_together_leave_the_third_able_to_agree() {
    let (nodes, mut daemons) = cluster("leave-two", &["a", "b", "c"]);
    vote(&[&nodes[0], &nodes[1], &nodes[2]], &["a", "b", "c"]);
    std::thread::scope(|scope| {
        for node in &nodes[..2] {
            scope.spawn(|| node.done("cluster leave --now"));
        }
    });
    for daemon in &mut daemons[..2] {
        assert!(daemon.ended().success(), "{}", daemon.log());
    }
    vote(&[&nodes[2]], &["c"]);
    nodes[2].lists(1);
    agrees(&[&nodes[2]], 0, "alice");
}

/// A vote that is down and one that leaves are two of three.
#[test]
fn a_node_leaves_while_another_is_down() {
    let (nodes, mut daemons) = cluster("leave-down", &["a", "b", "c"]);
    vote(&[&nodes[0], &nodes[1], &nodes[2]], &["a", "b", "c"]);
    // By an operator's word they would keep their votes, and one of two is too few.
    nodes[0].done("cluster voters set a b c");
    daemons[2].kill();
    nodes[0].sees(&["a", "b"]);
    let (code, told) = nodes[0].home.cli("cluster leave");
    assert!(code == 1 && told.contains("more than half are down"), "{told}");
    assert_eq!(nodes[0].view()["leaving"], false);
    nodes[0].done("cluster voters set a b");
    vote(&[&nodes[0], &nodes[1]], &["a", "b"]);
    nodes[0].done("cluster leave");
    assert!(daemons[0].ended().success(), "{}", daemons[0].log());
    agrees(&[&nodes[1]], 0, "alice");
    daemons[2] = nodes[2].home.start();
    nodes[1].sees(&["b", "c"]);
    agrees(&[&nodes[1], &nodes[2]], 1, "bert");
}

#[test]
fn nobody_leaves_while_nothing_can_be_agreed_on() {
    let (nodes, mut daemons) = cluster("leave-none", &["a", "b", "c", "d"]);
    let all: Vec<&Node> = nodes.iter().collect();
    vote(&all, &["a", "b", "c"]);
    daemons[1].kill();
    daemons[2].kill();
    for node in [&nodes[0], &nodes[3]] {
        node.sees(&["a", "d"]);
        let (code, told) = node.home.cli("cluster leave");
        assert!(code == 1 && told.contains("less than half"), "{told}");
    }
}

/// An operator says who has a vote; changes are made by whoever leads then, asked anywhere.
#[test]
fn votes_are_where_an_operator_wants_them() {
    let (nodes, _daemons) = cluster("votes", &["a", "b", "c"]);
    let all: Vec<&Node> = nodes.iter().collect();
    vote(&all, &["a", "b", "c"]);
    for (wrong, sentence) in [("b b", "twice"), ("b nobody", "no node of the cluster is called")] {
        let (code, told) = nodes[0].home.cli(&format!("cluster voters set {wrong}"));
        assert!(code == 1 && told.contains(sentence), "{told}");
    }
    // Away from the one that leads, too.
    nodes[0].done("cluster voters set b");
    vote(&all, &["b"]);
    until("b leads", || nodes[0].view()["leader"] == "b");
    agrees(&all, 0, "alice");
    assert!(nodes[2].done("cluster voters").contains('b'));
    nodes[2].done("cluster voters set a b c");
    vote(&all, &["a", "b", "c"]);
    agrees(&all, 2, "bert");
}

/// Votes that are not there can't be counted, and nobody could take them away again.
#[test]
fn no_votes_are_given_to_nodes_that_are_down() {
    let (nodes, mut daemons) = cluster("votes-down", &["a", "b", "c"]);
    vote(&[&nodes[0], &nodes[1], &nodes[2]], &["a", "b", "c"]);
    daemons[2].kill();
    nodes[0].sees(&["a", "b"]);
    for names in ["c", "b c"] {
        let (code, told) = nodes[0].home.cli(&format!("cluster voters set {names}"));
        assert!(code == 1 && told.contains("have to be up and connected"), "{told}");
    }
    agrees(&[&nodes[0], &nodes[1]], 0, "alice");
    nodes[0].done("cluster voters set a");
    vote(&[&nodes[0], &nodes[1]], &["a"]);
}

/// Alone it would have all caps to itself beside the others, and nobody to agree with.
#[test]
fn a_node_whose_papers_are_gone_does_not_start_alone() {
    let (nodes, mut daemons) = cluster("no-papers", &["a", "b"]);
    nodes[0].home.lay_down("alice", 1, "+493012345");
    until("b knows it", || nodes[1].home.cli("account show alice").0 == 0);
    for (node, daemon) in nodes.iter().zip(&mut daemons).rev() {
        daemon.stop();
        let papers = node.home.dir.join("data/cluster");
        std::fs::rename(&papers, node.home.dir.join("elsewhere")).unwrap();
        let told = node.home.refusal();
        assert!(told.contains("its papers are gone: bring"), "{told}");
        std::fs::rename(node.home.dir.join("elsewhere"), &papers).unwrap();
        *daemon = node.home.start();
    }
    nodes[0].sees(&["a", "b"]);
    // As after a removal: its old papers are good for nothing, and it comes in as a new node.
    daemons[1].kill();
    nodes[0].sees(&["a"]);
    nodes[0].done("cluster remove b");
    std::fs::remove_dir_all(nodes[1].home.dir.join("data/cluster")).unwrap();
    let _daemon = nodes[1].join(&nodes[0]);
    nodes[0].sees(&["a", "b"]);
    agrees(&[&nodes[0], &nodes[1]], 1, "bert");
}
