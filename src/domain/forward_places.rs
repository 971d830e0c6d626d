//! Where to an account's people may forward its calls.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::shorten;
use super::{Error, Numbering, Target};

/// The most places of one account.
pub const FORWARD_PLACES_MAX: usize = 64;
/// The most digits that a user may have which no number is read from, and still be a short
/// number of somebody's own exchange.
const SHORT_DIGITS_MAX: usize = 6;

/// Where to calls may be forwarded: beginnings of numbers (`+49`), hosts (`@example.com`), or
/// anywhere (`*`). They lie in one text, with a space between.
///
/// Who may forward anywhere may let others call at the account's cost, so there is no place that
/// is allowed unless it is named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForwardPlaces(Option<Arc<str>>);

impl ForwardPlaces {
    /// Reads places with white space or commas between.
    ///
    /// # Errors
    /// [`Error::ForwardPlace`] for one that is none, [`Error::ForwardPlaces`] for too many.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let between = |letter: char| letter == ',' || letter.is_whitespace();
        let words = text.split(between).filter(|word| !word.is_empty());
        let mut places: Vec<String> = words.map(place).collect::<Result<_, _>>()?;
        places.sort_unstable();
        places.dedup();
        if places.len() > FORWARD_PLACES_MAX {
            let (given, max) = (places.len(), FORWARD_PLACES_MAX);
            return Err(Error::ForwardPlaces { given, max });
        }
        Ok(Self((!places.is_empty()).then(|| places.join(" ").into())))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.as_deref().unwrap_or_default().split_terminator(' ')
    }

    /// Whether calls may go there. A URI whose user is a number has to be allowed as a number,
    /// too: a gateway at an allowed host would else call anybody.
    #[must_use]
    pub fn allow(&self, to: &Target, numbering: &Numbering) -> bool {
        let named =
            |wanted: &dyn Fn(&str) -> bool| self.iter().any(|place| place == "*" || wanted(place));
        let number_may = |digits: &str| {
            named(&|place| place.strip_prefix('+').is_some_and(|begins| digits.starts_with(begins)))
        };
        match to {
            Target::Number(number) => number_may(number.text().trim_start_matches('+')),
            Target::Uri(uri) | Target::Aor(uri) => {
                let (user, host) = uri.user_and_host();
                let host_may = named(&|place| {
                    place.strip_prefix('@').is_some_and(|known| known.eq_ignore_ascii_case(host))
                });
                let user_may = match numbering.number_of(user) {
                    Some(number) => number_may(number.text().trim_start_matches('+')),
                    None => !uri.may_spell_a_number() || is_short(user) || named(&|_| false),
                };
                host_may && user_may
            }
        }
    }
}

/// A number of somebody's own exchange.
fn is_short(user: &str) -> bool {
    user.len() <= SHORT_DIGITS_MAX
        && !user.starts_with('0')
        && user.bytes().all(|byte| byte.is_ascii_digit())
}

fn place(word: &str) -> Result<String, Error> {
    let wrong = || Error::ForwardPlace { text: shorten(word) };
    if word == "*" {
        return Ok(word.to_owned());
    }
    if let Some(digits) = word.strip_prefix('+') {
        let fits = (1..=15).contains(&digits.len()) && !digits.starts_with('0');
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        return if fits && plain { Ok(word.to_owned()) } else { Err(wrong()) };
    }
    let host = word.strip_prefix('@').ok_or_else(wrong)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    let fits = (1..=253).contains(&host.len()) && host.bytes().all(plain);
    if fits { Ok(word.to_ascii_lowercase()) } else { Err(wrong()) }
}

impl fmt::Display for ForwardPlaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or_default())
    }
}

impl Serialize for ForwardPlaces {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for ForwardPlaces {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let places = Vec::<String>::deserialize(deserializer)?;
        Self::parse(&places.join(" ")).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Number, SipUri};

    fn allowed(places: &str, to: &str) -> bool {
        let german = Numbering { country: "49".into(), ..Numbering::default() };
        let to = match Number::parse(to) {
            Ok(number) => Target::Number(number),
            Err(_) => Target::Uri(SipUri::parse(to).unwrap()),
        };
        ForwardPlaces::parse(places).unwrap().allow(&to, &german)
    }

    #[test]
    fn only_what_is_named_is_allowed() {
        for (places, to, may) in [
            ("", "+4930123", false),
            ("+49", "+4930123", true),
            ("+49", "+4312345", false),
            ("+4930, +43", "+4312345", true),
            ("+4930", "+49309", true),
            ("+4930", "+493", false),
            ("*", "+88299", true),
            ("+49", "sip:bob@example.com", false),
            ("@example.com", "sip:bob@Example.com:5070", true),
            ("@example.com", "sip:bob@sub.example.com", false),
            ("@example.com", "sip:200@example.com", true),
            ("@example.com", "sip:+88299123@example.com", false),
            ("@example.com", "sip:0088299123@example.com", false),
            ("@example.com", "sip:030123@example.com", false),
            ("@example.com", "sip:%2b88299123@example.com", false),
            ("@example.com", "sip:12345678@example.com", false),
            ("@example.com +49", "sip:030123@example.com", true),
            ("*", "sip:%2b88299123@example.com", true),
        ] {
            assert_eq!(allowed(places, to), may, "{places:?} {to}");
        }
    }

    #[test]
    fn places_are_written_in_one_way() {
        let places = ForwardPlaces::parse("@Example.com,+49  +49 ").unwrap();
        assert_eq!(places.to_string(), "+49 @example.com");
        assert_eq!(serde_json::to_string(&places).unwrap(), r#"["+49","@example.com"]"#);
        for bad in [
            "49",
            "+",
            "+0",
            "+49x",
            "@",
            "@a b",
            "bob@example.com",
            "@a/b",
            "**",
            "+1234567890123456",
        ] {
            let read = ForwardPlaces::parse(bad);
            assert!(read.is_err() || bad == "@a b", "{bad}");
        }
        let many = (1..=65).map(|number| format!("+{number}")).collect::<Vec<_>>().join(" ");
        assert!(ForwardPlaces::parse(&many).unwrap_err().to_string().contains("64"));
    }
}
