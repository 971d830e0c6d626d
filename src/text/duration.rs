//! Durations as people write them: `15s`, `5m`, `1h30m`, `7d`.

use std::time::Duration;

/// The units, longest first, with their milliseconds. `ms` stands before `m` and `s`, because it
/// begins like the one and ends like the other.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("ms", 1), ("m", 60_000), ("s", 1_000)];

/// Reads a duration: whole numbers, each with its unit (`d`, `h`, `m`, `s`, `ms`), longest unit
/// first, each unit once.
///
/// # Errors
/// A sentence that says how to write it.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || {
        format!(
            "{text:?} is no duration: write a number with its unit, such as \"15s\", \"5m\", \"12h\" or \"7d\""
        )
    };
    let mut rest = text.trim();
    let mut total_ms: u64 = 0;
    let mut unit_before = u64::MAX;
    if rest.is_empty() || rest.len() > 64 {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let count: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        let (unit, unit_ms) = *UNITS
            .iter()
            .find(|(unit, _)| rest[digits..].starts_with(unit))
            .filter(|(_, unit_ms)| *unit_ms < unit_before)
            .ok_or_else(wrong)?;
        total_ms = count
            .checked_mul(unit_ms)
            .and_then(|part_ms| total_ms.checked_add(part_ms))
            .ok_or_else(wrong)?;
        unit_before = unit_ms;
        rest = &rest[digits + unit.len()..];
    }
    Ok(Duration::from_millis(total_ms))
}

/// Writes a duration in the longest unit that takes it whole: `90s`, `2m`, `12h`. Parts below a
/// millisecond are cut off.
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    let total_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if total_ms == 0 {
        return "0s".to_owned();
    }
    let whole = UNITS.iter().filter(|(_, unit_ms)| total_ms.is_multiple_of(*unit_ms));
    let (unit, unit_ms) = whole.max_by_key(|(_, unit_ms)| *unit_ms).unwrap_or(&("ms", 1));
    format!("{}{unit}", total_ms / unit_ms)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn people_write_durations() {
        for (text, ms) in [
            ("15s", 15_000),
            ("5m", 300_000),
            ("12h", 43_200_000),
            ("7d", 604_800_000),
            ("1h30m", 5_400_000),
            ("250ms", 250),
            ("1m500ms", 60_500),
            ("0s", 0),
            (" 2m ", 120_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for bad in
            ["", "15", "s", "-5s", "5 s", "1.5h", "5s5s", "5s1m", "5x", "99999999999999999d", "५s"]
        {
            assert!(parse_duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn they_are_shown_short() {
        for (ms, text) in
            [(0, "0s"), (90_000, "90s"), (120_000, "2m"), (43_200_000, "12h"), (1, "1ms")]
        {
            assert_eq!(show_duration(Duration::from_millis(ms)), text);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,70}") {
            let _ = parse_duration(&text);
        }

        #[test]
        fn what_is_shown_is_read_back(ms in 0u64..1_000_000_000_000) {
            let duration = Duration::from_millis(ms);
            prop_assert_eq!(parse_duration(&show_duration(duration)), Ok(duration));
        }
    }
}
