//! What callers leave, at more than one node.

use std::process::Command;

use hallporter::domain::{MessageId, NodeId};
use hallporter::notify::LinkKey;
use serde_json::json;

use super::daemon::{Daemon, until};
use super::left_behind::{UNTIL_S, film, left_behind};
use super::recordings::{heard, kept, message, metric, sound};
use super::world::{Node, cluster_of};

const MESSAGES: &str = "[messages]\nspool = \"spool\"\nprompts = \"prompts\"\n\
                        link_base = \"http://127.0.0.1:9\"\ndisk_free_min_mib = 0\n";

fn cluster(test: &str, names: &[&str]) -> (Vec<Node>, Vec<Daemon>) {
    let nodes = names.iter().map(|name| {
        let node = Node::new(test, name);
        node.configure_with(name, MESSAGES);
        node
    });
    let (nodes, daemons) = cluster_of(nodes.collect());
    let mut admin = nodes[0].home.admin();
    admin.done("POST", "/v1/accounts", &json!({"name": "alice"}));
    admin.done("POST", "/v1/mailboxes", &json!({"name": "alice", "account": "alice"}));
    (nodes, daemons)
}

#[test]
fn a_recording_is_at_two_nodes_before_it_is_said_to_be_safe() {
    let (nodes, mut daemons) = cluster("safe", &["a", "b"]);
    let Some(film) = film(&nodes[0].home.dir) else {
        eprintln!("no ffmpeg: a video by a link was not tried");
        return;
    };
    daemons[0].stop();
    let id = MessageId::new(NodeId(1), 1, 0xff);
    left_behind(&nodes[0].home, id, None);
    daemons[0] = nodes[0].home.start();
    nodes[0].sees(&["a", "b"]);
    daemons[0].logs("connected with a node");
    let key = std::fs::read_to_string(nodes[0].home.dir.join("link.key")).unwrap();
    let link = LinkKey::from_text(key.trim()).sign(id, 1, UNTIL_S);
    let put = Command::new("curl")
        .args(["-sS", "-f", "-H", "Content-Type: video/mp4", "-T"])
        .arg(nodes[0].home.dir.join("film.mp4"))
        .arg(format!("http://{}/u/{link}", nodes[0].home.address))
        .output()
        .unwrap();
    assert!(put.status.success(), "{put:?} {}", film.len());
    until("the message is there", || message(&nodes[0], id)["id"] == json!(id));
    let message = message(&nodes[0], id);
    // From the first moment: it was brought there before it was agreed on.
    assert_eq!((&message["safe"], &message["nodes"]), (&json!(true), &json!([1, 2])));
    let content = message["parts"][0]["content"].as_str().unwrap();
    let both = [0, 1].map(|node| std::fs::read(kept(&nodes[node], content)).unwrap());
    assert_eq!(both[0], both[1]);
    let shown = nodes[0].done(&format!("message show {id}"));
    assert!(shown.contains("lies at node      1, 2\n"), "{shown}");
    until("nothing is unsafe", || metric(&nodes[0], "hallporter_messages_unsafe 0"));
}

#[test]
fn what_no_second_node_takes_is_delivered_and_copied_later() {
    let (nodes, mut daemons) = cluster("alone", &["a", "b"]);
    daemons[1].kill();
    daemons[0].stop();
    let id = MessageId::new(NodeId(1), 1, 0xfe);
    left_behind(&nodes[0].home, id, Some(&sound(7)));
    daemons[0] = nodes[0].home.start();
    until("it is delivered", || message(&nodes[0], id)["id"] == json!(id));
    assert_eq!(message(&nodes[0], id)["safe"], false);
    daemons[0].logs("a message was left that no second node has yet");
    assert!(nodes[0].done("message list").contains("new, at one node"));
    until("it is counted", || metric(&nodes[0], "hallporter_messages_unsafe 1"));
    // It is not forgotten over a start, and neither is what has to be done.
    daemons[0].kill();
    daemons[0] = nodes[0].home.start();
    daemons[1] = nodes[1].home.start();
    until("it is safe", || message(&nodes[0], id)["safe"] == true);
    let message = message(&nodes[0], id);
    let content = message["parts"][0]["content"].as_str().unwrap();
    assert_eq!(std::fs::read(kept(&nodes[1], content)).unwrap(), sound(7));
    until("it is counted no more", || metric(&nodes[0], "hallporter_messages_unsafe 0"));
}

