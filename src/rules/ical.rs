//! Holidays in an iCalendar text (RFC 5545), as far as operators use them: `VEVENT`s of whole days,
//! once or every year.
//!
//! A reader of our own: the crates for it bring a second library of time, and what is not
//! understood here has to be told, never left out.

use crate::domain::{Day, DaySpan, Yearly};
use crate::text::shorten;

/// The most events of one calendar.
const EVENTS_MAX: usize = 2_000;
/// The last year for which days like "the fourth Thursday of November" are worked out.
const HORIZON_YEAR: u16 = 2060;

/// Days of a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Once.
    Once(DaySpan),
    /// Every year.
    Yearly(Yearly),
}

/// What is wrong, and the line of the calendar in which it is, from 1.
type Wrong = (usize, String);

/// Reads a calendar's events. Alarms, time zones, tasks and everything that does not say when an
/// event is are left out; so are events that were cancelled.
///
/// # Errors
/// Every event that is no whole days, or comes back in a way that is not understood, each with the
/// line of the calendar; never an empty list.
pub fn read_calendar(text: &str) -> Result<Vec<Event>, Vec<Wrong>> {
    let (mut events, mut wrong) = (Vec::new(), Vec::new());
    let mut open: Option<Draft> = None;
    // Inside a part of an event (an alarm) its DURATION is not the event's.
    let mut inner: Option<String> = None;
    for (line, content) in unfolded(text) {
        let Some((name, parameters, value)) = property(&content) else { continue };
        match (name.as_str(), &mut open, &inner) {
            ("BEGIN", None, _) if value.eq_ignore_ascii_case("VEVENT") => {
                open = Some(Draft { line, ..Draft::default() });
            }
            ("BEGIN", Some(_), None) => inner = Some(value.to_ascii_uppercase()),
            ("END", Some(_), Some(part)) if value.eq_ignore_ascii_case(part) => inner = None,
            ("END", Some(_), None) if value.eq_ignore_ascii_case("VEVENT") => {
                let draft = open.take().unwrap_or_default();
                match draft.events() {
                    Ok(found) => events.extend(found),
                    Err(what) => wrong.push((draft.line, what)),
                }
            }
            (_, Some(draft), None) => draft.take(&name, &parameters, value),
            _ => {}
        }
        if events.len() > EVENTS_MAX {
            wrong.push((line, format!("there are more than {EVENTS_MAX} events")));
            break;
        }
    }
    if open.is_some() {
        wrong.push((text.lines().count().max(1), "the last event has no END:VEVENT".to_owned()));
    }
    if events.is_empty() && wrong.is_empty() {
        wrong.push((1, "there is no event (BEGIN:VEVENT) in it".to_owned()));
    }
    if wrong.is_empty() { Ok(events) } else { Err(wrong) }
}

/// Lines that begin with a space go on from the one before (RFC 5545 §3.1).
fn unfolded(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some((_, last))) => last.push_str(rest),
            _ => lines.push((number + 1, line.to_owned())),
        }
    }
    lines
}

/// `NAME;PARAMETER=VALUE:VALUE`
fn property(line: &str) -> Option<(String, String, &str)> {
    let mut quoted = false;
    let colon = line.bytes().position(|byte| {
        quoted ^= byte == b'"';
        byte == b':' && !quoted
    })?;
    let (head, value) = (line.get(..colon)?, line.get(colon + 1..)?);
    let (name, parameters) = head.split_once(';').unwrap_or((head, ""));
    Some((name.trim().to_ascii_uppercase(), parameters.to_ascii_uppercase(), value.trim()))
}

/// An event, as far as it was read.
#[derive(Default)]
struct Draft {
    line: usize,
    summary: String,
    start: String,
    end: String,
    duration: String,
    rule: String,
    except: Vec<String>,
    more: Vec<String>,
    cancelled: bool,
}

impl Draft {
    fn take(&mut self, name: &str, parameters: &str, value: &str) {
        let days = || value.split(',').map(str::to_owned);
        match name {
            "SUMMARY" => {
                self.summary = value.chars().filter(|c| !c.is_control()).take(40).collect()
            }
            "DTSTART" => self.start = value.to_owned(),
            "DTEND" => self.end = value.to_owned(),
            "DURATION" => self.duration = value.to_owned(),
            "RRULE" => self.rule = value.to_ascii_uppercase(),
            "EXDATE" => self.except.extend(days()),
            "RDATE" if parameters.contains("PERIOD") => self.more.push("PERIOD".to_owned()),
            "RDATE" => self.more.extend(days()),
            "STATUS" => self.cancelled = value.eq_ignore_ascii_case("CANCELLED"),
            _ => {}
        }
    }

