//! JSON read without copying: what stands there, whatever it is, so that a wrong type can be named.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Error;
use super::fields::Fields;

/// An error never carries a page of somebody's bytes.
const PROBLEM_CHARACTERS_MAX: usize = 120;

/// A value as it came.
#[derive(Debug)]
pub(super) enum Raw<'a> {
    Bool(bool),
    List,
    Null,
    /// A number; `None` unless it is a whole one from 0.
    Number(Option<u64>),
    Object,
    Text(Cow<'a, str>),
}

impl Raw<'_> {
    /// What it is, for people.
    pub(super) fn found(&self) -> &'static str {
        match self {
            Self::Bool(_) => "true or false",
            Self::List => "an array",
            Self::Null => "null",
            Self::Number(_) => "a number",
            Self::Object => "an object",
            Self::Text(_) => "a string",
        }
    }
}

/// What stood where an object was expected.
pub(super) enum Element<'a, const N: usize> {
    Fields(Fields<'a, N>),
    Other(&'static str),
}

/// Reads one JSON value with nothing after it.
pub(super) fn read_whole<'a, S: DeserializeSeed<'a>>(
    body: &'a [u8],
    seed: S,
) -> Result<S::Value, Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = seed.deserialize(&mut deserializer).map_err(|error| json(&error))?;
    deserializer.end().map_err(|error| json(&error))?;
    Ok(value)
}

fn json(error: &serde_json::Error) -> Error {
    let text = error.to_string();
    let problem = text.rsplit_once(" at line ").map_or(text.as_str(), |(before, _)| before);
    let problem = problem.chars().take(PROBLEM_CHARACTERS_MAX).collect();
    Error::Json { line: error.line(), column: error.column(), problem }
}

/// Reads an object of these fields, or says what stood there instead.
#[derive(Clone, Copy)]
pub(super) struct ElementSeed<const N: usize>(pub(super) &'static [&'static str; N]);

impl<'de, const N: usize> DeserializeSeed<'de> for ElementSeed<N> {
    type Value = Element<'de, N>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for ElementSeed<N> {
    type Value = Element<'de, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Self(names) = self;
        let (mut values, mut twice) = ([const { None }; N], None);
        while let Some(key) = map.next_key_seed(KeySeed(names))? {
            let Some(index) = key else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let raw = map.next_value_seed(RawSeed)?;
            if values[index].is_some() {
                twice = twice.or(Some(index));
            }
            values[index] = Some(raw);
        }
        for value in &mut values {
            if matches!(value, Some(Raw::Null)) {
                *value = None;
            }
        }
        Ok(Element::Fields(Fields::new(names, values, twice)))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Element::Other(Raw::Bool(flag).found()))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Element::Other(Raw::Number(None).found()))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Element::Other(Raw::Number(None).found()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Element::Other(Raw::Number(None).found()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Element::Other(Raw::Null.found()))
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Element::Other("a string"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Element::Other(Raw::List.found()))
    }
}

struct KeySeed<const N: usize>(&'static [&'static str; N]);

impl<'de, const N: usize> DeserializeSeed<'de> for KeySeed<N> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<const N: usize> Visitor<'_> for KeySeed<N> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|name| *name == key))
    }
}

struct RawSeed;

impl<'de> DeserializeSeed<'de> for RawSeed {
    type Value = Raw<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RawSeed {
    type Value = Raw<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Raw<'de>, E> {
        Ok(Raw::Bool(flag))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Raw<'de>, E> {
        Ok(Raw::Number(Some(number)))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw<'de>, E> {
        Ok(Raw::Number(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw<'de>, E> {
        Ok(Raw::Number(None))
    }

    fn visit_unit<E>(self) -> Result<Raw<'de>, E> {
        Ok(Raw::Null)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Raw<'de>, E> {
        Ok(Raw::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw<'de>, E> {
        Ok(Raw::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Raw::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Raw::Object)
    }
}
