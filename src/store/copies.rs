//! SQL of other nodes' rows, and of the events that wait for those nodes.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction, params};

use crate::cluster::{Kept, Packed};
use crate::domain::{AccountKey, CallRef, NodeId, RowKey};

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
                let (key, length) = key_bytes(*key);
                match row {
                    Some(row) => put.execute(params![node.0, &key[..length], &**row])?,
                    None => delete.execute(params![node.0, &key[..length]])?,
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
        let (Some(key), Ok(packed)) = (read_key(key), row.get_ref(2)?.as_blob()) else { continue };
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

/// The longest key, in bytes.
const KEY_BYTES_MAX: usize = 13;

/// A key in the order of the keys, so that a node's newest rows stand beside each other: written
/// down at places all over the table, each would cost a page.
fn key_bytes(key: RowKey) -> ([u8; KEY_BYTES_MAX], usize) {
    let (kind, account, number) = match key {
        RowKey::Call(call) => (0, None, Some(call.0)),
        RowKey::Deposit(number) => (1, None, Some(number)),
        RowKey::Account(account) => (2, Some(account), None),
        RowKey::Device(account, number) => (3, Some(account), Some(number)),
    };
    let (mut bytes, mut length) = ([kind; KEY_BYTES_MAX], 1);
    let mut add = |part: &[u8]| {
        bytes[length..length + part.len()].copy_from_slice(part);
        length += part.len();
    };
    if let Some(account) = account {
        add(&account.0.to_be_bytes());
    }
    if let Some(number) = number {
        add(&number.to_be_bytes());
    }
    (bytes, length)
}

fn read_key(bytes: &[u8]) -> Option<RowKey> {
    let (kind, rest) = bytes.split_first()?;
    let account = |bytes: &[u8]| bytes.try_into().ok().map(u32::from_be_bytes).map(AccountKey);
    let number = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_be_bytes);
    match kind {
        0 => Some(RowKey::Call(CallRef(number(rest)?))),
        1 => Some(RowKey::Deposit(number(rest)?)),
        2 => Some(RowKey::Account(account(rest)?)),
        3 => {
            let (first, last) = rest.split_at_checked(4)?;
            Some(RowKey::Device(account(first)?, number(last)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_in_their_order() {
        let mut keys: Vec<RowKey> = [0, 1, 127, 128, 300, 70_000, 1 << 40, u64::MAX]
            .into_iter()
            .flat_map(|number| {
                let account = AccountKey(u32::try_from(number % 70_001).unwrap());
                let device = RowKey::Device(account, number);
                [
                    RowKey::Call(CallRef(number)),
                    RowKey::Deposit(number),
                    RowKey::Account(account),
                    device,
                ]
            })
            .collect();
        keys.sort_unstable();
        let written: Vec<Vec<u8>> = keys
            .iter()
            .map(|key| {
                let (bytes, length) = key_bytes(*key);
                bytes[..length].to_vec()
            })
            .collect();
        assert!(written.is_sorted());
        for (key, bytes) in keys.iter().zip(&written) {
            assert_eq!(read_key(bytes), Some(*key));
            assert_eq!(read_key(&bytes[..bytes.len() - 1]), None);
        }
    }
}
