//! Messages: what callers leave.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{AccountKey, MailboxName, NodeId, call};

/// The number of a message, given when the deposit begins, made like [`super::CallRef`] of the
/// node, its boot number and a counter. One deposit leaves at most one message, under this number,
/// so delivering it twice is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

impl MessageId {
    /// The `counter`-th deposit after the `boot`-th start of a node.
    #[must_use]
    pub fn new(node: NodeId, boot: u32, counter: u32) -> Self {
        Self(call::numbered(node, boot, counter))
    }

    /// The node at which it is or was left.
    #[must_use]
    pub fn node(self) -> NodeId {
        call::node_of(self.0)
    }

    /// The start of the node in which it was given.
    #[must_use]
    pub fn boot(self) -> u32 {
        call::boot_of(self.0)
    }

    /// Reads what [`fmt::Display`] wrote, and nothing else: it is the name of a directory.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (boot, counter) = text.strip_prefix('m')?.split_once('-')?;
        let plain = |part: &str| {
            u32::from_str_radix(part, 16).ok().filter(|value| format!("{value:x}") == part)
        };
        Some(Self(u64::from(plain(boot)?) << 32 | u64::from(plain(counter)?)))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m{:x}-{:x}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

impl Serialize for MessageId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MessageId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("no number of a message"))
    }
}

/// What a file holds, by its content: its SHA-256. Two equal recordings are one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentId(pub [u8; 32]);

impl ContentId {
    /// Reads 64 lower-case hexadecimal digits, and nothing else: it is a file's name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut id = [0; 32];
        for (place, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
            *place = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(id))
    }
}

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for ContentId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContentId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("no content id"))
    }
}

/// Sound alone, or picture and sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Medium {
    /// Sound.
    Audio,
    /// Picture and sound.
    Video,
}

impl Medium {
    /// The ending of a recording's file name. Video is Matroska while it is recorded: an mp4 is
    /// lost when the switch is killed, an mkv is not (measured on FreeSWITCH 1.11.2).
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Audio => "wav",
            Self::Video => "mkv",
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Audio => Self::Video,
            Self::Video => Self::Audio,
        }
    }
}

/// Why the call came to the mailbox.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum DepositCause {
    /// The called party was in a call.
    Busy,
    /// Nobody answered.
    NoAnswer,
    /// No device could be reached.
    Unreachable,
    /// The account was at its cap.
    AtCap,
    /// Somebody declined the call.
    Declined,
    /// It was not told.
    #[default]
    Unknown,
}

impl DepositCause {
    /// From the `cause` of the request-URI (RFC 4458 §5), and our own word for it, if it came.
    #[must_use]
    pub fn from_wire(cause: Option<u16>, ours: Option<&str>) -> Self {
        match (ours, cause) {
            (Some("cap_in" | "cap_parent"), _) => Self::AtCap,
            (_, Some(486 | 600)) => Self::Busy,
            (_, Some(408 | 487)) => Self::NoAnswer,
            (_, Some(404 | 410 | 480 | 500..=599)) => Self::Unreachable,
            (_, Some(302 | 403 | 603 | 607)) => Self::Declined,
            _ => Self::Unknown,
        }
    }
}

/// Where a message is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageState {
    /// Nobody has listened to it yet.
    New,
    /// It was listened to.
    Heard,
    /// It was listened to and is to be kept.
    Saved,
    /// It is gone for its owner; its files go with the next sweep.
    Deleted,
}

/// Who left a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// Number or address, as a list shows it.
    pub shown: Arc<str>,
    /// The From URI.
    pub uri: Arc<str>,
    /// The display name; may be empty.
    pub display: Arc<str>,
    /// The caller's account, if he has one here.
    pub account: Option<AccountKey>,
}

/// A file that is kept under its content id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Its name.
    pub content: ContentId,
    /// Its media type: `audio/wav`, `video/mp4` or `video/x-matroska`.
    pub media_type: Arc<str>,
    /// Its size.
    pub bytes: u64,
    /// Its length in milliseconds.
    pub length_ms: u64,
}

