//! What is kept for `why`: written down behind the answers, by a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use crate::desk::{Ended, explain};
use crate::domain::{CallRef, Decision, EndCause, Now};
use crate::http::wire::{WhyEntry, WhyKind};
use crate::store::{HistoryEntry, Store};

/// How many entries may wait to be put into words. Beyond it new ones are dropped and counted: a
/// call must not wait for its own record.
const WAITING_MAX: usize = 10_000;

/// How long a stop waits for what is waiting; putting ten thousand into words takes less.
const SETTLE_WITHIN: Duration = Duration::from_secs(2);

/// The way to the record.
pub(crate) struct History {
    store: Arc<Store>,
    waiting: SyncSender<Message>,
    dropped: AtomicU64,
}

enum Message {
    Entry(Entry),
    /// Everything before it was handed on.
    Mark(SyncSender<()>),
}

enum Entry {
    Decided(Arc<Decision>),
    Ended(Ended),
    Released(Ended, String),
    Adopted(CallRef, Arc<str>, i64),
}

impl History {
    pub(crate) fn new(store: Arc<Store>) -> std::io::Result<Self> {
        let (waiting, entries) = sync_channel(WAITING_MAX);
        let writing = Arc::clone(&store);
        std::thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || write(&writing, &entries))?;
        Ok(Self { store, waiting, dropped: AtomicU64::new(0) })
    }

    pub(crate) fn decided(&self, decision: &Arc<Decision>) {
        self.put(Entry::Decided(Arc::clone(decision)));
    }

    pub(crate) fn ended(&self, ended: &Ended) {
        self.put(Entry::Ended(ended.clone()));
    }

    pub(crate) fn released(&self, ended: &Ended, reason: &str) {
        self.put(Entry::Released(ended.clone(), reason.to_owned()));
    }

    pub(crate) fn adopted(&self, call: CallRef, call_id: Arc<str>, now: Now) {
        self.put(Entry::Adopted(call, call_id, now.wall_ms));
    }

    /// Waits until what was put so far is the store's; for a stop, not on a runtime's thread.
    pub(crate) fn settle(&self) {
        let (done, marked) = sync_channel(1);
        if self.waiting.send(Message::Mark(done)).is_ok() {
            let _ = marked.recv_timeout(SETTLE_WITHIN);
        }
    }

    /// How many entries were lost to a full queue.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// What is known of a call, oldest first.
    pub(crate) async fn why(&self, key: String) -> Result<Vec<WhyEntry>, String> {
        let store = Arc::clone(&self.store);
        let found = tokio::task::spawn_blocking(move || store.why(&key)).await;
        let found = found.map_err(|error| error.to_string())?;
        let entries = found.map_err(|error| error.to_string())?;
        Ok(entries.iter().map(read).collect())
    }

    fn put(&self, entry: Entry) {
        if self.waiting.try_send(Message::Entry(entry)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Ends when the house, and with it the sender, is gone.
fn write(store: &Store, messages: &Receiver<Message>) {
    while let Ok(message) = messages.recv() {
        match message {
            Message::Entry(entry) => store.remember(entry.into_words()),
            Message::Mark(done) => drop(done.send(())),
        }
    }
}

impl Entry {
    fn into_words(self) -> HistoryEntry {
        match self {
            Self::Decided(decision) => HistoryEntry {
                call_id: decision.call_id.to_string(),
                call: decision.call,
                at_ms: decision.at_ms,
                kind: "decided".to_owned(),
                json: words(&explain(&decision), &*decision),
            },
            Self::Ended(ended) => over(&ended, "ended", &[sentence(&ended)]),
            Self::Released(ended, reason) => {
                over(&ended, "released", &[format!("an operator freed its slot: {reason}")])
            }
            Self::Adopted(call, call_id, at_ms) => HistoryEntry {
                call_id: call_id.to_string(),
                call: Some(call),
                at_ms,
                kind: "adopted".to_owned(),
                json: words(
                    &["found at a proxy without having been asked about; it is counted from now on".to_owned()],
                    &serde_json::json!({ "call": call }),
                ),
            },
        }
    }
}

fn over(ended: &Ended, kind: &str, lines: &[String]) -> HistoryEntry {
    HistoryEntry {
        call_id: ended.call_id.to_string(),
        call: Some(ended.call),
        at_ms: ended.at_ms,
        kind: kind.to_owned(),
        json: words(lines, ended),
    }
}

fn sentence(ended: &Ended) -> String {
    let why = match ended.cause {
        EndCause::Ended => "it ended",
        EndCause::Failed => "it was never answered",
        EndCause::Expired => "nothing followed after it had been admitted, so its slot was freed",
        EndCause::Vanished => "the proxies were asked twice and do not know it any more",
        EndCause::TooLong => "it has outlived the switch's longest duration (calls.max_duration)",
        EndCause::Released => "an operator freed its slot",
    };
    let code = ended.code.map_or_else(String::new, |code| format!(", SIP code {code}"));
    let up = match ended.up_ms {
        0 => String::new(),
        up_ms => format!(", after {}.{} s", up_ms / 1000, up_ms % 1000 / 100),
    };
    format!("over: {why}{code}{up}")
}

fn words(lines: &[String], data: &impl serde::Serialize) -> String {
    serde_json::json!({ "lines": lines, "data": data }).to_string()
}

fn read(entry: &HistoryEntry) -> WhyEntry {
    let kind = match entry.kind.as_str() {
        "ended" => WhyKind::Ended,
        "released" => WhyKind::Released,
        "adopted" => WhyKind::Adopted,
        _ => WhyKind::Decided,
    };
    let mut words: serde_json::Value = serde_json::from_str(&entry.json).unwrap_or_default();
    let lines = serde_json::from_value(words["lines"].take()).unwrap_or_default();
    WhyEntry { at_ms: entry.at_ms, kind, lines, data: words["data"].take() }
}
