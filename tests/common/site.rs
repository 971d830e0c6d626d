//! A place with a daemon and a Kamailio beside it, as an operator sets them up: files and commands.
//! Who starts the commands keeps the processes.

#![allow(dead_code, reason = "tests and benches each use a part")]

use std::fmt::Write as _;
use std::fs;
use std::io::{Error, Result};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::field::Region;

/// The domain of every Kamailio.
pub(crate) const DOMAIN: &str = "hp.test";

/// A node of a cluster to be, and its proxy.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
    pub(crate) ip: IpAddr,
    /// Its namespace; without one everything is on loopback, with addresses of its own.
    pub(crate) region: Option<Region>,
}

impl Site {
    pub(crate) fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip, port)
    }

    /// Where Kamailio takes SIP.
    pub(crate) fn sip(&self) -> SocketAddr {
        self.at(5060)
    }

    /// Where Kamailio is asked for its calls.
    pub(crate) fn rpc(&self) -> SocketAddr {
        self.at(8090)
    }

    /// Where the daemon decides.
    pub(crate) fn http(&self) -> SocketAddr {
        self.at(8170)
    }

    /// Where the daemon meets the other nodes.
    pub(crate) fn cluster(&self) -> SocketAddr {
        self.at(8171)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir.join("hallporter.toml")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// A program that will run in this place, in its directory.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = match &self.region {
            Some(region) => region.command(program),
            None => Command::new(program.as_ref()),
        };
        for name in ["HALLPORTER_URL", "HALLPORTER_TOKEN_FILE", "RUST_LOG"] {
            command.env_remove(name);
        }
        command.env("HALLPORTER_CONFIG", self.config()).stdin(Stdio::null());
        command
    }

    /// Does something in this place: its sockets are those of the place.
    pub(crate) fn inside<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        match &self.region {
            Some(region) => match region.inside(act) {
                Ok(done) => done,
                Err(error) => panic!("nobody gets into {}: {error}", self.name),
            },
            None => act(),
        }
    }

    /// Types a line; gives what was said, or what was complained of.
    pub(crate) fn cli(&self, words: &[&str]) -> Result<String> {
        let mut command = self.command(env!("CARGO_BIN_EXE_hallporter"));
        let output = command.args(words).output()?;
        let [out, err] =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        if output.status.success() {
            return Ok(out);
        }
        Err(Error::other(format!("{}: hallporter {}: {out}{err}", self.name, words.join(" "))))
    }

    /// Makes the files of the daemon and of Kamailio. All Kamailios speak to all daemons with the
    /// first site's token: each asks its own daemon, and the next one when that is away.
    pub(crate) fn prepare(&self, all: &[Self], gateway: SocketAddr) -> Result<()> {
        self.prepare_daemon(all)?;
        let first = all.first().unwrap_or(self);
        if first.dir != self.dir {
            fs::copy(first.dir.join("route.token"), self.dir.join("route.token"))?;
        }
        self.prepare_kamailio(all, gateway)
    }

    /// Makes the files of the daemon, which is to look at the Kamailios of these sites.
    pub(crate) fn prepare_daemon(&self, looked_at: &[Self]) -> Result<()> {
        fs::create_dir_all(&self.dir)?;
        let (dir, listen) = (self.dir.display().to_string(), self.http().to_string());
        let (name, cluster) = (self.name.as_str(), self.cluster().to_string());
        let words = ["init", "--dir", &dir, "--name", name, "--region", name, "--listen", &listen];
        self.cli(&[&words[..], &["--cluster-listen", &cluster]].concat())?;
        let text = fs::read_to_string(self.config())?;
        let text = set(&text, "look_every", "\"1s\"");
        let text = set(&text, "drain", "\"0s\"");
        let mut text = set(&text, "country", "\"49\"");
        for site in looked_at {
            let (name, rpc) = (&site.name, site.rpc());
            let _ = write!(
                text,
                "\n[[kamailio.proxy]]\nname = \"{name}\"\nrpc = \"http://{rpc}/RPC\"\n"
            );
        }
        fs::write(self.config(), text)
    }

    fn prepare_kamailio(&self, all: &[Self], gateway: SocketAddr) -> Result<()> {
        let dir = self.dir.join("kamailio");
        fs::create_dir_all(&dir)?;
        let token = fs::read_to_string(self.dir.join("route.token"))?;
        let at = all.iter().position(|site| site.name == self.name).unwrap_or_default();
        let next = all.get((at + 1) % all.len()).unwrap_or(self);
        let settings = format!(
            "#!define HP_SETTINGS\n#!define HP_DAEMON_1 http://{}\n#!define HP_DAEMON_2 http://{}\n\
             #!define HP_TOKEN {}\n#!define HP_LISTEN udp:{}\n#!define HP_RPC_LISTEN tcp:{}\n\
             #!define HP_RPC_ALLOW \"^(127|10)\\.\"\n#!define HP_DOMAIN \"{DOMAIN}\"\n\
             #!define HP_GATEWAY \"sip:{gateway}\"\n#!define HP_CHILDREN 4\n\
             #!define HP_WORKERS 16\n#!define HP_DEADLINE_MS 950\n#!define HP_DEADLINE_2_MS 950\n\
             #!define HP_INBOUND_FAIL_CLOSED\n",
            self.http(),
            next.http(),
            token.trim(),
            self.sip(),
            self.rpc(),
        );
        fs::write(dir.join("hallporter-settings.cfg"), settings)
    }

    /// The daemon. A newcomer says whom it joins, and with which token.
    pub(crate) fn serve(&self, joining: Option<(SocketAddr, &Path)>) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_hallporter"));
        command.args(["serve", "-c"]).arg(self.config()).current_dir(&self.dir);
        if let Some((address, token)) = joining {
            command.arg("--join").arg(address.to_string()).arg("--token-file").arg(token);
        }
        command
    }

    /// Kamailio with the configuration that is shipped.
    pub(crate) fn kamailio(&self) -> Command {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("kamailio-cfg/kamailio.cfg");
        let mut command = self.command("kamailio");
        command.current_dir(self.dir.join("kamailio")).arg("-f").arg(shipped);
        command.args(["-DD", "-E", "-m", "128", "-M", "12", "-Y"]);
        command.arg(self.dir.join("kamailio"));
        command
    }
}

/// Sets a key that `init` wrote down, as a comment or not.
fn set(text: &str, key: &str, value: &str) -> String {
    let mut done = false;
    let lines = text.lines().map(|line| {
        let is_it = line.trim_start_matches('#').starts_with(&format!("{key} = "));
        if is_it && !done {
            done = true;
            return format!("{key} = {value}\n");
        }
        format!("{line}\n")
    });
    lines.collect()
}
