//! What is wrong in a text of rules, and where.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The most mistakes that are told of one text; the rest would be their consequences.
pub const MISTAKES_MAX: usize = 100;

/// One thing that makes a text of rules unusable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// The character in it, from 1.
    pub column: usize,
    /// The path of the key, such as `rule[2].when.hours`; empty when there is none.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What to do, if that is not plain from `what`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl fmt::Display for Mistake {
    /// `line 12, column 9: rule[2].when.hours: … (hint)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, ": {hint}"))
    }
}

/// All of them in one sentence.
#[must_use]
pub fn listed(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
