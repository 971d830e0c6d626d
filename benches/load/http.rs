//! `POST /v1/route` against constants, in turns.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::daemon::{Hallporter, Process, settle};
use crate::dataset::Dataset;
use crate::figures::{list, median, percentile_ms, rate, ratio};
use crate::generator::{Client, Questions, Round, ask};
use crate::place::{HOST, Place, free_port};
use crate::{read, wait_for};

const CONNECTIONS: u32 = 32;
const ACCOUNTS: u32 = 10_000;

/// How much of it.
pub(crate) struct Plan {
    rounds: u32,
    seconds: u32,
}

impl Plan {
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        Ok(Self { rounds: read(&mut words, 5)?, seconds: read(&mut words, 4)? })
    }
}

/// What one side has shown.
#[derive(Default)]
struct Side {
    per_s: Vec<f64>,
    p50_ms: Vec<f64>,
    p99_ms: Vec<f64>,
    cpu_us: Vec<f64>,
}

impl Side {
    fn note(&mut self, round: &Round, cpu_s: f64) {
        self.per_s.push(rate(round.took_us.len(), round.time));
        self.p50_ms.push(percentile_ms(&round.took_us, 0.5));
        self.p99_ms.push(percentile_ms(&round.took_us, 0.99));
        self.cpu_us.push(cpu_s * 1e6 / f64::from(round.answered));
    }

    fn show(&self, name: &str) {
        println!(
            "{name:<12} {:>7.0} requests/s   p50 {:.2} ms   p99 {:.2} ms   {:>4.0} us of CPU a request   ({})",
            median(&self.per_s),
            median(&self.p50_ms),
            median(&self.p99_ms),
            median(&self.cpu_us),
            list(&self.per_s, 0)
        );
    }
}

/// Prints both sides and their ratio.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    let place = Place::new("http")?;
    let dir = place.path().join("hallporter");
    let data_dir = Hallporter::init(&dir)?;
    let phones = format!("{HOST}:5070");
    Dataset { accounts: ACCOUNTS, devices_each: 4, sessions: 0, phones }.write(&data_dir)?;
    let hallporter = Hallporter::start(&dir, None)?;

    let probe = Questions::new(hallporter.listen, &hallporter.route_token, ACCOUNTS, 0);
    let answer = Client::new(hallporter.listen)?.ask(&probe.question(0))?;
    if answer.status != 200 || !answer.body.starts_with(br#"{"v":1,"action":"fork""#) {
        bail!("no fork but {}", String::from_utf8_lossy(&answer.body));
    }
    println!(
        "POST /v1/route, {CONNECTIONS} connections, {} rounds of {} s each; the answer has {} bytes:\n{}",
        plan.rounds,
        plan.seconds,
        answer.body.len(),
        String::from_utf8_lossy(&answer.body)
    );
    let file = place.write("answer.json", &answer.body)?;
    let file = file.to_string_lossy().into_owned();
    let (bare, bare_at) = constant(&place, "bare", &[&file])?;
    let (doors, doors_at) = constant(&place, "doors", &[&file, &hallporter.route_token])?;

    let time = Duration::from_secs(plan.seconds.into());
    let (mut ours, mut of_doors, mut of_bare) = (Side::default(), Side::default(), Side::default());
    for series in 1..=plan.rounds {
        let same = Questions::new(hallporter.listen, &hallporter.route_token, ACCOUNTS, series);
        one(&bare, bare_at, &same, time, &mut of_bare)?;
        one(&doors, doors_at, &same, time, &mut of_doors)?;
        let asked = one(&hallporter.process, hallporter.listen, &same, time, &mut ours)?;
        same.end_all(hallporter.listen, asked)?;
        settle(&hallporter.process)?;
    }
    of_bare.show("bare axum");
    of_doors.show("same doors");
    ours.show("hallporter");
    let live = hallporter.metric("hallporter_calls").context("after the runs")?;
    println!("calls left at the end: {live} (the first one was not ended)");
    println!(
        "requests/s: {:.2} of the same doors with a constant behind them (goal: 0.80), {:.2} of bare axum with it",
        ratio(&ours.per_s, &of_doors.per_s),
        ratio(&ours.per_s, &of_bare.per_s)
    );
    Ok(())
}

/// This program again, as a server of a constant.
fn constant(place: &Place, name: &str, words: &[&str]) -> anyhow::Result<(Process, SocketAddr)> {
    let address: SocketAddr = format!("{HOST}:{}", free_port()?).parse()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["constant", &address.to_string()]).args(words);
    let process = Process::start(&command, &place.path().join(format!("{name}.log")))?;
    wait_for(
        "a constant's readiness",
        Duration::from_secs(5),
        || Ok(Client::new(address).is_ok()),
    )?;
    Ok((process, address))
}

fn one(
    process: &Process,
    address: SocketAddr,
    questions: &Questions,
    time: Duration,
    side: &mut Side,
) -> anyhow::Result<u32> {
    let before = process.cpu_s()?;
    let round = ask(address, questions, CONNECTIONS, time)?;
    side.note(&round, process.cpu_s()? - before);
    Ok(round.answered)
}
