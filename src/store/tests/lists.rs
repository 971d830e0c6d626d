//! Lists of messages: in order, complete, and quick however much is there.

use rusqlite::StatementStatus;
use rusqlite::types::Value;

use crate::domain::{Message, MessageId, MessageState, NodeId};

use super::messages::{content, gone, ids, left, listed, mailbox_name, message, set};
use super::*;
use crate::store::messages as sql;

#[test]
fn pages_go_from_new_to_old_and_miss_none() {
    let dir = Dir::new();
    let store = dir.open();
    for number in 0..30 {
        // Three at a time are left in the same millisecond.
        let left_ms = NOW_MS + i64::from(number / 3);
        let name = if number % 2 == 0 { "even" } else { "odd" };
        let account = AccountKey(number % 5);
        let mailbox = mailbox_name(name);
        assert!(left(&store, &Message { left_ms, mailbox, account, ..message(number) }));
    }
    set(&store, MessageId::new(NodeId(1), 7, 4), MessageState::Deleted, NOW_MS);
    set(&store, MessageId::new(NodeId(1), 7, 6), MessageState::Heard, NOW_MS);
    let pages = |filter: &MessageFilter| {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = store.messages(filter, after, 4).unwrap();
            let Some(last) = page.last() else { return ids(&all) };
            after = Some((last.left_ms, last.id));
            all.extend(page);
        }
    };
    let down = |wanted: &dyn Fn(u64) -> bool| {
        (0..30).rev().filter(|number| *number != 4 && wanted(*number)).collect::<Vec<u64>>()
    };
    let all = MessageFilter::default();
    assert_eq!(pages(&all), down(&|_| true));
    let even = MessageFilter { mailbox: Some(mailbox_name("even")), ..all.clone() };
    assert_eq!(pages(&even), down(&|number| number % 2 == 0));
    let third = MessageFilter { account: Some(AccountKey(3)), ..all.clone() };
    assert_eq!(pages(&third), down(&|number| number % 5 == 3));
    let new = MessageFilter { state: Some(MessageState::New), ..even.clone() };
    assert_eq!(pages(&new), down(&|number| number % 2 == 0 && number != 6));
    let gone = MessageFilter { state: Some(MessageState::Deleted), ..all };
    assert_eq!(pages(&gone), [4]);
    let none = MessageFilter { mailbox: Some(mailbox_name("nobody")), ..even };
    assert_eq!((pages(&none), store.messages(&third, None, 0).unwrap()), (vec![], vec![]));
}

#[test]
fn a_damaged_row_hides_no_other_and_goes_in_its_time() {
    for (column, value, what) in [
        ("caller", "'{'", "caller"),
        ("cause", "'hunger'", "cause"),
        ("state", "'lost'", "state"),
        ("parts", "'[1]'", "list of parts"),
        ("joined", "'{\"content\":\"../x\"}'", "joined file"),
        ("mailbox", "'a/../b'", "mailbox"),
        ("call_id", "x'ff'", "call_id"),
        ("left_ms", "'soon'", "left_ms"),
    ] {
        let dir = Dir::new();
        let store = dir.open();
        for number in 1..4 {
            assert!(left(&store, &message(number)));
        }
        let id = message(2).id;
        let sql = format!("UPDATE message SET {column} = {value} WHERE id = {}", id.0);
        dir.look("ledger.db").execute_batch(&sql).unwrap();
        let error = store.message(id).unwrap_err().to_string();
        for part in ["ledger.db is damaged", "message m7-2", what] {
            assert!(error.contains(part), "{part:?} is not in: {error}");
        }
        assert_eq!(listed(&store, &MessageFilter::default()), [3, 1], "{column}");
        let page = store.messages(&MessageFilter::default(), None, 2).unwrap();
        assert_eq!(ids(&page), [3, 1], "a page is as long as it was wanted");
        assert!(store.has_message(id).unwrap() && !store.has_message(message(9).id).unwrap());
        assert!(store.expired_messages(i64::MAX, 9).unwrap().contains(&id), "{column}");
        assert_eq!(gone(&store, id), [content(2)]);
    }
}

