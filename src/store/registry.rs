//! SQL of the registry: accounts, identifiers, devices, and the log of what changed them.

use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use crate::domain::{
    Account, AccountKey, AccountName, Caps, Device, DeviceName, Identifier, Mailbox, Number,
    Policy, RefusalCodes, SipUri, Tags, Target, Zone,
};
use crate::registry::Change;
use crate::rules::{RuleFile, listed};

use super::messages;

/// How many entries of the log are kept; it is for reading back, the rows are the truth.
pub(super) const LOG_KEPT: u64 = 100_000;

pub(super) fn meta(connection: &Connection, key: &str) -> rusqlite::Result<u64> {
    let value: i64 =
        connection.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))?;
    Ok(u64::try_from(value).unwrap_or(0))
}

pub(super) fn set_meta(connection: &Connection, key: &str, value: u64) -> rusqlite::Result<()> {
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    connection.execute("UPDATE meta SET value = ?2 WHERE key = ?1", params![key, value])?;
    Ok(())
}

/// Writes a command under its number.
pub(super) fn log(
    transaction: &Transaction<'_>,
    index: u64,
    at_ms: i64,
    command: &str,
) -> rusqlite::Result<()> {
    let number = i64::try_from(index).unwrap_or(i64::MAX);
    transaction
        .prepare_cached("INSERT INTO log (number, at_ms, command) VALUES (?1, ?2, ?3)")?
        .execute(params![number, at_ms, command])?;
    if index.is_multiple_of(1000) && index > LOG_KEPT {
        let oldest = i64::try_from(index - LOG_KEPT).unwrap_or(i64::MAX);
        transaction.execute("DELETE FROM log WHERE number <= ?1", [oldest])?;
    }
    set_meta(transaction, "applied", index)
}

/// Writes one row that changes.
pub(super) fn write(transaction: &Transaction<'_>, change: &Change) -> rusqlite::Result<()> {
    match change {
        Change::KeysGiven(given) => set_meta(transaction, "keys_given", u64::from(*given)),
        Change::Account(key, account) => write_account(transaction, *key, account),
        Change::AccountGone(key) => {
            messages::delete_of_account(transaction, *key)?;
            for table in ["identifier", "device", "mailbox", "mailbox_greeting", "rules", "care"] {
                transaction.execute(&format!("DELETE FROM {table} WHERE account = ?1"), [key.0])?;
            }
            transaction.execute("DELETE FROM account WHERE key = ?1", [key.0]).map(|_| ())
        }
        Change::Identifier(identifier, key) => {
            let text = identifier.to_string();
            transaction.execute("DELETE FROM identifier WHERE identifier = ?1", [&text])?;
            transaction
                .prepare_cached("INSERT INTO identifier (identifier, account) VALUES (?1, ?2)")?
                .execute(params![text, key.0])
                .map(|_| ())
        }
        Change::IdentifierGone(identifier) => transaction
            .execute("DELETE FROM identifier WHERE identifier = ?1", [identifier.to_string()])
            .map(|_| ()),
        Change::Device(key, device) => write_device(transaction, *key, device),
        Change::DeviceGone(key, name) => transaction
            .execute(
                "DELETE FROM device WHERE account = ?1 AND name = ?2",
                params![key.0, name.as_str()],
            )
            .map(|_| ()),
        Change::Mailbox(key, mailbox) => write_mailbox(transaction, *key, mailbox),
        Change::MailboxGone(key, name) => {
            messages::delete_in_mailbox(transaction, name)?;
            forget_greetings(transaction, *key)?;
            transaction.execute("DELETE FROM mailbox WHERE account = ?1", [key.0]).map(|_| ())
        }
        Change::Rules(key, file) => transaction
            .prepare_cached("INSERT OR REPLACE INTO rules (account, text) VALUES (?1, ?2)")?
            .execute(params![key.0, &**file.text()])
            .map(|_| ()),
        Change::RulesGone(key) => {
            transaction.execute("DELETE FROM rules WHERE account = ?1", [key.0]).map(|_| ())
        }
        Change::Care(key, care) if care.is_usual() => {
            transaction.execute("DELETE FROM care WHERE account = ?1", [key.0]).map(|_| ())
        }
        Change::Care(key, care) => transaction
            .prepare_cached("INSERT OR REPLACE INTO care (account, care) VALUES (?1, ?2)")?
            .execute(params![key.0, json(care)?])
            .map(|_| ()),
    }
}

