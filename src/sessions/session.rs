//! One call in memory, small: a million of them are up.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::domain::{AccountKey, CallRef, CallState, ProxyId, Seats};

use super::{NewCall, SessionRow};

/// The longest `from` and `to` that are kept, in bytes; they are only shown.
const SHOWN_BYTES_MAX: usize = 64;

/// A call in the table.
#[derive(Clone, Debug)]
pub struct Session {
    /// Call-ID, from and to with a NUL between them: one allocation instead of three.
    text: Box<str>,
    /// What it holds of each account in it.
    pub seats: Seats,
    /// Our number of it.
    pub call: CallRef,
    /// When it was admitted, milliseconds since 1970.
    pub started_ms: i64,
    /// When it expires, in tenths of a second on the monotonic clock.
    pub deadline_ds: u32,
    /// How long after its admission it was answered, in milliseconds.
    answered_after_ms: u32,
    tag_hash: u32,
    dialog: (u32, u32),
    caller: u32,
    callee: u32,
    /// Neighbours in the chains of the calling and the called account.
    pub(super) links: [Link; 2],
    proxy: u8,
    /// The number of the look in which it was seen last.
    pub(super) seen_in: u8,
    /// How many looks in a row have missed it.
    pub(super) misses: u8,
    pub(super) flags: u8,
}

/// Neighbours in a chain; [`NONE`] at its ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) previous: u32,
    pub(super) next: u32,
}

pub(super) const NONE: u32 = u32::MAX;
const NO_PROXY: u8 = u8::MAX;
/// It has changed since it was written down.
pub(super) const DIRTY: u8 = 1;
/// It has been written down at least once.
pub(super) const STORED: u8 = 2;
const EMERGENCY: u8 = 4;
/// It has changed since other nodes were told.
pub(super) const UNTOLD: u8 = 8;
/// Other nodes were told of it at least once.
pub(super) const TOLD: u8 = 16;

impl Session {
    pub(super) fn new(new: NewCall<'_>, deadline_ds: u32) -> Self {
        let key = |account: Option<AccountKey>| account.map_or(NONE, |account| account.0);
        Self {
            text: text(new.call_id, new.from, new.to),
            seats: new.seats,
            call: new.call,
            started_ms: new.started_ms,
            deadline_ds,
            answered_after_ms: if new.state == CallState::Up { 0 } else { NONE },
            tag_hash: tag_hash(new.from_tag),
            dialog: new.dialog.unwrap_or((NONE, NONE)),
            caller: key(new.caller),
            callee: key(new.callee),
            links: [Link { previous: NONE, next: NONE }; 2],
            proxy: NO_PROXY,
            seen_in: 0,
            misses: 0,
            flags: if new.emergency { EMERGENCY } else { 0 },
        }
    }

    pub(super) fn from_row(row: &SessionRow, deadline_ds: u32) -> Self {
        let key = |account: Option<AccountKey>| account.map_or(NONE, |account| account.0);
        let after = row.answered_ms.map(|answered| answered.saturating_sub(row.started_ms));
        Self {
            text: text(&row.call_id, &row.from, &row.to),
            seats: row.seats.clone(),
            call: row.call,
            started_ms: row.started_ms,
            deadline_ds,
            answered_after_ms: match (row.state, after) {
                (CallState::Reserved, _) => NONE,
                (CallState::Up, after) => {
                    u32::try_from(after.unwrap_or(0).max(0)).unwrap_or(NONE).min(NONE - 1)
                }
            },
            tag_hash: row.from_tag_hash,
            dialog: row.dialog.unwrap_or((NONE, NONE)),
            caller: key(row.caller),
            callee: key(row.callee),
            links: [Link { previous: NONE, next: NONE }; 2],
            proxy: row.proxy.map_or(NO_PROXY, |proxy| proxy.0),
            seen_in: 0,
            misses: 0,
            flags: if row.emergency { EMERGENCY } else { 0 },
        }
    }

