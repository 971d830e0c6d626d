//! `rule`, and `route` at another time.

use serde_json::json;

use super::fake::Fake;
use super::nouns::{ask, page};
use super::{directory, ends, err, out};

const GOOD: &str = "zone = \"Europe/Berlin\"\n\n[[rule]]\nname = \"closed\"\nwhen.holidays = [\"public\"]\nmailbox = true\n\n[[rule]]\nring = [[\"desk\", \"mobile\"]]\n\n[[example]]\nname = \"christmas\"\nat = \"2026-12-25 12:00\"\nexpect = [\"mailbox\"]\n\n[[example]]\nat = \"2026-12-27 12:00\"\nexpect = [\"desk + mobile\", \"mailbox\"]\n";
const CALENDAR: &str = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:Christmas\r\nDTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261227\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
const BAD: &str = "[[rule]]\nwhen.hour = \"8-9\"\nrings = [\"desk\"]\n";

fn with_files(name: &str) -> std::path::PathBuf {
    let dir = directory(name);
    for (file, text) in [("good.toml", GOOD), ("public.ics", CALENDAR), ("bad.toml", BAD)] {
        std::fs::write(dir.join(file), text).unwrap();
    }
    dir
}

#[test]
fn examples_are_run_without_a_daemon() {
    let dir = with_files("rule-test");
    let good = "rule test good.toml --holidays public=public.ics";
    let output = ends(&dir, good, 0);
    assert_eq!(out(&output), "good.toml: 2 examples come out as they say\n");
    let output = ends(&dir, &format!("{good} --verbose"), 0);
    let told = out(&output);
    assert!(told.contains("line 11 (christmas): as expected\n  expected  mailbox\n"), "{told}");
    assert!(
        told.contains("  it is Friday 2026-12-25, 12:00 in Europe/Berlin (+01:00)\n"),
        "{told}"
    );
    assert!(told.contains("  rule closed (line 3): no, 2026-12-27 is no holiday\n"), "{told}");
    let json = ends(&dir, &format!("{good} --json"), 0);
    let told: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(
        (told[0]["as_expected"].as_bool(), told[1]["got"][0].as_str()),
        (Some(true), Some("desk + mobile"))
    );

    std::fs::write(dir.join("wrong.toml"), GOOD.replace("2026-12-27 12", "2026-12-26 12")).unwrap();
    let output = ends(&dir, "rule test wrong.toml --holidays public=public.ics", 1);
    assert!(
        out(&output).contains(
            "line 16: FAILS\n  expected  desk + mobile, then mailbox\n  rings     mailbox\n"
        ),
        "{}",
        out(&output)
    );
    assert!(err(&output).contains("1 of 2 examples in wrong.toml fail"), "{}", err(&output));
    let output = ends(&dir, "rule test bad.toml", 1);
    assert!(err(&output).contains("bad.toml: line 2, column 6: rule[0].when.hour: there is no such key: did you mean hours?\n"), "{}", err(&output));
    ends(&dir, "rule test gone.toml", 1);
    for line in ["route --from 1 --to 2 --kind fax", "rule next alice --kind fax"] {
        assert!(err(&ends(&dir, line, 2)).contains("take call, video, text, message or missed"));
    }
    ends(&dir, "rule test good.toml --holidays public.ics", 2);
}

#[test]
fn rules_are_set_from_a_file() {
    let dir = with_files("rule-set");
    let warning = json!({"line": 9, "column": 10, "key": "rule[1].ring[0]", "what": "no device of the account has the tag x"});
    let answer = json!({"account": "alice", "text": GOOD, "warnings": [warning]});
    let fake = Fake::start(&[("PUT /v1/accounts/alice/rules", 200, answer)]);
    fake.configure(&dir);
    let output = ends(&dir, "rule set alice good.toml --holidays public=public.ics", 0);
    assert_eq!(out(&output), "rules of alice set\n");
    let told = "hallporter: good.toml: warning: line 9, column 10: rule[1].ring[0]: no device of the account has the tag x\n";
    assert_eq!(err(&output), told);
    let sent = fake.asked().pop().unwrap();
    let sent = String::from_utf8(sent.bytes).unwrap();
    // Nothing of the file has moved, and the calendar stands behind it.
    assert!(sent.starts_with(GOOD) && sent.ends_with("END:VCALENDAR\n'''\n"), "{sent}");
    assert!(!sent.contains('\r'), "{sent}");
    let before = fake.asked().len();
    let output = ends(&dir, "rule set alice bad.toml", 1);
    assert!(
        err(&output).contains("3 mistakes in bad.toml: nothing was changed"),
        "{}",
        err(&output)
    );
    assert_eq!(fake.asked().len(), before, "a file with mistakes is not sent");
}

#[test]
fn what_the_daemon_finds_is_told_with_its_place() {
    let dir = with_files("rule-refused");
    let mistake = json!({"line": 9, "column": 10, "key": "rule[1].ring[0]", "what": "the account has no device desk"});
    let answer = json!({"error": "one mistake", "mistakes": [mistake]});
    let fake = Fake::start(&[("PUT /v1/accounts/alice/rules", 422, answer)]);
    fake.configure(&dir);
    let output = ends(&dir, "rule set alice good.toml --holidays public=public.ics", 1);
    let told = err(&output);
    assert!(
        told.contains(
            "good.toml: line 9, column 10: rule[1].ring[0]: the account has no device desk\n"
        ),
        "{told}"
    );
    assert!(told.contains("1 mistake in good.toml: nothing was changed"), "{told}");
}

