//! Lamps, and where devices are that are told something.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::{
    AccountKey, Caller, Communication, DepositCause, Device, DeviceStates, MailboxName, Rules,
    Target, Telling, Told,
};
use crate::routing;
use crate::rules::Example;

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

/// How many days it is looked ahead for when a lamp that stays dark would be lit.
const DAYS_AHEAD: u32 = 3;

/// When, after a moment, the rules for messages would light a lamp that they keep dark at it
/// (milliseconds since 1970): a message that was left at night lights it in the morning. Who left
/// it does not matter then.
#[must_use]
pub fn lamps_lit_next(rules: &Rules, around: &super::Around, from_ms: i64) -> Option<i64> {
    let asked = Example { kind: Communication::Message, ..Example::default() };
    let turns = super::coming(rules, &asked, around, from_ms, DAYS_AHEAD);
    let lamps = |rings: &[String]| -> BTreeSet<String> {
        let told = rings.iter().flat_map(|stage| stage.split(" + "));
        told.filter(|who| who.starts_with("lamp ")).map(str::to_owned).collect()
    };
    let (now, later) = turns.split_first()?;
    let lit = lamps(&now.rings);
    let next = later.iter().find(|turn| !lamps(&turn.rings).is_subset(&lit));
    next.map(|turn| turn.at_ms)
}

#[cfg(test)]
mod tests {
    use crate::domain::{DeviceName, Numbering, SipUri, Zone};
    use crate::rules::read;

    use super::super::Around;
    use super::*;

    #[test]
    fn what_is_dark_at_night_is_lit_in_the_morning() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let target = Target::Uri(SipUri::parse("sip:desk@10.0.0.7").unwrap());
        let desk = Device::new(DeviceName::parse("desk").unwrap(), target, 1, 20);
        let around = Around {
            devices: vec![desk],
            zone: berlin.clone(),
            numbering: Numbering::default(),
            mailbox: true,
            greetings: Vec::new(),
        };
        let dark =
            "[[rule]]\nwhen = { kind = \"message\", hours = \"22:00-06:00\" }\nnotify = []\n";
        let light = "[[rule]]\nwhen.kind = \"message\"\nnotify = [\"lamp:desk\"]\n";
        let next = |text: &str, at: &str| {
            let (rules, _) = read(text).unwrap();
            let next = lamps_lit_next(&rules, &around, berlin.moment(at).unwrap());
            next.map(|at_ms| berlin.local(at_ms)).map(|l| format!("{} {}", l.day, l.minute / 60))
        };
        let night = [dark, light].concat();
        // Both nights in which the clocks change, and one in which it is lit already.
        assert_eq!(next(&night, "2026-03-28 23:00").as_deref(), Some("2026-03-29 6"));
        assert_eq!(next(&night, "2026-03-29 03:30").as_deref(), Some("2026-03-29 6"));
        assert_eq!(next(&night, "2026-10-25 02:30").as_deref(), Some("2026-10-25 6"));
        assert_eq!(next(&night, "2026-03-28 12:00"), None);
        let weekend = light.replace(
            "when.kind = \"message\"",
            "when = { kind = \"message\", days = \"mon-fri\" }",
        );
        assert_eq!(next(&weekend, "2026-01-10 12:00").as_deref(), Some("2026-01-12 0"));
        assert_eq!(next(dark, "2026-03-28 23:00"), None, "no rule ever lights it");
    }
}
