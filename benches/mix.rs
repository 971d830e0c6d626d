//! How many calls five nodes decide without asking each other, and how long the others wait, in
//! virtual time: real desks under one log, over ways with delays that are modelled.
//!
//! The residential mix: 200,000 accounts with caps of 1 to 10, each carrying three tenths of its
//! cap, calls of 180 s in the middle, 3 % of them at another node than the account's own. Goals:
//! 94 % decided locally; of those that wait, 99 % within 150 ms at 24 ms one way.
//!
//! `HALLPORTER_SEED=N` throws other dice.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    missing_docs,
    reason = "a measurement stops at the first surprise"
)]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use hallporter::desk::{Desk, Input, Joining, Output, Settings, Ticket};
use hallporter::domain::{
    AccountName, CallEvent, Caps, EventKind, LedgerCommand, NodeId, Now, Outcome, Policy, PoolId,
    RefusalCodes, RouteQuery,
};
use hallporter::registry::{AccountSpec, Command};

#[path = "../tests/rights/dice.rs"]
mod dice;

use dice::Dice;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NODES: usize = 5;
const ACCOUNTS: usize = 200_000;
const HOLD_MS: f64 = 180_000.0;
/// Of the cap: so that some 1.6 % find it reached.
const LOAD: f64 = 0.3;
const ROAMING_PERCENT: usize = 3;
const COMMIT_MS: usize = 25;
/// Of ten thousand messages.
const LOST: usize = 20;
const WARM_MS: u64 = 400_000;
const MEASURED_MS: u64 = 300_000;

enum Due {
    Call,
    End { node: usize, call: u32 },
    Put { command: LedgerCommand },
    Failed { node: usize, command: LedgerCommand },
    Apply { node: usize, command: LedgerCommand },
    Recall { to: usize, pool: PoolId, beneficiary: NodeId, want: u32 },
    Wake { node: usize, at_ms: u64 },
}

#[derive(Default)]
struct Counted {
    calls: u64,
    local: u64,
    refused: u64,
    refused_falsely: u64,
    overdraft: u64,
    asked: u64,
    waited_ms: Vec<u64>,
    most_over: u32,
}

struct World {
    dice: Dice,
    now_ms: u64,
    due: BinaryHeap<Reverse<(u64, u64)>>,
    what: BTreeMap<u64, Due>,
    given: u64,
    desks: Vec<Desk>,
    woken_at_ms: Vec<u64>,
    ways_ms: [[usize; NODES]; NODES],
    up: Vec<u8>,
    /// Which account, at which node, and when it was asked.
    asked: BTreeMap<u32, (usize, usize, u64)>,
    live: BTreeMap<u32, usize>,
    calls: u32,
    counted: Counted,
}

fn name(account: usize) -> AccountName {
    AccountName::parse(&format!("a{account}")).unwrap()
}

fn cap(account: usize) -> u32 {
    u32::try_from(account % 10).unwrap() + 1
}

fn id(node: usize) -> NodeId {
    NodeId(u16::try_from(node + 1).unwrap())
}

fn place(node: NodeId) -> usize {
    usize::from(node.0) - 1
}

fn call_id(call: u32) -> std::sync::Arc<str> {
    format!("call-{call}@mix").into()
}

impl World {
    fn new(seed: u64, way_ms: std::ops::RangeInclusive<usize>, policy: Policy) -> Self {
        let mut dice = Dice::new(seed);
        let mut ways_ms = [[0; NODES]; NODES];
        for (one, other) in (0..NODES).flat_map(|one| (0..one).map(move |other| (one, other))) {
            let way = way_ms.start() + dice.below(way_ms.end() - way_ms.start() + 1);
            (ways_ms[one][other], ways_ms[other][one]) = (way, way);
        }
        let mut world = Self {
            dice,
            now_ms: 1_000,
            due: BinaryHeap::new(),
            what: BTreeMap::new(),
            given: 0,
            desks: (0..NODES).map(|node| desk(node, policy)).collect(),
            woken_at_ms: vec![u64::MAX; NODES],
            ways_ms,
            up: vec![0; ACCOUNTS],
            asked: BTreeMap::new(),
            live: BTreeMap::new(),
            calls: 0,
            counted: Counted::default(),
        };
        for node in 0..NODES {
            let others = (0..NODES).filter(|other| *other != node);
            others.for_each(|other| world.handle(node, Input::NodeUp(id(other))));
        }
        world.later(1_000, Due::Call);
        world
    }

