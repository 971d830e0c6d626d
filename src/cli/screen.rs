//! Showing things: tables for people, JSON for programs.

use std::fmt::Display;
use std::io::Write;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use super::failure::Failure;

/// Where a command shows what came of it.
pub(super) struct Screen<'a> {
    out: &'a mut dyn Write,
    err: &'a mut (dyn Write + Send),
    /// Whether a program reads it.
    pub(super) json: bool,
}

type Shown = Result<(), Failure>;

impl<'a> Screen<'a> {
    pub(super) fn new(out: &'a mut dyn Write, err: &'a mut (dyn Write + Send), json: bool) -> Self {
        Self { out, err, json }
    }

    /// One line for people.
    pub(super) fn line(&mut self, text: impl Display) -> Shown {
        Ok(writeln!(self.out, "{}", clean(&text.to_string()))?)
    }

    /// One line on standard error, for what is said beside the result.
    pub(super) fn note(&mut self, text: impl Display) {
        let _ = writeln!(self.err, "hallporter: {}", clean(&text.to_string()));
    }

    /// Bytes as they are: a manual page, completions.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> Shown {
        Ok(self.out.write_all(bytes)?)
    }

    /// The output, for bytes that come piece by piece.
    pub(super) fn bytes(&mut self) -> &mut dyn Write {
        self.out
    }

    /// A value for programs.
    pub(super) fn object(&mut self, value: &impl Serialize) -> Shown {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Failure::refused(format!("the answer can't be shown: {error}")))?;
        Ok(writeln!(self.out, "{text}")?)
    }

    /// The one-line result of a change, or the changed thing for programs.
    pub(super) fn done(&mut self, value: &impl Serialize, sentence: impl Display) -> Shown {
        if self.json { self.object(value) } else { self.line(sentence) }
    }

    /// The one-line result of a removal, or the name of what is gone for programs.
    pub(super) fn removed(&mut self, name: impl Display, sentence: impl Display) -> Shown {
        self.done(&serde_json::json!({ "removed": name.to_string() }), sentence)
    }

    /// Columns for people. Those in `right` hold figures.
    pub(super) fn table(
        &mut self,
        header: &[&str],
        right: &[usize],
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> Shown {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(header.to_vec());
        for row in rows {
            table.add_row(row.iter().map(|cell| clean(cell)).collect::<Vec<_>>());
        }
        for (at, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, 2));
            if right.contains(&at) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        for line in table.lines() {
            writeln!(self.out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    /// Names and values below each other.
    pub(super) fn facts(&mut self, facts: &[(&str, String)]) -> Shown {
        let width = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
        for (name, value) in facts {
            self.line(format_args!("{name:width$}  {value}"))?;
        }
        Ok(())
    }

    /// Brings out what is still held back.
    pub(super) fn flush(&mut self) -> Shown {
        Ok(self.out.flush()?)
    }
}

/// Makes text harmless for a terminal: what callers and switches wrote may hold escape sequences
/// and marks that turn the direction of writing.
pub(super) fn clean(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        let turns = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if (character.is_control() && character != '\t') || turns {
            plain.extend(character.escape_default());
        } else {
            plain.push(character);
        }
    }
    plain
}

/// What stands in a table where there is nothing.
pub(super) fn or_dash(value: Option<impl Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// "yes" or "no".
pub(super) fn yes_no(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

/// Milliseconds since 1970 as a moment in UTC: `2026-11-24 03:49:37Z`.
pub(super) fn moment(at_ms: i64) -> String {
    let Ok(at) = jiff::Timestamp::from_millisecond(at_ms) else { return "?".to_owned() };
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// A length as people read it: `0:07`, `2:30`, `1:02:03`.
pub(super) fn length(length_ms: u64) -> String {
    let seconds = length_ms.div_ceil(1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_does_not_write_on_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\r\n\u{202e}c\u{9b}"), "a\\u{1b}[2Jb\\r\\n\\u{202e}c\\u{9b}");
        assert_eq!(clean("Jörg 030…"), "Jörg 030…");
    }

    #[test]
    fn lengths_are_short() {
        for (ms, text) in [(0, "0:00"), (6_100, "0:07"), (150_000, "2:30"), (3_723_000, "1:02:03")]
        {
            assert_eq!(length(ms), text);
        }
    }

    #[test]
    fn moments_are_in_utc() {
        assert_eq!(moment(0), "1970-01-01 00:00:00Z");
        assert_eq!(moment(1_795_492_177_123), "2026-11-24 03:49:37Z");
        assert_eq!(moment(i64::MAX), "?");
    }
}
