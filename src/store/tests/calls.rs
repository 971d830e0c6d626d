//! Calls and their history come back as they were.

use crate::domain::{NodeId, SEATS_MAX};
use proptest::prelude::*;

use crate::sessions::RowChange;

use super::*;

fn any_row() -> impl Strategy<Value = SessionRow> {
    let key = || proptest::option::of(any::<u32>().prop_map(AccountKey));
    let who = (".{0,40}", ".{0,20}", ".{0,20}", any::<u32>(), key(), key());
    let when = (any::<i64>(), proptest::option::of(any::<i64>()), any::<i64>());
    let seat =
        (0..1u32 << 30, any::<bool>(), any::<bool>()).prop_map(|(account, incoming, outgoing)| {
            Seat { account: AccountKey(account), incoming, outgoing }
        });
    let seats = proptest::collection::vec(seat, 0..=SEATS_MAX);
    let dialog = proptest::option::of(any::<(u32, u32)>());
    let rest = (any::<u64>(), any::<bool>(), any::<bool>(), dialog, seats);
    (who, when, rest).prop_map(|(who, when, rest)| SessionRow {
        call: CallRef(rest.0),
        call_id: who.0,
        from_tag_hash: who.3,
        from: who.1,
        to: who.2,
        caller: who.4,
        callee: who.5,
        seats: Seats::new(&rest.4),
        state: if rest.1 { CallState::Up } else { CallState::Reserved },
        emergency: rest.2,
        started_ms: when.0,
        answered_ms: when.1,
        expires_ms: when.2,
        dialog: rest.3,
        proxy: None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_call_comes_back(rows in proptest::collection::vec(any_row(), 0..40)) {
        let dir = Dir::new();
        let store = dir.open();
        let mut wanted = std::collections::BTreeMap::new();
        for row in &rows {
            wanted.insert(row.call.0.cast_signed(), row.clone());
        }
        let mut given = Some(rows.into_iter().map(RowChange::Put).collect());
        store.write_rows_from(Box::new(move |_| given.take().unwrap_or_default())).unwrap();
        store.wake();
        prop_assert_eq!(store.flush_and_stop(), 0);
        drop(store);
        let wanted: Vec<SessionRow> = wanted.into_values().collect();
        prop_assert_eq!(sessions_of(&dir.open()), wanted);
    }
}

#[test]
fn what_is_gone_stays_gone_and_nonsense_is_left_out() {
    let dir = Dir::new();
    let store = dir.open();
    let changed = SessionRow { state: CallState::Up, answered_ms: Some(NOW_MS), ..row(2) };
    let mut batches = vec![
        vec![RowChange::Gone(CallRef::new(NodeId(1), 7, 1)), RowChange::Put(changed.clone())],
        vec![
            RowChange::Put(row(1)),
            RowChange::Put(row(2)),
            RowChange::Gone(CallRef::new(NodeId(1), 1, 1)),
        ],
    ];
    store.write_rows_from(Box::new(move |_| batches.pop().unwrap_or_default())).unwrap();
    store.wake();
    assert_eq!(store.flush_and_stop(), 0);
    assert_eq!(sessions_of(&store), [changed]);
    let sql =
        "INSERT INTO session SELECT 5, call_id, 'x', caller_text, called_text, caller, callee,
        state, emergency, started_ms, answered_ms, expires_ms, h_entry, h_id, seats FROM session;
        INSERT INTO session SELECT 6, call_id, tag_hash, caller_text, called_text, caller, callee,
        'ringing', emergency, started_ms, answered_ms, expires_ms, h_entry, h_id, seats FROM session
        WHERE call <> 5";
    dir.look("session.db").execute_batch(sql).unwrap();
    let mut rows = 0;
    assert_eq!(store.load_sessions(&mut |_| rows += 1).unwrap(), 2, "two rows make no sense");
    assert_eq!(rows, 1);
}

#[test]
fn history_is_found_by_both_names_of_a_call_and_bounded() {
    let dir = Dir::new();
    let store = dir.open();
    store.write_rows_from(Box::new(|_| Vec::new())).unwrap();
    let call = CallRef::new(NodeId(1), 7, 0x2f);
    for at_ms in 0..300 {
        remember(&store, &entry("a@h", (at_ms % 2 == 0).then_some(call), at_ms));
        remember(&store, &entry("other", None, at_ms));
    }
    until("all is written", || store.why("other").unwrap().last().is_some_and(|e| e.at_ms == 299));
    let times = |key: &str| store.why(key).unwrap().iter().map(|e| e.at_ms).collect::<Vec<_>>();
    assert_eq!(times("a@h"), (100..300).collect::<Vec<_>>(), "the newest 200, oldest first");
    assert_eq!(times("c7-2f"), (0..300).step_by(2).collect::<Vec<_>>());
    assert_eq!(times("c7-2F"), [] as [i64; 0]);
    assert_eq!(times("' OR 1=1 --"), [] as [i64; 0]);
    assert_eq!(store.why("c7-2f").unwrap()[1], entry("a@h", Some(call), 2));
}

#[test]
fn history_is_forgotten_by_count_and_by_age() {
    let hour = Duration::from_secs(3600);
    for (entries, age, left) in [(100, hour, 100), (10_000, Duration::from_millis(500), 501)] {
        let dir = Dir::new();
        let (store, _) = dir.open_keeping(Keep { entries, for_: age }, NOW_MS).unwrap();
        store.write_rows_from(Box::new(|_| Vec::new())).unwrap();
        // The last portion makes it forget; 2000 is the number of entries between two times.
        for at_ms in 0..2000 {
            remember(&store, &entry("x", None, NOW_MS - 1999 + at_ms));
            if at_ms % 1000 == 999 {
                let last = NOW_MS - 1999 + at_ms;
                until("written", || {
                    store.why("x").unwrap().last().is_some_and(|e| e.at_ms == last)
                });
            }
        }
        let count: i64 = dir
            .look("session.db")
            .query_row("SELECT sum(length(keys)) / 4 FROM history", [], |row| row.get(0))
            .unwrap();
        // A page goes when all of it may go.
        assert!((left..left + 250).contains(&count), "{count} left of {entries}, {age:?}");
    }
}
