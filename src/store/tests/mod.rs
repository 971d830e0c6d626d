//! The databases as they are: opened, closed, copied, damaged, full.

mod calls;
mod copies;
mod damage;
mod devices;
mod entries;
mod formats;
mod lists;
mod message_motion;
mod messages;
mod outbox;
mod registry;
mod whole;
mod writer;

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use crate::domain::{AccountKey, AccountName, CallState, NodeId, Seat, Seats};

use super::*;

/// A directory of a test's own, gone when the test is over.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("hallporter-store-{}-{count}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn open(&self) -> Store {
        // A test beside this one that starts a program holds our lock from its fork to its exec.
        const TRIES: u32 = 1_000;
        for _ in 0..TRIES {
            match self.try_open() {
                Err(Error::InUse { .. }) => std::thread::yield_now(),
                opened => return opened.unwrap().0,
            }
        }
        panic!("{} stays in use", self.0.display())
    }

    fn try_open(&self) -> Result<(Store, u32), Error> {
        self.open_keeping(Keep { entries: 1000, for_: Duration::from_secs(3600) }, NOW_MS)
    }

    /// Opens with a wall clock that stands still.
    fn open_keeping(&self, keep: Keep, now_ms: i64) -> Result<(Store, u32), Error> {
        let clock = Arc::new(AtomicI64::new(now_ms));
        Store::open(&self.0, keep, Arc::new(move || clock.load(Ordering::Relaxed)))
    }

    /// The sentence of an opening that fails.
    fn refusal(&self) -> String {
        match self.try_open() {
            Ok(_) => panic!("it opened"),
            Err(error) => error.to_string(),
        }
    }

    /// A second connection, for looking at what is on the disk and for getting in the way.
    fn look(&self, name: &str) -> Connection {
        Connection::open(self.file(name)).unwrap()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const NOW_MS: i64 = 1_800_000_000_000;

fn row(number: u32) -> SessionRow {
    SessionRow {
        call: CallRef::new(NodeId(1), 7, number),
        call_id: format!("call-{number}@host"),
        from_tag_hash: number,
        from: "+15550100".to_owned(),
        to: "alice@example.com".to_owned(),
        caller: None,
        callee: Some(AccountKey(number)),
        seats: Seats::new(&[Seat { account: AccountKey(number), incoming: true, outgoing: false }]),
        state: CallState::Reserved,
        emergency: false,
        started_ms: NOW_MS,
        answered_ms: None,
        expires_ms: NOW_MS + 60_000,
        dialog: None,
        proxy: None,
    }
}

/// Stands in the log where what it comes to is made up.
fn some_command() -> Command {
    Command::AccountRemove { name: AccountName::parse("x").unwrap() }
}

fn entry(call_id: &str, call: Option<CallRef>, at_ms: i64) -> HistoryEntry {
    let data = serde_json::json!({ "at": at_ms });
    HistoryEntry { call_id: call_id.to_owned(), call, at_ms, kind: "decided".to_owned(), data }
}

fn remember(store: &Store, entry: &HistoryEntry) {
    store.remember(&entry.call_id, entry.call, entry.at_ms, &entry.kind, &entry.data);
}

fn sessions_of(store: &Store) -> Vec<SessionRow> {
    let mut rows = Vec::new();
    assert_eq!(store.load_sessions(&mut |row| rows.push(row)).unwrap(), 0);
    rows
}

/// Looks again and again until it is so, or for ten seconds.
#[track_caller]
fn until(what: &str, mut so: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("not within ten seconds: {what}");
}
