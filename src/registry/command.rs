//! What an operator may change, as it is written into the numbered log.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::domain::{
    AccountName, CallbackPolicy, CallbackScope, Caps, ContentId, Device, DeviceName, Forward,
    ForwardPlaces, GreetingName, Identifier, Language, Mailbox, MailboxName, Policy, RefusalCodes,
    SelfCare, Tags, Target, TokenHash, Zone,
};
use crate::rules::RuleFile;

/// One change of the registry. What the log holds is what was asked, not what came of it: the
/// same log gives the same registry everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// A new account.
    AccountAdd(AccountSpec),
    /// Changes to an account.
    AccountSet {
        /// Which.
        name: AccountName,
        /// What changes.
        #[serde(flatten)]
        patch: AccountPatch,
    },
    /// Takes an account away, with its identifiers, devices, rules and mailbox. Not possible while
    /// accounts are below it. Calls that are up go on and are counted for nobody.
    AccountRemove {
        /// Which.
        name: AccountName,
    },
    /// A new identifier.
    NumberAdd {
        /// What is dialled.
        identifier: Identifier,
        /// Where it leads.
        account: AccountName,
    },
    /// Leads an identifier to another account.
    NumberSet {
        /// What is dialled.
        identifier: Identifier,
        /// Where it leads now.
        account: AccountName,
    },
    /// Takes an identifier away.
    NumberRemove {
        /// Which.
        identifier: Identifier,
    },
    /// A new device.
    DeviceAdd {
        /// Whose.
        account: AccountName,
        /// The device.
        device: Device,
    },
    /// Changes to a device.
    DeviceSet {
        /// Whose.
        account: AccountName,
        /// Which.
        name: DeviceName,
        /// What changes.
        #[serde(flatten)]
        patch: DevicePatch,
    },
    /// Takes a device away.
    DeviceRemove {
        /// Whose.
        account: AccountName,
        /// Which.
        name: DeviceName,
    },
    /// A new mailbox. An account has one at most, and its name is unique in the installation.
    MailboxAdd {
        /// Whose.
        account: AccountName,
        /// The mailbox, with every value: what is default may change, what the log says may not.
        mailbox: Mailbox,
    },
    /// Changes to a mailbox.
    MailboxSet {
        /// Which.
        name: MailboxName,
        /// What changes.
        #[serde(flatten)]
        patch: MailboxPatch,
    },
    /// Takes a mailbox away, and the messages in it.
    MailboxRemove {
        /// Which.
        name: MailboxName,
    },
    /// Sets an account's rules, instead of those that it had. Only a text without a mistake can
    /// be such a command.
    RulesSet {
        /// Whose.
        account: AccountName,
        /// What was written.
        text: RuleFile,
    },
    /// Takes an account's rules away: its notification list rings.
    RulesRemove {
        /// Whose.
        account: AccountName,
    },
    /// What an account allows its devices, and what they have made of it.
    CareSet {
        /// Whose.
        account: AccountName,
        /// What changes.
        #[serde(flatten)]
        patch: CarePatch,
    },
    /// Gives a device another token, or none.
    TokenSet {
        /// Whose.
        account: AccountName,
        /// Which.
        device: DeviceName,
        /// SHA-256 of the token; `None`: it has none any more.
        hash: Option<TokenHash>,
    },
}

/// A new account as an operator describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountSpec {
    /// Its name.
    pub name: AccountName,
    /// Its caps.
    #[serde(flatten)]
    pub caps: Caps,
    /// The account above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<AccountName>,
    /// What happens when rights can't be vouched for.
    #[serde(default)]
    pub policy: Policy,
    /// Its time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
    /// Whether it may make and get calls.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// SIP codes instead of the default ones.
    #[serde(default)]
    pub refusal_codes: RefusalCodes,
}

fn yes() -> bool {
    true
}

