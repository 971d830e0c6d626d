//! Filling the desk at a start. One thread reads rows and makes sense of them while another takes
//! them in: with a million calls and as many devices each is about half of the work.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::{panic, thread};

use crate::desk::Joining;
use crate::domain::{LedgerRow, NodeId};
use crate::registry::Change;
use crate::sessions::SessionRow;
use crate::store::{Error, Store};

use super::house::House;

/// Rows that are handed over together.
const BATCH: usize = 512;

/// How many batches may wait; then the reader waits, too. Some ten megabytes.
const BATCHES_MAX: usize = 64;

/// Rows on their way from the store to the desk, in the order in which they have to be taken in.
enum Batch {
    Registry(Vec<Change>),
    /// The registry is complete, up to this number of its log.
    Applied(u64),
    /// The rights of all nodes.
    Ledger(Vec<LedgerRow>),
    Sessions(Vec<SessionRow>),
}

/// Gathers rows and hands them over by the batch. Who takes them is there until the end.
struct Gathered<'a, T> {
    rows: Vec<T>,
    give: &'a SyncSender<Batch>,
    batch: fn(Vec<T>) -> Batch,
}

impl<'a, T> Gathered<'a, T> {
    fn new(give: &'a SyncSender<Batch>, batch: fn(Vec<T>) -> Batch) -> Self {
        Self { rows: Vec::with_capacity(BATCH), give, batch }
    }

    fn add(&mut self, row: T) {
        self.rows.push(row);
        if self.rows.len() == BATCH {
            let full = std::mem::replace(&mut self.rows, Vec::with_capacity(BATCH));
            let _ = self.give.send((self.batch)(full));
        }
    }

    fn done(self) {
        let _ = self.give.send((self.batch)(self.rows));
    }
}

/// Fills the desk with what the store has. `cluster`: which node of a cluster this is, and a number
/// by which this process is told from others.
pub(super) fn fill(house: &House, cluster: Option<(NodeId, u64)>) -> Result<(), Error> {
    let (give, taken) = sync_channel(BATCHES_MAX);
    let skipped = thread::scope(|scope| {
        // The way ends with the reader, and with it the taking in.
        let reader = scope.spawn(move || read(&house.store, &give));
        take_in(house, cluster, taken);
        reader.join().unwrap_or_else(|cause| panic::resume_unwind(cause))
    })?;
    if skipped > 0 {
        tracing::warn!(
            skipped,
            "rows of session.db make no sense and were left out: calls of them that are up are found at the proxies"
        );
    }
    house.desk().restored();
    Ok(())
}

/// Reads everything; says how many calls made no sense.
fn read(store: &Store, give: &SyncSender<Batch>) -> Result<u64, Error> {
    let mut changes = Gathered::new(give, Batch::Registry);
    let applied = store.load_registry(&mut |change| changes.add(change))?;
    changes.done();
    let _ = give.send(Batch::Applied(applied));
    let mut ledger = Vec::new();
    store.load_ledger(&mut |row| ledger.push(row))?;
    let _ = give.send(Batch::Ledger(ledger));
    let mut rows = Gathered::new(give, Batch::Sessions);
    let skipped = store.load_sessions(&mut |row| rows.add(row))?;
    rows.done();
    Ok(skipped)
}

fn take_in(house: &House, cluster: Option<(NodeId, u64)>, taken: Receiver<Batch>) {
    let now = house.now();
    let mut desk = house.desk();
    for batch in taken {
        match batch {
            Batch::Registry(changes) => {
                changes.into_iter().for_each(|change| desk.restore_registry(change));
            }
            Batch::Applied(index) => desk.registry_restored_to(index),
            Batch::Ledger(rows) => {
                if let Some((node, nonce)) = cluster {
                    // Others were let in when the ledger had all that was up: before that, calls
                    // of the time before the cluster may still be without a right.
                    let is_other =
                        |row: &_| matches!(row, LedgerRow::Start { node: of, .. } if *of != node);
                    let founding = node == NodeId(1) && !rows.iter().any(is_other);
                    desk.together(Joining { boot: house.boot, nonce, founding }, now);
                    rows.iter().for_each(|row| desk.restore_ledger(row));
                }
            }
            Batch::Sessions(rows) => rows.iter().for_each(|row| desk.restore_call(row, now)),
        }
    }
}

/// Puts what the store has in the place of the registry that the desk has, while calls go on.
pub(super) fn refill(house: &House) -> Result<(), Error> {
    let mut changes = Vec::new();
    let applied = house.store.load_registry(&mut |change| changes.push(change))?;
    house.desk().replace_registry(changes, applied);
    Ok(())
}
