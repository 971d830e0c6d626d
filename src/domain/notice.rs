//! Notices: what is told to the world outside, at least once and until it was heard.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::MessageId;

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum NoticeKind {
    /// A message was left.
    #[serde(rename = "message.left")]
    MessageLeft,
    /// A call came to a mailbox and left no message.
    #[serde(rename = "call.missed")]
    CallMissed,
    /// A caller may leave a video by a link.
    #[serde(rename = "link.made")]
    LinkMade,
}

impl NoticeKind {
    /// The word that programs read.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MessageLeft => "message.left",
            Self::CallMissed => "call.missed",
            Self::LinkMade => "link.made",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::MessageLeft, Self::CallMissed, Self::LinkMade]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// How far a notice has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeState {
    /// It waits for its next try.
    Waiting,
    /// It was heard.
    Told,
    /// It was refused for good, or has been tried too often. It stays visible.
    GivenUp,
}

/// One notice of the outbox. There is exactly one for each message and kind; whoever hears it
/// twice (an acknowledgement may be lost) knows it by its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// `KIND:MESSAGE`, the same at every try.
    pub id: Arc<str>,
    /// What it is about.
    pub kind: NoticeKind,
    /// Which deposit.
    pub message: MessageId,
    /// What is told, as JSON.
    pub body: Arc<str>,
    /// When it was written down, milliseconds since 1970.
    pub at_ms: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next, milliseconds since 1970.
    pub next_ms: i64,
    /// How far it has come.
    pub state: NoticeState,
    /// What went wrong last, in a sentence.
    pub trouble: Option<Arc<str>>,
}

impl Notice {
    /// A new one.
    #[must_use]
    pub fn new(kind: NoticeKind, message: MessageId, body: Arc<str>, at_ms: i64) -> Self {
        Self {
            id: format!("{}:{message}", kind.as_str()).into(),
            kind,
            message,
            body,
            at_ms,
            attempts: 0,
            next_ms: at_ms,
            state: NoticeState::Waiting,
            trouble: None,
        }
    }
}