/// One recording of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// 1, 2, ...
    pub number: u16,
    /// Sound or picture.
    pub medium: Medium,
    /// Its file.
    #[serde(flatten)]
    pub file: Stored,
}

/// A message that was left, complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its number.
    pub id: MessageId,
    /// Where it lies.
    pub mailbox: MailboxName,
    /// Whose mailbox it was when it was left.
    pub account: AccountKey,
    /// Who left it.
    pub caller: Caller,
    /// The SIP Call-ID of the call in which it was left.
    pub call_id: Arc<str>,
    /// Why the call came to the mailbox.
    pub cause: DepositCause,
    /// What was recorded, in order.
    pub parts: Vec<Part>,
    /// All parts in one file, where they could be joined. A single part is its own joined file.
    pub joined: Option<Stored>,
    /// The length of all parts, in milliseconds.
    pub length_ms: u64,
    /// Whether the caller called it urgent.
    pub urgent: bool,
    /// Where it is in its life.
    pub state: MessageState,
    /// When the deposit began, milliseconds since 1970.
    pub began_ms: i64,
    /// When it was delivered, milliseconds since 1970.
    pub left_ms: i64,
    /// When its state changed last, milliseconds since 1970.
    pub changed_ms: i64,
    /// Who has its files: nodes, and [`NodeId::BUCKET`]; empty: the node that its number names,
    /// alone.
    #[serde(default)]
    pub holders: Vec<NodeId>,
}

impl Message {
    /// Who has its files: nodes, and the bucket.
    #[must_use]
    pub fn held_by(&self) -> Vec<NodeId> {
        if self.holders.is_empty() { vec![self.id.node()] } else { self.holders.clone() }
    }

    /// Whether its files are in the bucket.
    #[must_use]
    pub fn in_bucket(&self) -> bool {
        self.holders.contains(&NodeId::BUCKET)
    }

    /// Whether it survives the loss of a node.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.in_bucket() || self.holders.len() > 1
    }

    /// Its files, each once.
    #[must_use]
    pub fn contents(&self) -> std::collections::BTreeSet<ContentId> {
        let parts = self.parts.iter().map(|part| part.file.content);
        parts.chain(self.joined.iter().map(|file| file.content)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_come_back_as_they_were_written_and_no_other_way() {
        let id = MessageId::new(NodeId(1), 7, 300);
        assert_eq!((id.to_string().as_str(), MessageId::parse("m7-12c")), ("m7-12c", Some(id)));
        for bad in ["", "m7", "m07-1", "m7-1/..", "M7-1", "m7-01", "m-1", "m7-100000000"] {
            assert_eq!(MessageId::parse(bad), None, "{bad}");
        }
        let other = MessageId::new(NodeId(2), 7, 300);
        assert_eq!(
            (other.to_string().as_str(), MessageId::parse("m100007-12c")),
            ("m100007-12c", Some(other))
        );
        assert_eq!((other.node(), other.boot()), (NodeId(2), 7));
        let content = ContentId([0xa5; 32]);
        assert_eq!(ContentId::parse(&content.to_string()), Some(content));
        for bad in ["", "a5", &"A5".repeat(32), &"../".repeat(22)] {
            assert_eq!(ContentId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn causes_are_read_from_the_wire() {
        let read = DepositCause::from_wire;
        assert_eq!(read(Some(486), Some("cap_in")), DepositCause::AtCap);
        assert_eq!(read(Some(486), Some("x")), DepositCause::Busy);
        assert_eq!(read(Some(408), None), DepositCause::NoAnswer);
        assert_eq!(read(Some(480), None), DepositCause::Unreachable);
        assert_eq!(read(Some(603), None), DepositCause::Declined);
        assert_eq!(read(None, None), DepositCause::Unknown);
    }
}
