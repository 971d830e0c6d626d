//! Three Kamailios that share their dialog profiles over DMQ.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;

use super::{CAPPED, Side, talk};
use crate::daemon::Process;
use crate::field::Region;
use crate::generator::Client;
use crate::place::Place;
use crate::wait_for;

const CONFIGURATION: &str = include_str!("kamailio.cfg");
const READY_WITHIN: Duration = Duration::from_secs(20);

/// The three of them.
pub(super) struct Dmq {
    regions: Vec<Region>,
    kamailios: Vec<Option<Process>>,
}

fn sip(region: &Region) -> SocketAddr {
    region.at(1, 5060)
}

fn rpc(region: &Region) -> SocketAddr {
    region.at(1, 8090)
}

impl Dmq {
    pub(super) fn start(place: &Place, regions: &[Region]) -> anyhow::Result<Self> {
        let mut kamailios = Vec::new();
        for region in regions {
            let dir = place.path().join(format!("dmq-{}", region.name));
            std::fs::create_dir_all(&dir)?;
            std::fs::write(dir.join("kamailio.cfg"), CONFIGURATION)?;
            let mut settings = format!(
                "#!define DMQ_NUMBER {}\n#!define DMQ_LISTEN udp:{}\n#!define DMQ_RPC tcp:{}\n\
                 #!define DMQ_ADDRESS \"sip:{}\"\n#!define DMQ_GATEWAY \"sip:{}\"\n",
                region.number,
                sip(region),
                rpc(region),
                sip(region),
                talk::phone(region)
            );
            let others = regions.iter().filter(|other| other.number != region.number);
            for (number, other) in (1..).zip(others) {
                settings += &format!("#!define DMQ_OTHER_{number} \"sip:{}\"\n", sip(other));
            }
            std::fs::write(dir.join("dmq-settings.cfg"), settings)?;
            kamailios.push(Some(kamailio(region, &dir)?));
        }
        wait_for("DMQ between all three", Duration::from_secs(90), || {
            Ok(regions.iter().all(|region| {
                ask(region, "dmq.list_nodes", "[]")
                    .is_ok_and(|nodes| nodes.matches("\"active\"").count() == regions.len())
            }))
        })?;
        Ok(Self { regions: regions.to_vec(), kamailios })
    }
}

impl Side for Dmq {
    fn proxies(&self) -> Vec<SocketAddr> {
        self.regions.iter().map(sip).collect()
    }

    fn cpu_s(&self) -> anyhow::Result<f64> {
        self.kamailios.iter().flatten().map(Process::cpu_s).sum()
    }

    fn counted(&self) -> anyhow::Result<u32> {
        let parameters = format!("[\"acct\",\"{CAPPED}\"]");
        let mut most = 0;
        for region in &self.regions {
            let answer = ask(region, "dlg.profile_get_size", &parameters)?;
            let result = answer.split("\"result\":").nth(1).context("no result")?;
            let digits: String = result.trim().chars().take_while(char::is_ascii_digit).collect();
            most = most.max(digits.parse()?);
        }
        Ok(most)
    }

    /// That there are too many is nothing to wonder about.
    fn explain(&self) -> String {
        String::new()
    }

    fn available(&self) -> Option<&'static str> {
        None
    }

    fn kill(&mut self, region: usize) {
        if let Some(kamailio) = self.kamailios[region].take() {
            kamailio.kill();
        }
    }
}

/// Starts a Kamailio on `kamailio.cfg` of a directory, and waits until it answers.
fn kamailio(region: &Region, dir: &std::path::Path) -> anyhow::Result<Process> {
    let mut command = region.command("kamailio");
    // The same memory as hallporter's Kamailios have.
    command.current_dir(dir).args(["-f", "kamailio.cfg", "-DD", "-E", "-m", "128", "-M", "12"]);
    command.arg("-Y").arg(dir);
    let process = Process::start(&command, &dir.join("kamailio.log"))?;
    answers(region, rpc(region))?;
    Ok(process)
}

/// Waits until a Kamailio answers.
pub(super) fn answers(region: &Region, rpc: SocketAddr) -> anyhow::Result<()> {
    wait_for("Kamailio", READY_WITHIN, || Ok(region.inside(|| Client::new(rpc).is_ok())?))?;
    Ok(())
}

/// A call of a Kamailio's RPC; gives the answer as it is.
fn ask(region: &Region, method: &str, parameters: &str) -> anyhow::Result<String> {
    let rpc = rpc(region);
    let body =
        format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\",\"params\":{parameters},\"id\":1}}");
    let request = format!(
        "POST /RPC HTTP/1.1\r\nHost: {rpc}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let reply = region.inside(|| Client::new(rpc)?.ask(request.as_bytes()))??;
    Ok(String::from_utf8_lossy(&reply.body).into_owned())
}
