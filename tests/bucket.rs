//! Recordings in a bucket: real daemons, and OpenStack Swift as the bucket.

#![allow(clippy::print_stderr, reason = "logs of a test that has failed, and what was skipped")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

#[path = "process/daemon.rs"]
#[allow(dead_code, reason = "shared with the tests of one daemon")]
mod daemon;
#[path = "process/left_behind.rs"]
#[allow(dead_code, reason = "shared with the tests of one daemon")]
mod left_behind;
#[path = "process/line.rs"]
#[allow(dead_code, reason = "shared with the tests of one daemon")]
mod line;
#[path = "nodes/recordings.rs"]
mod recordings;
#[path = "bucket/swift.rs"]
mod swift;
#[path = "nodes/world.rs"]
#[allow(dead_code, reason = "shared with the tests of nodes")]
mod world;

use std::os::unix::fs::PermissionsExt as _;

use daemon::{Daemon, until};
use hallporter::domain::{MessageId, NodeId};
use left_behind::left_behind;
use recordings::{heard, kept, message, metric, sound, sound_of};
use serde_json::json;
use swift::{BUCKET, KEY, Swift};
use world::{Node, cluster_of};

fn id(number: u32) -> MessageId {
    MessageId::new(NodeId(1), 1, number)
}

/// A node with a spool, and a bucket there; more lines of `[s3]`.
fn configured(test: &str, name: &str, endpoint: &str, more: &str) -> Node {
    let node = Node::new(&format!("bucket-{test}"), name);
    configure(&node, endpoint, more);
    node
}

fn configure(node: &Node, endpoint: &str, more: &str) {
    credentials(node, KEY);
    let lines = format!(
        "[messages]\nspool = \"spool\"\nprompts = \"prompts\"\ndisk_free_min_mib = 0\n\
         [s3]\nendpoint = \"http://{endpoint}\"\n{more}\n"
    );
    node.configure_with(&node.name, &lines);
}

