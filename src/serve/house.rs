//! What the tasks of the process share: the desk behind one lock, and the ways out of it.
//!
//! The lock is a plain one and is held for microseconds: no decision waits for anything, so
//! nothing is awaited under it, and an async lock would only cost more.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::desk::{Desk, Ended, Input, Output, Ticket, Tidings};
use crate::domain::{
    AccountKey, CallBackMet, CallRef, CallbackPolicy, Decision, LedgerReply, MessageId, NodeId, Now,
};
use crate::messages::Managed;
use crate::peers::Agreement;
use crate::store::Store;

use super::clock::Clock;
use super::history::History;
use super::mail::Mail;
use super::minutes::Minutes;
use super::nodes::{Nodes, RollBook};
use super::proxy::Proxy;
use super::push::Pushes;
use super::tell;
use super::together::{Covered, Questions};

/// Everything that is shared.
pub(crate) struct House {
    desk: Mutex<Desk>,
    pub(crate) clock: Clock,
    pub(crate) store: Arc<Store>,
    pub(crate) history: History,
    pub(crate) proxies: Vec<Proxy>,
    /// One at a time makes this node the first of a cluster.
    pub(crate) founding_turn: tokio::sync::Mutex<()>,
    /// Changes of the registry that were refused because they could not be written down.
    pub(crate) changes_not_written: AtomicU64,
    /// Rung when the desk wants to be woken earlier than it said.
    pub(crate) alarm: Notify,
    /// When the alarm goes off by itself, as it was last told; not at all: `u64::MAX`.
    alarm_at_ms: AtomicU64,
    draining: AtomicBool,
    pub(crate) config: Mutex<Arc<Config>>,
    pub(crate) boot: u32,
    /// What there is for messages, if a spool is configured.
    mail: OnceLock<Mail>,
    /// The way to the other nodes, if there is a cluster.
    nodes: OnceLock<Arc<Nodes>>,
    /// What is agreed on, and with whom.
    agreement: OnceLock<Agreement>,
    /// Who waits for what comes of a motion.
    pub(crate) minutes: Minutes,
    pub(super) covered: Covered,
    /// Who is in the cluster, as it was agreed on.
    pub(crate) roll: RollBook,
    /// The way to whoever sends pushes, if somebody does.
    pub(crate) pushes: Option<Pushes>,
    /// Rung when the process is to end.
    pub(crate) stop: Notify,
    /// Questions that wait for other nodes.
    pub(super) questions: Questions,
    /// Rung when a message was deleted.
    pub(crate) retention: Notify,
    /// Rung when there may be something to tell to devices.
    pub(crate) tell_bell: Notify,
    /// Itself, for what it starts.
    pub(super) me: Weak<Self>,
}

/// Takes a lock whatever became of its last holder: what it guards is changed in small steps.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What came out of one input, with the answers taken apart from the rest.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) decision: Option<Arc<Decision>>,
    pub(crate) applied: Option<Result<(), crate::registry::Error>>,
    pub(crate) ledger: Option<LedgerReply>,
    pub(crate) released: Option<Option<Ended>>,
    pub(crate) call_back: Option<(Option<(MessageId, CallbackPolicy)>, Managed)>,
    pub(crate) met: Option<CallBackMet>,
    pub(crate) known: Option<bool>,
    /// What is being written down to be told, for whoever has to wait for it.
    pub(crate) writing: Vec<JoinHandle<()>>,
}

impl House {
    pub(crate) fn new(
        desk: Desk,
        clock: Clock,
        store: Arc<Store>,
        proxies: Vec<Proxy>,
        config: Arc<Config>,
        minutes: Minutes,
        roll: RollBook,
    ) -> Result<Arc<Self>, crate::notify::Error> {
        let pushes = Pushes::new(&config)?;
        Ok(Arc::new_cyclic(|me| Self {
            desk: Mutex::new(desk),
            clock,
            history: History::new(Arc::clone(&store)),
            store,
            proxies,
            founding_turn: tokio::sync::Mutex::new(()),
            changes_not_written: AtomicU64::new(0),
            alarm: Notify::new(),
            alarm_at_ms: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            config: Mutex::new(config),
            boot: minutes.boot(),
            mail: OnceLock::new(),
            nodes: OnceLock::new(),
            agreement: OnceLock::new(),
            minutes,
            covered: Covered::default(),
            roll,
            pushes,
            stop: Notify::new(),
            questions: Questions::default(),
            retention: Notify::new(),
            tell_bell: Notify::new(),
            me: Weak::clone(me),
        }))
    }

