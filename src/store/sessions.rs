//! SQL of the calls.

use rusqlite::{Connection, Row, Statement, Transaction, params};

use crate::domain::{AccountKey, CallRef, CallState, Seats};
use crate::sessions::{RowChange, SessionRow};

pub(super) fn write(transaction: &Transaction<'_>, batch: &[RowChange]) -> rusqlite::Result<()> {
    let mut delete = transaction.prepare_cached("DELETE FROM session WHERE call = ?1")?;
    let mut put = transaction.prepare_cached(PUT)?;
    for change in batch {
        match change {
            RowChange::Gone(call) => delete.execute([call.0.cast_signed()])?,
            RowChange::Put(row) => write_row(&mut put, row)?,
        };
    }
    Ok(())
}

const PUT: &str =
    "INSERT OR REPLACE INTO session (call, call_id, tag_hash, caller_text, called_text,
             caller, callee, state, emergency, started_ms, answered_ms, expires_ms, h_entry, h_id,
             seats)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";

fn write_row(put: &mut Statement<'_>, row: &SessionRow) -> rusqlite::Result<usize> {
    let state = match row.state {
        CallState::Reserved => "reserved",
        CallState::Up => "up",
    };
    put.execute(params![
        row.call.0.cast_signed(),
        row.call_id,
        row.from_tag_hash,
        row.from,
        row.to,
        row.caller.map(|key| key.0),
        row.callee.map(|key| key.0),
        state,
        row.emergency,
        row.started_ms,
        row.answered_ms,
        row.expires_ms,
        row.dialog.map(|(entry, _)| entry),
        row.dialog.map(|(_, id)| id),
        row.seats.to_string(),
    ])
}

/// The greatest boot number in any call's number that was written down; 0 if there is none.
pub(super) fn last_boot(connection: &Connection) -> rusqlite::Result<u64> {
    let call: i64 = connection.query_row(
        "SELECT max(coalesce((SELECT max(call) FROM session), 0),
                    coalesce((SELECT max(call) FROM history), 0))",
        [],
        |row| row.get(0),
    )?;
    Ok(CallRef(call.cast_unsigned()).boot().into())
}

/// Reads all calls in the order of their numbers; says how many rows made no sense.
pub(super) fn read(
    connection: &Connection,
    take: &mut dyn FnMut(SessionRow),
) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare(
        "SELECT call, call_id, tag_hash, caller_text, called_text, caller, callee, state,
         emergency, started_ms, answered_ms, expires_ms, h_entry, h_id, seats FROM session ORDER BY call",
    )?;
    let mut rows = statement.query([])?;
    let mut skipped = 0;
    while let Some(row) = rows.next()? {
        match session(row) {
            Ok(session) => take(session),
            Err(_) => skipped += 1,
        }
    }
    Ok(skipped)
}

fn session(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    let key = |index| row.get::<_, Option<u32>>(index).map(|key| key.map(AccountKey));
    let dialog: (Option<u32>, Option<u32>) = (row.get(12)?, row.get(13)?);
    let state = match row.get_ref(7)?.as_str() {
        Ok("up") => CallState::Up,
        Ok("reserved") => CallState::Reserved,
        _ => return Err(rusqlite::Error::InvalidQuery),
    };
    Ok(SessionRow {
        call: CallRef(row.get::<_, i64>(0)?.cast_unsigned()),
        call_id: row.get(1)?,
        from_tag_hash: row.get(2)?,
        from: row.get(3)?,
        to: row.get(4)?,
        caller: key(5)?,
        callee: key(6)?,
        seats: Seats::parse(row.get_ref(14)?.as_str()?).ok_or(rusqlite::Error::InvalidQuery)?,
        state,
        emergency: row.get(8)?,
        started_ms: row.get(9)?,
        answered_ms: row.get(10)?,
        expires_ms: row.get(11)?,
        dialog: dialog.0.zip(dialog.1),
        proxy: None,
    })
}
