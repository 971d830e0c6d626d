//! What has to be told waits until it is told, and what was not heard can be seen.

use crate::domain::{MessageId, NodeId, Notice, NoticeKind, NoticeState};

use super::messages::killed;
use super::*;
use crate::store::outbox as sql;

fn notice(number: u32, at_ms: i64) -> Notice {
    let message = MessageId::new(NodeId(1), 7, number);
    Notice::new(NoticeKind::CallMissed, message, format!(r#"{{"n":{number}}}"#).into(), at_ms)
}

fn id(number: u32) -> String {
    format!("call.missed:m7-{number:x}")
}

fn due(store: &Store, now_ms: i64) -> Vec<String> {
    store
        .notices_due(false, now_ms, 100)
        .unwrap()
        .iter()
        .map(|notice| notice.id.to_string())
        .collect()
}

fn of(store: &Store, number: u32) -> Notice {
    let all = store.notices(None, "", 100).unwrap();
    all.into_iter().find(|notice| *notice.id == *id(number)).unwrap()
}

#[test]
fn notices_wait_for_their_time_the_longest_waiting_first() {
    let dir = Dir::new();
    let store = dir.open();
    assert_eq!(
        (store.notices_due(false, i64::MAX, 9).unwrap(), store.next_notice_ms(false).unwrap()),
        (vec![], None)
    );
    store.announce(&[notice(1, 30), notice(2, 10), notice(3, 20)]).unwrap();
    store.announce(&[Notice { body: "other".into(), ..notice(2, 99) }]).unwrap();
    assert_eq!(store.next_notice_ms(false).unwrap(), Some(10));
    assert_eq!(due(&store, 9), [] as [&str; 0]);
    assert_eq!(due(&store, 20), [id(2), id(3)]);
    assert_eq!(store.notices_due(false, i64::MAX, 1).unwrap(), [notice(2, 10)], "the first stands");
    // A kill takes none of them.
    let copy = killed(&dir);
    assert_eq!(due(&copy.open(), i64::MAX), [id(2), id(3), id(1)]);
}

#[test]
fn tries_are_counted_and_their_trouble_is_kept() {
    let dir = Dir::new();
    let store = dir.open();
    store.announce(&[notice(1, 10), notice(2, 10), notice(3, 10)]).unwrap();
    let set = |number, state, next_ms, trouble| {
        assert!(store.set_notice(&id(number), state, next_ms, trouble).unwrap());
    };
    set(1, NoticeState::Waiting, 50, Some("it answers 503"));
    set(1, NoticeState::Waiting, 70, Some("nobody listens"));
    set(2, NoticeState::GivenUp, 60, Some("it answers 410"));
    set(3, NoticeState::Told, 60, None);
    assert!(!store.set_notice("message.left:m7-1", NoticeState::Told, 1, None).unwrap());
    assert_eq!(due(&store, 69), [] as [&str; 0]);
    assert_eq!((due(&store, 70), store.next_notice_ms(false).unwrap()), (vec![id(1)], Some(70)));
    let first = of(&store, 1);
    assert_eq!((first.attempts, first.trouble.as_deref()), (2, Some("nobody listens")));
    assert_eq!(first.at_ms, 10);
    let counts = store.notice_counts().unwrap();
    assert_eq!((counts.waiting, counts.given_up), (1, 1));
    // By hand it begins anew.
    assert!(store.retry_notice(&id(2), 80).unwrap());
    assert!(!store.retry_notice("x", 80).unwrap());
    let again = of(&store, 2);
    assert_eq!((again.state, again.attempts, again.next_ms), (NoticeState::Waiting, 0, 80));
    assert_eq!(again.trouble.as_deref(), Some("it answers 410"), "until the next try says more");
    set(1, NoticeState::Told, 90, None);
    assert_eq!((of(&store, 1).attempts, of(&store, 1).trouble), (3, None));
    drop(store);
    assert_eq!(due(&dir.open(), i64::MAX), [id(2)]);
}

#[test]
fn told_notices_are_forgotten_and_given_up_ones_stay() {
    let dir = Dir::new();
    let store = dir.open();
    store.announce(&[notice(1, 1), notice(2, 1), notice(3, 1), notice(4, 1)]).unwrap();
    store.set_notice(&id(1), NoticeState::Told, 100, None).unwrap();
    store.set_notice(&id(2), NoticeState::Told, 200, None).unwrap();
    store.set_notice(&id(3), NoticeState::GivenUp, 100, Some("x")).unwrap();
    store.forget_notices(200).unwrap();
    let left: Vec<_> = store.notices(None, "", 9).unwrap();
    let left: Vec<_> = left.iter().map(|notice| &*notice.id).collect();
    assert_eq!(left, [id(2), id(3), id(4)]);
    // Not without end, though: the newest are kept.
    for number in 10..20 {
        store.announce(&[notice(number, 1)]).unwrap();
        store.set_notice(&id(number), NoticeState::GivenUp, i64::from(number), Some("x")).unwrap();
    }
    sql::forget(&locked(&store.ledger), 0, 3).unwrap();
    let kept = store.notices(Some(NoticeState::GivenUp), "", 9).unwrap();
    let mut kept: Vec<_> = kept.iter().map(|notice| notice.next_ms).collect();
    kept.sort_unstable();
    assert_eq!(kept, [18, 19, 100]);
    assert_eq!(store.notices(None, "", 9).unwrap().len(), 5, "no other went");
}

#[test]
fn pages_go_by_id_and_state() {
    let dir = Dir::new();
    let store = dir.open();
    for number in 1..16 {
        store.announce(&[notice(number, 1)]).unwrap();
        if number % 3 == 0 {
            store.set_notice(&id(number), NoticeState::GivenUp, 1, None).unwrap();
        }
    }
    let pages = |state| {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let page = store.notices(state, &after, 2).unwrap();
            let Some(last) = page.last() else { return all };
            after = last.id.to_string();
            all.extend(page.iter().map(|notice| notice.id.to_string()));
        }
    };
    let numbers = |wanted: &dyn Fn(u32) -> bool| {
        (1..16).filter(|number| wanted(*number)).map(id).collect::<Vec<_>>()
    };
    assert_eq!(pages(None), numbers(&|_| true));
    assert_eq!(pages(Some(NoticeState::GivenUp)), numbers(&|number| number % 3 == 0));
    assert_eq!(pages(Some(NoticeState::Told)), [] as [&str; 0]);
}

#[test]
fn a_damaged_notice_stands_in_nobodys_way() {
    for (column, value) in [("kind", "'gossip'"), ("body", "x'ff'"), ("attempts", "'many'")] {
        let dir = Dir::new();
        let store = dir.open();
        store.announce(&[notice(1, 10), notice(2, 20)]).unwrap();
        let sql = format!("UPDATE notice SET {column} = {value} WHERE id = '{}'", id(1));
        dir.look("ledger.db").execute_batch(&sql).unwrap();
        assert_eq!(due(&store, 20), [id(2)], "{column}");
        store.set_notice(&id(2), NoticeState::Told, 30, None).unwrap();
        assert_eq!(store.next_notice_ms(false).unwrap(), None, "nothing is due for ever");
        assert_eq!(store.notice_counts().unwrap().given_up, 1);
        assert_eq!(store.notices(None, "", 9).unwrap().len(), 1);
    }
}

#[test]
fn every_question_goes_along_an_index() {
    let dir = Dir::new();
    let store = dir.open();
    let ledger = locked(&store.ledger);
    for (which, values, index) in [
        (sql::DUE_BEFORE, 1, "notice_by_state "),
        (sql::BEHIND, 1, "sqlite_autoindex_notice_1 "),
        (sql::BEHIND_IN_STATE, 2, "notice_by_state_id "),
    ] {
        let text = format!("EXPLAIN QUERY PLAN {}", sql::query(which));
        let mut query = ledger.prepare(&text).unwrap();
        let plan = query
            .query_map(rusqlite::params_from_iter(vec![1; values]), |row| row.get::<_, String>(3))
            .unwrap()
            .collect::<Result<Vec<_>, _>>()
            .unwrap()
            .join("; ");
        assert!(plan.contains(&format!("USING INDEX {index}")), "{text}: {plan}");
        assert!(!plan.contains("TEMP B-TREE"), "it need not be sorted: {text}: {plan}");
    }
}
