//! Pushes: what wakes an app that sleeps, so that it registers and rings.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{AccountName, CallRef, DeviceName};

/// A branch that is not there yet: its device is asked to wake, and rings when it registers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wake {
    /// The address of record for which it will register.
    pub aor: Arc<str>,
    /// How long after the beginning of its stage a call is held for it, in seconds, if nobody
    /// else rings.
    pub wait_s: u16,
}

/// A push that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// Which.
    pub id: PushId,
    /// The SIP Call-ID.
    pub call_id: Arc<str>,
    /// Whose device it is.
    pub account: AccountName,
    /// The address of record for which it should register.
    pub aor: Arc<str>,
    /// Who calls, as lists show it.
    pub caller: Arc<str>,
    /// The name that the caller has given himself.
    pub display: Arc<str>,
    /// Whether the call offers video.
    pub video: bool,
    /// In how many seconds it is needed.
    pub needed_in_s: u16,
    /// How long it will ring, in seconds.
    pub ring_s: u16,
    /// What its last contact says about push, as far as somebody looked.
    pub contact: Option<PushContact>,
    /// When it was wanted, milliseconds since 1970.
    pub at_ms: i64,
}

/// A push by its call, its device, and which one it is for both: a device may be needed in
/// several stages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PushId {
    /// Our number of the call.
    pub call: CallRef,
    /// The device.
    pub device: DeviceName,
    /// From 1.
    pub number: u8,
}

impl std::fmt::Display for PushId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.call, self.device, self.number)
    }
}

/// Why nobody needs to be woken any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushOver {
    /// Another device has answered.
    AnsweredElsewhere,
    /// The caller has given up.
    CallerGaveUp,
    /// The call has ended otherwise: another stage, the mailbox, nobody.
    Over,
}

/// What a contact says about push (RFC 8599). Strangers write it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PushContact {
    /// `pn-provider`
    pub provider: Arc<str>,
    /// `pn-prid`
    pub prid: Arc<str>,
    /// `pn-param`
    pub param: Arc<str>,
}

/// How much of one such parameter is taken, in bytes.
const PARAMETER_BYTES_MAX: usize = 1024;

impl PushContact {
    /// Reads them out of a contact's URI; `None` unless it has a `pn-prid`. What they are worth is
    /// for whoever sends the push to say.
    #[must_use]
    pub fn in_uri(uri: &str) -> Option<Self> {
        let parameters = uri.split(['?']).next()?.split(';').skip(1);
        let all = parameters.filter_map(|parameter| parameter.split_once('='));
        let of = |name: &str| {
            let mut found = all.clone().filter(|(known, _)| known.eq_ignore_ascii_case(name));
            let value = found.next().map_or("", |(_, value)| value);
            (value.len() <= PARAMETER_BYTES_MAX).then(|| Arc::<str>::from(unescaped(value)))
        };
        let (provider, prid, param) = (of("pn-provider")?, of("pn-prid")?, of("pn-param")?);
        (!prid.is_empty()).then_some(Self { provider, prid, param })
    }
}

/// Without `%xx`. What would not be text then, or would hold control characters, stays as it is.
fn unescaped(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).filter(|_| *first == b'%');
        let byte = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        match byte.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    match String::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => text,
        Ok(_) | Err(_) => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_contact_says_about_push_is_read() {
        let read = |uri: &str| {
            let said = PushContact::in_uri(uri);
            said.map(|said| format!("{}|{}|{}", said.provider, said.prid, said.param))
        };
        for (uri, expected) in [
            (
                "sip:p@h;pn-provider=apns;pn-prid=00fc13adff78;pn-param=DEF.net.example.voip",
                Some("apns|00fc13adff78|DEF.net.example.voip"),
            ),
            ("sip:p@h;PN-PRID=x%3ay%3D;transport=tcp", Some("|x:y=|")),
            ("sip:p@h;pn-prid=a;pn-prid=b", Some("|a|")),
            ("sip:p@h;pn-prid=%0d%0aX%", Some("|%0d%0aX%|")),
            ("sip:p@h;pn-prid=%ff%zz%2", Some("|%ff%zz%2|")),
            ("sip:p@h;pn-prid=\"},{\"a\":1", Some("|\"},{\"a\":1|")),
            ("sip:p@h?pn-prid=a", None),
            ("sip:p@h;pn-prid", None),
            ("sip:p@h;pn-prid=;pn-provider=fcm", None),
            ("sip:p@h", None),
        ] {
            assert_eq!(read(uri).as_deref(), expected, "{uri}");
        }
        assert_eq!(read(&format!("sip:p@h;pn-prid={}", "x".repeat(1025))), None);
        assert!(read(&format!("sip:p@h;pn-prid={}", "x".repeat(1024))).is_some());
    }
}
