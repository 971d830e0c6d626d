//! What the nodes agree on about messages, carried out in a transaction of the ledger: the same at
//! every node, but for the outbox, which is one node's.

use rusqlite::{Connection, Transaction, params};

use crate::domain::{
    MessageId, MessageMotion, MessageReply, MessageState, NodeId, Notice, Outgoing,
};

use super::holders;
use super::messages::{self, number};
use super::outbox;

/// Messages that one node alone has.
pub(super) const ALONE: &str = "SELECT id FROM message
     WHERE instr(holders, ',') = 0 AND holders <> '65535' AND state <> 'deleted' AND id > ?1
     ORDER BY id LIMIT ?2";
/// Messages that are not in the bucket.
pub(super) const OUTSIDE: &str = "SELECT id FROM message
     WHERE instr(holders, '65535') = 0 AND state <> 'deleted' AND id > ?1 ORDER BY id LIMIT ?2";
/// Nodes that are named somewhere.
const NAMED: &str = "SELECT DISTINCT holders FROM message WHERE holders <> ''
     UNION SELECT DISTINCT CAST(node AS TEXT) FROM notice_elsewhere";

/// Carries out one entry of the log. `own`: the node whose store this is.
pub(super) fn message_motion(
    transaction: &Transaction<'_>,
    own: NodeId,
    motion: &MessageMotion,
) -> rusqlite::Result<MessageReply> {
    let mut reply = MessageReply::default();
    match motion {
        MessageMotion::Left { message, keep_until_ms, tells } => {
            let stray = messages::is_stray(transaction, message)?;
            let state = if stray { MessageState::Deleted } else { message.state };
            reply.changed = messages::insert(transaction, message, state, *keep_until_ms)?;
            if reply.changed && !stray {
                tell(transaction, own, tells)?;
            }
        }
        MessageMotion::Set { message, state, at_ms, tells } => {
            reply.changed = messages::set_state(transaction, *message, *state, *at_ms)?;
            if reply.changed {
                tell(transaction, own, tells)?;
            }
        }
        MessageMotion::Gone { messages, tells } => {
            for message in messages {
                reply.changed |= messages::is_there(transaction, *message)?;
                reply.free.extend(messages::forget(transaction, *message)?);
            }
            if reply.changed {
                tell(transaction, own, tells)?;
            }
        }
        MessageMotion::Held { message, node, here } => {
            reply.changed = held(transaction, *message, *node, *here)?;
        }
        MessageMotion::Told { notices } => {
            let mut delete =
                transaction.prepare_cached("DELETE FROM notice_elsewhere WHERE id = ?1")?;
            for notice in notices {
                delete.execute([&**notice])?;
            }
            // Whose it was has nothing to delete.
            reply.changed = true;
        }
        MessageMotion::NodeGone { node, heir } => {
            reply.changed = node_gone(transaction, own, *node, *heir)?;
        }
    }
    Ok(reply)
}

/// Into the outbox, if this is the node that tells; else put aside.
fn tell(
    transaction: &Transaction<'_>,
    own: NodeId,
    Outgoing { by, notices }: &Outgoing,
) -> rusqlite::Result<()> {
    if *by == own {
        return notices.iter().try_for_each(|notice| outbox::insert(transaction, notice));
    }
    notices.iter().try_for_each(|notice| put_aside(transaction, *by, notice))
}

fn put_aside(transaction: &Transaction<'_>, node: NodeId, notice: &Notice) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO notice_elsewhere (id, node, kind, message, body, at_ms, next_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            &*notice.id,
            node.0,
            notice.kind.as_str(),
            notice.message.map_or(0, number),
            &*notice.body,
            notice.at_ms,
            notice.next_ms,
        ])
        .map(|_| ())
}

fn held(
    transaction: &Transaction<'_>,
    message: MessageId,
    node: NodeId,
    here: bool,
) -> rusqlite::Result<bool> {
    let Some(before) = holders::of(transaction, message)? else { return Ok(false) };
    let mut nodes = before.clone();
    nodes.retain(|holder| *holder != node);
    if here {
        nodes.push(node);
        nodes.sort_unstable();
    }
    // A message that nobody had would look like one that its own node has.
    if nodes.is_empty() || nodes == before {
        return Ok(nodes == before);
    }
    holders::set(transaction, message, &nodes).map(|()| true)
}

fn node_gone(
    transaction: &Transaction<'_>,
    own: NodeId,
    node: NodeId,
    heir: NodeId,
) -> rusqlite::Result<bool> {
    let number = node.0.to_string();
    let mut query = transaction.prepare(
        "SELECT id FROM message WHERE instr(',' || holders || ',', ',' || ?1 || ',') > 0",
    )?;
    let ids: Vec<i64> = query.query_map([&number], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for id in &ids {
        held(transaction, messages::id_of(*id), node, false)?;
    }
    if heir == own {
        transaction.execute(
            "INSERT OR IGNORE INTO notice (id, kind, message, body, at_ms, attempts, next_ms, state)
             SELECT id, kind, message, body, at_ms, 0, next_ms, 'waiting' FROM notice_elsewhere
             WHERE node = ?1",
            [node.0],
        )?;
        transaction.execute("DELETE FROM notice_elsewhere WHERE node = ?1", [node.0])?;
    } else {
        transaction.execute(
            "UPDATE notice_elsewhere SET node = ?2 WHERE node = ?1",
            params![node.0, heir.0],
        )?;
    }
    Ok(true)
}

/// Up to `limit` messages that [`ALONE`] or [`OUTSIDE`] finds, by their numbers, beginning behind
/// `after`.
pub(super) fn page(
    connection: &Connection,
    found_by: &str,
    after: i64,
    limit: usize,
) -> rusqlite::Result<Vec<MessageId>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    connection
        .prepare_cached(found_by)?
        .query_map(params![after, limit], |row| row.get(0).map(messages::id_of))?
        .collect()
}

/// How many messages [`ALONE`] or [`OUTSIDE`] finds.
pub(super) fn count(connection: &Connection, found_by: &str) -> rusqlite::Result<u64> {
    let count: i64 = connection
        .prepare_cached(&format!("SELECT count(*) FROM ({found_by})"))?
        .query_row([i64::MIN, i64::MAX], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// The nodes that are said to have files, or to tell something.
pub(super) fn nodes_named(connection: &Connection) -> rusqlite::Result<Vec<NodeId>> {
    let mut query = connection.prepare_cached(NAMED)?;
    let lists = query.query_map([], |row| row.get::<_, String>(0))?;
    let mut nodes = Vec::new();
    for list in lists {
        nodes.extend(holders::nodes_of(&list?));
    }
    // Which is no node, and never goes.
    nodes.retain(|node| *node != NodeId::BUCKET);
    nodes.sort_unstable();
    nodes.dedup();
    Ok(nodes)
}
