//! What the desk is told once, at a start or a reload.

use std::sync::Arc;

use crate::domain::{NodeId, Numbering, ProxyId, StarCodes, SwitchId, Zone};
use crate::messages;
use crate::routing::Limits;

/// The desk's settings. All of them may change at a reload but `node`, `boot`, `seed`,
/// `calls_max` and `proxies`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// This node in the ledger.
    pub node: NodeId,
    /// The number of this start; grows with every start.
    pub boot: u32,
    /// Keeps strangers from aiming at one hash bucket.
    pub seed: u64,
    /// Digits (or `sos`) that are always let through.
    pub emergency_numbers: Vec<String>,
    /// How long after an emergency call its caller can't be refused calls, in milliseconds.
    pub emergency_grace_ms: u64,
    /// How numbers are written where the proxies stand.
    pub numbering: Numbering,
    /// The zone of accounts that have none of their own.
    pub zone: Zone,
    /// What devices may dial to change something.
    pub star_codes: StarCodes,
    /// `host[:port]` of the gateway to telephone numbers.
    pub gateway: Option<String>,
    /// For how long a call is held for a device that is asked to wake, in seconds; `None`: nobody
    /// could send the push.
    pub push_wait_s: Option<u16>,
    /// How many branches an order may have.
    pub limits: Limits,
    /// Whether a From that names one of our accounts is believed without authentication.
    pub trust_from: bool,
    /// How long a reservation outlives the last ring of its order, in milliseconds.
    pub reserve_slack_ms: u64,
    /// The switch's own longest duration of a call, in milliseconds.
    pub duration_max_ms: u64,
    /// The most calls in the table; beyond it calls are refused, emergencies excepted.
    pub calls_max: usize,
    /// How many proxies are asked for their lists.
    pub proxies: u8,
    /// The switches that take messages, in the order of the configuration; without any, calls are
    /// answered as if there were no mailboxes.
    pub switches: Vec<SwitchPlace>,
    /// How messages are taken.
    pub messages: messages::Settings,
    /// How rights are shared with other nodes.
    pub together: TogetherSettings,
}

/// How rights are shared with other nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TogetherSettings {
    /// How long a call waits for rights of other nodes, in milliseconds. Well below the proxy's own
    /// deadline.
    pub ask_within_ms: u64,
    /// How many calls a node may carry of each cap of an account with policy `available` beyond
    /// its rights when the others can't be reached.
    pub overdraft: u32,
    /// After how long the rights of a node that can't be reached are free again, those of strict
    /// accounts excepted; `None`: only when an operator says so.
    pub release_after_ms: Option<u64>,
    /// How many questions may wait at once; beyond it they are answered as if their time was up.
    pub waiting_max: usize,
}

impl Default for TogetherSettings {
    fn default() -> Self {
        Self {
            ask_within_ms: 170,
            overdraft: 1,
            release_after_ms: Some(120 * 1000),
            waiting_max: 10_000,
        }
    }
}

/// Where a switch takes messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchPlace {
    /// Its number.
    pub id: SwitchId,
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// `host:port` to which the proxy sends calls for it.
    pub sip: Arc<str>,
    /// Whether calls come to it without a proxy, and it asks us who rings.
    pub routes: bool,
}

/// Switches that ask stand among the proxies, behind all that can be configured.
const FIRST_SWITCH: u8 = 128;

impl SwitchPlace {
    /// As what it is asked for its calls, if it asks us who rings.
    #[must_use]
    pub fn as_proxy(&self) -> Option<ProxyId> {
        self.routes.then(|| ProxyId(FIRST_SWITCH.saturating_add(self.id.0)))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            node: NodeId(1),
            boot: 1,
            seed: 0,
            emergency_numbers: ["112", "911", "110", "999", "000", "sos"].map(str::to_owned).into(),
            emergency_grace_ms: 60 * 60 * 1000,
            numbering: Numbering::default(),
            zone: Zone::utc(),
            star_codes: StarCodes::default(),
            gateway: None,
            push_wait_s: None,
            limits: Limits { branches_max: 24, stage_branches_max: 10 },
            trust_from: false,
            reserve_slack_ms: 60 * 1000,
            duration_max_ms: 12 * 60 * 60 * 1000,
            calls_max: 2_000_000,
            proxies: 0,
            switches: Vec::new(),
            messages: messages::Settings::default(),
            together: TogetherSettings::default(),
        }
    }
}
