//! Messages and notices: what the rest of the process asks the store.

use rusqlite::{Connection, Transaction};

use crate::domain::{
    ContentId, MailboxName, Message, MessageId, MessageMotion, MessageReply, NodeId, Notice,
    NoticeState,
};

use super::holders;
use super::message_motion::{self, ALONE, OUTSIDE};
use super::messages::{self, MailboxUse, MessageFilter};
use super::outbox::{self, NoticeCounts};
use super::registry::ReadError;
use super::{Error, Store, locked};

impl Store {
    /// Carries out what the nodes agree on about messages, in one transaction. `own`: whose store
    /// this is; what it tells is in its outbox then. A message for a mailbox whose name became
    /// another account's meanwhile is written as deleted, and nothing is told: it is not for him.
    ///
    /// # Errors
    /// The disk's. Nothing was changed.
    pub fn carry_out(&self, own: NodeId, motion: &MessageMotion) -> Result<MessageReply, Error> {
        self.write(|transaction| message_motion::message_motion(transaction, own, motion))
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

    /// Up to `limit` messages that one node alone has, behind `after` in the order in which they are
    /// given.
    ///
    /// # Errors
    /// The disk's.
    pub fn messages_alone(
        &self,
        after: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<MessageId>, Error> {
        let after = after.map_or(i64::MIN, messages::number);
        self.look(|ledger| Ok(message_motion::page(ledger, ALONE, after, limit)?))
    }

    /// How many messages one node alone has.
    ///
    /// # Errors
    /// The disk's.
    pub fn count_alone(&self) -> Result<u64, Error> {
        self.look(|ledger| Ok(message_motion::count(ledger, ALONE)?))
    }

    /// Up to `limit` messages that are not in the bucket, behind `after` in the order in which they
    /// are given.
    ///
    /// # Errors
    /// The disk's.
    pub fn messages_outside(
        &self,
        after: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<MessageId>, Error> {
        let after = after.map_or(i64::MIN, messages::number);
        self.look(|ledger| Ok(message_motion::page(ledger, OUTSIDE, after, limit)?))
    }

    /// How many messages are not in the bucket.
    ///
    /// # Errors
    /// The disk's.
    pub fn count_outside(&self) -> Result<u64, Error> {
        self.look(|ledger| Ok(message_motion::count(ledger, OUTSIDE)?))
    }

    /// The messages that have a file.
    ///
    /// # Errors
    /// The disk's.
    pub fn messages_with(&self, content: ContentId) -> Result<Vec<MessageId>, Error> {
        self.look(|ledger| Ok(holders::messages_with(ledger, content)?))
    }

    /// The files that these messages have, and no other message and no greeting.
    ///
    /// # Errors
    /// The disk's.
    pub fn contents_of_these_alone(&self, messages: &[MessageId]) -> Result<Vec<ContentId>, Error> {
        self.look(|ledger| Ok(holders::of_these_alone(ledger, messages)?))
    }

    /// The nodes that are said to have files of messages, or to have something to tell of them.
    ///
    /// # Errors
    /// The disk's.
    pub fn nodes_named(&self) -> Result<Vec<NodeId>, Error> {
        self.look(|ledger| Ok(message_motion::nodes_named(ledger)?))
    }

    /// Who may have a file of a message.
    ///
    /// # Errors
    /// The disk's.
    pub fn holders(&self, content: ContentId) -> Result<Vec<NodeId>, Error> {
        self.look(|ledger| Ok(holders::of_file(ledger, content)?))
    }

    /// Every file that is the greeting of a mailbox.
    ///
    /// # Errors
    /// The disk's.
    pub fn greetings(&self) -> Result<Vec<ContentId>, Error> {
        self.look(|ledger| Ok(holders::greetings(ledger)?))
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

    /// Forgets notices that were told before a time, milliseconds since 1970, those of other nodes
    /// that are as old, and of the given-up ones all but the newest 100,000.
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
