//! SIGTERM drains, SIGHUP reloads, and a client that goes away does no harm.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::daemon::{Home, event, now, question, until};
use super::lists::calls;

#[test]
fn a_stopping_daemon_answers_and_loses_nothing() {
    let home = Home::new("drain", "drain = \"2s\"");
    let mut daemon = home.start();
    home.lay_down("alice", 1000, "+493012345");
    let mut proxy = home.proxy();
    proxy.route(&question("before@x", "+493012345"));
    proxy.tell(&event("start", "before@x"));
    // Half a question, never to be completed: nobody may keep the daemon from stopping.
    let mut half = TcpStream::connect(&home.address).unwrap();
    half.write_all(b"POST /v1/route HTTP/1.1\r\nHost: x\r\nContent-Le").unwrap();
    daemon.signal("TERM");
    let mut monitor = home.proxy();
    until("it says that it is stopping", || monitor.ask("GET", "/readyz", &Value::Null).0 == 503);
    let (_, sentence) = monitor.ask("GET", "/readyz", &Value::Null);
    assert!(sentence["error"].as_str().unwrap().contains("stopping"), "{sentence}");
    assert_eq!(monitor.ask("GET", "/healthz", &Value::Null).0, 200);
    let mut admitted = vec!["before@x".to_owned()];
    // Questions until the last moment: each one that was answered has to be there afterwards.
    for number in 0.. {
        let call_id = format!("during-{number}@x");
        let body = question(&call_id, "+493012345").to_string();
        let Some((status, answer)) = proxy.try_ask("POST", "/v1/route", Some(body.as_bytes()))
        else {
            break;
        };
        assert!(status == 200 && answer.contains("\"fork\""), "{status} {answer}");
        admitted.push(call_id);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(admitted.len() > 20, "it was asked while it drained: {}", admitted.len());
    let status = daemon.ended();
    let log = daemon.log();
    assert!(status.success() && log.contains("stopped"), "{status} {log}");
    drop(half);

    let _daemon = home.start();
    let mut admin = home.admin();
    let found = calls(&mut admin);
    for call_id in &admitted {
        assert!(found.contains_key(call_id), "{call_id} is gone");
        let why = admin.get(&format!("/v1/why/{call_id}"));
        assert_eq!(why["entries"][0]["kind"], "decided", "{call_id}: {why}");
    }
    assert_eq!(found.len(), admitted.len());
    assert_eq!(found["before@x"]["state"], "up");
}

#[test]
fn a_second_signal_cuts_the_drain_short() {
    let home = Home::new("hurry", "drain = \"10m\"");
    let mut daemon = home.start();
    daemon.signal("TERM");
    daemon.logs("still answering");
    let begun = now();
    daemon.signal("INT");
    assert!(daemon.ended().success());
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_reload_takes_all_of_a_file_or_nothing() {
    let home = Home::new("reload", "drain = \"0s\"");
    let mut daemon = home.start();
    home.lay_down("alice", 0, "+493012345");
    let (mut old, mut proxy) = (home.admin(), home.proxy());
    assert_eq!(proxy.route(&question("a@x", "+493012345"))["action"], "refuse");

    // Good: another token, and a number that is let through from now on.
    std::fs::write(home.dir.join("admin.token"), "f".repeat(64)).unwrap();
    home.configure("drain = \"0s\"\n[emergency]\nnumbers = [\"493012345\"]");
    daemon.signal("HUP");
    daemon.logs("was taken anew");
    assert_eq!(old.ask("GET", "/v1/status", &Value::Null).0, 401);
    let mut new = home.admin();
    new.get("/v1/status");
    assert_eq!(proxy.route(&question("b@x", "+493012345"))["action"], "pass");

    // Bad: two mistakes are told, and nothing at all changes.
    std::fs::write(home.dir.join("admin.token"), "e".repeat(64)).unwrap();
    home.configure("drain = \"never\"\n[emergency]\nnumbrs = []");
    daemon.signal("HUP");
    daemon.logs("nothing was changed");
    let log = daemon.log();
    assert!(log.contains("line 3") && log.contains("line 5"), "{log}");
    assert_eq!(home.admin().ask("GET", "/v1/status", &Value::Null).0, 401);
    new.get("/v1/status");
    assert_eq!(proxy.route(&question("c@x", "+493012345"))["action"], "pass");

    // What needs a restart is said.
    home.configure(
        "drain = \"0s\"\n[calls]\ntable_max = 1000\nwhy_keep = 5\n[node]\nname = \"other\"",
    );
    daemon.signal("HUP");
    daemon.logs("key=\"node\"");
    daemon.logs("key=\"calls.table_max\"");
    daemon.logs("key=\"calls.why_keep\"");
    assert_eq!(home.admin().get("/v1/status")["node"], "other");
    daemon.stop();
}

#[test]
fn a_client_that_hangs_up_leaves_no_half_change() {
    let home = Home::new("hang-up", "drain = \"0s\"");
    let mut daemon = home.start();
    let token = home.token("admin");
    for number in 0..60u64 {
        let body = json!({"name": format!("a{number}")}).to_string();
        let mut stream = TcpStream::connect(&home.address).unwrap();
        let request = format!(
            "POST /v1/accounts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        // Gone at another moment each time: before, while and after it is written down.
        std::thread::sleep(Duration::from_micros(number * 150));
        drop(stream);
    }
    let mut admin = home.admin();
    for number in 0..5 {
        admin.done("POST", "/v1/accounts", &json!({"name": format!("whole{number}")}));
    }
    let names = |page: &Value| page["items"].as_array().unwrap().len();
    let before = names(&admin.get("/v1/accounts?limit=1000"));
    assert!(before > 5, "some came through");
    daemon.stop();
    let _daemon = home.start();
    assert_eq!(names(&home.admin().get("/v1/accounts?limit=1000")), before);
}
