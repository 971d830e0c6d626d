//! A video that comes by a link, through the real doors into the real spool.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use hallporter::domain::{MessageId, NodeId};
use hallporter::notify::LinkKey;
use serde_json::{Value, json};

use super::daemon::{Daemon, Home, until};
use super::left_behind::{UNTIL_S, film, left_behind};

const SETTINGS: &str = "drain = \"0s\"\n[messages]\nspool = \"spool\"\nprompts = \"prompts\"\n\
                        link_base = \"http://127.0.0.1:9\"\nupload_max_mib = 1\ndisk_free_min_mib = 0\n";

/// Sends a request, or the beginning of one.
fn send(home: &Home, method: &str, link: &str, headers: &str, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(&home.address).unwrap();
    let head =
        format!("{method} /u/{link} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    stream
}

/// Status and body of one request.
fn ask(home: &Home, method: &str, link: &str, headers: &str, body: &[u8]) -> (u16, Value) {
    let mut answer = Vec::new();
    let _ = send(home, method, link, headers, body).read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer);
    let status = text.get(9..12).and_then(|code| code.parse().ok()).unwrap_or_default();
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    (status, serde_json::from_str(body).unwrap_or_default())
}

fn put(home: &Home, link: &str, from: usize, total: usize, body: &[u8]) -> (u16, Value) {
    let headers = format!(
        "Content-Type: video/mp4\r\nContent-Length: {}\r\nUpload-Offset: {from}\r\nUpload-Length: {total}\r\n",
        body.len()
    );
    ask(home, "PUT", link, &headers, body)
}

#[test]
fn a_video_that_came_by_a_link_is_a_message() {
    let home = Home::new("uploads", SETTINGS);
    let Some(film) = film(&home.dir) else {
        println!("no ffmpeg: a video by a link was not tried");
        return;
    };
    let mut daemon = home.start();
    home.admin().done("POST", "/v1/accounts", &json!({"name": "alice"}));
    home.admin().done("POST", "/v1/mailboxes", &json!({"name": "alice", "account": "alice"}));
    daemon.stop();
    let id = MessageId::new(NodeId(1), 1, 0xff);
    left_behind(&home, id, None);
    let daemon = home.start();
    let key = std::fs::read_to_string(home.dir.join("link.key")).unwrap();
    let key = LinkKey::from_text(key.trim());
    let link = key.sign(id, 1, UNTIL_S);
    only_ours_is_let_in(&home, &key, id);
    comes_in_pieces(&home, &link, &film, &daemon);
    is_a_message(&home, id);
}

fn only_ours_is_let_in(home: &Home, key: &LinkKey, id: MessageId) {
    assert_eq!(ask(home, "GET", &key.sign(id, 1, 5), "", b"").0, 410, "it has expired");
    for other in
        [key.sign(id, 1, UNTIL_S).replace('A', "B"), LinkKey::from_text("x").sign(id, 1, UNTIL_S)]
    {
        assert_eq!(ask(home, "GET", &other, "", b"").0, 404, "it is not ours");
    }
    assert_eq!(
        ask(home, "GET", &key.sign(MessageId::new(NodeId(1), 1, 1), 1, UNTIL_S), "", b"").0,
        410
    );
}

fn comes_in_pieces(home: &Home, link: &str, film: &[u8], daemon: &Daemon) {
    let all = film.len();
    let (status, view) = ask(home, "GET", link, "", b"");
    assert_eq!((status, &view["offset"], &view["bytes_max"]), (200, &json!(0), &json!(1 << 20)));

    assert_eq!(put(home, link, 0, 20, b"<html> no film </ht>").0, 415, "a lie about the type");
    assert_eq!(put(home, link, 0, (1 << 20) + 1, b"").0, 413, "too large");
    assert_eq!(put(home, link, 7, all, &film[7..]).0, 409, "nothing had begun");
    assert_eq!(put(home, link, 0, all, &film[..1000]).1["complete"], false);
    // The connection breaks off in the middle of a piece.
    let broken = format!(
        "Content-Type: video/mp4\r\nContent-Length: {}\r\nUpload-Offset: 1000\r\nUpload-Length: {all}\r\n",
        all - 1000
    );
    drop(send(home, "PUT", link, &broken, &film[1000..2000]));
    until("the piece is there", || ask(home, "GET", link, "", b"").1["offset"] == 2000);
    let mut last = (0, Value::Null);
    until("nobody else writes any more", || {
        last = put(home, link, 2000, all, &film[2000..]);
        last.0 != 409
    });
    assert_eq!((last.0, &last.1["complete"]), (200, &json!(true)), "{last:?} {}", daemon.log());
    for method in ["GET", "PUT"] {
        assert_eq!(ask(home, method, link, "Content-Length: 1\r\n", b"x").0, 410, "once is once");
    }
}

fn is_a_message(home: &Home, id: MessageId) {
    until("the message is there", || {
        home.admin().get("/v1/messages?mailbox=alice")["items"] != json!([])
    });
    let message = home.admin().get(&format!("/v1/messages/{id}"));
    assert_eq!(
        (&message["account"], &message["parts"][0]["medium"]),
        (&json!("alice"), &json!("video"))
    );
    let length_ms = message["length_ms"].as_u64().unwrap();
    assert!((1800..=2300).contains(&length_ms), "{message}");
    let saved = home.dir.join("saved.mp4");
    let (code, told) = home.cli(&format!("message get {id} -o {}", saved.display()));
    assert_eq!(code, 0, "{told}");
    let bytes = message["parts"][0]["bytes"].as_u64().unwrap();
    assert_eq!(saved.metadata().unwrap().len(), bytes);
    assert_eq!(home.cli(&format!("message rm {id}")).0, 0);
    until("its file is gone", || {
        let files = std::fs::read_dir(home.dir.join("spool/files")).unwrap();
        files
            .filter_map(Result::ok)
            .all(|place| std::fs::read_dir(place.path()).unwrap().count() == 0)
    });
}
