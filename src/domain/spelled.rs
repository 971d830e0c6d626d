//! A URI from the wire, taken apart once: several questions are asked of it for every call.

use std::borrow::Cow;

use super::identifier::{address, has_separator, strip_tel, unescape, without_separators};
use super::uri::{parts, strip_scheme, until, user_of};
use super::{Identifier, Number, Numbering};

/// What a URI from the wire spells. Whatever it is, it can be read; what can't be understood has
/// an empty user or host.
#[derive(Clone, Copy, Debug)]
pub struct Spelled<'a> {
    uri: &'a str,
    user: &'a str,
    tel: bool,
}

impl<'a> Spelled<'a> {
    /// Takes a URI apart.
    #[must_use]
    pub fn read(uri: &'a str) -> Self {
        if let Some(number) = strip_tel(uri) {
            let user = until(number, |byte| byte == b';');
            return Self { uri, user, tel: true };
        }
        Self { uri, user: user_of(strip_scheme(uri).unwrap_or(uri)), tel: false }
    }

    /// The URI as it came.
    #[must_use]
    pub fn uri(&self) -> &'a str {
        self.uri
    }

    /// The user part, or the number of a `tel:` URI; without parameters.
    #[must_use]
    pub fn user(&self) -> &'a str {
        self.user
    }

    /// The number that it spells.
    #[must_use]
    pub fn number(&self, numbering: &Numbering) -> Option<Number> {
        numbering.number_of(self.user)
    }

    /// The address `user@host` in it.
    #[must_use]
    pub fn address(&self) -> Option<Identifier> {
        // Nearly all that is dialled is a number, and nobody asks where.
        let host = parts(strip_scheme(self.uri).unwrap_or(self.uri)).1;
        let whole = !self.tel && !self.user.is_empty() && !host.is_empty();
        whole.then(|| Identifier::Address(address(&unescape(self.user), host)))
    }

    /// The bare digits that it dials; see [`Numbering::dialled`].
    #[must_use]
    pub fn dialled(&self) -> Cow<'a, str> {
        const SERVICE: &str = "urn:service:sos";
        let start = self.uri.get(..SERVICE.len());
        if start.is_some_and(|start| start.eq_ignore_ascii_case(SERVICE)) {
            return Cow::Borrowed("sos");
        }
        let digits = |user: &str| {
            let plain = without_separators(user);
            plain.strip_prefix('+').unwrap_or(&plain).to_owned()
        };
        match unescape(self.user) {
            Cow::Borrowed(user) if !has_separator(user) => {
                Cow::Borrowed(user.strip_prefix('+').unwrap_or(user))
            }
            user @ (Cow::Borrowed(_) | Cow::Owned(_)) => Cow::Owned(digits(&user)),
        }
    }
}
