//! What is said at three in the morning.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

use serde_json::{Value, json};

use super::fake::Fake;
use super::{directory, ends, err, hallporter, run};

/// An address at which nobody listens.
fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[track_caller]
fn says(dir: &Path, line: &str, code: i32, parts: &[&str]) {
    let output = ends(dir, line, code);
    let told = err(&output);
    assert!(parts.iter().all(|part| told.contains(part)), "{line}: {told}");
    assert_eq!(super::out(&output), "", "{line}");
}

#[test]
fn a_daemon_that_is_not_there() {
    let dir = directory("unreachable");
    let at = nobody();
    std::fs::write(dir.join("hallporter.toml"), format!("[http]\nlisten = \"{at}\"\n")).unwrap();
    std::fs::write(dir.join("admin.token"), "0123456789abcdef").unwrap();
    let parts =
        [&format!("http://{at}")[..], "Connection refused", "--url", "from hallporter.toml"];
    for line in ["account list", "call list", "route --from +15550100 --to +493012345", "why x"] {
        says(&dir, line, 4, &parts);
    }
}

#[test]
fn a_daemon_that_does_not_answer() {
    let dir = directory("unanswered");
    let door = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = door.local_addr().unwrap().to_string();
    std::fs::write(dir.join("hallporter.toml"), format!("[http]\nlisten = \"{at}\"\n")).unwrap();
    std::fs::write(dir.join("admin.token"), "0123456789abcdef").unwrap();
    // Takes what it is asked, and goes away in the middle of its answer.
    let daemon = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut asked, _) = door.accept().unwrap();
            let _ = asked.read(&mut [0; 4096]).unwrap();
            asked.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{").unwrap();
        }
    });
    let at = format!("hallporter at http://{at} did not answer to the end");
    says(&dir, "account add alice", 5, &[&at, "may have been done: look before repeating it"]);
    says(&dir, "account list", 5, &[&at]);
    daemon.join().unwrap();
}

#[test]
fn wrong_usage() {
    let dir = directory("usage");
    for (line, part) in [
        ("", "Usage"),
        ("acount list", "account"),
        ("account add", "<NAME>"),
        ("account add a/b", "1 to 64 letters"),
        ("account add alice --max-calls many", "--max-calls"),
        ("account add alice --zone Mars", "IANA"),
        ("account set alice", "--max-calls"),
        ("account set alice --max-calls 1x", "none"),
        ("account set alice --enabled --disabled", "cannot be used"),
        ("number add 12 --account alice", "+ and 3 to 15 digits"),
        ("device add alice desk", "--uri"),
        ("device add alice desk --uri sip:a@h --number +49301", "cannot be used"),
        ("device add alice desk --uri sip:a@h --ring 15", "number with its unit"),
        ("device add alice desk --uri sip:a@h --stage 0", "1..=32"),
        ("account list --url htp://localhost", "http://127.0.0.1:8170"),
        ("call end ..", "Call-ID"),
        ("call release c1-1", "--reason"),
        ("route --from alice --to +493012345", "user@host"),
        ("rule list", "unrecognized subcommand"),
        ("complete tcsh", "bash, zsh, fish"),
    ] {
        let output = run(&dir, line);
        assert_eq!(output.status.code(), Some(2), "{line}: {output:?}");
        assert!(err(&output).contains(part), "{line}: {}", err(&output));
    }
}

#[test]
fn tokens_that_are_missing_or_refused() {
    let dir = directory("tokens");
    let fake = Fake::start(&[(
        "GET /v1/accounts?limit=1000",
        403,
        json!({"error": "this token has scope route, and scope admin is needed"}),
    )]);
    fake.configure(&dir);
    says(
        &dir,
        "account list",
        1,
        &["scope admin", "admin_token_file of hallporter.toml", "--token-file"],
    );
    let url = &fake.url;
    says(
        &dir,
        &format!("account list --url {url} --token-file gone"),
        1,
        &["token file gone", "can't be read"],
    );
    std::fs::remove_file(dir.join("admin.token")).unwrap();
    says(
        &dir,
        "account list",
        1,
        &["hallporter.toml", "admin.token does not exist", "hallporter init"],
    );
    std::fs::write(dir.join("admin.token"), "short").unwrap();
    says(&dir, "account list", 1, &["5 characters", "at least 16"]);
    std::fs::write(dir.join("hallporter.toml"), "[http]\nlisten = 8170\n").unwrap();
    says(&dir, "account list", 1, &["line 2", "http.listen", "text in quotes"]);
    std::fs::remove_file(dir.join("hallporter.toml")).unwrap();
    if !Path::new("/etc/hallporter/hallporter.toml").exists() {
        says(&dir, "account list", 1, &["there is no config file", "-c FILE", "hallporter init"]);
        says(&dir, &format!("account list --url {url}"), 1, &["with which token", "--token-file"]);
    }
    says(&dir, "account list -c nowhere.toml", 1, &["nowhere.toml", "no such file"]);
    says(&dir, "serve -c nowhere.toml", 1, &["nowhere.toml", "no such file"]);
    says(&dir, "serve -c .", 1, &["directory"]);
    std::fs::write(dir.join("latin.toml"), b"[node]\n# K\xf6ln\n").unwrap();
    says(&dir, "serve -c latin.toml", 1, &["line 2", "UTF-8"]);
    std::fs::write(dir.join("long.toml"), "#".repeat(300_000)).unwrap();
    says(&dir, "serve -c long.toml", 1, &["longer than 256 KiB"]);
}

#[test]
fn refusals_are_one_sentence() {
    let dir = directory("refused");
    let refused =
        json!({"error": "there is no account alice", "hint": "see `account list`\u{1b}[2J\n"});
    let fake = Fake::start(&[
        ("GET /v1/accounts/alice", 404, refused),
        ("GET /v1/accounts/bob", 200, json!("<html>")),
        ("GET /v1/accounts/carol", 502, Value::Null),
    ]);
    fake.configure(&dir);
    let output = ends(&dir, "account show alice", 1);
    let sentence = "hallporter: there is no account alice: see `account list`\\u{1b}[2J\\n\n";
    assert_eq!(err(&output), sentence);
    says(&dir, "account show bob", 1, &["does not speak as hallporter does", "check --url"]);
    says(&dir, "account show carol", 1, &["502"]);
}

#[test]
fn a_reader_that_has_gone_away_is_no_failure() {
    let dir = directory("pipe");
    let fake =
        Fake::start(&[("GET /v1/accounts?limit=1000", 200, json!({"items": [], "next": null}))]);
    fake.configure(&dir);
    for line in ["man", "complete bash", "account list", "account list --json", "--help"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = hallporter(&dir).args(line.split(' ')).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{line}: {output:?}");
        assert_eq!(err(&output), "", "{line}");
    }
}

#[test]
fn a_full_disk_is_a_failure() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = hallporter(&directory("full")).arg("man").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(err(&output).contains("is the disk full?"), "{}", err(&output));
}
