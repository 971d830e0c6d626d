//! Time zones by their IANA names.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

use super::Error;
use super::error::shorten;

/// The name of an IANA time zone. Looked up in the zone table inside the program, never in the
/// machine's files: two nodes must not disagree because one machine was updated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Zone(Arc<str>);

impl Zone {
    /// Reads a zone's name, in whatever case.
    ///
    /// # Errors
    /// [`Error::Zone`] when the table has no such zone.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let zone = jiff::tz::TimeZoneDatabase::bundled().get(text);
        zone.ok()
            .and_then(|zone| zone.iana_name().map(|name| Self(name.into())))
            .ok_or_else(|| Error::Zone { text: shorten(text) })
    }

    /// The name as the table spells it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
