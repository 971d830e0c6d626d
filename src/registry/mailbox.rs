//! Mailboxes: what commands about them come to, and how they are found.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::domain::{
    AccountKey, AccountName, ContentId, GREETINGS_MAX, GreetingName, Mailbox, MailboxLimits,
    MailboxName,
};

use super::{Change, Error, MailboxPatch, Registry};

impl Registry {
    /// A mailbox by its name, and whose it is.
    #[must_use]
    pub fn mailbox(&self, name: &str) -> Option<(AccountKey, &Mailbox)> {
        let key = *self.mailboxes.get(name)?;
        self.mailbox_of(key).map(|mailbox| (key, mailbox))
    }

    /// An account's mailbox.
    #[must_use]
    pub fn mailbox_of(&self, key: AccountKey) -> Option<&Mailbox> {
        self.entry(key)?.mailbox.as_deref()
    }

    /// All mailboxes by name, beginning behind `after`.
    pub fn mailboxes(&self, after: Option<&str>) -> impl Iterator<Item = (AccountKey, &Mailbox)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.mailboxes
            .range::<str, _>((from, Bound::Unbounded))
            .filter_map(|(_, key)| self.mailbox_of(*key).map(|mailbox| (*key, mailbox)))
    }

    pub(super) fn mailbox_named(
        &self,
        name: &MailboxName,
    ) -> Result<(AccountKey, &Mailbox), Error> {
        self.mailbox(name.as_str()).ok_or_else(|| Error::NoMailbox { name: name.clone() })
    }

    pub(super) fn mailbox_add(
        &self,
        account: &AccountName,
        mailbox: &Mailbox,
    ) -> Result<Vec<Change>, Error> {
        let key = self.key_of(account)?;
        if self.mailbox(mailbox.name.as_str()).is_some() {
            return Err(Error::MailboxExists { name: mailbox.name.clone() });
        }
        if let Some(has) = self.mailbox_of(key) {
            let (account, name) = (account.clone(), has.name.clone());
            return Err(Error::HasMailbox { account, name });
        }
        mailbox.limits.check()?;
        Ok(vec![Change::Mailbox(key, mailbox.clone())])
    }

    pub(super) fn mailbox_set(
        &self,
        name: &MailboxName,
        patch: &MailboxPatch,
    ) -> Result<Vec<Change>, Error> {
        let (key, old) = self.mailbox_named(name)?;
        let limits = MailboxLimits {
            messages_max: patch.messages_max.unwrap_or(old.limits.messages_max),
            space_max_mib: patch.space_max_mib.unwrap_or(old.limits.space_max_mib),
            length_max_s: patch.length_max_s.unwrap_or(old.limits.length_max_s),
            keep_days: patch.keep_days.unwrap_or(old.limits.keep_days),
        };
        let mailbox = Mailbox {
            name: name.clone(),
            enabled: patch.enabled.unwrap_or(old.enabled),
            language: patch.language.clone().unwrap_or_else(|| old.language.clone()),
            greeting: patch.greeting.unwrap_or(old.greeting),
            greetings: greetings(old, patch)?,
            video: patch.video.unwrap_or(old.video),
            callback: patch.callback.unwrap_or(old.callback),
            callback_scope: patch.callback_scope.unwrap_or(old.callback_scope),
            callback_keep: patch.callback_keep.unwrap_or(old.callback_keep),
            limits: limits.check()?,
        };
        Ok(vec![Change::Mailbox(key, mailbox)])
    }

    pub(super) fn set_mailbox(&mut self, key: AccountKey, mailbox: Mailbox) {
        self.drop_mailbox(key);
        let name = mailbox.name.clone();
        if let Some(entry) = self.entry_mut(key) {
            entry.mailbox = Some(Box::new(mailbox));
            self.mailboxes.insert(name, key);
        }
    }

    pub(super) fn drop_mailbox(&mut self, key: AccountKey) {
        let gone = self.entry_mut(key).and_then(|entry| entry.mailbox.take());
        if let Some(gone) = gone {
            self.mailboxes.remove(&gone.name);
        }
    }
}

/// The greetings with names as they are after a change.
fn greetings(
    old: &Mailbox,
    patch: &MailboxPatch,
) -> Result<BTreeMap<GreetingName, ContentId>, Error> {
    let mut greetings = old.greetings.clone();
    for (greeting, content) in &patch.greetings {
        let known = match content {
            Some(content) => greetings.insert(greeting.clone(), *content).is_some(),
            None => greetings.remove(greeting).is_some(),
        };
        if content.is_none() && !known {
            let (mailbox, greeting) = (old.name.clone(), greeting.clone());
            return Err(Error::NoGreeting { mailbox, greeting });
        }
    }
    if greetings.len() > GREETINGS_MAX {
        return Err(Error::GreetingsFull { mailbox: old.name.clone(), max: GREETINGS_MAX });
    }
    Ok(greetings)
}
