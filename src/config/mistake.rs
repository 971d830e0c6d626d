//! What is wrong, or doubtful, in a config file, and where.

use std::fmt;
use std::ops::Range;

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

/// Finds the line of a place in a text without reading the text again.
pub(super) struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    pub(super) fn new(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self { starts: std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect() }
    }

    /// The line in which `span` begins, from 1.
    pub(super) fn of(&self, span: &Range<usize>) -> usize {
        self.starts.partition_point(|start| *start <= span.start)
    }
}

/// The known name that was probably meant by `typed`: at most a third of its letters are wrong,
/// missing, too many or swapped.
pub(super) fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const LETTERS_MAX: usize = 64;
    let letters: Vec<char> = typed.to_lowercase().replace('-', "_").chars().collect();
    if letters.len() > LETTERS_MAX {
        return None;
    }
    let scored = known.map(|name| (distance(&letters, &name.chars().collect::<Vec<_>>()), name));
    scored.filter(|(off, name)| *off <= (name.len() / 3).max(1)).min().map(|(_, name)| name)
}

/// Letters to change, add, remove or swap with a neighbour (optimal string alignment).
fn distance(left: &[char], right: &[char]) -> usize {
    let mut rows = vec![vec![0; right.len() + 1]; left.len() + 1];
    for i in 0..=left.len() {
        for j in 0..=right.len() {
            if i == 0 || j == 0 {
                rows[i][j] = i + j;
                continue;
            }
            let other = usize::from(left[i - 1] != right[j - 1]);
            let mut best =
                (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + other);
            let swapped =
                i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
            if swapped {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_counted_from_one() {
        let lines = Lines::new("a\nbc\n\nd");
        for (at, line) in [(0, 1), (1, 1), (2, 2), (4, 2), (5, 3), (6, 4), (7, 4)] {
            assert_eq!(lines.of(&(at..at)), line, "{at}");
        }
    }

    #[test]
    fn what_was_meant() {
        let known = ["listen", "drain", "route_token_file", "name"];
        for (typed, meant) in [
            ("lisen", Some("listen")),
            ("Listen", Some("listen")),
            ("drian", Some("drain")),
            ("route-token-file", Some("route_token_file")),
            ("route_tokenfile", Some("route_token_file")),
            ("nmae", Some("name")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known.into_iter()), meant, "{typed}");
        }
    }
}
