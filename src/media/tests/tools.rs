//! Foreign programs that do what they want.

use std::time::Duration;

use super::super::tools::{Trouble, arguments, run};
use super::*;

fn shell(script: &str, within: Duration) -> Result<Vec<u8>, Trouble> {
    run(Some(Path::new("/bin/sh")), &arguments(["-c", script]), within)
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_program_is_heard_and_its_failure_told() {
    assert_eq!(shell("echo hello", LONG).unwrap(), b"hello\n");
    let error = shell("echo first >&2; printf 'a \\033[31mword\\n\\n' >&2; exit 3", LONG);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("exit status: 3: a [31mword"), "{error}");
    assert!(matches!(run(None, &[], LONG), Err(Trouble::Missing)));
    let none = run(Some(Path::new("/nowhere/ffmpeg")), &[], LONG);
    assert!(matches!(none, Err(Trouble::Start(_))));
    let nice = shell("nice", LONG).unwrap();
    assert!(String::from_utf8(nice).unwrap().trim().parse::<i32>().unwrap() >= 0);
}

#[test]
fn one_that_talks_without_end_is_heard_to_a_bound() {
    let heard = shell("head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2", LONG).unwrap();
    assert_eq!(heard.len(), 1 << 20);
}

#[test]
fn one_that_asks_gets_no_answer() {
    assert_eq!(shell("read line; echo \"<$line>\"", LONG).unwrap(), b"<>\n");
}

#[test]
fn one_that_is_late_is_killed() {
    let marker = std::env::temp_dir().join(format!("hallporter-late-{}", std::process::id()));
    let _ = fs::remove_file(&marker);
    let script = format!("trap '' TERM; sleep 30; echo lived > {}", marker.display());
    let error = shell(&script, Duration::from_millis(300)).unwrap_err();
    assert!(matches!(error, Trouble::Late(_)), "{error}");
    assert!(!marker.exists(), "it was waited for, not killed");
}

#[test]
fn they_are_looked_for_in_directories() {
    assert_eq!(Tools::find(""), Tools::default());
    assert_eq!(Tools::find("/nowhere:.:bin"), Tools::default());
    if let Some(tools) = ffmpeg() {
        assert!(tools.ffmpeg.unwrap().is_absolute());
    }
}