    fn events(&self) -> Result<Vec<Event>, String> {
        if self.cancelled {
            return Ok(Vec::new());
        }
        let told = |what: &str| {
            let name = if self.summary.is_empty() { "the event" } else { &self.summary };
            format!("{name}: {what}")
        };
        let day = |text: &str| date(text).ok_or_else(|| told(NOT_WHOLE_DAYS));
        if self.start.is_empty() {
            return Err(told("it has no DTSTART"));
        }
        let start = day(&self.start)?;
        let length = match (self.end.as_str(), self.duration.as_str()) {
            ("", "") => 1,
            ("", duration) => whole_days(duration).ok_or_else(|| told(NOT_WHOLE_DAYS))?,
            // The end is the first day that is no longer in it (RFC 5545 §3.6.1).
            (end, _) => {
                let end = day(end)?;
                days_between(start, end)
                    .ok_or_else(|| told("it ends before it begins, or lasts more than a year"))?
            }
        };
        let except = self.except.iter().map(|text| day(text)).collect::<Result<Vec<_>, _>>()?;
        let more = self.more.iter().map(|text| day(text)).collect::<Result<Vec<_>, _>>()?;
        let mut events = match self.rule.as_str() {
            "" => once(start, length).into_iter().collect(),
            rule => repeated(rule, start, length, &except).map_err(|what| told(&what))?,
        };
        events.extend(more.into_iter().filter_map(|start| once(start, length)));
        let excepted =
            |event: &Event| matches!(event, Event::Once(span) if except.contains(&span.from));
        events.retain(|event| !excepted(event));
        Ok(events)
    }
}

const NOT_WHOLE_DAYS: &str =
    "it has a time of day, and holidays are whole days (DTSTART;VALUE=DATE:20261225)";

fn once(start: Day, length: i32) -> Option<Event> {
    start.plus(length - 1).map(|to| Event::Once(DaySpan { from: start, to }))
}

/// `20261225`
fn date(text: &str) -> Option<Day> {
    let text = text.trim();
    let plain = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: u32 = plain.then(|| text.parse().ok()).flatten()?;
    let part = |number: u32| u8::try_from(number).ok();
    Day::new(u16::try_from(number / 10_000).ok()?, part(number / 100 % 100)?, part(number % 100)?)
}

/// `P1D`, `P2W`.
fn whole_days(text: &str) -> Option<i32> {
    let rest = text.trim_start_matches('+').trim().strip_prefix(['P', 'p'])?;
    let (digits, unit) = rest.split_at_checked(rest.len().checked_sub(1)?)?;
    let count: i32 = digits.parse().ok().filter(|count| (1..=366).contains(count))?;
    let days = match unit {
        "D" | "d" => count,
        "W" | "w" => count * 7,
        _ => return None,
    };
    (days <= 366).then_some(days)
}

fn days_between(start: Day, end: Day) -> Option<i32> {
    (1..=366).find(|days| start.plus(*days) == Some(end))
}

/// What an `RRULE` says, as far as it is known here.
#[derive(Default)]
struct Repeat {
    yearly: bool,
    until: Option<Day>,
    count: Option<u16>,
    interval: u16,
    months: Vec<u8>,
    month_days: Vec<i8>,
    /// The day of the week, and which of the month: 4 the fourth, -1 the last.
    weekdays: Vec<(i8, u8)>,
}

impl Repeat {
    fn read(rule: &str) -> Result<Self, String> {
        let mut repeat = Self { interval: 1, ..Self::default() };
        for part in rule.split(';').filter(|part| !part.is_empty()) {
            let wrong = || format!("its RRULE has {}, which is not understood here", shorten(part));
            let (name, value) = part.split_once('=').ok_or_else(wrong)?;
            let all = || value.split(',').map(str::trim);
            match name {
                "FREQ" => repeat.yearly = value == "YEARLY",
                "UNTIL" => repeat.until = Some(value.get(..8).and_then(date).ok_or_else(wrong)?),
                "COUNT" => repeat.count = Some(value.parse().map_err(|_| wrong())?),
                "INTERVAL" => {
                    let interval = value.parse().ok().filter(|years| *years > 0);
                    repeat.interval = interval.ok_or_else(wrong)?;
                }
                "BYMONTH" => {
                    let month =
                        |text: &str| text.parse().ok().filter(|month| (1..=12).contains(month));
                    repeat.months = all().map(month).collect::<Option<_>>().ok_or_else(wrong)?;
                }
                "BYMONTHDAY" => {
                    let day = |text: &str| {
                        text.parse().ok().filter(|day: &i8| *day != 0 && (-31..=31).contains(day))
                    };
                    repeat.month_days = all().map(day).collect::<Option<_>>().ok_or_else(wrong)?;
                }
                "BYDAY" => {
                    repeat.weekdays = all().map(nth).collect::<Option<_>>().ok_or_else(wrong)?;
                }
                "WKST" => {}
                _ => return Err(wrong()),
            }
        }
        if !repeat.yearly {
            return Err("it comes back otherwise than every year".to_owned());
        }
        // Without it, they would be counted through the whole year (RFC 5545 §3.3.10).
        let of_month = !repeat.weekdays.is_empty() || !repeat.month_days.is_empty();
        if of_month && repeat.months.is_empty() {
            return Err("its RRULE has BYDAY or BYMONTHDAY without BYMONTH".to_owned());
        }
        Ok(repeat)
    }