/// What SQLite would do.
fn plan(store: &Store, text: &str, values: &[Value]) -> String {
    let ledger = locked(&store.ledger);
    let mut query = ledger.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
    let rows =
        query.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
    rows.collect::<Result<Vec<_>, _>>().unwrap().join("; ")
}

#[test]
fn every_question_goes_along_an_index() {
    let dir = Dir::new();
    let store = dir.open();
    for (mailbox, account, state) in [
        (true, false, false),
        (false, true, false),
        (true, true, false),
        (false, false, false),
        (true, false, true),
        (false, true, true),
        (true, true, true),
        (false, false, true),
    ] {
        let filter = MessageFilter {
            mailbox: mailbox.then(|| mailbox_name("box")),
            account: account.then_some(AccountKey(1)),
            state: state.then_some(MessageState::New),
        };
        for after in [None, Some((NOW_MS, MessageId(1)))] {
            let (text, values) = sql::list_query(&filter, after).unwrap();
            let plan = plan(&store, &text, &values);
            assert!(plan.contains("USING INDEX message_by_"), "{text}: {plan}");
            assert!(!plan.contains("TEMP B-TREE"), "it need not be sorted: {text}: {plan}");
        }
    }
    let some = |count: usize| vec![Value::Integer(1); count];
    for (text, values, index) in [
        (sql::USED, 1, "USING COVERING INDEX message_use"),
        (sql::IN_MESSAGE, 1, "USING COVERING INDEX message_file_by_content"),
        (sql::IN_GREETING, 1, "USING COVERING INDEX mailbox_by_greeting"),
        (sql::IN_NAMED_GREETING, 1, "USING COVERING INDEX mailbox_greeting_by_content"),
        (sql::EXPIRED, 2, "USING COVERING INDEX message_by_state"),
        (sql::EXPIRED, 2, "USING INDEX message_by_keep"),
    ] {
        let plan = plan(&store, text, &some(values));
        assert!(plan.contains(index), "{text}: {plan}");
        assert!(!plan.contains("SCAN m") && !plan.contains("TEMP B-TREE"), "{text}: {plan}");
    }
}

#[test]
fn a_page_costs_the_same_however_much_is_there() {
    let dir = Dir::new();
    let store = dir.open();
    // All in one mailbox; one in a thousand is new, the rest was heard.
    let many = "INSERT INTO message
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
        SELECT i, 'box', 1, '{\"shown\":\"\",\"uri\":\"\",\"display\":\"\",\"account\":null}', 'c',
        'busy', 0, iif(i % 1000 = 0, 'new', 'heard'), 1, 1, 1, i, 1, i + 1000000, '[]', NULL, '' FROM n";
    dir.look("ledger.db").execute_batch(many).unwrap();
    let mailbox = Some(mailbox_name("box"));
    let filter = MessageFilter { mailbox: mailbox.clone(), ..MessageFilter::default() };
    let new = MessageFilter { mailbox, state: Some(MessageState::New), ..filter.clone() };
    assert_eq!(store.mailbox_use(&mailbox_name("box")).unwrap().messages, 100_000);
    for (filter, step) in [(&filter, 1), (&new, 1000)] {
        for after in [None, Some((50_000, MessageId(50_000)))] {
            let page = store.messages(filter, after, 20).unwrap();
            let first = after.map_or(100_000, |_| 50_000 - step);
            assert_eq!(ids(&page), (0..20).map(|i| first - i * step).collect::<Vec<u64>>());
            let (text, values) = sql::list_query(filter, after).unwrap();
            let ledger = locked(&store.ledger);
            let mut query = ledger.prepare(&text).unwrap();
            let mut rows = query.query(rusqlite::params_from_iter(values)).unwrap();
            for _ in 0..20 {
                assert!(rows.next().unwrap().is_some());
            }
            drop(rows);
            let steps = query.get_status(StatementStatus::VmStep);
            assert!(steps < 1000, "{steps} steps of the machine for 20 rows: {text}");
        }
    }
}
