//! The laboratory: real daemons, a real Kamailio, phones and callers, on an address of its own.

pub(crate) mod daemon;
pub(crate) mod dial;
pub(crate) mod digest;
pub(crate) mod door;
pub(crate) mod kamailio;
mod leg;
pub(crate) mod line;
pub(crate) mod phone;
pub(crate) mod process;
pub(crate) mod sip;
pub(crate) mod sipp;
pub(crate) mod stub;
pub(crate) mod text;
pub(crate) mod web;

use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(crate) use daemon::Daemon;
pub(crate) use dial::Dial;

pub(crate) use line::{Call, Line};
pub(crate) use phone::{Does, Phone};

/// The domain of every Kamailio here.
pub(crate) const DOMAIN: &str = "hp.test";

/// How often a condition is looked at while it is awaited.
const TICK: Duration = Duration::from_millis(10);

/// A place for one test: a directory and a loopback address that nobody else uses.
pub(crate) struct Lab {
    pub(crate) dir: PathBuf,
    pub(crate) ip: IpAddr,
    // Keeps the address: other tests, and other runs of them, see that it is taken.
    _claim: TcpListener,
}

impl Lab {
    /// A fresh place. The directory stays behind when the test fails, for its logs.
    pub(crate) fn new(name: &str) -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("live-{name}"));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        let (ip, claim) = claim();
        Self { dir, ip, _claim: claim }
    }

    pub(crate) fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip, port)
    }

    /// Where Kamailio takes SIP.
    pub(crate) fn sip(&self) -> SocketAddr {
        self.at(5060)
    }

    /// A phone with a script.
    pub(crate) fn phone(&self, does: Does) -> Phone {
        Phone::new(self.ip, does)
    }

    /// A line for calls towards Kamailio.
    pub(crate) fn line(&self) -> Line {
        Line::new(self.ip, self.sip())
    }

    /// An address on which nobody listens, and nobody says so: its packets are read by nobody.
    pub(crate) fn hole(&self) -> UdpSocket {
        UdpSocket::bind((self.ip, 0)).unwrap()
    }
}

fn claim() -> (IpAddr, TcpListener) {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    for _ in 0..250 {
        let last = NEXT.fetch_add(1, Ordering::Relaxed);
        let ip = IpAddr::V4(Ipv4Addr::new(127, 0, 11, last));
        let Ok(claim) = TcpListener::bind((ip, 5999)) else { continue };
        let free = UdpSocket::bind((ip, 5060)).is_ok()
            && [8090, 8170, 8171].iter().all(|port| TcpListener::bind((ip, *port)).is_ok());
        if free {
            return (ip, claim);
        }
    }
    panic!("no address of 127.0.11.0/24 is free: are live tests running elsewhere?");
}

/// Whether the programs are there that these tests play with. Where they must be, their absence
/// is a failure.
pub(crate) fn installed() -> bool {
    static SAID: AtomicBool = AtomicBool::new(false);
    let missing = ["kamailio", "sipp"].into_iter().find(|name| program(name).is_none());
    let Some(missing) = missing else { return true };
    let set = |name: &str, to: &str| std::env::var(name).is_ok_and(|value| value == to);
    assert!(
        !set("CI", "true") && !set("HALLPORTER_LIVE", "1"),
        "{missing} is not installed: scripts/test installs what the live tests need"
    );
    if !SAID.swap(true, Ordering::Relaxed) {
        // Past the test harness, which shows nothing of tests that pass.
        let _ = writeln!(std::io::stderr(), "{missing} is not installed: live tests skipped");
    }
    false
}

/// Where a program lies; Kamailio's directory is not in everybody's path.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    dirs.map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// The machine, for tests whose timing or load would disturb the others.
pub(crate) fn whole_machine() -> MutexGuard<'static, ()> {
    static MACHINE: Mutex<()> = Mutex::new(());
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `is_so`, at most `within`; says whether it came about.
pub(crate) fn eventually(within: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + within;
    loop {
        if is_so() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(TICK);
    }
}

/// Waits until a value is what it should be; fails with the last one otherwise.
#[track_caller]
pub(crate) fn becomes<T: PartialEq + std::fmt::Debug>(
    expected: &T,
    within: Duration,
    mut look: impl FnMut() -> T,
) {
    let mut last = look();
    let came = eventually(within, || {
        last = look();
        last == *expected
    });
    assert!(came, "still {last:?} instead of {expected:?} after {within:?}");
}

pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// Runs a line of shell: signals, which the standard library can't send.
pub(crate) fn shell(line: &str) {
    let done = Command::new("sh").args(["-c", line]).status().unwrap();
    assert!(done.success(), "{line}");
}

/// Numbers that look random; a seed for each test is printed, so that a run can be repeated with
/// HALLPORTER_SEED.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new() -> Self {
        let given = std::env::var("HALLPORTER_SEED").ok().and_then(|seed| seed.parse().ok());
        let clock =
            || u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos());
        let seed = given.unwrap_or_else(clock);
        println!("HALLPORTER_SEED={seed}");
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `below`.
    pub(crate) fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// A word that no other word of this run equals.
pub(crate) fn unique(stem: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{stem}{}x{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}