fn json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn write_mailbox(
    transaction: &Transaction<'_>,
    key: AccountKey,
    mailbox: &Mailbox,
) -> rusqlite::Result<()> {
    let settings = json(mailbox)?;
    // Nobody reads what was left for another one who had the name before.
    messages::delete_of_others(transaction, &mailbox.name, key)?;
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO mailbox (account, name, settings) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![key.0, mailbox.name.as_str(), settings])?;
    forget_greetings(transaction, key)?;
    // Two names may have the same file.
    let mut insert = transaction.prepare_cached(
        "INSERT OR IGNORE INTO mailbox_greeting (account, content) VALUES (?1, ?2)",
    )?;
    for content in mailbox.greetings.values() {
        insert.execute(params![key.0, content.to_string()])?;
    }
    Ok(())
}

fn forget_greetings(transaction: &Transaction<'_>, key: AccountKey) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("DELETE FROM mailbox_greeting WHERE account = ?1")?
        .execute([key.0])
        .map(|_| ())
}

fn write_account(
    transaction: &Transaction<'_>,
    key: AccountKey,
    account: &Account,
) -> rusqlite::Result<()> {
    let policy = match account.policy {
        Policy::Available => "available",
        Policy::Strict => "strict",
    };
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO account (key, name, max_calls, max_in, max_out, parent, policy,
             zone, enabled, code_to, code_from) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            key.0,
            account.name.as_str(),
            account.caps.max_calls,
            account.caps.max_in,
            account.caps.max_out,
            account.parent.map(|parent| parent.0),
            policy,
            account.zone.as_ref().map(Zone::as_str),
            account.enabled,
            account.refusal_codes.to,
            account.refusal_codes.from,
        ])
        .map(|_| ())
}

fn write_device(
    transaction: &Transaction<'_>,
    key: AccountKey,
    device: &Device,
) -> rusqlite::Result<()> {
    let (kind, target) = match &device.target {
        Target::Uri(uri) => ("uri", uri.to_string()),
        Target::Aor(uri) => ("aor", uri.to_string()),
        Target::Number(number) => ("number", number.to_string()),
    };
    // A device that changes its stage goes to the end of the new one, as in the registry; one
    // that keeps it keeps its place, and with it its id.
    transaction.execute(
        "DELETE FROM device WHERE account = ?1 AND name = ?2 AND stage <> ?3",
        params![key.0, device.name.as_str(), device.stage],
    )?;
    transaction
        .prepare_cached(
            "INSERT INTO device (account, name, kind, target, stage, ring_s, enabled, dnd, push,
             tags)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (account, name) DO UPDATE SET kind = excluded.kind,
             target = excluded.target, ring_s = excluded.ring_s, enabled = excluded.enabled,
             dnd = excluded.dnd, push = excluded.push, tags = excluded.tags",
        )?
        .execute(params![
            key.0,
            device.name.as_str(),
            kind,
            target,
            device.stage,
            device.ring_s,
            device.enabled,
            device.dnd,
            device.push,
            device.tags.to_string(),
        ])
        .map(|_| ())
}

/// Reads all rows: how many keys were given, accounts, identifiers, devices, mailboxes, rules,
/// self care. The error is a sentence about a row that makes no sense, or SQLite's.
pub(super) fn read(connection: &Connection, take: &mut dyn FnMut(Change)) -> Result<(), ReadError> {
    let given = meta(connection, "keys_given")?;
    take(Change::KeysGiven(u32::try_from(given).unwrap_or(u32::MAX)));
    let mut accounts = connection.prepare(
        "SELECT key, name, max_calls, max_in, max_out, parent, policy, zone, enabled, code_to,
         code_from FROM account ORDER BY key",
    )?;
    let mut rows = accounts.query([])?;
    while let Some(row) = rows.next()? {
        take(account(row)?);
    }
    let mut identifiers =
        connection.prepare("SELECT identifier, account FROM identifier ORDER BY id")?;
    let mut rows = identifiers.query([])?;
    while let Some(row) = rows.next()? {
        let identifier = Identifier::parse(text(row, 0)?)?;
        take(Change::Identifier(identifier, AccountKey(row.get(1)?)));
    }
    let mut devices = connection.prepare(
        "SELECT account, name, kind, target, stage, ring_s, enabled, dnd, tags, push
         FROM device ORDER BY id",
    )?;
    let mut rows = devices.query([])?;
    while let Some(row) = rows.next()? {
        take(Change::Device(AccountKey(row.get(0)?), device(row)?));
    }
    let mut mailboxes =
        connection.prepare("SELECT account, settings FROM mailbox ORDER BY account")?;
    let mut rows = mailboxes.query([])?;
    while let Some(row) = rows.next()? {
        let mailbox = serde_json::from_str(&row.get::<_, String>(1)?)
            .map_err(|error| ReadError::Row(format!("settings of a mailbox: {error}")))?;
        take(Change::Mailbox(AccountKey(row.get(0)?), mailbox));
    }
    let mut rules = connection.prepare("SELECT account, text FROM rules ORDER BY account")?;
    let mut rows = rules.query([])?;
    while let Some(row) = rows.next()? {
        let file = RuleFile::read(&row.get::<_, String>(1)?)
            .map_err(|mistakes| ReadError::Row(format!("rules: {}", listed(&mistakes))))?;
        take(Change::Rules(AccountKey(row.get(0)?), file));
    }
    let mut cares = connection.prepare("SELECT account, care FROM care ORDER BY account")?;
    let mut rows = cares.query([])?;
    while let Some(row) = rows.next()? {
        let care = serde_json::from_str(text(row, 1)?)
            .map_err(|error| ReadError::Row(format!("self care of an account: {error}")))?;
        take(Change::Care(AccountKey(row.get(0)?), Box::new(care)));
    }
    Ok(())
}

