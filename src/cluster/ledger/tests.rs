//! The ledger by itself.

use super::*;
use crate::domain::{AccountKey, PoolKind};

const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);

fn pool() -> PoolId {
    PoolId::new(AccountKey(7), PoolKind::Total)
}

fn ledger(cap: u32) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.apply(&LedgerCommand::SetCap { pool: pool(), cap });
    for node in [A, B] {
        ledger.apply(&LedgerCommand::Hello { node, boot: 1, nonce: 9 });
    }
    ledger
}

fn sync(ledger: &mut Ledger, node: NodeId, returned: u64, want: u32) -> Option<Grant> {
    let items = vec![SyncItem { pool: pool(), returned, want, beneficiary: node }];
    match ledger.apply(&LedgerCommand::Sync { node, boot: 1, items }) {
        LedgerReply::Granted(grants) => grants.first().copied(),
        LedgerReply::HelloOk(_)
        | LedgerReply::BootTooOld { .. }
        | LedgerReply::Stale { .. }
        | LedgerReply::Done => None,
    }
}

#[test]
fn a_small_cap_goes_out_whole_and_no_further() {
    let mut ledger = ledger(5);
    assert_eq!(sync(&mut ledger, A, 0, 5).unwrap().granted, 5);
    assert!(sync(&mut ledger, B, 0, 5).unwrap().short);
    assert_eq!(sync(&mut ledger, A, 2, 0).unwrap().granted, 5);
    assert_eq!(sync(&mut ledger, B, 0, 5).unwrap().granted, 2);
    assert_eq!(ledger.out(pool()), 5);
}

#[test]
fn a_large_cap_goes_out_by_halves() {
    let mut ledger = ledger(100);
    assert_eq!(sync(&mut ledger, A, 0, 100).unwrap().granted, 50);
    assert_eq!(sync(&mut ledger, B, 0, 100).unwrap().granted, 25);
    let last = (0..20).filter_map(|_| sync(&mut ledger, A, 0, 100)).last();
    assert!(last.unwrap().short);
    assert_eq!(ledger.out(pool()), 100);
}

#[test]
fn repeated_and_overtaken_reports_do_no_harm() {
    let mut ledger = ledger(5);
    sync(&mut ledger, A, 0, 5);
    sync(&mut ledger, A, 3, 0);
    sync(&mut ledger, A, 1, 0);
    assert_eq!(ledger.out(pool()), 2, "an older report takes nothing back");
    sync(&mut ledger, A, 99, 0);
    assert_eq!(ledger.out(pool()), 0, "nobody returns what was never granted");
}

#[test]
fn a_start_that_is_over_is_not_heard() {
    let mut ledger = ledger(5);
    sync(&mut ledger, A, 0, 5);
    let old = ledger.apply(&LedgerCommand::Hello { node: A, boot: 1, nonce: 8 });
    assert_eq!(old, LedgerReply::BootTooOld { current: 1 }, "two processes, one start");
    let LedgerReply::HelloOk(held) =
        ledger.apply(&LedgerCommand::Hello { node: A, boot: 2, nonce: 8 })
    else {
        panic!("a later start is heard");
    };
    assert_eq!((held[0].granted, held[0].returned), (5, 0));
    assert_eq!(sync(&mut ledger, A, 5, 0), None, "the earlier start is not");
    ledger.apply(&LedgerCommand::Revoke { node: A, expected_boot: 1, attested: true });
    assert_eq!(ledger.out(pool()), 5, "a later start is not revoked for an earlier one");
    ledger.apply(&LedgerCommand::Revoke { node: A, expected_boot: 2, attested: true });
    assert_eq!(ledger.out(pool()), 0);
}

#[test]
fn a_lowered_cap_lets_nothing_grow() {
    let mut ledger = ledger(5);
    sync(&mut ledger, A, 0, 5);
    ledger.apply(&LedgerCommand::SetCap { pool: pool(), cap: 2 });
    assert!(sync(&mut ledger, A, 1, 5).unwrap().short);
    assert_eq!(ledger.out(pool()), 4);
    assert_eq!(sync(&mut ledger, A, 4, 5).unwrap().granted, 6);
    assert_eq!(ledger.out(pool()), 2);
}

