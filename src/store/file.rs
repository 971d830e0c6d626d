//! One database file: opened, checked, brought to the newest format.

use std::path::Path;

use rusqlite::Connection;

use super::Error;

/// How sure a commit has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Synchronous {
    /// It survives a power failure.
    Full,
    /// It survives the death of the process; a power failure may cost the last commits, and never
    /// damages the file.
    Normal,
}

/// What a file is, and its formats, oldest first: what brings it from one to the next.
#[derive(Clone, Copy)]
pub(super) struct Formats {
    /// SQLite's `application_id`: tells our files from each other and from everybody else's.
    pub(super) id: i32,
    pub(super) steps: &'static [&'static str],
}

/// Opens a file, makes it if it is missing, and brings it to the newest format.
pub(super) fn open(
    path: &Path,
    synchronous: Synchronous,
    formats: Formats,
) -> Result<Connection, Error> {
    let wrong = |error: rusqlite::Error| Error::of(path, &error);
    let mut connection = Connection::open(path).map_err(wrong)?;
    // What is written behind is written often: a page that changes again and again is worth
    // copying into the file less often than every 4 MB.
    let level = match synchronous {
        Synchronous::Full => "FULL",
        Synchronous::Normal => "NORMAL; PRAGMA wal_autocheckpoint = 4000",
    };
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = {level}; PRAGMA busy_timeout = 5000;"
        ))
        .map_err(wrong)?;
    check(&connection, path, synchronous, formats.id)?;
    migrate(&mut connection, path, formats)?;
    Ok(connection)
}

fn check(
    connection: &Connection,
    path: &Path,
    synchronous: Synchronous,
    id: i32,
) -> Result<(), Error> {
    let wrong = |error: rusqlite::Error| Error::of(path, &error);
    // The registry is small and nowhere else; of the calls a damaged page only costs a look.
    if synchronous == Synchronous::Full {
        let verdict: String =
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(wrong)?;
        if verdict != "ok" {
            return Err(Error::damaged(path, verdict));
        }
    }
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let parts = number("SELECT count(*) FROM sqlite_schema").map_err(wrong)?;
    let found = number("PRAGMA application_id").map_err(wrong)?;
    if parts > 0 && found != i64::from(id) {
        // Somebody else's, or one of ours with the other one's -wal beside it.
        return Err(Error::damaged(path, "it is another kind of database"));
    }
    Ok(())
}

fn migrate(connection: &mut Connection, path: &Path, formats: Formats) -> Result<(), Error> {
    let wrong = |error: rusqlite::Error| Error::of(path, &error);
    let known = i64::try_from(formats.steps.len()).unwrap_or(i64::MAX);
    let found: i64 =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(wrong)?;
    if found > known {
        return Err(Error::Newer { path: path.to_owned(), found, known });
    }
    let from = usize::try_from(found).unwrap_or(0);
    for (step, format) in formats.steps.iter().enumerate().skip(from) {
        let transaction = connection.transaction().map_err(wrong)?;
        transaction.execute_batch(format).map_err(wrong)?;
        let reached = i64::try_from(step + 1).unwrap_or(known);
        transaction.pragma_update(None, "user_version", reached).map_err(wrong)?;
        transaction.pragma_update(None, "application_id", formats.id).map_err(wrong)?;
        transaction.commit().map_err(wrong)?;
    }
    Ok(())
}
