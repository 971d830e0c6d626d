//! kill -9 at random instants, of a process that writes the log and votes: nothing that it was told
//! is written is gone.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hallporter::store::{Keep, LogKept, Store};

const DIR: &str = "HALLPORTER_KILLED_DIR";
const NAME: &str = "killed::writes_until_it_is_killed";
/// How often it is killed.
const KILLS: u64 = 40;

fn open(dir: &Path) -> Store {
    let keep = Keep { entries: 10, for_: Duration::from_secs(1) };
    Store::open(dir, keep, Arc::new(|| 0)).unwrap().0
}

/// What entry `index` was when it was written for the `round`th time.
fn entry(index: u64, round: u64) -> Vec<u8> {
    let length = usize::try_from(index * 37 % 5_000).unwrap();
    let mut entry = format!("{index} {round} ").into_bytes();
    entry.resize(entry.len() + length, b'.');
    entry
}

fn number(bytes: Option<&Vec<u8>>) -> u64 {
    bytes.map_or(0, |bytes| String::from_utf8(bytes.clone()).unwrap().parse().unwrap())
}

fn index_of(entry: &[u8]) -> u64 {
    let text = String::from_utf8(entry.to_vec()).unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// The process that is killed. It says what it has been told is written: behind it, never before.
#[test]
#[ignore = "the other test here starts it, and kills it"]
fn writes_until_it_is_killed() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let store = open(Path::new(&dir));
    let said = |line: String| {
        let mut out = std::io::stdout().lock();
        out.write_all(line.as_bytes()).unwrap();
        out.flush().unwrap();
    };
    let kept = store.log_kept().unwrap();
    let mut next =
        kept.last.as_ref().map_or_else(|| number(kept.purged.as_ref()), |last| index_of(last)) + 1;
    let mut vote = number(kept.vote.as_ref());
    for round in vote.. {
        let count = round % 7 + 1;
        let entries: Vec<_> =
            (next..next + count).map(|index| (index, entry(index, round))).collect();
        store.log_append(&entries).unwrap();
        next += count;
        said(format!("\nlog {} {round}\n", next - 1));
        if round % 3 == 0 {
            vote += 1;
            store.log_vote(vote.to_string().as_bytes()).unwrap();
            said(format!("\nvote {vote}\n"));
        }
        if round % 11 == 5 {
            store.log_truncate(next - 1).unwrap();
            next -= 1;
            said(format!("\ncut {next}\n"));
        }
        if round % 13 == 7 && next > 50 {
            let to = next - 40;
            store.log_purge(to, to.to_string().as_bytes()).unwrap();
            said(format!("\npurged {to}\n"));
        }
    }
}

/// What the process was told.
#[derive(Debug, Default)]
struct Told {
    /// The last entry that is there, if the last word was not that it was taken away.
    last: u64,
    vote: u64,
    purged: u64,
    words: u64,
}

impl Told {
    fn hear(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        match words[0] {
            "log" => self.last = number(1),
            "vote" => self.vote = number(1),
            "cut" => self.last = number(1) - 1,
            "purged" => self.purged = number(1),
            _ => return,
        }
        self.words += 1;
    }
}

fn life(dir: &Path, words: u64, told: &mut Told) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--ignored", "--nocapture", "--test-threads=1"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let until = told.words + words;
    let mut is_killed = false;
    // What stands in the pipe when it dies was said before.
    for line in out.lines() {
        told.hear(&line.unwrap());
        if told.words >= until && !is_killed {
            child.kill().unwrap();
            is_killed = true;
        }
    }
    assert!(is_killed, "it has ended by itself");
    child.wait().unwrap();
}

fn check(store: &Store, told: &mut Told) {
    let LogKept { vote, purged, last, committed: _ } = store.log_kept().unwrap();
    // One word may have been under way when it was killed.
    let vote = number(vote.as_ref());
    assert!([told.vote, told.vote + 1].contains(&vote), "vote {vote}, {told:?}");
    let purged = number(purged.as_ref());
    assert!(purged >= told.purged, "purged up to {purged}, {told:?}");
    let last = last.map_or(0, |last| index_of(&last));
    assert!(last + 1 >= told.last && last <= told.last + 7, "the last is {last}, {told:?}");
    let entries = store.log_entries(0, u64::MAX, usize::MAX).unwrap();
    let indexes: Vec<u64> = entries.iter().map(|entry| index_of(entry)).collect();
    assert_eq!(indexes, (purged + 1..=last).collect::<Vec<_>>(), "{told:?}");
    for bytes in &entries {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let round = text.split(' ').nth(1).unwrap().parse().unwrap();
        assert_eq!(*bytes, entry(index_of(bytes), round), "whole");
    }
    (told.vote, told.purged, told.last) = (vote, purged, last);
}

struct Dir(PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn no_entry_and_no_vote_that_was_written_is_gone_after_a_kill() {
    let name = format!("hallporter-killed-{}", std::process::id());
    let dir = Dir(std::env::temp_dir().join(name));
    let mut told = Told::default();
    for kill in 0..KILLS {
        // Anywhere: while it opens the file, and after any number of words.
        life(&dir.0, kill * kill * 31 % 97 + 1, &mut told);
        check(&open(&dir.0), &mut told);
    }
    assert!(told.vote > 100 && told.purged > 100, "{told:?}");
}
