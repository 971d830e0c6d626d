//! SQL of the outbox: what waits to be told, what was told, what was given up.
//!
//! What waits is told or given up in the end, what was told is forgotten after a while, and of what
//! was given up the newest [`GIVEN_UP_KEPT`] are kept.

use rusqlite::{Connection, Row, ToSql, Transaction, params};

use crate::domain::{MessageId, Notice, NoticeKind, NoticeState};

use super::registry::ReadError;

/// How many notices are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoticeCounts {
    /// They wait for their next try.
    pub waiting: u64,
    /// They were refused for good, or tried too often.
    pub given_up: u64,
}

/// How many given-up notices are kept for an operator to see. Beyond it the oldest is forgotten.
pub(super) const GIVEN_UP_KEPT: usize = 100_000;

/// How many notices may wait for devices, of one account and of all. What comes beyond is left out.
const OF_ACCOUNT_MAX: i64 = 50;
const OF_ALL_MAX: i64 = 10_000;

pub(super) const DUE_BEFORE: &str = "state = 'waiting' AND next_ms <= ?1
     AND kind NOT IN ('devices', 'lamps') ORDER BY next_ms";
pub(super) const DUE_FOR_DEVICES: &str = "state = 'waiting' AND next_ms <= ?1
     AND kind IN ('devices', 'lamps') ORDER BY next_ms";
pub(super) const BEHIND: &str = "id > ?1 ORDER BY id";
pub(super) const BEHIND_IN_STATE: &str = "id > ?1 AND state = ?2 ORDER BY id";

const COLUMNS: &str = "id, kind, message, body, at_ms, attempts, next_ms, state, trouble";

fn word(state: NoticeState) -> &'static str {
    match state {
        NoticeState::Waiting => "waiting",
        NoticeState::Told => "told",
        NoticeState::GivenUp => "given_up",
    }
}

/// Writes a notice, unless it is there, or too many wait for devices already.
pub(super) fn insert(transaction: &Transaction<'_>, notice: &Notice) -> rusqlite::Result<()> {
    if notice.kind.is_for_devices() && !has_room(transaction, &notice.body)? {
        tracing::warn!(notice = &*notice.id, "too much waits to be told to devices: left out");
        return Ok(());
    }
    transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO notice (id, kind, message, body, at_ms, attempts, next_ms,
             state, trouble) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            &*notice.id,
            notice.kind.as_str(),
            notice.message.map_or(0, |message| i64::from_ne_bytes(message.0.to_ne_bytes())),
            &*notice.body,
            notice.at_ms,
            notice.attempts,
            notice.next_ms,
            word(notice.state),
            notice.trouble.as_deref(),
        ])
        .map(|_| ())
}

/// Whether something more may wait for the devices of the account that the body names.
fn has_room(transaction: &Transaction<'_>, body: &str) -> rusqlite::Result<bool> {
    let (all, own): (i64, i64) = transaction
        .prepare_cached(
            "SELECT count(*), coalesce(sum(body ->> '$.account' = ?1 ->> '$.account'), 0)
             FROM notice WHERE state = 'waiting' AND kind IN ('devices', 'lamps')",
        )?
        .query_row([body], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(all < OF_ALL_MAX && own < OF_ACCOUNT_MAX)
}

/// Those that are due, the longest waiting first; for the webhook, or for devices. A damaged one is given up, so that it neither
/// stands in the others' way nor is due for ever.
pub(super) fn due(
    connection: &Connection,
    for_devices: bool,
    now_ms: i64,
    limit: u32,
) -> Result<Vec<Notice>, ReadError> {
    let which = if for_devices { DUE_FOR_DEVICES } else { DUE_BEFORE };
    let (found, damaged) = collect(connection, which, params![now_ms], limit)?;
    for row in damaged {
        connection.execute(
            "UPDATE notice SET state = 'given_up', trouble = 'its row makes no sense'
             WHERE rowid = ?1",
            [row],
        )?;
    }
    Ok(found)
}

/// When the next one is due, milliseconds since 1970.
pub(super) fn next_due(
    connection: &Connection,
    for_devices: bool,
) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "SELECT min(next_ms) FROM notice
             WHERE state = 'waiting' AND (kind IN ('devices', 'lamps')) = ?1",
        )?
        .query_row([for_devices], |row| row.get(0))
}

