//! What bad input gets: a clear error each, and the daemon stays up.

use serde_json::{Value, json};

use super::daemon::{Home, question};
use super::line::{Line, raw};

/// Statuses of DESIGN §7: a mistake of the asker, never ours.
const MISTAKES: [u16; 8] = [400, 401, 403, 404, 405, 409, 413, 422];

#[test]
fn wrong_questions_get_clear_answers() {
    let home = Home::new("bad-questions", "drain = \"0s\"");
    let mut daemon = home.start();
    home.lay_down("alice", 2, "+493012345");
    let mut admin = home.admin();
    admin.done("POST", "/v1/accounts", &json!({"name": "shut", "enabled": false}));
    let mut proxy = home.proxy();
    let long = "x".repeat(70_000);
    let deep = "[".repeat(30_000);
    for (body, status, field) in [
        ("", 400, ""),
        ("{", 400, ""),
        ("nonsense", 400, ""),
        ("[]", 400, ""),
        ("null", 400, ""),
        ("\u{feff}{}", 400, ""),
        (deep.as_str(), 400, ""),
        (long.as_str(), 413, ""),
        ("{}", 400, "call_id"),
        (r#"{"call_id":"a"}"#, 400, "ruri"),
        (r#"{"call_id":7,"ruri":"sip:a@h"}"#, 400, "call_id"),
        (r#"{"call_id":"","ruri":"sip:a@h"}"#, 400, "call_id"),
        (r#"{"call_id":"a","ruri":null}"#, 400, "ruri"),
        (r#"{"call_id":"a","ruri":{"x":1}}"#, 400, "ruri"),
        (r#"{"call_id":"a\u0000b","ruri":"sip:a@h"}"#, 400, "call_id"),
        (r#"{"call_id":"a","ruri":"sip:a@h\r\nX-Evil: 1"}"#, 400, "ruri"),
        (r#"{"call_id":"a","ruri":"sip:a@h","from_uri":"sip:\u0007"}"#, 400, "from_uri"),
        (r#"{"call_id":"a","call_id":"b","ruri":"sip:a@h"}"#, 400, "call_id"),
        (r#"{"call_id":"a","ruri":"sip:a@h","enc":"rot13"}"#, 400, "enc"),
        (r#"{"call_id":"!!","ruri":"YQ","enc":"b64u"}"#, 400, "call_id"),
        (r#"{"call_id":"a","ruri":"sip:a@h","account":"a\r\nb"}"#, 400, "account"),
        (r#"{"call_id":"a","ruri":"sip:a@h","method":"BYE"}"#, 422, "method"),
        (r#"{"call_id":"a","ruri":"sip:a@h","video":"yes"}"#, 400, "video"),
    ] {
        let (found, text) = proxy.try_ask("POST", "/v1/route", Some(body.as_bytes())).unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap();
        let shown = body.chars().take(80).collect::<String>();
        assert_eq!(found, status, "{shown}: {text}");
        assert!(answer["error"].as_str().is_some_and(|error| error.len() > 8), "{shown}: {text}");
        assert!(answer["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{shown}: {text}");
        assert_eq!(answer["field"].as_str().unwrap_or_default(), field, "{shown}: {text}");
        assert!(!text.contains("panick") && !text.contains(".rs"), "{text}");
    }
    // Not mistakes of the proxy, but refusals of the call.
    for (account, cause) in [
        ("nobody", "unknown"),
        ("+493012345", "unknown"),
        ("alice@example.com", "unknown"),
        ("no such name", "unknown"),
        ("shut", "disabled"),
    ] {
        let body = json!({"call_id": account, "ruri": "sip:+493012345@h", "account": account});
        let answer = proxy.route(&body);
        assert_eq!((&answer["action"], &answer["cause"]), (&"refuse".into(), &cause.into()));
        assert_eq!(answer["code"], 403);
        assert!(!answer["reason"].as_str().unwrap().is_empty());
    }
    // Whatever is in front of it, an emergency is let through.
    let body = json!({"call_id": "sos", "ruri": "sip:112@h", "account": "shut"});
    assert_eq!(proxy.route(&body)["action"], "pass");
    assert_eq!(proxy.route(&question("good@x", "+493012345"))["action"], "fork");
    daemon.stop();
}

#[test]
fn wrong_credentials_and_addresses() {
    let home = Home::new("bad-doors", "drain = \"0s\"");
    let mut daemon = home.start();
    let (route, admin) = (home.token("route"), home.token("admin"));
    for (token, path, status) in [
        ("", "/v1/status", 401),
        ("wrong", "/v1/status", 401),
        (&route, "/v1/status", 403),
        (&admin, "/v1/status", 200),
        (&admin, "/v1/nothing", 404),
        (&admin, "/v1/accounts/nobody", 404),
        (&admin, "/v1/accounts/a%20b", 404),
        (&admin, "/v1/accounts/%ff", 400),
        (&admin, "/v1/accounts?limit=none", 400),
        (&admin, "/v1/accounts?colour=red", 400),
        (&admin, "/v1/calls/c1-1", 404),
        (&admin, "/v1/route", 405),
        ("", "/healthz", 200),
    ] {
        let (found, answer) = Line::new(&home.address, token).ask("GET", path, &Value::Null);
        assert_eq!(found, status, "{path}: {answer}");
        assert!(status == 200 || answer["error"].is_string(), "{path}: {answer}");
    }
    let mut admin = home.admin();
    for (method, path, body, status) in [
        ("POST", "/v1/accounts", json!({"name": "a\u{0}b"}), 400),
        ("POST", "/v1/accounts", json!({"name": "ok", "max_calls": -1}), 400),
        ("POST", "/v1/accounts", json!({"name": "ok", "max_cals": 1}), 400),
        ("POST", "/v1/accounts", json!({"name": "ok", "parent": "nobody"}), 422),
        ("POST", "/v1/numbers", json!({"identifier": "a\r\nb@h", "account": "x"}), 400),
        ("POST", "/v1/numbers", json!({"identifier": "+49301234", "account": "x"}), 422),
        ("POST", "/v1/accounts/nobody/devices", json!({"name": "d", "uri": "sip:a@h"}), 404),
        ("DELETE", "/v1/accounts/nobody", Value::Null, 404),
        ("POST", "/v1/calls/c1-1/release", json!({"reason": "x"}), 404),
        ("POST", "/v1/calls/c1-1/release", json!({}), 400),
    ] {
        let (found, answer) = admin.ask(method, path, &body);
        assert_eq!(found, status, "{method} {path} {body}: {answer}");
        assert!(answer["error"].is_string() && MISTAKES.contains(&found), "{answer}");
    }
    assert_eq!(admin.get("/v1/status")["accounts"], 0);
    daemon.stop();
}

#[test]
fn bytes_that_are_hardly_http() {
    let home = Home::new("bad-bytes", "drain = \"0s\"");
    let mut daemon = home.start();
    let token = home.token("route");
    let post = |more: &str, length: usize| {
        format!(
            "POST /v1/route HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{more}\
             Content-Length: {length}\r\n\r\n"
        )
    };
    let good = question("x@y", "+4930").to_string();
    let with = |head: String, body: &str| [head.as_bytes(), body.as_bytes()].concat();
    let status = |bytes: &[u8]| raw(&home.address, bytes).map(|answer| answer.0);

    let long = |length: usize| format!("X-Long: {}\r\n", "y".repeat(length));
    assert_eq!(status(&with(post(&long(10_000), good.len()), &good)), Some(200));
    assert_eq!(status(&with(post(&long(1_000_000), good.len()), &good)), Some(431));
    let many: String = (0..2000).map(|number| format!("X-{number}: y\r\n")).collect();
    assert_eq!(status(&with(post(&many, good.len()), &good)), Some(431));
    assert_eq!(status(&with(post("", 1 << 20), &"x".repeat(1 << 20))), Some(413));
    // Announced and never sent; the answer must not wait for it.
    assert_eq!(status(&with(post("", 1 << 40), "x")), Some(413));
    for bytes in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nBad Header: x\r\n\r\n",
        b"POST /v1/route HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /v1/route HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ] {
        let found = status(bytes);
        assert!(found.is_none_or(|status| MISTAKES.contains(&status)), "{bytes:?}: {found:?}");
    }
    assert!(daemon.runs() && daemon.is_ready());
    daemon.stop();
    assert!(!daemon.log().contains("panic"), "{}", daemon.log());
}

#[test]
fn a_batch_of_events_takes_what_is_good() {
    let home = Home::new("bad-events", "drain = \"0s\"");
    let mut daemon = home.start();
    home.lay_down("alice", 2, "+493012345");
    let mut proxy = home.proxy();
    proxy.route(&question("a@x", "+493012345"));
    let batch = json!([7, null, {"event": "end"}, {"event": "ended", "call_id": "a@x"},
        {"event": "start", "call_id": "a@x", "from_tag": "t", "ruri": "\u{0}", "account": "\r\n"}]);
    let taken = proxy.done("POST", "/v1/event", &batch);
    assert_eq!((&taken["accepted"], taken["refused"].as_array().unwrap().len()), (&json!(1), 4));
    assert_eq!(home.admin().get("/v1/calls/a@x")["state"], "up");
    for (body, status) in [("", 400), ("{", 400), ("7", 400), ("[[", 400)] {
        let found = proxy.try_ask("POST", "/v1/event", Some(body.as_bytes())).unwrap();
        assert_eq!(found.0, status, "{body}: {}", found.1);
    }
    let long = "x".repeat(300_000);
    assert_eq!(proxy.try_ask("POST", "/v1/event", Some(long.as_bytes())).unwrap().0, 413);
    daemon.stop();
}
