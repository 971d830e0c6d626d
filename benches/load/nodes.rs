//! Daemons that are one cluster, each a process of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hallporter::domain::NodeId;
use serde_json::Value;

use crate::daemon::Process;
use crate::field::Region;
use crate::generator::{Client, Reply};
use crate::place::Place;
use crate::site::Site;
use crate::wait_for;

const READY_WITHIN: Duration = Duration::from_secs(120);

/// A node, and its process while it runs.
pub(crate) struct Node {
    pub(crate) site: Site,
    pub(crate) process: Option<Process>,
}

/// Sites on loopback, with an address each.
pub(crate) fn on_loopback(place: &Place, names: &[&str]) -> Vec<Site> {
    let sites = (1_u8..).zip(names).map(|(number, name)| Site {
        name: (*name).to_owned(),
        dir: place.path().join(name),
        ip: [127, 0, 14, number].into(),
        region: None,
    });
    sites.collect()
}

/// Sites of regions.
pub(crate) fn in_regions(place: &Place, regions: &[Region]) -> Vec<Site> {
    let sites = regions.iter().map(|region| Site {
        name: region.name.clone(),
        dir: place.path().join(format!("ours-{}", region.name)),
        ip: region.ip(1),
        region: Some(region.clone()),
    });
    sites.collect()
}

/// Starts daemons whose files are ready, one after the other: the first founds the cluster, the
/// others join it.
pub(crate) fn found(sites: Vec<Site>) -> anyhow::Result<Vec<Node>> {
    let mut nodes: Vec<Node> = Vec::new();
    for site in sites {
        let mut node = Node { site, process: None };
        match nodes.first() {
            None => {
                node.start(None)?;
                node.cli(&["cluster", "init"])?;
            }
            Some(first) => node.join(first)?,
        }
        nodes.push(node);
    }
    let first = nodes.first().context("no site")?;
    wait_for("a vote for every node", READY_WITHIN, || Ok(first.view()?["voters"] == nodes.len()))?;
    Ok(nodes)
}

impl Node {
    /// Joins the cluster of another node, and waits until it answers.
    pub(crate) fn join(&mut self, other: &Self) -> anyhow::Result<()> {
        let token = self.site.dir.join("token");
        std::fs::write(&token, other.cli(&["cluster", "token"])?)?;
        self.start(Some((other.site.cluster(), &token)))
    }

    /// Starts it, and waits until it answers.
    pub(crate) fn start(&mut self, joining: Option<(SocketAddr, &Path)>) -> anyhow::Result<()> {
        let log = self.site.dir.join("log");
        let process = self.process.insert(Process::start(&self.site.serve(joining), &log)?);
        let (site, began) = (&self.site, Instant::now());
        loop {
            if ask(site, "GET", "/readyz", "").is_ok_and(|reply| reply.status == 200) {
                return Ok(());
            }
            if process.is_over()? || began.elapsed() > READY_WITHIN {
                let said = std::fs::read_to_string(log)?;
                anyhow::bail!("{} does not get ready: {said}", site.name);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Stops it in good order.
    pub(crate) fn stop(&mut self) {
        self.process = None;
    }

    /// Runs a command of its operators.
    pub(crate) fn cli(&self, words: &[&str]) -> anyhow::Result<String> {
        let config = self.site.config().display().to_string();
        Ok(self.site.cli(&[words, &["-c", &config]].concat())?)
    }

    /// What it answers its operators.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<String> {
        let reply = ask(&self.site, "GET", path, "")?;
        anyhow::ensure!(reply.status == 200, "{path} is answered {}", reply.status);
        Ok(String::from_utf8(reply.body)?)
    }

    pub(crate) fn json(&self, path: &str) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.get(path)?)?)
    }

    /// The cluster as it sees it.
    pub(crate) fn view(&self) -> anyhow::Result<Value> {
        self.json("/v1/cluster")
    }

    /// Its number in the cluster.
    pub(crate) fn number(&self) -> anyhow::Result<NodeId> {
        let view = self.view()?;
        let own = view["nodes"].as_array().into_iter().flatten().find(|node| node["here"] == true);
        let number = own.and_then(|own| own["number"].as_u64()).context("no number")?;
        Ok(NodeId(u16::try_from(number)?))
    }

    /// How far it is with the rows of the others: connected with how many, having heard of how far
    /// they are; of how many it has all rows, by the digest.
    pub(crate) fn caught_up(&self) -> anyhow::Result<(usize, usize)> {
        let view = self.view()?;
        let all = view["nodes"].as_array().context("no nodes")?;
        let heard = all.iter().filter(|node| node["lag_rows"].is_u64());
        let whole = |node: &&Value| node["lag_rows"] == 0 && node["diverged"] == false;
        Ok((heard.clone().count(), heard.filter(whole).count()))
    }

    /// A figure of `/metrics`.
    pub(crate) fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let text = self.get("/metrics")?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(line.with_context(|| format!("no metric {name}"))?.trim().parse()?)
    }

    /// Processor seconds so far.
    pub(crate) fn cpu_s(&self) -> anyhow::Result<f64> {
        self.process.as_ref().context("it does not run")?.cpu_s()
    }

    /// A connection that an operator or a proxy of the place would have.
    pub(crate) fn connect(&self) -> anyhow::Result<Client> {
        let http = self.site.http();
        self.site.inside(|| Client::new(http))
    }

    /// The token of `route` or `admin`.
    pub(crate) fn token(&self, of: &str) -> anyhow::Result<String> {
        let token = std::fs::read_to_string(self.site.dir.join(format!("{of}.token")))?;
        Ok(token.trim().to_owned())
    }
}

/// A request of an operator, as bytes.
pub(crate) fn request(
    site: &Site,
    token: &str,
    (method, path): (&str, &str),
    body: &str,
) -> Vec<u8> {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        site.http(),
        body.len()
    )
    .into_bytes()
}

fn ask(site: &Site, method: &str, path: &str, body: &str) -> anyhow::Result<Reply> {
    let token = std::fs::read_to_string(site.dir.join("admin.token"))?;
    let request = request(site, token.trim(), (method, path), body);
    let http = site.http();
    site.inside(|| Client::new(http)?.ask(&request))
}

/// Waits until every node has all rows of all others, by numbers and digests that they have sent
/// each other since.
pub(crate) fn all_same(nodes: &[Node], within: Duration) -> anyhow::Result<Duration> {
    wait_for("the same rows at all nodes", within, || {
        std::thread::sleep(Duration::from_millis(20));
        for node in nodes {
            if node.caught_up()? != (nodes.len() - 1, nodes.len() - 1) {
                return Ok(false);
            }
        }
        Ok(true)
    })
}
