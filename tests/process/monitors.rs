//! What monitors read, and what the log says of calls.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::daemon::{Home, event, question, until};

/// Holds a page to the rules of OpenMetrics 1.0, as far as we use them; gives all samples.
#[track_caller]
fn read_metrics(page: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut types: BTreeMap<&str, &str> = BTreeMap::new();
    let mut helps: Vec<&str> = Vec::new();
    let mut family = "";
    let body = page.strip_suffix("# EOF\n").unwrap_or_else(|| panic!("no end: {page}"));
    assert!(!body.contains("# EOF"), "and says so once");
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!helps.contains(&name), "two HELP of {name}");
            assert!(help.ends_with('.'), "{line}: a sentence");
            helps.push(name);
            family = name;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(name, family, "TYPE stands behind its HELP");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(types.insert(name, kind).is_none(), "two TYPE of {name}");
        } else {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let name = sample.split('{').next().unwrap();
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit();
            assert!(name.starts_with("hallporter_") && name.bytes().all(plain), "{line}");
            let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("{line} in {family}"));
            let fits: &[&str] = match types[family] {
                "counter" => &["_total"],
                "gauge" => &[""],
                _ => &["_bucket", "_sum", "_count"],
            };
            assert!(fits.contains(&suffix), "{line} as {}", types[family]);
            let value: f64 = value.parse().unwrap();
            assert!(value >= 0.0 && samples.insert(sample.to_owned(), value).is_none(), "{line}");
        }
    }
    assert_eq!(helps.len(), types.len());
    samples
}

#[test]
fn monitors_get_what_they_read() {
    let home = Home::new("monitors", "drain = \"0s\"");
    let mut daemon = home.start();
    home.lay_down("alice", 1, "+493012345");
    let mut proxy = home.proxy();
    for call_id in ["one@x", "two@x", "one@x"] {
        proxy.route(&question(call_id, "+493012345"));
    }
    proxy.route(&question("sos@x", "112"));
    let mut monitor = super::line::Line::new(&home.address, "");
    assert_eq!(monitor.get("/healthz"), json!({"alive": true}));
    assert_eq!(monitor.get("/readyz"), json!({"ready": true}));
    let mut read = || read_metrics(&monitor.try_ask("GET", "/metrics", None).unwrap().1);
    let samples = read();
    for (name, value) in [
        ("hallporter_calls", 2.0),
        ("hallporter_calls_reserved", 2.0),
        ("hallporter_decisions_total{outcome=\"fork\",cause=\"\"}", 1.0),
        ("hallporter_decisions_total{outcome=\"refuse\",cause=\"cap_in\"}", 1.0),
        ("hallporter_decisions_repeated_total", 1.0),
        ("hallporter_emergencies_total", 1.0),
        ("hallporter_accounts", 1.0),
        ("hallporter_rights_out", 1.0),
        ("hallporter_settled", 1.0),
        ("hallporter_store_failing", 0.0),
        ("hallporter_changes_not_written_total", 0.0),
        ("hallporter_draining", 0.0),
        ("hallporter_route_answer_seconds_count", 4.0),
        ("hallporter_http_answers_total{route=\"/v1/route\",code=\"200\"}", 4.0),
    ] {
        assert_eq!(samples.get(name), Some(&value), "{name} in {samples:?}");
    }
    proxy.tell(&event("failed", "one@x"));
    let after = read();
    assert_eq!(after["hallporter_calls"], 1.0);
    assert_eq!(after["hallporter_calls_ended_total{cause=\"failed\"}"], 1.0);
    until("the rows are written", || read()["hallporter_store_rows_waiting"] == 0.0);
    daemon.stop();
}

/// Digits that stand for people, in every place where a proxy can put them.
const SECRET: &str = "4915550";

