//! Messages and notices: what the rest of the process asks the store.

use rusqlite::{Connection, Transaction};

use crate::domain::{
    ContentId, MailboxName, Message, MessageId, MessageState, Notice, NoticeState,
};

use super::messages::{self, MailboxUse, MessageFilter};
use super::outbox::{self, NoticeCounts};
use super::registry::ReadError;
use super::{Error, Store, locked};

impl Store {
    /// Writes down a message and what is to be told about it, for good and together. `false` and
    /// nothing changed if the message is there already. A message for a mailbox whose name became
    /// another account's meanwhile is written as deleted, and nothing is told: it is not for him.
    ///
    /// # Errors
    /// The disk's. Nothing was changed.
    pub fn leave(
        &self,
        message: &Message,
        keep_until_ms: i64,
        notices: &[Notice],
    ) -> Result<bool, Error> {
        self.write(|transaction| {
            let stray = messages::is_stray(transaction, message)?;
            let state = if stray { MessageState::Deleted } else { message.state };
            let new = messages::insert(transaction, message, state, keep_until_ms)?;
            if new && !stray {
                notices.iter().try_for_each(|notice| outbox::insert(transaction, notice))?;
            }
            Ok(new)
        })
    }

    /// Writes down what is to be told; what is there already stays as it is.
    ///
    /// # Errors
    /// The disk's. Nothing was changed.
    pub fn announce(&self, notices: &[Notice]) -> Result<(), Error> {
        self.write(|transaction| {
            notices.iter().try_for_each(|notice| outbox::insert(transaction, notice))
        })
    }

    /// Whether a message is there, be it damaged or deleted.
    ///
    /// # Errors
    /// The disk's.
    pub fn has_message(&self, id: MessageId) -> Result<bool, Error> {
        self.look(|ledger| Ok(messages::is_there(ledger, id)?))
    }

    /// A message; a deleted one, too, until it is swept.
    ///
    /// # Errors
    /// The disk's; [`Error::Damaged`] for a row that makes no sense.
    pub fn message(&self, id: MessageId) -> Result<Option<Message>, Error> {
        self.look(|ledger| messages::find(ledger, id))
    }

    /// Up to `limit` messages, newest first, beginning behind `after` (when it was left, and its
    /// number). Rows that make no sense are logged and left out.
    ///
    /// # Errors
    /// The disk's.
    pub fn messages(
        &self,
        filter: &MessageFilter,
        after: Option<(i64, MessageId)>,
        limit: usize,
    ) -> Result<Vec<Message>, Error> {
        self.look(|ledger| messages::list(ledger, filter, after, limit))
    }

    /// Sets a message's state, and writes down together with it what is to be told of that. `None`
    /// and nothing changed if there is no such message, or it was deleted.
    ///
    /// # Errors
    /// The disk's.
    pub fn set_message(
        &self,
        id: MessageId,
        state: MessageState,
        at_ms: i64,
        notices: &[Notice],
    ) -> Result<Option<Message>, Error> {
        let known = self.write(|transaction| {
            let known = messages::set_state(transaction, id, state, at_ms)?;
            if known {
                notices.iter().try_for_each(|notice| outbox::insert(transaction, notice))?;
            }
            Ok(known)
        })?;
        if known { self.message(id) } else { Ok(None) }
    }

    /// What a mailbox holds, deleted messages aside.
    ///
    /// # Errors
    /// The disk's.
    pub fn mailbox_use(&self, mailbox: &MailboxName) -> Result<MailboxUse, Error> {
        self.look(|ledger| Ok(messages::used(ledger, mailbox)?))
    }

    /// Up to `limit` messages whose time is over, or which were deleted.
    ///
    /// # Errors
    /// The disk's.
    pub fn expired_messages(&self, now_ms: i64, limit: usize) -> Result<Vec<MessageId>, Error> {
        self.look(|ledger| Ok(messages::expired(ledger, now_ms, limit)?))
    }

