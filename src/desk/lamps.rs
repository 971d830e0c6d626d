//! Lamps, and where devices are that are told something.

use std::sync::Arc;

use crate::domain::{
    AccountKey, Caller, Communication, DepositCause, Device, DeviceStates, MailboxName, Target,
    Telling, Told,
};
use crate::routing;

use super::Desk;
use super::tell::{Around, Happening};

impl Desk {
    /// Whose lamps show the count of a mailbox that has changed: those that the rules would light
    /// now; all that they name, when nothing waits any more.
    #[must_use]
    pub fn lamps(&self, account: &str, none_waits: bool, at_ms: i64) -> Vec<Told> {
        let account = self.registry.find(account);
        let rules = account.and_then(|account| self.registry.rules(account));
        let (Some(account), Some(rules)) = (account, rules) else { return Vec::new() };
        if none_waits {
            return self.all_lamps(account);
        }
        let kind = Communication::Message;
        let asked = self.ask_rules(rules, kind, account, ("", None), at_ms, &mut Vec::new());
        let stages = asked.unwrap_or_else(|tells| tells);
        stages.into_iter().flatten().filter(|who| matches!(who, Told::Lamp(_))).collect()
    }

    fn all_lamps(&self, account: AccountKey) -> Vec<Told> {
        let Some(rules) = self.registry.rules(account) else { return Vec::new() };
        let (states, around) = (DeviceStates::new(), Around::default());
        routing::lamps(rules, &self.list(account, &states, &around))
    }

    /// What is told to lamps when a mailbox has changed, if the account's rules name any. Which of
    /// them and which count is a matter of when it is told ([`Self::lamps`]).
    #[must_use]
    pub fn lamp_telling(
        &self,
        account: AccountKey,
        mailbox: &MailboxName,
        at_ms: i64,
    ) -> Option<Telling> {
        let lamps = self.all_lamps(account);
        if lamps.is_empty() {
            return None;
        }
        let (call_id, caller): (Arc<str>, _) = (Arc::default(), Caller::default());
        let happening = Happening {
            kind: Communication::Message,
            account,
            call_id: &call_id,
            caller: &caller,
            cause: DepositCause::Unknown,
            mailbox: Some(mailbox),
            length_ms: None,
            at_ms,
        };
        let telling = self.telling(&happening)?;
        Some(Telling { stages: vec![lamps], ..telling })
    }

    /// Whether a proxy is configured, which tells devices.
    #[must_use]
    pub fn has_proxies(&self) -> bool {
        self.settings.proxies > 0
    }

    /// Whether there is a webhook.
    #[must_use]
    pub fn has_webhook(&self) -> bool {
        self.settings.messages.webhook
    }

    /// A device as it is now, if it may be told; else why not, in a few words.
    ///
    /// # Errors
    /// Why it is not told.
    pub fn where_told(&self, account: &str, who: &Told) -> Result<Device, &'static str> {
        let key = self.registry.find(account).ok_or("the account is gone")?;
        let name = who.device().ok_or("it is no device")?;
        let device = self.registry.devices(key).iter().find(|device| device.name == *name);
        let device = device.ok_or("it is no device of the account any more")?;
        match &device.target {
            _ if !device.enabled => Err("it is disabled"),
            _ if device.dnd && matches!(who, Told::Text(_)) => Err("it is set to do not disturb"),
            Target::Number(_) => Err("it is a telephone number"),
            Target::Uri(_) | Target::Aor(_) => Ok(device.clone()),
        }
    }
}
