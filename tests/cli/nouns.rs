//! What each noun asks, and how the answer is shown to people and to programs.

use std::path::Path;

use serde_json::{Value, json};

use super::fake::Fake;
use super::{directory, ends, hallporter, out};

fn pool(live: u64, cap: Option<u32>) -> Value {
    json!({"live": live, "cap": cap, "held": 2, "frozen": 0, "overdraft": 1})
}

fn account(name: &str) -> Value {
    json!({
        "name": name, "max_calls": 2, "policy": "available", "enabled": true,
        "refusal_codes": {"to": 600}, "children": 0, "numbers": 1, "devices": 2,
        "usage": {"total": pool(1, Some(2)), "incoming": pool(1, None), "outgoing": pool(0, None)},
    })
}

fn call() -> Value {
    json!({
        "call": "c1-2f", "call_id": "abc@10.0.0.1", "state": "up", "from": "+15550100",
        "to": "evil\u{1b}[2J", "callee": "alice", "emergency": false,
        "started_ms": 1_795_492_177_123_i64, "answered_ms": 1_795_492_178_000_i64,
        "expires_ms": 1_795_535_377_123_i64,
    })
}

pub(super) fn page(items: &[Value]) -> Value {
    json!({"items": items, "next": null})
}

/// Runs a line against the answers; gives its output and what was asked last, with the body.
#[track_caller]
pub(super) fn ask(
    name: &str,
    line: &str,
    answers: &[(&str, u16, Value)],
) -> (String, String, Value) {
    let dir = directory(name);
    let fake = Fake::start(answers);
    fake.configure(&dir);
    let output = ends(&dir, line, 0);
    let asked = fake.asked().pop().unwrap();
    assert_eq!(asked.authorization, "Bearer 0123456789abcdef");
    (out(&output).to_owned(), asked.line, asked.body)
}

