//! Accounts as the admin API shows them.

use serde::{Deserialize, Serialize};

use crate::domain::{AccountName, Caps, Policy, PoolKind, RefusalCodes, Zone};

/// An account and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// Its name.
    pub name: AccountName,
    /// Its caps.
    #[serde(flatten)]
    pub caps: Caps,
    /// The account above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<AccountName>,
    /// What happens when rights can't be vouched for.
    pub policy: Policy,
    /// Its time zone, if it is not the installation's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
    /// The installation's time zone, where the account has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_zone: Option<Zone>,
    /// Whether it may make and get calls.
    pub enabled: bool,
    /// SIP codes instead of the default ones.
    #[serde(default)]
    pub refusal_codes: RefusalCodes,
    /// How many accounts are right below it.
    pub children: usize,
    /// How many identifiers lead to it.
    pub numbers: usize,
    /// How many devices it has.
    pub devices: usize,
    /// Its live calls and rights at this node.
    pub usage: UsageView,
    /// In a cluster, where one account is shown: where its rights are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<SpreadView>,
}

/// Where an account's rights are, over the nodes of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpreadView {
    /// What each node has, by its number, an entry for each cap.
    pub nodes: Vec<NodeShareView>,
    /// How far each cap holds.
    pub worst: Vec<WorstView>,
}

/// What one node has of one cap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeShareView {
    /// The node's name.
    pub node: String,
    /// Whether it is the one that says this.
    pub here: bool,
    /// Whether it answers.
    pub up: bool,
    /// Which cap: `total`, `in` or `out`.
    pub cap: PoolKind,
    /// Rights that it holds, says the ledger.
    pub held: u64,
    /// All rights that were ever granted to it.
    pub granted: u64,
    /// Its live calls as it told them last; absent where more accounts are below this one than are
    /// looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<u64>,
    /// It was taken for dead and its rights are free, and it has not said since that all of its
    /// calls are covered.
    #[serde(default)]
    pub revoked: bool,
}

/// By how much one cap could at worst be exceeded; emergency calls come on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorstView {
    /// Which cap.
    pub cap: PoolKind,
    /// What it is.
    pub limit: u32,
    /// Rights that nodes hold: above the limit when it was lowered while calls were up.
    #[serde(default)]
    pub out: u64,
    /// Calls on overdraft, over all nodes, while these can't reach each other.
    pub overdraft: u64,
    /// Calls of a node that was taken for dead and is not.
    pub revoked: u64,
}

/// What an account uses of its caps, as this node sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageView {
    /// Of `max_calls`.
    pub total: PoolView,
    /// Of `max_in`.
    pub incoming: PoolView,
    /// Of `max_out`.
    pub outgoing: PoolView,
}

/// One cap and what is used of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolView {
    /// Live calls.
    pub live: u64,
    /// The limit; `None` for none.
    pub cap: Option<u32>,
    /// Rights that this node holds.
    pub held: u64,
    /// Rights that are held and may not be used yet after a start.
    pub frozen: u64,
    /// Calls that may be admitted above the rights while the others can't be reached (policy
    /// `available`).
    pub overdraft: u64,
}

/// Which accounts are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountFilter {
    /// Only names that begin so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Only accounts right below this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<AccountName>,
    /// Only enabled or only disabled ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}