    /// Takes a message away; the files that nobody has any more, neither a message nor a greeting.
    ///
    /// # Errors
    /// The disk's. Nothing was changed.
    pub fn forget_message(&self, id: MessageId) -> Result<Vec<ContentId>, Error> {
        self.write(|transaction| messages::forget(transaction, id))
    }

    /// Whether a message or a greeting has a file.
    ///
    /// # Errors
    /// The disk's.
    pub fn is_referenced(&self, content: ContentId) -> Result<bool, Error> {
        self.look(|ledger| Ok(messages::is_referenced(ledger, content)?))
    }

    /// Up to `limit` notices that are due at `now_ms`, the longest waiting first; those for devices,
    /// or those for the webhook. A row that makes no sense is logged and given up.
    ///
    /// # Errors
    /// The disk's.
    pub fn notices_due(
        &self,
        for_devices: bool,
        now_ms: i64,
        limit: u32,
    ) -> Result<Vec<Notice>, Error> {
        self.look(|ledger| outbox::due(ledger, for_devices, now_ms, limit))
    }

    /// When the next notice is due, milliseconds since 1970.
    ///
    /// # Errors
    /// The disk's.
    pub fn next_notice_ms(&self, for_devices: bool) -> Result<Option<i64>, Error> {
        self.look(|ledger| Ok(outbox::next_due(ledger, for_devices)?))
    }

    /// How many messages of a mailbox nobody has listened to, and how many are kept beside them.
    ///
    /// # Errors
    /// The disk's.
    pub fn messages_waiting(&self, mailbox: &MailboxName) -> Result<(u64, u64), Error> {
        self.look(|ledger| Ok(messages::waiting(ledger, mailbox)?))
    }

    /// Writes down what has become of a try: told, to be tried again at `next_ms`, or given up.
    /// Says whether there is such a notice.
    ///
    /// # Errors
    /// The disk's.
    pub fn set_notice(
        &self,
        id: &str,
        state: NoticeState,
        next_ms: i64,
        trouble: Option<&str>,
    ) -> Result<bool, Error> {
        self.write(|transaction| outbox::set(transaction, id, state, next_ms, trouble))
    }

    /// Tries a notice again from the beginning, one that was told, too. Says whether there is such a one.
    ///
    /// # Errors
    /// The disk's.
    pub fn retry_notice(&self, id: &str, at_ms: i64) -> Result<bool, Error> {
        self.write(|transaction| outbox::again(transaction, id, at_ms))
    }

    /// A page of notices in the order of their ids, beginning behind `after`. Rows that make no
    /// sense are logged and left out.
    ///
    /// # Errors
    /// The disk's.
    pub fn notices(
        &self,
        state: Option<NoticeState>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Notice>, Error> {
        self.look(|ledger| outbox::list(ledger, state, after, limit))
    }

    /// How many notices wait, and how many were given up.
    ///
    /// # Errors
    /// The disk's.
    pub fn notice_counts(&self) -> Result<NoticeCounts, Error> {
        self.look(|ledger| Ok(outbox::counts(ledger)?))
    }

    /// Forgets notices that were told before a time, milliseconds since 1970, and of the given-up
    /// ones all but the newest 100,000.
    ///
    /// # Errors
    /// The disk's.
    pub fn forget_notices(&self, before_ms: i64) -> Result<(), Error> {
        self.look(|ledger| Ok(outbox::forget(ledger, before_ms, outbox::GIVEN_UP_KEPT)?))
    }

    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let mut ledger = locked(&self.ledger);
        let done = ledger.transaction().and_then(|transaction| {
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        });
        done.map_err(|error| self.ledger_error(&error))
    }

    fn look<T>(&self, look: impl FnOnce(&Connection) -> Result<T, ReadError>) -> Result<T, Error> {
        let ledger = locked(&self.ledger);
        look(&ledger).map_err(|error| match error {
            ReadError::Sqlite(error) => self.ledger_error(&error),
            ReadError::Row(sentence) => Error::damaged(&self.ledger_path, sentence),
        })
    }
}
