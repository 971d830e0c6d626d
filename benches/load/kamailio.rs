//! Calls through Kamailio, answered by hallporter and by a constant of nginx's, in turns.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::bail;

use crate::daemon::{Hallporter, settle};
use crate::dataset::Dataset;
use crate::figures::{list, median, percentile_ms, rate, ratio};
use crate::generator::{Client, Questions};
use crate::phones::{Pace, Round, call};
use crate::place::{HOST, Place, free_port, free_udp_port};
use crate::read;
use crate::rig::{Answerer, Kamailio, Nginx};

const ACCOUNTS: u32 = 10_000;
/// Calls at a time when as many as possible are made.
const AT_ONCE: u32 = 32;
const PACES: [Pace; 3] = [Pace::PerSecond(500), Pace::PerSecond(1500), Pace::AtOnce(AT_ONCE)];

/// How much of it.
pub(crate) struct Plan {
    rounds: u32,
    seconds: u32,
}

impl Plan {
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        Ok(Self { rounds: read(&mut words, 5)?, seconds: read(&mut words, 5)? })
    }
}

/// One answerer with a Kamailio of its own.
struct Side {
    name: &'static str,
    answerer: Answerer,
    kamailio: Kamailio,
    shown: [Shown; 3],
}

/// What one pace has shown, a figure for each round.
#[derive(Default)]
struct Shown {
    per_s: Vec<f64>,
    p50_ms: Vec<f64>,
    p99_ms: Vec<f64>,
    lost: usize,
    kamailio_us: Vec<f64>,
    answerer_us: Vec<f64>,
}

/// Prints both sides and their ratios.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    let place = Place::new("kamailio")?;
    let phone: SocketAddr = format!("{HOST}:{}", free_udp_port()?).parse()?;
    let mut sides = sides(&place, phone)?;
    println!(
        "calls through Kamailio, {} rounds of {} s at each pace, in turns",
        plan.rounds, plan.seconds
    );
    let mut series = 0;
    for round in 0..=plan.rounds {
        for (at, pace) in PACES.into_iter().enumerate() {
            for side in &mut sides {
                series += 1;
                // The first round only makes connections and fills caches.
                let seconds = if round == 0 { 1 } else { plan.seconds };
                one(side, at, pace, seconds, series, phone, round > 0)?;
            }
            sides.reverse();
        }
    }
    sides.sort_by_key(|side| side.name);
    for (at, pace) in PACES.into_iter().enumerate() {
        report(&sides, at, pace);
    }
    if let Answerer::Hallporter(hallporter) = &sides[0].answerer {
        println!(
            "history entries dropped: {}; calls left: {}",
            hallporter.metric("hallporter_history_dropped_total")?,
            hallporter.metric("hallporter_calls")?
        );
    }
    Ok(())
}

fn sides(place: &Place, phone: SocketAddr) -> anyhow::Result<Vec<Side>> {
    let dir = place.path().join("hallporter");
    let data_dir = Hallporter::init(&dir)?;
    // One device each: the less Kamailio has to do, the more the answer weighs.
    let set =
        Dataset { accounts: ACCOUNTS, devices_each: 1, sessions: 0, phones: phone.to_string() };
    set.write(&data_dir)?;
    let address =
        || -> anyhow::Result<SocketAddr> { Ok(format!("{HOST}:{}", free_port()?).parse()?) };
    let (rpc, other_rpc) = (address()?, address()?);
    let hallporter = Hallporter::start(&dir, Some(&format!("http://{rpc}/RPC")))?;
    let token = hallporter.route_token.clone();
    let probe = Questions::new(hallporter.listen, &token, ACCOUNTS, u32::MAX);
    let answer = Client::new(hallporter.listen)?.ask(&probe.question(0))?;
    let answer = String::from_utf8(answer.body)?;
    if !answer.starts_with(r#"{"v":1,"action":"fork""#) {
        bail!("no fork but {answer}");
    }
    probe.end_all(hallporter.listen, 1)?;
    println!("the answer has {} bytes: {answer}", answer.len());
    let nginx = Nginx::start(place, &answer)?;
    let ours = Kamailio::start(&place.path().join("k1"), hallporter.listen, &token, rpc)?;
    let theirs = Kamailio::start(&place.path().join("k2"), nginx.listen, &token, other_rpc)?;
    let side =
        |name, answerer, kamailio| Side { name, answerer, kamailio, shown: Default::default() };
    Ok(vec![
        side("hallporter", Answerer::Hallporter(hallporter), ours),
        side("nginx", Answerer::Nginx(nginx), theirs),
    ])
}

fn one(
    side: &mut Side,
    at: usize,
    pace: Pace,
    seconds: u32,
    series: u32,
    phone: SocketAddr,
    counts: bool,
) -> anyhow::Result<()> {
    let (kamailio, answerer) = (&side.kamailio.process, side.answerer.process());
    let before = (kamailio.cpu_s()?, answerer.cpu_s()?);
    let round = Round {
        pace,
        time: Duration::from_secs(seconds.into()),
        proxy: side.kamailio.sip,
        accounts: ACCOUNTS,
        series,
    };
    let outcome = call(round, phone)?;
    // What it still writes belongs to these calls, too.
    settle(answerer)?;
    let after = (kamailio.cpu_s()?, answerer.cpu_s()?);
    if outcome.forwarded_us.is_empty() {
        bail!("not one call came through {}", side.name);
    }
    if !counts {
        return Ok(());
    }
    let calls = f64::from(u32::try_from(outcome.sent)?);
    let shown = &mut side.shown[at];
    shown.per_s.push(rate(outcome.over, outcome.time));
    shown.p50_ms.push(percentile_ms(&outcome.forwarded_us, 0.5));
    shown.p99_ms.push(percentile_ms(&outcome.forwarded_us, 0.99));
    shown.lost += outcome.sent - outcome.over;
    shown.kamailio_us.push((after.0 - before.0) * 1e6 / calls);
    shown.answerer_us.push((after.1 - before.1) * 1e6 / calls);
    Ok(())
}

fn report(sides: &[Side], at: usize, pace: Pace) {
    let name = match pace {
        Pace::PerSecond(rate) => format!("{rate} calls/s"),
        Pace::AtOnce(many) => format!("as many as possible, {many} at a time"),
    };
    println!("\n{name}; INVITE to forwarded INVITE");
    for side in sides {
        let shown = &side.shown[at];
        println!(
            "  {:<10} {:>6.0} calls/s   p50 {:.2} ms   p99 {:.2} ms   lost {}   CPU a call: Kamailio {:.0} us, answerer {:.0} us",
            side.name,
            median(&shown.per_s),
            median(&shown.p50_ms),
            median(&shown.p99_ms),
            shown.lost,
            median(&shown.kamailio_us),
            median(&shown.answerer_us),
        );
        println!("             calls/s {}   p99 {}", list(&shown.per_s, 0), list(&shown.p99_ms, 2));
    }
    let [ours, theirs] = [&sides[0].shown[at], &sides[1].shown[at]];
    match pace {
        Pace::PerSecond(_) => println!(
            "  p99: {:.2} of nginx's (goal: at most 1.15)",
            ratio(&ours.p99_ms, &theirs.p99_ms)
        ),
        Pace::AtOnce(_) => println!(
            "  calls/s: {:.2} of nginx's (goal: at least 0.90)",
            ratio(&ours.per_s, &theirs.per_s)
        ),
    }
}
