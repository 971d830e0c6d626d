//! What several commands take on the command line, and how it is read.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};

use crate::config::check_url;
use crate::domain::{Policy, RING_S_MAX};
use crate::text::parse_duration;

/// Where the daemon is, and the token it wants.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Daemon {
    /// The daemon, such as http://127.0.0.1:8170
    #[arg(long, env = "HALLPORTER_URL", global = true, hide_env_values = true, value_parser = url, help_heading = "Daemon")]
    pub(super) url: Option<String>,
    /// The file with the operators' token
    #[arg(
        long,
        env = "HALLPORTER_TOKEN_FILE",
        global = true,
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Daemon"
    )]
    pub(super) token_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) config: ConfigFile,
}

/// Which config file.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct ConfigFile {
    /// The config file [default: ./hallporter.toml, else /etc/hallporter/hallporter.toml]
    #[arg(
        short,
        long,
        env = "HALLPORTER_CONFIG",
        global = true,
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Daemon"
    )]
    pub(super) config: Option<PathBuf>,
}

/// How much of a list is shown.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Limit {
    /// Show at most this many
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) limit: u32,
}

/// A limit: a number, or "none".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OrNone<T>(pub(super) Option<T>);

impl<T: FromStr> FromStr for OrNone<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(None));
        }
        let number = text.parse().map_err(|_| "write a whole number, or \"none\"".to_owned())?;
        Ok(Self(Some(number)))
    }
}

/// Whether something is so: `on` or `off`.
pub(super) fn on_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("write \"on\" or \"off\"".to_owned()),
    }
}

/// What happens to calls when the rights of an account can't be vouched for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum PolicyWord {
    /// Rather a call too many than a customer silenced
    Available,
    /// Never a call above the cap
    Strict,
}

impl From<PolicyWord> for Policy {
    fn from(word: PolicyWord) -> Self {
        match word {
            PolicyWord::Available => Self::Available,
            PolicyWord::Strict => Self::Strict,
        }
    }
}

/// A ring time such as `15s`, in whole seconds.
pub(super) fn ring_s(text: &str) -> Result<u16, String> {
    let ring = parse_duration(text)?;
    let whole = ring.subsec_nanos() == 0;
    let ring_s =
        u16::try_from(ring.as_secs()).ok().filter(|ring_s| (1..=RING_S_MAX).contains(ring_s));
    ring_s.filter(|_| whole).ok_or_else(|| format!("take 1s to {RING_S_MAX}s, in whole seconds"))
}

/// A time such as `2h`, in whole seconds.
pub(super) fn duration_s(text: &str) -> Result<u32, String> {
    let seconds = parse_duration(text)?.as_secs();
    u32::try_from(seconds).map_err(|_| "is too long".to_owned())
}

fn url(text: &str) -> Result<String, String> {
    let told =
        |what: &str| format!("{what}: write only the address, such as http://127.0.0.1:8170");
    check_url(text).map_err(|what| told(&what))?;
    if text.contains(['?', '#']) { Err(told("too much")) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_may_be_taken_away() {
        assert_eq!("none".parse(), Ok(OrNone::<u32>(None)));
        assert_eq!("0".parse(), Ok(OrNone(Some(0u32))));
        assert!("-1".parse::<OrNone<u32>>().is_err());
    }

    #[test]
    fn phones_ring_for_whole_seconds() {
        assert_eq!(ring_s("15s"), Ok(15));
        assert_eq!(ring_s("2m"), Ok(120));
        for bad in ["0s", "301s", "1500ms", "15", "1d"] {
            assert!(ring_s(bad).is_err(), "{bad}");
        }
    }
}
