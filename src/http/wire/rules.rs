//! Rules as the admin API shows them.

use serde::{Deserialize, Serialize};

use crate::domain::{AccountName, Communication, Zone};
use crate::rules::Mistake;

/// An account's rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesView {
    /// Whose.
    pub account: AccountName,
    /// As they were written.
    pub text: String,
    /// What may be a slip of the pen: tags that no device has. Told when rules are set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Mistake>,
}

/// For which calls is asked when the order will change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextFilter {
    /// Who calls, as a From URI has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What is dialled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// What kind of communication it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Communication>,
    /// How many days ahead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
}

/// When the order will change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextView {
    /// Where the wall is whose clock is shown.
    pub zone: Zone,
    /// What rings now, and every change of it.
    pub turns: Vec<TurnView>,
}

/// From when on something else rings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnView {
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// What the wall shows then: `2026-03-29 03:00`.
    pub shown: String,
    /// Stage by stage, devices of one with `+` between.
    pub rings: Vec<String>,
}
