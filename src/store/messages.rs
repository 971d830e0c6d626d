//! SQL of messages: who has left what, where its files are, until when it is kept.
//!
//! There are as many as the mailboxes' limits and retention allow. A message that is `deleted` is
//! gone for everybody but the sweep, which takes its rows and files away.

use std::sync::Arc;

use rusqlite::types::Value;
use rusqlite::{Connection, Row, ToSql, Transaction, params, params_from_iter};

use crate::domain::{AccountKey, ContentId, MailboxName, Message, MessageId, MessageState};

use super::holders;
use super::registry::ReadError;

/// Which messages are wanted. What is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageFilter {
    /// In this mailbox.
    pub mailbox: Option<MailboxName>,
    /// Of this account.
    pub account: Option<AccountKey>,
    /// In this state; without one, all but deleted ones.
    pub state: Option<MessageState>,
}

/// What a mailbox holds, deleted messages aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MailboxUse {
    /// Messages.
    pub messages: u64,
    /// Their size.
    pub bytes: u64,
}

/// What a mailbox holds; answered from an index alone.
pub(super) const USED: &str = "SELECT count(*), coalesce(sum(bytes), 0) FROM message
     WHERE mailbox = ?1 AND state <> 'deleted'";
/// What a sweep takes: no row twice, and none looked at beyond the limit.
pub(super) const EXPIRED: &str = "SELECT id FROM message WHERE state = 'deleted'
     UNION ALL SELECT id FROM message WHERE keep_until_ms <= ?1 AND state <> 'deleted' LIMIT ?2";
pub(super) const IN_MESSAGE: &str = "SELECT 1 FROM message_file WHERE content = ?1 LIMIT 1";
pub(super) const IN_GREETING: &str =
    "SELECT 1 FROM mailbox WHERE settings ->> '$.greeting' = ?1 LIMIT 1";
pub(super) const IN_NAMED_GREETING: &str =
    "SELECT 1 FROM mailbox_greeting WHERE content = ?1 LIMIT 1";

const COLUMNS: &str = "id, mailbox, account, caller, call_id, cause, urgent, state, length_ms, \
                       began_ms, left_ms, changed_ms, parts, joined, holders";

/// Numbers of messages use all 64 bits; SQLite's are signed.
pub(super) fn number(id: MessageId) -> i64 {
    i64::from_ne_bytes(id.0.to_ne_bytes())
}

pub(super) fn id_of(number: i64) -> MessageId {
    MessageId(u64::from_ne_bytes(number.to_ne_bytes()))
}

/// A length or size; SQLite's numbers are signed.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// The word of a unit variant, as JSON has it.
fn word(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    Ok(json(value)?.trim_matches('"').to_owned())
}

fn json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// Whether the mailbox became another account's while the message was spoken.
pub(super) fn is_stray(connection: &Connection, message: &Message) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM mailbox WHERE name = ?1 AND account <> ?2")?
        .exists(params![message.mailbox.as_str(), message.account.0])
}

/// Writes a message in a state; says whether it is new.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    message: &Message,
    state: MessageState,
    keep_until_ms: i64,
) -> rusqlite::Result<bool> {
    let contents = message.contents();
    let parts: u64 = message.parts.iter().map(|part| part.file.bytes).sum();
    let alone = message
        .joined
        .as_ref()
        .filter(|joined| !message.parts.iter().any(|part| part.file.content == joined.content));
    let bytes = parts + alone.map_or(0, |joined| joined.bytes);
    let new = transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO message (id, mailbox, account, caller, call_id, cause, urgent,
             state, length_ms, bytes, began_ms, left_ms, changed_ms, keep_until_ms, parts, joined,
             holders)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        )?
        .execute(params![
            number(message.id),
            message.mailbox.as_str(),
            message.account.0,
            json(&message.caller)?,
            &*message.call_id,
            word(&message.cause)?,
            message.urgent,
            word(&state)?,
            signed(message.length_ms),
            signed(bytes),
            message.began_ms,
            message.left_ms,
            message.changed_ms,
            keep_until_ms,
            json(&message.parts)?,
            message.joined.as_ref().map(json).transpose()?,
            holders::list_of(&message.holders),
        ])?;
    if new == 0 {
        return Ok(false);
    }
    for content in contents {
        transaction.execute(
            "INSERT OR IGNORE INTO message_file (message, content) VALUES (?1, ?2)",
            params![number(message.id), content.to_string()],
        )?;
    }
    Ok(true)
}

