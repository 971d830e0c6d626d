//! What the keeper of the files is asked to do, and what it tells.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{AccountKey, Caller, DepositCause, LegId, Mailbox, MailboxName, Medium, MessageId};

/// What is known of a deposit, written down before anything is recorded, so that what was said is
/// found and delivered after a kill of whichever program at whatever instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepositCard {
    /// The number of the deposit and of its message.
    pub message: MessageId,
    /// Whose mailbox.
    pub account: AccountKey,
    /// The mailbox as it was when the deposit began.
    pub mailbox: Mailbox,
    /// Who leaves it.
    pub caller: Caller,
    /// The SIP Call-ID.
    pub call_id: Arc<str>,
    /// Why the call came to the mailbox.
    pub cause: DepositCause,
    /// The name of the switch in the configuration.
    pub switch: Arc<str>,
    /// The leg on which it is recorded now, if one is there.
    pub leg: Option<LegId>,
    /// When it began, milliseconds since 1970.
    pub began_ms: i64,
    /// Whether the caller called it urgent.
    pub urgent: bool,
    /// Until when a video may be uploaded by a link, seconds since 1970; `None`: no link was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_until_s: Option<i64>,
    /// The deposit whose caller was sent the link. What he had said before is a message of its
    /// own, so that nobody waits for it as long as for the video: this card has the video alone,
    /// and leaves no trace if it never comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<MessageId>,
    /// What was recorded, in order; a part is written here before its recording begins.
    pub parts: Vec<CardPart>,
}

/// One recording of a deposit. Its file is `NUMBER.wav` or `NUMBER.mkv` in the deposit's directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardPart {
    /// 1, 2, ...
    pub number: u16,
    /// Sound or picture.
    pub medium: Medium,
    /// Thrown away: recorded again, or discarded for a call-back. It is not delivered.
    pub dropped: bool,
}

/// What is in a recording's file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// How much can be played, in milliseconds; 0 for a file without anything readable in it.
    pub length_ms: u64,
    /// Its size.
    pub bytes: u64,
    /// Whether there is a picture.
    pub video: bool,
}

/// Why nothing may be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoRoom {
    /// The mailbox has as many messages, or as much of them, as it may have.
    MailboxFull,
    /// The disk has less space left than is kept free.
    DiskFull,
    /// The spool can't be written.
    Broken,
}

/// Why a deposit leaves no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiscardReason {
    /// The caller hung up before he said anything.
    NothingSaid,
    /// What was said is shorter than the shortest message.
    TooShort,
    /// The caller cancelled it.
    Cancelled,
    /// A call-back came, and the mailbox says `discard`.
    CallBack,
    /// There was no room for it, and the caller was told so.
    NoRoom,
}

/// A call that came to a mailbox and left no message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// The number of the deposit.
    pub message: MessageId,
    /// Which mailbox.
    pub mailbox: MailboxName,
    /// Whose.
    pub account: AccountKey,
    /// Who called.
    pub caller: Caller,
    /// The SIP Call-ID.
    pub call_id: Arc<str>,
    /// Why the call came to the mailbox.
    pub cause: DepositCause,
    /// Why there is no message.
    pub reason: DiscardReason,
    /// When it came, milliseconds since 1970.
    pub began_ms: i64,
}

/// What the keeper of the files is asked to do. Everything under one deposit is done in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpoolCommand {
    /// Look whether there is room, make the deposit's directory and write its card, for good.
    /// Answered by [`SpoolEvent::Opened`] or [`SpoolEvent::NoRoom`].
    Open(Box<DepositCard>),
    /// Write the card anew, for good. Not answered.
    Note(Box<DepositCard>),
    /// Look at a part's file: is it there, readable, how long? Answered by
    /// [`SpoolEvent::Checked`].
    Check {
        /// Which deposit.
        message: MessageId,
        /// Which part.
        part: CardPart,
    },
    /// Deliver what was not dropped: keep the files under their content, write the message and its
    /// notification down in one transaction, then remove the deposit's directory. Doing it twice
    /// is harmless. Answered by [`SpoolEvent::Delivered`] or, when the disk does not allow it,
    /// [`SpoolEvent::NotDelivered`] (the directory stays, it is tried again later), or by
    /// [`SpoolEvent::NothingKept`].
    Deliver(Box<DepositCard>),
    /// Remove the deposit's directory; write down that the call was missed. Not answered.
    Discard(Box<Missed>),
    /// Remove the deposit's directory; nobody is told. Not answered.
    Forget(MessageId),
}

/// What the keeper of the files tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpoolEvent {
    /// The deposit may be recorded.
    Opened(MessageId),
    /// It may not.
    NoRoom(MessageId, NoRoom),
    /// What is in a part's file; `None`: it is not there.
    Checked(MessageId, u16, Option<FileFacts>),
    /// The message is safe.
    Delivered(MessageId),
    /// It could not be written down and lies in the spool; or it was, and no second node has it yet.
    /// Asked for again, it is delivered then.
    NotDelivered(MessageId),
    /// Nothing of it could be played: it was discarded as a call that left no message.
    NothingKept(MessageId),
    /// A file begins to come in by a deposit's link.
    UploadBegan(MessageId),
    /// It comes in no more: it was told as uploaded before, or broke off.
    UploadEnded(MessageId),
    /// A file was uploaded as the next part of a deposit, checked and in its place.
    Uploaded(MessageId, CardPart, FileFacts),
}
