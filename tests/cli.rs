//! The real binary: what it prints, and with which code it ends.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

#[path = "cli/cluster.rs"]
mod cluster;
#[path = "cli/fake.rs"]
mod fake;
#[path = "cli/help.rs"]
mod help;
#[path = "cli/import.rs"]
mod import;
#[path = "cli/mail.rs"]
mod mail;
#[path = "cli/nouns.rs"]
mod nouns;
#[path = "cli/rule.rs"]
mod rule;
#[path = "cli/trouble.rs"]
mod trouble;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The program, apart from whatever surrounds the test.
fn hallporter(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hallporter"));
    command.current_dir(dir).env("COLUMNS", "100").stdin(std::process::Stdio::null());
    for name in ["HALLPORTER_URL", "HALLPORTER_TOKEN_FILE", "HALLPORTER_CONFIG"] {
        command.env_remove(name);
    }
    command
}

/// An empty directory of this test's own.
fn directory(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{name}"));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

fn run(dir: &Path, line: &str) -> Output {
    hallporter(dir).args(line.split_whitespace()).output().unwrap()
}

fn out(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn err(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// Runs a line and gives its output; it has to end with `code`.
#[track_caller]
fn ends(dir: &Path, line: &str, code: i32) -> Output {
    let output = run(dir, line);
    assert_eq!(output.status.code(), Some(code), "{line}\n{}{}", out(&output), err(&output));
    output
}

#[test]
fn init_makes_what_the_daemon_needs_and_never_overwrites() {
    use std::os::unix::fs::PermissionsExt;
    let dir = directory("init");
    ends(&dir, "init --dir new/here --name berlin-1 --region eu --listen 0.0.0.0:9170", 0);
    let made = dir.join("new/here");
    let mode = |name: &str| made.join(name).metadata().unwrap().permissions().mode() & 0o777;
    for name in
        ["route.token", "admin.token", "link.key", "freeswitch.password", "hallporter-settings.cfg"]
    {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    assert_eq!(mode("data"), 0o700);
    let read = |name: &str| std::fs::read_to_string(made.join(name)).unwrap();
    let (route, admin) = (read("route.token"), read("admin.token"));
    assert!(route != admin && route.trim().len() == 64 && admin.trim().len() == 64);
    let settings = read("hallporter-settings.cfg");
    assert!(settings.contains("#!define HP_DAEMON_1 http://127.0.0.1:9170\n"), "{settings}");
    assert!(settings.contains(&format!("#!define HP_TOKEN {route}")), "{settings}");
    assert!(!settings.contains("{{"), "{settings}");

    let checked = ends(&dir, "check -c new/here/hallporter.toml", 0);
    assert!(out(&checked).contains("no mistakes"), "{}", out(&checked));
    assert!(out(&checked).contains("0.0.0.0:9170 can be reached from other machines"));

    let again = ends(&dir, "init --dir new/here", 1);
    assert!(err(&again).contains("route.token exists already"), "{}", err(&again));
    assert_eq!(read("route.token"), route);
}

#[test]
fn init_leaves_nothing_half_made() {
    let dir = directory("init-half");
    std::fs::create_dir(dir.join("d")).unwrap();
    std::fs::write(dir.join("d/data"), "a file where a directory should be").unwrap();
    let output = ends(&dir, "init --dir d", 1);
    assert!(err(&output).contains("nothing was changed"), "{}", err(&output));
    assert_eq!(std::fs::read_dir(dir.join("d")).unwrap().count(), 1);
    let json = ends(&dir, "init --dir e --json", 0);
    let made: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(made["config"], "e/hallporter.toml");
}

#[test]
fn check_tells_all_mistakes_with_their_lines() {
    let dir = directory("check");
    let text = "[node]\nnmae = \"x\"\n\n[http]\nlisten = \"localhost:80\"\ndrain = 5\n\
                admin_token_file = \"gone\"\n[log]\nlevel = \"inof\"\n[calls\n";
    std::fs::write(dir.join("bad.toml"), text).unwrap();
    std::fs::write(dir.join("route.token"), "0123456789abcdef").unwrap();
    let output = ends(&dir, "check -c bad.toml", 1);
    let told = out(&output);
    for expected in [
        "line 2: node.nmae: there is no such key: did you mean name?",
        "line 5: http.listen: \"localhost:80\" is not an address with a port: write IP:PORT",
        "line 6: http.drain: must be a duration in quotes",
        "line 7: http.admin_token_file: token file gone does not exist",
        "line 9: log.level: \"inof\" is not one of error, warn, info, debug, trace: did you mean \"info\"?",
        "line 10: this is not TOML",
    ] {
        assert!(told.contains(&format!("bad.toml: {expected}")), "{expected}\n{told}");
    }
    assert_eq!(told.lines().filter(|line| !line.contains("warning")).count(), 6, "{told}");
    assert!(err(&output).contains("6 mistakes in bad.toml"), "{}", err(&output));

    let json = ends(&dir, "check -c bad.toml --json", 1);
    let told: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let lines: Vec<_> =
        told["mistakes"].as_array().unwrap().iter().map(|m| m["line"].as_u64()).collect();
    assert_eq!(lines, [2, 5, 6, 7, 9, 10].map(Some));
    assert_eq!(told["mistakes"][0]["key"], "node.nmae");

    let serve = ends(&dir, "serve -c bad.toml", 1);
    assert!(err(&serve).contains("line 2") && err(&serve).contains("line 10"), "{}", err(&serve));
}

#[test]
fn man_and_completions_hold_every_command() {
    let dir = directory("man");
    let page = ends(&dir, "man", 0);
    for command in [
        "account add",
        "number set",
        "device rm",
        "call release",
        "rule next",
        "mailbox set",
        "message get",
        "deposit switch",
        "notice retry",
        "route",
        "why",
    ] {
        assert!(out(&page).contains(&format!(".SS hallporter {command}\n")), "{command}");
    }
    assert!(out(&page).contains(".SH EXIT STATUS"));
    ends(&dir, "man --dir .", 0);
    assert!(dir.join("hallporter-account-add.1").exists());
    let none = ends(&dir, "man --dir not/there", 1);
    assert!(err(&none).contains("make the directory first"), "{}", err(&none));
    for shell in ["bash", "zsh", "fish"] {
        let script = ends(&dir, &format!("complete {shell}"), 0);
        assert!(out(&script).contains("max-calls"), "{shell}");
    }
}