/// Brings what one node has written down to one that stands still: what the log does for those
/// that run.
fn bring_rows(from: &Node, to: &Node) {
    let ledger = rusqlite::Connection::open(to.home.data().join("ledger.db")).unwrap();
    let other = from.home.data().join("ledger.db");
    ledger.execute("ATTACH ?1 AS other", [other.to_str().unwrap()]).unwrap();
    for table in ["account", "mailbox", "mailbox_greeting", "message", "message_file"] {
        ledger.execute(&format!("DELETE FROM {table}"), []).unwrap();
        let copy = format!("INSERT INTO {table} SELECT * FROM other.{table}");
        ledger.execute(&copy, []).unwrap();
    }
}

#[test]
fn any_node_serves_any_recording_and_has_every_greeting() {
    let (mut nodes, mut daemons) = cluster("serve", &["a", "b"]);
    daemons[0].stop();
    let ids = [0xfe, 0xff].map(|number| MessageId::new(NodeId(1), 1, number));
    for (pitch, id) in (1..).zip(ids) {
        left_behind(&nodes[0].home, id, Some(&sound(pitch)));
    }
    daemons[0] = nodes[0].home.start();
    ids.iter().for_each(|id| until("it is safe", || message(&nodes[0], *id)["safe"] == true));
    let wav = nodes[0].home.dir.join("greeting.wav");
    std::fs::write(&wav, sound(9)).unwrap();
    nodes[0].done(&format!("mailbox set alice --greeting {}", wav.display()));
    let greeting = nodes[0].home.admin().get("/v1/mailboxes/alice")["greeting"].clone();
    // The third node has what the others have agreed on, and none of the files.
    let third = Node::new("serve", "c");
    third.configure_with("c", MESSAGES);
    daemons.push(third.join(&nodes[0]));
    nodes.push(third);
    let greeting = kept(&nodes[2], greeting.as_str().unwrap());
    daemons[2].stop();
    bring_rows(&nodes[0], &nodes[2]);
    daemons[2] = nodes[2].home.start();
    until("the greeting is here, as a switch plays it", || {
        greeting.is_file() && greeting.with_extension("wav").is_file()
    });
    assert_eq!(std::fs::read(&greeting).unwrap(), sound(9));
    assert_eq!(heard(&nodes[2], ids[0]), (200, sound(1)));
    // It stays there; the other one nobody has asked for.
    daemons[0].kill();
    daemons[1].kill();
    assert_eq!(heard(&nodes[2], ids[0]), (200, sound(1)));
    nodes[2].sees(&["c"]);
    let (code, body) = heard(&nodes[2], ids[1]);
    let told = String::from_utf8_lossy(&body);
    assert!(code == 503 && told.contains("the recording lies at node 1, "), "{code} {told}");
    daemons[1] = nodes[1].home.start();
    daemons[0] = nodes[0].home.start();
    until("it can be had again", || heard(&nodes[2], ids[1]) == (200, sound(2)));
}

#[test]
fn a_node_that_has_lost_its_spool_gets_its_recordings_back() {
    let (nodes, mut daemons) = cluster("lost", &["a", "b"]);
    daemons[0].stop();
    let id = MessageId::new(NodeId(1), 1, 0xfe);
    left_behind(&nodes[0].home, id, Some(&sound(3)));
    daemons[0] = nodes[0].home.start();
    until("it is safe", || message(&nodes[0], id)["safe"] == true);
    let content = message(&nodes[0], id)["parts"][0]["content"].clone();
    let file = kept(&nodes[0], content.as_str().unwrap());
    daemons[0].stop();
    std::fs::remove_dir_all(nodes[0].home.dir.join("spool/files")).unwrap();
    daemons[0] = nodes[0].home.start();
    daemons[0].logs("recordings that should have been here were fetched anew");
    assert_eq!(std::fs::read(file).unwrap(), sound(3));
}