/// The text of an account's rules as it was written.
pub(super) fn rule_text(
    connection: &Connection,
    account: AccountKey,
) -> rusqlite::Result<Option<String>> {
    connection
        .query_row("SELECT text FROM rules WHERE account = ?1", [account.0], |row| row.get(0))
        .optional()
}

/// Why the registry could not be read.
pub(super) enum ReadError {
    Sqlite(rusqlite::Error),
    Row(String),
}

impl ReadError {
    /// What SQLite says of a column is said of the row: it is this one that makes no sense.
    pub(super) fn of_row(self, what: &str) -> Self {
        match self {
            Self::Sqlite(error) => Self::Row(format!("{what}: {error}")),
            Self::Row(sentence) => Self::Row(format!("{what}: {sentence}")),
        }
    }
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(error) => error.fmt(f),
            Self::Row(sentence) => f.write_str(sentence),
        }
    }
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<crate::domain::Error> for ReadError {
    fn from(error: crate::domain::Error) -> Self {
        Self::Row(error.to_string())
    }
}

/// A text as it lies in the row, not copied.
fn text<'a>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<&'a str> {
    let value = row.get_ref(column)?;
    value.as_str().map_err(|error| {
        let (name, found) = (format!("column {column}"), value.data_type());
        if matches!(error, FromSqlError::InvalidType) {
            rusqlite::Error::InvalidColumnType(column, name, found)
        } else {
            rusqlite::Error::FromSqlConversionFailure(column, found, Box::new(error))
        }
    })
}

fn account(row: &Row<'_>) -> Result<Change, ReadError> {
    let policy = match text(row, 6)? {
        "available" => Policy::Available,
        "strict" => Policy::Strict,
        other => return Err(ReadError::Row(format!("policy {other:?} of an account"))),
    };
    let zone: Option<String> = row.get(7)?;
    let account = Account {
        name: AccountName::parse(text(row, 1)?)?,
        caps: Caps { max_calls: row.get(2)?, max_in: row.get(3)?, max_out: row.get(4)? },
        parent: row.get::<_, Option<u32>>(5)?.map(AccountKey),
        policy,
        zone: zone.as_deref().map(Zone::parse).transpose()?,
        enabled: row.get(8)?,
        refusal_codes: RefusalCodes { to: row.get(9)?, from: row.get(10)? },
    };
    Ok(Change::Account(AccountKey(row.get(0)?), account))
}

fn device(row: &Row<'_>) -> Result<Device, ReadError> {
    let target = text(row, 3)?;
    let target = match text(row, 2)? {
        "uri" => Target::Uri(SipUri::parse(target)?),
        "aor" => Target::Aor(SipUri::parse(target)?),
        "number" => Target::Number(Number::parse(target)?),
        other => return Err(ReadError::Row(format!("kind {other:?} of a device"))),
    };
    Ok(Device {
        name: DeviceName::parse(text(row, 1)?)?,
        target,
        stage: row.get(4)?,
        ring_s: row.get(5)?,
        enabled: row.get(6)?,
        dnd: row.get(7)?,
        push: row.get(9)?,
        tags: Tags::parse(text(row, 8)?)?,
    })
}
