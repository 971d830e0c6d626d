//! Accounts: the customers who own caps.

use serde::{Deserialize, Serialize};

use super::{AccountName, Error, Zone};

/// How many parents may stand above an account. Deeper trees are refused when they are made, so
/// that one call never needs more than a handful of rights.
pub const MAX_PARENT_DEPTH: usize = 4;

/// The number of an account inside this installation. Given once, in order, never given again:
/// a row of an account that was removed can't be mistaken for another account's.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct AccountKey(pub u32);

/// How many simultaneous calls an account may carry. `None` means: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caps {
    /// Calls of both directions together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_calls: Option<u32>,
    /// Calls to the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_in: Option<u32>,
    /// Calls from the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_out: Option<u32>,
}

/// What happens to calls when the rights of an account can't be vouched for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Rather a call too many than a customer silenced; the excess is bounded and shown.
    #[default]
    Available,
    /// Never a call above the cap, even if calls are refused meanwhile.
    Strict,
}

/// SIP codes that replace the default ones when a cap refuses a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusalCodes {
    /// For calls to the account, instead of 486.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u16>,
    /// For calls from the account, instead of 403.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u16>,
}

impl RefusalCodes {
    /// Checks that both codes can refuse a call.
    ///
    /// # Errors
    /// [`Error::Code`] for a code outside 400 to 699.
    pub fn check(self) -> Result<Self, Error> {
        for code in [self.to, self.from].into_iter().flatten() {
            if !(400..=699).contains(&code) {
                return Err(Error::Code { given: code.into() });
            }
        }
        Ok(self)
    }
}

/// A customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// What the operator calls it.
    pub name: AccountName,
    /// Its limits.
    #[serde(flatten)]
    pub caps: Caps,
    /// The reseller above it, whose caps count this account's calls too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<AccountKey>,
    /// What happens when rights can't be vouched for.
    #[serde(default)]
    pub policy: Policy,
    /// Its IANA time zone, `None` for the installation's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
    /// A disabled account neither makes nor gets calls, emergency calls excepted.
    pub enabled: bool,
    /// SIP codes instead of the default ones.
    #[serde(default)]
    pub refusal_codes: RefusalCodes,
}