    /// What is agreed on, once it has begun.
    pub(crate) fn agreement(&self) -> Option<&Agreement> {
        self.agreement.get()
    }

    /// Begins to agree, once.
    pub(crate) fn agree_by(&self, agreement: Agreement) {
        let _ = self.agreement.set(agreement);
    }

    /// What there is for messages.
    pub(crate) fn mail(&self) -> Option<&Mail> {
        self.mail.get()
    }

    /// Furnishes the house for messages, once.
    pub(crate) fn furnish(&self, mail: Mail) {
        let _ = self.mail.set(mail);
    }

    /// The way to the other nodes.
    pub(crate) fn nodes(&self) -> Option<&Arc<Nodes>> {
        self.nodes.get()
    }

    /// Furnishes the house for other nodes, once.
    pub(crate) fn furnish_nodes(&self, nodes: Arc<Nodes>) {
        let _ = self.nodes.set(nodes);
        if let Some(me) = self.me.upgrade() {
            super::mail::keep_files(&me);
        }
    }

    /// Which node this is; one that is alone is the first.
    pub(crate) fn node(&self) -> NodeId {
        self.minutes.own()
    }

    /// An account's name, or its number where it is gone.
    pub(crate) fn account_name(&self, key: AccountKey) -> String {
        let desk = self.desk();
        let account = desk.registry().account(key);
        account.map_or_else(|| key.0.to_string(), |account| account.name.to_string())
    }

    /// There may be something to tell.
    pub(crate) fn ring_outbox(&self) {
        self.tell_bell.notify_one();
        if let Some(mail) = self.mail() {
            mail.bell.notify_one();
        }
    }

