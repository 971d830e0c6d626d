//! Identifiers: what is dialled, in one form each.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Error;
use super::error::shorten;
use super::spelled::Spelled;
use super::uri::{cut, parts, strip_scheme};

/// A telephone number in international form (E.164): at most 15 digits, shown with `+`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(u64);

impl Number {
    /// Reads `+49 30 123-45`; the usual separators (RFC 3966 §5.1.1) are left out.
    ///
    /// # Errors
    /// [`Error::Identifier`] unless a `+` and 3 to 15 digits, the first not 0, are left.
    pub fn parse(text: &str) -> Result<Self, Error> {
        text.trim()
            .strip_prefix('+')
            .and_then(|rest| Self::from_digits(&without_separators(rest)))
            .ok_or_else(|| Error::Identifier { text: shorten(text) })
    }

    /// Whether it begins with these digits, of which there are `length`.
    #[must_use]
    pub fn begins_with(self, digits: u64, length: u8) -> bool {
        let own = self.0.checked_ilog10().map_or(1, |tens| tens + 1);
        let behind = own.checked_sub(u32::from(length));
        let cut = behind.and_then(|behind| 10_u64.checked_pow(behind));
        cut.is_some_and(|cut| self.0 / cut == digits)
    }

    pub(super) fn from_digits(digits: &str) -> Option<Self> {
        let sized = (3..=15).contains(&digits.len()) && !digits.starts_with('0');
        let value = |value: u64, byte: u8| {
            byte.is_ascii_digit().then(|| value * 10 + u64::from(byte - b'0'))
        };
        if sized { digits.bytes().try_fold(0, value).map(Self) } else { None }
    }

    /// The digits as a number; never 0.
    #[must_use]
    pub fn digits(self) -> u64 {
        self.0
    }

    /// How it is written: `+` and the digits. Without an allocation and without the machinery of
    /// [`fmt`], because every call writes it.
    #[must_use]
    pub fn text(self) -> NumberText {
        let mut text = NumberText { bytes: [b'0'; NumberText::MAX], begin: NumberText::MAX };
        let mut rest = self.0;
        while rest > 0 && text.begin > 1 {
            text.begin -= 1;
            let digit = (rest % 10) as u8;
            text.bytes[text.begin] += digit;
            rest /= 10;
        }
        text.begin -= 1;
        text.bytes[text.begin] = b'+';
        text
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// A number as it is written.
#[derive(Clone, Copy, Debug)]
pub struct NumberText {
    bytes: [u8; Self::MAX],
    begin: usize,
}

impl NumberText {
    /// `+` and the digits of the greatest 64-bit number.
    const MAX: usize = 21;
}

impl std::ops::Deref for NumberText {
    type Target = str;

    fn deref(&self) -> &str {
        self.bytes.get(self.begin..).map_or("", |text| str::from_utf8(text).unwrap_or_default())
    }
}

/// What is dialled and leads to one account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identifier {
    /// A telephone number.
    Number(Number),
    /// A SIP address, `user@host`; the host in lower case (RFC 3261 §19.1.4: hosts compare
    /// without regard to case, users with).
    Address(Arc<str>),
}

impl Identifier {
    /// Reads what an operator types: `+493012345`, `alice@example.com`, `sip:alice@example.com`,
    /// `tel:+49-30-12345`.
    ///
    /// # Errors
    /// [`Error::Identifier`] when it is neither.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bare = text.trim();
        let bare = strip_tel(bare).unwrap_or(bare);
        if bare.starts_with('+') && !bare.contains('@') {
            return Number::parse(bare).map(Self::Number);
        }
        let wrong = || Error::Identifier { text: shorten(text) };
        let (user, host) = parts(strip_scheme(bare).unwrap_or(bare));
        let user = unescape(user);
        if let Some(number) = user.strip_prefix('+').and_then(Number::from_digits) {
            return Ok(Self::Number(number));
        }
        let fits = bare.len() <= super::URI_BYTES_MAX && !user.is_empty() && !host.is_empty();
        let plain = user.bytes().chain(host.bytes()).all(|byte| byte.is_ascii_graphic())
            && !user.contains(['"', '<', '>', '@', ' ']);
        if fits && plain { Ok(Self::Address(address(&user, host))) } else { Err(wrong()) }
    }
}

