//! A disk that is full or can't be written. The small disks need root; without it that is said.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::daemon::{Home, event, question, until};
use super::lists::{calls, metric};

/// A disk in memory, gone when the test is over.
struct Disk(PathBuf);

impl Disk {
    /// `None`, and a line, where this user may not mount.
    fn mount(at: &Path, megabytes: u32) -> Option<Self> {
        let size = format!("size={megabytes}m,mode=0700");
        let done = mount(&["-t", "tmpfs", "-o", &size, "hallporter-test"], at);
        if !done {
            eprintln!("skipped: a small disk can't be mounted here (that needs root)");
        }
        done.then(|| Self(at.to_owned()))
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.0.join("ballast")).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mount(options: &[&str], at: &Path) -> bool {
    let output = Command::new("mount").args(options).arg(at).output();
    output.is_ok_and(|output| output.status.success())
}

#[test]
fn a_full_disk_stops_no_call_and_is_told() {
    let home = Home::new("full", "drain = \"0s\"");
    let Some(disk) = Disk::mount(&home.data(), 4) else { return };
    let mut daemon = home.start();
    home.lay_down("alice", 100_000, "+493012345");
    let (mut proxy, mut admin) = (home.proxy(), home.admin());
    proxy.route(&question("before@x", "+493012345"));
    disk.fill();

    let mut count = 0;
    ask_until_it_fails(&home, "full", &mut count);
    let mut name = 0;
    let mut refusal = (0, Value::Null);
    until("changes are refused", || {
        name += 1;
        refusal = admin.ask("POST", "/v1/accounts", &json!({"name": format!("late{name}")}));
        refusal.0 == 503
    });
    let sentence = refusal.1["error"].as_str().unwrap();
    assert!(sentence.contains("is full") && sentence.contains("free some room"), "{sentence}");
    let missing = format!("/v1/accounts/late{name}");
    assert_eq!(admin.ask("GET", &missing, &Value::Null).0, 404, "nothing was changed");
    assert!(metric(&mut admin, "hallporter_changes_not_written_total") >= 1);
    assert!(metric(&mut admin, "hallporter_store_rows_waiting") > 0);
    until("the status tells it", || {
        let status = admin.get("/v1/status");
        status["ready"] == true
            && status["trouble"].as_str().is_some_and(|trouble| trouble.contains("is full"))
            && status["store_lag_ms"].as_u64().unwrap() > 0
    });
    // Whoever asks why is not told that nothing is known.
    let last = format!("/v1/why/full-{count}@x");
    let why = admin.ask("GET", &last, &Value::Null);
    assert_eq!(why.0, 503, "{}", why.1);
    assert!(why.1["error"].as_str().is_some_and(|error| error.contains("not written down yet")));
    // A slot can't be freed by hand without the line that says who did it.
    let call = admin.get("/v1/calls/before@x")["call"].as_str().unwrap().to_owned();
    let release = admin.ask("POST", &format!("/v1/calls/{call}/release"), &json!({"reason": "x"}));
    assert_eq!(release.0, 503, "{}", release.1);
    proxy.tell(&event("end", "full-1@x"));

    disk.make_room();
    let mut written = || {
        metric(&mut admin, "hallporter_store_failing") == 0
            && metric(&mut admin, "hallporter_store_rows_waiting") == 0
    };
    // A batch that has just been taken in hand is counted nowhere for a moment: two looks in a row.
    until("all is written", || written() && written());
    assert!(admin.get("/v1/status")["trouble"].is_null());
    assert_eq!(admin.ask("GET", &last, &Value::Null).0, 200);
    admin.done("POST", "/v1/accounts", &json!({"name": "after"}));
    until("nothing waits", || metric(&mut admin, "hallporter_store_rows_waiting") == 0);
    assert!(daemon.log().contains("calls are written down again"), "{}", daemon.log());
    daemon.kill();
    let mut daemon = home.start();
    let found = calls(&mut home.admin());
    assert_eq!(found.len(), count, "before, and all but the one that ended");
    assert!(found.contains_key("before@x") && !found.contains_key("full-1@x"));
    home.admin().get("/v1/accounts/after");
    daemon.stop();
}

/// Asks about calls until they can't be written down; files that were made larger before may
/// still take a little.
#[track_caller]
fn ask_until_it_fails(home: &Home, name: &str, count: &mut usize) {
    let (mut proxy, mut admin) = (home.proxy(), home.admin());
    until("calls can't be written down", || {
        for _ in 0..50 {
            *count += 1;
            let answer = proxy.route(&question(&format!("{name}-{count}@x"), "+493012345"));
            assert_eq!(answer["action"], "fork", "a call is decided whatever the disk says");
        }
        metric(&mut admin, "hallporter_store_failing") == 1
    });
}

#[test]
fn a_stop_and_a_start_with_a_full_disk_are_told() {
    let home = Home::new("full-stop", "drain = \"0s\"");
    let Some(disk) = Disk::mount(&home.data(), 4) else { return };
    let mut daemon = home.start();
    home.lay_down("alice", 100_000, "+493012345");
    disk.fill();
    ask_until_it_fails(&home, "last", &mut 0);
    daemon.stop();
    assert!(daemon.log().contains("some calls could not be written down"), "{}", daemon.log());
    let log = home.refusal();
    assert!(log.contains("is full") && log.contains("free some room"), "{log}");
    disk.make_room();
    home.start().stop();
}

#[test]
fn a_directory_that_can_not_be_written_is_told() {
    let home = Home::new("read-only", "drain = \"0s\"");
    let Some(disk) = Disk::mount(&home.data(), 4) else { return };
    home.start().stop();
    assert!(mount(&["-o", "remount,ro"], &disk.0));
    let log = home.refusal();
    assert!(log.contains("the data directory") && log.contains("Read-only"), "{log}");
    assert!(mount(&["-o", "remount,rw"], &disk.0));
    home.start().stop();
}

#[test]
fn a_file_where_the_directory_should_be_is_told() {
    let home = Home::new("no-directory", "");
    std::fs::remove_dir(home.data()).unwrap();
    std::fs::write(home.data(), "x").unwrap();
    let log = home.refusal();
    assert!(log.contains("the data directory") && log.contains("can't be used"), "{log}");
}
