//! Rights and starts of nodes, as the ledger has them; which of their motions were carried out.

use rusqlite::{Connection, Transaction, params};

use crate::domain::{LedgerRow, NodeId, PoolId, SeenRow};

use super::{Error, Store, locked, registry};

/// Totals that only grow stay far below this.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

pub(super) fn write(transaction: &Transaction<'_>, row: &LedgerRow) -> rusqlite::Result<()> {
    match row {
        LedgerRow::Start { node, boot, nonce } => transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO node_start (node, boot, nonce) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![node.0, boot, nonce.cast_signed()]),
        LedgerRow::Share { pool, node, granted, returned, revoked } => transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO right_share (pool, node, granted, returned, revoked)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![pool.number(), node.0, signed(*granted), signed(*returned), revoked]),
    }
    .map(|_| ())
}

pub(super) fn write_seen(transaction: &Transaction<'_>, row: &SeenRow) -> rusqlite::Result<()> {
    let SeenRow { node, boot, nonce, over_below, seen } = row;
    let seen: Vec<String> = seen.iter().map(u64::to_string).collect();
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO motion_seen (node, boot, nonce, over_below, seen)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![node.0, boot, nonce.cast_signed(), signed(*over_below), seen.join(",")])
        .map(|_| ())
}

fn read_seen(ledger: &Connection, take: &mut dyn FnMut(SeenRow)) -> rusqlite::Result<()> {
    let mut rows = ledger
        .prepare("SELECT node, boot, nonce, over_below, seen FROM motion_seen ORDER BY node")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let nonce: i64 = row.get(2)?;
        let seen: String = row.get(4)?;
        take(SeenRow {
            node: NodeId(row.get(0)?),
            boot: row.get(1)?,
            nonce: nonce.cast_unsigned(),
            over_below: unsigned(row.get(3)?),
            // Nobody else writes here.
            seen: seen.split(',').filter_map(|number| number.parse().ok()).collect(),
        });
    }
    Ok(())
}

fn read(ledger: &Connection, take: &mut dyn FnMut(LedgerRow)) -> rusqlite::Result<()> {
    let mut starts = ledger.prepare("SELECT node, boot, nonce FROM node_start ORDER BY node")?;
    let mut rows = starts.query([])?;
    while let Some(row) = rows.next()? {
        let nonce: i64 = row.get(2)?;
        let node = NodeId(row.get(0)?);
        take(LedgerRow::Start { node, boot: row.get(1)?, nonce: nonce.cast_unsigned() });
    }
    let mut shares = ledger.prepare(
        "SELECT pool, node, granted, returned, revoked FROM right_share ORDER BY pool, node",
    )?;
    let mut rows = shares.query([])?;
    while let Some(row) = rows.next()? {
        // Nobody else writes here: a pool that cannot be has no rights.
        let Some(pool) = PoolId::of(row.get(0)?) else { continue };
        take(LedgerRow::Share {
            pool,
            node: NodeId(row.get(1)?),
            granted: unsigned(row.get(2)?),
            returned: unsigned(row.get(3)?),
            revoked: row.get(4)?,
        });
    }
    Ok(())
}

impl Store {
    /// Reads the ledger of rights, starts of nodes first.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn load_ledger(&self, take: &mut dyn FnMut(LedgerRow)) -> Result<(), Error> {
        read(&locked(&self.ledger), take).map_err(|error| self.ledger_error(&error))
    }

    /// Whether what is here was agreed on with other nodes. A node alone has the number 1.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn knows_other_nodes(&self) -> Result<bool, Error> {
        let others = "SELECT EXISTS (SELECT 1 FROM node_start WHERE node <> 1)";
        let known = locked(&self.ledger).query_row(others, [], |row| row.get(0));
        known.map_err(|error| self.ledger_error(&error))
    }

    /// Reads which motions of which node were carried out.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn load_seen(&self, take: &mut dyn FnMut(SeenRow)) -> Result<(), Error> {
        read_seen(&locked(&self.ledger), take).map_err(|error| self.ledger_error(&error))
    }

    /// The next start will have a number above this one.
    ///
    /// # Errors
    /// The disk's.
    pub fn start_above(&self, boot: u32) -> Result<(), Error> {
        let ledger = locked(&self.ledger);
        let raise = || {
            let known = registry::meta(&ledger, "boot")?;
            registry::set_meta(&ledger, "boot", known.max(boot.into()))
        };
        raise().map_err(|error| self.ledger_error(&error))
    }
}
