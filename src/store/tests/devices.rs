//! What waits to be told to devices: beside what waits for the webhook, and not without end.

use crate::domain::{CallRef, NodeId, Notice, NoticeKind, NoticeState};

use super::*;
use crate::store::outbox as sql;

fn notice(account: &str, number: u32) -> Notice {
    let body = format!(r#"{{"account":"{account}","n":{number}}}"#);
    let call = CallRef::new(NodeId(1), 1, number);
    Notice::about(NoticeKind::Devices, &call, body.into(), number.into())
}

fn count(store: &Store) -> usize {
    store.notices_due(true, i64::MAX, 100_000).unwrap().len()
}

#[test]
fn devices_and_the_webhook_do_not_wait_for_each_other() {
    let dir = Dir::new();
    let store = dir.open();
    let call = CallRef::new(NodeId(1), 1, 7);
    let hook = Notice::about(NoticeKind::CallMissed, &call, "{}".into(), 5);
    store.announce(&[notice("alice", 7), hook.clone()]).unwrap();
    assert_eq!(&*hook.id, "call.missed:c1-7");
    assert_eq!(store.notices_due(false, i64::MAX, 9).unwrap(), [hook]);
    assert_eq!(store.notices_due(true, i64::MAX, 9).unwrap(), [notice("alice", 7)]);
    assert_eq!(
        (store.next_notice_ms(false).unwrap(), store.next_notice_ms(true).unwrap()),
        (Some(5), Some(7))
    );
    store.set_notice("devices:c1-7", NoticeState::Told, 9, None).unwrap();
    assert_eq!((count(&store), store.next_notice_ms(true).unwrap()), (0, None));
    // Told once is told: writing it down again changes nothing.
    store.announce(&[notice("alice", 7)]).unwrap();
    assert_eq!(count(&store), 0);
    assert!(store.retry_notice("devices:c1-7", 11).unwrap());
    assert_eq!(count(&store), 1);
}

#[test]
fn of_one_account_only_so_much_waits() {
    let dir = Dir::new();
    let store = dir.open();
    for number in 0..60 {
        store.announce(&[notice("alice", number)]).unwrap();
    }
    assert_eq!(count(&store), 50);
    // Others are not kept from anything by it, and what is told makes room.
    store.announce(&[notice("bob", 100), notice("alice", 101)]).unwrap();
    assert_eq!(count(&store), 51);
    store.set_notice("devices:c1-0", NoticeState::GivenUp, 1, Some("nobody")).unwrap();
    store.announce(&[notice("alice", 102)]).unwrap();
    assert_eq!(count(&store), 51);
}

#[test]
fn of_all_accounts_only_so_much_waits() {
    let dir = Dir::new();
    let store = dir.open();
    let insert = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10000)
        INSERT INTO notice SELECT 'devices:x' || n, 'devices', 0,
        json_object('account', 'a' || n), 1, 0, 1, 'waiting', NULL FROM n";
    dir.look("ledger.db").execute_batch(insert).unwrap();
    store.announce(&[notice("alice", 1)]).unwrap();
    assert_eq!(count(&store), 10_000);
}

#[test]
fn they_are_found_along_an_index() {
    let dir = Dir::new();
    let store = dir.open();
    let ledger = locked(&store.ledger);
    let text = format!("EXPLAIN QUERY PLAN {}", sql::query(sql::DUE_FOR_DEVICES));
    let plan: String = ledger.prepare(&text).unwrap().query_row([1], |row| row.get(3)).unwrap();
    assert!(plan.contains("USING INDEX notice_by_state "), "{plan}");
}
