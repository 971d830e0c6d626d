//! The writing thread when the disk does not want.

use std::sync::atomic::AtomicUsize;

use crate::sessions::RowChange;

use super::*;

/// Lets every row of a call through but those whose Call-ID is this one.
fn refuse(dir: &Dir, call_id: &str) {
    let sql = format!(
        "CREATE TRIGGER stop BEFORE INSERT ON session WHEN new.call_id = '{call_id}'
         BEGIN SELECT RAISE(ABORT, 'no room'); END"
    );
    dir.look("session.db").execute_batch(&sql).unwrap();
}

fn permit(dir: &Dir) {
    dir.look("session.db").execute_batch("DROP TRIGGER stop").unwrap();
}

/// A source that gives what was put into it, and how often it was asked.
#[derive(Clone, Default)]
struct Rows(Arc<Mutex<Vec<RowChange>>>, Arc<AtomicUsize>);

impl Rows {
    fn put(&self, rows: impl IntoIterator<Item = RowChange>) {
        locked(&self.0).extend(rows);
    }

    fn source(&self) -> RowSource {
        let rows = self.clone();
        Box::new(move |max| {
            rows.1.fetch_add(1, Ordering::Relaxed);
            let mut waiting = locked(&rows.0);
            let count = waiting.len().min(max);
            waiting.drain(..count).collect()
        })
    }
}

#[test]
fn a_batch_that_fails_in_the_middle_is_kept_whole_and_written_later() {
    let dir = Dir::new();
    let store = dir.open();
    let rows = Rows::default();
    store.write_rows_from(rows.source()).unwrap();
    refuse(&dir, "call-3@host");
    rows.put((0..6).map(|number| RowChange::Put(row(number))));
    remember(&store, &entry("call-3@host", None, 1));
    store.wake();
    until("it fails twice", || store.health().failures >= 2);
    let health = store.health();
    assert_eq!(health.rows_waiting, 6);
    assert_eq!(health.failing_since_ms, Some(NOW_MS));
    assert!(health.last_error.unwrap().contains("no room"));
    assert_eq!(sessions_of(&store).len(), 0, "not the half before the failure");
    assert_eq!(store.why("call-3@host").unwrap(), []);
    // What happens meanwhile comes behind it, in its order.
    rows.put([RowChange::Gone(row(5).call), RowChange::Put(row(9))]);
    store.wake();
    permit(&dir);
    until("it is written", || store.health().last_error.is_none());
    until("the rest too", || sessions_of(&store).len() == 6);
    let calls: Vec<_> = sessions_of(&store).iter().map(|row| row.call).collect();
    assert_eq!(calls, [0, 1, 2, 3, 4, 9].map(|number| CallRef::new(NodeId(1), 7, number)));
    assert_eq!(store.why("call-3@host").unwrap().len(), 1);
    let health = store.health();
    assert_eq!((health.rows_waiting, health.failing_since_ms), (0, None));
}

#[test]
fn history_alone_is_tried_again_too() {
    let dir = Dir::new();
    let store = dir.open();
    store.write_rows_from(Rows::default().source()).unwrap();
    dir.look("session.db")
        .execute_batch(
            "CREATE TRIGGER stop BEFORE INSERT ON history BEGIN SELECT RAISE(ABORT, 'no'); END",
        )
        .unwrap();
    remember(&store, &entry("x", None, 1));
    until("it fails", || store.health().failures >= 1);
    permit(&dir);
    // Nobody wakes it: it has to come by itself.
    until("it is written", || store.why("x").unwrap().len() == 1);
}

#[test]
fn too_much_history_costs_the_oldest() {
    let dir = Dir::new();
    let store = dir.open();
    for at_ms in 0..10_100 {
        remember(&store, &entry("x", None, NOW_MS + at_ms));
    }
    assert_eq!(store.health().history_dropped, 250, "a page");
    store.write_rows_from(Rows::default().source()).unwrap();
    assert_eq!(store.flush_and_stop(), 0);
    let oldest: i64 = dir
        .look("session.db")
        .query_row("SELECT min(at_ms) FROM history", [], |row| row.get(0))
        .unwrap();
    // Kept: the newest thousand, as the test wants it, and what shares a page with them.
    assert_eq!(oldest, NOW_MS + 9249);
}

#[test]
fn no_wake_is_lost() {
    let dir = Dir::new();
    let store = dir.open();
    let rows = Rows::default();
    store.write_rows_from(rows.source()).unwrap();
    // Each row is waited for alone: a wake that came at the wrong moment would hang here.
    for number in 0..200 {
        rows.put([RowChange::Put(row(number))]);
        store.wake();
        if number % 3 == 0 {
            until("the row is taken", || locked(&rows.0).is_empty());
        }
    }
    until("all are written", || sessions_of(&store).len() == 200);
    // More than one transaction takes; and a source that is asked only when woken.
    rows.put((200..3300).map(|number| RowChange::Put(row(number))));
    store.wake();
    until("all are written", || sessions_of(&store).len() == 3300);
    let asked = rows.1.load(Ordering::Relaxed);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(rows.1.load(Ordering::Relaxed), asked, "an idle thread sleeps");
}

#[test]
fn a_stop_writes_what_is_left_or_says_how_much_it_could_not() {
    let dir = Dir::new();
    let store = dir.open();
    let rows = Rows::default();
    store.write_rows_from(rows.source()).unwrap();
    rows.put((0..2500).map(|number| RowChange::Put(row(number))));
    assert_eq!(store.flush_and_stop(), 0);
    assert_eq!(sessions_of(&store).len(), 2500);
    assert!(is_empty(&dir.file("session.db-wal")), "the log was folded in");
    drop(store);

    refuse(&dir, "call-2999@host");
    let store = dir.open();
    store.write_rows_from(rows.source()).unwrap();
    rows.put((2500..4500).map(|number| RowChange::Put(row(number))));
    store.wake();
    until("it fails", || store.health().failures >= 1);
    rows.put([RowChange::Put(row(5000))]);
    assert_eq!(store.flush_and_stop(), 2001);
    assert_eq!(sessions_of(&store).len(), 2500);
    assert_eq!(store.flush_and_stop(), 0, "a second stop does nothing");
}

#[test]
fn a_thread_that_died_is_told() {
    let dir = Dir::new();
    let store = dir.open();
    store.write_rows_from(Box::new(|_| panic!("as the test wants it"))).unwrap();
    store.wake();
    until("it is told", || store.health().last_error.is_some());
    assert!(store.health().last_error.unwrap().contains("restart the daemon"));
}
