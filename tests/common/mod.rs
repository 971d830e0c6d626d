//! What several tests share: a stand-in for the store.

use std::collections::BTreeMap;

use hallporter::desk::{Desk, Settings};
use hallporter::domain::{Account, AccountKey, CallRef, Care, Device, Identifier, Mailbox, Now};
use hallporter::registry::Change;
use hallporter::rules::RuleFile;
use hallporter::sessions::{RowChange, SessionRow};

/// What a store would have on disk: rows, and nothing that was not given to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf {
    keys_given: u32,
    applied: u64,
    accounts: BTreeMap<AccountKey, Account>,
    identifiers: BTreeMap<Identifier, AccountKey>,
    devices: BTreeMap<AccountKey, Vec<Device>>,
    mailboxes: BTreeMap<AccountKey, Mailbox>,
    rules: BTreeMap<AccountKey, RuleFile>,
    cares: BTreeMap<AccountKey, Care>,
    calls: BTreeMap<CallRef, SessionRow>,
}

impl Shelf {
    /// Writes down what command number `index` came to.
    pub(crate) fn note(&mut self, index: u64, changes: Vec<Change>) {
        self.applied = index;
        for change in changes {
            self.note_one(change);
        }
    }

    fn note_one(&mut self, change: Change) {
        match change {
            Change::KeysGiven(given) => self.keys_given = given,
            Change::Account(key, account) => {
                self.accounts.insert(key, account);
            }
            Change::AccountGone(key) => {
                self.accounts.remove(&key);
                self.devices.remove(&key);
                self.mailboxes.remove(&key);
                self.rules.remove(&key);
                self.cares.remove(&key);
                self.identifiers.retain(|_, owner| *owner != key);
            }
            Change::Identifier(identifier, key) => {
                self.identifiers.insert(identifier, key);
            }
            Change::IdentifierGone(identifier) => {
                self.identifiers.remove(&identifier);
            }
            Change::Device(key, device) => {
                let devices = self.devices.entry(key).or_default();
                match devices.iter_mut().find(|kept| kept.name == device.name) {
                    Some(kept) => *kept = device,
                    None => devices.push(device),
                }
            }
            Change::Mailbox(key, mailbox) => {
                self.mailboxes.insert(key, mailbox);
            }
            Change::MailboxGone(key, _) => {
                self.mailboxes.remove(&key);
            }
            Change::Rules(key, file) => {
                self.rules.insert(key, file);
            }
            Change::RulesGone(key) => {
                self.rules.remove(&key);
            }
            Change::Care(key, care) => {
                self.cares.insert(key, *care);
            }
            Change::DeviceGone(key, name) => {
                self.devices.entry(key).or_default().retain(|device| device.name != name);
            }
        }
    }

    /// Writes down the rows that have changed.
    pub(crate) fn save(&mut self, desk: &mut Desk, now: Now) {
        loop {
            let changes = desk.take_changes(3, now);
            if changes.is_empty() {
                break;
            }
            for change in changes {
                match change {
                    RowChange::Put(row) => {
                        self.calls.insert(row.call, SessionRow { proxy: None, ..row });
                    }
                    RowChange::Gone(call) => {
                        self.calls.remove(&call);
                    }
                }
            }
        }
    }

    /// A desk that has read everything back.
    pub(crate) fn open(&self, settings: Settings, now: Now) -> Desk {
        let mut desk = Desk::new(settings);
        desk.restore_registry(Change::KeysGiven(self.keys_given));
        for (key, account) in &self.accounts {
            desk.restore_registry(Change::Account(*key, account.clone()));
        }
        for (identifier, key) in &self.identifiers {
            desk.restore_registry(Change::Identifier(identifier.clone(), *key));
        }
        for (key, devices) in &self.devices {
            for device in devices {
                desk.restore_registry(Change::Device(*key, device.clone()));
            }
        }
        for (key, mailbox) in &self.mailboxes {
            desk.restore_registry(Change::Mailbox(*key, mailbox.clone()));
        }
        for (key, file) in &self.rules {
            desk.restore_registry(Change::Rules(*key, file.clone()));
        }
        for (key, care) in &self.cares {
            desk.restore_registry(Change::Care(*key, Box::new(care.clone())));
        }
        desk.registry_restored_to(self.applied);
        for row in self.calls.values() {
            desk.restore_call(row, now);
        }
        desk.restored();
        desk
    }
}
