//! Days and windows of a day, in the words of a rule.

use crate::domain::Day;
use crate::import::sheet::Conditions;

use super::time::{Begins, EVERY_DAY, Why};

pub(super) const DAY_MINUTES: u32 = 1_440;
const NEVER_ENDS: Why = "one is not over when the next begins, and it has a first or a last day: --today says which has begun";

/// Whether a period has a first or a last day that has to be said, and whether it has a last one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) limited: bool,
    pub(super) ends: bool,
}

pub(super) fn minute_of(minutes: u32) -> u16 {
    u16::try_from(minutes).unwrap_or_default()
}

/// The window of a day; the whole one is 0 to 24. `None` for what no single window says.
pub(super) fn window(from: u16, length: u32) -> Option<(u16, u16)> {
    let end = u32::from(from) + length;
    match end {
        _ if length > DAY_MINUTES || (length == DAY_MINUTES && from > 0) => None,
        _ if end <= DAY_MINUTES => Some((from, minute_of(end))),
        _ => Some((from, minute_of(end - DAY_MINUTES))),
    }
}

/// What begins at these minutes of these days and lasts so long: ways in which it is so, each with
/// how many days after the beginning it is.
pub(super) fn spread(
    begins: &Begins,
    starts: &[u16],
    length: u32,
    bounds: Bounds,
) -> Result<Vec<(Conditions, i32)>, Why> {
    let Begins { days, dates } = begins.clone();
    let windows: Option<Vec<(u16, u16)>> =
        starts.iter().map(|from| window(*from, length)).collect();
    if let Some(windows) = windows {
        let whole = windows.contains(&(0, 1_440));
        let hours = (!whole && !windows.is_empty()).then_some(windows);
        return Ok(vec![(Conditions { hours, days, dates, ..Conditions::default() }, 0)]);
    }
    let [start] = starts else { return Err("it lasts longer than a day and begins several times") };
    let whole_days = *start == 0 && length.is_multiple_of(DAY_MINUTES);
    let (Some(days), None) = (days, &dates) else {
        return match dates {
            // Every day, for a day or more.
            None if bounds.limited => Err(NEVER_ENDS),
            None => Ok(vec![(Conditions::default(), 0)]),
            Some(_) if bounds.ends => {
                Err("it comes every year until some day, and lasts over several days")
            }
            Some(dates) if whole_days && days.is_none() => {
                let dates = dates
                    .iter()
                    .map(|day| stretched(day, length / DAY_MINUTES))
                    .collect::<Result<_, _>>()?;
                Ok(vec![(Conditions { dates: Some(dates), ..Conditions::default() }, 0)])
            }
            Some(_) => {
                Err("it lasts over several days of the year, and not from midnight to midnight")
            }
        };
    };
    over_days(days, *start, length, bounds)
}

/// What begins on some days of the week and lasts over several.
fn over_days(
    days: u8,
    start: u16,
    length: u32,
    bounds: Bounds,
) -> Result<Vec<(Conditions, i32)>, Why> {
    if length >= 7 * DAY_MINUTES {
        if bounds.limited {
            return Err(NEVER_ENDS);
        }
        return Ok(vec![(Conditions::default(), 0)]);
    }
    let later = |by: u32| {
        (0..7).filter(|day| days & (1 << day) != 0).fold(0, |all, day| all | 1 << ((day + by) % 7))
    };
    let way = |days: u8, hours: Option<(u16, u16)>| Conditions {
        days: Some(days).filter(|days| *days != EVERY_DAY),
        hours: hours.map(|hours| vec![hours]),
        ..Conditions::default()
    };
    let end = u32::from(start) + length;
    let (last, rest) = (end / DAY_MINUTES, minute_of(end % DAY_MINUTES));
    let first_whole = u32::from(start > 0);
    let mut ways = Vec::new();
    if start > 0 {
        ways.push((way(days, Some((start, 1_440))), 0));
    }
    if bounds.limited {
        // Each of them has its own first and last day.
        let shift = |by: u32| i32::try_from(by).unwrap_or_default();
        ways.extend((first_whole..last).map(|by| (way(later(by), None), shift(by))));
    } else if first_whole < last {
        let whole = (first_whole..last).fold(0, |all, by| all | later(by));
        ways.push((way(whole, None), 0));
    }
    if rest > 0 {
        ways.push((way(later(last), Some((0, rest))), i32::try_from(last).unwrap_or_default()));
    }
    Ok(ways)
}

/// `12-24`, for some days more.
fn stretched(day: &str, days: u32) -> Result<String, Why> {
    // A year without a 29th of February, so that no day more is meant than is said.
    let number = |text: &str| text.parse::<u8>().ok();
    let first =
        day.split_once('-').and_then(|(month, day)| Day::new(2025, number(month)?, number(day)?));
    let more = i32::try_from(days).ok().filter(|days| *days < 360);
    let last = first.zip(more).and_then(|(first, days)| first.plus(days - 1));
    let last = last.ok_or("it lasts over days that not every year has")?;
    let crosses = last.year() > 2025 && last.in_year() >= 228
        || first.is_some_and(|first| first.in_year() <= 228 && last.in_year() > 228);
    if crosses {
        return Err("it lasts over the end of February, which is another day in leap years");
    }
    Ok(format!("{day}..{:02}-{:02}", last.in_year() / 100, last.in_year() % 100))
}

/// Days of every year, from one day to another.
pub(super) fn each_year(dates: &[String], from: Day, last: Day) -> Result<Vec<String>, Why> {
    const DATES_MAX: usize = 200;
    let day = |year: u16, text: &str| {
        let (month, day) = text.split_once('-')?;
        Day::new(year, month.parse().ok()?, day.parse().ok()?)
    };
    let mut all = Vec::new();
    // One that began in the year before may last.
    for year in from.year().saturating_sub(1)..=last.year() {
        for text in dates {
            let (first, end) = text.split_once("..").unwrap_or((text, text));
            let first_day = day(year, first);
            // The end of February is the 28th in most years.
            let end_day = day(year, end).or_else(|| day(year, "02-28").filter(|_| end == "02-29"));
            let Some((first_day, mut end_day)) = first_day.zip(end_day) else { continue };
            if end_day < first_day {
                let Some(next) = day(year + 1, end) else { continue };
                end_day = next;
            }
            let (first_day, end_day) = (first_day.max(from), end_day.min(last));
            if first_day <= end_day {
                all.push(if first_day == end_day {
                    first_day.to_string()
                } else {
                    format!("{first_day}..{end_day}")
                });
            }
            if all.len() > DATES_MAX {
                return Err("it comes too often until it ends");
            }
        }
    }
    if all.is_empty() { Err("it ends before it begins") } else { Ok(all) }
}