    pub(super) fn to_row(&self, expires_ms: i64) -> SessionRow {
        let (call_id, from, to) = self.texts();
        SessionRow {
            call: self.call,
            call_id: call_id.to_owned(),
            from_tag_hash: self.tag_hash,
            from: from.to_owned(),
            to: to.to_owned(),
            caller: self.caller(),
            callee: self.callee(),
            seats: self.seats.clone(),
            state: self.state(),
            emergency: self.flags & EMERGENCY != 0,
            started_ms: self.started_ms,
            answered_ms: self.answered_ms(),
            expires_ms,
            dialog: self.dialog(),
            proxy: self.proxy(),
        }
    }

    /// The SIP Call-ID.
    #[must_use]
    pub fn call_id(&self) -> &str {
        let end = self.text.bytes().position(|byte| byte == 0).unwrap_or(self.text.len());
        self.text.get(..end).unwrap_or_default()
    }

    /// Admitted or answered.
    #[must_use]
    pub fn state(&self) -> CallState {
        if self.answered_after_ms == NONE { CallState::Reserved } else { CallState::Up }
    }

    /// When it was answered, milliseconds since 1970.
    #[must_use]
    pub fn answered_ms(&self) -> Option<i64> {
        (self.answered_after_ms != NONE)
            .then(|| self.started_ms + i64::from(self.answered_after_ms))
    }

    /// The account at the calling end.
    #[must_use]
    pub fn caller(&self) -> Option<AccountKey> {
        (self.caller != NONE).then_some(AccountKey(self.caller))
    }

    /// The account at the called end.
    #[must_use]
    pub fn callee(&self) -> Option<AccountKey> {
        (self.callee != NONE).then_some(AccountKey(self.callee))
    }

    /// The account at an end: 0 the calling one, 1 the called one.
    pub(super) fn account_at(&self, end: usize) -> Option<AccountKey> {
        if end == 0 { self.caller() } else { self.callee() }
    }

    /// Kamailio's dialog.
    #[must_use]
    pub fn dialog(&self) -> Option<(u32, u32)> {
        (self.dialog != (NONE, NONE)).then_some(self.dialog)
    }

    /// The proxy that has shown it.
    #[must_use]
    pub fn proxy(&self) -> Option<ProxyId> {
        (self.proxy != NO_PROXY).then_some(ProxyId(self.proxy))
    }

    /// Whether a dialog with this From tag is this call's. A tag that was never told is anybody's.
    #[must_use]
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tag_hash == 0 || tag.is_empty() || self.tag_hash == tag_hash(tag)
    }

    pub(super) fn set_answered(&mut self, at_ms: i64) {
        let after = at_ms.saturating_sub(self.started_ms).max(0);
        self.answered_after_ms = u32::try_from(after).unwrap_or(NONE).min(NONE - 1);
    }

    pub(super) fn set_dialog(&mut self, dialog: (u32, u32)) {
        self.dialog = dialog;
    }

    pub(super) fn set_proxy(&mut self, proxy: ProxyId) {
        self.proxy = proxy.0;
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.text.len()
    }

    fn texts(&self) -> (&str, &str, &str) {
        let mut parts = self.text.splitn(3, '\0');
        let mut part = || parts.next().unwrap_or_default();
        (part(), part(), part())
    }
}

/// What is kept of a From tag; 0 only for an empty one. The hash must be the same after a start,
/// so it is not seeded: who aims for an equal hash only shares a slot with himself.
#[must_use]
pub(super) fn tag_hash(tag: &str) -> u32 {
    if tag.is_empty() {
        return 0;
    }
    let mut hasher = DefaultHasher::new();
    tag.hash(&mut hasher);
    #[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
    let half = hasher.finish() as u32;
    half.max(1)
}

fn text(call_id: &str, from: &str, to: &str) -> Box<str> {
    let mut text = String::with_capacity(call_id.len() + from.len() + to.len() + 2);
    text.push_str(call_id);
    for shown in [from, to] {
        text.push('\0');
        let end = (0..=SHOWN_BYTES_MAX.min(shown.len()))
            .rev()
            .find(|end| shown.is_char_boundary(*end))
            .unwrap_or(0);
        let shown = &shown[..end];
        if shown.bytes().all(|byte| byte.is_ascii_graphic()) {
            text.push_str(shown);
        } else {
            text.extend(shown.chars().filter(|character| !character.is_control()));
        }
    }
    text.into_boxed_str()
}
