//! All that was agreed on, as a newcomer gets it: read piece by piece from one moment's state, and
//! kept in a file without a name until all of it has come. Neither side ever has more than a piece
//! of it in memory.
//!
//! What comes names a table by its place in the list here, and its values by theirs in that table's
//! list: no text of another node becomes SQL.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OpenFlags, Transaction, params_from_iter};
use serde::{Deserialize, Serialize};

use super::agreed::{Mark, set_state, state};
use super::{Error, Store};

/// A table that is the same at every node. What tells its rows apart comes first.
struct Table {
    name: &'static str,
    keys: usize,
    columns: &'static [&'static str],
    /// Which rows, where not all of them are.
    only: Option<&'static [&'static str]>,
}

const fn table(name: &'static str, keys: usize, columns: &'static [&'static str]) -> Table {
    Table { name, keys, columns, only: None }
}

/// What a newcomer gets, in this order.
const TABLES: [Table; 14] = [
    Table {
        name: "meta",
        keys: 1,
        columns: &["key", "value"],
        only: Some(&["applied", "keys_given"]),
    },
    table(
        "account",
        1,
        &[
            "key",
            "name",
            "max_calls",
            "max_in",
            "max_out",
            "parent",
            "policy",
            "zone",
            "enabled",
            "code_to",
            "code_from",
        ],
    ),
    table("identifier", 1, &["id", "identifier", "account"]),
    table(
        "device",
        1,
        &[
            "id", "account", "name", "kind", "target", "stage", "ring_s", "enabled", "dnd", "tags",
            "push",
        ],
    ),
    table("mailbox", 1, &["account", "name", "settings"]),
    table("mailbox_greeting", 2, &["account", "content"]),
    table("rules", 1, &["account", "text"]),
    table("care", 1, &["account", "care"]),
    table(
        "message",
        1,
        &[
            "id",
            "mailbox",
            "account",
            "caller",
            "call_id",
            "cause",
            "urgent",
            "state",
            "length_ms",
            "bytes",
            "began_ms",
            "left_ms",
            "changed_ms",
            "keep_until_ms",
            "parts",
            "joined",
            "holders",
        ],
    ),
    table("message_file", 2, &["message", "content"]),
    table("notice_elsewhere", 1, &["id", "node", "kind", "message", "body", "at_ms", "next_ms"]),
    table("right_share", 2, &["pool", "node", "granted", "returned", "revoked"]),
    table("node_start", 1, &["node", "boot", "nonce"]),
    table("motion_seen", 1, &["node", "boot", "nonce", "over_below", "seen"]),
];
/// The version of the pieces: another list is another version.
const VERSION: u32 = 10;
/// About how long a piece is.
const PIECE_BYTES: usize = 100_000;
/// The longest piece that is taken: one row may be longer than a piece is to be.
const PIECE_BYTES_MAX: usize = 1 << 20;
/// The most bytes that are taken, on the disk: as many as there are at a node of a million accounts
/// with all that they may have, and some. At the limit it is refused.
const WHOLE_BYTES_MAX: u64 = 32 << 30;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Piece {
    version: u32,
    /// Its place in the list.
    table: usize,
    rows: Vec<Vec<Cell>>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Cell {
    Nothing(()),
    Number(i64),
    Text(String),
}

impl Cell {
    fn of(value: ValueRef<'_>) -> rusqlite::Result<Self> {
        Ok(match value {
            ValueRef::Null => Self::Nothing(()),
            ValueRef::Integer(number) => Self::Number(number),
            ValueRef::Text(text) => Self::Text(String::from_utf8_lossy(text).into_owned()),
            // No table of the list has any.
            ValueRef::Real(_) | ValueRef::Blob(_) => return Err(rusqlite::Error::InvalidQuery),
        })
    }

    fn value(self) -> Value {
        match self {
            Self::Nothing(()) => Value::Null,
            Self::Number(number) => Value::Integer(number),
            Self::Text(text) => Value::Text(text),
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Nothing(()) | Self::Number(_) => 12,
            Self::Text(text) => text.len() + text.len() / 8 + 4,
        }
    }
}

impl Table {
    /// The rows behind that one, in order.
    fn select(&self, behind: bool) -> String {
        let keys = self.columns.get(..self.keys).unwrap_or(self.columns).join(", ");
        let places: Vec<String> = (1..=self.keys).map(|at| format!("?{at}")).collect();
        let behind = if behind {
            format!("({keys}) > ({})", places.join(", "))
        } else {
            String::from("TRUE")
        };
        let only = self.only.map_or_else(String::new, |only| {
            let only: Vec<String> = only.iter().map(|key| format!("'{key}'")).collect();
            format!("AND {} IN ({})", self.columns.first().unwrap_or(&""), only.join(", "))
        });
        let (columns, name) = (self.columns.join(", "), self.name);
        format!("SELECT {columns} FROM {name} WHERE {behind} {only} ORDER BY {keys}")
    }

    fn insert(&self) -> String {
        let places: Vec<String> = (1..=self.columns.len()).map(|at| format!("?{at}")).collect();
        let (name, columns) = (self.name, self.columns.join(", "));
        format!("INSERT OR REPLACE INTO {name} ({columns}) VALUES ({})", places.join(", "))
    }

    /// Whether a row can be one of this table.
    fn takes(&self, row: &[Cell]) -> bool {
        let is_one = self.only.is_none_or(
            |only| matches!(row.first(), Some(Cell::Text(key)) if only.contains(&&**key)),
        );
        is_one && row.len() == self.columns.len()
    }
}

fn foreign(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}

/// All rows as they stood at one moment, on a connection of their own.
pub struct Whole {
    ledger: Connection,
    path: PathBuf,
    table: usize,
    /// The last row that was read of this table.
    behind: Option<Vec<Cell>>,
}

impl Whole {
    /// The next piece; `None`: that was all.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn piece(&mut self) -> Result<Option<Vec<u8>>, Error> {
        while let Some(table) = TABLES.get(self.table) {
            let rows = rows(&self.ledger, table, self.behind.as_deref());
            let (rows, is_all) = rows.map_err(|error| Error::of(&self.path, &error))?;
            let piece = Piece { version: VERSION, table: self.table, rows };
            self.behind = piece.rows.last().cloned();
            if is_all {
                self.table += 1;
                self.behind = None;
            }
            if !piece.rows.is_empty() {
                let packed = serde_json::to_vec(&piece).map_err(foreign);
                return packed.map(Some).map_err(|error| Error::of(&self.path, &error));
            }
        }
        Ok(None)
    }
}

/// As many as make a piece, and whether these were the last.
fn rows(
    ledger: &Connection,
    table: &Table,
    behind: Option<&[Cell]>,
) -> rusqlite::Result<(Vec<Vec<Cell>>, bool)> {
    let mut select = ledger.prepare_cached(&table.select(behind.is_some()))?;
    let keys = behind.unwrap_or(&[]).iter().take(table.keys);
    let mut read = select.query(params_from_iter(keys.map(|cell| cell.clone().value())))?;
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while let Some(row) = read.next()? {
        let cells = (0..table.columns.len()).map(|at| Cell::of(row.get_ref(at)?));
        let cells: Vec<Cell> = cells.collect::<rusqlite::Result<_>>()?;
        bytes += cells.iter().map(Cell::weight).sum::<usize>();
        rows.push(cells);
        if bytes > PIECE_BYTES {
            return Ok((rows, false));
        }
    }
    Ok((rows, true))
}

/// What has come so far, in a file that is gone with the process.
pub struct Arriving {
    file: File,
    path: PathBuf,
    bytes: u64,
}

impl Arriving {
    fn wrong(&self, cause: impl std::fmt::Display) -> Error {
        let cause = format!("what came from another node can't be taken: {cause}");
        Error::Medium { path: self.path.clone(), cause }
    }

    /// Takes a piece.
    ///
    /// # Errors
    /// When it makes no sense or is too much; the disk's.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if bytes.len() > PIECE_BYTES_MAX {
            return Err(self.wrong("a piece is too long"));
        }
        self.read(bytes)?;
        let length = u32::try_from(bytes.len()).map_err(|error| self.wrong(error))?;
        self.bytes += u64::from(length) + 4;
        if self.bytes > WHOLE_BYTES_MAX {
            return Err(self.wrong("it is too much"));
        }
        let written = self.file.write_all(&length.to_be_bytes());
        written.and_then(|()| self.file.write_all(bytes)).map_err(|error| self.wrong(error))
    }

    fn read(&self, bytes: &[u8]) -> Result<(&'static Table, Piece), Error> {
        let piece: Piece = serde_json::from_slice(bytes).map_err(|error| self.wrong(error))?;
        if piece.version != VERSION {
            return Err(self.wrong("it is of another version"));
        }
        let table = TABLES.get(piece.table).ok_or_else(|| self.wrong("there is no such table"))?;
        if !piece.rows.iter().all(|row| table.takes(row)) {
            return Err(self.wrong(format!("a row of {} is none", table.name)));
        }
        Ok((table, piece))
    }

    fn put_in(&mut self, transaction: &Transaction<'_>) -> Result<(), Error> {
        self.file.seek(SeekFrom::Start(0)).map_err(|error| self.wrong(error))?;
        let copy = self.file.try_clone().map_err(|error| self.wrong(error))?;
        let (mut file, mut left) = (BufReader::new(copy), self.bytes);
        while left > 0 {
            let mut length = [0; 4];
            file.read_exact(&mut length).map_err(|error| self.wrong(error))?;
            let length = u32::from_be_bytes(length);
            let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
            file.read_exact(&mut bytes).map_err(|error| self.wrong(error))?;
            left = left.saturating_sub(u64::from(length) + 4);
            let (table, piece) = self.read(&bytes)?;
            let put = || {
                let mut insert = transaction.prepare_cached(&table.insert())?;
                for row in piece.rows {
                    insert.execute(params_from_iter(row.into_iter().map(Cell::value)))?;
                }
                Ok(())
            };
            put().map_err(|error| Error::of(&self.path, &error))?;
        }
        Ok(())
    }
}