#[test]
fn rules_are_shown_and_removed() {
    let answer = json!({"account": "alice", "text": "# Mine.\n[[rule]]\nring = [\"desk\"]\n"});
    let (text, ..) =
        ask("rule-show", "rule show alice", &[("GET /v1/accounts/alice/rules", 200, answer)]);
    assert_eq!(text, "# Mine.\n[[rule]]\nring = [\"desk\"]\n");
    let (text, ..) =
        ask("rule-rm", "rule rm alice", &[("DELETE /v1/accounts/alice/rules", 204, json!(null))]);
    assert_eq!(text, "rules of alice removed: its notification list rings\n");
}

#[test]
fn changes_are_foretold() {
    let turn = |shown: &str, rings: &[&str]| json!({"at_ms": 1, "shown": shown, "rings": rings});
    let turns = [
        turn("2026-01-15 12:00", &["desk + soft", "mobile"]),
        turn("2026-01-15 22:00", &["mailbox"]),
        turn("2026-01-16 06:00", &[]),
    ];
    let answer = json!({"zone": "Europe/Berlin", "turns": turns});
    let line =
        "GET /v1/accounts/alice/rules/next?from=tel%3A%2B4930&to=%2B493012345&kind=video&days=3";
    let (text, ..) = ask(
        "rule-next",
        "rule next alice --from +4930 --to +493012345 --video --days 3",
        &[(line, 200, answer)],
    );
    assert_eq!(
        text,
        "now               desk + soft, then mobile\n\
         2026-01-15 22:00  mailbox\n\
         2026-01-16 06:00  nobody\n\
         2 changes within 3 days (times of Europe/Berlin)\n"
    );
}

#[test]
fn examples_are_run_with_the_devices_of_an_account() {
    let dir = with_files("rule-account");
    let usage = json!({"live": 0, "cap": null, "held": 0, "frozen": 0, "overdraft": 0});
    let account = json!({
        "name": "alice", "policy": "available", "enabled": true, "refusal_codes": {}, "children": 0,
        "numbers": 1, "devices": 1, "node_zone": "Asia/Tokyo",
        "usage": {"total": usage, "incoming": usage, "outgoing": usage},
    });
    let device = json!({"name": "desk", "uri": "sip:desk@h", "stage": 1, "ring_s": 15, "enabled": true, "tags": ["work"]});
    let fake = Fake::start(&[
        ("GET /v1/accounts/alice", 200, account),
        ("GET /v1/accounts/alice/devices?limit=1000", 200, page(&[device])),
    ]);
    fake.configure(&dir);
    let text = "[[rule]]\nwhen.hours = \"11-13\"\nring = [[\"desk\", \"mobile\"]]\n[[example]]\nat = \"2026-01-15 12:00\"\nwhy = [\"12:00 in Asia/Tokyo\", \"device mobile, stage 1: left out, it is no device of the account (any more)\"]\nexpect = [\"desk\", \"mailbox\"]\n";
    std::fs::write(dir.join("own.toml"), text).unwrap();
    ends(&dir, "rule test own.toml --account alice", 0);
    let text = "[[rule]]\nring = [[\"desk\", \"tag:wrok\"]]\n[[example]]\nexpect = [\"desk\", \"mailbox\"]\n[[example]]\ntags = { mobile = [\"wrok\"] }\nexpect = [\"desk\", \"mailbox\"]\n";
    std::fs::write(dir.join("own.toml"), text).unwrap();
    let output = ends(&dir, "rule test own.toml --account alice", 0);
    let told = "hallporter: own.toml: warning: line 2, column 18: rule[0].ring[0]: no device of the account has the tag wrok: did you mean tag:work?\n";
    assert_eq!(err(&output), told);
    // Without an account there is every device that the file names.
    let output = ends(&dir, "rule test own.toml", 1);
    assert!(out(&output).contains("rings     desk + mobile, then mailbox"), "{}", out(&output));
    assert_eq!(err(&output).matches("warning").count(), 0);
}

#[test]
fn a_call_is_rehearsed_at_another_time() {
    let answer = json!({"decision": {}, "answer": {}, "lines": ["rings"]});
    let dir = directory("route-at");
    let fake = Fake::start(&[("POST /v1/rehearse", 200, answer)]);
    fake.configure(&dir);
    let mut command = super::hallporter(&dir);
    command.args(["route", "--from", "+15550100", "--to", "+4930", "--text"]);
    command.args(["--at", "2026-03-29 02:30", "--tz", "europe/berlin"]);
    assert!(command.output().unwrap().status.success());
    let body = fake.asked().pop().unwrap().body;
    assert_eq!((&body["at"], &body["tz"]), (&json!("2026-03-29 02:30"), &json!("Europe/Berlin")));
    assert_eq!(body["method"], "MESSAGE");
    for bad in ["--at noon", "--at 2026-01-01 --tz Moon", "--tz UTC", "--text --video"] {
        ends(&dir, &format!("route --from +15550100 --to +4930 {bad}"), 2);
    }
}