/// A page in the order of their ids. Damaged ones are logged and left out.
pub(super) fn list(
    connection: &Connection,
    state: Option<NoticeState>,
    after: &str,
    limit: u32,
) -> Result<Vec<Notice>, ReadError> {
    let page = match state {
        None => collect(connection, BEHIND, params![after], limit)?,
        Some(state) => collect(connection, BEHIND_IN_STATE, params![after, word(state)], limit)?,
    };
    Ok(page.0)
}

/// Sets what has become of a notice; says whether there is such a one.
pub(super) fn set(
    connection: &Connection,
    id: &str,
    state: NoticeState,
    next_ms: i64,
    trouble: Option<&str>,
) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached(
            "UPDATE notice SET state = ?2, next_ms = ?3, trouble = ?4, attempts = attempts + 1
             WHERE id = ?1",
        )?
        .execute(params![id, word(state), next_ms, trouble])?;
    Ok(changed > 0)
}

/// Tries a notice again from the beginning, one that was told, too; says whether there is such a
/// one.
pub(super) fn again(connection: &Connection, id: &str, at_ms: i64) -> rusqlite::Result<bool> {
    let changed = connection.execute(
        "UPDATE notice SET state = 'waiting', attempts = 0, next_ms = ?2 WHERE id = ?1",
        params![id, at_ms],
    )?;
    Ok(changed > 0)
}

pub(super) fn counts(connection: &Connection) -> rusqlite::Result<NoticeCounts> {
    let count = |state: NoticeState| -> rusqlite::Result<u64> {
        let count: i64 = connection
            .prepare_cached("SELECT count(*) FROM notice WHERE state = ?1")?
            .query_row([word(state)], |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    };
    Ok(NoticeCounts {
        waiting: count(NoticeState::Waiting)?,
        given_up: count(NoticeState::GivenUp)?,
    })
}

/// Forgets what was told before a time, and of what was given up all but the newest `kept`.
pub(super) fn forget(connection: &Connection, before_ms: i64, kept: usize) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM notice WHERE state = 'told' AND next_ms < ?1", [before_ms])?;
    connection.execute("DELETE FROM notice_elsewhere WHERE at_ms < ?1", [before_ms])?;
    let kept = i64::try_from(kept).unwrap_or(i64::MAX);
    connection
        .execute(
            "DELETE FROM notice WHERE rowid IN (SELECT rowid FROM notice
             WHERE state = 'given_up' ORDER BY next_ms DESC LIMIT -1 OFFSET ?1)",
            [kept],
        )
        .map(|_| ())
}

/// The statement that reads notices.
pub(super) fn query(which: &str) -> String {
    format!("SELECT {COLUMNS}, rowid FROM notice WHERE {which}")
}

/// Up to `limit` notices, and the rows among them that make no sense.
fn collect(
    connection: &Connection,
    which: &str,
    values: &[&dyn ToSql],
    limit: u32,
) -> Result<(Vec<Notice>, Vec<i64>), ReadError> {
    let mut query = connection.prepare_cached(&query(which))?;
    let mut rows = query.query(values)?;
    let (mut found, mut damaged) = (Vec::new(), Vec::new());
    while u32::try_from(found.len()).is_ok_and(|count| count < limit)
        && let Some(row) = rows.next()?
    {
        match read(row) {
            Ok(notice) => found.push(notice),
            Err(error) => {
                let number: i64 = row.get(9)?;
                tracing::error!(%error, row = number, "a notice makes no sense");
                damaged.push(number);
            }
        }
    }
    Ok((found, damaged))
}

fn read(row: &Row<'_>) -> Result<Notice, ReadError> {
    let kind: String = row.get(1)?;
    let kind = NoticeKind::parse(&kind)
        .ok_or_else(|| ReadError::Row(format!("kind {kind:?} of a notice")))?;
    let state = match row.get::<_, String>(7)?.as_str() {
        "waiting" => NoticeState::Waiting,
        "told" => NoticeState::Told,
        "given_up" => NoticeState::GivenUp,
        other => return Err(ReadError::Row(format!("state {other:?} of a notice"))),
    };
    Ok(Notice {
        id: row.get::<_, String>(0)?.into(),
        kind,
        message: match row.get::<_, i64>(2)? {
            0 => None,
            number => Some(MessageId(u64::from_ne_bytes(number.to_ne_bytes()))),
        },
        body: row.get::<_, String>(3)?.into(),
        at_ms: row.get(4)?,
        attempts: row.get(5)?,
        next_ms: row.get(6)?,
        state,
        trouble: row.get::<_, Option<String>>(8)?.map(Into::into),
    })
}