impl Identifier {
    /// Whether it is an address.
    #[must_use]
    pub fn is_address(&self) -> bool {
        matches!(self, Self::Address(_))
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Address(address) => f.write_str(address),
        }
    }
}

macro_rules! as_text {
    ($type:ty, $parse:path) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                $parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}
as_text!(Number, Number::parse);
as_text!(Identifier, Identifier::parse);

/// How numbers are written where the proxy stands, so that `030…`, `0049…` and `+49…` are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbering {
    /// The country code, digits only; empty: national numbers are not recognised.
    pub country: String,
    /// What is dialled before a country code.
    pub international_prefix: String,
    /// What is dialled before an area code.
    pub national_prefix: String,
    /// Whether a user of 7 to 15 bare digits is an E.164 number that lost its `+`, as many
    /// trunks send it.
    pub bare_is_e164: bool,
}

impl Default for Numbering {
    fn default() -> Self {
        Self {
            country: String::new(),
            international_prefix: "00".to_owned(),
            national_prefix: "0".to_owned(),
            bare_is_e164: false,
        }
    }
}

impl Numbering {
    /// The identifiers that a URI from the wire may stand for, likeliest first: the number that
    /// its user part spells, and the address `user@host`. Both empty for what can't be read.
    #[must_use]
    pub fn candidates(&self, uri: &str) -> [Option<Identifier>; 2] {
        [self.number_in(uri).map(Identifier::Number), Self::address_in(uri)]
    }

    /// The number that a URI's user part spells. Costs no allocation for a plain one.
    #[must_use]
    pub fn number_in(&self, uri: &str) -> Option<Number> {
        self.number_of(Spelled::read(uri).user())
    }

    /// The number that the user part of a URI spells.
    #[must_use]
    pub fn number_of(&self, user: &str) -> Option<Number> {
        // Most users of devices are names.
        let begins = user.bytes().next()?;
        // And most numbers come in the form that is kept.
        if begins == b'+'
            && let Some(number) = user.get(1..).and_then(Number::from_digits)
        {
            return Some(number);
        }
        let may_be = begins == b'+' || begins == b'%' || begins.is_ascii_digit();
        if may_be { self.number(&unescape(user)) } else { None }
    }

    /// The address `user@host` in a URI.
    #[must_use]
    pub fn address_in(uri: &str) -> Option<Identifier> {
        Spelled::read(uri).address()
    }

    fn number(&self, user: &str) -> Option<Number> {
        if let Some(rest) = user.strip_prefix('+') {
            return Number::from_digits(&without_separators(rest));
        }
        if user.is_empty() || !user.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let international = &self.international_prefix;
        if !international.is_empty()
            && let Some(rest) = user.strip_prefix(international.as_str())
        {
            return Number::from_digits(rest);
        }
        let national = &self.national_prefix;
        if !self.country.is_empty()
            && !national.is_empty()
            && let Some(rest) = user.strip_prefix(national.as_str())
        {
            return Number::from_digits(&format!("{}{rest}", self.country));
        }
        if self.bare_is_e164 && user.len() >= 7 { Number::from_digits(user) } else { None }
    }

    /// The bare digits that a URI dials, for comparing with emergency numbers: `112`, `911`.
    /// A service URN (RFC 5031) gives `sos`. Needs no look-up and no configuration.
    #[must_use]
    pub fn dialled(uri: &str) -> Cow<'_, str> {
        Spelled::read(uri).dialled()
    }
}

/// What follows `tel:`, in whatever case (RFC 3986 §3.1).
pub(super) fn strip_tel(text: &str) -> Option<&str> {
    let (scheme, rest) = cut(text, b':')?;
    scheme.eq_ignore_ascii_case("tel").then_some(rest)
}

pub(super) fn address(user: &str, host: &str) -> Arc<str> {
    let mut text = String::with_capacity(user.len() + 1 + host.len());
    text.push_str(user);
    text.push('@');
    // Brackets (RFC 3261 §25.1, IPv6reference), else it would not be read back as the same.
    let bracketed = host.contains(':');
    text.extend(bracketed.then_some('['));
    text.extend(host.chars().map(|character| character.to_ascii_lowercase()));
    text.extend(bracketed.then_some(']'));
    text.into()
}

/// What people put between digits (RFC 3966 §5.1.1).
const SEPARATORS: [char; 6] = [' ', '-', '.', '(', ')', '/'];

pub(super) fn has_separator(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'/'))
}

