//! Many callers at once, played by SIPp with the scenarios in `tests/switch/sipp`.

use std::net::SocketAddr;
use std::process::Command;

use super::g711;
use super::switch::shipped;
use super::wav::num;
use crate::live::process::Process;
use crate::live::{Lab, program, seconds, unique};

/// A SIPp that plays `count` callers.
pub(crate) struct Crowd {
    process: Process,
    errors: std::path::PathBuf,
}

impl Crowd {
    /// They call a user at a switch, `rate` a second, and speak (a tone of 440 Hz) for so long.
    pub(crate) fn speaks(lab: &Lab, user: &str, at: SocketAddr, count: u32, rate: u32) -> Self {
        Self::speaks_for(lab, user, at, (count, rate, 3000))
    }

    pub(crate) fn speaks_for(
        lab: &Lab,
        user: &str,
        at: SocketAddr,
        (count, rate, length_ms): (u32, u32, u32),
    ) -> Self {
        let sine = |place| (std::f64::consts::TAU * 440.0 * f64::from(place) / 8000.0).sin();
        let sound: Vec<u8> =
            (0..8000).map(|place| g711::coded(num(8000.0 * sine(place)))).collect();
        std::fs::write(lab.dir.join("sound.ulaw"), sound).unwrap();
        let name = unique("crowd");
        let errors = lab.dir.join(format!("{name}.errors"));
        // SIPp takes ports for its sound from where the switch has its own: another address.
        let std::net::IpAddr::V4(ip) = lab.ip else { panic!("an address of IPv4") };
        let ip: std::net::IpAddr = [127, 0, 12, ip.octets()[3]].into();
        let port = std::net::UdpSocket::bind((ip, 0)).unwrap().local_addr().unwrap().port();
        let mut command = Command::new(program("sipp").expect("sipp is not installed"));
        command
            .current_dir(&lab.dir)
            .arg("-sf")
            .arg(shipped("tests/switch/sipp/caller_speaks.xml"))
            .args(["-i", &ip.to_string(), "-mi", &ip.to_string()])
            .args(["-p", &port.to_string(), "-s", user, "-m", &count.to_string()])
            .args(["-r", &rate.to_string(), "-l", &count.to_string(), "-nostdin"])
            .args(["-d", &length_ms.to_string(), "-timeout", "120", "-timeout_error"])
            .args(["-trace_err", "-error_file"])
            .arg(&errors)
            .arg(at.to_string());
        let process = Process::start(&mut command, &lab.dir.join(format!("{name}.log")));
        Self { process, errors }
    }

    /// Waits for the end; every call must have gone as the scenario says.
    #[track_caller]
    pub(crate) fn succeeds(mut self) {
        let status = self.process.wait(seconds(120.0));
        let told = std::fs::read_to_string(&self.errors).unwrap_or_default();
        assert!(status.is_some_and(|status| status.success()), "{status:?}\n{told}");
    }
}
