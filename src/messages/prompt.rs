//! Which sentence, in which language.

use std::sync::Arc;

use crate::domain::{DepositCause, NoRoom, Sound};

use super::Settings;
use super::deposit::Deposit;

/// All sentences; every language directory has a `NAME.wav` for each.
pub const PROMPTS: [&str; 36] = [
    "at_cap",
    "busy",
    "callback_offer",
    "callback_over",
    "cancelled",
    "confirm",
    "declined",
    "disk_full",
    "goodbye",
    "key_eight",
    "key_five",
    "key_four",
    "key_nine",
    "key_one",
    "key_seven",
    "key_six",
    "key_three",
    "key_two",
    "key_zero",
    "leave_audio",
    "mailbox_full",
    "no_answer",
    "not_urgent",
    "nothing_recorded",
    "offer_video",
    "review",
    "saved",
    "too_short",
    "unavailable",
    "unknown",
    "unreachable",
    "urgent",
    "video_failed",
    "video_hang_up",
    "video_link",
    "video_now",
];

/// The greeting when the mailbox has none of its own.
pub(super) fn greeting(cause: DepositCause) -> &'static str {
    match cause {
        DepositCause::Busy => "busy",
        DepositCause::NoAnswer => "no_answer",
        DepositCause::Unreachable => "unreachable",
        DepositCause::AtCap => "at_cap",
        DepositCause::Declined => "declined",
        DepositCause::Unknown => "unknown",
    }
}

/// What is said when nothing can be recorded.
pub(super) fn no_room(why: NoRoom) -> &'static str {
    match why {
        NoRoom::MailboxFull => "mailbox_full",
        NoRoom::DiskFull | NoRoom::Broken => "disk_full",
    }
}

impl Deposit {
    /// A prompt in the mailbox's language.
    pub(super) fn prompt(&self, settings: &Settings, name: &str) -> Sound {
        Sound::File(self.prompt_path(settings, name))
    }

    pub(super) fn prompt_path(&self, settings: &Settings, name: &str) -> Arc<str> {
        debug_assert!(PROMPTS.contains(&name), "{name}");
        let language = self.card.mailbox.language.as_ref().unwrap_or(&settings.language);
        format!("{}/{language}/{name}.wav", settings.prompts).into()
    }

    /// The greeting: the mailbox's own, or the usual one for the cause.
    pub(super) fn greeting(&self, settings: &Settings) -> Sound {
        match self.card.mailbox.greeting {
            Some(content) => {
                let name = content.to_string();
                Sound::File(format!("{}/files/{}/{name}.wav", settings.spool, &name[..2]).into())
            }
            None => self.prompt(settings, greeting(self.card.cause)),
        }
    }

    /// The file of a part.
    pub(super) fn part_path(&self, settings: &Settings, number: u16) -> Option<Arc<str>> {
        let part = self.card.parts.iter().find(|part| part.number == number)?;
        let (spool, message) = (&settings.spool, self.card.message);
        Some(format!("{spool}/deposits/{message}/{number}.{}", part.medium.extension()).into())
    }
}