    fn now(&self) -> Now {
        let wall_ms = 1_700_000_000_000 + i64::try_from(self.now_ms).unwrap();
        Now { mono_ms: self.now_ms, wall_ms }
    }

    fn later(&mut self, in_ms: usize, due: Due) {
        self.given += 1;
        self.due.push(Reverse((self.now_ms + in_ms as u64, self.given)));
        self.what.insert(self.given, due);
    }

    fn run(&mut self, for_ms: u64) {
        let until_ms = self.now_ms + for_ms;
        while let Some(Reverse((at_ms, number))) = self.due.pop() {
            if at_ms > until_ms {
                self.due.push(Reverse((at_ms, number)));
                break;
            }
            self.now_ms = at_ms;
            if let Some(due) = self.what.remove(&number) {
                self.happen(due);
            }
        }
        self.now_ms = until_ms;
    }

    fn lost(&mut self) -> bool {
        self.dice.below(10_000) < LOST
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        let share = (self.dice.below(1 << 30) + 1) as f64 / f64::from(1 << 30);
        -share.ln() * mean
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Call => self.call(),
            Due::End { node, call } => {
                if let Some(account) = self.live.remove(&call) {
                    self.up[account] -= 1;
                }
                self.event(node, call, EventKind::End);
            }
            // The first node leads the log.
            Due::Put { command } => {
                for node in 0..NODES {
                    let in_ms = COMMIT_MS + self.ways_ms[0][node];
                    self.later(in_ms, Due::Apply { node, command: command.clone() });
                }
            }
            Due::Failed { node, command } => self.handle(node, Input::AskFailed(command)),
            Due::Apply { node, command } => self.handle(node, Input::Agreed(command)),
            Due::Recall { to, pool, beneficiary, want } => {
                self.handle(to, Input::Recalled { pool, beneficiary, want });
            }
            // There was reason to wake earlier, and it was done.
            Due::Wake { node, at_ms } if at_ms != self.woken_at_ms[node] => {}
            Due::Wake { node, .. } => {
                self.woken_at_ms[node] = u64::MAX;
                self.handle(node, Input::Wakeup);
            }
        }
    }

    fn call(&mut self) {
        // Every account calls in proportion to its cap: a draw by cap, of caps of 1 to 10.
        let cap_drawn = loop {
            let cap = self.dice.below(10);
            if self.dice.below(10) <= cap {
                break cap;
            }
        };
        let account = self.dice.below(ACCOUNTS / 10) * 10 + cap_drawn;
        let home = account / 10 % NODES;
        let roams = self.dice.chance(ROAMING_PERCENT);
        let node = if roams { self.dice.below(NODES) } else { home };
        self.calls += 1;
        let call = self.calls;
        self.asked.insert(call, (account, node, self.now_ms));
        self.counted.calls += 1;
        let query = Box::new(RouteQuery {
            call_id: call_id(call),
            from_tag: "t".into(),
            from_uri: "sip:x@h".into(),
            ruri: "sip:+4411@h".into(),
            account: Some(name(account)),
            dialog: Some((1, call)),
            ..RouteQuery::default()
        });
        self.handle(node, Input::Route { ticket: Ticket(u64::from(call)), query });
        let erlangs = LOAD * 5.5 * ACCOUNTS as f64;
        // Several begin within one millisecond: the rest of a gap is carried by chance.
        let gap_ms = self.exponential(HOLD_MS / erlangs);
        let whole = gap_ms as usize;
        let rest =
            usize::from(self.dice.below(1_000) < ((gap_ms - gap_ms.floor()) * 1000.0) as usize);
        self.later(whole + rest, Due::Call);
    }

    fn event(&mut self, node: usize, call: u32, kind: EventKind) {
        let event = CallEvent {
            from_tag: "t".into(),
            dialog: Some((1, call)),
            ..CallEvent::of(kind, call_id(call))
        };
        self.handle(node, Input::Event(event));
    }

    fn handle(&mut self, node: usize, input: Input) {
        let now = self.now();
        self.desks[node].handle(input, now);
        while let Some(output) = self.desks[node].poll() {
            self.carry_out(node, output);
        }
        let _ = self.desks[node].take_changes(100, now);
        let soon = self.now_ms + 1_000;
        if let Some(at_ms) = self.desks[node].wakeup().filter(|at_ms| *at_ms < soon)
            && at_ms < self.woken_at_ms[node]
        {
            self.woken_at_ms[node] = at_ms;
            let in_ms = usize::try_from(at_ms.saturating_sub(self.now_ms)).unwrap().max(1);
            self.later(in_ms, Due::Wake { node, at_ms });
        }
    }

    fn carry_out(&mut self, node: usize, output: Output) {
        match output {
            Output::Answer { ticket, decision, .. } => {
                let call = u32::try_from(ticket.0).unwrap();
                let Some((account, _, since_ms)) = self.asked.remove(&call) else { return };
                self.answered(node, call, account, since_ms, &decision.outcome);
            }
            Output::Ask(command) => {
                self.counted.asked += 1;
                if self.lost() {
                    return self.later(300, Due::Failed { node, command });
                }
                let in_ms = self.ways_ms[node][0];
                self.later(in_ms, Due::Put { command });
            }
            Output::Recall { to, pool, beneficiary, want } if !self.lost() => {
                let to = place(to);
                let in_ms = self.ways_ms[node][to];
                self.later(in_ms, Due::Recall { to, pool, beneficiary, want });
            }
            _ => {}
        }
    }

    fn answered(&mut self, node: usize, call: u32, account: usize, since: u64, outcome: &Outcome) {
        let up = u32::from(self.up[account]);
        if since == self.now_ms {
            self.counted.local += 1;
        } else {
            self.counted.waited_ms.push(self.now_ms - since);
        }
        if let Outcome::Refuse(_) = outcome {
            self.counted.refused += 1;
            self.counted.refused_falsely += u64::from(up < cap(account));
            return;
        }
        self.counted.overdraft += u64::from(up >= cap(account));
        self.counted.most_over = self.counted.most_over.max((up + 1).saturating_sub(cap(account)));
        self.up[account] += 1;
        self.live.insert(call, account);
        self.event(node, call, EventKind::Start);
        let hold_ms = self.exponential(HOLD_MS) as usize;
        self.later(hold_ms.max(1), Due::End { node, call });
    }
}

