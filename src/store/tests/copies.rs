//! Other nodes' rows, and the events that wait for them.

use std::collections::BTreeMap;

use crate::cluster::Kept;
use crate::domain::{MessageId, RowKey};

use super::*;

const TWO: NodeId = NodeId(2);
const THREE: NodeId = NodeId(3);

fn call(node: NodeId, number: u32) -> RowKey {
    RowKey::Call(CallRef::new(node, 1, number))
}

fn put(node: NodeId, key: RowKey, row: &[u8]) -> Kept {
    Kept::Row(node, key, Some(row.into()))
}

/// Writes things down as the writing thread does, and opens anew.
fn written(dir: &Dir, batches: Vec<Vec<Kept>>) -> Copied {
    let store = dir.open();
    store.write_rows_from(Box::new(|_| Vec::new())).unwrap();
    let waiting = Arc::new(Mutex::new(std::collections::VecDeque::from(batches)));
    store.write_copies_from(Box::new(move |_| locked(&waiting).pop_front().unwrap_or_default()));
    assert_eq!(store.flush_and_stop(), 0);
    drop(store);
    dir.open().load_copies().unwrap()
}

#[test]
fn what_is_known_of_other_nodes_survives_a_start() {
    let dir = Dir::new();
    let deposit = RowKey::deposit(MessageId::new(TWO, 1, 9));
    let event =
        |number, node, at_ms, json: &str| Kept::Event(number, Some((node, at_ms, json.into())));
    let copied = written(
        &dir,
        vec![vec![
            put(TWO, call(TWO, 1), b"one"),
            put(TWO, call(TWO, 2), b"two"),
            put(TWO, deposit, b"left"),
            put(THREE, call(THREE, 1), b"far"),
            event(9, TWO, 5, "nine"),
            event(8, THREE, 4, "eight"),
        ]],
    );
    let rows = |pairs: &[(RowKey, &[u8])]| {
        pairs.iter().map(|(key, row)| (*key, (*row).into())).collect::<Vec<_>>()
    };
    assert_eq!(copied.rows.len(), 2);
    let mut two = copied.rows[&TWO].clone();
    two.sort();
    let all: [(RowKey, &[u8]); 3] =
        [(call(TWO, 1), b"one"), (call(TWO, 2), b"two"), (deposit, b"left")];
    assert_eq!(two, rows(&all));
    assert_eq!(copied.rows[&THREE], rows(&[(call(THREE, 1), b"far")]));
    let events = [(8, THREE, 4, "eight".to_owned()), (9, TWO, 5, "nine".to_owned())];
    assert_eq!(copied.events, events);

    // In their order: a node's rows go as a whole, and then some are there again.
    let copied = written(
        &dir,
        vec![vec![
            Kept::Nothing(TWO),
            put(TWO, call(TWO, 2), b"two again"),
            Kept::Row(THREE, call(THREE, 1), None),
            Kept::Event(8, None),
        ]],
    );
    let left = BTreeMap::from([(TWO, rows(&[(call(TWO, 2), b"two again")]))]);
    assert_eq!(copied.rows, left);
    assert_eq!(copied.events, [(9, TWO, 5, "nine".to_owned())]);
}

#[test]
fn what_can_t_be_read_is_left_out() {
    let dir = Dir::new();
    drop(written(&dir, vec![vec![put(TWO, call(TWO, 1), b"one")]]));
    dir.look("session.db")
        .execute_batch(
            "INSERT INTO copy VALUES (2, x'ffff', x'00'), (2, 'text', x'00'), (70000, x'00', x'00')",
        )
        .unwrap();
    let copied = dir.open().load_copies().unwrap();
    assert_eq!((copied.rows.len(), copied.rows[&TWO].len()), (1, 1));
}

#[test]
fn calls_written_down_before_nodes_had_copies_are_there_still() {
    let dir = Dir::new();
    let rows = Mutex::new(vec![crate::sessions::RowChange::Put(row(3))]);
    let store = dir.open();
    store.write_rows_from(Box::new(move |_| locked(&rows).drain(..).collect())).unwrap();
    assert_eq!(store.flush_and_stop(), 0);
    drop(store);
    // As the format before this one was.
    dir.look("session.db")
        .execute_batch("DROP TABLE copy; DROP TABLE kept_event; PRAGMA user_version = 3")
        .unwrap();
    let store = dir.open();
    assert_eq!(sessions_of(&store), [row(3)]);
    let copied = store.load_copies().unwrap();
    assert!(copied.rows.is_empty() && copied.events.is_empty());
    drop(store);
    let copied = written(&dir, vec![vec![put(TWO, call(TWO, 1), b"one")]]);
    assert_eq!(copied.rows.len(), 1);
}

/// Nobody wakes it a second time, and nothing else is to be written.
#[test]
fn what_is_told_is_written_by_itself_and_what_is_kept_too() {
    let dir = Dir::new();
    let store = dir.open();
    store.write_rows_from(Box::new(|_| Vec::new())).unwrap();
    let waiting = Arc::new(Mutex::new(Vec::new()));
    let source = Arc::clone(&waiting);
    store.write_copies_from(Box::new(move |_| std::mem::take(&mut *locked(&source))));
    let count =
        |sql: &str| -> u32 { dir.look("session.db").query_row(sql, [], |row| row.get(0)).unwrap() };
    for number in 1..4 {
        locked(&waiting).push(put(TWO, call(TWO, number), b"told"));
        store.wake_for_told();
        until("it is written", || count("SELECT count(*) FROM copy") == number);
    }
    locked(&waiting).push(Kept::Event(1, Some((TWO, 5, "kept".into()))));
    store.wake_for_kept();
    until("it is written", || count("SELECT count(*) FROM kept_event") == 1);
    locked(&waiting).push(put(TWO, call(TWO, 9), b"told"));
    store.wake_for_told();
    assert_eq!(store.why("anything").unwrap(), [], "whoever asks has all written first");
    assert_eq!(count("SELECT count(*) FROM copy"), 4);
}
