//! Pools of rights: one for each cap that can refuse a call.

use serde::{Deserialize, Serialize};

use super::AccountKey;

/// Which of an account's caps a pool stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PoolKind {
    /// `max_calls`.
    Total,
    /// `max_in`.
    In,
    /// `max_out`.
    Out,
}

impl PoolKind {
    /// All there are, in the order of [`PoolId::index`].
    pub const ALL: [Self; 3] = [Self::Total, Self::In, Self::Out];
}

/// One pool: an account and one of its caps, in four bytes because every live call names several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PoolId(u32);

impl PoolId {
    /// The pool of `account` for `kind`. Account numbers stay below 2³⁰ (the registry refuses
    /// more), so the two never overlap.
    #[must_use]
    pub fn new(account: AccountKey, kind: PoolKind) -> Self {
        Self(account.0 << 2 | kind as u32)
    }

    /// As one number, as it is written down.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }

    /// What [`PoolId::number`] gave; `None`: no pool has this number.
    #[must_use]
    pub fn of(number: u32) -> Option<Self> {
        (number & 3 < 3).then_some(Self(number))
    }

    /// The account that owns the cap.
    #[must_use]
    pub fn account(self) -> AccountKey {
        AccountKey(self.0 >> 2)
    }

    /// Its place among the account's pools: 0 for the total, 1 and 2 for the directions.
    #[must_use]
    pub fn index(self) -> usize {
        (self.0 & 3).min(2) as usize
    }

    /// Which of its caps.
    #[must_use]
    pub fn kind(self) -> PoolKind {
        match self.0 & 3 {
            0 => PoolKind::Total,
            1 => PoolKind::In,
            _ => PoolKind::Out,
        }
    }
}
