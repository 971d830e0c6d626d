//! One value: of its type and within its bounds, or what is wrong with it.

use std::time::Duration;

use toml::de::DeValue;

use crate::text::{nearest, parse_duration, shorten, show_duration};

use super::keys::Kind;

/// The longest text value, in bytes.
const TEXT_BYTES_MAX: usize = 1024;

/// A value of the type that the table of keys asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Flag(bool),
    Count(u64),
    Duration(Duration),
    List(Vec<String>),
}

/// What is wrong, and a hint.
pub(super) type Wrong = (String, Option<String>);

/// Reads one value.
pub(super) fn read_value(value: &DeValue<'_>, kind: Kind) -> Result<Value, Wrong> {
    match (kind, value) {
        (Kind::Text, DeValue::String(text)) => plain_text(text).map(Value::Text),
        (Kind::Choice(words), DeValue::String(text)) => {
            if words.contains(&text.as_ref()) {
                return Ok(Value::Text(text.to_string()));
            }
            let near = nearest(text, words.iter().copied());
            let hint = near.map(|near| format!("did you mean \"{near}\"?"));
            Err((format!("{:?} is not one of {}", shorten(text), words.join(", ")), hint))
        }
        (Kind::Flag, DeValue::Boolean(flag)) => Ok(Value::Flag(*flag)),
        (Kind::Count { min, max }, DeValue::Integer(number)) => {
            let digits = number.as_str();
            let count = u64::from_str_radix(digits, number.radix()).ok();
            count.filter(|count| (min..=max).contains(count)).map(Value::Count).ok_or_else(|| {
                (format!("{} is out of bounds: take {min} to {max}", shorten(digits)), None)
            })
        }
        (Kind::Duration { min, max }, DeValue::String(text)) => {
            let duration = parse_duration(text).map_err(|what| (what, None))?;
            if (min..=max).contains(&duration) {
                return Ok(Value::Duration(duration));
            }
            let (min, max) = (show_duration(min), show_duration(max));
            Err((format!("{text:?} is out of bounds: take {min} to {max}"), None))
        }
        (Kind::List { max }, DeValue::Array(elements)) => {
            if elements.len() > max {
                return Err((format!("holds more than {max} values"), None));
            }
            let texts = elements.iter().map(|element| {
                let element = element.get_ref();
                let hint = || Some("put every value into quotes".to_owned());
                let other = || (format!("holds {}, not only text", called(element)), hint());
                element.as_str().ok_or_else(other).and_then(plain_text)
            });
            texts.collect::<Result<_, _>>().map(Value::List)
        }
        (kind, value) => Err(wrong_type(kind, value)),
    }
}

fn wrong_type(kind: Kind, value: &DeValue<'_>) -> Wrong {
    let wanted = match kind {
        Kind::Text | Kind::Choice(_) => "text in quotes",
        Kind::Flag => "true or false",
        Kind::Count { .. } => "a whole number without quotes",
        Kind::Duration { .. } => "a duration in quotes, such as \"15s\" or \"5m\"",
        Kind::List { .. } => "a list, such as [\"112\", \"911\"]",
    };
    let hint = match (kind, value) {
        (Kind::Duration { .. }, DeValue::Integer(number)) if number.radix() == 10 => {
            Some(format!("if seconds are meant, write \"{}s\"", shorten(number.as_str())))
        }
        (Kind::Flag, DeValue::String(text)) if matches!(text.as_ref(), "true" | "false") => {
            Some("leave the quotes out".to_owned())
        }
        _ => None,
    };
    (format!("must be {wanted}, not {}", called(value)), hint)
}

/// What people call a value of this type.
pub(super) fn called(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}

fn plain_text(text: &str) -> Result<String, Wrong> {
    if text.len() > TEXT_BYTES_MAX {
        return Err((format!("is longer than {TEXT_BYTES_MAX} bytes"), None));
    }
    if text.chars().any(char::is_control) {
        return Err(("holds a control character (a line break, a NUL, …)".to_owned(), None));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::{Preset, SECTIONS};

    #[test]
    fn every_default_is_a_value_of_its_kind() {
        for section in SECTIONS {
            for key in section.keys {
                let (Preset::Is(text) | Preset::Nothing(text) | Preset::Required(text)) =
                    key.default;
                let value = DeValue::parse(text).unwrap();
                assert!(
                    read_value(value.get_ref(), key.kind).is_ok(),
                    "{}.{}",
                    section.name,
                    key.name
                );
            }
        }
    }
}
