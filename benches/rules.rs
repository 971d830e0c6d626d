//! What an account's rules weigh, and how long they take to be asked.
//!
//! 200,000 accounts with five rules each, no two texts alike (goal: at most 1 KB an account); then
//! an account with 200 rules and 50 devices, where the last rule matches (goal: p99 at most 20 µs
//! an order); then how long a text takes to be read. Bytes are the growth of the resident set
//! (`/proc/self/statm`), allocator's own included.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a measurement reads the clock, and stops at the first surprise"
)]

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use hallporter::domain::{
    Communication, Device, DeviceName, DeviceStates, Few, History, Identifier, Numbering,
    Registrations, Rules, SipUri, Target, Zone,
};
use hallporter::routing::{Caller, Followed, Forwarded, Limits, List, Question, follow};
use hallporter::rules::RuleFile;

/// As the daemon has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ACCOUNTS: u32 = 200_000;
const ORDERS: u32 = 100_000;

fn main() {
    weigh();
    let text = two_hundred();
    let file = RuleFile::read(&text).unwrap();
    ask("200 rules, 50 devices, the last matches (goal p99 20000)", file.rules());
    let five = RuleFile::read(&five(7)).unwrap();
    ask("5 rules", five.rules());
    read("200 rules", &text);
    read("5 rules", &self::five(7));
}

/// What people have: hours, a night over midnight, holidays, somebody important, the rest.
fn five(n: u32) -> String {
    format!(
        "zone = \"Europe/Berlin\"\n\
         [holidays]\npublic = [\"12-25..12-26\", \"01-01\", \"2026-04-0{}..2026-04-09\"]\n\
         [[rule]]\nname = \"important\"\nwhen.from = [\"+49171{n:07}\", \"+4930{n:05}*\"]\nring = [[\"desk\", \"mobile\"]]\n\
         [[rule]]\nname = \"closed\"\nwhen.holidays = [\"public\"]\nmailbox = true\n\
         [[rule]]\nname = \"office\"\nwhen = {{ hours = [\"08:{:02}-12:00\", \"13:00-18:00\"], days = \"mon-fri\" }}\nring = [\"desk\", \"soft\", \"mobile\"]\n\
         [[rule]]\nname = \"night\"\nwhen.hours = [\"22:00-06:{:02}\"]\nmailbox = true\n\
         [[rule]]\nname = \"else\"\nring = [{{ devices = [\"mobile\", \"home\"], for = \"25s\" }}]\n",
        n % 9 + 1,
        n % 60,
        n / 60 % 60
    )
}

fn weigh() {
    let before = resident();
    let mut kept: Vec<Arc<Rules>> = Vec::with_capacity(ACCOUNTS as usize);
    for n in 0..ACCOUNTS {
        // The text is on the disk alone.
        kept.push(Arc::clone(RuleFile::read(&five(n)).unwrap().rules()));
    }
    let bytes = (resident() - before) / u64::from(ACCOUNTS);
    println!("accounts {ACCOUNTS}, five rules each");
    println!("  an account's rules weigh {bytes} bytes (goal 1024)");
    assert_eq!(kept.len(), ACCOUNTS as usize);
}

fn two_hundred() -> String {
    let mut text = String::new();
    for n in 0..199_u32 {
        let _ = match n % 5 {
            0 => writeln!(
                text,
                "[[rule]]\nwhen = {{ hours = \"{:02}:00-{:02}:30\", days = \"sat-sun\" }}\nring = [\"d{}\"]",
                n % 23,
                n % 23,
                n % 50
            ),
            1 => writeln!(
                text,
                "[[rule]]\nwhen.from = [\"+1555{n:04}\", \"+44{n}*\", \"*@host{n}.example\"]\nring = [\"d{}\"]",
                n % 50
            ),
            2 => writeln!(
                text,
                "[[rule]]\nwhen.dates = [\"2025-01-{:02}\", \"02-{:02}\"]\nring = [\"d{}\"]",
                n % 28 + 1,
                n % 28 + 1,
                n % 50
            ),
            3 => writeln!(
                text,
                "[[rule]]\nwhen = {{ busy = {}, kind = \"call\" }}\nring = [\"d{}\"]",
                n + 1,
                n % 50
            ),
            _ => writeln!(
                text,
                "[[rule]]\nunless.registered = [\"d{}\", \"d{}\"]\nring = [\"d{}\"]",
                n % 50,
                (n + 7) % 50,
                n % 50
            ),
        };
    }
    text.push_str("[[rule]]\nring = [[\"d1\", \"d2\", \"d3\"], \"d49\", { devices = [\"d20\", \"d30\"], order = \"serial\" }]\n");
    text
}

fn ask(what: &str, rules: &Rules) {
    let devices: Vec<Device> = (0..50_u8)
        .map(|n| {
            let target = Target::Aor(SipUri::parse(&format!("sip:d{n}@example.com")).unwrap());
            Device::new(DeviceName::parse(&format!("d{n}")).unwrap(), target, n / 5 + 1, 15)
        })
        .collect();
    let (zone, numbering) = (Zone::parse("Europe/Berlin").unwrap(), Numbering::default());
    let registrations = Registrations::new();
    let dialled = Identifier::parse("+493012345").unwrap();
    let headers: Arc<str> = "X-Hallporter-Trail: 7\r\n".into();
    let list = List {
        wait_s: None,
        by_switch: false,
        confirms: true,
        devices: &devices,
        registrations: &registrations,
        states: &DeviceStates::new(),
        gateway: Some("10.0.0.1"),
        headers: &headers,
        limits: Limits { branches_max: 24, stage_branches_max: 10 },
    };
    let mut took = Vec::with_capacity(ORDERS as usize);
    for n in 0..ORDERS {
        let question = Question {
            // Some other minute of some other day each time.
            at_ms: 1_770_000_000_000 + i64::from(n) * 977_000,
            zone: &zone,
            kind: Communication::Call,
            from: Caller::of("sip:+4917199999999@example.com", &numbering, None),
            forwarded: Forwarded { dialled: Some(&dialled), history: &History::None },
            calls: 0,
            wishes: Few::default(),
        };
        let began = Instant::now();
        let mut steps = Vec::with_capacity(12);
        let followed = follow(rules, &question, &list, |_| false, &mut steps);
        took.push(began.elapsed().as_nanos());
        assert!(matches!(followed, Followed::Order { .. }));
    }
    percentiles(what, &mut took);
}

fn read(what: &str, text: &str) {
    let mut took = Vec::with_capacity(1_000);
    for _ in 0..1_000 {
        let began = Instant::now();
        let file = RuleFile::read(text);
        took.push(began.elapsed().as_nanos());
        assert!(file.is_ok());
    }
    percentiles(&format!("reading the text of {what}"), &mut took);
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

/// The resident set in bytes; 0 where the machine can't say.
fn resident() -> u64 {
    const PAGE_BYTES: u64 = 4096;
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * PAGE_BYTES
}
