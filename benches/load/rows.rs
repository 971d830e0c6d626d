//! The table of calls over several nodes: when a change is in every copy, what it costs, whether all
//! of them arrive, and how long a newcomer takes. The nodes are daemons as they are shipped.

use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::dataset::Dataset;
use crate::field::{Field, hindrance};
use crate::figures::percentile_ms;
use crate::nodes::{Node, all_same, found, in_regions, on_loopback};
use crate::place::Place;
use crate::probe::{Seen, watch};
use crate::read;
use crate::site::Site;
use crate::traffic::{Carried, Pace, carry};

const NAMES: [&str; 3] = ["north", "south", "west"];
const ACCOUNTS: u32 = 1_000;
/// Calls a second while changes are looked for.
const CALLS: u32 = 1_000;
/// Calls a second while they are counted.
const MANY: u32 = 10_000;
/// Calls that are up at each node meanwhile.
const SESSIONS: u32 = 100_000;
/// One way between two regions, in the second part.
const DELAY_MS: u64 = 20;
const UP: Duration = Duration::from_secs(2);
/// Nodes tell each other every second how far they are; so long until it is what they are told of
/// what is over now.
const MARKS: Duration = Duration::from_millis(2_500);
const SAME_WITHIN: Duration = Duration::from_secs(60);
/// A change and node may take so much processor time, without TLS, and a newcomer so long.
const GOAL_CPU_US: f64 = 3.0;
const GOAL_NEWCOMER_S: f64 = 1.5;

/// How much of it.
pub(crate) struct Plan {
    time: Duration,
}

impl Plan {
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        Ok(Self { time: Duration::from_secs(read(&mut words, 20)?.into()) })
    }
}

/// Prints all of it.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    println!(
        "three nodes, a process each; until a change of a call is seen at both others (goal: p50 6 ms, p99 15 ms and one way)"
    );
    let place = Place::new("rows")?;
    seen(plan, "loopback", on_loopback(&place, &NAMES), 0)?;
    match hindrance() {
        Some(hindrance) => println!("left out, regions: {hindrance}"),
        None => {
            let field = Field::of_test("rows", &NAMES)?;
            field.relay.delay(Duration::from_millis(DELAY_MS));
            let what = format!("{DELAY_MS} ms one way");
            seen(plan, &what, in_regions(&place, field.regions()), DELAY_MS)?;
        }
    }
    drop(place);
    many(plan)
}

/// Files of daemons, the first with accounts.
fn prepare(sites: &[Site]) -> anyhow::Result<Dataset> {
    let phones = format!("{}:5070", crate::place::HOST);
    let set = Dataset { accounts: ACCOUNTS, devices_each: 2, sessions: 0, phones };
    for site in sites {
        site.prepare_daemon(&[])?;
    }
    set.write(&sites.first().context("no site")?.data())?;
    Ok(set)
}

fn seen(plan: &Plan, what: &str, sites: Vec<Site>, delay_ms: u64) -> anyhow::Result<()> {
    prepare(&sites)?;
    let nodes = found(sites)?;
    all_same(&nodes, SAME_WITHIN)?;
    for (series, homes) in (1..).zip([1, nodes.len()]) {
        let chosen: Vec<&Node> = nodes.iter().take(homes).collect();
        // Rights are asked for before it counts.
        let pace = Pace { per_s: CALLS, time: Duration::from_secs(3), up: UP };
        carry(&chosen, ACCOUNTS, series * 2, pace)?;
        let pace = Pace { time: plan.time, ..pace };
        let (carried, seen) = std::thread::scope(|scope| {
            let calls = scope.spawn(|| carry(&chosen, ACCOUNTS, series * 2 + 1, pace));
            let seen = watch(&nodes, homes, ACCOUNTS, series, plan.time);
            let carried = calls.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            anyhow::Ok((carried?, seen?))
        })?;
        let at = if homes == 1 { "one" } else { "all" };
        show_seen(&format!("{what}, calls at {at}"), &carried, &seen, delay_ms);
    }
    std::thread::sleep(MARKS);
    all_same(&nodes, SAME_WITHIN).context("after the calls")?;
    Ok(())
}

fn show_seen(what: &str, carried: &Carried, seen: &Seen, delay_ms: u64) {
    let ms = |of: &[u32], share| percentile_ms(of, share);
    println!(
        "  {what:<28} {:.0} calls/s, {} refused; {} changes seen everywhere after p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms (goal p99 {}); answered after p50 {:.1} ms, p99 {:.1} ms",
        per_s(carried),
        carried.refused,
        seen.everywhere_us.len(),
        ms(&seen.everywhere_us, 0.5),
        ms(&seen.everywhere_us, 0.99),
        ms(&seen.everywhere_us, 1.0),
        15 + delay_ms,
        ms(&seen.answered_us, 0.5),
        ms(&seen.answered_us, 0.99),
    );
}

fn per_s(carried: &Carried) -> f64 {
    f64::from(carried.calls) / carried.time.as_secs_f64()
}

/// Three changes for each call: it is admitted, answered, over.
const CHANGES: f64 = 3.0;

