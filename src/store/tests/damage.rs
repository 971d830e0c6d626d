//! What stands where the databases should be, and what the operator is told.

use crate::sessions::RowChange;

use super::*;

/// A directory in which some calls were counted and some accounts laid down.
fn used() -> Dir {
    let dir = Dir::new();
    let store = dir.open();
    let command = serde_json::from_str(r#"{"command":"account_remove","name":"x"}"#).unwrap();
    for index in 1..=300 {
        store.commit(index, NOW_MS, &command, &[Change::KeysGiven(1)]).unwrap();
    }
    let mut rows = Some((0..500).map(|number| RowChange::Put(row(number))).collect());
    store.write_rows_from(Box::new(move |_| rows.take().unwrap_or_default())).unwrap();
    store.wake();
    until("the rows are written", || sessions_of(&store).len() == 500);
    assert_eq!(store.flush_and_stop(), 0);
    drop(store);
    dir
}

fn overwrite(path: &Path, from: usize, with: &[u8]) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[from..from + with.len()].copy_from_slice(with);
    std::fs::write(path, bytes).unwrap();
}

#[track_caller]
fn told(sentence: &str, parts: &[&str]) {
    for part in parts {
        assert!(sentence.contains(part), "{part:?} is not in: {sentence}");
    }
}

#[test]
fn a_second_daemon_is_told_which_one_is_there() {
    let dir = Dir::new();
    let _store = dir.open();
    told(&dir.refusal(), &[&format!("(process {})", std::process::id()), "data_dir of its own"]);
    std::fs::write(dir.file("lock"), "").unwrap();
    told(&dir.refusal(), &["(process unknown)"]);
}

#[test]
fn a_garbage_header_is_damage() {
    for (file, remedy) in [("ledger.db", "restore it from a copy"), ("session.db", "move it away")]
    {
        let dir = used();
        overwrite(&dir.file(file), 0, &[b'x'; 64]);
        told(&dir.refusal(), &[file, "is damaged", remedy]);
    }
}

#[test]
fn a_cut_file_is_damage() {
    let dir = used();
    let bytes = std::fs::read(dir.file("ledger.db")).unwrap();
    std::fs::write(dir.file("ledger.db"), &bytes[..bytes.len() / 2]).unwrap();
    told(&dir.refusal(), &["ledger.db is damaged", "restore it from a copy"]);
}

#[test]
fn an_empty_registry_beside_calls_is_no_first_start() {
    let dir = used();
    std::fs::write(dir.file("ledger.db"), "").unwrap();
    told(&dir.refusal(), &["ledger.db is missing or empty", "restore it", "session.db as well"]);
    std::fs::remove_file(dir.file("ledger.db")).unwrap();
    told(&dir.refusal(), &["ledger.db is missing or empty"]);
    std::fs::remove_file(dir.file("session.db")).unwrap();
    assert_eq!(dir.try_open().unwrap().1, 1);
}

#[test]
fn a_garbage_page_in_the_middle_is_damage() {
    let dir = used();
    let middle = std::fs::metadata(dir.file("ledger.db")).unwrap().len() as usize / 4096 - 1;
    overwrite(&dir.file("ledger.db"), middle * 4096, &[0xa5; 4096]);
    told(&dir.refusal(), &["ledger.db is damaged", "restore it from a copy"]);

    // Of the calls no page is looked at before it is needed.
    let dir = used();
    let root: i64 = dir
        .look("session.db")
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'session'", [], |row| {
            row.get(0)
        })
        .unwrap();
    overwrite(&dir.file("session.db"), (root as usize - 1) * 4096, &[0xa5; 4096]);
    let sentence = match dir.try_open() {
        Ok((store, _)) => store.load_sessions(&mut |_| {}).unwrap_err().to_string(),
        Err(error) => error.to_string(),
    };
    told(&sentence, &["session.db is damaged", "move it away", "-wal and -shm"]);
    for name in ["session.db", "session.db-wal", "session.db-shm"] {
        let _ = std::fs::remove_file(dir.file(name));
    }
    let (store, boot) = dir.try_open().unwrap();
    assert_eq!((sessions_of(&store).len(), boot >= 2), (0, true), "what the sentence says, helps");
}

#[test]
fn a_log_of_another_file_is_damage() {
    let dir = used();
    let other = Dir::new();
    let store = other.open();
    let mut rows = Some(vec![RowChange::Put(row(1))]);
    store.write_rows_from(Box::new(move |_| rows.take().unwrap_or_default())).unwrap();
    store.wake();
    until("the row is written", || sessions_of(&store).len() == 1);
    std::fs::copy(other.file("session.db-wal"), dir.file("ledger.db-wal")).unwrap();
    told(&dir.refusal(), &["ledger.db is damaged", "no -wal and -shm beside it"]);
}