/// A message by its number.
pub(super) fn find(connection: &Connection, id: MessageId) -> Result<Option<Message>, ReadError> {
    let mut query =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM message WHERE id = ?1"))?;
    let mut rows = query.query([number(id)])?;
    rows.next()?.map(read).transpose()
}

/// Whether there is a message, whatever its row holds.
pub(super) fn is_there(connection: &Connection, id: MessageId) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM message WHERE id = ?1")?.exists([number(id)])
}

/// Up to `limit` messages, newest first, beginning behind `after`. One damaged row must not hide
/// the others: it is logged and left out.
pub(super) fn list(
    connection: &Connection,
    filter: &MessageFilter,
    after: Option<(i64, MessageId)>,
    limit: usize,
) -> Result<Vec<Message>, ReadError> {
    let (text, values) = list_query(filter, after)?;
    let mut query = connection.prepare_cached(&text)?;
    let mut rows = query.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        match read(row) {
            Ok(message) => found.push(message),
            Err(error) => tracing::error!(%error, "a message is left out of a list"),
        }
    }
    Ok(found)
}

/// The statement of a list, and its values. Every one of them walks along an index in the wanted
/// order, so that reading on costs what is read, whatever the mailbox holds.
pub(super) fn list_query(
    filter: &MessageFilter,
    after: Option<(i64, MessageId)>,
) -> rusqlite::Result<(String, Vec<Value>)> {
    let mut terms = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    if let Some(mailbox) = &filter.mailbox {
        terms.push("mailbox = ?");
        values.push(mailbox.as_str().to_owned().into());
    }
    if let Some(account) = filter.account {
        terms.push("account = ?");
        values.push(i64::from(account.0).into());
    }
    match &filter.state {
        Some(state) => {
            terms.push("state = ?");
            values.push(word(state)?.into());
        }
        None => terms.push("state <> 'deleted'"),
    }
    if let Some((left_ms, id)) = after {
        terms.push("(left_ms, id) < (?, ?)");
        values.push(left_ms.into());
        values.push(number(id).into());
    }
    let terms = terms.join(" AND ");
    let text =
        format!("SELECT {COLUMNS} FROM message WHERE {terms} ORDER BY left_ms DESC, id DESC");
    Ok((text, values))
}

/// Sets a message's state; says whether there is such a message.
pub(super) fn set_state(
    connection: &Connection,
    id: MessageId,
    state: MessageState,
    at_ms: i64,
) -> rusqlite::Result<bool> {
    let changed = connection.execute(
        "UPDATE message SET state = ?2, changed_ms = ?3 WHERE id = ?1 AND state <> 'deleted'",
        params![number(id), word(&state)?, at_ms],
    )?;
    Ok(changed > 0)
}

/// What is in a mailbox.
pub(super) fn used(connection: &Connection, mailbox: &MailboxName) -> rusqlite::Result<MailboxUse> {
    connection.prepare_cached(USED)?.query_row([mailbox.as_str()], |row| {
        let (messages, bytes): (i64, i64) = (row.get(0)?, row.get(1)?);
        Ok(MailboxUse { messages: unsigned(messages), bytes: unsigned(bytes) })
    })
}

/// How many messages are new in a mailbox, and how many are there beside them.
pub(super) fn waiting(
    connection: &Connection,
    mailbox: &MailboxName,
) -> rusqlite::Result<(u64, u64)> {
    connection
        .prepare_cached(
            "SELECT coalesce(sum(state = 'new'), 0), coalesce(sum(state <> 'new'), 0)
             FROM message WHERE mailbox = ?1 AND state <> 'deleted'",
        )?
        .query_row([mailbox.as_str()], |row| {
            let (new, old): (i64, i64) = (row.get(0)?, row.get(1)?);
            Ok((unsigned(new), unsigned(old)))
        })
}

/// Marks what is in a mailbox as deleted; the files go with the next sweep.
pub(super) fn delete_in_mailbox(
    transaction: &Transaction<'_>,
    mailbox: &MailboxName,
) -> rusqlite::Result<()> {
    delete(transaction, "mailbox = ?1", params![mailbox.as_str()])
}

/// Marks as deleted what was left for an account.
pub(super) fn delete_of_account(
    transaction: &Transaction<'_>,
    account: AccountKey,
) -> rusqlite::Result<()> {
    delete(transaction, "account = ?1", params![account.0])
}

