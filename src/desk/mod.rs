//! The decisions meet: one desk, one way in for what happens, one way out for effects.
//!
//! Nothing here reads a clock, opens a socket or waits; the same inputs give the same outputs.

mod alone;
mod asked;
mod confirm;
mod consider;
mod deposits;
mod devices;
mod explain;
mod figures;
mod greeting;
mod input;
mod lamps;
mod lifecycle;
mod output;
mod push;
mod rights;
mod route;
mod rules;
mod self_care;
mod settings;
mod star;
mod tell;
mod trail;
mod trial;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::admission::{PoolUsage, Rights};
use crate::cluster::Ledger;
use crate::domain::{
    AccountKey, CallRef, Decision, LedgerCommand, LedgerReply, MessageId, Now, PoolId, PoolKind,
    ProxyId, PushId, RouteQuery, Seats, SipUri, Spelled, SwitchId, Target,
};
use crate::messages::{self, Deposits};
use crate::registry::{Change, Registry};
use crate::sessions::{Looks, Page, RowChange, SessionRow, Slot, Table, Tombstones};

pub use explain::explain;
pub use figures::Figures;
pub use input::{Input, Ticket};
pub use lamps::lamps_lit_next;
pub use output::{Ended, Output};
pub use settings::{Settings, SwitchPlace};
pub use tell::{Happening, Tidings};
pub use trial::{Around, DAYS_AHEAD_MAX, Trial, Turn, coming, try_example};

/// All that a node knows and decides.
#[derive(Clone, Debug)]
pub struct Desk {
    settings: Settings,
    registry: Registry,
    ledger: Ledger,
    rights: Rights,
    table: Table,
    tombstones: Tombstones,
    looks: Looks,
    /// The answers of calls that are not answered yet, to be given again when asked again. Goes
    /// with the reservation, so it is as bounded as the table.
    pending: BTreeMap<Slot, Vec<Leg>>,
    /// Accounts that made an emergency call, and until when (milliseconds, monotonic).
    grace: BTreeMap<AccountKey, u64>,
    deposits: Deposits,
    devices: devices::Devices,
    /// Calls that will meet a deposit, by Call-ID, from their announcement to their question.
    meetings: BTreeMap<Arc<str>, deposits::Meeting>,
    /// What calls hold that were ended to be called back with video. As many as deposits at most.
    kept: BTreeMap<MessageId, Seats>,
    switches_up: BTreeSet<SwitchId>,
    /// Calls of which somebody was told, the oldest first.
    told: VecDeque<(AccountKey, Arc<str>)>,
    /// Who was asked to wake for calls that are not answered yet.
    pushes: BTreeMap<Slot, Vec<PushId>>,
    counter: u32,
    figures: Figures,
    outputs: VecDeque<Output>,
}

/// One question about a call, and its answer.
#[derive(Clone, Debug)]
struct Leg {
    /// How many accounts the call had passed: a call that comes back to the same address has
    /// passed more of them.
    passed: usize,
    answer: Arc<Decision>,
    /// Whom it called.
    callee: Option<AccountKey>,
    /// What pushes tell of whoever asked, if somebody is to be woken.
    asker: Option<Box<push::Asker>>,
}

/// The figures of an account's three caps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Calls of both directions.
    pub total: PoolUsage,
    /// Calls to it.
    pub incoming: PoolUsage,
    /// Calls from it.
    pub outgoing: PoolUsage,
}

