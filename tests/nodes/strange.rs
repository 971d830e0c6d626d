//! What should not be: a disk that was copied, a node of another cluster, papers that are old.

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use hallporter::peers::{Authority, Credentials, NODE_GOOD_S, RENEW_BEFORE_S};

use super::daemon::until;
use super::world::{Node, cluster};

/// How often somebody was refused at a node, by its metrics.
fn refused(node: &Node, by: &str, why: &str) -> u64 {
    let page = node.home.admin().try_ask("GET", "/metrics", None).unwrap().1;
    let start = format!("hallporter_peers_refused_total{{by=\"{by}\",why=\"{why}\"}} ");
    page.lines().find_map(|line| line.strip_prefix(&start)).unwrap().parse().unwrap()
}

/// Puts the papers of one node into another's directory.
fn copy_papers(from: &Node, to: &Node) {
    std::fs::create_dir_all(to.home.data().join("cluster")).unwrap();
    for file in std::fs::read_dir(from.home.data().join("cluster")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.home.data().join("cluster").join(file.file_name())).unwrap();
    }
}

#[test]
fn a_copied_disk_is_seen_and_counted() {
    let (nodes, daemons) = cluster("copied", &["a", "b"]);
    let copy = Node::new("copied", "copy");
    copy_papers(&nodes[1], &copy);
    copy.configure("b");
    let _copied = copy.started(copy.home.serve());
    // Both are the first start of b by their own disks: who comes later is refused.
    until("the second b is refused", || refused(&nodes[0], "here", "same_number") > 0);
    daemons[0].logs("another running node has the same number");
    until("it is told so", || refused(&copy, "there", "same_number") > 0);
    for node in [&nodes[0], &copy] {
        let (code, told) = node.home.cli("cluster doctor");
        assert!(code == 1 && told.contains("has the same number"), "{told}");
    }
    assert_eq!(nodes[0].up(), ["a", "b"]);
}

/// Puts all that a node has on the disk somewhere else, in the place of what is there.
fn copy_data(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    let copied = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(copied.success(), "{}", from.display());
}

/// What is refused when it is started again is not used any more.
#[track_caller]
fn is_old(node: &Node) {
    for _ in 0..2 {
        let told = node.home.refusal();
        assert!(told.contains("the data here is an old copy"), "{told}");
    }
}

#[test]
fn of_two_processes_with_one_number_the_older_start_ends() {
    let (nodes, mut daemons) = cluster("twice", &["a", "b"]);
    let copy = Node::new("twice", "copy");
    daemons[1].stop();
    copy_data(&nodes[1].home.data(), &copy.home.data());
    copy.configure("b");
    // As if it had been copied while the next start ran.
    let ledger = rusqlite::Connection::open(copy.home.data().join("ledger.db")).unwrap();
    let raised = ledger.execute("UPDATE meta SET value = value + 1 WHERE key = 'boot'", []);
    assert_eq!(raised.unwrap(), 1);
    drop(ledger);
    daemons[1] = nodes[1].home.start();
    nodes[0].sees(&["a", "b"]);
    let mut copied = copy.home.start();
    daemons[1].logs("another node knows of a later start of this node");
    assert!(daemons[1].ended().success(), "{}", daemons[1].log());
    until("the later start is the node", || nodes[0].view()["nodes"][1]["boot"] == 3);
    copy.sees(&["a", "b"]);
    assert!(copied.runs() && daemons[0].runs(), "{}", copied.log());
    // Nor does it end when it is started again itself.
    copied.stop();
    copied = copy.home.start();
    copy.sees(&["a", "b"]);
    until("it is its next start", || nodes[0].view()["nodes"][1]["boot"] == 4);
    assert!(copied.runs(), "{}", copied.log());
}

#[test]
fn an_old_copy_of_a_disk_is_refused_for_good() {
    let (nodes, mut daemons) = cluster("old", &["a", "b"]);
    let old = Node::new("old", "copy");
    daemons[1].stop();
    copy_data(&nodes[1].home.data(), &old.home.data());
    daemons[1] = nodes[1].home.start();
    nodes[0].sees(&["a", "b"]);
    daemons[1].kill();
    nodes[0].sees(&["a"]);
    old.configure("b");
    let mut started = old.spawned(old.home.serve());
    started.logs("another process has been started as this node since");
    assert!(started.ended().success(), "{}", started.log());
    is_old(&old);
    // What it has missed is where it was.
    daemons[1] = nodes[1].home.start();
    nodes[0].sees(&["a", "b"]);
    assert!(daemons[1].runs(), "{}", daemons[1].log());
}

#[test]
fn a_node_of_another_cluster_is_refused() {
    let (nodes, _daemons) = cluster("other", &["a"]);
    let (strangers, mut theirs) = cluster("others", &["x", "y"]);
    // y looks for its first node where a is; the first one itself would tell it better.
    theirs[1].stop();
    theirs[0].stop();
    let members = strangers[1].home.data().join("cluster/members.json");
    let text = std::fs::read_to_string(&members).unwrap();
    std::fs::write(&members, text.replace(&strangers[0].home.address, &nodes[0].home.address))
        .unwrap();
    let daemon = strangers[1].home.start();
    daemon.logs("its certificate is not one of this cluster's authority");
    until("it is counted", || refused(&nodes[0], "there", "other_authority") > 0);
    assert_eq!(nodes[0].up(), ["a"]);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "certificates are good by the clock of the machine")]
fn a_certificate_that_ends_soon_is_renewed_by_itself() {
    let (nodes, mut daemons) = cluster("renewed", &["a", "b"]);
    daemons[1].stop();
    let papers = nodes[1].home.data().join("cluster");
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let now_s = i64::try_from(now_s).unwrap();
    let read = |name: &str| std::fs::read_to_string(papers.join(name)).unwrap();
    let own = Credentials::from_pem(&read("node.pem"), now_s).unwrap();
    let authority = std::fs::read_to_string(nodes[0].home.data().join("cluster/authority.pem"));
    let authority = Authority::from_pem(&authority.unwrap()).unwrap();
    let made_s = now_s - (NODE_GOOD_S - RENEW_BEFORE_S) - 86_400;
    let key = own.public_key().unwrap();
    let old = authority.issue(own.identity(), &key, made_s).unwrap();
    let old = own.renewed(&old, now_s).unwrap();
    assert!(old.good_for_s(now_s) < RENEW_BEFORE_S);
    std::fs::write(papers.join("node.pem"), old.to_pem()).unwrap();
    let _ = std::fs::remove_file(papers.join("authority.pem"));
    let daemon = nodes[1].home.start();
    daemon.logs("this node has its next certificate");
    let good_s = nodes[1].view()["certificate_s"].as_i64().unwrap();
    assert!(good_s > NODE_GOOD_S - 3_600, "{good_s}");
    let new = Credentials::from_pem(&read("node.pem"), now_s).unwrap();
    assert!(!new.renewal_due(now_s));
    nodes[0].sees(&["a", "b"]);
}
