//! Rules: what commands about them come to.

use std::sync::Arc;

use crate::domain::{AccountKey, AccountName, Rules};
use crate::rules::RuleFile;

use super::{Change, Error, Registry};

impl Registry {
    /// An account's rules, if it has some.
    #[must_use]
    pub fn rules(&self, key: AccountKey) -> Option<&Arc<Rules>> {
        self.entry(key)?.rules.as_ref()
    }

    /// Rules that name a device which the account does not have are refused. One that goes away
    /// later is left out of orders, and said.
    pub(super) fn rules_set(
        &self,
        account: &AccountName,
        file: &RuleFile,
    ) -> Result<Vec<Change>, Error> {
        let key = self.key_of(account)?;
        let devices = self.devices(key);
        let mistakes = file.strangers(|name| devices.iter().any(|device| device.name == *name));
        if mistakes.is_empty() {
            Ok(vec![Change::Rules(key, file.clone())])
        } else {
            Err(Error::Rules { account: account.clone(), mistakes })
        }
    }

    pub(super) fn rules_remove(&self, account: &AccountName) -> Result<Vec<Change>, Error> {
        let key = self.key_of(account)?;
        match self.rules(key) {
            Some(_) => Ok(vec![Change::RulesGone(key)]),
            None => Err(Error::NoRules { account: account.clone() }),
        }
    }

    pub(super) fn set_rules(&mut self, key: AccountKey, rules: Option<Arc<Rules>>) {
        if let Some(entry) = self.entry_mut(key) {
            let had = std::mem::replace(&mut entry.rules, rules).is_some();
            let has = entry.rules.is_some();
            self.ruled = self.ruled + usize::from(has) - usize::from(had);
        }
    }
}