pub(super) fn without_separators(text: &str) -> Cow<'_, str> {
    if has_separator(text) {
        text.chars().filter(|character| !SEPARATORS.contains(character)).collect()
    } else {
        Cow::Borrowed(text)
    }
}

/// Undoes `%XX` where it stands for a printable character (RFC 3261 §19.1.4: escaped and plain
/// characters are equal). A character that would be read as something else when plain stays
/// escaped, else the written form of an identifier would not be read back as the same.
pub(super) fn unescape(user: &str) -> Cow<'_, str> {
    if !user.bytes().any(|byte| byte == b'%') {
        return Cow::Borrowed(user);
    }
    let mut plain = String::with_capacity(user.len());
    let mut rest = user;
    while let Some((before, after)) = rest.split_once('%') {
        plain.push_str(before);
        let byte = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let Some(byte) = byte.filter(u8::is_ascii_graphic) {
            if b"%:;@".contains(&byte) {
                plain.push('%');
                plain.extend(after[..2].chars().map(|digit| digit.to_ascii_uppercase()));
            } else {
                plain.push(char::from(byte));
            }
            rest = &after[2..];
        } else {
            plain.push('%');
            rest = after;
        }
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(numbering: &Numbering, uri: &str) -> Vec<String> {
        numbering.candidates(uri).into_iter().flatten().map(|found| found.to_string()).collect()
    }

    #[test]
    fn a_number_begins_with_its_prefixes_and_no_others() {
        let number = Number::parse("+493012345").unwrap();
        for (digits, length, begins) in [
            (49, 2, true),
            (4930, 4, true),
            (493_012_345, 9, true),
            (4_930_123_456, 10, false),
            (43, 2, false),
            (3, 1, false),
            (0, 255, false),
        ] {
            assert_eq!(number.begins_with(digits, length), begins, "{digits}");
        }
    }

    #[test]
    fn operators_write_identifiers_in_many_ways() {
        for (text, form) in [
            ("+49 30 123-45", "+493012345"),
            ("tel:+49(30)12345", "+493012345"),
            ("sip:+493012345@gw.example.com;user=phone", "+493012345"),
            ("alice@Example.COM", "alice@example.com"),
            ("sip:Alice@example.com:5070", "Alice@example.com"),
            ("sip:%61lice@example.com", "alice@example.com"),
            ("sips:desk@[2001:DB8::1]:5061", "desk@[2001:db8::1]"),
            ("%2541%3b%61@h", "%2541%3Ba@h"),
        ] {
            let read = Identifier::parse(text).unwrap();
            assert_eq!(read.to_string(), form, "{text}");
            assert_eq!(Identifier::parse(form).unwrap(), read, "{text}");
        }
        for bad in ["", "alice", "+0123", "+12", "+1234567890123456", "@host", "a b@h", "a@", "+x"]
        {
            assert!(Identifier::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_wire_writes_them_in_more() {
        let german = Numbering { country: "49".into(), ..Numbering::default() };
        assert_eq!(spelled(&german, "sip:03012345@gw"), ["+493012345", "03012345@gw"]);
        assert_eq!(spelled(&german, "sip:0049301@GW:5060"), ["+49301", "0049301@gw"]);
        assert_eq!(spelled(&german, "sip:%2B49301@gw"), ["+49301", "+49301@gw"]);
        assert_eq!(spelled(&german, "tel:+49-301;phone-context=x"), ["+49301"]);
        assert_eq!(spelled(&german, "sip:4930123456@gw"), ["4930123456@gw"]);
        let trunk = Numbering { bare_is_e164: true, ..german };
        assert_eq!(spelled(&trunk, "sip:4930123456@gw"), ["+4930123456", "4930123456@gw"]);
        assert_eq!(spelled(&trunk, "sip:gw.example.com"), Vec::<String>::new());
    }

    #[test]
    fn emergency_digits_need_no_look_up() {
        for (uri, digits) in [
            ("sip:112@example.com", "112"),
            ("sip:+112;phone-context=+49@h;user=phone", "112"),
            ("tel:1-1-2", "112"),
            ("TEL:112", "112"),
            ("sips:%31%312@h", "112"),
            ("urn:service:sos.police", "sos"),
            ("URN:SERVICE:SOS", "sos"),
            ("sip:1120@h", "1120"),
        ] {
            assert_eq!(Numbering::dialled(uri), digits, "{uri}");
        }
    }
}
