//! Where the desk meets the other nodes: rights that are asked for and given, questions that wait
//! for them, who is there and who leads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};

use crate::desk::{Desk, Input, Joining, Motion, Ticket};
use crate::domain::{Decision, LedgerCommand, LedgerRow, NodeId, PoolId, RouteQuery};
use crate::peers::{Agrees as _, Lane};

use super::agree::agree;
use super::house::{House, lock};
use super::nodes::Dir;
use super::nodes::letter::Letter;

/// How long a start waits for rights where no other node is there either.
const OTHERS_WITHIN: Duration = Duration::from_millis(300);
/// How long it waits for them else: above the time in which the voters elect a leader.
const WELCOMED_WITHIN: Duration = Duration::from_secs(4);

/// Whoever waits for an answer that other nodes have a part in. As many as requests at once, which
/// the doors limit, and the desk itself.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    given: AtomicU64,
    open: Mutex<BTreeMap<u64, oneshot::Sender<Arc<Decision>>>>,
}

impl Questions {
    fn ask(&self) -> (Ticket, oneshot::Receiver<Arc<Decision>>) {
        let number = self.given.fetch_add(1, Ordering::Relaxed) + 1;
        let (sender, answer) = oneshot::channel();
        lock(&self.open).insert(number, sender);
        (Ticket(number), answer)
    }

    /// Gives an answer to whoever waits for it; it comes back if that is who is asking now.
    pub(super) fn answer(&self, ticket: Ticket, decision: Arc<Decision>) -> Option<Arc<Decision>> {
        if ticket == House::TICKET {
            return Some(decision);
        }
        if let Some(sender) = lock(&self.open).remove(&ticket.0) {
            // Whoever asked may have gone.
            let _ = sender.send(decision);
        }
        None
    }
}

/// Whoever waits for the ledger to know of all calls that are up here. The desk is looked at while
/// somebody does, and not else.
#[derive(Debug, Default)]
pub(crate) struct Covered {
    waiting: AtomicU64,
    bell: Notify,
}

struct Waits<'a>(&'a Covered);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Covered {
    fn wait(&self) -> Waits<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waits(self)
    }

    /// After every input, under the desk's lock: whoever looks under it misses none.
    pub(super) fn look(&self, desk: &Desk) {
        if self.waiting.load(Ordering::Relaxed) > 0 && (desk.covered() || desk.is_welcomed()) {
            self.bell.notify_waiters();
        }
    }
}

impl House {
    /// Waits until the ledger knows of all calls that are up here.
    pub(crate) async fn covered(&self) {
        self.until(Desk::covered).await;
    }

    async fn until(&self, so: impl Fn(&Desk) -> bool) {
        let _waits = self.covered.wait();
        loop {
            let bell = self.covered.bell.notified();
            if so(&self.desk()) {
                return;
            }
            bell.await;
        }
    }

    /// Waits at a start until the cluster gives this node rights. Until then its proxies do better
    /// to ask the second daemon: it would have to refuse what other nodes have rights for. Where
    /// nobody else is there, nobody else can be asked.
    pub(crate) async fn welcomed(&self) {
        let Some(nodes) = self.nodes().filter(|nodes| !nodes.witness) else { return };
        let until = |within| tokio::time::timeout(within, self.until(Desk::is_welcomed));
        let in_vain = || nodes.connected().is_empty() || nodes.is_removed();
        if until(OTHERS_WITHIN).await.is_ok() || in_vain() {
            return;
        }
        if until(WELCOMED_WITHIN).await.is_err() {
            tracing::warn!(
                "the cluster has given this node no rights yet: it opens without them, and refuses or overdraws what needs some"
            );
        }
    }

    /// Asks the desk, and waits for other nodes if it does.
    pub(crate) async fn decide(&self, query: Box<RouteQuery>) -> Option<Arc<Decision>> {
        if self.nodes().is_none() {
            return self.handle(Input::Route { ticket: Self::TICKET, query }).decision;
        }
        let (ticket, answer) = self.questions.ask();
        self.handle(Input::Route { ticket, query });
        // The desk answers within a deadline of its own; a request that is given up is forgotten
        // when it does.
        answer.await.ok()
    }

    /// Asks another node to give rights back: a hint, which is given again if it is lost.
    pub(super) fn recall(&self, to: NodeId, pool: PoolId, beneficiary: NodeId, want: u32) {
        if let Some(nodes) = self.nodes() {
            let _ = nodes.send(to, Lane::Rows, &Letter::Recall { pool, beneficiary, want });
        }
    }

    /// Puts a question to the ledger.
    pub(super) fn ask_ledger(&self, command: LedgerCommand) {
        let Some(house) = self.me.upgrade() else { return };
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Err(error) = agree(&house, Motion::Ledger(command.clone())).await {
                tracing::debug!(%error, "the ledger can't be asked");
                house.handle(Input::AskFailed(command));
            }
        });
    }

    /// This start was revoked: the daemon stops, and the next one has a greater number.
    pub(super) fn fenced(&self, current: u32) {
        if let Err(error) = self.store.start_above(current) {
            tracing::error!(%error, "the number of the next start can't be written down");
        }
        tracing::error!(
            boot = self.boot,
            current,
            "the cluster takes this start of the node for over and the daemon stops: if no other process has this node's data, start it again"
        );
        self.stop.notify_one();
    }

    /// Another node has heard of a later start of this one. Nothing is put away for one node's
    /// word: whether the data here is an old copy says the ledger, if this is started again.
    pub(super) fn overtaken(&self) {
        if self.desk().overtaken() {
            tracing::error!(
                boot = self.boot,
                "another node knows of a later start of this node: the daemon stops, since two processes would admit calls by the same rights"
            );
            self.stop.notify_one();
        }
    }

    /// Another process has started as this node since. Each start has its number on the disk before
    /// anybody hears of it, so that what lies here is an older copy: what the other one has agreed
    /// to since is missing, and must not be made up for by a greater number.
    pub(super) fn superseded(&self) {
        if let Err(error) = Dir::new(&self.config().node.data_dir).supersede() {
            let error = format!("{error:#}");
            tracing::error!(error, "papers of the cluster could not be written down");
        }
        tracing::error!(
            boot = self.boot,
            "another process has been started as this node since, so the data here is an old copy: the daemon stops, and does not start with it again"
        );
        self.stop.notify_one();
    }

    /// From now on rights are shared with other nodes. `founding`: this node has decided alone.
    pub(crate) fn join_others(&self, nonce: u64, founding: bool) {
        let now = self.now();
        self.desk().together(Joining { boot: self.boot, nonce, founding }, now);
        // What it asks for.
        self.handle(Input::Wakeup);
    }

    /// Lets the desk know who is there and who leads.
    pub(crate) fn presence(&self, up: &[NodeId], down: &[NodeId]) {
        let leading = self.agreement().is_some_and(|agreement| agreement.is_leader());
        up.iter().for_each(|node| drop(self.handle(Input::NodeUp(*node))));
        down.iter().for_each(|node| drop(self.handle(Input::NodeDown(*node))));
        self.handle(Input::Leading(leading));
    }

    /// Puts the rows of the ledger in the place of those that the desk has.
    pub(super) fn replace_ledger(&self) -> Result<(), crate::store::Error> {
        let mut rows: Vec<LedgerRow> = Vec::new();
        self.store.load_ledger(&mut |row| rows.push(row))?;
        self.desk().replace_ledger(&rows);
        self.handle(Input::Wakeup);
        Ok(())
    }
}
