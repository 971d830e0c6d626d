//! What is wrong, or doubtful, in a config file, and where.

use std::fmt;

use serde::Serialize;

/// One thing that makes a config file unusable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// The line, from 1; `None` when it is about the whole file.
    pub line: Option<usize>,
    /// The path of the key, such as `http.listen`; empty when there is none.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What to do, if that is not plain from `what`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// One thing that works and is probably not meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The line, from 1; `None` when the key is not in the file.
    pub line: Option<usize>,
    /// The path of the key.
    pub key: String,
    /// What is doubtful, and what to do.
    pub what: String,
}

impl fmt::Display for Mistake {
    /// `line 12: http.listen: … (hint)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        place(f, self.line, &self.key)?;
        f.write_str(&self.what)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, ": {hint}"))
    }
}

impl fmt::Display for Warning {
    /// `line 12: http.listen: …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        place(f, self.line, &self.key)?;
        f.write_str(&self.what)
    }
}

fn place(f: &mut fmt::Formatter<'_>, line: Option<usize>, key: &str) -> fmt::Result {
    if let Some(line) = line {
        write!(f, "line {line}: ")?;
    }
    if key.is_empty() { Ok(()) } else { write!(f, "{key}: ") }
}
