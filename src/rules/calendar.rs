//! Days: `dates` of a rule, and lists of holidays.

use crate::domain::{Dates, Day, DaySpan, Yearly};

use crate::text::shorten;

use super::ical::{Event, read_calendar};
use super::page::{Page, Value, Wrong};
use super::tables::together;
use super::when::unknown_name;

/// Days that come once, and days that come back.
#[derive(Clone, Debug, Default)]
pub(super) struct Calendar {
    pub(super) spans: Vec<DaySpan>,
    pub(super) yearly: Vec<Yearly>,
}

impl Calendar {
    fn join(&mut self, other: Self) {
        self.spans.extend(other.spans);
        self.yearly.extend(other.yearly);
    }

    fn add(&mut self, event: Event) {
        match event {
            Event::Once(span) => self.spans.push(span),
            Event::Yearly(yearly) => self.yearly.push(yearly),
        }
    }

    /// In order, those that touch made one: they are looked for by halves.
    fn merged(mut self) -> (Vec<DaySpan>, Vec<Yearly>) {
        self.spans.sort_unstable();
        let mut merged: Vec<DaySpan> = Vec::with_capacity(self.spans.len());
        for span in self.spans {
            match merged.last_mut() {
                Some(last) if last.to.plus(1).is_none_or(|next| span.from <= next) => {
                    last.to = last.to.max(span.to);
                }
                _ => merged.push(span),
            }
        }
        self.yearly.sort_unstable();
        self.yearly.dedup();
        (merged, self.yearly)
    }
}

impl Page<'_> {
    /// One list below `[holidays]` or `[calendars]`: days, or the text of an iCalendar file. Two
    /// sections, so that a file can be put behind a text as it stands.
    pub(super) fn calendar_named(&mut self, name: String, key: &str, value: &Value<'_>) {
        let mut calendar = Calendar::default();
        match value.get_ref().as_str() {
            Some(text) if text.trim_start().starts_with("BEGIN:VCALENDAR") => {
                match read_calendar(text) {
                    Ok(events) => events.into_iter().for_each(|event| calendar.add(event)),
                    Err(mistakes) => {
                        for (line, what) in mistakes {
                            let what = format!("line {line} of the calendar: {what}");
                            self.wrong(&value.span(), key, what, None);
                        }
                    }
                }
            }
            _ => {
                let days = self.each_text(key, value, days);
                days.into_iter().for_each(|days| calendar.add(days));
            }
        }
        if self.holidays.insert(name, calendar).is_some() {
            self.wrong(&value.span(), key, "another list of holidays has this name", None);
        }
    }

    /// `dates = […]`
    pub(super) fn dates(&mut self, key: &str, value: &Value<'_>) -> Option<Dates> {
        let mut calendar = Calendar::default();
        let days = self.each_text(key, value, days);
        days.into_iter().for_each(|days| calendar.add(days));
        self.put(key, value, calendar)
    }

    /// `holidays = ["berlin", …]`
    pub(super) fn holidays(&mut self, key: &str, value: &Value<'_>) -> Option<Dates> {
        let mut calendar = Calendar::default();
        for (name, at) in self.texts(key, value) {
            match self.holidays.get(&*name).cloned() {
                Some(known) => calendar.join(known),
                None => {
                    let names: Vec<&str> = self.holidays.keys().map(String::as_str).collect();
                    let (what, hint) = unknown_name("list of holidays", "holidays", &name, &names);
                    self.wrong(&at, key, what, Some(&hint));
                }
            }
        }
        self.put(key, value, calendar)
    }

    fn put(&mut self, key: &str, value: &Value<'_>, calendar: Calendar) -> Option<Dates> {
        let (spans, yearly) = calendar.merged();
        let spans = together(&mut self.tables.spans, spans);
        let spans = self.fits(&value.span(), key, spans)?;
        let yearly = together(&mut self.tables.yearly, yearly);
        let yearly = self.fits(&value.span(), key, yearly)?;
        Some(Dates { spans, yearly })
    }
}

/// `2026-12-24`, `2026-12-24..2027-01-02`, `12-24` and `12-24..01-02` for every year.
fn days(text: &str) -> Result<Event, Wrong> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let (from, to) = (day(from)?, day(to)?);
    match (from, to) {
        (Written::Once(from), Written::Once(to)) if from <= to => {
            Ok(Event::Once(DaySpan { from, to }))
        }
        (Written::Yearly(from), Written::Yearly(to)) => {
            Ok(Event::Yearly(Yearly { from, to, first_year: 1, last_year: 9999 }))
        }
        (Written::Once(_), Written::Once(_)) => {
            Err((format!("\"{}\" ends before it begins", shorten(text)), None))
        }
        (Written::Once(_), Written::Yearly(_)) | (Written::Yearly(_), Written::Once(_)) => {
            let what = format!("\"{}\" has a year at one end only", shorten(text));
            Err((what, Some("write the year at both ends, or at none".to_owned())))
        }
    }
}

#[derive(Clone, Copy)]
enum Written {
    Once(Day),
    Yearly(u16),
}

fn day(text: &str) -> Result<Written, Wrong> {
    let wrong = || {
        let what = format!("\"{}\" is no day of the calendar", shorten(text));
        let hint = "write 2026-12-24, or 12-24 for every year; two with .. between for all from one to the other";
        (what, Some(hint.to_owned()))
    };
    let parts: Vec<&str> = text.trim().split('-').collect();
    let number = |text: &str, length: usize| {
        let plain = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse::<u16>().ok()).flatten().ok_or_else(wrong)
    };
    let small = |text: &str| number(text, 2).map(|number| u8::try_from(number).unwrap_or(0));
    match parts.as_slice() {
        [year, month, day] => Day::new(number(year, 4)?, small(month)?, small(day)?)
            .map(Written::Once)
            .ok_or_else(wrong),
        // In a leap year, so that 02-29 is a day: it comes back every four years.
        [month, day] => Day::new(2024, small(month)?, small(day)?)
            .map(|day| Written::Yearly(day.in_year()))
            .ok_or_else(wrong),
        _ => Err(wrong()),
    }
}
