//! SQL of messages: who has left what, where its files are, until when it is kept.

use std::sync::Arc;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params, params_from_iter};

use crate::domain::{
    AccountKey, ContentId, DepositCause, MailboxName, Message, MessageId, MessageState,
};

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

const COLUMNS: &str = "id, mailbox, account, caller, call_id, cause, urgent, state, length_ms, \
                       began_ms, left_ms, changed_ms, parts, joined";

/// Numbers of messages use all 64 bits; SQLite's are signed.
fn number(id: MessageId) -> i64 {
    i64::from_ne_bytes(id.0.to_ne_bytes())
}

fn id_of(number: i64) -> MessageId {
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

/// Writes a message; says whether it is new.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    message: &Message,
    keep_until_ms: i64,
) -> rusqlite::Result<bool> {
    let contents: std::collections::BTreeSet<ContentId> = message
        .parts
        .iter()
        .map(|part| part.file.content)
        .chain(message.joined.iter().map(|file| file.content))
        .collect();
    let parts: u64 = message.parts.iter().map(|part| part.file.bytes).sum();
    let alone = message
        .joined
        .as_ref()
        .filter(|joined| !message.parts.iter().any(|part| part.file.content == joined.content));
    let bytes = parts + alone.map_or(0, |joined| joined.bytes);
    let new = transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO message (id, mailbox, account, caller, call_id, cause, urgent,
             state, length_ms, bytes, began_ms, left_ms, changed_ms, keep_until_ms, parts, joined)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        )?
        .execute(params![
            number(message.id),
            message.mailbox.as_str(),
            message.account.0,
            json(&message.caller)?,
            &*message.call_id,
            word(&message.cause)?,
            message.urgent,
            word(&message.state)?,
            signed(message.length_ms),
            signed(bytes),
            message.began_ms,
            message.left_ms,
            message.changed_ms,
            keep_until_ms,
            json(&message.parts)?,
            message.joined.as_ref().map(json).transpose()?,
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

/// Up to `limit` messages, newest first, beginning behind `after`.
pub(super) fn list(
    connection: &Connection,
    filter: &MessageFilter,
    after: Option<(i64, MessageId)>,
    limit: usize,
) -> Result<Vec<Message>, ReadError> {
    let (text, values) = list_query(filter, after, limit)?;
    let mut query = connection.prepare_cached(&text)?;
    let mut rows = query.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// The statement of a list, and its values; every one of them walks along an index.
pub(super) fn list_query(
    filter: &MessageFilter,
    after: Option<(i64, MessageId)>,
    limit: usize,
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
    values.push(signed(u64::try_from(limit).unwrap_or(u64::MAX)).into());
    let terms = terms.join(" AND ");
    let text = format!(
        "SELECT {COLUMNS} FROM message WHERE {terms} ORDER BY left_ms DESC, id DESC LIMIT ?"
    );
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
    connection
        .prepare_cached(
            "SELECT count(*), coalesce(sum(bytes), 0) FROM message
             WHERE mailbox = ?1 AND state <> 'deleted'",
        )?
        .query_row([mailbox.as_str()], |row| {
            let (messages, bytes): (i64, i64) = (row.get(0)?, row.get(1)?);
            Ok(MailboxUse { messages: unsigned(messages), bytes: unsigned(bytes) })
        })
}

/// Marks all messages of a mailbox as deleted.
pub(super) fn delete_all(transaction: &Transaction<'_>, mailbox: &str) -> rusqlite::Result<()> {
    transaction
        .execute("UPDATE message SET state = 'deleted' WHERE mailbox = ?1", [mailbox])
        .map(|_| ())
}

/// Messages whose time is over, or which were deleted.
pub(super) fn expired(
    connection: &Connection,
    now_ms: i64,
    limit: usize,
) -> rusqlite::Result<Vec<MessageId>> {
    connection
        .prepare_cached(
            "SELECT id FROM message WHERE keep_until_ms <= ?1
             UNION SELECT id FROM message WHERE state = 'deleted' LIMIT ?2",
        )?
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

/// Whether a message, or the greeting of a mailbox, has a file.
pub(super) fn is_referenced(connection: &Connection, content: ContentId) -> rusqlite::Result<bool> {
    let text = content.to_string();
    let in_message = connection
        .prepare_cached("SELECT 1 FROM message_file WHERE content = ?1 LIMIT 1")?
        .query_row([&text], |_| Ok(()))
        .optional()?;
    let greeting = connection
        .prepare_cached("SELECT 1 FROM mailbox WHERE json_extract(settings, '$.greeting') = ?1")?
        .query_row([&text], |_| Ok(()))
        .optional()?;
    Ok(in_message.is_some() || greeting.is_some())
}

fn read(row: &Row<'_>) -> Result<Message, ReadError> {
    let nonsense = |what: &str, error: serde_json::Error| {
        ReadError::Row(format!("{what} of a message: {error}"))
    };
    let quoted = |word: String| serde_json::Value::String(word);
    let text =
        |place: usize| -> rusqlite::Result<Arc<str>> { Ok(row.get::<_, String>(place)?.into()) };
    let cause: DepositCause =
        serde_json::from_value(quoted(row.get(5)?)).map_err(|error| nonsense("cause", error))?;
    let state: MessageState =
        serde_json::from_value(quoted(row.get(7)?)).map_err(|error| nonsense("state", error))?;
    let joined: Option<String> = row.get(13)?;
    Ok(Message {
        id: id_of(row.get(0)?),
        mailbox: MailboxName::parse(&row.get::<_, String>(1)?)?,
        account: AccountKey(row.get(2)?),
        caller: serde_json::from_str(&text(3)?).map_err(|error| nonsense("caller", error))?,
        call_id: text(4)?,
        cause,
        urgent: row.get(6)?,
        state,
        length_ms: unsigned(row.get(8)?),
        began_ms: row.get(9)?,
        left_ms: row.get(10)?,
        changed_ms: row.get(11)?,
        parts: serde_json::from_str(&text(12)?).map_err(|error| nonsense("parts", error))?,
        joined: joined
            .map(|joined| serde_json::from_str(&joined))
            .transpose()
            .map_err(|error| nonsense("joined file", error))?,
    })
}