    /// Asks the store something, on a thread that may wait. The error is a sentence.
    pub(crate) async fn in_store<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Store) -> Result<T, crate::store::Error> + Send + 'static,
    ) -> Result<T, String> {
        let store = Arc::clone(&self.store);
        match tokio::task::spawn_blocking(move || ask(&store)).await {
            Ok(asked) => asked.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The desk. A panic under the lock leaves it as consistent as any other early return: inputs
    /// are small steps, and the looks at the proxies mend what a half-done one left behind.
    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the desk wants to be woken; it rings if that comes to be earlier.
    pub(crate) fn next_wakeup(&self) -> Option<u64> {
        let desk = self.desk();
        let wakeup = desk.wakeup();
        // Under the lock, so that no input comes between.
        self.alarm_at_ms.store(wakeup.unwrap_or(u64::MAX), Ordering::Relaxed);
        wakeup
    }

    pub(crate) fn now(&self) -> Now {
        self.clock.now()
    }

    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        if let Some(mail) = self.mail() {
            mail.drain();
        }
    }

    /// Gives the desk one input and carries out what comes of it. Every input that asks for an
    /// answer is answered at once, so the only answers among the outputs are its own; but for
    /// questions that wait for other nodes, which have tickets.
    pub(crate) fn handle(&self, input: Input) -> Outcome {
        let now = self.now();
        let mut outputs = Vec::new();
        let unwritten = {
            let mut desk = self.desk();
            desk.handle(input, now);
            while let Some(output) = desk.poll() {
                outputs.push(output);
            }
            let told = self.alarm_at_ms.load(Ordering::Relaxed);
            if desk.wakeup().is_some_and(|wakeup| wakeup < told) {
                self.alarm.notify_one();
            }
            if desk.untold() > 0
                && let Some(nodes) = self.nodes()
            {
                nodes.rows.ring();
            }
            self.covered.look(&desk);
            desk.unwritten() > 0
        };
        if unwritten {
            self.store.wake();
        }
        let mut outcome = Outcome::default();
        for output in outputs {
            self.carry_out(output, now, &mut outcome);
        }
        outcome
    }

    /// A ticket for an input whose answer comes back at once.
    pub(crate) const TICKET: Ticket = Ticket(0);

    fn carry_out(&self, output: Output, now: Now, outcome: &mut Outcome) {
        match output {
            Output::Answer { ticket, decision, repeated, .. } => {
                if !repeated {
                    self.history.decided(&decision);
                }
                let asking_now = self.questions.answer(ticket, decision);
                outcome.decision = asking_now.or_else(|| outcome.decision.take());
            }
            Output::Applied { result, .. } => outcome.applied = Some(result),
            Output::Released { ended, .. } => outcome.released = Some(ended),
            Output::Ended(ended) => {
                tracing::debug!(
                    call_id = &*ended.call_id,
                    call = %ended.call,
                    cause = ?ended.cause,
                    code = ended.code,
                    up_ms = ended.up_ms,
                    "call is over"
                );
                self.history.ended(&ended);
            }
            Output::Tell { call, tidings } => outcome.writing.extend(self.write(call, *tidings)),
            Output::Adopted { call, call_id } => self.adopted(call, call_id, now),
            Output::CallBack { met, managed } => outcome.call_back = Some((met, managed)),
            Output::Met(met) => outcome.met = Some(met),
            Output::Known(known) => outcome.known = Some(known),
            Output::Push(push) => {
                if let Some(pushes) = &self.pushes {
                    pushes.want(*push);
                }
            }
            Output::PushOver { id, over } => {
                if let Some(pushes) = &self.pushes {
                    pushes.over(&id, over);
                }
            }
            Output::Ledger(reply) => outcome.ledger = Some(reply),
            Output::Ask(command) => self.ask_ledger(command),
            Output::Recall { to, pool, beneficiary, want } => {
                self.recall(to, pool, beneficiary, want);
            }
            Output::Fenced { current, overtaken: false } => self.fenced(current),
            Output::Fenced { overtaken: true, .. } => self.superseded(),
            Output::Managed(_)
            | Output::Switch(..)
            | Output::Spool(_)
            | Output::Link { .. }
            | Output::DepositBegan { .. }
            | Output::DepositOver { .. } => self.carry_out_mail(output),
        }
    }

    fn carry_out_mail(&self, output: Output) {
        let (Some(mail), Some(me)) = (self.mail(), self.me.upgrade()) else { return };
        match output {
            Output::Managed(message) => mail.managed(message),
            Output::Switch(switch, command) => mail.command(switch, command),
            Output::Spool(command) => mail.keep(&me, command),
            Output::Link { message, part, expires_s } => mail.link(&me, message, part, expires_s),
            Output::DepositBegan { message, call_id } => {
                self.tell_deposit(message);
                tracing::info!(%message, call_id = &*call_id, "a deposit has begun");
            }
            Output::DepositOver { message, outcome } => {
                self.tell_deposit(message);
                tracing::info!(%message, ?outcome, "a deposit is over");
            }
            Output::Answer { .. }
            | Output::Applied { .. }
            | Output::Released { .. }
            | Output::Ended(_)
            | Output::CallBack { .. }
            | Output::Met(_)
            | Output::Known(_)
            | Output::Tell { .. }
            | Output::Push(_)
            | Output::PushOver { .. }
            | Output::Ask(_)
            | Output::Ledger(_)
            | Output::Recall { .. }
            | Output::Fenced { .. }
            | Output::Adopted { .. } => {}
        }
    }

    /// Lets other nodes know of a deposit, or that it is over.
    fn tell_deposit(&self, message: MessageId) {
        if let Some(nodes) = self.nodes() {
            nodes.rows.deposit(message, self.desk().deposits().card(message));
        }
    }

    /// Writes down what is to be told, where nobody waits for the disk but who wants to.
    fn write(&self, call: CallRef, tidings: Tidings) -> Option<JoinHandle<()>> {
        let me = self.me.upgrade()?;
        let write = move || tell::write(&me, call, tidings);
        match Handle::try_current() {
            Ok(runtime) => Some(runtime.spawn_blocking(write)),
            Err(_) => {
                write();
                None
            }
        }
    }

    fn adopted(&self, call: CallRef, call_id: Arc<str>, now: Now) {
        tracing::info!(call_id = &*call_id, %call, "a call that was not known here is counted now");
        self.history.adopted(call, &call_id, now);
    }
}
