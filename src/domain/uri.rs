//! SIP URIs that may be put on the wire.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

use super::Error;
use super::error::shorten;

/// The longest URI, in bytes.
pub const URI_BYTES_MAX: usize = 512;

/// A `sip:` or `sips:` URI of printable characters that can't break out of a SIP header, a JSON
/// string or a Kamailio branch. Stricter than RFC 3261 §25.1: no `?headers`, which a request-URI
/// must not carry (§19.1.1) and which would let a device add headers to a call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SipUri(Arc<str>);

impl SipUri {
    /// Reads a URI.
    ///
    /// # Errors
    /// [`Error::Uri`] when the scheme is another, the host is missing, it is longer than 512
    /// bytes or holds a character that the wire could misread.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let rest = strip_scheme(text);
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;/%:@[]".contains(&byte));
        let host = rest.map(|rest| parts(rest).1).unwrap_or_default();
        if text.len() <= URI_BYTES_MAX && plain && !host.is_empty() {
            Ok(Self(text.into()))
        } else {
            Err(Error::Uri { text: shorten(text) })
        }
    }

    /// The URI as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same text, shared.
    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// What may stand in an address that a FreeSWITCH dials, besides letters and digits. In a dial
    /// string all else means something, or is lost; so there are no IPv6 addresses.
    pub const DIALLED: &[u8] = b"@.:-_+;=~*";

    /// Whether a FreeSWITCH can dial what follows the scheme of a URI. Parameters that begin with
    /// `fs_` are its own.
    #[must_use]
    pub fn is_dialled(address: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || Self::DIALLED.contains(&byte);
        let own = address.to_ascii_lowercase().contains(";fs_");
        !address.is_empty() && address.bytes().all(plain) && !own
    }

    /// Whether its user part may spell a number: it begins like one, or is escaped.
    #[must_use]
    pub fn may_spell_a_number(&self) -> bool {
        let begins = strip_scheme(&self.0).and_then(|rest| rest.bytes().next());
        begins.is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'%'))
    }

    /// User and host, without password, parameters and port.
    #[must_use]
    pub fn user_and_host(&self) -> (&str, &str) {
        strip_scheme(&self.0).map(parts).unwrap_or_default()
    }
}

impl fmt::Display for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SipUri {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// What follows `sip:` or `sips:`, in whatever case.
pub(super) fn strip_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = cut(text, b':')?;
    (scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips")).then_some(rest)
}

/// User and host of what follows the scheme. The user may hold `;` (RFC 3261 §25.1), so the `@`
/// is looked for first; the user's password and parameters and the host's port are cut off.
pub(super) fn parts(rest: &str) -> (&str, &str) {
    let host = cut(rest, b'@').map_or(rest, |(_, host)| host);
    let user = user_of(rest);
    let host = until(host, |byte| matches!(byte, b';' | b'?'));
    let host = match host.strip_prefix('[').and_then(|inner| cut(inner, b']')) {
        Some((inner, _)) => inner,
        None => until(host, |byte| byte == b':'),
    };
    (user, host)
}

/// The user alone; see [`parts`].
pub(super) fn user_of(rest: &str) -> &str {
    let user = cut(rest, b'@').map_or("", |(user, _)| user);
    until(user, |byte| matches!(byte, b':' | b';'))
}

/// Before and behind the first such ASCII byte. A plain loop: for a dozen bytes, five times for
/// each call, it is several times faster than `str::split_once`.
pub(super) fn cut(text: &str, at: u8) -> Option<(&str, &str)> {
    let place = text.as_bytes().iter().position(|byte| *byte == at)?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

/// Before the first such ASCII byte, or all of it.
pub(super) fn until(text: &str, is: impl Fn(u8) -> bool) -> &str {
    let end = text.as_bytes().iter().position(|byte| is(*byte)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_wire_could_misread_is_refused() {
        for good in [
            "sip:desk@10.0.0.7",
            "sips:desk@[2001:db8::1]:5061;transport=tls",
            "SIP:10.0.0.7:5070",
            "sip:+4930;phone-context=x@gw",
        ] {
            assert!(SipUri::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "sip:",
            "sip:desk@",
            "tel:+49",
            "sip:a b@h",
            "sip:a@h\r\nX: y",
            "sip:a@h?Subject=x",
            "sip:\"a\"@h",
            "sip:<a>@h",
            "sip:ä@h",
            "sip:a\0@h",
        ] {
            assert!(SipUri::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn user_and_host_come_apart() {
        let check = |text, user, host| {
            assert_eq!(SipUri::parse(text).unwrap().user_and_host(), (user, host), "{text}");
        };
        check("sip:alice:secret@Example.com:5060;transport=tcp", "alice", "Example.com");
        check("sip:+4930;phone-context=a.b@gw;user=phone", "+4930", "gw");
        check("sips:[::1]:5061", "", "::1");
    }
}
