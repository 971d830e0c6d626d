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
    /// A text was not let through, because a rule tells of it instead.
    #[serde(rename = "text.missed")]
    TextMissed,
    /// Devices are told of something, by the proxy.
    #[serde(rename = "devices")]
    Devices,
    /// Devices are told how many messages wait.
    #[serde(rename = "lamps")]
    Lamps,
}

impl NoticeKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::MessageLeft,
        Self::CallMissed,
        Self::LinkMade,
        Self::TextMissed,
        Self::Devices,
        Self::Lamps,
    ];

    /// Whether it goes to devices, and not to the webhook.
    #[must_use]
    pub fn is_for_devices(self) -> bool {
        matches!(self, Self::Devices | Self::Lamps)
    }

    /// The word that programs read.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MessageLeft => "message.left",
            Self::CallMissed => "call.missed",
            Self::LinkMade => "link.made",
            Self::TextMissed => "text.missed",
            Self::Devices => "devices",
            Self::Lamps => "lamps",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
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

/// One notice of the outbox. There is exactly one for each message (or call) and kind; whoever hears it
/// twice (an acknowledgement may be lost) knows it by its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// `KIND:MESSAGE`, or `KIND:CALL`; the same at every try.
    pub id: Arc<str>,
    /// What it is about.
    pub kind: NoticeKind,
    /// Which deposit, if it is about one.
    pub message: Option<MessageId>,
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
        Self { message: Some(message), ..Self::about(kind, &message, body, at_ms) }
    }

    /// A new one about something else.
    #[must_use]
    pub fn about(
        kind: NoticeKind,
        what: &impl std::fmt::Display,
        body: Arc<str>,
        at_ms: i64,
    ) -> Self {
        Self {
            id: format!("{}:{what}", kind.as_str()).into(),
            kind,
            message: None,
            body,
            at_ms,
            attempts: 0,
            next_ms: at_ms,
            state: NoticeState::Waiting,
            trouble: None,
        }
    }
}
