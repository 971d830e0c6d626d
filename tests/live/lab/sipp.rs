//! SIPp, playing the scenarios in `tests/live/sipp`.

use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;

use super::process::Process;
use super::{DOMAIN, Lab, eventually, program, seconds, unique};

/// A SIPp that plays.
pub(crate) struct Sipp {
    process: Process,
    scenario: String,
    log: std::path::PathBuf,
    pub(crate) port: u16,
}

/// Starts a caller or a registration: `count` times, towards Kamailio.
pub(crate) fn call(lab: &Lab, scenario: &str, count: u32, arguments: &str) -> Sipp {
    let keys = format!("-key domain {DOMAIN} {arguments} {}", lab.sip());
    start(lab, scenario, free_port(lab), count, &keys)
}

/// Starts a phone that takes `count` calls, and waits until it listens.
pub(crate) fn phone(lab: &Lab, scenario: &str, count: u32, arguments: &str) -> Sipp {
    let port = free_port(lab);
    let sipp = start(lab, scenario, port, count, arguments);
    let listens = eventually(seconds(5.0), || UdpSocket::bind((lab.ip, port)).is_err());
    assert!(listens, "SIPp does not listen");
    sipp
}

fn free_port(lab: &Lab) -> u16 {
    UdpSocket::bind((lab.ip, 0)).unwrap().local_addr().unwrap().port()
}

fn start(lab: &Lab, scenario: &str, port: u16, count: u32, arguments: &str) -> Sipp {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live/sipp").join(scenario);
    let name = unique("sipp");
    let log = lab.dir.join(format!("{name}.log"));
    let errors = lab.dir.join(format!("{name}.errors"));
    let (ip, port_text, count) = (lab.ip.to_string(), port.to_string(), count.to_string());
    let mut command = Command::new(program("sipp").unwrap());
    command
        .current_dir(&lab.dir)
        .arg("-sf")
        .arg(file)
        .args(["-i", &ip, "-p", &port_text, "-m", &count, "-nostdin"])
        .args(["-timeout", "60", "-timeout_error", "-trace_err", "-error_file"])
        .arg(errors)
        .args(arguments.split_whitespace());
    let process = Process::start(&mut command, &log);
    Sipp { process, scenario: scenario.to_owned(), log, port }
}

impl Sipp {
    /// Waits for the end; everything must have gone as the scenario says.
    #[track_caller]
    pub(crate) fn succeeds(mut self) {
        let status = self.process.wait(seconds(60.0));
        let told = || {
            let errors = std::fs::read_to_string(self.log.with_extension("errors"));
            errors.unwrap_or_else(|_| std::fs::read_to_string(&self.log).unwrap_or_default())
        };
        let good = status.is_some_and(|status| status.success());
        assert!(good, "{}: {status:?}\n{}", self.scenario, told());
    }
}