/// Many calls beside many that are up: all are told, and what that costs.
fn many(plan: &Plan) -> anyhow::Result<()> {
    println!(
        "\n{MANY} calls/s at one of three nodes, {SESSIONS} calls up at each; {CHANGES} changes a call"
    );
    let place = Place::new("rows-many")?;
    let sites = on_loopback(&place, &["north", "south", "west", "newcomer"]);
    let set = Dataset { sessions: SESSIONS, ..prepare(&sites)? };
    let [first, .., last] = &sites[..] else { bail!("no sites") };
    set.write_calls_of(hallporter::domain::NodeId(1), &first.data())?;
    let mut alone = Node { site: first.clone(), process: None };
    alone.start(None)?;
    let pace = Pace { per_s: MANY, time: plan.time, up: UP };
    let (single, cost) = costs(std::slice::from_ref(&alone), &set, 1, pace)?;
    let alone_us = cost[0] / f64::from(single.calls) / CHANGES;
    println!(
        "  a node alone         {:.0} calls/s; {alone_us:.2} us of CPU a change",
        per_s(&single)
    );
    alone.stop();
    let mut nodes = found(sites[..3].to_vec())?;
    for node in &mut nodes[1..] {
        let number = node.number()?;
        node.stop();
        set.write_calls_of(number, &node.site.data())?;
        node.start(None)?;
    }
    all_same(&nodes, SAME_WITHIN)?;
    count(&nodes, SESSIONS)?;
    let (carried, cost) = costs(&nodes, &set, 2, pace)?;
    std::thread::sleep(MARKS);
    let after = all_same(&nodes, SAME_WITHIN)?;
    let rows = count(&nodes, SESSIONS)?;
    let changes = f64::from(carried.calls) * CHANGES;
    let each: Vec<f64> = cost.iter().map(|cpu_us| cpu_us / changes).collect();
    let told = each[0] - alone_us;
    let heard = (each[1] + each[2]) / 2.0;
    println!(
        "  three of one cluster {:.0} calls/s, {} refused; CPU a change: {:.2} us where it happens ({told:.2} of it for telling), {:.2} and {:.2} us where it is heard",
        per_s(&carried),
        carried.refused,
        each[0],
        each[1],
        each[2],
    );
    println!(
        "  a change and node: {:.2} us of CPU, QUIC with TLS and writing down in SQLite included (goal {GOAL_CPU_US} us without TLS; what TLS takes of it: cargo bench --bench peers)",
        (told + 2.0 * heard) / 3.0
    );
    println!(
        "  delivered: digests and numbers are the same at all nodes {:.1} s after the last call; {rows} rows of others counted at each",
        (MARKS + after).as_secs_f64()
    );
    let refused: f64 = nodes
        .iter()
        .map(|node| node.metric("hallporter_frames_refused_total"))
        .sum::<Result<_, _>>()?;
    println!("  frames that a full queue sent back: {refused:.0}");
    let shown = crate::newcomer::comes(&nodes, last.clone())?;
    println!("  a newcomer: {shown} (goal {GOAL_NEWCOMER_S} s)");
    Ok(())
}

/// Carries calls at the first node; gives the processor time of each node, in microseconds, less
/// what it takes without any calls.
fn costs(
    nodes: &[Node],
    set: &Dataset,
    series: u32,
    pace: Pace,
) -> anyhow::Result<(Carried, Vec<f64>)> {
    let cpu = || nodes.iter().map(Node::cpu_s).collect::<anyhow::Result<Vec<f64>>>();
    let first = nodes.first().context("no node")?;
    // Rights are asked for before it counts.
    carry(&[first], set.accounts, 100 + series, Pace { per_s: 1_000, time: UP, ..pace })?;
    for node in nodes {
        crate::daemon::settle(node.process.as_ref().context("it does not run")?)?;
    }
    let (resting, time) = (cpu()?, Duration::from_secs(3));
    std::thread::sleep(time);
    let before = cpu()?;
    let began = std::time::Instant::now();
    let carried = carry(&[first], set.accounts, series, pace)?;
    for node in nodes {
        crate::daemon::settle(node.process.as_ref().context("it does not run")?)?;
    }
    let took = began.elapsed();
    let after = cpu()?;
    let costs = after.iter().zip(before.iter().zip(&resting)).map(|(after, (before, resting))| {
        let at_rest = (before - resting) * took.as_secs_f64() / time.as_secs_f64();
        (after - before - at_rest) * 1e6
    });
    Ok((carried, costs.collect()))
}

/// Counts the calls of each node at every other one, row by row; gives how many each has of others.
fn count(nodes: &[Node], each: u32) -> anyhow::Result<usize> {
    let mut all = 0;
    for node in nodes {
        for other in nodes.iter().filter(|other| other.site.name != node.site.name) {
            let (mut found, mut after) = (0, String::new());
            loop {
                let page =
                    node.json(&format!("/v1/calls?node={}&limit=1000{after}", other.site.name))?;
                found += page["items"].as_array().context("no calls")?.len();
                let Some(next) = page["next"].as_str() else { break };
                after = format!("&after={next}");
            }
            if found != each as usize {
                bail!("{} has {found} calls of {}", node.site.name, other.site.name);
            }
            all += found;
        }
    }
    Ok(all / nodes.len())
}
