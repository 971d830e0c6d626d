//! How many accounts a second are laid down through the log, with one voter and with three.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::figures::percentile_ms;
use crate::nodes::{Node, found, on_loopback, request};
use crate::place::Place;
use crate::read;

/// Connections at once.
const CONNECTIONS: [u32; 2] = [1, 16];

/// How much of it.
pub(crate) struct Plan {
    time: Duration,
}

impl Plan {
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        Ok(Self { time: Duration::from_secs(read(&mut words, 10)?.into()) })
    }
}

/// Prints both.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    println!(
        "POST /v1/accounts, each agreed on and on the disk of more than half of the voters before it is answered"
    );
    for voters in [1, 3] {
        let place = Place::new("accounts")?;
        let sites = on_loopback(&place, &["north", "south", "west"][..voters]);
        for site in &sites {
            site.prepare_daemon(&[])?;
        }
        let nodes = found(sites)?;
        for connections in CONNECTIONS {
            one(plan, &nodes, connections)?;
        }
    }
    Ok(())
}

fn one(plan: &Plan, nodes: &[Node], connections: u32) -> anyhow::Result<()> {
    let next = AtomicU32::new(0);
    let leader = &nodes[0];
    let token = leader.token("admin")?;
    let began = Instant::now();
    let work = || -> anyhow::Result<Vec<u32>> {
        let (mut client, mut took_us) = (leader.connect()?, Vec::new());
        while began.elapsed() < plan.time {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let body = format!("{{\"name\":\"c{connections}-{number}\",\"max_calls\":10}}");
            let bytes = request(&leader.site, &token, ("POST", "/v1/accounts"), &body);
            let asked = Instant::now();
            let reply = client.ask(&bytes)?;
            if !(200..300).contains(&reply.status) {
                bail!("answered {}: {}", reply.status, String::from_utf8_lossy(&reply.body));
            }
            took_us.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
        Ok(took_us)
    };
    let mut all = Vec::new();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..connections).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let took_us = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            all.extend(took_us?);
        }
        anyhow::Ok(())
    })?;
    let took = began.elapsed();
    all.sort_unstable();
    println!(
        "  {} voters, {connections:>2} at a time   {:.0} accounts/s   p50 {:.2} ms   p99 {:.2} ms",
        nodes.len(),
        crate::figures::rate(all.len(), took),
        percentile_ms(&all, 0.5),
        percentile_ms(&all, 0.99)
    );
    Ok(())
}
