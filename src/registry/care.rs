//! Self care: what commands about it come to.

use crate::domain::{AccountKey, AccountName, Care, DeviceName, Target, TokenHash};

use super::{CarePatch, Change, Error, Registry};

/// How many devices of one account may have a token; at the limit a further one is refused.
const TOKENS_MAX: usize = 1_000;

impl Registry {
    /// What an account allows its devices, and what they have made of it; `None`: what is usual.
    #[must_use]
    pub fn care(&self, key: AccountKey) -> Option<&Care> {
        self.entry(key)?.care.as_deref()
    }

    pub(super) fn care_set(
        &self,
        account: &AccountName,
        patch: &CarePatch,
    ) -> Result<Vec<Change>, Error> {
        let key = self.key_of(account)?;
        let mut care = self.care(key).cloned().unwrap_or_default();
        care.may = patch.may.unwrap_or(care.may);
        care.places = patch.places.clone().unwrap_or(care.places);
        for (forward, to) in &patch.forwards {
            match to {
                // The registrar's own address is nowhere by itself.
                Some(Target::Aor(uri)) => care.forwards.insert(*forward, Target::Uri(uri.clone())),
                Some(to) => care.forwards.insert(*forward, to.clone()),
                None => care.forwards.remove(forward),
            };
        }
        if let Some(here) = &patch.here {
            if let Some(device) = here {
                self.device_of(key, account, device)?;
            }
            care.here.clone_from(here);
        }
        Ok(vec![Change::Care(key, Box::new(care))])
    }

    pub(super) fn token_set(
        &self,
        account: &AccountName,
        device: &DeviceName,
        hash: Option<TokenHash>,
    ) -> Result<Vec<Change>, Error> {
        let key = self.key_of(account)?;
        self.device_of(key, account, device)?;
        let mut care = self.care(key).cloned().unwrap_or_default();
        match hash {
            Some(hash) => care.tokens.insert(device.clone(), hash),
            None => care.tokens.remove(device),
        };
        if care.tokens.len() > TOKENS_MAX {
            return Err(Error::TokensFull { account: account.clone(), max: TOKENS_MAX });
        }
        Ok(vec![Change::Care(key, Box::new(care))])
    }

    /// What becomes of self care once a device is called otherwise, or is gone.
    pub(super) fn care_follows(
        &self,
        key: AccountKey,
        before: &DeviceName,
        name: Option<&DeviceName>,
    ) -> Option<Change> {
        let care = self.care(key)?;
        let renamed = care.renamed(before, name);
        (renamed != *care).then(|| Change::Care(key, Box::new(renamed)))
    }

    pub(super) fn set_care(&mut self, key: AccountKey, care: Box<Care>) {
        if let Some(entry) = self.entry_mut(key) {
            entry.care = (!care.is_usual()).then_some(care);
        }
    }
}
