//! Finding: by name, by identifier; and reading ahead what a call will read.

use crate::domain::{AccountKey, Identifier, Number};

use super::Registry;
use super::cells::{NameCell, NameHash, name_hash};
use super::entries::Entry;

/// How many devices are read ahead. More are rare, and those would push out what is needed.
const DEVICES_AHEAD: usize = 6;

impl Registry {
    /// An account's key by its name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<AccountKey> {
        self.find_hashed(self.hash(name), name)
    }

    /// The hash of an account's name here.
    #[must_use]
    pub fn hash(&self, name: &str) -> NameHash {
        name_hash(name, self.by_name.seed())
    }

    /// [`Registry::find`], the name's [`Registry::hash`] being known.
    #[must_use]
    pub fn find_hashed(&self, hash: NameHash, name: &str) -> Option<AccountKey> {
        let is = |cell: NameCell| {
            cell.hash == hash
                && self.account(cell.account).is_some_and(|account| account.name.as_str() == name)
        };
        self.by_name.find(hash.0, is).map(|cell| cell.account)
    }

    /// The account that an identifier leads to.
    #[must_use]
    pub fn owner(&self, identifier: &Identifier) -> Option<AccountKey> {
        match identifier {
            Identifier::Number(number) => self.owner_of_number(*number),
            Identifier::Address(address) => self.by_address.get(&**address).copied(),
        }
    }

    /// The account that a number leads to.
    #[must_use]
    pub fn owner_of_number(&self, number: Number) -> Option<AccountKey> {
        self.by_number.owner(number)
    }

    /// Who is likely to be the account of a name's hash, and whose a number is: both found in one
    /// line of memory each, which are asked for together.
    #[must_use]
    pub fn likely_ends(
        &self,
        name: Option<NameHash>,
        number: Option<Number>,
    ) -> [Option<AccountKey>; 2] {
        let likely = name.and_then(|hash| self.by_name.likely(hash));
        [likely, number.and_then(|number| self.owner_of_number(number))]
    }

    /// Reads what a call will read of its caller and its callee, for nothing but to have it read:
    /// see `sessions::Table::touch_ahead`. Here what their keys lead to.
    #[must_use]
    pub fn touch_ahead(&self, ends: [Option<AccountKey>; 2]) -> usize {
        self.touch(ends, |entry| usize::from(entry.account.enabled) ^ entry.devices.len())
    }

    /// The same for what lies behind that: names and devices.
    #[must_use]
    pub fn touch_behind(&self, [caller, callee]: [Option<AccountKey>; 2]) -> usize {
        let names = self.touch([caller, callee], |entry| {
            let above = entry.account.parent.and_then(|parent| self.entries.get(parent));
            let above = above.map_or(0, |above| usize::from(above.account.enabled));
            above ^ first(entry.account.name.as_str())
        });
        let devices = self.touch([callee], |entry| {
            let own = entry.identifiers.first().is_some_and(Identifier::is_address);
            let devices = entry.devices.iter().take(DEVICES_AHEAD);
            devices.fold(usize::from(own), |all, device| {
                all ^ usize::from(device.stage) ^ device.name.as_str().len()
            })
        });
        names ^ devices
    }

    /// The same for what lies furthest away: where the devices are.
    #[must_use]
    pub fn touch_last(&self, [_, callee]: [Option<AccountKey>; 2]) -> usize {
        self.touch([callee], |entry| {
            let devices = entry.devices.iter().take(DEVICES_AHEAD);
            let addresses = devices.filter_map(|device| device.target.uri());
            addresses.fold(0, |all, uri| all ^ first(uri.as_str()))
        })
    }

    fn touch<const ENDS: usize>(
        &self,
        ends: [Option<AccountKey>; ENDS],
        read: impl Fn(&Entry) -> usize,
    ) -> usize {
        let entries = ends.into_iter().filter_map(|key| self.entries.get(key?));
        entries.fold(0, |all, entry| all ^ read(entry))
    }
}

fn first(text: &str) -> usize {
    usize::from(text.as_bytes().first().copied().unwrap_or_default())
}
