//! How long one decision takes with a full house, and what calls and devices weigh.
//!
//! 200,000 accounts under 2,000 resellers, four devices in three stages each; 1,000,000 calls up.
//! Then single decisions (a new call between two accounts, each with a parent), each ended again.
//! Goals: p50 ≤ 2 µs and p99 ≤ 20 µs a decision, ≤ 200 bytes a call, ≤ 150 bytes a device.
//! Bytes are the growth of the resident set (`/proc/self/statm`), allocator's own included.
//!
//! With the word `together` the desk is one of several and holds rights: what it asks the ledger
//! comes back out of a log before the next question. A decision that such a question has a part in
//! is counted, and is no decision at once.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a measurement reads the clock, and stops at the first surprise"
)]

use std::sync::Arc;
use std::time::Instant;

use hallporter::desk::{Desk, Input, Joining, Output, Settings, Ticket};
use hallporter::domain::{
    Account, AccountKey, AccountName, CallEvent, Caps, Device, DeviceName, EventKind, Identifier,
    Now, Number, Outcome, Policy, RefusalCodes, RouteQuery, SipUri, Target,
};
use hallporter::registry::Change;

/// As the daemon has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RESELLERS: u32 = 2_000;
const ACCOUNTS: u32 = 200_000;
const CALLS: u32 = 1_000_000;
const DECISIONS: u32 = 200_000;

fn main() {
    let together = std::env::args().any(|word| word == "together");
    let mut house = House::new(together);
    let empty = resident();
    house.accounts();
    let with_accounts = resident();
    house.devices();
    let with_devices = resident();
    let devices = u64::from(ACCOUNTS) * 4;
    let one_of = if together { ", one node of several" } else { "" };
    println!("accounts {ACCOUNTS} under {RESELLERS}, devices {devices}, calls {CALLS}{one_of}");
    println!("  an account weighs {} bytes", (with_accounts - empty) / u64::from(ACCOUNTS));
    println!("  a device weighs   {} bytes (goal 150)", (with_devices - with_accounts) / devices);
    // The first call of an account makes its rights; they stay, so they are no part of a call.
    for n in 0..ACCOUNTS {
        house.call(n, n, (n + 1) % ACCOUNTS);
        house.event(EventKind::End, n);
    }
    house.write_down();
    let with_rights = resident();
    println!(
        "  its rights weigh  {} bytes an account",
        (with_rights - with_devices) / u64::from(ACCOUNTS)
    );
    for n in 0..CALLS {
        house.call(n, n % ACCOUNTS, (n * 7 + 1) % ACCOUNTS);
        house.event(EventKind::Start, n);
    }
    house.write_down();
    let with_calls = resident();
    println!(
        "  a call weighs     {} bytes (goal 200)",
        (with_calls - with_rights) / u64::from(CALLS)
    );
    println!("  the desk says     {:?} bytes for calls and rights", house.desk.bytes());
    house.decide();
}

struct House {
    desk: Desk,
    now: Now,
    stride: u32,
    together: bool,
    /// Questions to the ledger so far.
    asked: u32,
}

impl House {
    fn new(together: bool) -> Self {
        let settings = Settings { gateway: Some("10.0.0.1".into()), ..Settings::default() };
        let now = Now { mono_ms: 1_000, wall_ms: 1_700_000_000_000 };
        Self { desk: Desk::new(settings), now, stride: 1, together, asked: 0 }
    }

    fn accounts(&mut self) {
        for n in 0..RESELLERS + ACCOUNTS {
            let reseller = n < RESELLERS;
            let caps = Caps {
                max_calls: Some(if reseller { 5_000 } else { 30 }),
                max_in: (n % 3 == 0 && !reseller).then_some(30),
                max_out: None,
            };
            let account = Account {
                name: AccountName::parse(&name(n)).unwrap(),
                caps,
                parent: (!reseller).then_some(AccountKey(n % RESELLERS)),
                policy: Policy::default(),
                zone: None,
                enabled: true,
                refusal_codes: RefusalCodes::default(),
            };
            self.desk.restore_registry(Change::Account(AccountKey(n), account));
            if !reseller {
                let identifier = Identifier::parse(&number(n - RESELLERS)).unwrap();
                self.desk.restore_registry(Change::Identifier(identifier, AccountKey(n)));
            }
        }
        self.desk.restore_registry(Change::KeysGiven(RESELLERS + ACCOUNTS));
        if self.together {
            let joining = Joining { boot: 1, nonce: 1, founding: true };
            self.desk.together(joining, self.now);
            self.desk.tell_others();
        }
        self.desk.restored();
        self.desk.handle(Input::Wakeup, self.now);
        self.carry_out();
    }

    fn devices(&mut self) {
        for n in 0..ACCOUNTS {
            let uri = |what: &str| SipUri::parse(&format!("sip:{what}{n}@10.1.2.3:5060")).unwrap();
            let mobile = Number::parse(&format!("+49171{n:07}")).unwrap();
            let targets = [
                ("desk", 1, Target::Uri(uri("desk"))),
                ("soft", 1, Target::Aor(uri("soft"))),
                ("home", 2, Target::Uri(uri("home"))),
                ("mobile", 3, Target::Number(mobile)),
            ];
            for (name, stage, target) in targets {
                let name = DeviceName::parse(name).unwrap();
                let device = Device::new(name, target, stage, 15);
                self.desk.restore_registry(Change::Device(AccountKey(RESELLERS + n), device));
            }
        }
    }

