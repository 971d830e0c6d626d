//! A FreeSWITCH as it is shipped, and the callers that SIPp plays.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::daemon::Process;
use crate::place::{HOST, free_port, free_udp_port};
use crate::wait_for;

pub(crate) const PASSWORD: &str = "load";
/// An address of its own for the callers: SIPp takes ports where the switch has its.
const CALLERS: &str = "127.0.12.2";

/// A file of the repository.
pub(crate) fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The program, if there is one.
pub(crate) fn program() -> Option<PathBuf> {
    let told = std::env::var_os("HALLPORTER_FREESWITCH").filter(|told| !told.is_empty());
    let path = std::env::var_os("PATH").unwrap_or_default();
    told.map(PathBuf::from).or_else(|| {
        std::env::split_paths(&path).map(|dir| dir.join("freeswitch")).find(|f| f.is_file())
    })
}

/// A switch that runs.
pub(crate) struct Switch {
    pub(crate) process: Process,
    pub(crate) sip: SocketAddr,
    pub(crate) esl: SocketAddr,
}

impl Switch {
    pub(crate) fn start(program: &Path, dir: &Path) -> anyhow::Result<Self> {
        for below in ["conf", "log", "db", "run", "rec"] {
            fs::create_dir_all(dir.join(below))?;
        }
        for entry in fs::read_dir(shipped("freeswitch-conf"))? {
            let file = entry?.path();
            fs::copy(&file, dir.join("conf").join(file.file_name().context("a name")?))?;
        }
        let sip: SocketAddr = format!("{HOST}:{}", free_udp_port()?).parse()?;
        let esl: SocketAddr = format!("{HOST}:{}", free_port()?).parse()?;
        let vars = dir.join("conf/hallporter-vars.xml");
        let mut text = fs::read_to_string(&vars)?;
        for (variable, value) in [
            ("esl_ip", HOST.to_owned()),
            ("esl_port", esl.port().to_string()),
            ("esl_password", PASSWORD.to_owned()),
            ("sip_ip", HOST.to_owned()),
            ("sip_port", sip.port().to_string()),
            ("rtp_ip", HOST.to_owned()),
            ("prompts", shipped("prompts").display().to_string()),
            ("dialplan", shipped("dialplan/hallporter.xml").display().to_string()),
        ] {
            let begin = format!("data=\"hallporter_{variable}=");
            let (before, rest) = text.split_once(&begin).context("no such variable")?;
            let (_, behind) = rest.split_once('"').context("no end")?;
            text = format!("{before}{begin}{value}\"{behind}");
        }
        fs::write(&vars, text)?;
        let mut command = Command::new(program);
        command.current_dir(dir).args(["-nonat", "-nf", "-nc", "-np"]);
        for (option, below) in [
            ("-conf", "conf"),
            ("-log", "log"),
            ("-db", "db"),
            ("-run", "run"),
            ("-temp", "run"),
            ("-recordings", "rec"),
            ("-storage", "rec"),
            ("-cache", "run"),
        ] {
            command.arg(option).arg(dir.join(below));
        }
        let mut process = Process::start(&command, &dir.join("out"))?;
        wait_for("FreeSWITCH", Duration::from_secs(60), || {
            if process.is_over()? {
                bail!("FreeSWITCH ended: {}", fs::read_to_string(dir.join("out"))?);
            }
            Ok(std::net::TcpStream::connect(esl).is_ok())
        })?;
        // Until its clock has ticked for the first time it refuses every call.
        std::thread::sleep(Duration::from_secs(5));
        Ok(Self { process, sip, esl })
    }
}

/// Callers who come `rate` a second, each speaking (a tone) for so long, at a mailbox.
pub(crate) fn callers(
    dir: &Path,
    (mailbox, at): (&str, SocketAddr),
    (count, rate, length): (u32, u32, Duration),
) -> anyhow::Result<Process> {
    // A tone in µ-law, 8 samples a turn: 1000 Hz.
    let turn = [0xff, 0x9d, 0x97, 0x9d, 0xff, 0x1d, 0x17, 0x1d];
    fs::write(dir.join("sound.ulaw"), turn.repeat(1_000))?;
    let port = std::net::UdpSocket::bind((CALLERS, 0))?.local_addr()?.port();
    let mut command = Command::new("sipp");
    command
        .current_dir(dir)
        .arg("-sf")
        .arg(shipped("tests/switch/sipp/caller_speaks.xml"))
        .args(["-i", CALLERS, "-mi", CALLERS, "-p", &port.to_string(), "-s", mailbox])
        .args(["-m", &count.to_string(), "-r", &rate.to_string(), "-l", &count.to_string()])
        .args(["-d", &length.as_millis().to_string(), "-nostdin", "-timeout", "300"])
        .args(["-trace_err", "-error_file"])
        .arg(dir.join("sipp.errors"))
        .arg(at.to_string());
    Process::start(&command, &dir.join("sipp.log"))
}
