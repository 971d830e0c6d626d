//! What happened to calls, in pages: many entries are one row, found by their keys' hashes.
//!
//! An index over Call-IDs would be written at a random place for each entry, which costs more than
//! all the rest. Operators ask seldom: they read the hashes of all pages (a few milliseconds), and
//! then the few pages that have theirs.

use std::collections::VecDeque;

use rusqlite::{Connection, Transaction, params};
use serde::Serialize;
use serde_json::Value;

use crate::domain::CallRef;

use super::HistoryEntry;
use super::pack::{NoJson, Pack, Unpack, hash};

/// How many entries `why` gives for one call at most, the newest.
const WHY_MAX: usize = 200;
/// The most entries of a page: it is read whole for one of them.
const PAGE_MAX: usize = 250;
/// The most entries that wait for the disk; beyond it the oldest page is dropped and counted.
pub(super) const WAITING_MAX: usize = 10_000;

/// Entries that are written down together.
#[derive(Debug, Default)]
pub(super) struct Page {
    pack: Pack,
    /// Hashes of Call-IDs and of our numbers.
    keys: Vec<u8>,
    entries: usize,
    /// When the last of them happened.
    at_ms: i64,
    /// The greatest number of a call in it.
    call: Option<i64>,
}

impl Page {
    fn add(
        &mut self,
        call_id: &str,
        call: Option<CallRef>,
        at_ms: i64,
        kind: &str,
        data: &impl Serialize,
    ) -> Result<(), NoJson> {
        self.pack.add(&(call_id, call.map(|call| call.0), at_ms, kind, data))?;
        self.keys.extend_from_slice(&hash(call_id.as_bytes()).to_le_bytes());
        if let Some(call) = call {
            self.keys.extend_from_slice(&hash(&call.0.to_le_bytes()).to_le_bytes());
        }
        self.entries += 1;
        self.at_ms = at_ms;
        self.call = self.call.max(call.map(|call| call.0.cast_signed()));
        Ok(())
    }
}

/// Entries that wait for the disk.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    full: VecDeque<Page>,
    open: Page,
    entries: usize,
    pub(super) dropped: u64,
}

impl Waiting {
    /// Takes one in. What can't be written is dropped and counted.
    pub(super) fn add(
        &mut self,
        call_id: &str,
        call: Option<CallRef>,
        at_ms: i64,
        kind: &str,
        data: &impl Serialize,
    ) {
        if self.open.add(call_id, call, at_ms, kind, data).is_err() {
            self.dropped += 1;
            return;
        }
        self.entries += 1;
        if self.open.entries >= PAGE_MAX {
            self.full.push_back(std::mem::take(&mut self.open));
        }
        if self.entries > WAITING_MAX
            && let Some(oldest) = self.full.pop_front()
        {
            self.entries -= oldest.entries;
            self.dropped += oldest.entries as u64;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries
    }

    /// Whether a page is full.
    pub(super) fn is_due(&self) -> bool {
        !self.full.is_empty()
    }

    /// All of it, to be written.
    pub(super) fn take(&mut self) -> Vec<Page> {
        self.entries = 0;
        let mut pages: Vec<Page> = self.full.drain(..).collect();
        let open = std::mem::take(&mut self.open);
        pages.extend((open.entries > 0).then_some(open));
        pages
    }
}

pub(super) fn entries(pages: &[Page]) -> usize {
    pages.iter().map(|page| page.entries).sum()
}

/// Writes a page down. Its number is that of its last entry since the beginning.
pub(super) fn write(transaction: &Transaction<'_>, page: &Page) -> rusqlite::Result<()> {
    let entries = i64::try_from(page.entries).unwrap_or(i64::MAX);
    transaction
        .prepare_cached(
            "INSERT INTO history (id, at_ms, call, keys, body)
             VALUES ((SELECT coalesce(max(id), 0) FROM history) + ?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![entries, page.at_ms, page.call, page.keys, page.pack.bytes])
        .map(|_| ())
}

/// Forgets the pages of which all is too much or too old.
pub(super) fn forget(
    transaction: &Transaction<'_>,
    kept: usize,
    before_ms: i64,
) -> rusqlite::Result<()> {
    let kept = i64::try_from(kept).unwrap_or(i64::MAX);
    transaction.execute(
        "DELETE FROM history WHERE id <= (SELECT coalesce(max(id), 0) FROM history) - ?1",
        [kept],
    )?;
    // Pages are written in the order of time: the old ones are in front.
    transaction.execute(
        "DELETE FROM history WHERE id IN
         (SELECT id FROM history WHERE at_ms < ?1 ORDER BY id LIMIT 10000)",
        [before_ms],
    )?;
    Ok(())
}

/// What is known of a call, by its Call-ID or our number of it, oldest first.
pub(super) fn why(connection: &Connection, key: &str) -> rusqlite::Result<Vec<HistoryEntry>> {
    let call = CallRef::parse(key);
    let hashes = [Some(hash(key.as_bytes())), call.map(|call| hash(&call.0.to_le_bytes()))];
    let hashes = hashes.map(|hash| hash.map(u32::to_le_bytes));
    let mut pages = connection.prepare_cached("SELECT id, keys FROM history ORDER BY id DESC")?;
    let mut body = connection.prepare_cached("SELECT body FROM history WHERE id = ?1")?;
    let mut rows = pages.query([])?;
    let mut found = Vec::new();
    while found.len() < WHY_MAX
        && let Some(row) = rows.next()?
    {
        let keys = row.get_ref(1)?.as_blob()?;
        if keys.chunks_exact(4).any(|one| hashes.iter().flatten().any(|hash| hash == one)) {
            let bytes: Vec<u8> = body.query_row([row.get::<_, i64>(0)?], |row| row.get(0))?;
            let mut entries = read(&bytes, key, call);
            entries.reverse();
            found.append(&mut entries);
        }
    }
    found.truncate(WHY_MAX);
    found.reverse();
    Ok(found)
}

/// The entries of a page that are about a call. What makes no sense in it is left out.
fn read(bytes: &[u8], key: &str, wanted: Option<CallRef>) -> Vec<HistoryEntry> {
    let mut unpack = Unpack::new(bytes);
    let mut entries = Vec::new();
    while let Some(Value::Array(parts)) = unpack.next() {
        let Ok([call_id, call, at_ms, kind, data]) = <[Value; 5]>::try_from(parts) else { break };
        let (Value::String(call_id), Value::String(kind)) = (call_id, kind) else { break };
        let call = call.as_u64().map(CallRef);
        if call_id == key || (call.is_some() && call == wanted) {
            let at_ms = at_ms.as_i64().unwrap_or(0);
            entries.push(HistoryEntry { call_id, call, at_ms, kind, data });
        }
    }
    entries
}
