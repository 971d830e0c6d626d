//! What http needs of the process about messages, said as a trait: `serve` fills it in, tests play
//! it. Sentences in errors say what to do; none of them names a caller.

use std::fs::File;

use crate::domain::{
    AccountKey, ContentId, MailboxName, Medium, Message, MessageId, MessageState, Notice,
    NoticeState,
};

use super::incoming::Incoming;
use super::porter::BoxFuture;
use super::wire::{Held, OutboxStatus, UploadView};

/// Which messages are wanted. What is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageQuery {
    /// In this mailbox.
    pub mailbox: Option<MailboxName>,
    /// Of this account.
    pub account: Option<AccountKey>,
    /// In this state; without one, all but deleted ones.
    pub state: Option<MessageState>,
    /// Only those behind this one: when it was left, milliseconds since 1970, and its number.
    pub after: Option<(i64, MessageId)>,
    /// The most that are wanted.
    pub limit: usize,
}

/// What of a video comes with one request, as its sender says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadPiece {
    /// Where it goes on, in bytes; 0 begins anew and throws away what had come.
    pub offset: u64,
    /// How large the whole video is, in bytes.
    pub total: u64,
    /// Its media type.
    pub media_type: String,
}

/// Messages, their files, uploads and notices.
pub trait Mailroom: Send + Sync + 'static {
    /// Whether there are other nodes, so that a recording has to be at two of them.
    fn wants_copies(&self) -> bool;

    /// A page of messages, newest first. The error is a sentence.
    fn messages(&self, wanted: MessageQuery) -> BoxFuture<'_, Result<Vec<Message>, String>>;

    /// A message, also a deleted one until it is swept away. The error is a sentence.
    fn message(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Message>, String>>;

    /// Sets a message's state, for good. `None` if there is no such message, or it is deleted
    /// already. The error is a sentence.
    fn set_message(
        &self,
        id: MessageId,
        state: MessageState,
    ) -> BoxFuture<'_, Result<Option<Message>, String>>;

    /// What is in a mailbox. The error is a sentence.
    fn held(&self, mailbox: MailboxName) -> BoxFuture<'_, Result<Held, String>>;

    /// Opens a kept file; its length in bytes.
    fn open_file(&self, content: ContentId) -> BoxFuture<'_, Result<(File, u64), FileError>>;

    /// Asks for the other medium in a deposit that is under way; whether there is one.
    fn wish(&self, message: MessageId, medium: Medium) -> bool;

    /// Ends a deposit; what was said is kept. Whether there was one.
    fn end_deposit(&self, message: MessageId) -> bool;

    /// Keeps a sound as a greeting has to be for a telephone, and names its file. Nothing refers to
    /// it yet: whoever asks does that within minutes.
    fn keep_sound(&self, sound: Vec<u8>) -> BoxFuture<'_, Result<ContentId, SoundError>>;

    /// How many notices wait, and how many were given up. The error is a sentence.
    fn outbox(&self) -> BoxFuture<'_, Result<OutboxStatus, String>>;

    /// A page of notices in the order of their ids, beginning behind `after`. The error is a
    /// sentence.
    fn notices(
        &self,
        state: Option<NoticeState>,
        after: String,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Notice>, String>>;

    /// Tries a notice again at once; whether there is such a one. The error is a sentence.
    fn retry_notice(&self, id: String) -> BoxFuture<'_, Result<bool, String>>;

    /// What a link is good for, and how far its upload has come.
    fn upload(&self, link: String) -> BoxFuture<'_, Result<UploadView, UploadError>>;

    /// Takes a piece of a video and says how far the upload has come then. What came before it
    /// broke off is kept. It may be dropped at any moment.
    fn take_upload<'a>(
        &'a self,
        link: String,
        piece: UploadPiece,
        body: &'a mut Incoming,
    ) -> BoxFuture<'a, Result<UploadView, UploadError>>;
}

/// Why a file can't be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It is not there (any more).
    #[error("this recording is not there any more")]
    Gone,
    /// The disk does not give it now, or no messages are taken here. The sentence says what to do.
    #[error("{0}")]
    NotNow(String),
}

/// Why a sound was not kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SoundError {
    /// It is no sound that can be read. The sentence says what would be one.
    #[error("{0}")]
    NotSound(String),
    /// It can't be written down now. The sentence says what to do.
    #[error("{0}")]
    NotNow(String),
}

/// Why a link or a video was not taken. The sentences are for whoever holds the link: they never
/// name a message, a mailbox or a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// There is no such link, or it was altered: one answer for both.
    #[error("this is no link of ours: take it as it was sent")]
    Unknown,
    /// It has expired, was used, or its message is not open any more.
    #[error("{0}")]
    Gone(String),
    /// Another upload by this link is being written.
    #[error("this video is being uploaded already: wait for it to end, or end it")]
    Busy,
    /// It has to go on elsewhere, or begin anew.
    #[error("the upload goes on at {have}: send the rest from there, or all of it anew")]
    Elsewhere {
        /// How much has come, in bytes.
        have: u64,
    },
    /// The body ended before all of the piece had come, or came too slowly. What came is kept.
    #[error("the upload broke off: go on from where it is")]
    BrokeOff,
    /// It is too large, or there is more of it than was said.
    #[error("{0}")]
    TooLong(String),
    /// It is no video that is taken.
    #[error("{0}")]
    NotTaken(String),
    /// There is no room, or the disk does not take it now. What came is kept.
    #[error("{0}")]
    NotNow(String),
}
