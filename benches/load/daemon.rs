//! Servers as processes of their own: started, watched, ended.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::place::{HOST, free_port};
use crate::wait_for;

/// How long a server may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Ticks of `/proc/PID/stat` per second (`getconf CLK_TCK`; 100 on every Linux of today).
const TICKS: f64 = 100.0;

/// A process that ends with its owner, with all that it started.
pub(crate) struct Process(Child);

impl Process {
    /// Starts it in a group of its own; what it says goes into `log`. Should this program be ended
    /// from outside (Ctrl-C, kill), the system ends the process (`setpriv` of util-linux).
    pub(crate) fn start(command: &Command, log: &Path) -> anyhow::Result<Self> {
        let log = std::fs::File::create(log)?;
        let mut bound = Command::new("setpriv");
        bound.args(["--pdeathsig", "TERM", "--"]);
        bound.arg(command.get_program()).args(command.get_args());
        if let Some(directory) = command.get_current_dir() {
            bound.current_dir(directory);
        }
        bound.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        Ok(Self(bound.spawn().with_context(|| format!("{command:?}"))?))
    }

    /// The first process of the group.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// CPU seconds that it and its children have used so far.
    pub(crate) fn cpu_s(&self) -> anyhow::Result<f64> {
        let mut all = 0.0;
        for process in std::fs::read_dir("/proc")? {
            let name = process?.file_name();
            let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            let Ok(stat) = std::fs::read_to_string(format!("/proc/{id}/stat")) else { continue };
            // The name in brackets may hold anything; behind it: state ppid pgrp …
            let Some((_, rest)) = stat.rsplit_once(')') else { continue };
            let words: Vec<&str> = rest.split_whitespace().collect();
            let number = |at: usize| words.get(at).and_then(|word| word.parse::<u32>().ok());
            if number(2) == Some(self.id()) {
                let ticks = number(11).unwrap_or(0) + number(12).unwrap_or(0);
                all += alone_cpu_s(id).unwrap_or_else(|| f64::from(ticks) / TICKS);
            }
        }
        Ok(all)
    }

    /// A figure in MiB out of `/proc/PID/status`, such as `VmRSS`.
    pub(crate) fn memory_mib(&self, key: &str) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        let kib = line.and_then(|line| line.split_whitespace().next());
        Ok(kib.context("no such figure")?.parse::<f64>()? / 1024.0)
    }

    /// kill -9 for all of it.
    pub(crate) fn kill(mut self) {
        self.send("-KILL");
        let _ = self.0.wait();
    }

    fn send(&self, signal: &str) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args([signal, "--", &group]).stderr(Stdio::null()).status();
    }

    /// Whether it has ended by itself.
    pub(crate) fn is_over(&mut self) -> anyhow::Result<bool> {
        Ok(self.0.try_wait()?.is_some())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        for signal in ["-TERM", "-KILL"] {
            self.send(signal);
            let patience = if signal == "-TERM" { Duration::from_secs(2) } else { READY_WITHIN };
            if wait_for("the end", patience, || Ok(self.0.try_wait()?.is_some())).is_ok() {
                break;
            }
        }
        // Children that outlive the first process of a group go with it.
        self.send("-KILL");
    }
}

/// The same of a process of one thread, in nanoseconds as the scheduler has them: Kamailio is
/// dozens of processes, for which steps of 10 ms are too coarse together.
fn alone_cpu_s(id: u32) -> Option<f64> {
    if std::fs::read_dir(format!("/proc/{id}/task")).ok()?.count() != 1 {
        return None;
    }
    let stat = std::fs::read_to_string(format!("/proc/{id}/schedstat")).ok()?;
    let on_cpu_ns: f64 = stat.split_whitespace().next()?.parse().ok()?;
    (on_cpu_ns > 0.0).then_some(on_cpu_ns / 1e9)
}

/// A hallporter on a directory.
pub(crate) struct Hallporter {
    pub(crate) process: Process,
    pub(crate) listen: SocketAddr,
    pub(crate) route_token: String,
    /// From the start of the program to the first 200 at `/readyz`.
    pub(crate) ready_after: Duration,
}

impl Hallporter {
    /// Makes `dir` ready: tokens, settings, an empty data directory. Gives the data directory.
    pub(crate) fn init(dir: &Path) -> anyhow::Result<PathBuf> {
        let init = Command::new(env!("CARGO_BIN_EXE_hallporter"))
            .args(["init", "--dir"])
            .arg(dir)
            .stdout(Stdio::null())
            .status()?;
        if !init.success() {
            bail!("hallporter init failed");
        }
        Ok(dir.join("data"))
    }

    /// Starts it; `proxy_rpc` is the Kamailio that it looks at, if there is one.
    pub(crate) fn start(dir: &Path, proxy_rpc: Option<&str>) -> anyhow::Result<Self> {
        let mut settings = String::from("[routing]\nbranches_max = 28\n");
        if let Some(rpc) = proxy_rpc {
            let _ = write!(
                settings,
                "[[kamailio.proxy]]\nname = \"k1\"\nrpc = {rpc:?}\nlookup_aor = false\n"
            );
        }
        Self::start_with(dir, &settings)
    }

    /// The same with these settings.
    pub(crate) fn start_with(dir: &Path, settings: &str) -> anyhow::Result<Self> {
        let listen = format!("{HOST}:{}", free_port()?);
        let settings =
            format!("[http]\nlisten = {listen:?}\n[numbers]\ncountry = \"49\"\n{settings}");
        let config = dir.join("load.toml");
        std::fs::write(&config, settings)?;
        let route_token = std::fs::read_to_string(dir.join("route.token"))?.trim().to_owned();
        let listen: SocketAddr = listen.parse()?;
        let began = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_hallporter"));
        command.args(["serve", "-c"]).arg(&config);
        let mut process = Process::start(&command, &dir.join("hallporter.log"))?;
        wait_for("hallporter's readiness", READY_WITHIN, || {
            if process.is_over()? {
                bail!("{}", std::fs::read_to_string(dir.join("hallporter.log"))?);
            }
            Ok(crate::generator::get(listen, "/readyz").is_ok_and(|reply| reply.status == 200))
        })?;
        Ok(Self { process, listen, route_token, ready_after: began.elapsed() })
    }

    /// Reads a figure of `/metrics`.
    pub(crate) fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let text = String::from_utf8(crate::generator::get(self.listen, "/metrics")?.body)?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(line.with_context(|| format!("no metric {name}"))?.trim().parse()?)
    }
}

/// Waits until a process does nothing any more: what it had to write is written.
pub(crate) fn settle(process: &Process) -> anyhow::Result<()> {
    let mut before = process.cpu_s()?;
    for _ in 0..60 {
        std::thread::sleep(Duration::from_millis(500));
        let now = process.cpu_s()?;
        if now - before < 0.025 {
            return Ok(());
        }
        before = now;
    }
    Ok(())
}
