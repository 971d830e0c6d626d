//! The cluster, over a daemon that answers as it was told to.

use serde_json::json;

use super::fake::Fake;
use super::{directory, ends, err, out};

fn node(number: u16, name: &str, up: bool) -> serde_json::Value {
    json!({"number": number, "name": name, "region": "eu", "role": "voter", "here": number == 1,
           "up": up, "connected": up, "boot": 7, "since_ms": 1_700_000_000_000_i64,
           "clock_offset_ms": -12, "lag_ms": 3, "lag_rows": 40,
           "rights": [{"cap": "total", "held": 5}]})
}

fn view() -> serde_json::Value {
    json!({"cluster": "voice", "node": "a", "role": "leader", "leader": "a", "quorum": true,
           "voters": 2, "applied": 9, "committed": 10, "certificate_s": 864_000,
           "authority": true, "nodes": [node(1, "a", true), node(2, "b", false)]})
}

#[test]
fn the_cluster_is_shown() {
    let dir = directory("cluster-shown");
    let fake = Fake::start(&[
        ("GET /v1/cluster", 200, view()),
        ("GET /v1/cluster?account=alice", 200, view()),
    ]);
    fake.configure(&dir);
    let status = ends(&dir, "cluster status --account alice", 0);
    for part in ["voice", "a (leader)", "9 carried out of 10", "10 days", "total 5", "-12"] {
        assert!(out(&status).contains(part), "{part}: {}", out(&status));
    }
    let nodes = ends(&dir, "cluster nodes", 0);
    let b = out(&nodes).lines().find(|line| line.contains(" b ")).unwrap();
    assert!(b.contains("no"), "{b}");
    let json = ends(&dir, "cluster voters --json", 0);
    let voters: serde_json::Value = serde_json::from_str(out(&json)).unwrap();
    assert_eq!(voters.as_array().unwrap().len(), 2);
}

#[test]
fn a_doctor_who_finds_something_ends_with_one() {
    let dir = directory("cluster-doctor");
    let found = json!({"findings": [{"what": "b is down", "advice": "start it"}]});
    let ill = Fake::start(&[("GET /v1/cluster/doctor", 200, found)]);
    ill.configure(&dir);
    let told = ends(&dir, "cluster doctor", 1);
    assert_eq!(out(&told), "b is down\n    start it\n");
    assert!(err(&told).contains("one thing is wrong"), "{}", err(&told));
    let told = ends(&dir, "cluster doctor --json", 1);
    assert!(out(&told).contains("\"advice\": \"start it\""), "{}", out(&told));
    let well = Fake::start(&[("GET /v1/cluster/doctor", 200, json!({"findings": []}))]);
    well.configure(&dir);
    assert_eq!(out(&ends(&dir, "cluster doctor", 0)), "nothing is wrong\n");
}

#[test]
fn what_is_typed_is_asked_for() {
    let dir = directory("cluster-asked");
    let token = json!({"token": "hallporter-join-x", "expires_ms": 1});
    let fake = Fake::start(&[
        ("POST /v1/cluster", 201, view()),
        ("POST /v1/cluster/tokens", 201, token),
        ("POST /v1/cluster/leave", 202, json!({"calls": 2})),
        ("DELETE /v1/cluster/nodes/b", 204, json!(null)),
        ("PUT /v1/cluster/voters", 200, view()),
    ]);
    fake.configure(&dir);
    assert!(out(&ends(&dir, "cluster init --name voice", 0)).contains("first node"));
    // Redirected into a file: the token and nothing else.
    assert_eq!(out(&ends(&dir, "cluster token --good-for 2h", 0)), "hallporter-join-x\n");
    assert!(out(&ends(&dir, "cluster leave", 0)).contains("2 calls"));
    assert!(out(&ends(&dir, "cluster remove b", 0)).contains("policy strict"));
    let removed = ends(&dir, "--json cluster remove b", 0);
    let removed: serde_json::Value = serde_json::from_str(out(&removed)).unwrap();
    assert_eq!(removed["removed"], "b");
    assert!(removed["warning"].as_str().unwrap().contains("policy strict"), "{removed}");
    ends(&dir, "cluster voters set a b", 0);
    let asked: Vec<_> = fake.asked().into_iter().map(|asked| asked.body).collect();
    assert_eq!(asked[0], json!({"name": "voice"}));
    assert_eq!(asked[1], json!({"good_for_s": 7_200}));
    assert_eq!(asked[2], json!({"now": false}));
    assert_eq!(asked[5], json!({"names": ["a", "b"]}));
    // A daemon that was named and is not there is not passed over.
    let gone = ends(&dir, "cluster init --url http://127.0.0.1:9", 4);
    assert!(err(&gone).contains("can't be reached"), "{}", err(&gone));
    assert!(!dir.join("data").exists());
}