    /// Whether it comes back on the day of its first time, every year.
    fn is_plain(&self, start: Day) -> bool {
        let (month, day) = (start.in_year() / 100, start.in_year() % 100);
        let same_month =
            self.months.is_empty() || self.months.iter().all(|m| u16::from(*m) == month);
        let same_day = self.month_days.is_empty()
            || self.month_days.iter().all(|d| u16::try_from(*d) == Ok(day));
        same_month && same_day && self.weekdays.is_empty() && self.interval == 1
    }

    fn last_year(&self, start: Day) -> u16 {
        let by_count = self.count.map(|count| start.year().saturating_add(count.saturating_sub(1)));
        let by_until = self.until.map(|until| {
            until.year() - u16::from(until.in_year() < start.in_year() && until.year() > 0)
        });
        by_count.unwrap_or(9999).min(by_until.unwrap_or(9999))
    }

    /// The days of one year on which it begins.
    fn in_year(&self, year: u16, start: Day) -> Vec<Day> {
        let own = u8::try_from(start.in_year() / 100).unwrap_or(1);
        let own_day = i8::try_from(start.in_year() % 100).unwrap_or(1);
        let months = if self.months.is_empty() { vec![own] } else { self.months.clone() };
        let mut days = Vec::new();
        for month in months {
            let Some(first) = Day::new(year, month, 1) else { continue };
            let last = u8::try_from(first.month_end().0 % 100).unwrap_or(28);
            let numbers = if self.month_days.is_empty() && self.weekdays.is_empty() {
                vec![own_day]
            } else {
                self.month_days.clone()
            };
            let from_end = |day: i8| {
                if day > 0 {
                    u8::try_from(day).ok()
                } else {
                    (last + 1).checked_sub(day.unsigned_abs())
                }
            };
            for day in 1..=last {
                let Some(found) = Day::new(year, month, day) else { continue };
                let by_number = numbers.iter().any(|number| from_end(*number) == Some(day));
                let by_weekday = self.weekdays.iter().any(|(which, weekday)| {
                    let from_start = i8::try_from((day - 1) / 7 + 1).unwrap_or(0);
                    let to_end = i8::try_from((last - day) / 7 + 1).unwrap_or(0);
                    found.weekday() == *weekday
                        && (*which == 0 || *which == from_start || -*which == to_end)
                });
                // Both given: a Friday that is the 13th.
                let fits = match (self.weekdays.is_empty(), numbers.is_empty()) {
                    (true, _) => by_number,
                    (false, true) => by_weekday,
                    (false, false) => by_weekday && by_number,
                };
                days.extend(fits.then_some(found));
            }
        }
        days.sort_unstable();
        days
    }
}

/// `4TH` is the fourth Thursday, `-1MO` the last Monday, `FR` every Friday.
fn nth(text: &str) -> Option<(i8, u8)> {
    const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
    let (which, day) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let weekday = DAYS.iter().position(|known| *known == day)?;
    let which = if which.is_empty() { 0 } else { which.parse().ok()? };
    (-5..=5).contains(&which).then_some((which, u8::try_from(weekday).ok()?))
}

fn repeated(rule: &str, start: Day, length: i32, except: &[Day]) -> Result<Vec<Event>, String> {
    let repeat = Repeat::read(rule)?;
    let last_year = repeat.last_year(start);
    let last = start.plus(length - 1).ok_or("it lasts too long")?;
    if repeat.is_plain(start) && except.is_empty() && start.in_year() != 229 {
        let (from, to) = (start.in_year(), last.in_year());
        return Ok(vec![Event::Yearly(Yearly { from, to, first_year: start.year(), last_year })]);
    }
    let mut left = repeat.count.map_or(usize::MAX, usize::from);
    let mut events = Vec::new();
    let last_year = repeat.until.map_or(HORIZON_YEAR, |until| until.year().min(HORIZON_YEAR));
    for year in (start.year()..=last_year).step_by(repeat.interval.into()) {
        let days = repeat.in_year(year, start);
        for day in days.into_iter().filter(|day| *day >= start) {
            if left == 0 || repeat.until.is_some_and(|until| day > until) {
                return Ok(events);
            }
            left -= 1;
            events.extend(once(day, length));
            if events.len() > EVENTS_MAX {
                return Err(format!("it comes back more than {EVENTS_MAX} times"));
            }
        }
    }
    Ok(events)
}
