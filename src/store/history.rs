//! What happened to calls, in pages: many entries are one row, found by their keys' hashes.
//!
//! An index over Call-IDs would be written at a random place for each entry, which costs more than
//! all the rest. Operators ask seldom: they read the hashes of all pages (a few milliseconds), and
//! then the few pages that have theirs.

use std::collections::VecDeque;

use rusqlite::{Connection, Transaction, params};
use serde::Serialize;

use crate::desk::Ended;
use crate::domain::{CallRef, Decision};

use super::HistoryEntry;
use super::entry::{DECIDED, ENDED, Entry, OTHER};
use super::entry_read::read_page;

/// How many entries `why` gives for one call at most, the newest.
const WHY_MAX: usize = 200;
/// The most entries of a page: it is read whole for one of them.
const PAGE_MAX: usize = 250;
/// The most entries that wait for the disk; beyond it the oldest page is dropped and counted.
pub(super) const WAITING_MAX: usize = 10_000;
/// How many written pages are kept to be filled again; further ones are given back to the system.
const SPARE_MAX: usize = 4;

/// Entries that are written down together.
#[derive(Debug, Default)]
pub(super) struct Page {
    body: Vec<u8>,
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
        kind: u8,
        (call_id, call, at_ms): (&str, Option<CallRef>, i64),
        write: impl FnOnce(&mut Entry<'_>),
    ) {
        let mut entry = Entry::begin(&mut self.body, kind, call_id, call, at_ms);
        write(&mut entry);
        entry.close();
        self.keys.extend_from_slice(&hash(call_id.as_bytes()).to_le_bytes());
        if let Some(call) = call {
            self.keys.extend_from_slice(&hash(&call.0.to_le_bytes()).to_le_bytes());
        }
        self.entries += 1;
        self.at_ms = at_ms;
        self.call = self.call.max(call.map(|call| call.0.cast_signed()));
    }

    /// Empty, with the memory that it has.
    fn emptied(mut self) -> Self {
        self.body.clear();
        self.keys.clear();
        Self { body: self.body, keys: self.keys, ..Self::default() }
    }
}

/// Entries that wait for the disk.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    full: VecDeque<Page>,
    open: Page,
    entries: usize,
    pub(super) dropped: u64,
    /// Pages that were written. A page of fresh memory for every 250 calls would cost more than
    /// what is written on it.
    spare: Vec<Page>,
}

impl Waiting {
    pub(super) fn decided(&mut self, decision: &Decision) {
        let head = (&*decision.call_id, decision.call, decision.at_ms);
        self.add(DECIDED, head, |entry| entry.decision(decision));
    }

    pub(super) fn ended(&mut self, ended: &Ended) {
        let head = (&*ended.call_id, Some(ended.call), ended.at_ms);
        self.add(ENDED, head, |entry| entry.ended(ended));
    }

    pub(super) fn other(
        &mut self,
        head: (&str, Option<CallRef>, i64),
        kind: &str,
        data: &impl Serialize,
    ) {
        self.add(OTHER, head, |entry| {
            entry.text(kind);
            entry.json(data);
        });
    }

    fn add(
        &mut self,
        kind: u8,
        head: (&str, Option<CallRef>, i64),
        write: impl FnOnce(&mut Entry<'_>),
    ) {
        self.open.add(kind, head, write);
        self.entries += 1;
        if self.open.entries >= PAGE_MAX {
            let next = self.spare.pop().unwrap_or_default();
            self.full.push_back(std::mem::replace(&mut self.open, next));
        }
        if self.entries > WAITING_MAX
            && let Some(oldest) = self.full.pop_front()
        {
            self.entries -= oldest.entries;
            self.dropped += oldest.entries as u64;
        }
    }

    /// Takes written pages back.
    pub(super) fn give_back(&mut self, pages: impl Iterator<Item = Page>) {
        let room = SPARE_MAX.saturating_sub(self.spare.len());
        self.spare.extend(pages.take(room).map(Page::emptied));
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
        if self.open.entries > 0 {
            let next = self.spare.pop().unwrap_or_default();
            pages.push(std::mem::replace(&mut self.open, next));
        }
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
        .execute(params![entries, page.at_ms, page.call, page.keys, page.body])
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
            let wanted =
                |call_id: &str, of: Option<CallRef>| call_id == key || (of.is_some() && of == call);
            let mut entries = read_page(&bytes, wanted);
            entries.reverse();
            found.append(&mut entries);
        }
    }
    found.truncate(WHY_MAX);
    found.reverse();
    Ok(found)
}

/// The same on every machine and in every version: it is written down.
fn hash(bytes: &[u8]) -> u32 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut sum = bytes.len() as u64;
    let mut eights = bytes.chunks_exact(8);
    for eight in &mut eights {
        let mut word = [0; 8];
        word.copy_from_slice(eight);
        sum = (sum ^ u64::from_le_bytes(word)).wrapping_mul(ODD).rotate_left(29);
    }
    let mut rest = 0;
    for byte in eights.remainder() {
        rest = rest << 8 | u64::from(*byte);
    }
    sum = (sum ^ rest).wrapping_mul(ODD);
    u32::try_from(sum >> 32).unwrap_or(0)
}
