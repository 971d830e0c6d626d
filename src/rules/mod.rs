//! What an account's owner writes about who rings, when: text, read whole or not at all.
//!
//! [`read`] is pure. Whatever is wrong with a text is told at once, each mistake with its line, its
//! column and what to do; what this version cannot carry out is a mistake, too, and never ignored.
//! `docs/rules.md` has the language.

mod against;
mod calendar;
mod country;
mod example;
mod greeting;
mod group;
mod ical;
mod late;
mod mistake;
mod page;
mod tables;
mod tell;
mod then;
mod when;
mod who;

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::Rules;

use page::Page;

pub use example::{Example, shown};
pub use ical::{Event, read_calendar};
pub use mistake::{MISTAKES_MAX, Mistake, listed};

/// The longest text of rules, in bytes; a longer one is refused unread.
pub const RULES_BYTES_MAX: usize = 64 * 1024;

/// A text of rules that was read, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFile {
    text: Arc<str>,
    rules: Arc<Rules>,
}

impl RuleFile {
    /// Reads a text.
    ///
    /// # Errors
    /// Every mistake, in the order of the text; never an empty list.
    pub fn read(text: &str) -> Result<Self, Vec<Mistake>> {
        let (rules, _) = read(text)?;
        Ok(Self { text: text.into(), rules: Arc::new(rules) })
    }

    /// The text as it was written.
    #[must_use]
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// What it says.
    #[must_use]
    pub fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }
}

impl Serialize for RuleFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for RuleFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::read(&text).map_err(|mistakes| serde::de::Error::custom(listed(&mistakes)))
    }
}

/// Reads a text: what it says, and the examples in it.
///
/// # Errors
/// Every mistake, in the order of the text; never an empty list.
pub fn read(text: &str) -> Result<(Rules, Vec<Example>), Vec<Mistake>> {
    Page::read(text).finish()
}