#[test]
fn accounts() {
    let one = ("POST /v1/accounts", 201, account("alice"));
    let line = "account add alice --max-calls 2 --max-in 1 --parent boss --policy strict \
                --zone europe/berlin --code-in 600 --disabled";
    let (text, _, body) = ask("account-add", line, std::slice::from_ref(&one));
    assert_eq!(text, "account alice added\n");
    let expected = json!({
        "name": "alice", "max_calls": 2, "max_in": 1, "parent": "boss", "policy": "strict",
        "zone": "Europe/Berlin", "enabled": false, "refusal_codes": {"to": 600},
    });
    assert_eq!(body, expected);
    let (text, _, _) = ask("account-add-json", "account add alice --json", &[one]);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), account("alice"));

    let changed = [
        ("GET /v1/accounts/alice", 200, account("alice")),
        ("PATCH /v1/accounts/alice", 200, account("alicia")),
    ];
    let line =
        "account set alice --rename alicia --max-calls none --no-parent --enabled --code-out 480";
    let (text, asked, body) = ask("account-set", line, &changed);
    assert_eq!(
        (text.as_str(), asked.as_str()),
        ("account alicia changed\n", "PATCH /v1/accounts/alice")
    );
    let expected = json!({
        "rename": "alicia", "max_calls": null, "parent": null, "enabled": true,
        "refusal_codes": {"to": 600, "from": 480},
    });
    assert_eq!(body, expected);

    let removed = [("DELETE /v1/accounts/alice", 204, json!(null))];
    assert_eq!(ask("account-rm", "account rm alice", &removed).0, "account alice removed\n");

    let shown = [("GET /v1/accounts/alice", 200, account("alice"))];
    let (text, _, _) = ask("account-show", "account show alice", &shown);
    for part in ["account                    alice", "refused calls to it get    600", "overdraft"]
    {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn lists_of_accounts() {
    let two = page(&[account("alice"), account("bob")]);
    let asked = "GET /v1/accounts?prefix=a&enabled=false&limit=1000";
    let (text, _, _) =
        ask("account-list", "account list --prefix a --disabled", &[(asked, 200, two)]);
    let expected = "\
account  calls  in  out  policy     parent  numbers  devices  enabled
alice      1/2   1    0  available  -             1        2  yes
bob        1/2   1    0  available  -             1        2  yes
";
    assert_eq!(text, expected);
    let none = [("GET /v1/accounts?limit=1000", 200, page(&[]))];
    assert_eq!(ask("account-none", "account list", &none).0, "no accounts\n");
    assert_eq!(ask("account-none-json", "account list --json", &none).0, "[]\n");
}

#[test]
fn lists_follow_their_pages_up_to_the_limit() {
    let dir = directory("paging");
    let names: Vec<Value> = (0..1200).map(|at| account(&format!("a{at:04}"))).collect();
    let fake = Fake::start(&[
        ("GET /v1/accounts?limit=1000", 200, json!({"items": names[..1000], "next": "a0999"})),
        ("GET /v1/accounts?limit=1000&after=a0999", 200, page(&names[1000..])),
        ("GET /v1/accounts?limit=500&after=a0999", 200, page(&names[1000..])),
        ("GET /v1/calls?limit=1000", 200, json!({"items": [], "next": "7"})),
        ("GET /v1/calls?limit=1000&after=7", 200, page(&[call()])),
        ("GET /v1/numbers?limit=1000", 200, json!({"items": [], "next": "7"})),
        ("GET /v1/numbers?limit=1000&after=7", 200, json!({"items": [], "next": "7"})),
    ]);
    fake.configure(&dir);
    let shown = ends(&dir, "account list --json", 0);
    assert_eq!(serde_json::from_slice::<Vec<Value>>(&shown.stdout).unwrap().len(), 1000);
    assert!(super::err(&shown).contains("there is more"), "{}", super::err(&shown));
    for limit in [1500, 2000] {
        let all = ends(&dir, &format!("account list --json --limit {limit}"), 0);
        assert_eq!(serde_json::from_slice::<Vec<Value>>(&all.stdout).unwrap().len(), 1200);
        assert_eq!(super::err(&all), "");
    }
    assert!(out(&ends(&dir, "call list", 0)).contains("c1-2f"), "an empty page is not the end");
    assert_eq!(out(&ends(&dir, "number list", 0)), "no numbers\n", "a page leads to itself");
}

#[test]
fn numbers() {
    let view = json!({"identifier": "+493012345", "account": "alice"});
    let leads = "+493012345 leads to account alice\n";
    let (text, _, body) = ask(
        "number-add",
        "number add +49-30-12345 --account alice",
        &[("POST /v1/numbers", 201, view.clone())],
    );
    assert_eq!((text.as_str(), body), (leads, view.clone()));
    let (text, _, body) = ask(
        "number-set",
        "number set +493012345 --account alice",
        &[("PATCH /v1/numbers/+493012345", 200, view.clone())],
    );
    assert_eq!((text.as_str(), body), (leads, json!({"account": "alice"})));
    let listed = [("GET /v1/numbers?account=alice&limit=1000", 200, page(&[view]))];
    let (text, _, _) = ask("number-list", "number list --account alice", &listed);
    assert_eq!(text, "number      account\n+493012345  alice\n");
    let removed = [("DELETE /v1/numbers/alice@example.com", 204, json!(null))];
    let (text, _, _) = ask("number-rm", "number rm alice@example.com", &removed);
    assert_eq!(text, "alice@example.com removed\n");
}

#[test]
fn devices() {
    let desk = json!({"name": "desk", "uri": "sip:desk@10.0.0.7", "stage": 1, "ring_s": 15, "enabled": true, "dnd": false});
    let mobile = json!({"name": "mobile", "number": "+491711234", "stage": 2, "ring_s": 20, "enabled": false, "dnd": false, "tags": ["cell", "work"]});
    let path = "POST /v1/accounts/alice/devices";
    let line = "device add alice desk --uri sip:desk@10.0.0.7 --stage 1 --ring 15s";
    let (text, _, body) = ask("device-add", line, &[(path, 201, desk.clone())]);
    assert_eq!((text.as_str(), body), ("device desk added to alice\n", desk.clone()));
    let line = "device add alice mobile --number +491711234 --stage 2 --ring 20s --disabled --tag work --tag cell";
    let (_, _, body) = ask("device-add-number", line, &[(path, 201, mobile.clone())]);
    assert_eq!(body, mobile);
    let line = "device set alice desk --aor sip:alice@example.com --ring 1m --disabled";
    let set = [("PATCH /v1/accounts/alice/devices/desk", 200, desk.clone())];
    let (_, _, body) = ask("device-set", line, &set);
    assert_eq!(body, json!({"aor": "sip:alice@example.com", "ring_s": 60, "enabled": false}));
    for (line, sent) in [
        ("--dnd on", json!({"dnd": true})),
        ("--dnd off --tag b --tag a", json!({"dnd": false, "tags": ["a", "b"]})),
        ("--no-tags", json!({"tags": []})),
        ("--push on --aor sip:a@example.com", json!({"push": true, "aor": "sip:a@example.com"})),
    ] {
        let (_, _, body) = ask("device-set-own", &format!("device set alice desk {line}"), &set);
        assert_eq!(body, sent);
    }
    let listed = [("GET /v1/accounts/alice/devices?limit=1000", 200, page(&[desk, mobile]))];
    let (text, _, _) = ask("device-list", "device list alice", &listed);
    let expected = "\
stage  device  ring  by      reached at         enabled  dnd  push  tags
    1  desk     15s  uri     sip:desk@10.0.0.7  yes      no   no    -
    2  mobile   20s  number  +491711234         no       no   no    cell work
";
    assert_eq!(text, expected);
}

#[test]
fn self_care() {
    let view = json!({
        "account": "alice", "may": "all", "places": ["+49", "@example.com"],
        "forwards": {"all": "+4917112345", "busy": "sip:bob@example.net"},
        "not_done": ["busy"], "here": "desk", "tokens": ["desk", "soft"],
    });
    let path = "/v1/accounts/alice/self-care";
    let shown = [(&*format!("GET {path}"), 200, view.clone())];
    let (text, _, _) = ask("care-show", "care show alice", &shown);
    let expected = "\
account              alice
devices may change   all
may forward to       +49 @example.com
forward all          +4917112345
forward busy         sip:bob@example.net (not done: not allowed)
forward no answer    -
forward unreachable  -
rings alone          desk
have a token         desk, soft
";
    assert_eq!(text, expected);
    let set = [(&*format!("PATCH {path}"), 200, view)];
    for (line, sent) in [
        ("--may dnd", json!({"may": "dnd"})),
        ("--place +49 --place @example.com", json!({"places": ["+49", "@example.com"]})),
        ("--no-places", json!({"places": []})),
        (
            "--forward-all +4917112345 --forward-busy none",
            json!({"forwards": {"all": "+4917112345", "busy": null}}),
        ),
        (
            "--forward-unreachable bob@example.net",
            json!({"forwards": {"unreachable": "bob@example.net"}}),
        ),
        ("--here desk", json!({"here": "desk"})),
        ("--no-here", json!({"here": null})),
    ] {
        let (text, _, body) = ask("care-set", &format!("care set alice {line}"), &set);
        assert_eq!((text.as_str(), body), ("self care of alice changed\n", sent));
    }
    let dir = directory("care-wrong");
    for line in ["", "--place 49", "--forward-all bob", "--here desk --no-here", "--may some"] {
        ends(&dir, &format!("care set alice {line}"), 2);
    }
    let token = "/v1/accounts/alice/devices/desk/token";
    let made = [(&*format!("PUT {token}"), 200, json!({"token": "hpd_0_a5"}))];
    assert_eq!(ask("token", "device token alice desk", &made).0, "hpd_0_a5\n");
    let gone = [(&*format!("DELETE {token}"), 204, Value::Null)];
    let (text, _, _) = ask("token-rm", "device token alice desk --rm", &gone);
    assert_eq!(text, "device desk of alice has no token any more\n");
}

#[test]
fn calls() {
    let listed = [("GET /v1/calls?account=alice&limit=1000", 200, page(&[call()]))];
    let (text, _, _) = ask("call-list", "call list --account alice", &listed);
    assert!(text.contains("evil\\u{1b}[2J") && !text.contains('\u{1b}'), "{text:?}");
    assert!(text.contains("2026-11-24 03:49:37Z"), "{text}");
    let (text, _, _) = ask("call-list-json", "call list --account alice --json", &listed);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), json!([call()]));

    let by_call_id = [
        ("GET /v1/calls/abc@10.0.0.1", 200, call()),
        ("POST /v1/calls/c1-2f/end", 200, json!({"call": "c1-2f"})),
    ];
    let (text, _, _) = ask("call-end", "call end abc@10.0.0.1", &by_call_id);
    assert!(text.starts_with("call c1-2f: it was ended at the proxy"), "{text}");
    let ended =
        json!({"call": "c1-2f", "call_id": "abc", "cause": "released", "at_ms": 1, "up_ms": 2});
    let released = [("POST /v1/calls/c1-2f/release", 200, ended)];
    let (_, _, body) = ask("call-release", "call release c1-2f --reason stuck", &released);
    assert_eq!(body, json!({"reason": "stuck"}));
}

