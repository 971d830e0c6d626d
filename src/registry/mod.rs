//! What operators have laid down: accounts, identifiers, devices, mailboxes.
//!
//! Every change is a [`Command`]. [`Registry::plan`] says what it comes to, the store writes
//! command and outcome down under the next number, and [`Registry::apply`] brings it about. The
//! same log gives the same registry on every machine, so a replicated log can be put under it.

mod care;
mod cells;
mod change;
mod command;
mod entries;
mod error;
mod find;
mod mailbox;
mod plan;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use crate::domain::{
    Account, AccountKey, AccountName, Cells, Device, DeviceName, Identifier, Index, MailboxName,
};

use cells::{NameCell, NumberCell};
use entries::{Entries, Entry};

pub use cells::NameHash;
pub use change::Change;
pub use command::{AccountPatch, AccountSpec, CarePatch, Command, DevicePatch, MailboxPatch};
pub use error::Error;

/// The most accounts; at the limit `account add` is refused.
pub const ACCOUNTS_MAX: usize = 4_000_000;
/// The most devices of one account; at the limit `device add` is refused.
pub const DEVICES_MAX: usize = 10_000;
/// The most identifiers of one account; at the limit `number add` is refused.
pub const NUMBERS_MAX: usize = 10_000;
/// The most device names that are kept once for all; others are kept with their devices.
const DEVICE_NAMES_MAX: usize = 4096;

/// The registry in memory: every question is answered from here.
#[derive(Clone, Debug)]
pub struct Registry {
    entries: Entries,
    by_name: Cells<NameCell>,
    by_number: Cells<NumberCell>,
    by_address: Index<Arc<str>, AccountKey>,
    /// Most devices are called alike: each name is kept once, up to [`DEVICE_NAMES_MAX`] of them.
    device_names: Index<DeviceName, DeviceName>,
    names: BTreeMap<AccountName, AccountKey>,
    identifiers: BTreeMap<Identifier, AccountKey>,
    /// How many addresses there are at each host: one look tells most URIs from identifiers.
    hosts: BTreeMap<Box<str>, usize>,
    /// (parent, child).
    children: BTreeSet<(AccountKey, AccountKey)>,
    mailboxes: BTreeMap<MailboxName, AccountKey>,
    devices: usize,
    /// How many accounts have rules.
    ruled: usize,
    keys_given: u32,
    applied: u64,
}

/// How much there is in a registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accounts.
    pub accounts: usize,
    /// Identifiers.
    pub identifiers: usize,
    /// Devices.
    pub devices: usize,
    /// Mailboxes.
    pub mailboxes: usize,
    /// Accounts that have rules.
    pub ruled: usize,
}