#[test]
fn a_presumption_frees_no_strict_account_and_one_node_at_a_time() {
    let strict = PoolId::new(AccountKey(8), PoolKind::Total);
    let mut ledger = ledger(5);
    ledger.apply(&LedgerCommand::SetCap { pool: strict, cap: 5 });
    ledger.set_strict(AccountKey(8), true);
    sync(&mut ledger, A, 0, 3);
    let items = vec![SyncItem { pool: strict, returned: 0, want: 5, beneficiary: A }];
    ledger.apply(&LedgerCommand::Sync { node: A, boot: 1, items });
    sync(&mut ledger, B, 0, 1);
    assert!(ledger.is_worth_revoking(A));
    ledger.apply(&LedgerCommand::Revoke { node: A, expected_boot: 1, attested: false });
    assert_eq!((ledger.out(pool()), ledger.out(strict)), (1, 5));
    assert!(!ledger.is_worth_revoking(B), "A's calls may still be up");
    ledger.apply(&LedgerCommand::Revoke { node: B, expected_boot: 1, attested: false });
    assert_eq!(ledger.out(pool()), 1, "nothing more is freed");
    ledger.apply(&LedgerCommand::Hello { node: A, boot: 2, nonce: 7 });
    let items = vec![SyncItem { pool: pool(), returned: 3, want: 0, beneficiary: A }];
    ledger.apply(&LedgerCommand::Sync { node: A, boot: 2, items });
    assert!(ledger.is_worth_revoking(B), "A is back, and all of its calls are covered");
}

#[test]
fn nothing_is_given_to_a_node_that_has_gone() {
    let mut ledger = ledger(5);
    sync(&mut ledger, A, 0, 5);
    ledger.apply(&LedgerCommand::Revoke { node: B, expected_boot: 1, attested: true });
    let items = vec![SyncItem { pool: pool(), returned: 2, want: 2, beneficiary: B }];
    ledger.apply(&LedgerCommand::Sync { node: A, boot: 1, items });
    assert_eq!((ledger.held_by(B).count(), ledger.free(pool())), (0, 2));
    ledger.apply(&LedgerCommand::Hello { node: B, boot: 2, nonce: 9 });
    let items = vec![SyncItem { pool: pool(), returned: 3, want: 1, beneficiary: B }];
    ledger.apply(&LedgerCommand::Sync { node: A, boot: 1, items });
    assert_eq!((ledger.held_by(B).count(), ledger.free(pool())), (1, 2), "it is back");
}

#[test]
fn a_ledger_that_was_written_down_is_the_same() {
    let mut ledger = ledger(5);
    let mut written: BTreeMap<String, LedgerRow> = BTreeMap::new();
    let key = |row: &LedgerRow| match row {
        LedgerRow::Start { node, .. } => format!("{node:?}"),
        LedgerRow::Share { pool, node, .. } => format!("{pool:?} {node:?}"),
    };
    let mut write = |ledger: &mut Ledger| {
        written.extend(ledger.take_touched().iter().map(|row| (key(row), *row)));
        written.values().copied().collect::<Vec<_>>()
    };
    sync(&mut ledger, A, 0, 3);
    write(&mut ledger);
    sync(&mut ledger, A, 2, 0);
    sync(&mut ledger, B, 0, 1);
    ledger.apply(&LedgerCommand::Revoke { node: A, expected_boot: 1, attested: false });
    let rows = write(&mut ledger);
    let mut again = Ledger::default();
    again.apply(&LedgerCommand::SetCap { pool: pool(), cap: 5 });
    rows.iter().for_each(|row| again.restore(row));
    assert!(again.rows().eq(ledger.rows()));
    assert_eq!(again.out(pool()), 1);
    assert!(again.is_revoked(pool(), A));
}
