//! Why a change of the registry is refused.

use crate::domain::{self, AccountName, DeviceName, GreetingName, Identifier, MailboxName};
use crate::rules;

/// A change that was refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The account name is taken.
    #[error("account {name} exists already: choose another name, or change it with `account set`")]
    AccountExists {
        /// The name.
        name: AccountName,
    },
    /// There are as many accounts as there may be.
    #[error("there are {max} accounts, and no more can be added: remove some first")]
    AccountsFull {
        /// The limit.
        max: usize,
    },
    /// The device name is taken.
    #[error(
        "account {account} has a device {device} already: choose another name, or change it with `device set`"
    )]
    DeviceExists {
        /// Whose.
        account: AccountName,
        /// The name.
        device: DeviceName,
    },
    /// The account has as many devices as it may have.
    #[error("account {account} has {max} devices, and no more can be added: remove some first")]
    DevicesFull {
        /// Whose.
        account: AccountName,
        /// The limit.
        max: usize,
    },
    /// Accounts are below the one that should go.
    #[error(
        "account {name} has {children} account(s) below it: move or remove them first (`account list --parent {name}`)"
    )]
    HasChildren {
        /// Which.
        name: AccountName,
        /// How many.
        children: usize,
    },
    /// The account has a mailbox.
    #[error(
        "account {account} has the mailbox {name} already, and an account has one at most: change that one with `mailbox set`"
    )]
    HasMailbox {
        /// Whose.
        account: AccountName,
        /// Which.
        name: MailboxName,
    },
    /// The mailbox has as many greetings with names as it may have.
    #[error(
        "mailbox {mailbox} has {max} greetings with names, and no more can be added: take one away first"
    )]
    GreetingsFull {
        /// Which.
        mailbox: MailboxName,
        /// The limit.
        max: usize,
    },
    /// The mailbox name is taken.
    #[error("mailbox {name} exists already: choose another name, or change it with `mailbox set`")]
    MailboxExists {
        /// The name.
        name: MailboxName,
    },
    /// There is no such mailbox.
    #[error("there is no mailbox {name}: see `mailbox list`")]
    NoMailbox {
        /// The name.
        name: MailboxName,
    },
    /// The mailbox has no such greeting.
    #[error("mailbox {mailbox} has no greeting {greeting}: see `mailbox show {mailbox}`")]
    NoGreeting {
        /// Which.
        mailbox: MailboxName,
        /// The name.
        greeting: GreetingName,
    },
    /// There is no such account.
    #[error("there is no account {name}: see `account list`")]
    NoAccount {
        /// The name.
        name: AccountName,
    },
    /// There is no such device.
    #[error("account {account} has no device {device}: see `device list {account}`")]
    NoDevice {
        /// Whose.
        account: AccountName,
        /// The name.
        device: DeviceName,
    },
    /// There is no such identifier.
    #[error("{identifier} leads to no account: see `number list`")]
    NoNumber {
        /// Which.
        identifier: Identifier,
    },
    /// The identifier is another account's.
    #[error(
        "{identifier} leads to account {account} already: move it with `number set {identifier} --account NAME`"
    )]
    NumberTaken {
        /// Which.
        identifier: Identifier,
        /// Whose.
        account: AccountName,
    },
    /// The account has as many identifiers as it may have.
    #[error("account {account} has {max} identifiers, and no more can be added: remove some first")]
    NumbersFull {
        /// Whose.
        account: AccountName,
        /// The limit.
        max: usize,
    },
    /// The account has no rules.
    #[error("account {account} has no rules: its notification list rings")]
    NoRules {
        /// Whose.
        account: AccountName,
    },
    /// The rules don't fit the account.
    #[error("rules for account {account}: {}", rules::listed(mistakes))]
    Rules {
        /// Whose.
        account: AccountName,
        /// Every mistake, in the order of the text.
        mistakes: Vec<rules::Mistake>,
    },
    /// The account has as many devices with a token as it may have.
    #[error(
        "{max} devices of account {account} have a token, and no more can get one: take some away first"
    )]
    TokensFull {
        /// Whose.
        account: AccountName,
        /// The limit.
        max: usize,
    },
    /// The log skips or repeats a number.
    #[error(
        "the log continues with entry {given} where {expected} was expected: the database is damaged, restore it from a copy"
    )]
    OutOfOrder {
        /// What the next number should have been.
        expected: u64,
        /// What it was.
        given: u64,
    },
    /// The account would be above itself.
    #[error("account {name} cannot stand below {parent}, which stands below it")]
    ParentLoop {
        /// Which.
        name: AccountName,
        /// The parent asked for.
        parent: AccountName,
    },
    /// The tree would be too deep.
    #[error(
        "account {name} would have more than {max} accounts above it, or one below it would: use a flatter tree"
    )]
    ParentTooDeep {
        /// Which.
        name: AccountName,
        /// The limit.
        max: usize,
    },
    /// A word in it is wrong.
    #[error(transparent)]
    Word(#[from] domain::Error),
}
