//! Bodies of the admin API: every mistake names its field.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::super::reply::Problem;

/// What a body may look like.
pub(in crate::http) struct Shape {
    /// Keys that must be there.
    pub(in crate::http) required: &'static [&'static str],
    /// Keys that may be there.
    pub(in crate::http) optional: &'static [&'static str],
    /// A smallest good body, to find out which key of a bad one is wrong.
    pub(in crate::http) sample: &'static str,
}

/// Reads a body. An unknown key is a mistake, for it would be without effect.
pub(in crate::http) fn read<T: DeserializeOwned>(body: &[u8], shape: &Shape) -> Result<T, Problem> {
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        Problem::wrong(format!("the body is not JSON: {error}"))
            .hint("send one JSON object, see /openapi.json")
    })?;
    let Value::Object(object) = value else {
        return Err(Problem::wrong("the body should be a JSON object"));
    };
    let known = || shape.required.iter().chain(shape.optional);
    if let Some(key) = object.keys().find(|key| !known().any(|known| known == key)) {
        let keys = known().copied().collect::<Vec<_>>().join(", ");
        let key: String = key.chars().take(40).collect();
        return Err(Problem::wrong("this key is not known here")
            .field(key)
            .hint(format!("known here: {keys}")));
    }
    if let Some(key) = shape.required.iter().find(|key| !object.contains_key(**key)) {
        return Err(Problem::wrong(format!("{key} is missing")).field(*key));
    }
    match serde_json::from_value(Value::Object(object.clone())) {
        Ok(read) => Ok(read),
        Err(error) => Err(blame::<T>(object, shape, &error)),
    }
}

/// Puts one key after the other into the sample, until it is bad.
fn blame<T: DeserializeOwned>(
    object: Map<String, Value>,
    shape: &Shape,
    error: &serde_json::Error,
) -> Problem {
    let sample: Map<String, Value> = serde_json::from_str(shape.sample).unwrap_or_default();
    for (key, value) in object {
        let mut trial = sample.clone();
        trial.insert(key.clone(), value);
        if let Err(error) = serde_json::from_value::<T>(Value::Object(trial)) {
            return Problem::wrong(format!("{key}: {}", short(&error))).field(key);
        }
    }
    Problem::wrong(short(error))
}

/// An error never carries a page of somebody's bytes.
fn short(error: &serde_json::Error) -> String {
    error.to_string().chars().filter(|one| !one.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::AccountSpec;

    #[test]
    fn every_mistake_names_its_field() {
        let shape = &super::super::account::SPEC;
        let field = |body: &str| {
            read::<AccountSpec>(body.as_bytes(), shape).unwrap_err().blamed().to_owned()
        };
        assert_eq!(field("{}"), "name");
        assert_eq!(field(r#"{"name":"a b"}"#), "name");
        assert_eq!(field(r#"{"name":"a","max_calls":-1}"#), "max_calls");
        assert_eq!(field(r#"{"name":"a","max_in":"2"}"#), "max_in");
        assert_eq!(field(r#"{"name":"a","parent":7}"#), "parent");
        assert_eq!(field(r#"{"name":"a","policy":"lax"}"#), "policy");
        assert_eq!(field(r#"{"name":"a","zone":"Mars"}"#), "zone");
        assert_eq!(field(r#"{"name":"a","enabled":1}"#), "enabled");
        assert_eq!(field(r#"{"name":"a","refusal_codes":{"too":486}}"#), "refusal_codes");
        assert_eq!(field(r#"{"name":"a","max_call":2}"#), "max_call");
        assert_eq!(field("[]"), "");
        assert_eq!(field("{\"name\":\"\u{0}\"}"), "");
        assert!(read::<AccountSpec>(br#"{"name":"a","max_calls":null}"#, shape).is_ok());
    }
}