fn desk(node: usize, policy: Policy) -> Desk {
    let mut desk = Desk::new(Settings { node: id(node), seed: 7, ..Settings::default() });
    let now = Now { mono_ms: 0, wall_ms: 1_700_000_000_000 };
    for account in 0..ACCOUNTS {
        let command = Command::AccountAdd(AccountSpec {
            name: name(account),
            caps: Caps { max_calls: Some(cap(account)), ..Caps::default() },
            parent: None,
            policy,
            zone: None,
            enabled: true,
            refusal_codes: RefusalCodes::default(),
        });
        let index = account as u64 + 1;
        desk.handle(Input::Committed { ticket: Ticket(0), index, command }, now);
        while desk.poll().is_some() {}
    }
    desk.together(Joining { boot: 1, nonce: node as u64 + 1, founding: false }, now);
    desk
}

fn measure(seed: u64, way_ms: std::ops::RangeInclusive<usize>, policy: Policy) {
    let ways = format!("{} to {} ms one way", way_ms.start(), way_ms.end());
    let mut world = World::new(seed, way_ms, policy);
    world.run(WARM_MS);
    world.counted = Counted::default();
    world.run(MEASURED_MS);
    let mut counted = world.counted;
    counted.waited_ms.sort_unstable();
    let at = |of: usize| counted.waited_ms.get(counted.waited_ms.len() * of / 100).copied();
    let share = |count: u64| 100.0 * count as f64 / counted.calls as f64;
    println!(
        "{ways}, {policy:?}: {} calls, {:.2} % decided locally, {:.2} % waited",
        counted.calls,
        share(counted.local),
        share(counted.waited_ms.len() as u64),
    );
    println!(
        "  waited p50 {:?} ms, p99 {:?} ms; refused {:.2} %, of these falsely {:.3} %; \
         above the cap {:.3} %, by at most {}; {:.2} questions to the ledger a call",
        at(50).unwrap_or_default(),
        at(99).unwrap_or_default(),
        share(counted.refused),
        share(counted.refused_falsely),
        share(counted.overdraft),
        counted.most_over,
        counted.asked as f64 / counted.calls as f64,
    );
}

fn main() {
    let seed =
        std::env::var("HALLPORTER_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("seed {seed}: {NODES} nodes, {ACCOUNTS} accounts, a commit takes {COMMIT_MS} ms");
    measure(seed, 12..=24, Policy::Available);
    measure(seed, 24..=24, Policy::Available);
    measure(seed, 24..=24, Policy::Strict);
}
