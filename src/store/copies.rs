//! SQL of other nodes' rows, and of the events that wait for those nodes.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction, params};

use crate::cluster::{Kept, Packed};
use crate::domain::{NodeId, RowKey};

/// What was written down of other nodes.
#[derive(Clone, Debug, Default)]
pub struct Copied {
    /// Their rows.
    pub rows: BTreeMap<NodeId, Vec<(RowKey, Packed)>>,
    /// Events that wait for them: their numbers, for whom, since when (milliseconds since 1970).
    pub events: Vec<(u64, NodeId, i64, String)>,
}

pub(super) fn write(transaction: &Transaction<'_>, batch: &[Kept]) -> rusqlite::Result<()> {
    let mut clear = transaction.prepare_cached("DELETE FROM copy WHERE node = ?1")?;
    let mut put = transaction
        .prepare_cached("INSERT OR REPLACE INTO copy (node, key, row) VALUES (?1, ?2, ?3)")?;
    let mut delete = transaction.prepare_cached("DELETE FROM copy WHERE node = ?1 AND key = ?2")?;
    let mut keep = transaction.prepare_cached(
        "INSERT OR REPLACE INTO kept_event (number, node, at_ms, json) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let mut drop = transaction.prepare_cached("DELETE FROM kept_event WHERE number = ?1")?;
    for kept in batch {
        match kept {
            Kept::Nothing(node) => clear.execute([node.0])?,
            Kept::Row(node, key, row) => {
                let Ok(key) = postcard::to_allocvec(key) else { continue };
                match row {
                    Some(row) => put.execute(params![node.0, key, &**row])?,
                    None => delete.execute(params![node.0, key])?,
                }
            }
            Kept::Event(number, Some((node, at_ms, json))) => {
                keep.execute(params![number.cast_signed(), node.0, at_ms, &**json])?
            }
            Kept::Event(number, None) => drop.execute([number.cast_signed()])?,
        };
    }
    Ok(())
}

/// Reads all of it. What makes no sense is left out: its node tells it again.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<Copied> {
    let mut copied = Copied::default();
    let mut statement = connection.prepare("SELECT node, key, row FROM copy")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (Ok(node), Ok(key)) = (row.get::<_, u16>(0), row.get_ref(1)?.as_blob()) else {
            continue;
        };
        let (Ok(key), Ok(packed)) =
            (postcard::from_bytes::<RowKey>(key), row.get_ref(2)?.as_blob())
        else {
            continue;
        };
        copied.rows.entry(NodeId(node)).or_default().push((key, packed.into()));
    }
    let mut statement =
        connection.prepare("SELECT number, node, at_ms, json FROM kept_event ORDER BY number")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (number, node): (i64, u16) = (row.get(0)?, row.get(1)?);
        copied.events.push((number.cast_unsigned(), NodeId(node), row.get(2)?, row.get(3)?));
    }
    Ok(copied)
}