#[test]
fn an_account_says_where_its_rights_are_and_how_far_its_caps_hold() {
    let dir = directory("cluster-account");
    let pool = json!({"live": 3, "cap": 9, "held": 5, "frozen": 0, "overdraft": 0});
    let share = |node: &str, here: bool, live: Option<u64>| {
        json!({"node": node, "here": here, "up": here, "cap": "total", "held": 5, "granted": 12,
               "live": live, "revoked": !here})
    };
    let account = |policy: &str, overdraft: u64| {
        json!({"name": "alice", "max_calls": 9, "policy": policy, "enabled": true, "children": 0,
        "numbers": 1, "devices": 1,
        "usage": {"total": pool, "incoming": pool, "outgoing": pool},
        "cluster": {
            "nodes": [share("a", true, Some(3)), share("b", false, None)],
            "worst": [{"cap": "total", "limit": 9, "overdraft": overdraft, "revoked": 9}],
        }})
    };
    let lowered = |policy: &str, overdraft: u64| {
        let mut view = account(policy, overdraft);
        view["cluster"]["worst"][0]["out"] = json!(12);
        view
    };
    let fake = Fake::start(&[
        ("GET /v1/accounts/alice", 200, account("available", 3)),
        ("GET /v1/accounts/bob", 200, account("strict", 0)),
        ("GET /v1/accounts/carol", 200, lowered("strict", 0)),
        ("GET /v1/accounts/dave", 200, lowered("available", 3)),
    ]);
    fake.configure(&dir);
    let shown = ends(&dir, "account show alice", 0);
    for line in [
        "node  up    cap          rights  ever granted  live",
        "a     here  max_calls         5            12     3",
        "b     no    max_calls  5, freed            12     -",
        "max_calls: at worst 21 instead of 9: 3 on overdraft while nodes don't reach each other, 9 of a node that was taken for dead and is not",
    ] {
        assert!(out(&shown).contains(line), "{line}\n{}", out(&shown));
    }
    let strict = ends(&dir, "account show bob", 0);
    assert!(out(&strict).contains("max_calls: never more than 9, whatever"), "{}", out(&strict));
    for (name, line) in [
        (
            "carol",
            "max_calls: 12 are up until they end, and then never more than 9, whatever fails",
        ),
        ("dave", "max_calls: at worst 24 instead of 9: 12 are up until they end, 3 on overdraft"),
    ] {
        let shown = ends(&dir, &format!("account show {name}"), 0);
        assert!(out(&shown).contains(line), "{line}\n{}", out(&shown));
    }
}

#[test]
fn check_says_how_rights_are_shared() {
    let dir = directory("cluster-check");
    ends(&dir, "init --dir d --cluster-listen 127.0.0.1:1", 0);
    let checked = ends(&dir, "check -c d/hallporter.toml", 0);
    let told = "cluster: ask_within 170ms, overdraft 1, release_after 2m, waiting_max 10000";
    assert!(out(&checked).contains(told), "{}", out(&checked));
    let file = dir.join("d/hallporter.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let never = text.replace("#release_after = \"2m\"", "release_after = \"never\"");
    std::fs::write(&file, never).unwrap();
    let checked = ends(&dir, "check -c d/hallporter.toml --json", 0);
    let checked: serde_json::Value = serde_json::from_str(out(&checked)).unwrap();
    let want = json!({"ask_within_ms": 170, "overdraft": 1, "release_after_ms": null,
                      "waiting_max": 10_000});
    assert_eq!(checked["cluster"], want);
    ends(&dir, "init --dir alone", 0);
    let alone = ends(&dir, "check -c alone/hallporter.toml", 0);
    assert!(!out(&alone).contains("cluster:"), "{}", out(&alone));
}
