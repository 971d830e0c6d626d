//! Calls and decisions as the admin API shows them.

use serde::{Deserialize, Serialize};

use crate::domain::{AccountName, CallState, EndCause};

/// A live call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallView {
    /// Our number of it, `c1-2f`.
    pub call: String,
    /// The node that has it, in a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The SIP Call-ID.
    pub call_id: String,
    /// Admitted or answered.
    pub state: CallState,
    /// Who called.
    pub from: String,
    /// What was dialled.
    pub to: String,
    /// The account it counts for at the calling end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<AccountName>,
    /// The account it counts for at the called end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callee: Option<AccountName>,
    /// Whether it is an emergency call.
    pub emergency: bool,
    /// When it was admitted, milliseconds since 1970.
    pub started_ms: i64,
    /// When it was answered, milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_ms: Option<i64>,
    /// When it expires if nothing follows, milliseconds since 1970.
    pub expires_ms: i64,
}

/// Which live calls are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFilter {
    /// Only those that count for this account, at either end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// Only those of this node, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

/// A call was ended at the proxy. Its slot is free once the proxy has said so or no longer lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndView {
    /// Our number of the call.
    pub call: String,
}

/// A call whose slot was freed by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedView {
    /// Our number of it.
    pub call: String,
    /// The SIP Call-ID.
    pub call_id: String,
    /// Why its row went away.
    pub cause: EndCause,
    /// The SIP code that ended it, if it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// How long it was up, in milliseconds.
    pub up_ms: i64,
}

/// Frees a slot by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseBody {
    /// Why, for the audit line; 1 to 200 characters.
    pub reason: String,
}

/// What a call would come to, without anything being changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// The whole decision with its steps.
    pub decision: serde_json::Value,
    /// What the proxy would be answered.
    pub answer: serde_json::Value,
    /// The decision in sentences.
    pub lines: Vec<String>,
}

/// What is known about one call, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// What happened.
    pub entries: Vec<WhyEntry>,
    /// Nodes that may know more of it, and did not say so in time or are not reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<String>,
}

/// One thing that happened to a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyEntry {
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// The node that has it in its history; absent: the one that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// What.
    pub kind: WhyKind,
    /// In sentences.
    pub lines: Vec<String>,
    /// For programs.
    pub data: serde_json::Value,
}

/// What kind of thing happened to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhyKind {
    /// It was found at a proxy and is counted since.
    Adopted,
    /// It was decided.
    Decided,
    /// Its row went away.
    Ended,
    /// An operator freed its slot.
    Released,
    /// Somebody was told of it, or was to be.
    Told,
}
