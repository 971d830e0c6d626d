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
use crate::domain::{AccountKey, CallRef, Decision, MessageId, Now};
use crate::messages::Managed;
use crate::store::Store;

use super::clock::Clock;
use super::history::History;
use super::mail::Mail;
use super::proxy::Proxy;
use super::push::Pushes;
use super::tell;

/// Everything that is shared.
pub(crate) struct House {
    desk: Mutex<Desk>,
    pub(crate) clock: Clock,
    pub(crate) store: Arc<Store>,
    pub(crate) history: History,
    pub(crate) proxies: Vec<Proxy>,
    /// One change of the registry at a time: planned, written down, brought about.
    pub(crate) registry_turn: tokio::sync::Mutex<()>,
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
    /// The way to whoever sends pushes, if somebody does.
    pub(crate) pushes: Option<Pushes>,
    /// Rung when a message was deleted.
    pub(crate) retention: Notify,
    /// Rung when there may be something to tell to devices.
    pub(crate) tell_bell: Notify,
    /// Itself, for what it starts.
    me: Weak<Self>,
}

/// What came out of one input, with the answers taken apart from the rest.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) decision: Option<Arc<Decision>>,
    pub(crate) applied: Option<Result<(), crate::registry::Error>>,
    pub(crate) released: Option<Option<Ended>>,
    pub(crate) call_back: Option<(Option<MessageId>, Managed)>,
    pub(crate) known: Option<bool>,
    /// What is being written down to be told, for whoever has to wait for it.
    pub(crate) writing: Vec<JoinHandle<()>>,
}

impl House {
    pub(crate) fn new(
        desk: Desk,
        clock: Clock,
        store: Arc<Store>,
        history: History,
        proxies: Vec<Proxy>,
        config: Arc<Config>,
        boot: u32,
    ) -> Result<Arc<Self>, crate::notify::Error> {
        let pushes = Pushes::new(&config)?;
        Ok(Arc::new_cyclic(|me| Self {
            desk: Mutex::new(desk),
            clock,
            store,
            history,
            proxies,
            registry_turn: tokio::sync::Mutex::new(()),
            changes_not_written: AtomicU64::new(0),
            alarm: Notify::new(),
            alarm_at_ms: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            config: Mutex::new(config),
            boot,
            mail: OnceLock::new(),
            pushes,
            retention: Notify::new(),
            tell_bell: Notify::new(),
            me: Weak::clone(me),
        }))
    }

    /// What there is for messages.
    pub(crate) fn mail(&self) -> Option<&Mail> {
        self.mail.get()
    }

    /// Furnishes the house for messages, once.
    pub(crate) fn furnish(&self, mail: Mail) {
        let _ = self.mail.set(mail);
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
    /// answer is answered at once, so the only answers among the outputs are its own.
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
            Output::Answer { decision, repeated, .. } => {
                if !repeated {
                    self.history.decided(&decision);
                }
                outcome.decision = Some(decision);
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
            Output::CallBack { message, managed } => outcome.call_back = Some((message, managed)),
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
                tracing::info!(%message, call_id = &*call_id, "a deposit has begun");
            }
            Output::DepositOver { message, outcome } => {
                tracing::info!(%message, ?outcome, "a deposit is over");
            }
            Output::Answer { .. }
            | Output::Applied { .. }
            | Output::Released { .. }
            | Output::Ended(_)
            | Output::CallBack { .. }
            | Output::Known(_)
            | Output::Tell { .. }
            | Output::Push(_)
            | Output::PushOver { .. }
            | Output::Adopted { .. } => {}
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