/// Marks as deleted what is under a mailbox's name and was left for somebody else.
pub(super) fn delete_of_others(
    transaction: &Transaction<'_>,
    mailbox: &MailboxName,
    account: AccountKey,
) -> rusqlite::Result<()> {
    delete(transaction, "mailbox = ?1 AND account <> ?2", params![mailbox.as_str(), account.0])
}

fn delete(
    transaction: &Transaction<'_>,
    which: &'static str,
    values: &[&dyn ToSql],
) -> rusqlite::Result<()> {
    let text = format!("UPDATE message SET state = 'deleted' WHERE {which} AND state <> 'deleted'");
    transaction.prepare_cached(&text)?.execute(values).map(|_| ())
}

/// Messages whose time is over, or which were deleted.
pub(super) fn expired(
    connection: &Connection,
    now_ms: i64,
    limit: usize,
) -> rusqlite::Result<Vec<MessageId>> {
    connection
        .prepare_cached(EXPIRED)?
        .query_map(params![now_ms, signed(u64::try_from(limit).unwrap_or(u64::MAX))], |row| {
            row.get(0).map(id_of)
        })?
        .collect()
}

/// Takes a message's rows away; the files that nobody has any more.
pub(super) fn forget(
    transaction: &Transaction<'_>,
    id: MessageId,
) -> rusqlite::Result<Vec<ContentId>> {
    let contents: Vec<String> = transaction
        .prepare("SELECT content FROM message_file WHERE message = ?1")?
        .query_map([number(id)], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    transaction.execute("DELETE FROM message_file WHERE message = ?1", [number(id)])?;
    transaction.execute("DELETE FROM message WHERE id = ?1", [number(id)])?;
    let mut free = Vec::new();
    for content in contents.iter().filter_map(|content| ContentId::parse(content)) {
        if !is_referenced(transaction, content)? {
            free.push(content);
        }
    }
    Ok(free)
}

/// Whether a message, or a greeting of a mailbox, has a file.
pub(super) fn is_referenced(connection: &Connection, content: ContentId) -> rusqlite::Result<bool> {
    Ok(connection.prepare_cached(IN_MESSAGE)?.exists([content.to_string()])?
        || is_greeting(connection, content)?)
}

/// Whether a greeting of a mailbox has a file.
pub(super) fn is_greeting(connection: &Connection, content: ContentId) -> rusqlite::Result<bool> {
    let text = content.to_string();
    Ok(connection.prepare_cached(IN_GREETING)?.exists([&text])?
        || connection.prepare_cached(IN_NAMED_GREETING)?.exists([&text])?)
}

fn read(row: &Row<'_>) -> Result<Message, ReadError> {
    let id = id_of(row.get(0)?);
    columns(id, row).map_err(|error| error.of_row(&format!("message {id}")))
}

/// What JSON says of a value is not repeated: it may quote a caller's number.
fn columns(id: MessageId, row: &Row<'_>) -> Result<Message, ReadError> {
    let nonsense = |what: &str| ReadError::Row(format!("its {what} makes no sense"));
    let quoted = |word: String| serde_json::Value::String(word);
    let text =
        |place: usize| -> rusqlite::Result<Arc<str>> { Ok(row.get::<_, String>(place)?.into()) };
    let joined: Option<String> = row.get(13)?;
    Ok(Message {
        id,
        mailbox: MailboxName::parse(&row.get::<_, String>(1)?)?,
        account: AccountKey(row.get(2)?),
        caller: serde_json::from_str(&text(3)?).map_err(|_| nonsense("caller"))?,
        call_id: text(4)?,
        cause: serde_json::from_value(quoted(row.get(5)?)).map_err(|_| nonsense("cause"))?,
        urgent: row.get(6)?,
        state: serde_json::from_value(quoted(row.get(7)?)).map_err(|_| nonsense("state"))?,
        length_ms: unsigned(row.get(8)?),
        began_ms: row.get(9)?,
        left_ms: row.get(10)?,
        changed_ms: row.get(11)?,
        parts: serde_json::from_str(&text(12)?).map_err(|_| nonsense("list of parts"))?,
        joined: joined
            .map(|joined| serde_json::from_str(&joined))
            .transpose()
            .map_err(|_| nonsense("joined file"))?,
        holders: holders::nodes_of(&text(14)?),
    })
}
