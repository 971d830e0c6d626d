//! Names that operators give: of accounts and of devices.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

use super::Error;
use super::error::shorten;

/// The longest name, in bytes.
pub const NAME_BYTES_MAX: usize = 64;

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Reads a name.
            ///
            /// # Errors
            /// [`Error::Name`] unless it is 1 to 64 letters, digits, `.`, `_` or `-`, the first
            /// a letter or digit: such a name is safe in a URL path, a SIP header and a log.
            pub fn parse(text: &str) -> Result<Self, Error> {
                if is_name(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(Error::Name { what: $what, text: shorten(text) })
                }
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// The name of an account, unique in the installation, case-sensitive.
    AccountName,
    "account"
);
name!(
    /// The name of a device, unique within its account, case-sensitive.
    DeviceName,
    "device"
);
name!(
    /// The name of a mailbox, unique in the installation, case-sensitive. It is the user part of
    /// the URI under which a switch takes the call (`sip:NAME@switch;cause=486`).
    MailboxName,
    "mailbox"
);
name!(
    /// The name of a greeting, unique within its mailbox, case-sensitive.
    GreetingName,
    "greeting"
);
name!(
    /// A tag of devices, case-sensitive.
    Tag,
    "tag"
);
name!(
    /// The language of prompts: the name of a directory, such as `en`.
    Language,
    "language"
);

fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= NAME_BYTES_MAX
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_everywhere() {
        for good in ["alice", "A", "7", "a.b_c-d", &"x".repeat(64)] {
            assert!(AccountName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", ".a", "a b", "a/b", "a\r\nX: y", "ä", "a\0", &"x".repeat(65)] {
            assert!(DeviceName::parse(bad).is_err(), "{bad:?}");
        }
    }
}
