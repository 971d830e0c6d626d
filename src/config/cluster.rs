//! `[cluster]`

use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::text::{parse_duration, shorten, show_duration};

use super::access::Check;

const CLUSTER: &str = "cluster";
/// How soon a node may be taken for dead, and how late. It is seen as down after some 3 seconds.
const RELEASE_AFTER: RangeInclusive<Duration> =
    Duration::from_secs(10)..=Duration::from_secs(7 * 86_400);
/// What is written where nobody is taken for dead.
const NEVER: &str = "never";

/// `[cluster]`, where this node is one of several, or is to become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Where the other nodes are listened to, UDP.
    pub listen: SocketAddr,
    /// Where the other nodes reach this one, if that is another address.
    pub reach: SocketAddr,
    /// How rights are shared.
    pub sharing: Sharing,
}

/// How rights are shared with other nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sharing {
    /// How long a call waits for rights of other nodes, in whole milliseconds.
    pub ask_within: Duration,
    /// How many calls of each cap of an `available` account go beyond the rights.
    pub overdraft: u32,
    /// After how long a node is taken for dead; `None`: never.
    pub release_after: Option<Duration>,
    /// How many calls may wait at once.
    pub waiting_max: usize,
}

/// As it would stand in the file, in one line.
impl fmt::Display for Sharing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ask_within, overdraft, release_after, waiting_max } = self;
        let release_after = release_after.map_or_else(|| NEVER.to_owned(), show_duration);
        write!(
            f,
            "ask_within {}, overdraft {overdraft}, release_after {release_after}, waiting_max {waiting_max}",
            show_duration(*ask_within)
        )
    }
}

impl Check<'_> {
    pub(super) fn cluster(&mut self) -> Option<Cluster> {
        let listen = self.socket_address("listen");
        let reach = self.socket_address("reach");
        let sharing = self.sharing();
        let Some(listen) = listen else {
            for key in ["reach", "ask_within", "overdraft", "release_after", "waiting_max"] {
                if self.typed.line(CLUSTER, 0, key).is_some() {
                    self.doubt(CLUSTER, key, "is not used without cluster.listen".to_owned());
                }
            }
            return None;
        };
        if reach.is_none() && !self.text(CLUSTER, "reach").is_empty() {
            return None;
        }
        let reach = reach.unwrap_or(listen);
        if reach.ip().is_unspecified() || reach.port() == 0 {
            let key = if reach == listen { "listen" } else { "reach" };
            let what = format!("\"{reach}\" is no address that other nodes could call");
            let hint = "say in cluster.reach by which IP:PORT the others reach this node";
            self.wrong(CLUSTER, 0, key, what, Some(hint));
        }
        Some(Cluster { listen, reach, sharing: sharing? })
    }

    fn sharing(&mut self) -> Option<Sharing> {
        let release_after = self.release_after()?;
        let overdraft = self.count(CLUSTER, "overdraft");
        Some(Sharing {
            ask_within: self.duration(CLUSTER, "ask_within"),
            overdraft: u32::try_from(overdraft).unwrap_or(u32::MAX),
            release_after,
            waiting_max: self.count(CLUSTER, "waiting_max"),
        })
    }

    /// The inner `None`: never. The outer: it makes no sense.
    fn release_after(&mut self) -> Option<Option<Duration>> {
        const KEY: &str = "release_after";
        let text = self.text(CLUSTER, KEY);
        if text == NEVER {
            return Some(None);
        }
        match parse_duration(&text) {
            Ok(after) if RELEASE_AFTER.contains(&after) => return Some(Some(after)),
            Ok(_) => {
                let [min, max] = [*RELEASE_AFTER.start(), *RELEASE_AFTER.end()].map(show_duration);
                let what = format!("{:?} is out of bounds: take {min} to {max}", shorten(&text));
                self.wrong(CLUSTER, 0, KEY, what, Some("or \"never\""));
            }
            Err(what) => self.wrong(CLUSTER, 0, KEY, what, Some("or write \"never\"")),
        }
        None
    }

    fn socket_address(&mut self, key: &'static str) -> Option<SocketAddr> {
        let text = self.text(CLUSTER, key);
        if text.is_empty() {
            return None;
        }
        let Ok(address) = text.parse() else {
            let what = format!("{:?} is no address", shorten(&text));
            let hint = "write IP:PORT, such as \"10.0.0.7:8171\"";
            self.wrong(CLUSTER, 0, key, what, Some(hint));
            return None;
        };
        Some(address)
    }
}
