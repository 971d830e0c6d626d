//! How the daemon stands.

use serde::{Deserialize, Serialize};

use super::{ClusterBrief, OutboxStatus};

/// How the daemon stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Whether it decides.
    pub ready: bool,
    /// Why it does not, in a sentence; also may name a trouble while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Whether it is about to stop.
    pub draining: bool,
    /// The program's version.
    pub version: String,
    /// The node's name.
    pub node: String,
    /// Its region.
    pub region: String,
    /// The number of this start.
    pub boot: u32,
    /// How long it has been running, in seconds.
    pub uptime_s: u64,
    /// Its part in the cluster; absent: it is alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterBrief>,
    /// Live calls, admitted ones included.
    pub calls: u64,
    /// Accounts in the registry.
    pub accounts: u64,
    /// Identifiers in the registry.
    pub numbers: u64,
    /// Devices in the registry.
    pub devices: u64,
    /// How long the oldest change of a call has been waiting to be written down, in milliseconds.
    pub store_lag_ms: u64,
    /// The configured proxies.
    pub proxies: Vec<ProxyStatus>,
    /// The configured switches.
    #[serde(default)]
    pub switches: Vec<SwitchStatus>,
    /// Messages that are being left.
    #[serde(default)]
    pub deposits: u64,
    /// Notices that are not told yet; absent when they can't be counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbox: Option<OutboxStatus>,
}

/// How one switch stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchStatus {
    /// Its name in the configuration.
    pub name: String,
    /// Whether its Event Socket is connected.
    pub connected: bool,
    /// Legs of ours that it has.
    pub legs: u64,
    /// How often it was connected since the start.
    pub connects: u64,
    /// Commands that could not be sent.
    pub refused: u64,
    /// What is wrong, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// How one proxy stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyStatus {
    /// Its name in the configuration.
    pub name: String,
    /// Where it is asked.
    pub rpc: String,
    /// How long ago its list of calls was read completely, in milliseconds; `None` if never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_ago_ms: Option<u64>,
    /// How many calls the list had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<u64>,
    /// Since when it runs, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_since: Option<String>,
    /// What went wrong the last time, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}
