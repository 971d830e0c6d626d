//! What a command would come to.

use crate::domain::{
    Account, AccountKey, AccountName, Caps, Device, DeviceName, Identifier, MAX_PARENT_DEPTH,
};

use super::{
    ACCOUNTS_MAX, AccountPatch, AccountSpec, Change, Command, DEVICES_MAX, DevicePatch, Error,
    NUMBERS_MAX, Registry,
};

impl Registry {
    /// What `command` comes to, without bringing it about.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn plan(&self, command: &Command) -> Result<Vec<Change>, Error> {
        match command {
            Command::AccountAdd(spec) => self.account_add(spec),
            Command::AccountSet { name, patch } => self.account_set(name, patch),
            Command::AccountRemove { name } => self.account_remove(name),
            Command::NumberAdd { identifier, account } => self.number_add(identifier, account),
            Command::NumberSet { identifier, account } => self.number_set(identifier, account),
            Command::NumberRemove { identifier } => {
                self.number_owner(identifier)?;
                Ok(vec![Change::IdentifierGone(identifier.clone())])
            }
            Command::DeviceAdd { account, device } => self.device_add(account, device),
            Command::DeviceSet { account, name, patch } => self.device_set(account, name, patch),
            Command::DeviceRemove { account, name } => {
                let key = self.key_of(account)?;
                self.device_of(key, account, name)?;
                let gone = Change::DeviceGone(key, name.clone());
                Ok(std::iter::once(gone).chain(self.care_follows(key, name, None)).collect())
            }
            Command::MailboxAdd { account, mailbox } => self.mailbox_add(account, mailbox),
            Command::MailboxSet { name, patch } => self.mailbox_set(name, patch),
            Command::MailboxRemove { name } => {
                let (key, _) = self.mailbox_named(name)?;
                Ok(vec![Change::MailboxGone(key, name.clone())])
            }
            Command::RulesSet { account, text } => self.rules_set(account, text),
            Command::RulesRemove { account } => self.rules_remove(account),
            Command::CareSet { account, patch } => self.care_set(account, patch),
            Command::TokenSet { account, device, hash } => self.token_set(account, device, *hash),
        }
    }

    pub(super) fn key_of(&self, name: &AccountName) -> Result<AccountKey, Error> {
        self.find(name.as_str()).ok_or_else(|| Error::NoAccount { name: name.clone() })
    }

    fn name_is_free(&self, name: &AccountName) -> Result<(), Error> {
        match self.find(name.as_str()) {
            Some(_) => Err(Error::AccountExists { name: name.clone() }),
            None => Ok(()),
        }
    }

    fn account_add(&self, spec: &AccountSpec) -> Result<Vec<Change>, Error> {
        self.name_is_free(&spec.name)?;
        if self.counts().accounts >= ACCOUNTS_MAX || self.keys_given >= 1 << 30 {
            return Err(Error::AccountsFull { max: ACCOUNTS_MAX });
        }
        let parent = spec.parent.as_ref().map(|parent| self.key_of(parent)).transpose()?;
        if let Some(parent) = parent
            && self.line(parent).count() > MAX_PARENT_DEPTH
        {
            return Err(Error::ParentTooDeep { name: spec.name.clone(), max: MAX_PARENT_DEPTH });
        }
        let account = Account {
            name: spec.name.clone(),
            caps: spec.caps,
            parent,
            policy: spec.policy,
            zone: spec.zone.clone(),
            enabled: spec.enabled,
            refusal_codes: spec.refusal_codes.check()?,
        };
        let key = AccountKey(self.keys_given);
        Ok(vec![Change::KeysGiven(self.keys_given + 1), Change::Account(key, account)])
    }

    fn account_set(&self, name: &AccountName, patch: &AccountPatch) -> Result<Vec<Change>, Error> {
        let key = self.key_of(name)?;
        let Some(old) = self.account(key) else {
            return Err(Error::NoAccount { name: name.clone() });
        };
        if let Some(rename) = patch.rename.as_ref().filter(|rename| *rename != name) {
            self.name_is_free(rename)?;
        }
        let parent = match &patch.parent {
            None => old.parent,
            Some(None) => None,
            Some(Some(parent)) => Some(self.new_parent(key, name, parent)?),
        };
        let account = Account {
            name: patch.rename.clone().unwrap_or_else(|| old.name.clone()),
            caps: Caps {
                max_calls: patch.max_calls.unwrap_or(old.caps.max_calls),
                max_in: patch.max_in.unwrap_or(old.caps.max_in),
                max_out: patch.max_out.unwrap_or(old.caps.max_out),
            },
            parent,
            policy: patch.policy.unwrap_or(old.policy),
            zone: patch.zone.clone().unwrap_or_else(|| old.zone.clone()),
            enabled: patch.enabled.unwrap_or(old.enabled),
            refusal_codes: patch.refusal_codes.unwrap_or(old.refusal_codes).check()?,
        };
        Ok(vec![Change::Account(key, account)])
    }

    fn new_parent(
        &self,
        key: AccountKey,
        name: &AccountName,
        parent: &AccountName,
    ) -> Result<AccountKey, Error> {
        let parent_key = self.key_of(parent)?;
        if self.line(parent_key).any(|(above, _)| above == key) {
            return Err(Error::ParentLoop { name: name.clone(), parent: parent.clone() });
        }
        if self.line(parent_key).count() + self.height(key) > MAX_PARENT_DEPTH {
            return Err(Error::ParentTooDeep { name: name.clone(), max: MAX_PARENT_DEPTH });
        }
        Ok(parent_key)
    }

    /// How many generations stand below an account.
    fn height(&self, key: AccountKey) -> usize {
        self.children(key, None).map(|child| 1 + self.height(child)).max().unwrap_or(0)
    }

    fn account_remove(&self, name: &AccountName) -> Result<Vec<Change>, Error> {
        let key = self.key_of(name)?;
        let children = self.children(key, None).count();
        if children > 0 {
            return Err(Error::HasChildren { name: name.clone(), children });
        }
        // One change for all of it: ten thousand devices that go one by one, each looked for among
        // the rest, would keep calls waiting for a second.
        Ok(vec![Change::AccountGone(key)])
    }

    fn number_owner(&self, identifier: &Identifier) -> Result<AccountKey, Error> {
        self.owner(identifier).ok_or_else(|| Error::NoNumber { identifier: identifier.clone() })
    }

    fn number_add(
        &self,
        identifier: &Identifier,
        account: &AccountName,
    ) -> Result<Vec<Change>, Error> {
        if let Some(owner) = self.owner(identifier).and_then(|owner| self.account(owner)) {
            let account = owner.name.clone();
            return Err(Error::NumberTaken { identifier: identifier.clone(), account });
        }
        self.lead(identifier, account)
    }

    fn number_set(
        &self,
        identifier: &Identifier,
        account: &AccountName,
    ) -> Result<Vec<Change>, Error> {
        self.number_owner(identifier)?;
        self.lead(identifier, account)
    }

    fn lead(&self, identifier: &Identifier, account: &AccountName) -> Result<Vec<Change>, Error> {
        let key = self.key_of(account)?;
        if self.identifiers(key).len() >= NUMBERS_MAX {
            return Err(Error::NumbersFull { account: account.clone(), max: NUMBERS_MAX });
        }
        Ok(vec![Change::Identifier(identifier.clone(), key)])
    }

    pub(super) fn device_of(
        &self,
        key: AccountKey,
        account: &AccountName,
        name: &DeviceName,
    ) -> Result<&Device, Error> {
        self.devices(key)
            .iter()
            .find(|device| device.name == *name)
            .ok_or_else(|| Error::NoDevice { account: account.clone(), device: name.clone() })
    }

    fn device_name_is_free(
        &self,
        key: AccountKey,
        account: &AccountName,
        name: &DeviceName,
    ) -> Result<(), Error> {
        match self.device_of(key, account, name) {
            Ok(_) => Err(Error::DeviceExists { account: account.clone(), device: name.clone() }),
            Err(_) => Ok(()),
        }
    }

    fn device_add(&self, account: &AccountName, device: &Device) -> Result<Vec<Change>, Error> {
        let key = self.key_of(account)?;
        device.check()?;
        self.device_name_is_free(key, account, &device.name)?;
        if self.devices(key).len() >= DEVICES_MAX {
            return Err(Error::DevicesFull { account: account.clone(), max: DEVICES_MAX });
        }
        Ok(vec![Change::Device(key, device.clone())])
    }

    fn device_set(
        &self,
        account: &AccountName,
        name: &DeviceName,
        patch: &DevicePatch,
    ) -> Result<Vec<Change>, Error> {
        let key = self.key_of(account)?;
        let old = self.device_of(key, account, name)?;
        let device = Device {
            name: patch.rename.clone().unwrap_or_else(|| name.clone()),
            target: patch.target.clone().unwrap_or_else(|| old.target.clone()),
            stage: patch.stage.unwrap_or(old.stage),
            ring_s: patch.ring_s.unwrap_or(old.ring_s),
            enabled: patch.enabled.unwrap_or(old.enabled),
            dnd: patch.dnd.unwrap_or(old.dnd),
            push: patch.push.unwrap_or(old.push),
            tags: patch.tags.clone().unwrap_or_else(|| old.tags.clone()),
        };
        device.check()?;
        if device.name == *name {
            return Ok(vec![Change::Device(key, device)]);
        }
        self.device_name_is_free(key, account, &device.name)?;
        let renamed = self.care_follows(key, name, Some(&device.name));
        let changes = [Change::DeviceGone(key, name.clone()), Change::Device(key, device)];
        Ok(changes.into_iter().chain(renamed).collect())
    }
}
