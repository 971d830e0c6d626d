//! Rows that a node tells all others: what they have to know of its calls, its deposits, and what
//! devices were seen to do there.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde::{Deserialize, Serialize};

use super::{
    AccountKey, CallRef, CallState, CallbackPolicy, CallbackScope, DeviceName, DeviceState,
    MessageId, NodeId,
};

/// The longest Call-ID of a call of which others are told, in bytes: a telling has its limit. A
/// call with a longer one is seen at its own node alone.
pub const ROW_CALL_ID_BYTES_MAX: usize = 200;

/// Which row of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RowKey {
    /// A call.
    Call(CallRef),
    /// A message that is being left, by the number of its [`MessageId`].
    Deposit(u64),
    /// The calls of an account that has rules.
    Account(AccountKey),
    /// A device of such an account, by a hash of its name.
    Device(AccountKey, u64),
}

impl RowKey {
    /// The key of a deposit.
    #[must_use]
    pub fn deposit(message: MessageId) -> Self {
        Self::Deposit(message.0)
    }

    /// The key of a device. Two names of one hash would share a row, of which the later is seen.
    #[must_use]
    pub fn device(account: AccountKey, device: &DeviceName) -> Self {
        let mut hasher = DefaultHasher::new();
        device.hash(&mut hasher);
        Self::Device(account, hasher.finish())
    }
}

/// A call of some node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRow {
    /// The SIP Call-ID.
    pub call_id: Box<str>,
    /// Who called: number or address.
    pub from: Box<str>,
    /// What was dialled: number or address.
    pub to: Box<str>,
    /// The account it counts for at the calling end.
    pub caller: Option<AccountKey>,
    /// The account it counts for at the called end.
    pub callee: Option<AccountKey>,
    /// Admitted or answered.
    pub state: CallState,
    /// Whether it is an emergency call.
    pub emergency: bool,
    /// When it was admitted, milliseconds since 1970.
    pub started_ms: i64,
    /// When it was answered, milliseconds since 1970.
    pub answered_ms: Option<i64>,
    /// When it expires if nothing follows, milliseconds since 1970.
    pub expires_ms: i64,
}

/// A deposit at some node: what a call back to its caller has to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepositRow {
    /// Whose mailbox it is for.
    pub account: AccountKey,
    /// The caller's account, if he has one.
    pub caller: Option<AccountKey>,
    /// How the caller is shown: his number or address.
    pub shown: Box<str>,
    /// The Call-ID of the call in which it is left.
    pub call_id: Box<str>,
    /// What becomes of the recording when he is called back.
    pub callback: CallbackPolicy,
    /// Whose call does that.
    pub scope: CallbackScope,
}

/// A device as a node has seen it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRow {
    /// Which device of its account.
    pub name: DeviceName,
    /// What it was seen to do.
    pub state: DeviceState,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Row {
    /// A call.
    Call(CallRow),
    /// A message that is being left.
    Deposit(DepositRow),
    /// How many calls of an account are up or being set up.
    Account(u32),
    /// A device.
    Device(DeviceRow),
}

/// What has changed of what other nodes see of accounts with rules; `None`: it is gone.
pub type Sight = (RowKey, Option<Row>);

/// A call as a node that does not have it knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FarCall {
    /// The node that has it.
    pub node: NodeId,
    /// Its number there.
    pub call: CallRef,
    /// What was told of it.
    pub row: CallRow,
}
