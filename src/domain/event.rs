//! What a proxy tells, and what it shows when it is asked.

use std::sync::Arc;

use super::{AccountName, CallState, DeviceName};

/// What happened to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum EventKind {
    /// Answered (the 200, not yet the ACK: measured on Kamailio 5.6.3).
    Start,
    /// An answered call ended.
    End,
    /// The call ended without an answer.
    Failed,
    /// A device that sleeps is needed now.
    Wake,
}

/// How one branch of a call ended.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BranchEnd {
    /// The device that rang.
    pub device: DeviceName,
    /// Its final SIP code; 408 if it did not answer in time.
    pub code: u16,
    /// How long after it was called, in milliseconds; a tenth of a second is as exact as it gets.
    pub after_ms: u32,
    /// How long after its stage had begun it woke, in milliseconds, if it was woken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub woke_ms: Option<u32>,
}

/// One event of a call's life, in any order, any number of times.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CallEvent {
    /// What happened.
    pub kind: EventKind,
    /// The SIP Call-ID.
    pub call_id: Arc<str>,
    /// The From tag, empty if it was not told.
    pub from_tag: Arc<str>,
    /// Kamailio's dialog, so that the end of one attempt does not end the next one.
    pub dialog: Option<(u32, u32)>,
    /// The SIP code that ended it, if known.
    pub code: Option<u16>,
    /// How the branches ended, in that order; those that were cancelled or never answered may be
    /// missing.
    pub branches: Arc<[BranchEnd]>,
    /// The device that has answered, if the proxy knows it.
    pub device: Option<DeviceName>,
    /// Who made the call, if the proxy had authenticated the caller; for a call that is not
    /// known here.
    pub account: Option<AccountName>,
    /// What was dialled; for a call that is not known here.
    pub ruri: Option<Arc<str>>,
    /// Who called; for a call that is not known here.
    pub from_uri: Option<Arc<str>>,
}

impl CallEvent {
    /// An event of which nothing more is known.
    #[must_use]
    pub fn of(kind: EventKind, call_id: Arc<str>) -> Self {
        Self {
            kind,
            call_id,
            from_tag: "".into(),
            dialog: None,
            code: None,
            branches: [].into(),
            device: None,
            account: None,
            ruri: None,
            from_uri: None,
        }
    }
}

/// One call as a proxy's own list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenDialog {
    /// The SIP Call-ID.
    pub call_id: Arc<str>,
    /// The From tag.
    pub from_tag: Arc<str>,
    /// Kamailio's `h_entry` and `h_id`, which `dlg.end_dlg` wants.
    pub dialog: (u32, u32),
    /// Early or answered; dialogs that have ended already (state 5) are not passed on.
    pub state: CallState,
    /// When it began, seconds since 1970 by the proxy's clock.
    pub started_s: i64,
    /// The account of an authenticated caller.
    pub account: Option<AccountName>,
    /// What was dialled.
    pub ruri: Option<Arc<str>>,
    /// Who called.
    pub from_uri: Arc<str>,
    /// Whether the proxy let it through as an emergency call.
    pub emergency: bool,
}
