//! What a command comes to: rows that are set or go away.

use crate::domain::{
    Account, AccountKey, Care, Device, DeviceName, Identifier, Mailbox, MailboxName,
};
use crate::rules::RuleFile;

/// One row of the registry that changes. The store writes exactly these, in this order, in the
/// transaction that writes the command into the log; a start reads them back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// So many account keys have been given out so far; a key is never given twice, not even
    /// after a start and not even when its account is gone.
    KeysGiven(u32),
    /// An account is set.
    Account(AccountKey, Account),
    /// An account goes away, and its identifiers, devices, rules and mailbox with it, and the messages in
    /// that.
    AccountGone(AccountKey),
    /// An identifier leads to an account.
    Identifier(Identifier, AccountKey),
    /// An identifier leads nowhere any more.
    IdentifierGone(Identifier),
    /// A device of an account is set.
    Device(AccountKey, Device),
    /// A device goes away.
    DeviceGone(AccountKey, DeviceName),
    /// An account's mailbox is set; the one that it had, if any, goes away.
    Mailbox(AccountKey, Mailbox),
    /// A mailbox goes away, and the messages in it.
    MailboxGone(AccountKey, MailboxName),
    /// An account's rules are set.
    Rules(AccountKey, RuleFile),
    /// An account has no rules any more.
    RulesGone(AccountKey),
    /// What an account allows its devices, and what they have made of it.
    Care(AccountKey, Box<Care>),
}