#[test]
fn files_in_each_others_place_are_damage() {
    let dir = used();
    std::fs::copy(dir.file("session.db"), dir.file("ledger.db")).unwrap();
    told(&dir.refusal(), &["ledger.db is damaged or not hallporter's", "another kind of database"]);
    let dir = Dir::new();
    dir.look("ledger.db")
        .execute_batch("CREATE TABLE bookmark (a); PRAGMA user_version = 99")
        .unwrap();
    told(&dir.refusal(), &["another kind of database"]);
}

#[test]
fn a_newer_format_is_left_alone() {
    for (file, known) in [("ledger.db", 11), ("session.db", 4)] {
        let dir = used();
        dir.look(file).execute_batch("PRAGMA user_version = 12").unwrap();
        let sentence = format!("a newer hallporter (format 12, this one knows {known})");
        told(&dir.refusal(), &[file, &sentence]);
    }
}

#[test]
fn something_else_stands_where_the_files_belong() {
    let dir = Dir::new();
    std::fs::write(dir.file("data"), "x").unwrap();
    let keep = Keep { entries: 1, for_: Duration::ZERO };
    for inner in ["data", "data/below"] {
        let opened = Store::open(&dir.file(inner), keep, Arc::new(|| 0));
        let sentence = opened.map(|_| ()).unwrap_err().to_string();
        told(&sentence, &["the data directory", inner, "can't be used"]);
    }
    std::fs::create_dir(dir.file("ledger.db")).unwrap();
    told(&dir.refusal(), &["ledger.db can't be written"]);
}

#[test]
fn another_program_that_holds_a_file_is_named() {
    let dir = used();
    let store = dir.open();
    locked(&store.ledger).busy_timeout(Duration::from_millis(20)).unwrap();
    let other = dir.look("ledger.db");
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let sentence = store.audit(NOW_MS, "x", "{}").unwrap_err().to_string();
    told(&sentence, &["ledger.db is locked by another program", "sqlite3"]);
    other.execute_batch("ROLLBACK").unwrap();
    store.audit(NOW_MS, "x", "{}").unwrap();
}

#[test]
fn the_number_of_the_start_grows_even_with_an_old_copy() {
    let dir = Dir::new();
    for boot in 1..=3 {
        assert_eq!(dir.try_open().unwrap().1, boot);
    }
    let store = dir.open();
    let mut rows = Some(vec![RowChange::Put(row(1))]);
    store.write_rows_from(Box::new(move |_| rows.take().unwrap_or_default())).unwrap();
    remember(&store, &entry("x", Some(CallRef::new(NodeId(1), 9, 1)), NOW_MS));
    until("the row is written", || !store.why("x").unwrap().is_empty());
    assert_eq!(store.flush_and_stop(), 0);
    drop(store);
    assert_eq!(dir.try_open().unwrap().1, 10, "calls of start 9 have been here");
    dir.look("ledger.db").execute_batch("UPDATE meta SET value = 2 WHERE key = 'boot'").unwrap();
    assert_eq!(dir.try_open().unwrap().1, 10);
    assert_eq!(dir.try_open().unwrap().1, 11);
}

#[test]
fn a_copy_of_the_files_of_a_running_daemon_opens() {
    let dir = Dir::new();
    let store = dir.open();
    let command = serde_json::from_str(r#"{"command":"account_remove","name":"x"}"#).unwrap();
    for index in 1..=50 {
        store.commit(index, NOW_MS, &command, &[]).unwrap();
    }
    assert!(!is_empty(&dir.file("ledger.db-wal")), "there is something that only the log has");
    let copy = Dir::new();
    for name in ["ledger.db", "ledger.db-wal", "session.db", "session.db-wal"] {
        std::fs::copy(dir.file(name), copy.file(name)).unwrap();
    }
    let copied = copy.open();
    assert_eq!(copied.load_registry(&mut |_| {}).unwrap(), 50);
    copied.commit(51, NOW_MS, &command, &[]).unwrap();
    // After a stop ledger.db alone is whole.
    assert_eq!(store.flush_and_stop(), 0);
    let copy = Dir::new();
    std::fs::copy(dir.file("ledger.db"), copy.file("ledger.db")).unwrap();
    assert_eq!(copy.open().load_registry(&mut |_| {}).unwrap(), 50);
}