impl Desk {
    /// A desk that knows nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let Settings { node, boot, seed, proxies, .. } = settings;
        let switches = settings.switches.iter().filter_map(SwitchPlace::as_proxy);
        let mut ledger = Ledger::default();
        let mut rights = Rights::new(node, boot, true);
        let hello = LedgerCommand::Hello { node, boot, nonce: seed };
        if let LedgerReply::HelloOk(held) = ledger.apply(&hello) {
            rights.welcomed(&held);
        }
        Self {
            registry: Registry::new(seed),
            ledger,
            rights,
            table: Table::new(seed, settings.calls_max),
            tombstones: Tombstones::new(seed),
            looks: Looks::new((0..proxies).map(ProxyId).chain(switches))
                .beside_others(proxies == 0),
            pending: BTreeMap::new(),
            grace: BTreeMap::new(),
            deposits: Deposits::new(messages::Settings { boot, ..settings.messages.clone() }),
            devices: devices::Devices::default(),
            meetings: BTreeMap::new(),
            kept: BTreeMap::new(),
            switches_up: BTreeSet::new(),
            told: VecDeque::new(),
            pushes: BTreeMap::new(),
            counter: 0,
            figures: Figures::default(),
            outputs: VecDeque::new(),
            settings,
        }
    }

    /// Takes in a row of the registry as the store has it, at a start.
    pub fn restore_registry(&mut self, change: Change) {
        self.caps_follow(&change);
        self.registry.restore(change);
    }

    /// Says up to which number of the log the restored rows go.
    pub fn registry_restored_to(&mut self, index: u64) {
        self.registry.restored_to(index);
    }

    /// Takes in a call as the store has it, after the registry. Its accounts carry it, whatever
    /// their caps say by now.
    pub fn restore_call(&mut self, row: &SessionRow, now: Now) {
        if self.table.restore(row, now).is_some() {
            self.take_seats(&row.seats);
        }
    }

    /// The start is complete. What strict accounts have left is frozen until the proxies were
    /// asked, because calls of the last milliseconds may be missing from the store.
    pub fn restored(&mut self) {
        if !self.looks.settled() {
            self.freeze_strict();
        }
    }

    /// Takes other settings, from the next decision on.
    pub fn reload(&mut self, settings: Settings) {
        let Settings { node, boot, seed, calls_max, proxies, .. } = self.settings;
        self.deposits.reload(settings.messages.clone());
        self.settings = Settings { node, boot, seed, calls_max, proxies, ..settings };
    }

    /// Takes in one thing that has happened.
    pub fn handle(&mut self, input: Input, now: Now) {
        match input {
            Input::Route { ticket, query } => self.route(ticket, query, now),
            Input::Event(event) => self.event(&event, now),
            Input::Committed { ticket, index, command } => {
                let result = self.registry.apply(index, &command).map(|changes| {
                    changes.iter().for_each(|change| self.caps_follow(change));
                });
                self.outputs.push_back(Output::Applied { ticket, result });
            }
            Input::LookBegin { proxy, restarted } => self.look_begin(proxy, restarted),
            Input::LookSeen { proxy, dialogs } => {
                dialogs.iter().for_each(|dialog| self.look_seen(proxy, dialog, now));
            }
            Input::LookEnd { proxy } => self.look_end(proxy, now),
            Input::LookFailed { proxy } => {
                self.figures.looks_failed += 1;
                self.looks.fail(proxy);
            }
            Input::Release { ticket, call } => self.release(ticket, call, now),
            Input::CallBack { query } => self.call_back(&query, now),
            Input::Switch { switch, event } => self.switch(switch, &event, now),
            Input::Spool(event) => {
                let awaited = self.deposits.spool(&event, now);
                self.drain_deposits();
                self.outputs.push_back(Output::Known(awaited));
            }
            Input::Resume(card) => self.resume(*card, now),
            Input::LinkReady { message, text } => {
                self.deposits.link_ready(message, &text, now);
                self.drain_deposits();
            }
            Input::Wish { message, medium } => {
                let known = self.deposits.wish(message, medium, now);
                self.drain_deposits();
                self.outputs.push_back(Output::Known(known));
            }
            Input::EndDeposit { message } => {
                let known = self.deposits.end(message, now);
                self.drain_deposits();
                self.outputs.push_back(Output::Known(known));
            }
            Input::Wakeup => self.wake(now),
        }
    }

    /// The next thing to do, in the order in which it was decided.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Wakeup`] is wanted, milliseconds on the monotonic clock; 0: at once.
    #[must_use]
    pub fn wakeup(&self) -> Option<u64> {
        if self.looks.sweeping() {
            return Some(0);
        }
        let sweep = (!self.table.is_empty()).then(|| self.looks.sweep_at_ms());
        let deposits = self.deposits.wakeup();
        sweep.into_iter().chain(self.table.next_expiry_ms()).chain(deposits).min()
    }

    /// Up to `max` rows to be written down; each is given once.
    pub fn take_changes(&mut self, max: usize, now: Now) -> Vec<RowChange> {
        self.table.take_changes(max, now)
    }

    /// How many rows wait to be written down.
    #[must_use]
    pub fn unwritten(&self) -> usize {
        self.table.unwritten()
    }

    /// What an answer would be, on the path that decides: nothing is admitted or remembered.
    pub fn rehearse(&mut self, query: &RouteQuery, now: Now) -> Decision {
        self.consider(query, None, now).decision
    }

    /// The addresses of record whose registrations would help to answer a query.
    #[must_use]
    pub fn addresses_to_look_up(&self, query: &RouteQuery) -> Vec<SipUri> {
        let Some(callee) = self.callee(Spelled::read(&query.ruri)).1 else { return Vec::new() };
        let devices = self.registry.devices(callee).iter().filter(|device| device.enabled);
        let addresses = devices.filter_map(|device| match &device.target {
            Target::Aor(aor) => Some(aor.clone()),
            Target::Uri(_) | Target::Number(_) => None,
        });
        addresses.take(self.settings.limits.branches_max).collect()
    }

    /// The registry, to read.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The deposits, to read.
    #[must_use]
    pub fn deposits(&self) -> &Deposits {
        &self.deposits
    }

    /// The figures of an account's caps.
    #[must_use]
    pub fn usage(&self, account: AccountKey) -> Usage {
        let usage = |kind| self.rights.usage(PoolId::new(account, kind));
        Usage {
            total: usage(PoolKind::Total),
            incoming: usage(PoolKind::In),
            outgoing: usage(PoolKind::Out),
        }
    }

    /// A call by our number.
    #[must_use]
    pub fn call(&self, call: CallRef, now: Now) -> Option<SessionRow> {
        self.table.find_call(call).and_then(|slot| self.table.row(slot, now))
    }

    /// Our number of a Call-ID.
    #[must_use]
    pub fn find_call(&self, call_id: &str) -> Option<CallRef> {
        self.table.find(call_id).and_then(|slot| self.table.get(slot)).map(|session| session.call)
    }

    /// A page of calls, of one account or of all.
    #[must_use]
    pub fn calls(
        &self,
        account: Option<AccountKey>,
        from: Option<u32>,
        limit: usize,
        now: Now,
    ) -> Page {
        self.table.page(account, from, limit, now)
    }

    /// Counters and sizes.
    #[must_use]
    pub fn figures(&self) -> Figures {
        Figures {
            calls: self.table.len(),
            reserved: self.table.reserved(),
            unwritten: self.table.unwritten(),
            tombstones: self.tombstones.len(),
            rights_out: self.ledger.out_of_capped(),
            registry: self.registry.counts(),
            settled: self.looks.settled(),
            deposits: self.deposits.len(),
            ..self.figures.clone()
        }
    }

    /// The bytes that calls and rights take, for measurements: (calls, rights).
    #[must_use]
    pub fn bytes(&self) -> (usize, usize) {
        (self.table.bytes(), self.rights.bytes())
    }

    fn next_call(&mut self) -> CallRef {
        self.counter = self.counter.wrapping_add(1);
        CallRef::new(self.settings.boot, self.counter)
    }
}
