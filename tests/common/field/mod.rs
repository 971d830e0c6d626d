//! Regions on one machine: a network namespace each, and a way between them that is a program of
//! ours (`relay`), since not every kernel can delay or lose packets by itself.
//!
//! Each region has a TUN device whose packets socat carries over a Unix socket to the relay and
//! from it. So everything that speaks IPv4 goes that way unknowingly: SIP, QUIC, HTTP. Needs root.

#![allow(dead_code, reason = "tests, benches and scripts/cluster each use a part")]
#![allow(clippy::disallowed_methods, reason = "packets are on their way in real time")]

mod relay;

use std::fs;
use std::io::{Error, Result};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

pub(crate) use relay::Relay;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Where `ip netns` keeps its namespaces.
const NAMESPACES: &str = "/run/netns";
/// How long a device may take until it is there.
const PATIENCE: Duration = Duration::from_secs(10);

/// What of this machine stands in the way of regions; nothing, if they can be made.
pub(crate) fn hindrance() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("network namespaces need root");
    }
    if !Path::new("/dev/net/tun").exists() {
        return Some("there is no /dev/net/tun");
    }
    let there = |name: &&str| {
        ["/usr/bin", "/usr/sbin", "/bin", "/sbin"]
            .iter()
            .any(|dir| Path::new(dir).join(name).exists())
    };
    match ["ip", "nsenter", "socat"].iter().find(|name| !there(name)) {
        Some(&"ip") => Some("iproute2 is not installed"),
        Some(&"nsenter") => Some("util-linux is not installed"),
        Some(_) => Some("socat is not installed"),
        // A container may have all of that and still not be let.
        None if *LET.get_or_init(|| Field::of_test("probe", &["probe"]).is_ok()) => None,
        None => Some("nobody is let make network namespaces with TUN devices here"),
    }
}

/// Whether regions can be made: one was, as a trial.
static LET: OnceLock<bool> = OnceLock::new();

/// All regions and the way between them; all of it goes away when this is dropped.
pub(crate) struct Field {
    regions: Vec<Region>,
    tunnels: Vec<Child>,
    dir: PathBuf,
    pub(crate) relay: Relay,
}

/// One region: addresses 10.77.N.0/24, all of them its own.
#[derive(Clone, Debug)]
pub(crate) struct Region {
    pub(crate) name: String,
    pub(crate) number: u8,
    namespace: String,
}

impl Field {
    /// Makes a namespace `TAG-NAME` for each region. What an earlier field of this tag has left
    /// behind is taken away first.
    pub(crate) fn new(tag: &str, names: &[&str]) -> Result<Self> {
        let dir = std::env::temp_dir().join(tag);
        let _ = fs::remove_dir_all(&dir);
        // Nobody else's: root keeps its sockets there.
        fs::DirBuilder::new().mode(0o700).create(&dir)?;
        let relay = Relay::start(&dir, names)?;
        let mut field = Self { regions: Vec::new(), tunnels: Vec::new(), dir, relay };
        for (number, name) in (1..).zip(names) {
            let namespace = format!("{tag}-{name}");
            let region = Region { name: (*name).to_owned(), number, namespace };
            if Path::new(NAMESPACES).join(&region.namespace).exists() {
                ip(&["netns", "del", &region.namespace])?;
            }
            ip(&["netns", "add", &region.namespace])?;
            field.regions.push(region.clone());
            field.tunnels.push(region.connect(&field.relay, &field.dir)?);
        }
        Ok(field)
    }

    /// A field of a test's own, beside those of other tests and other runs of them.
    pub(crate) fn of_test(name: &str, names: &[&str]) -> Result<Self> {
        sweep();
        Self::new(&format!("hpt-{}-{name}", std::process::id()), names)
    }

    pub(crate) fn regions(&self) -> &[Region] {
        &self.regions
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        for tunnel in &mut self.tunnels {
            let _ = tunnel.kill();
            let _ = tunnel.wait();
        }
        for region in &self.regions {
            let _ = ip(&["netns", "del", &region.namespace]);
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl Region {
    /// One of its addresses.
    pub(crate) fn ip(&self, last: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 77, self.number, last))
    }

    pub(crate) fn at(&self, last: u8, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip(last), port)
    }

    /// A program that will run there. The process is the program's own, nobody stands between.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={NAMESPACES}/{}", self.namespace)).arg("--");
        command.arg(program.as_ref());
        command
    }

    /// Does something there: sockets that it opens belong to the region for ever.
    pub(crate) fn inside<T: Send>(&self, act: impl FnOnce() -> T + Send) -> Result<T> {
        let file = fs::File::open(Path::new(NAMESPACES).join(&self.namespace))?;
        std::thread::scope(|scope| {
            let inside = scope.spawn(move || {
                move_into_link_name_space(
                    std::os::fd::AsFd::as_fd(&file),
                    Some(LinkNameSpaceType::Network),
                )?;
                Ok(act())
            });
            // A test that fails in there has failed.
            inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Starts what carries its packets to the relay and back.
    fn connect(&self, relay: &Relay, dir: &Path) -> Result<Child> {
        let (number, own) = (self.number, relay.door(dir, self.number));
        self.inside(|| fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1"))?.or_else(
            // A kernel without IPv6 is as good.
            |error| if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) },
        )?;
        let log = fs::File::create(dir.join(format!("{}.log", self.name)))?;
        // It ends with the thread that made the field, however that ends.
        let tunnel = self
            .command("setpriv")
            .args(["--pdeathsig", "KILL", "--", "socat"])
            .arg(format!("TUN:10.77.{number}.1/16,tun-name=hp0,tun-type=tun,iff-no-pi,up"))
            .arg(format!("UNIX-SENDTO:{},bind={}", relay.path().display(), own.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let namespace = &self.namespace;
        ip(&["-n", namespace, "link", "set", "lo", "up"])?;
        let end = Instant::now() + PATIENCE;
        while ip(&["-n", namespace, "route", "get", "10.77.250.250"]).is_err() {
            if Instant::now() > end {
                return Err(Error::other(format!("{namespace} gets no device")));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // Every address of the region can be listened on.
        ip(&[
            "-n",
            namespace,
            "route",
            "add",
            "local",
            &format!("10.77.{number}.0/24"),
            "dev",
            "lo",
        ])?;
        Ok(tunnel)
    }
}

/// Runs `ip`; what it says of a failure is the error.
fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(arguments).stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::other(format!("ip {}: {said}", arguments.join(" "))))
}

/// Takes away the namespaces of tests that were killed.
fn sweep() {
    let Ok(names) = fs::read_dir(NAMESPACES) else { return };
    for name in names.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let Some(rest) = name.strip_prefix("hpt-") else { continue };
        let process = rest.split('-').next().unwrap_or_default();
        if !Path::new("/proc").join(process).exists() {
            let _ = ip(&["netns", "del", &name]);
            let tag = name.rsplit_once('-').map_or(name.as_str(), |(tag, _)| tag);
            let _ = fs::remove_dir_all(std::env::temp_dir().join(tag));
        }
    }
}