    fn call(&mut self, id: u32, from: u32, to: u32) {
        let query = query(id, from, to);
        self.desk.handle(Input::Route { ticket: Ticket(0), query }, self.now);
        assert!(self.carry_out(), "no answer");
    }

    /// Does what the desk wants, the log being one that answers before anything else happens. Says
    /// whether a call was let through.
    fn carry_out(&mut self) -> bool {
        let mut answered = false;
        while let Some(output) = self.desk.poll() {
            if let Output::Answer { decision, .. } = output {
                let forked = matches!(decision.outcome, Outcome::Fork(_));
                assert!(forked, "{:?}", decision.outcome);
                answered = true;
            } else if let Output::Ask(command) = output {
                self.asked += 1;
                self.desk.handle(Input::Agreed(command), self.now);
            }
        }
        answered
    }

    fn event(&mut self, kind: EventKind, id: u32) {
        let event = event(kind, id);
        self.desk.handle(Input::Event(event), self.now);
        self.carry_out();
        self.now.mono_ms += 1;
        self.now.wall_ms += 1;
        if id.is_multiple_of(1_000) {
            self.write_down();
        }
    }

    fn write_down(&mut self) {
        while !self.desk.take_changes(10_000, self.now).is_empty() {}
        while !self.desk.take_untold(10_000, self.now).is_empty() {}
        drop(self.desk.take_ledger_rows());
    }

    /// Single decisions, each ended again, in an order that no cache can foresee.
    fn decide(&mut self) {
        let mut answers = Vec::with_capacity(DECISIONS as usize);
        let mut ends = Vec::with_capacity(DECISIONS as usize);
        let (mut waited, asked) = (0_u32, self.asked);
        for n in 0..DECISIONS {
            self.stride = self.stride.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let from = (self.stride >> 8) % ACCOUNTS;
            let to = (from + 1 + self.stride % 77_777) % ACCOUNTS;
            let query = query(CALLS + n, from, to);
            let end = event(EventKind::Failed, CALLS + n);
            let began = Instant::now();
            self.desk.handle(Input::Route { ticket: Ticket(0), query }, self.now);
            let output = self.desk.poll();
            let took = began.elapsed().as_nanos();
            if let Some(Output::Answer { decision, .. }) = output {
                assert!(matches!(decision.outcome, Outcome::Fork(_)), "{:?}", decision.outcome);
                answers.push(took);
            } else {
                let Some(Output::Ask(command)) = output else { panic!("no answer") };
                self.asked += 1;
                waited += 1;
                self.desk.handle(Input::Agreed(command), self.now);
            }
            self.carry_out();
            let began = Instant::now();
            self.desk.handle(Input::Event(end), self.now);
            ends.push(began.elapsed().as_nanos());
            self.carry_out();
            self.now.mono_ms += 1;
            if n % 1_000 == 0 {
                self.write_down();
            }
        }
        percentiles("decision (goal p50 2000, p99 20000)", &mut answers);
        percentiles("end", &mut ends);
        if self.together {
            let asked = self.asked - asked;
            println!(
                "  of {DECISIONS} decisions {waited} waited for the ledger, which was asked {asked} times"
            );
        }
    }
}

fn percentiles(what: &str, nanoseconds: &mut [u128]) {
    nanoseconds.sort_unstable();
    let at = |part: usize| nanoseconds[(nanoseconds.len() - 1) * part / 1000];
    println!(
        "  {what}: p50 {} ns, p90 {} ns, p99 {} ns, p99.9 {} ns, max {} ns",
        at(500),
        at(900),
        at(990),
        at(999),
        at(1000)
    );
}

fn query(id: u32, from: u32, to: u32) -> Box<RouteQuery> {
    Box::new(RouteQuery {
        call_id: call_id(id),
        from_tag: "8f3a91c2".into(),
        from_uri: format!("sip:{}@example.com", number(from)).into(),
        ruri: format!("sip:{}@example.com;user=phone", number(to)).into(),
        account: Some(AccountName::parse(&name(RESELLERS + from)).unwrap()),
        dialog: Some((id % 4096, id)),
        ..RouteQuery::default()
    })
}

fn event(kind: EventKind, id: u32) -> CallEvent {
    CallEvent {
        from_tag: "8f3a91c2".into(),
        dialog: Some((id % 4096, id)),
        ..CallEvent::of(kind, call_id(id))
    }
}

fn call_id(id: u32) -> Arc<str> {
    format!("{:08x}-7d2c-{id:08x}@10.0.0.7", id.wrapping_mul(2_654_435_761)).into()
}

fn name(n: u32) -> String {
    format!("customer-{n:06}")
}

fn number(n: u32) -> String {
    format!("+4930{n:07}")
}

/// The resident set in bytes; 0 where the machine can't say.
fn resident() -> u64 {
    const PAGE_BYTES: u64 = 4096;
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * PAGE_BYTES
}
