//! The table: find, begin, change, end; bounded.

use std::collections::BTreeSet;

use crate::domain::{AccountKey, CallRef, CallState, Now, ProxyId, Seats};

use super::changes::Changes;
use super::keys::{CallHash, Keys};
use super::session::{NONE, STORED};
use super::{Session, SessionRow};

/// A place in the table, good until its call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(pub(super) u32);

/// All calls of this node.
#[derive(Clone, Debug)]
pub struct Table {
    pub(super) slots: Vec<Option<Session>>,
    free: Vec<u32>,
    call_ids: Keys,
    /// The first call of each account as caller and as callee, by account key.
    pub(super) heads: Vec<[u32; 2]>,
    /// Reserved calls by deadline. Answered ones are looked at by the sweep: they are many, and
    /// hours do not need a timer's precision.
    reserved: BTreeSet<(u32, u32)>,
    /// What the store has not written down yet.
    pub(super) unwritten: Changes,
    /// What other nodes were not told yet; `None`: there are none.
    pub(super) untold: Option<Changes>,
    max: usize,
}

/// A call that begins.
#[derive(Clone, Debug)]
pub struct NewCall<'a> {
    /// Our number of it.
    pub call: CallRef,
    /// The SIP Call-ID.
    pub call_id: &'a str,
    /// The From tag, empty if it was not told.
    pub from_tag: &'a str,
    /// Who calls, to be shown.
    pub from: &'a str,
    /// What was dialled, to be shown.
    pub to: &'a str,
    /// The account at the calling end.
    pub caller: Option<AccountKey>,
    /// The account at the called end.
    pub callee: Option<AccountKey>,
    /// What it holds.
    pub seats: Seats,
    /// Whether no cap refuses it.
    pub emergency: bool,
    /// Admitted or answered.
    pub state: CallState,
    /// When it began, milliseconds since 1970.
    pub started_ms: i64,
    /// How long until it expires if nothing follows, in milliseconds.
    pub expires_in_ms: u64,
    /// Kamailio's dialog.
    pub dialog: Option<(u32, u32)>,
}

/// A page of calls.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The calls.
    pub rows: Vec<SessionRow>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<u32>,
}

