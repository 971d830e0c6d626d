//! One call's row, as it is written down and read back.

use serde::{Deserialize, Serialize};

use crate::domain::{AccountKey, CallRef, CallRow, CallState, ProxyId, Seats};

/// A call as the session table holds it, complete in itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    /// Our number of it.
    pub call: CallRef,
    /// The SIP Call-ID; the key.
    pub call_id: String,
    /// A hash of the From tag; 0 if it was never told.
    pub from_tag_hash: u32,
    /// Who called: number or address, at most 64 bytes.
    pub from: String,
    /// What was dialled: number or address, at most 64 bytes.
    pub to: String,
    /// The account it counts for at the calling end.
    pub caller: Option<AccountKey>,
    /// The account it counts for at the called end.
    pub callee: Option<AccountKey>,
    /// What it holds until it ends: of both ends' accounts and those above them as they stood
    /// when it was admitted, and of those that it was forwarded through.
    pub seats: Seats,
    /// Admitted or answered.
    pub state: CallState,
    /// Whether it was an emergency call, which no cap refuses.
    pub emergency: bool,
    /// When it was admitted, milliseconds since 1970.
    pub started_ms: i64,
    /// When it was answered, milliseconds since 1970.
    pub answered_ms: Option<i64>,
    /// When it expires if nothing follows, or reaches the switch's longest duration;
    /// milliseconds since 1970.
    pub expires_ms: i64,
    /// Kamailio's `h_entry` and `h_id`.
    pub dialog: Option<(u32, u32)>,
    /// The proxy that has shown it. Not written down: another configuration may number the
    /// proxies otherwise.
    #[serde(skip)]
    pub proxy: Option<ProxyId>,
}

/// What other nodes, and people, are told of it.
impl From<SessionRow> for CallRow {
    fn from(row: SessionRow) -> Self {
        Self {
            call_id: row.call_id.into(),
            from: row.from.into(),
            to: row.to.into(),
            caller: row.caller,
            callee: row.callee,
            state: row.state,
            emergency: row.emergency,
            started_ms: row.started_ms,
            answered_ms: row.answered_ms,
            expires_ms: row.expires_ms,
        }
    }
}

/// What has happened to a row since it was written down last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowChange {
    /// It is new or has changed.
    Put(SessionRow),
    /// It is gone.
    Gone(CallRef),
}