impl Store {
    /// All rows that were agreed on as they are now, and the mark that belongs to them.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn whole(&self) -> Result<(Option<Mark>, Whole), Error> {
        let path = self.ledger_path.clone();
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let begin = || {
            let ledger = Connection::open_with_flags(&path, flags)?;
            // The first look fixes the moment.
            ledger.execute_batch("PRAGMA busy_timeout = 5000; BEGIN")?;
            let mark = state(&ledger, "mark")?;
            Ok((mark, ledger))
        };
        let (mark, ledger) = begin().map_err(|error| self.ledger_error(&error))?;
        Ok((mark, Whole { ledger, path, table: 0, behind: None }))
    }

    /// Makes room for the rows of another node.
    ///
    /// # Errors
    /// The disk's.
    pub fn arrive(&self) -> Result<Arriving, Error> {
        let path = self.ledger_path.with_file_name("arriving");
        let open = || {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(true).mode(0o600);
            let file = options.open(&path)?;
            // Without a name nobody else finds it, and it is gone with whoever has it open.
            std::fs::remove_file(&path)?;
            Ok(file)
        };
        let file = open().map_err(|error: std::io::Error| Error::Medium {
            path: path.clone(),
            cause: error.to_string(),
        })?;
        Ok(Arriving { file, path: self.ledger_path.clone(), bytes: 0 })
    }

    /// Puts the rows of another node in the place of this one's, with the mark, all or nothing.
    ///
    /// # Errors
    /// When they make no sense; the disk's. Nothing was changed.
    pub fn install(&self, mut arriving: Arriving, mark: &[u8]) -> Result<(), Error> {
        let wrong = |error: rusqlite::Error| self.ledger_error(&error);
        let mut ledger = super::locked(&self.ledger);
        let transaction = ledger.transaction().map_err(wrong)?;
        for table in TABLES.iter().filter(|table| table.only.is_none()) {
            transaction.execute(&format!("DELETE FROM {}", table.name), []).map_err(wrong)?;
        }
        // Its own log of the registry ends here: the numbers go on from the other one's.
        transaction.execute("DELETE FROM log", []).map_err(wrong)?;
        arriving.put_in(&transaction)?;
        set_state(&transaction, "mark", mark).map_err(wrong)?;
        transaction.commit().map_err(wrong)
    }
}

#[cfg(test)]
pub(super) fn tables() -> Vec<(&'static str, usize, &'static [&'static str])> {
    TABLES.iter().map(|table| (table.name, table.keys, table.columns)).collect()
}
