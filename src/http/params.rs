//! What follows the `?` of an address.

use std::collections::BTreeMap;

use axum::extract::Query;
use axum::http::Uri;

use super::reply::Problem;
use super::wire::{PAGE_DEFAULT, PAGE_MAX};

/// Parameters that are all known and stand there once.
#[derive(Debug)]
pub(super) struct Params(BTreeMap<String, String>);

impl Params {
    /// Reads them; a key that is not `known` is a mistake, since it would be without effect.
    pub(super) fn read(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else {
            return Err(Problem::wrong("what follows the ? in the address can't be read"));
        };
        let mut params = BTreeMap::new();
        for (key, value) in pairs {
            if !known.contains(&key.as_str()) {
                let key: String = key.chars().take(40).collect();
                let hint = format!("known here: {}", known.join(", "));
                return Err(Problem::wrong("this parameter is not known here")
                    .field(key)
                    .hint(hint));
            }
            if params.insert(key.clone(), value).is_some() {
                return Err(Problem::wrong("this parameter stands there twice").field(key));
            }
        }
        Ok(Self(params))
    }

    /// A parameter as it came; an empty one is missing.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// A parameter that `read` makes something of.
    pub(super) fn parsed<T, E: std::fmt::Display>(
        &self,
        key: &str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Problem> {
        let read = |text| read(text).map_err(|error| Problem::wrong(error.to_string()).field(key));
        self.text(key).map(read).transpose()
    }

    /// How many items are wanted.
    pub(super) fn limit(&self) -> Result<usize, Problem> {
        let wrong = "limit is a number from 1 to 1000";
        let read = |text: &str| text.parse().ok().filter(|limit| *limit > 0).ok_or(wrong);
        Ok(self.parsed("limit", read)?.map_or(PAGE_DEFAULT, |limit: usize| limit.min(PAGE_MAX)))
    }
}