impl Registry {
    /// An empty registry. `seed` keeps strangers from aiming at one hash bucket.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            entries: Entries::default(),
            by_name: Cells::new(seed),
            by_number: Cells::new(seed),
            by_address: Index::new(seed),
            device_names: Index::new(seed),
            names: BTreeMap::new(),
            identifiers: BTreeMap::new(),
            hosts: BTreeMap::new(),
            children: BTreeSet::new(),
            mailboxes: BTreeMap::new(),
            devices: 0,
            ruled: 0,
            keys_given: 0,
            applied: 0,
        }
    }

    /// Brings about a command that stands in the log under `index`. What comes of it is returned,
    /// and is the same everywhere.
    ///
    /// # Errors
    /// [`Error::OutOfOrder`] when a number is skipped or repeated, else why the command is
    /// refused; its number is used up all the same.
    pub fn apply(&mut self, index: u64, command: &Command) -> Result<Vec<Change>, Error> {
        let expected = self.applied + 1;
        if index != expected {
            return Err(Error::OutOfOrder { expected, given: index });
        }
        self.applied = index;
        let changes = self.plan(command)?;
        for change in &changes {
            self.absorb(change.clone());
        }
        Ok(changes)
    }

    /// Takes in a row as the store has it, at a start: accounts first, then the rest.
    pub fn restore(&mut self, change: Change) {
        self.absorb(change);
    }

    /// Says up to which number of the log the restored rows go.
    pub fn restored_to(&mut self, index: u64) {
        self.applied = index;
    }

    /// The number of the last command in the log.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// An account by its key.
    #[must_use]
    pub fn account(&self, key: AccountKey) -> Option<&Account> {
        self.entry(key).map(|entry| &entry.account)
    }

    /// Whether any identifier is an address at this host, whatever the case of its letters.
    #[must_use]
    pub fn has_host(&self, host: &str) -> bool {
        if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return self.hosts.contains_key(&*host.to_ascii_lowercase());
        }
        self.hosts.contains_key(host)
    }

    /// All accounts by name, beginning behind `after`.
    pub fn accounts(&self, after: Option<&str>) -> impl Iterator<Item = (AccountKey, &Account)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.names
            .range::<str, _>((from, Bound::Unbounded))
            .filter_map(|(_, key)| self.account(*key).map(|account| (*key, account)))
    }

    /// All identifiers in order, beginning behind `after`.
    pub fn numbers(
        &self,
        after: Option<&Identifier>,
    ) -> impl Iterator<Item = (&Identifier, AccountKey)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.identifiers
            .range::<Identifier, _>((from, Bound::Unbounded))
            .map(|(identifier, key)| (identifier, *key))
    }

    /// The accounts right below one, by key, beginning behind `after`.
    pub fn children(
        &self,
        parent: AccountKey,
        after: Option<AccountKey>,
    ) -> impl Iterator<Item = AccountKey> {
        let from = match after {
            Some(child) => Bound::Excluded((parent, child)),
            None => Bound::Included((parent, AccountKey(0))),
        };
        let to = Bound::Included((parent, AccountKey(u32::MAX)));
        self.children.range((from, to)).map(|(_, child)| *child)
    }

    /// The account itself and those above it, upwards. At most one more than
    /// [`crate::domain::MAX_PARENT_DEPTH`].
    pub fn line(&self, key: AccountKey) -> impl Iterator<Item = (AccountKey, &Account)> {
        let mut next = Some(key);
        std::iter::from_fn(move || {
            let key = next?;
            let account = self.account(key)?;
            next = account.parent;
            Some((key, account))
        })
    }

    /// An account's identifiers.
    #[must_use]
    pub fn identifiers(&self, key: AccountKey) -> &[Identifier] {
        self.entry(key).map_or(&[], |entry| &entry.identifiers)
    }

    /// An account's devices, by stage.
    #[must_use]
    pub fn devices(&self, key: AccountKey) -> &[Device] {
        self.entry(key).map_or(&[], |entry| &entry.devices)
    }

    /// How much there is.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            accounts: self.names.len(),
            identifiers: self.identifiers.len(),
            devices: self.devices,
            mailboxes: self.mailboxes.len(),
            ruled: self.ruled,
        }
    }

    fn entry(&self, key: AccountKey) -> Option<&Entry> {
        self.entries.get(key)
    }

    fn entry_mut(&mut self, key: AccountKey) -> Option<&mut Entry> {
        self.entries.get_mut(key)
    }

    fn absorb(&mut self, change: Change) {
        match change {
            Change::KeysGiven(given) => self.keys_given = self.keys_given.max(given),
            Change::Account(key, account) => self.set_account(key, account),
            Change::AccountGone(key) => self.drop_account(key),
            Change::Identifier(identifier, key) => {
                if self.owner(&identifier).is_some() {
                    self.drop_identifier(&identifier);
                }
                if let Some(entry) = self.entry_mut(key) {
                    entry.identifiers.push(identifier.clone());
                    match &identifier {
                        Identifier::Number(number) => self.by_number.lead(*number, key),
                        Identifier::Address(address) => {
                            self.by_address.insert(Arc::clone(address), key);
                        }
                    }
                    if let Some(host) = host_of(&identifier) {
                        *self.hosts.entry(host.into()).or_default() += 1;
                    }
                    self.identifiers.insert(identifier, key);
                }
            }
            Change::IdentifierGone(identifier) => self.drop_identifier(&identifier),
            Change::Device(key, device) => self.set_device(key, device),
            Change::Mailbox(key, mailbox) => self.set_mailbox(key, mailbox),
            Change::MailboxGone(key, _) => self.drop_mailbox(key),
            Change::Rules(key, file) => self.set_rules(key, Some(Arc::clone(file.rules()))),
            Change::RulesGone(key) => self.set_rules(key, None),
            Change::Care(key, care) => self.set_care(key, care),
            Change::DeviceGone(key, name) => {
                let Some(entry) = self.entry_mut(key) else { return };
                if let Some(place) = entry.devices.iter().rposition(|kept| kept.name == name) {
                    entry.devices.remove(place);
                    self.devices -= 1;
                }
            }
        }
    }

    fn set_account(&mut self, key: AccountKey, account: Account) {
        let old = self.account(key).map(|old| (old.name.clone(), old.parent));
        if let Some((name, parent)) = old {
            self.forget_name(&name, key);
            if let Some(parent) = parent {
                self.children.remove(&(parent, key));
            }
        }
        let hash = self.hash(account.name.as_str());
        self.by_name.insert(NameCell { hash, account: key });
        self.names.insert(account.name.clone(), key);
        if let Some(parent) = account.parent {
            self.children.insert((parent, key));
        }
        self.entries.set(key, account);
    }

    fn forget_name(&mut self, name: &AccountName, key: AccountKey) {
        let hash = self.hash(name.as_str());
        self.by_name.remove(hash.0, |cell| cell.account == key);
        self.names.remove(name);
    }

    fn drop_account(&mut self, key: AccountKey) {
        self.drop_mailbox(key);
        self.set_rules(key, None);
        let Some(entry) = self.entries.take(key) else { return };
        self.forget_name(&entry.account.name, key);
        if let Some(parent) = entry.account.parent {
            self.children.remove(&(parent, key));
        }
        for identifier in &entry.identifiers {
            self.lead_nowhere(identifier);
            self.forget_identifier(identifier);
        }
        self.devices -= entry.devices.len();
    }

    fn forget_identifier(&mut self, identifier: &Identifier) {
        if self.identifiers.remove(identifier).is_some()
            && let Some(host) = host_of(identifier)
            && let Some(count) = self.hosts.get_mut(host)
        {
            *count -= 1;
            if *count == 0 {
                self.hosts.remove(host);
            }
        }
    }

    fn lead_nowhere(&mut self, identifier: &Identifier) -> Option<AccountKey> {
        match identifier {
            Identifier::Number(number) => self.by_number.forget(*number),
            Identifier::Address(address) => self.by_address.remove(&**address),
        }
    }

    fn drop_identifier(&mut self, identifier: &Identifier) {
        self.forget_identifier(identifier);
        if let Some(owner) = self.lead_nowhere(identifier)
            && let Some(entry) = self.entry_mut(owner)
            && let Some(place) = entry.identifiers.iter().rposition(|kept| kept == identifier)
        {
            entry.identifiers.remove(place);
        }
    }

    fn set_device(&mut self, key: AccountKey, mut device: Device) {
        match self.device_names.get(&device.name) {
            Some(kept) => device.name = kept.clone(),
            None if self.device_names.len() < DEVICE_NAMES_MAX => {
                self.device_names.insert(device.name.clone(), device.name.clone());
            }
            None => {}
        }
        let Some(entry) = self.entry_mut(key) else { return };
        let devices = &mut entry.devices;
        let known = devices.iter().position(|kept| kept.name == device.name);
        let before = known.map(|position| devices.remove(position));
        // A device that keeps its stage keeps its place: people see the list in this order.
        let place = match (known, before) {
            (Some(position), Some(before)) if before.stage == device.stage => position,
            _ => devices.partition_point(|kept| kept.stage <= device.stage),
        };
        devices.insert(place, device);
        if known.is_none() {
            self.devices += 1;
        }
    }
}

fn host_of(identifier: &Identifier) -> Option<&str> {
    match identifier {
        Identifier::Address(address) => address.rsplit_once('@').map(|(_, host)| host),
        Identifier::Number(_) => None,
    }
}

#[cfg(test)]
mod tests;