fn credentials(node: &Node, lines: &str) {
    let path = node.home.dir.join("s3.credentials");
    std::fs::write(&path, lines).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn bucket() -> String {
    format!("bucket = \"{BUCKET}\"")
}

fn with_mailbox(node: &Node) {
    let mut admin = node.home.admin();
    admin.done("POST", "/v1/accounts", &json!({"name": "alice"}));
    admin.done("POST", "/v1/mailboxes", &json!({"name": "alice", "account": "alice"}));
}

/// Two nodes with a mailbox.
fn two(test: &str, swift: &Swift) -> (Vec<Node>, Vec<Daemon>) {
    let node = |name| configured(test, name, &swift.address, &bucket());
    let (nodes, daemons) = cluster_of(vec![node("a"), node("b")]);
    with_mailbox(&nodes[0]);
    (nodes, daemons)
}

/// One node that is alone, stopped again, with a mailbox.
fn one(test: &str, endpoint: &str, more: &str) -> Node {
    let node = configured(test, "a", endpoint, more);
    let mut daemon = node.home.start();
    with_mailbox(&node);
    daemon.stop();
    node
}

/// What the first part of a message holds, and the name of its object.
fn content(node: &Node, id: MessageId) -> (String, String) {
    let content = message(node, id)["parts"][0]["content"].as_str().unwrap().to_owned();
    let object = format!("hallporter/{}/{content}", &content[..2]);
    (content, object)
}

#[test]
fn a_message_is_safe_in_the_bucket_served_by_any_node_and_deleted_there() {
    let Some(swift) = Swift::start("safe") else { return };
    let (nodes, mut daemons) = two("safe", &swift);
    daemons[0].stop();
    // The second goes there in parts; the third is the same as the first.
    let sounds = [sound(1), sound_of(2, 20_000_000), sound(1)];
    let ids = [id(0xfd), id(0xfe), id(0xff)];
    for (id, sound) in ids.iter().zip(&sounds) {
        left_behind(&nodes[0].home, *id, Some(sound));
    }
    daemons[0] = nodes[0].home.start();
    for (id, sound) in ids.iter().zip(&sounds) {
        until("the message is there", || message(&nodes[0], *id)["id"] == json!(id));
        let message = message(&nodes[0], *id);
        // From the first moment: it was brought there before it was agreed on.
        let said = (&message["safe"], &message["in_bucket"], &message["nodes"]);
        assert_eq!(said, (&json!(true), &json!(true), &json!([1])));
        let (content, object) = content(&nodes[0], *id);
        assert!(swift.object(&object).unwrap() == *sound, "{object} holds something else");
        assert!(!kept(&nodes[1], &content).exists());
        let shown = nodes[0].done(&format!("message show {id}"));
        assert!(shown.contains("lies at node      1, and in the bucket\n"), "{shown}");
    }
    assert!(metric(&nodes[0], "hallporter_bucket_uploads_total 3"));
    assert!(metric(&nodes[0], "hallporter_messages_unsafe 0"));
    // The node that has them is gone.
    daemons[0].kill();
    for (id, sound) in ids.iter().zip(&sounds) {
        let (code, body) = heard(&nodes[1], *id);
        assert!(code == 200 && body == *sound, "{code}");
    }
    assert!(metric(&nodes[1], "hallporter_bucket_downloads_total 2"));
    daemons[0] = nodes[0].home.start();
    nodes[1].sees(&["a", "b"]);
    let [equal, other] = [ids[2], ids[1]].map(|id| content(&nodes[1], id).1);
    nodes[1].done(&format!("message rm {}", ids[0]));
    until("it is gone", || message(&nodes[1], ids[0])["id"].is_null());
    assert!(swift.object(&equal).unwrap() == sounds[0], "another message has it, too");
    nodes[1].done(&format!("message rm {}", ids[2]));
    until("one is deleted, the other one is not", || swift.names() == [other.as_str()]);
    let gone = kept(&nodes[1], equal.rsplit_once('/').unwrap().1);
    until("here, too", || !gone.exists());
    assert!(kept(&nodes[1], &content(&nodes[1], ids[1]).0).is_file());
}

#[test]
fn a_second_node_steps_in_for_a_bucket_that_is_away() {
    let Some(mut swift) = Swift::start("away") else { return };
    let (nodes, mut daemons) = two("away", &swift);
    daemons[0].stop();
    swift.down();
    left_behind(&nodes[0].home, id(0xfe), Some(&sound(3)));
    daemons[0] = nodes[0].home.start();
    until("the message is there", || message(&nodes[0], id(0xfe))["id"] == json!(id(0xfe)));
    until("it is at two nodes", || message(&nodes[0], id(0xfe))["nodes"] == json!([1, 2]));
    let at_two = message(&nodes[0], id(0xfe));
    assert_eq!((&at_two["safe"], at_two.get("in_bucket")), (&json!(true), None));
    // Whether it was known already that the bucket fails, or was found out by this message.
    daemons[0].logs(": another node takes it");
    assert!(metric(&nodes[0], "hallporter_bucket_messages_late_total 1"));
    assert!(metric(&nodes[0], "hallporter_bucket_failing 1"));
    until("it is counted", || metric(&nodes[0], "hallporter_bucket_messages_waiting 1"));
    let (code, told) = nodes[0].home.cli("cluster doctor");
    assert!(code == 1 && told.contains("do not reach the bucket, 1 messages wait"), "{told}");
    assert!(told.contains("can't be reached"), "{told}");
    // What was deleted waits for it, too.
    nodes[0].done(&format!("message rm {}", id(0xfe)));
    daemons[0].logs("old messages can't be taken away");
    left_behind_now(&nodes[0], &mut daemons[0], id(0xfd), 4);
    swift.up();
    until("it has come to the bucket", || message(&nodes[0], id(0xfd))["in_bucket"] == true);
    let object = content(&nodes[0], id(0xfd)).1;
    assert_eq!(swift.object(&object).unwrap(), sound(4));
    until("nothing waits", || metric(&nodes[0], "hallporter_bucket_messages_waiting 0"));
    until("what was deleted is gone", || message(&nodes[0], id(0xfe))["id"].is_null());
    assert_eq!(swift.names(), [object.as_str()]);
    until("it is well", || metric(&nodes[0], "hallporter_bucket_failing 0"));
}

/// The same, with the daemon started anew for it.
fn left_behind_now(node: &Node, daemon: &mut Daemon, id: MessageId, pitch: u8) {
    daemon.stop();
    left_behind(&node.home, id, Some(&sound(pitch)));
    *daemon = node.home.start();
    until("the message is there", || message(node, id)["id"] == json!(id));
}

#[test]
fn what_is_wrong_with_a_bucket_is_said_in_one_line() {
    let Some(mut swift) = Swift::start("wrong") else { return };
    let node = one("wrong", &swift.address, &bucket());
    let check = |part: &str| {
        let (code, told) = node.home.cli("check");
        let lines: Vec<_> = told.lines().filter(|line| line.contains("s3.bucket")).collect();
        assert!(code == 0 && lines.len() == 1 && lines[0].contains(part), "{part}\n{told}");
    };
    let (code, told) = node.home.cli("check");
    assert!(code == 0 && !told.contains("s3.bucket"), "{told}");
    assert_eq!(swift.names(), [""; 0], "nothing of a trial stays");
    configure(&node, &swift.address, "bucket = \"another\"");
    check("there is no bucket another at http://127.0.14.");
    configure(&node, &swift.address, &bucket());
    credentials(&node, "test:tester\nwrong\n");
    check("refuses the key (SignatureDoesNotMatch): look at s3.credentials_file");
    credentials(&node, "nobody\ntesting\n");
    check("refuses the key");
    // A daemon takes messages all the same, and tells nobody that they are safe.
    left_behind(&node.home, id(0xfe), Some(&sound(5)));
    let mut daemon = node.home.start();
    daemon.logs("the bucket can't be used");
    until("the message is there", || message(&node, id(0xfe))["id"] == json!(id(0xfe)));
    assert_eq!(message(&node, id(0xfe))["safe"], false);
    let ready = node.home.admin().get("/v1/status");
    let trouble = ready["trouble"].as_str().unwrap();
    assert!(trouble.starts_with("recordings do not reach the bucket: "), "{trouble}");
    until("it is counted", || metric(&node, "hallporter_messages_unsafe 1"));
    daemon.stop();
    credentials(&node, KEY);
    let mut daemon = node.home.start();
    until("it is safe", || message(&node, id(0xfe))["safe"] == true);
    assert_eq!(message(&node, id(0xfe))["in_bucket"], true);
    daemon.stop();
    swift.down();
    check("can't be reached");
}

#[test]
fn a_node_alone_gets_its_recordings_back_and_takes_no_spoiled_one() {
    let Some(swift) = Swift::start("back") else { return };
    let node = one("back", &swift.address, &bucket());
    for (id, pitch) in [(id(0xfd), 6), (id(0xfe), 7)] {
        left_behind(&node.home, id, Some(&sound(pitch)));
    }
    let mut daemon = node.home.start();
    for id in [id(0xfd), id(0xfe)] {
        until("it is safe", || message(&node, id)["safe"] == true);
    }
    let (first, _) = content(&node, id(0xfd));
    let (second, object) = content(&node, id(0xfe));
    daemon.stop();
    // The disk was replaced, and somebody had his hands in the bucket.
    std::fs::remove_dir_all(node.home.dir.join("spool/files")).unwrap();
    swift.spoil(&object, &sound(8));
    let mut daemon = node.home.start();
    daemon.logs("recordings that should have been here were fetched anew");
    assert_eq!(std::fs::read(kept(&node, &first)).unwrap(), sound(6));
    assert_eq!(heard(&node, id(0xfd)), (200, sound(6)));
    daemon.logs("does not hold what it should, and is not taken");
    assert!(!kept(&node, &second).exists());
    let (code, body) = heard(&node, id(0xfe));
    assert_ne!(code, 200);
    assert!(!String::from_utf8_lossy(&body).contains("RIFF"));
    // Whoever finds it puts it back, and the bucket gets it anew.
    std::fs::create_dir_all(kept(&node, &second).parent().unwrap()).unwrap();
    std::fs::write(kept(&node, &second), sound(7)).unwrap();
    until("it is right again", || swift.object(&object) == Some(sound(7)));
    until("and said to be", || message(&node, id(0xfe))["safe"] == true);
    daemon.stop();
}
