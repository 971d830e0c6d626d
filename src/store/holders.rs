//! SQL of where the files of messages are, and which files every node has to have.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::domain::{ContentId, MessageId, NodeId};

use super::messages::{id_of, is_greeting, number};

/// Nodes as a row has them.
pub(super) fn list_of(nodes: &[NodeId]) -> String {
    nodes.iter().map(|node| node.0.to_string()).collect::<Vec<_>>().join(",")
}

pub(super) fn nodes_of(list: &str) -> Vec<NodeId> {
    list.split(',').filter_map(|node| node.parse().ok()).map(NodeId).collect()
}

/// Who has a message's files; `None`: there is no such message.
pub(super) fn of(connection: &Connection, id: MessageId) -> rusqlite::Result<Option<Vec<NodeId>>> {
    let list: Option<String> = connection
        .prepare_cached("SELECT holders FROM message WHERE id = ?1")?
        .query_row([number(id)], |row| row.get(0))
        .optional()?;
    Ok(list.map(|list| holders_of(id, &list)))
}

/// Messages of before there were several nodes lie where they were left.
fn holders_of(id: MessageId, list: &str) -> Vec<NodeId> {
    if list.is_empty() { vec![id.node()] } else { nodes_of(list) }
}

pub(super) fn set(
    connection: &Connection,
    id: MessageId,
    holders: &[NodeId],
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE message SET holders = ?2 WHERE id = ?1")?
        .execute(params![number(id), list_of(holders)])
        .map(|_| ())
}

/// Who may have a file of a message.
pub(super) fn of_file(
    connection: &Connection,
    content: ContentId,
) -> rusqlite::Result<Vec<NodeId>> {
    let mut query = connection.prepare_cached(
        "SELECT message.id, holders FROM message_file
         JOIN message ON message.id = message_file.message WHERE content = ?1",
    )?;
    let lists = query.query_map([content.to_string()], |row| {
        Ok(holders_of(id_of(row.get(0)?), &row.get::<_, String>(1)?))
    })?;
    let mut nodes: Vec<NodeId> =
        lists.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    nodes.sort_unstable();
    nodes.dedup();
    Ok(nodes)
}

/// Every file that is the greeting of a mailbox.
pub(super) fn greetings(connection: &Connection) -> rusqlite::Result<Vec<ContentId>> {
    let mut query = connection.prepare_cached(
        "SELECT settings ->> '$.greeting' FROM mailbox WHERE settings ->> '$.greeting' IS NOT NULL
         UNION SELECT content FROM mailbox_greeting",
    )?;
    let found = query.query_map([], |row| row.get::<_, String>(0))?;
    let mut contents = Vec::new();
    for content in found {
        contents.extend(ContentId::parse(&content?));
    }
    Ok(contents)
}

/// The messages that have a file.
pub(super) fn messages_with(
    connection: &Connection,
    content: ContentId,
) -> rusqlite::Result<Vec<MessageId>> {
    connection
        .prepare_cached("SELECT message FROM message_file WHERE content = ?1")?
        .query_map([content.to_string()], |row| row.get(0).map(id_of))?
        .collect()
}

/// The files that these messages have, and no other message and no greeting.
pub(super) fn of_these_alone(
    connection: &Connection,
    messages: &[MessageId],
) -> rusqlite::Result<Vec<ContentId>> {
    let mut contents = BTreeSet::new();
    for message in messages {
        let mut query =
            connection.prepare_cached("SELECT content FROM message_file WHERE message = ?1")?;
        let found = query.query_map([number(*message)], |row| row.get::<_, String>(0))?;
        for content in found {
            contents.extend(ContentId::parse(&content?));
        }
    }
    let mut alone = Vec::new();
    for content in contents {
        let others = messages_with(connection, content)?;
        if others.iter().all(|other| messages.contains(other)) && !is_greeting(connection, content)?
        {
            alone.push(content);
        }
    }
    Ok(alone)
}
