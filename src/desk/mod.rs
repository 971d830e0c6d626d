//! The decisions meet: one desk, one way in for what happens, one way out for effects.
//!
//! Nothing here reads a clock, opens a socket or waits; the same inputs give the same outputs.

mod alone;
mod asking;
mod confirm;
mod consider;
mod deposits;
mod devices;
mod elsewhere;
mod explain;
mod figures;
mod grace;
mod greeting;
mod input;
mod lamps;
mod leaving;
mod lifecycle;
mod meetings;
mod motion;
mod named;
mod output;
mod push;
mod queue;
mod rights;
mod route;
mod rules;
mod self_care;
mod settings;
mod standing;
mod star;
mod tell;
mod together;
mod trail;
mod trial;
mod vouching;
mod waiting;

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
pub use meetings::Called;
pub use motion::{Motion, Verdict};
pub use output::{Ended, Output};
pub use settings::{Settings, SwitchPlace, TogetherSettings};
pub use standing::{Exposure, Reserved};
pub use tell::{Happening, Tidings};
pub use together::Joining;
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
    /// Calls that ring, and that a proxy's list has shown before anybody asked about them.
    undecided: BTreeSet<Slot>,
    /// Accounts that made an emergency call, and until when (milliseconds, monotonic).
    grace: BTreeMap<AccountKey, u64>,
    deposits: Deposits,
    devices: devices::Devices,
    /// Calls that will meet a deposit, by Call-ID, from their announcement to their question.
    meetings: BTreeMap<Arc<str>, meetings::Meeting>,
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
    /// Among others; `None`: alone.
    together: Option<Box<together::Together>>,
    /// Rights that the question lacks that is being considered, to be asked for.
    missing: Vec<(PoolId, u32)>,
    stance: waiting::Stance,
    /// The monotonic clock at the input that is being taken in.
    now_ms: u64,
}

/// One question about a call, and its answer.
#[derive(Clone, Debug)]
struct Leg {
    /// How many accounts the call had passed: a call that comes back to the same address has
    /// passed more of them.
    passed: usize,
    asked: route::Asked,
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
        let mut ledger = Ledger::forgetful();
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
            undecided: BTreeSet::new(),
            grace: BTreeMap::new(),
            deposits: Deposits::new(messages::Settings { node, boot, ..settings.messages.clone() }),
            devices: devices::Devices::default(),
            meetings: BTreeMap::new(),
            kept: BTreeMap::new(),
            switches_up: BTreeSet::new(),
            told: VecDeque::new(),
            pushes: BTreeMap::new(),
            counter: 0,
            figures: Figures::default(),
            outputs: VecDeque::new(),
            together: None,
            missing: Vec::new(),
            stance: waiting::Stance::default(),
            now_ms: 0,
            settings,
        }
    }

    /// Takes in a row of the registry as the store has it, at a start.
    pub fn restore_registry(&mut self, change: Change) {
        self.follow(&change);
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
            self.restore_grace(row, now);
        }
    }

    /// The start is complete. What strict accounts have left is frozen until the proxies were
    /// asked, because calls of the last milliseconds may be missing from the store.
    pub fn restored(&mut self) {
        if self.together.is_none() && !self.looks.settled() {
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
        self.now_ms = now.mono_ms;
        self.take_in(input, now);
        if self.together.is_some() {
            self.go_through_waiting(now);
            self.ask_next(now);
        }
    }

    fn take_in(&mut self, input: Input, now: Now) {
        match input {
            Input::Route { ticket, query } => self.route(ticket, query, now),
            Input::Event(event) => self.event(&event, now),
            Input::Committed { ticket, index, command } => {
                let result = self.registry.apply(index, &command).map(|changes| {
                    changes.iter().for_each(|change| self.follow(change));
                });
                self.outputs.push_back(Output::Applied { ticket, result });
            }
            Input::LookBegin { proxy, restarted } => self.look_begin(proxy, restarted, now),
            Input::LookSeen { proxy, dialogs } => {
                dialogs.iter().for_each(|dialog| self.look_seen(proxy, dialog, now));
            }
            Input::LookEnd { proxy } => self.look_end(proxy, now),
            Input::LookFailed { proxy } => self.look_failed(proxy),
            Input::Elsewhere { call_id, node, seen } => self.elsewhere(&call_id, node, seen),
            Input::Seen { node, anew, rows } => self.seen_elsewhere(node, anew, rows),
            Input::Release { ticket, call } => self.release(ticket, call, now),
            Input::CallBack { query, asked_at } => self.call_back(&query, asked_at, now),
            Input::HandOver { query, deposit, to } => self.hand_over(&query, deposit, to),
            Input::Met { query, node, met } => {
                let sane = self.met(&query, node, met);
                self.outputs.push_back(Output::Known(sane));
            }
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
            Input::Agreed(command) => self.agreed(&command, now),
            Input::AskFailed(command) => self.ask_failed(&command, now),
            Input::Recalled { pool, beneficiary, want } => self.recalled(pool, beneficiary, want),
            Input::NodeUp(node) => self.node_up(node),
            Input::NodeDown(node) => self.node_down(node, now),
            Input::Leading(leading) => self.leading(leading),
            Input::Leaving => self.give_back_spare(),
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
        let rights = self.together_wakeup();
        let own = self.table.next_expiry_ms();
        sweep.into_iter().chain(own).chain(deposits).chain(rights).min()
    }

    /// Up to `max` rows to be written down; each is given once.
    pub fn take_changes(&mut self, max: usize, now: Now) -> Vec<RowChange> {
        self.table.take_changes(max, now)
    }

    /// There are other nodes from now on: all calls are to be told (see [`Desk::take_untold`] and
    /// [`Desk::take_untold_seen`]).
    pub fn tell_others(&mut self) {
        self.table.tell_others();
        self.tell_seen();
    }

    /// Up to `max` rows that other nodes were not told yet; each is given once.
    pub fn take_untold(&mut self, max: usize, now: Now) -> Vec<RowChange> {
        self.table.take_untold(max, now)
    }

    /// How many rows other nodes were not told yet.
    #[must_use]
    pub fn untold(&self) -> usize {
        self.table.untold() + self.devices.untold.len()
    }

    /// How many rows wait to be written down.
    #[must_use]
    pub fn unwritten(&self) -> usize {
        self.table.unwritten()
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
            registry: self.registry.counts(),
            settled: self.looks.settled() && (self.together.is_none() || self.rights.is_settled()),
            deposits: self.deposits.len(),
            ..self.figures.clone()
        }
    }

    fn next_call(&mut self) -> CallRef {
        self.counter = self.counter.wrapping_add(1);
        CallRef::new(self.settings.node, self.settings.boot, self.counter)
    }
}
