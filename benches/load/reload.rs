//! Questions at a steady pace while the rules of every account are changed.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::daemon::{Hallporter, settle};
use crate::dataset::{self, Dataset};
use crate::figures::{list, median, percentile_ms, ratio};
use crate::generator::{Client, Questions};
use crate::place::{HOST, Place};
use crate::read;

const ACCOUNTS: u32 = 10_000;
/// Questions a second, spread over the connections.
const PACE: u32 = 1_000;
const CONNECTIONS: u32 = 8;
/// So many tell changes side by side.
const WRITERS: u32 = 4;

/// How much of it.
pub(crate) struct Plan {
    rounds: u32,
    seconds: u32,
}

impl Plan {
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        Ok(Self { rounds: read(&mut words, 3)?, seconds: read(&mut words, 5)? })
    }
}

/// Prints how long answers take before and during reloads of all accounts.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    let place = Place::new("reload")?;
    let dir = place.path().join("hallporter");
    let phones = format!("{HOST}:5070");
    let set = Dataset { accounts: ACCOUNTS, devices_each: 4, sessions: 0, phones };
    set.write(&Hallporter::init(&dir)?)?;
    let hallporter = Hallporter::start(&dir, None)?;
    let admin = std::fs::read_to_string(dir.join("admin.token"))?.trim().to_owned();

    let (mut before_ms, mut during_ms, mut took_s) = (Vec::new(), Vec::new(), Vec::new());
    println!(
        "{ACCOUNTS} accounts with five rules each; {PACE} questions a second over {CONNECTIONS} connections"
    );
    // The first time nobody has rules yet: every round starts from accounts that have some.
    change_all(&hallporter, &admin, 0)?;
    for round in 1..=plan.rounds {
        settle(&hallporter.process)?;
        let series = |half: u32| {
            Questions::new(hallporter.listen, &hallporter.route_token, ACCOUNTS, round * 2 + half)
        };
        let quiet = asked_while(&hallporter, &series(0), || {
            std::thread::sleep(Duration::from_secs(plan.seconds.into()));
            Ok(())
        })?;
        settle(&hallporter.process)?;
        let began = Instant::now();
        let busy = asked_while(&hallporter, &series(1), || change_all(&hallporter, &admin, round))?;
        took_s.push(began.elapsed().as_secs_f64());
        for (figures, took_us) in [(&mut before_ms, &quiet), (&mut during_ms, &busy)] {
            figures.push(percentile_ms(took_us, 0.99));
        }
    }
    println!("  before       p99 {:.2} ms   ({})", median(&before_ms), list(&before_ms, 2));
    println!("  during       p99 {:.2} ms   ({})", median(&during_ms), list(&during_ms, 2));
    println!("  all accounts changed after {:.1} s   ({})", median(&took_s), list(&took_s, 1));
    println!("p99 during: {:.2} of before (goal: at most 2)", ratio(&during_ms, &before_ms));
    Ok(())
}

/// Asks as long as `work` goes on, and ends the calls. The times are counted from the moment at
/// which a question was due, sorted.
fn asked_while(
    hallporter: &Hallporter,
    questions: &Questions,
    work: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<Vec<u32>> {
    let (over, next) = (AtomicBool::new(false), AtomicU32::new(0));
    let began = Instant::now();
    let mut all = std::thread::scope(|scope| {
        let mut asking = Vec::new();
        for _ in 0..CONNECTIONS {
            asking.push(scope.spawn(|| ask_in_step(hallporter, questions, &next, began, &over)));
        }
        let worked = work();
        over.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for thread in asking {
            let Ok(took) = thread.join() else { bail!("a thread that asks has panicked") };
            all.append(&mut took?);
        }
        worked.map(|()| all)
    })?;
    questions.end_all(hallporter.listen, next.load(Ordering::Relaxed))?;
    all.sort_unstable();
    Ok(all)
}

/// One connection: takes the next question, and asks it when it is due.
fn ask_in_step(
    hallporter: &Hallporter,
    questions: &Questions,
    next: &AtomicU32,
    began: Instant,
    over: &AtomicBool,
) -> anyhow::Result<Vec<u32>> {
    let mut client = Client::new(hallporter.listen)?;
    let mut took_us = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let due = began + Duration::from_secs(1) * index / PACE;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let reply = client.ask(&questions.question(index))?;
        if reply.status != 200 {
            bail!("a question was answered {}", reply.status);
        }
        took_us.push(u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    Ok(took_us)
}

/// Gives every account other rules.
fn change_all(hallporter: &Hallporter, admin: &str, version: u32) -> anyhow::Result<()> {
    std::thread::scope(|scope| {
        let mut writing = Vec::new();
        for writer in 0..WRITERS {
            writing.push(scope.spawn(move || {
                let mut client = Client::new(hallporter.listen)?;
                for account in (writer..ACCOUNTS).step_by(WRITERS as usize) {
                    let text = rules(version);
                    let request = format!(
                        "PUT /v1/accounts/{}/rules HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {admin}\r\n\
                         Content-Type: application/toml\r\nContent-Length: {}\r\n\r\n{text}",
                        dataset::name(account),
                        hallporter.listen,
                        text.len()
                    );
                    let reply = client.ask(request.as_bytes())?;
                    if reply.status != 200 {
                        bail!("rules were answered {}: {}", reply.status, String::from_utf8_lossy(&reply.body));
                    }
                }
                Ok(())
            }));
        }
        for thread in writing {
            let Ok(done) = thread.join() else { bail!("a thread that tells changes has panicked") };
            done?;
        }
        Ok(())
    })
}

/// Five rules, other ones each time.
fn rules(version: u32) -> String {
    let ring_s = 10 + version % 20;
    format!(
        r#"zone = "Europe/Berlin"

[[rule]]
name = "important people"
when.from = ["+49171123*", "+4420*"]
ring = [["phone0", "phone1"]]

[[rule]]
name = "Christmas"
when.dates = ["12-24..12-26"]
ring = ["phone3"]

[[rule]]
name = "office"
when = {{ hours = ["08:00-12:00", "13:00-18:00"], days = ["mon-fri"] }}
ring = ["phone0", {{ devices = ["phone0", "phone1"], for = "{ring_s}s" }}]

[[rule]]
name = "night"
when.hours = ["22:00-06:00"]
unless.from = ["+49*"]
ring = [{{ devices = ["phone2"], for = "{ring_s}s" }}]

[[rule]]
name = "else"
ring = ["list"]
"#
    )
}