impl Table {
    /// An empty table for at most `max` calls.
    #[must_use]
    pub fn new(seed: u64, max: usize) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            call_ids: Keys::new(seed),
            heads: Vec::new(),
            reserved: BTreeSet::new(),
            unwritten: Changes::default(),
            untold: None,
            max,
        }
    }

    /// How many calls there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether no further call has a place.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() >= self.max
    }

    /// The place of a Call-ID.
    #[must_use]
    pub fn find(&self, call_id: &str) -> Option<Slot> {
        self.find_hashed(self.hash(call_id), call_id)
    }

    /// The hash of a Call-ID here, and in [`super::Tombstones`] of the same seed.
    #[must_use]
    pub fn hash(&self, call_id: &str) -> CallHash {
        Keys::hash(self.call_ids.seed(), call_id)
    }

    /// [`Table::find`], the Call-ID's [`Table::hash`] being known.
    #[must_use]
    pub fn find_hashed(&self, hash: CallHash, call_id: &str) -> Option<Slot> {
        let is = |place| self.at(place).is_some_and(|session| session.call_id() == call_id);
        self.call_ids.find(hash, is).map(Slot)
    }

    /// The place of a call by our number. Looks at every call (some milliseconds for a million):
    /// only operators ask so, and an index would weigh on each call.
    #[must_use]
    pub fn find_call(&self, call: CallRef) -> Option<Slot> {
        let is = |known: &Option<Session>| known.as_ref().is_some_and(|known| known.call == call);
        self.slots.iter().zip(0..).find(|(known, _)| is(known)).map(|(_, place)| Slot(place))
    }

    /// Reads where a Call-ID would stand, for nothing but to have it read: see
    /// [`Table::touch_ahead`].
    #[must_use]
    pub fn touch_hashed(&self, hash: CallHash) -> bool {
        self.call_ids.touch(hash)
    }

    /// Reads what beginning a call between two accounts will read, for nothing but to have it
    /// read: with a million calls none of it is in a cache, and asked for together the lines come
    /// together.
    #[must_use]
    pub fn touch_ahead(&self, [caller, callee]: [Option<AccountKey>; 2]) -> u32 {
        let head = |account: Option<AccountKey>, end: usize| {
            let heads = account.and_then(|account| self.heads.get(account.0 as usize));
            heads.map_or(NONE, |heads| heads[end])
        };
        let [from, to] = [head(caller, 0), head(callee, 1)];
        let first = |place: u32, end: usize| {
            self.at(place).map_or(0, |session| session.links[end].previous)
        };
        first(from, 0) ^ first(to, 1)
    }

    /// The call at a place.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<&Session> {
        self.at(slot.0)
    }

    /// The call at a place, as a row.
    #[must_use]
    pub fn row(&self, slot: Slot, now: Now) -> Option<SessionRow> {
        self.get(slot).map(|session| session.to_row(wall_of(session.deadline_ds, now)))
    }

    /// Begins a call. The caller has made sure that the Call-ID is new and the table not full.
    pub fn begin(&mut self, new: NewCall<'_>, now: Now) -> Slot {
        let hash = self.hash(new.call_id);
        self.begin_hashed(new, hash, now)
    }

    /// [`Table::begin`], the Call-ID's [`Table::hash`] being known.
    pub fn begin_hashed(&mut self, new: NewCall<'_>, hash: CallHash, now: Now) -> Slot {
        let deadline_ds = tenths(now.mono_ms + new.expires_in_ms);
        let slot = self.put(Session::new(new, deadline_ds), hash);
        self.touch(slot);
        slot
    }

    /// Takes a row back in as the store had it. A Call-ID that is there already is not taken.
    pub fn restore(&mut self, row: &SessionRow, now: Now) -> Option<Slot> {
        let hash = self.hash(&row.call_id);
        if self.find_hashed(hash, &row.call_id).is_some() || self.is_full() {
            return None;
        }
        let left = u64::try_from(row.expires_ms.saturating_sub(now.wall_ms)).unwrap_or(0);
        let slot = self.put(Session::from_row(row, tenths(now.mono_ms + left)), hash);
        if let Some(session) = self.at_mut(slot.0) {
            session.flags |= STORED;
        }
        Some(slot)
    }

    /// A call was answered; `expires_in_ms` is the switch's longest duration.
    pub fn answered(&mut self, slot: Slot, expires_in_ms: u64, now: Now) {
        let Some(session) = self.at_mut(slot.0) else { return };
        let before = session.deadline_ds;
        session.set_answered(now.wall_ms);
        session.deadline_ds = tenths(now.mono_ms + expires_in_ms);
        self.reserved.remove(&(before, slot.0));
        self.touch(slot);
    }

    /// A reserved call has shown signs of life: it expires later.
    pub fn extend(&mut self, slot: Slot, expires_in_ms: u64, now: Now) {
        let deadline = tenths(now.mono_ms + expires_in_ms);
        let Some(session) = self.at_mut(slot.0) else { return };
        if session.state() != CallState::Reserved || session.deadline_ds >= deadline {
            return;
        }
        let before = std::mem::replace(&mut session.deadline_ds, deadline);
        self.reserved.remove(&(before, slot.0));
        self.reserved.insert((deadline, slot.0));
        self.touch(slot);
    }

    /// The proxy's dialog of a call was told.
    pub fn set_dialog(&mut self, slot: Slot, dialog: (u32, u32)) {
        let Some(session) = self.at_mut(slot.0) else { return };
        if session.dialog() != Some(dialog) {
            session.set_dialog(dialog);
            self.touch(slot);
        }
    }

    /// A call holds other seats from now on.
    pub fn set_seats(&mut self, slot: Slot, seats: Seats) {
        if let Some(session) = self.at_mut(slot.0) {
            session.seats = seats;
            self.touch(slot);
        }
    }

    /// Where a call is.
    pub fn set_proxy(&mut self, slot: Slot, proxy: ProxyId) {
        if let Some(session) = self.at_mut(slot.0) {
            session.set_proxy(proxy);
        }
    }

    /// Ends a call: its row as it was last.
    pub fn end(&mut self, slot: Slot) -> Option<Session> {
        let session = self.slots.get_mut(slot.0 as usize)?.take()?;
        for end in 0..2 {
            self.unlink(&session, end);
        }
        self.call_ids.remove(self.hash(session.call_id()), slot.0);
        self.reserved.remove(&(session.deadline_ds, slot.0));
        self.note_gone(&session);
        self.free.push(slot.0);
        Some(session)
    }

    /// The reserved call that expires first, if its time has come.
    #[must_use]
    pub fn expired(&self, now: Now) -> Option<Slot> {
        let (deadline, place) = self.reserved.first()?;
        (*deadline <= floor_tenths(now.mono_ms)).then_some(Slot(*place))
    }

    /// When the next reserved call expires, milliseconds on the monotonic clock.
    #[must_use]
    pub fn next_expiry_ms(&self) -> Option<u64> {
        self.reserved.first().map(|(deadline, _)| u64::from(*deadline) * 100)
    }

    /// How many calls are reserved, not answered.
    #[must_use]
    pub fn reserved(&self) -> usize {
        self.reserved.len()
    }

    /// A page of calls: of one account, newest first, or of all, in no particular order.
    #[must_use]
    pub fn page(
        &self,
        account: Option<AccountKey>,
        from: Option<u32>,
        limit: usize,
        now: Now,
    ) -> Page {
        let mut page = Page::default();
        let mut place = match account {
            Some(account) => from.unwrap_or_else(|| self.chain_start(account)),
            None => from.unwrap_or(0),
        };
        while (place as usize) < self.slots.len() {
            if page.rows.len() == limit {
                page.next = Some(place);
                break;
            }
            let session = self.at(place);
            let next = match account {
                None => place + 1,
                Some(account) => session.map_or(NONE, |known| self.chain_next(account, known)),
            };
            let wanted = |known: &&Session| {
                account.is_none() || known.caller() == account || known.callee() == account
            };
            if let Some(known) = session.filter(wanted) {
                page.rows.push(known.to_row(wall_of(known.deadline_ds, now)));
            }
            place = next;
        }
        page
    }

    /// The bytes that the table takes, as far as it can tell (without the allocator's own).
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Option<Session>>()
            + self.slots.iter().flatten().map(Session::heap_bytes).sum::<usize>()
            + self.call_ids.bytes()
            + self.heads.capacity() * size_of::<[u32; 2]>()
    }

    pub(super) fn at(&self, place: u32) -> Option<&Session> {
        self.slots.get(place as usize)?.as_ref()
    }

    pub(super) fn at_mut(&mut self, place: u32) -> Option<&mut Session> {
        self.slots.get_mut(place as usize)?.as_mut()
    }

    fn put(&mut self, session: Session, hash: CallHash) -> Slot {
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or(NONE)
        });
        if session.state() == CallState::Reserved {
            self.reserved.insert((session.deadline_ds, place));
        }
        self.call_ids.insert(hash, place);
        self.slots[place as usize] = Some(session);
        for end in 0..2 {
            self.link(place, end);
        }
        Slot(place)
    }
}

/// Rounded up, so that nothing expires early.
fn tenths(mono_ms: u64) -> u32 {
    u32::try_from(mono_ms.div_ceil(100)).unwrap_or(u32::MAX)
}

fn floor_tenths(mono_ms: u64) -> u32 {
    u32::try_from(mono_ms / 100).unwrap_or(u32::MAX)
}

pub(super) fn wall_of(deadline_ds: u32, now: Now) -> i64 {
    let left = i64::from(deadline_ds) * 100 - i64::try_from(now.mono_ms).unwrap_or(i64::MAX);
    now.wall_ms.saturating_add(left)
}

#[cfg(test)]
mod tests;