/// What of an account changes. In JSON a missing key leaves a value as it is and `null` takes a
/// limit, parent or zone away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountPatch {
    /// A new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rename: Option<AccountName>,
    /// A new cap on all calls.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub max_calls: Option<Option<u32>>,
    /// A new cap on calls to it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub max_in: Option<Option<u32>>,
    /// A new cap on calls from it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub max_out: Option<Option<u32>>,
    /// Another account above it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub parent: Option<Option<AccountName>>,
    /// Another policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// Another time zone.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub zone: Option<Option<Zone>>,
    /// Enabled or disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Other refusal codes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal_codes: Option<RefusalCodes>,
}

/// What of a device changes; a missing key leaves a value as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DevicePatch {
    /// A new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rename: Option<DeviceName>,
    /// Another place where it is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// Another stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<u8>,
    /// Another ring time, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ring_s: Option<u16>,
    /// Enabled or disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether it is not to be disturbed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dnd: Option<bool>,
    /// Whether its app sleeps until a push wakes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<bool>,
    /// Other tags instead of those that it had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Tags>,
}

/// What of a mailbox changes. A missing key leaves a value as it is; `null` takes the language or
/// the greeting away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxPatch {
    /// Another language.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub language: Option<Option<Language>>,
    /// Another greeting.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub greeting: Option<Option<ContentId>>,
    /// Greetings with names: another file, or `null` for one that is taken away. The others stay.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub greetings: BTreeMap<GreetingName, Option<ContentId>>,
    /// Enabled or disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether callers may leave video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<bool>,
    /// What happens on a call-back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<CallbackPolicy>,
    /// Whose call is a call-back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_scope: Option<CallbackScope>,
    /// Whether what was recorded is kept when a call-back is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_keep: Option<bool>,
    /// The most messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages_max: Option<u32>,
    /// The most space, in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub space_max_mib: Option<u32>,
    /// The longest message, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length_max_s: Option<u16>,
    /// For how many days messages are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_days: Option<u16>,
}

/// What of an account's self care changes. A missing key leaves a value as it is; `null` takes a
/// forward, or "ring me here", away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarePatch {
    /// How much devices may change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may: Option<SelfCare>,
    /// Where to they may forward.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub places: Option<ForwardPlaces>,
    /// What is forwarded where from now on; `None`: that is not forwarded any more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub forwards: BTreeMap<Forward, Option<Target>>,
    /// The device that rings alone.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub here: Option<Option<DeviceName>>,
}

/// Tells a key that is `null` from one that is missing.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_takes_away_and_missing_leaves() {
        let read = |text: &str| serde_json::from_str::<AccountPatch>(text).unwrap();
        assert_eq!(read("{}").max_calls, None);
        assert_eq!(read(r#"{"max_calls":null}"#).max_calls, Some(None));
        assert_eq!(read(r#"{"max_calls":3}"#).max_calls, Some(Some(3)));
        let read = |text: &str| serde_json::from_str::<MailboxPatch>(text).unwrap();
        assert_eq!((read("{}").language, read("{}").greeting), (None, None));
        let taken = read(r#"{"language":null,"greeting":null}"#);
        assert_eq!((taken.language, taken.greeting), (Some(None), Some(None)));
        let given = format!(r#"{{"greeting":"{}"}}"#, "a5".repeat(32));
        assert_eq!(read(&given).greeting, Some(Some(ContentId([0xa5; 32]))));
        assert!(serde_json::from_str::<MailboxPatch>(r#"{"greeting":"../x"}"#).is_err());
    }

    #[test]
    fn a_command_survives_the_log() {
        for text in [
            r#"{"command":"account_set","name":"alice","parent":null,"enabled":false}"#,
            r#"{"command":"mailbox_set","name":"alice","language":null,"keep_days":7}"#,
            r#"{"command":"mailbox_remove","name":"alice"}"#,
            r#"{"command":"care_set","account":"alice","forwards":{"all":null,"busy":{"number":"+4930"}},"here":null}"#,
        ] {
            let command: Command = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&command).unwrap(), text);
        }
        let mailbox = Mailbox::new(MailboxName::parse("alice").unwrap());
        let command =
            Command::MailboxAdd { account: AccountName::parse("alice").unwrap(), mailbox };
        let text = serde_json::to_string(&command).unwrap();
        assert_eq!(serde_json::from_str::<Command>(&text).unwrap(), command);
    }
}
