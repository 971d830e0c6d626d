//! Settings: one TOML file, read whole or not at all.
//!
//! [`Config::parse`] is pure; [`Config::load`] reads the files. Whatever is wrong is told at once,
//! each mistake with its line, the path of its key and what to do.

mod access;
mod address;
mod check;
mod cluster;
mod deposit;
mod door;
mod file;
mod keys;
mod look;
mod messages;
mod mistake;
mod push;
mod read;
mod s3;
mod star_codes;
mod template;
mod token;
mod value;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::domain::{Numbering, StarCodes, Zone};

use read::read_text;

pub use address::check_url;
pub use cluster::{Cluster, Sharing};
pub use look::{find_program, look_around};
pub use messages::{Links, Messages, Switch, VideoWay, Webhook};
pub use mistake::{Mistake, Warning};
pub use push::Push;
pub use s3::S3;
pub use template::{First, first_file, reference};
pub use token::{Secret, TOKEN_CHARACTERS_MAX, TOKEN_CHARACTERS_MIN, TokenFile};

/// Reads a token file; given to [`Config::parse`] so that it needs no disk.
pub type ReadToken<'a> = &'a dyn Fn(&Path) -> io::Result<TokenFile>;

/// All settings, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// This daemon.
    pub node: Node,
    /// The HTTP door.
    pub http: Http,
    /// The log.
    pub log: Log,
    /// Calls that nothing refuses.
    pub emergency: Emergency,
    /// How numbers are written where the proxies stand.
    pub numbering: Numbering,
    /// Fork orders.
    pub routing: Routing,
    /// What people dial to change something.
    pub star_codes: StarCodes,
    /// The proxies.
    pub kamailio: Kamailio,
    /// The table of calls.
    pub calls: Calls,
    /// The way to the other nodes; `None`: this node stays alone.
    pub cluster: Option<Cluster>,
    /// Waking devices; `None`: nobody could send the push.
    pub push: Option<Push>,
    /// A bucket for recordings; `None`: they are at nodes alone.
    pub s3: Option<S3>,
    /// Taking messages; `None`: none are taken.
    pub messages: Option<Messages>,
    /// The switches that take them, in the order of the file; at most 16, names unique.
    pub switches: Vec<Switch>,
}

/// `[node]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name: 1 to 64 letters, digits, `.`, `_`, `-`.
    pub name: String,
    /// Its region, written like a name.
    pub region: String,
    /// The time zone of accounts that have none of their own.
    pub zone: Zone,
    /// Where the databases lie; relative paths were joined to the config file's directory.
    pub data_dir: PathBuf,
}

/// `[http]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The token with scope `route`; never the same as the other one.
    pub route_token: Secret,
    /// The token with scope `admin`.
    pub admin_token: Secret,
    /// How long a stopping daemon says "not ready" and still answers, at most 10 minutes.
    pub drain: Duration,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// For people or for programs.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// `[emergency]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emergency {
    /// What is dialled, as [`Numbering::dialled`] gives it: digits, or `sos`; at most 64.
    pub numbers: Vec<String>,
    /// For how long calls to an account are not refused after it made an emergency call.
    pub grace: Duration,
}

/// `[routing]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    /// `host` or `host:port` behind which telephone numbers are reached; safe inside a SIP URI.
    pub pstn_gateway: Option<String>,
    /// The most branches of one fork order.
    pub branches_max: usize,
    /// The most branches of one stage.
    pub stage_branches_max: usize,
}

/// `[kamailio]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kamailio {
    /// Whether the From of an unauthenticated caller is believed.
    pub trust_from: bool,
    /// How often each proxy's own list of calls is asked for.
    pub look_every: Duration,
    /// The proxies, in the order of the file; at most 64, names unique.
    pub proxies: Vec<Proxy>,
}

/// `[[kamailio.proxy]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Its name, written like a node's.
    pub name: String,
    /// The URL of its JSON-RPC, `http://` or `https://`.
    pub rpc: String,
    /// Whether it is asked for registrations.
    pub lookup_aor: bool,
    /// Whether its registrar keeps the domain in an address of record.
    pub use_domain: bool,
}

/// `[calls]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calls {
    /// How long a call may stay unreported beyond its ring times.
    pub reserve_slack: Duration,
    /// The switches' own longest duration of a call.
    pub max_duration: Duration,
    /// The most calls at one time; above it calls are refused, emergency calls excepted.
    pub table_max: usize,
    /// How many decisions are kept; the oldest go first.
    pub why_keep: usize,
    /// How long decisions are kept at most.
    pub why_keep_for: Duration,
}

/// What came of reading a config file, for `hallporter check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The settings, if there was no mistake.
    pub config: Option<Config>,
    /// Every mistake, by line.
    pub mistakes: Vec<Mistake>,
    /// Everything doubtful, by line.
    pub warnings: Vec<Warning>,
}

impl Config {
    /// Reads a config file's text. `base_dir` is what relative paths in it are relative to, and
    /// `read_token` reads the token files.
    ///
    /// # Errors
    /// Every mistake, in the order of the lines.
    pub fn parse(
        text: &str,
        base_dir: &Path,
        read_token: ReadToken<'_>,
    ) -> Result<(Self, Vec<Warning>), Vec<Mistake>> {
        let Checked { config, mistakes, warnings } = check::config(text, base_dir, read_token);
        config.map(|config| (config, warnings)).ok_or(mistakes)
    }

    /// Reads a config file and the token files it names.
    ///
    /// # Errors
    /// Every mistake; a single one without a line when the file itself can't be read.
    pub fn load(path: &Path) -> Result<(Self, Vec<Warning>), Vec<Mistake>> {
        let text = read_text(path).map_err(|mistake| vec![mistake])?;
        Self::parse(&text, base_dir(path), &TokenFile::read)
    }

    /// Reads a config file and tells everything about it, also what is doubtful beside mistakes,
    /// and what is missing on the disk that it speaks of.
    #[must_use]
    pub fn examine(path: &Path) -> Checked {
        let mut checked = match read_text(path) {
            Ok(text) => check::config(&text, base_dir(path), &TokenFile::read),
            Err(mistake) => Checked { config: None, mistakes: vec![mistake], warnings: vec![] },
        };
        let around = checked.config.as_ref().map(look_around).unwrap_or_default();
        checked.warnings.extend(around);
        checked
    }
}

/// Reads from a config file only where the daemon listens, so that no other mistake in the file
/// keeps an operator out.
///
/// # Errors
/// The mistakes that stand in the way.
pub fn admin_listen(path: &Path) -> Result<SocketAddr, Vec<Mistake>> {
    let text = read_text(path).map_err(|mistake| vec![mistake])?;
    door::admin_listen(&text, base_dir(path), &TokenFile::read)
}

/// Reads only the operators' token through a config file.
///
/// # Errors
/// The mistakes that stand in the way.
pub fn admin_token(path: &Path) -> Result<Secret, Vec<Mistake>> {
    let text = read_text(path).map_err(|mistake| vec![mistake])?;
    door::admin_token(&text, base_dir(path), &TokenFile::read)
}

fn base_dir(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new(""))
}

#[cfg(test)]
mod tests;