#[test]
fn rehearsals_and_reasons() {
    let told = json!({"decision": {}, "answer": {"action": "refuse"}, "lines": ["alice is called", "  refused"]});
    let line = "route --from +15550100 --to 112 --account alice --video";
    let (text, _, body) = ask("route", line, &[("POST /v1/rehearse", 200, told)]);
    assert_eq!(text, "alice is called\n  refused\n");
    assert_eq!((&body["from_uri"], &body["ruri"]), (&json!("tel:+15550100"), &json!("tel:112")));
    assert_eq!((&body["account"], &body["video"]), (&json!("alice"), &json!(true)));
    let entries = json!({"entries": [{"at_ms": 0, "kind": "decided", "lines": ["at cap 2 of 2"], "data": {}}]});
    let (text, _, _) = ask("why", "why a/b", &[("GET /v1/why/a%2Fb", 200, entries)]);
    assert_eq!(text, "1970-01-01 00:00:00Z  decided\n  at cap 2 of 2\n");
}

#[test]
fn the_daemon_is_found_by_flags_and_environment() {
    let dir = directory("found");
    let fake = Fake::start(&[("GET /v1/accounts?limit=1000", 200, page(&[]))]);
    std::fs::write(dir.join("t"), "fedcba9876543210").unwrap();
    ends(&dir, &format!("--json account list --url {} --token-file t", fake.url), 0);
    let output = hallporter(&dir)
        .args(["account", "list"])
        .env("HALLPORTER_URL", &fake.url)
        .env("HALLPORTER_TOKEN_FILE", Path::new("t"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let asked = fake.asked();
    assert!(
        asked.len() == 2 && asked.iter().all(|one| one.authorization == "Bearer fedcba9876543210")
    );
}

#[test]
fn what_is_removed_is_named_for_programs() {
    for (line, path, name) in [
        ("account rm alice", "/v1/accounts/alice", "alice"),
        ("number rm +493012345", "/v1/numbers/+493012345", "+493012345"),
        ("device rm alice desk", "/v1/accounts/alice/devices/desk", "desk"),
        ("rule rm alice", "/v1/accounts/alice/rules", "alice"),
        ("mailbox rm office", "/v1/mailboxes/office", "office"),
        ("message rm m7-12c", "/v1/messages/m7-12c", "m7-12c"),
    ] {
        let answers = [(&*format!("DELETE {path}"), 204, json!(null))];
        let dir = format!("removed-{}", line.split(' ').next().unwrap());
        let (text, ..) = ask(&dir, &format!("{line} --json"), &answers);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), json!({"removed": name}));
    }
}
