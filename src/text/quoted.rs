//! What somebody wrote, for a sentence about it.

/// The beginning of something that somebody wrote, printable.
#[must_use]
pub fn shorten(text: &str) -> String {
    const CHARACTERS_MAX: usize = 60;
    let mut short: String =
        text.chars().take(CHARACTERS_MAX).flat_map(char::escape_debug).collect();
    if text.chars().count() > CHARACTERS_MAX {
        short.push('…');
    }
    short
}
