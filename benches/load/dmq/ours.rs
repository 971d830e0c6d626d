//! Three Kamailios with hallporter beside each, one cluster.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;

use super::{AVAILABLE, CAP, CAPPED, FREE, Side, theirs};
use crate::daemon::Process;
use crate::field::Region;
use crate::nodes::{Node, found, in_regions};
use crate::place::Place;
use crate::wait_for;

const READY_WITHIN: Duration = Duration::from_secs(30);

/// The three of them.
pub(super) struct Hallporters {
    nodes: Vec<Node>,
    kamailios: Vec<Option<Process>>,
}

impl Hallporters {
    /// With so many milliseconds one way between them.
    pub(super) fn start(place: &Place, regions: &[Region], delay_ms: u64) -> anyhow::Result<Self> {
        let sites = in_regions(place, regions);
        let mut kamailios = Vec::new();
        for (site, region) in sites.iter().zip(regions) {
            site.prepare(&sites, super::talk::phone(region))?;
            // Tests do not wait for the lists; here they are asked for as often as usual.
            let config = std::fs::read_to_string(site.config())?;
            let usual = change(&config, "look_every = \"1s\"", "look_every = \"5s\"")?;
            // Four ways and the disk: docs/cluster.md has regions that are far apart wait longer.
            let usual = match delay_ms {
                0 => usual,
                _ => change(&usual, "#ask_within = \"170ms\"", "ask_within = \"250ms\"")?,
            };
            std::fs::write(site.config(), usual)?;
            let log = site.dir.join("kamailio/log");
            let kamailio = Process::start(&site.kamailio(), &log)?;
            theirs::answers(region, site.rpc())?;
            kamailios.push(Some(kamailio));
        }
        let all = Self { nodes: found(sites)?, kamailios };
        all.lay_down()?;
        Ok(all)
    }

    fn lay_down(&self) -> anyhow::Result<()> {
        let first = &self.nodes[0];
        let cap = CAP.to_string();
        for (name, policy, cap, number) in [
            ("capped", "strict", cap.as_str(), CAPPED),
            ("free", "available", "1000000", FREE),
            ("available", "available", cap.as_str(), AVAILABLE),
        ] {
            let caps = ["--max-calls", cap, "--policy", policy];
            first.site.cli(&[&["account", "add", name], &caps[..]].concat())?;
            first.site.cli(&["number", "add", number, "--account", name])?;
            for node in &self.nodes {
                let path = format!("/v1/numbers/{number}");
                wait_for("a number at every node", READY_WITHIN, || Ok(node.get(&path).is_ok()))?;
            }
        }
        Ok(())
    }
}

fn change(config: &str, from: &str, to: &str) -> anyhow::Result<String> {
    anyhow::ensure!(config.contains(from), "{from} is not where it was");
    Ok(config.replace(from, to))
}

impl Side for Hallporters {
    fn proxies(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| node.site.sip()).collect()
    }

    fn cpu_s(&self) -> anyhow::Result<f64> {
        let proxies: f64 =
            self.kamailios.iter().flatten().map(Process::cpu_s).sum::<anyhow::Result<f64>>()?;
        Ok(proxies + self.daemons_cpu_s()?)
    }

    fn daemons_cpu_s(&self) -> anyhow::Result<f64> {
        self.nodes.iter().filter_map(|node| node.process.as_ref()).map(Process::cpu_s).sum()
    }

    fn counted(&self) -> anyhow::Result<u32> {
        let mut all = 0;
        for node in &self.nodes {
            for name in ["capped", "available"] {
                let view = node.json(&format!("/v1/accounts/{name}"))?;
                all += view["usage"]["total"]["live"].as_u64().context("no count")?;
            }
        }
        Ok(u32::try_from(all)?)
    }

    fn explain(&self) -> String {
        let one = |node: &Node| {
            let usage = |name: &str| {
                let view = node.json(&format!("/v1/accounts/{name}"));
                view.map_or_else(|error| error.to_string(), |view| view["usage"].to_string())
            };
            let calls = node.json(&format!("/v1/calls?node={}", node.site.name));
            let calls = calls.map_or_else(|error| error.to_string(), |calls| calls.to_string());
            let (capped, available) = (usage("capped"), usage("available"));
            format!("{}: capped {capped}, available {available}, own calls {calls}", node.site.name)
        };
        self.nodes.iter().map(one).collect::<Vec<_>>().join("; ")
    }

    fn available(&self) -> Option<&'static str> {
        Some(AVAILABLE)
    }

    fn kill(&mut self, region: usize) {
        let both = [self.nodes[region].process.take(), self.kamailios[region].take()];
        both.into_iter().flatten().for_each(Process::kill);
    }
}
