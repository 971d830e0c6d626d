use super::super::RowChange;
use super::*;
use crate::domain::{NodeId, Seat};

fn at(mono_ms: u64) -> Now {
    Now { mono_ms, wall_ms: 1_000_000 + i64::try_from(mono_ms).unwrap() }
}

fn new(n: u32, caller: Option<u32>, callee: Option<u32>) -> NewCall<'static> {
    let call_id = Box::leak(format!("call-{n}@host").into_boxed_str());
    NewCall {
        call: CallRef::new(NodeId(1), 1, n),
        call_id,
        from_tag: "tag",
        from: "+4930",
        to: "alice@example.com",
        caller: caller.map(AccountKey),
        callee: callee.map(AccountKey),
        seats: Seats::new(&[Seat { account: AccountKey(1), incoming: false, outgoing: true }]),
        emergency: false,
        state: CallState::Reserved,
        started_ms: 1_000_000,
        expires_in_ms: 60_000,
        dialog: Some((n, 7)),
    }
}

fn refs(page: &Page) -> Vec<u64> {
    page.rows.iter().map(|row| row.call.0 & 0xffff).collect()
}

#[test]
fn a_row_comes_back_as_it_was() {
    let mut table = Table::new(1, 10);
    let slot = table.begin(new(1, Some(1), Some(2)), at(0));
    table.answered(slot, 3_600_000, at(2_500));
    let row = table.row(slot, at(2_500)).unwrap();
    assert_eq!(row.answered_ms, Some(1_002_500));
    assert_eq!(row.expires_ms, 1_002_500 + 3_600_000);
    let mut other = Table::new(2, 10);
    let restored = other.restore(&row, at(9_000)).unwrap();
    let again = other.row(restored, at(9_000)).unwrap();
    assert_eq!(SessionRow { expires_ms: 0, ..again }, SessionRow { expires_ms: 0, ..row });
    assert!(other.get(restored).unwrap().has_tag("tag"));
    assert!(!other.get(restored).unwrap().has_tag("other"));
}

#[test]
fn an_account_finds_its_calls_newest_first() {
    let mut table = Table::new(1, 100);
    let slots: Vec<Slot> = [(1, Some(1), None), (2, None, Some(1)), (3, Some(1), Some(1))]
        .into_iter()
        .map(|(n, caller, callee)| table.begin(new(n, caller, callee), at(0)))
        .collect();
    let list = |table: &Table| refs(&table.page(Some(AccountKey(1)), None, 10, at(0)));
    assert_eq!(list(&table), [3, 1, 2]);
    let first = table.page(Some(AccountKey(1)), None, 2, at(0));
    assert_eq!(refs(&first), [3, 1]);
    assert_eq!(refs(&table.page(Some(AccountKey(1)), first.next, 2, at(0))), [2]);
    table.end(slots[0]);
    assert_eq!(list(&table), [3, 2]);
    table.end(slots[2]);
    table.end(slots[1]);
    assert!(list(&table).is_empty() && table.is_empty());
    assert_eq!(table.page(None, None, 10, at(0)).rows.len(), 0);
}

#[test]
fn only_reserved_calls_expire_and_never_early() {
    let mut table = Table::new(1, 100);
    let first = table.begin(new(1, None, None), at(1));
    let second = table.begin(new(2, None, None), at(1));
    table.answered(second, 1_000, at(2));
    assert_eq!(table.expired(at(60_000)), None);
    table.extend(first, 60_000, at(1_000));
    assert_eq!(table.expired(at(60_999)), None);
    assert_eq!(table.expired(at(61_000)), Some(first));
    table.end(first);
    assert_eq!((table.expired(at(99_999)), table.next_expiry_ms()), (None, None));
}

#[test]
fn changes_are_coalesced_and_disappearances_come_first() {
    let mut table = Table::new(1, 100);
    let slot = table.begin(new(1, None, None), at(0));
    table.answered(slot, 1_000, at(0));
    assert_eq!(table.take_changes(10, at(0)).len(), 1, "begun and answered: one row");
    let short = table.begin(new(2, None, None), at(0));
    table.end(short);
    table.end(slot);
    table.begin(new(1, None, None), at(0));
    let changes = table.take_changes(10, at(0));
    assert_eq!(changes[0], RowChange::Gone(CallRef::new(NodeId(1), 1, 1)));
    assert!(matches!(&changes[1], RowChange::Put(row) if row.call_id == "call-1@host"));
    assert_eq!((changes.len(), table.unwritten()), (2, 0), "what was never written needs no end");
}

#[test]
fn a_session_is_small() {
    assert!(size_of::<Option<Session>>() <= 104, "{}", size_of::<Option<Session>>());
}
