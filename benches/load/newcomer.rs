//! How long a node takes that joins others which have many calls, and what all of them weigh.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::daemon::Process;
use crate::dataset::Dataset;
use crate::nodes::{Node, all_same, found, on_loopback};
use crate::place::Place;
use crate::read;
use crate::site::Site;

const NAMES: [&str; 9] = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
const ACCOUNTS: u32 = 10_000;
const WITHIN: Duration = Duration::from_secs(600);

/// How many nodes, with how many thousand calls each.
pub(crate) struct Plan {
    nodes: usize,
    sessions: u32,
}

/// How long it took.
pub(crate) struct Came {
    ready: Duration,
    connected: Duration,
    whole: Duration,
}

impl fmt::Display for Came {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ready, connected, whole } = self;
        write!(
            formatter,
            "has all rows {:.2} s after it is connected with the first of them; from the start of the program: connected {:.2} s, ready {:.2} s, all rows {:.2} s",
            (*whole - *connected).as_secs_f64(),
            connected.as_secs_f64(),
            ready.as_secs_f64(),
            whole.as_secs_f64()
        )
    }
}

impl Plan {
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let nodes = read(&mut words, 5)? as usize;
        anyhow::ensure!((2..NAMES.len()).contains(&nodes), "2 to {} nodes", NAMES.len() - 1);
        Ok(Self { nodes, sessions: read(&mut words, 1_000)? * 1_000 })
    }
}

/// A node joins these; its files are made already.
pub(crate) fn comes(nodes: &[Node], site: Site) -> anyhow::Result<Came> {
    let first = nodes.first().context("no node")?;
    let token = site.dir.join("token");
    std::fs::write(&token, first.cli(&["cluster", "token"])?)?;
    let mut newcomer = Node { site, process: None };
    let log = newcomer.site.dir.join("log");
    let began = Instant::now();
    let serve = newcomer.site.serve(Some((first.site.cluster(), &token)));
    newcomer.process = Some(Process::start(&serve, &log)?);
    let (mut ready, mut connected) = (None, None);
    loop {
        let heard = newcomer.caught_up();
        let now = began.elapsed();
        if let Ok((others, whole)) = heard {
            ready = ready.or_else(|| newcomer.get("/readyz").is_ok().then_some(now));
            if others > 0 {
                connected.get_or_insert(now);
            }
            if whole == nodes.len()
                && let (Some(ready), Some(connected)) = (ready, connected)
            {
                return Ok(Came { ready, connected, whole: now });
            }
        }
        anyhow::ensure!(now < WITHIN, "it does not get all rows within {} s", WITHIN.as_secs());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Prints the memory of all, and how long one more takes.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    let Plan { nodes: count, sessions } = *plan;
    println!("{count} nodes with {sessions} calls each, one table over all of them");
    let place = Place::new("newcomer")?;
    let sites = on_loopback(&place, &NAMES[..=count]);
    for site in &sites {
        site.prepare_daemon(&[])?;
    }
    let phones = format!("{}:5070", crate::place::HOST);
    let set = Dataset { accounts: ACCOUNTS, devices_each: 2, sessions: 0, phones };
    set.write(&sites[0].data())?;
    let set = Dataset { sessions, ..set };
    let mut nodes = found(sites[..count].to_vec())?;
    let empty = memory(&nodes)?;
    let mut numbers = Vec::new();
    for node in &nodes {
        numbers.push(node.number()?);
    }
    for (node, number) in nodes.iter_mut().zip(numbers) {
        node.stop();
        set.write_calls_of(number, &node.site.data())?;
    }
    let began = Instant::now();
    for node in &mut nodes {
        node.start(None)?;
    }
    let started = began.elapsed();
    all_same(&nodes, WITHIN)?;
    println!(
        "  all start, one after the other, within {:.1} s; all rows are at all nodes after {:.1} s",
        started.as_secs_f64(),
        began.elapsed().as_secs_f64()
    );
    println!("  resident: {} MiB; without calls {} MiB", list(&memory(&nodes)?), list(&empty));
    let came = comes(&nodes, sites[count].clone())?;
    println!("  one more joins and {came}");
    for node in &nodes {
        crate::daemon::settle(node.process.as_ref().context("it does not run")?)?;
    }
    println!("  resident afterwards: {} MiB", list(&memory(&nodes)?));
    Ok(())
}

fn memory(nodes: &[Node]) -> anyhow::Result<Vec<f64>> {
    let of = |node: &Node| node.process.as_ref().context("it does not run")?.memory_mib("VmRSS");
    nodes.iter().map(of).collect()
}

fn list(values: &[f64]) -> String {
    crate::figures::list(values, 0)
}
