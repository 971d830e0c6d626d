//! Where in a text something stands.

use std::ops::Range;

/// Finds the line and the column of a place in a text without reading the text again.
#[derive(Clone, Debug)]
pub struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    /// Looks once where the lines of a text begin.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self { starts: std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect() }
    }

    /// The line in which `span` begins, from 1.
    #[must_use]
    pub fn of(&self, span: &Range<usize>) -> usize {
        self.starts.partition_point(|start| *start <= span.start)
    }

    /// The line in which `span` begins, and the character in it, both from 1. `text` is the one
    /// that was looked at; a place behind its end stands at its end.
    #[must_use]
    pub fn line_and_column(&self, text: &str, span: &Range<usize>) -> (usize, usize) {
        let line = self.of(span);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let before = text.get(start..span.start.min(text.len())).unwrap_or_default();
        (line, before.chars().count() + 1)
    }
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
    fn a_column_is_counted_in_characters() {
        let text = "ä = 1\n  öx";
        let lines = Lines::new(text);
        let place = |at: usize| lines.line_and_column(text, &(at..at));
        assert_eq!((place(0), place(3)), ((1, 1), (1, 3)));
        assert_eq!((place(9), place(11), place(500)), ((2, 3), (2, 4), (2, 5)));
    }
}
