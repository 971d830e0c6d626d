//! Messages, deposits, notices and uploads as the API shows them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{
    AccountName, DepositCause, MailboxName, Medium, MessageId, MessageState, NodeId, NoticeKind,
    NoticeState, Part, Stored,
};

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageView {
    /// Its number, `m7-12c`.
    pub id: MessageId,
    /// Where it lies.
    pub mailbox: MailboxName,
    /// Whose mailbox it was when it was left; absent when the account is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// Who left it: number or address.
    pub from: Arc<str>,
    /// The From URI.
    pub from_uri: Arc<str>,
    /// The display name; may be empty.
    pub from_display: Arc<str>,
    /// The caller's account, if he has one here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<AccountName>,
    /// The SIP Call-ID of the call in which it was left.
    pub call_id: Arc<str>,
    /// Why the call came to the mailbox.
    pub cause: DepositCause,
    /// What was recorded, in order.
    pub parts: Vec<Part>,
    /// All parts in one file, where they could be joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined: Option<Stored>,
    /// The length of all parts, in milliseconds.
    pub length_ms: u64,
    /// Whether the caller called it urgent.
    pub urgent: bool,
    /// Where it is in its life.
    pub state: MessageState,
    /// When the deposit began, milliseconds since 1970.
    pub began_ms: i64,
    /// When it was left, milliseconds since 1970.
    pub left_ms: i64,
    /// When its state changed last, milliseconds since 1970.
    pub changed_ms: i64,
    /// In a cluster, or where there is a bucket: the numbers of the nodes that have its files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeId>,
    /// Whether the bucket has its files.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_bucket: bool,
    /// In a cluster, or where there is a bucket: whether it survives the loss of a node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safe: Option<bool>,
}

/// Which messages are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageFilter {
    /// Only those in this mailbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailbox: Option<MailboxName>,
    /// Only those of this account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// Only those in this state; without one, all but deleted ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<MessageState>,
}

/// Sets a message's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageEdit {
    /// `new`, `heard` or `saved`.
    pub state: MessageState,
}

/// A message that is being left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepositView {
    /// The number of the deposit and of its message.
    pub id: MessageId,
    /// Which mailbox.
    pub mailbox: MailboxName,
    /// Whose; absent when the account is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// Who leaves it.
    pub from: Arc<str>,
    /// The SIP Call-ID.
    pub call_id: Arc<str>,
    /// Why the call came to the mailbox.
    pub cause: DepositCause,
    /// The switch that records it.
    pub switch: Arc<str>,
    /// Where it is: the name of a state in the picture of `docs/messages.md`.
    pub state: String,
    /// What was recorded last, or is being recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<Medium>,
    /// How many parts there are, thrown away ones aside.
    pub parts: usize,
    /// How much was recorded, in milliseconds.
    pub length_ms: u64,
    /// When it began, milliseconds since 1970.
    pub began_ms: i64,
}

/// Asks for the other medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediumBody {
    /// `audio` or `video`.
    pub medium: Medium,
}

/// What is told to the world outside, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeView {
    /// `KIND:MESSAGE`, or `KIND:CALL`.
    pub id: Arc<str>,
    /// What it is about.
    pub kind: NoticeKind,
    /// Which deposit, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// How far it has come.
    pub state: NoticeState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was written down, milliseconds since 1970.
    pub at_ms: i64,
    /// When it is tried next, or was tried last, milliseconds since 1970.
    pub next_ms: i64,
    /// What went wrong last, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Arc<str>>,
    /// What is told.
    pub body: serde_json::Value,
}

/// Which notices are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeFilter {
    /// Only those in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<NoticeState>,
}

/// What a link is good for, and how far its upload has come. Says nothing about the message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadView {
    /// What is expected.
    pub medium: Medium,
    /// How much has come, in bytes: where an upload goes on.
    pub offset: u64,
    /// How large the upload is that has begun, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// The largest that is taken, in bytes.
    pub bytes_max: u64,
    /// Until when the link can be used, milliseconds since 1970.
    pub expires_ms: i64,
    /// Whether all has come and was taken.
    pub complete: bool,
}

/// How many notices are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxStatus {
    /// They wait for their next try.
    pub waiting: u64,
    /// They were refused for good, or tried too often.
    pub given_up: u64,
}