#[test]
fn the_log_names_calls_and_nobody_in_them() {
    let more = "drain = \"0s\"\n[log]\nformat = \"json\"\n[kamailio]\ntrust_from = true\nlook_every = \"1s\"\n\
                [[kamailio.proxy]]\nname = \"k1\"\nrpc = \"http://127.0.0.1:9/RPC\"";
    let home = Home::new("log", more);
    let mut daemon = home.start();
    home.lay_down("alice", 1, &format!("+{SECRET}01"));
    let (mut proxy, mut admin) = (home.proxy(), home.admin());
    let registered = json!({"name": "soft", "aor": format!("sip:{SECRET}55@hp.test"), "stage": 1});
    admin.done("POST", "/v1/accounts/alice/devices", &registered);
    let from = format!("sip:+{SECRET}77@trunk");
    let ask = |call_id: &str, ruri: &str| {
        json!({"call_id": call_id, "from_tag": "t", "from_uri": from, "ruri": ruri,
               "from_display": format!("Bob {SECRET}88")})
    };
    for (call_id, ruri) in [
        ("fork@x", format!("sip:+{SECRET}01@gw")),
        ("full@x", format!("sip:+{SECRET}01@gw")),
        ("pass@x", format!("sip:+{SECRET}99@gw")),
        ("sos@x", "sip:112@gw".to_owned()),
    ] {
        proxy.route(&ask(call_id, &ruri));
    }
    let adopted = json!({"event": "start", "call_id": "adopted@x", "from_tag": "t",
                         "ruri": format!("sip:+{SECRET}01@gw"), "from_uri": from});
    proxy.tell(&adopted);
    // Numbers where none belong: the log may say that, and not what.
    for bad in [
        json!({"call_id": format!("{SECRET}\r\n"), "ruri": "sip:a@h"}),
        json!({"call_id": "a", "ruri": format!("sip:{SECRET}\u{0}@h")}),
        json!({"call_id": "a", "ruri": "sip:a@h", "account": format!("+{SECRET}66\u{0}")}),
        json!({"call_id": "a", "ruri": "sip:a@h", "method": format!("INVITE{SECRET}")}),
        json!({"call_id": "a", "ruri": "sip:a@h", "source_ip": format!("{SECRET}")}),
        json!({"call_id": "a", "ruri": [format!("sip:{SECRET}@h")]}),
    ] {
        let (status, answer) = proxy.ask("POST", "/v1/route", &bad);
        assert!([400, 422].contains(&status), "{bad}: {status} {answer}");
        let told = json!([bad, {"event": SECRET, "call_id": SECRET}, SECRET]);
        proxy.ask("POST", "/v1/event", &told);
    }
    proxy.try_ask("POST", "/v1/event", Some(format!("[{{\"{SECRET}").as_bytes()));
    let call = admin.get("/v1/calls/adopted@x")["call"].as_str().unwrap().to_owned();
    let path = format!("/v1/calls/{call}/release");
    admin.done("POST", &path, &json!({"reason": "nobody was there"}));
    admin.ask("POST", &format!("/v1/calls/{call}/end"), &Value::Null);
    proxy.tell(&event("end", "fork@x"));
    daemon.logs("freed the slot");
    daemon.stop();
    let log = daemon.log();
    assert_eq!(about_calls(&log), 4, "{log}");
    assert!(!log.contains(SECRET), "{log}");
    assert!(log.contains("the proxy's calls can't be read"), "a silent proxy is told: {log}");
}

/// How many lines are about a call. Each of them names it, and no line names anybody.
#[track_caller]
fn about_calls(log: &str) -> usize {
    let mut count = 0;
    for line in log.lines().filter(|line| line.starts_with('{')) {
        assert!(!line.contains(SECRET), "somebody's number is in the log: {line}");
        let fields: Value = serde_json::from_str(line).unwrap();
        let level = fields["level"].as_str().unwrap();
        assert!(["INFO", "WARN", "ERROR"].contains(&level), "{line}");
        let message = fields["message"].as_str().unwrap();
        if message.contains("counted now") || message.contains("slot of a call") {
            assert_eq!(fields["call_id"], "adopted@x", "{line}");
            count += 1;
        }
        if message.contains("it was answered 400") && fields["field"] != "call_id" {
            assert_eq!(fields["call_id"], "a", "{line}");
        }
        if message.contains("a registration") {
            assert!(["fork@x", "full@x"].contains(&fields["call_id"].as_str().unwrap()), "{line}");
            count += 1;
        }
    }
    count
}
