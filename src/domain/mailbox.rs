//! Mailboxes: where messages for an account are kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ContentId, Error, GreetingName, Language, MailboxName};

/// The most greetings with names of one mailbox.
pub const GREETINGS_MAX: usize = 16;

/// What happens to a deposit when the called party calls back meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallbackPolicy {
    /// The caller is told and asked; the recording stops when he accepts, and goes on as a new
    /// part when he does not, or when the talk is over.
    #[default]
    Pause,
    /// The recording ends and is delivered, then the call goes on.
    Save,
    /// The recording is thrown away, then the call goes on.
    Discard,
    /// The recording is not touched; the call goes on as any other.
    Ignore,
}

/// Whose call is a call-back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallbackScope {
    /// A call from the mailbox's own account.
    #[default]
    Callee,
    /// Whoever calls the depositing caller.
    Anyone,
}

/// The greeting with which a rule wants a mailbox to take a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// Its name.
    pub name: GreetingName,
    /// Whether the mailbox has it; if not, it greets as without a rule.
    pub known: bool,
}

impl Greeting {
    /// The header line by which the mailbox's branch says which.
    pub const HEADER: &str = "X-Hallporter-Greeting";
}

/// The bounds of a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxLimits {
    /// The most messages that it keeps.
    pub messages_max: u32,
    /// The most space that they take, in MiB.
    pub space_max_mib: u32,
    /// The longest message, in seconds.
    pub length_max_s: u16,
    /// For how many days a message is kept after it was left; saved ones, too.
    pub keep_days: u16,
}

impl Default for MailboxLimits {
    fn default() -> Self {
        Self { messages_max: 100, space_max_mib: 500, length_max_s: 180, keep_days: 30 }
    }
}

impl MailboxLimits {
    /// Checks every bound.
    ///
    /// # Errors
    /// [`Error::Bound`] for the first that makes no sense.
    pub fn check(self) -> Result<Self, Error> {
        let bounds: [(&'static str, u64, u64, u64); 4] = [
            ("messages_max", self.messages_max.into(), 1, 100_000),
            ("space_max_mib", self.space_max_mib.into(), 1, 1_000_000),
            ("length_max_s", self.length_max_s.into(), 5, 3_600),
            ("keep_days", self.keep_days.into(), 1, 3_660),
        ];
        for (what, given, min, max) in bounds {
            if !(min..=max).contains(&given) {
                return Err(Error::Bound { what, given, min, max });
            }
        }
        Ok(self)
    }
}

/// A mailbox. An account has at most one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    /// Unique in the installation.
    pub name: MailboxName,
    /// A disabled mailbox takes no messages; those in it stay.
    pub enabled: bool,
    /// The language of its prompts; `None`: the installation's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// The account's own greeting, if it has recorded one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greeting: Option<ContentId>,
    /// Greetings that rules choose by their names, at most [`GREETINGS_MAX`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub greetings: BTreeMap<GreetingName, ContentId>,
    /// Whether callers may leave video.
    pub video: bool,
    /// What happens when the called party calls back during the deposit.
    pub callback: CallbackPolicy,
    /// Whose call is a call-back.
    pub callback_scope: CallbackScope,
    /// Whether what was recorded is kept when a call-back is accepted (policy `pause`).
    pub callback_keep: bool,
    /// Its bounds.
    #[serde(flatten)]
    pub limits: MailboxLimits,
}

impl Mailbox {
    /// A mailbox as it is when nothing else is said.
    #[must_use]
    pub fn new(name: MailboxName) -> Self {
        Self {
            name,
            enabled: true,
            language: None,
            greeting: None,
            greetings: BTreeMap::new(),
            video: true,
            callback: CallbackPolicy::default(),
            callback_scope: CallbackScope::default(),
            callback_keep: true,
            limits: MailboxLimits::default(),
        }
    }
}
