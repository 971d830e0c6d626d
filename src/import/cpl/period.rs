//! What stands in the attributes of `time`: moments, lengths, days, as iCalendar has them
//! (RFC 5545).

use crate::domain::Day;

/// A moment as a wall shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) day: Day,
    pub(super) minute: u16,
    /// Whether it has seconds, which no rule asks for.
    pub(super) seconds: bool,
    pub(super) utc: bool,
    /// Whether it is a whole day.
    pub(super) whole: bool,
}

/// A day of the week, every one or that of a place in the month or year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ByDay {
    pub(super) place: Option<i8>,
    pub(super) day: u8,
}

/// `19970105T083000`, with `Z`, or `19970105`.
pub(super) fn moment(text: &str) -> Option<Moment> {
    let (text, utc) = match text.strip_suffix(['Z', 'z']) {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let (date, time) = text.split_once(['T', 't']).map_or((text, None), |(d, t)| (d, Some(t)));
    let part = |text: &str, from: usize, length: usize| {
        let part = text.get(from..from + length)?;
        part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<u16>().ok()).flatten()
    };
    if date.len() != 8 || time.is_some_and(|time| !matches!(time.len(), 4 | 6)) {
        return None;
    }
    let small = |number: u16| u8::try_from(number).ok();
    let day = Day::new(part(date, 0, 4)?, small(part(date, 4, 2)?)?, small(part(date, 6, 2)?)?)?;
    let Some(time) = time else {
        return Some(Moment { day, minute: 0, seconds: false, utc, whole: true });
    };
    let (hour, minute) = (part(time, 0, 2)?, part(time, 2, 2)?);
    let second = if time.len() == 6 { part(time, 4, 2)? } else { 0 };
    let fits = hour < 24 && minute < 60 && second <= 60;
    let minute = hour * 60 + minute;
    fits.then_some(Moment { day, minute, seconds: second > 0, utc, whole: false })
}

/// `P1W`, `P1DT12H`, `PT30M`: minutes, and whether seconds were left out.
pub(super) fn duration(text: &str) -> Option<(u32, bool)> {
    let mut rest = text.strip_prefix(['P', 'p'])?;
    let (mut seconds, mut in_time, mut parts) = (0_u64, false, 0);
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix(['T', 't']) {
            (rest, in_time) = (behind, true);
            continue;
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let count: u64 = rest.get(..digits)?.parse().ok()?;
        let unit = rest.get(digits..)?.chars().next()?.to_ascii_uppercase();
        let unit_s = match (unit, in_time) {
            ('W', false) => 604_800,
            ('D', false) => 86_400,
            ('H', true) => 3_600,
            ('M', true) => 60,
            ('S', true) => 1,
            _ => return None,
        };
        seconds = count.checked_mul(unit_s)?.checked_add(seconds)?;
        parts += 1;
        rest = rest.get(digits + 1..)?;
    }
    let minutes = u32::try_from(seconds.div_ceil(60)).ok()?;
    (parts > 0).then_some((minutes, !seconds.is_multiple_of(60)))
}

/// Minutes from one to the other; `None` when it is not behind, or far away.
pub(super) fn between(from: &Moment, to: &Moment) -> Option<u32> {
    let mut days = 0_u32;
    let mut day = from.day;
    if to.day < from.day {
        return None;
    }
    while day < to.day {
        days += 1;
        day = day.plus(1)?;
        if days > 3_660 {
            return None;
        }
    }
    let minutes = days * 1_440 + u32::from(to.minute);
    minutes.checked_sub(u32::from(from.minute)).filter(|minutes| *minutes > 0)
}

/// `MO,2TU,-1FR`
pub(super) fn by_day(text: &str) -> Option<Vec<ByDay>> {
    let names = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
    let one = |text: &str| {
        let text = text.trim().to_ascii_uppercase();
        let at = text.len().checked_sub(2)?;
        let day = names.iter().position(|name| text.get(at..) == Some(name))?;
        let place = text.get(..at)?;
        let place = match place {
            "" => None,
            place => Some(place.parse::<i8>().ok().filter(|place| *place != 0)?),
        };
        Some(ByDay { place, day: u8::try_from(day).ok()? })
    };
    text.split(',').map(one).collect()
}

/// `1,15,-1`
pub(super) fn numbers(text: &str, min: i16, max: i16) -> Option<Vec<i16>> {
    let one =
        |text: &str| text.trim().parse::<i16>().ok().filter(|number| (min..=max).contains(number));
    let numbers: Option<Vec<i16>> = text.split(',').map(one).collect();
    numbers.filter(|numbers| numbers.len() <= 400)
}

/// The last day of a month; 29 for February, `None` for what is none.
pub(super) fn days_in(month: i16) -> Option<i16> {
    match month {
        2 => Some(29),
        4 | 6 | 9 | 11 => Some(30),
        1..=12 => Some(31),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_lengths_are_read() {
        let read = |text| moment(text).map(|read| (read.day.to_string(), read.minute, read.utc));
        assert_eq!(read("20260105T0830"), Some(("2026-01-05".to_owned(), 510, false)));
        assert_eq!(read("20260105T083000Z"), Some(("2026-01-05".to_owned(), 510, true)));
        assert_eq!(read("20260105"), Some(("2026-01-05".to_owned(), 0, false)));
        for bad in
            ["", "2026", "20261305", "20260105T24", "20260105T9900", "2026ä105", "20260105T083"]
        {
            assert_eq!(moment(bad), None, "{bad}");
        }
        assert_eq!(duration("PT8H"), Some((480, false)));
        assert_eq!(duration("P1DT12H30M"), Some((2_190, false)));
        assert_eq!(duration("P1W"), Some((10_080, false)));
        assert_eq!(duration("PT90S"), Some((2, true)));
        for bad in ["", "P", "8H", "PT", "P8H", "PT1D", "PTxH", "P99999999999999999999D"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn days_are_read() {
        let day = |place, day| ByDay { place, day };
        assert_eq!(by_day("MO,-1fr"), Some(vec![day(None, 0), day(Some(-1), 4)]));
        assert_eq!(by_day("MO,XX"), None);
        assert_eq!(by_day("0MO"), None);
        assert_eq!(numbers("1, 15", 1, 31), Some(vec![1, 15]));
        assert_eq!(numbers("32", 1, 31), None);
    }
}
