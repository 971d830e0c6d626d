//! Mailboxes as the admin API shows and takes them.

use serde::{Deserialize, Serialize};

use crate::domain::{AccountName, Mailbox, MailboxLimits, MailboxName};
use crate::registry::MailboxPatch;

/// A mailbox and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxView {
    /// Whose.
    pub account: AccountName,
    /// The mailbox.
    #[serde(flatten)]
    pub mailbox: Mailbox,
    /// What is in it; only where one mailbox is shown, and could be
    /// counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
}

/// What is in a mailbox, deleted messages aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// How many messages.
    pub messages: u64,
    /// Their size.
    pub bytes: u64,
}

/// A new mailbox; what is not given is as usual.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxSpec {
    /// Its name.
    pub name: MailboxName,
    /// Whose it is.
    pub account: AccountName,
    /// What is not as usual.
    #[serde(flatten)]
    pub settings: MailboxPatch,
}

impl MailboxSpec {
    /// The mailbox that is meant.
    #[must_use]
    pub fn mailbox(self) -> Mailbox {
        let usual = Mailbox::new(self.name);
        let given = self.settings;
        Mailbox {
            enabled: given.enabled.unwrap_or(usual.enabled),
            language: given.language.flatten(),
            greeting: given.greeting.flatten(),
            greetings: usual.greetings,
            video: given.video.unwrap_or(usual.video),
            callback: given.callback.unwrap_or(usual.callback),
            callback_scope: given.callback_scope.unwrap_or(usual.callback_scope),
            callback_keep: given.callback_keep.unwrap_or(usual.callback_keep),
            limits: MailboxLimits {
                messages_max: given.messages_max.unwrap_or(usual.limits.messages_max),
                space_max_mib: given.space_max_mib.unwrap_or(usual.limits.space_max_mib),
                length_max_s: given.length_max_s.unwrap_or(usual.limits.length_max_s),
                keep_days: given.keep_days.unwrap_or(usual.limits.keep_days),
            },
            name: usual.name,
        }
    }
}

/// Which mailboxes are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxFilter {
    /// Only names that begin so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Only this account's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
}
