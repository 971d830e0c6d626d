//! `time-switch`.

use crate::domain::{Day, Zone};
use crate::import::sheet::Conditions;

use super::flat::Walk;
use super::period::{ByDay, Moment, between, by_day, days_in, duration, moment, numbers};
use super::spread::{Bounds, DAY_MINUTES, each_year, minute_of, spread, window};
use super::xml::Node;

/// How many windows of one day are written.
const WINDOWS_MAX: usize = 48;
pub(super) const EVERY_DAY: u8 = 0b111_1111;

/// Why rules cannot say it.
pub(super) type Why = &'static str;

/// The days on which a period begins.
#[derive(Clone, Debug, Default)]
pub(super) struct Begins {
    pub(super) days: Option<u8>,
    /// Days of every year.
    pub(super) dates: Option<Vec<String>>,
}

impl Walk<'_> {
    /// The conditions of a branch, one way or another; `None` when rules cannot say it.
    pub(super) fn period(&mut self, switch: &Node, branch: &Node) -> Option<Vec<Conditions>> {
        let left_out =
            |why: &str| format!("{why}; the branch is left out, and such calls go on to the next");
        if branch.name != "time" {
            let instead = left_out("it is no branch of this switch");
            self.list.add(branch.at, branch.shown(), instead);
            return None;
        }
        let zone = match switch.get("tzid").map(|text| text.trim_start_matches('/')) {
            None | Some("") => None,
            Some(text) => match Zone::parse(text) {
                Ok(zone) => Some(zone.as_str().to_owned()),
                Err(_) => {
                    let instead = "no zone has this name, and its tzurl is not looked at; times are taken in the account's zone";
                    self.list.add(switch.at, switch.shown(), instead);
                    None
                }
            },
        };
        let start = branch.get("dtstart").and_then(moment);
        let ways =
            start.ok_or("its dtstart is no moment").and_then(|start| self.ways(branch, &start));
        match ways {
            Ok(mut ways) => {
                let utc = start.is_some_and(|start| start.utc);
                for way in &mut ways {
                    way.zone = if utc { Some("UTC".to_owned()) } else { zone.clone() };
                }
                Some(ways)
            }
            Err(why) => {
                self.list.add(branch.at, branch.shown(), left_out(why));
                None
            }
        }
    }

    fn ways(&mut self, branch: &Node, start: &Moment) -> Result<Vec<Conditions>, Why> {
        let (length, cut) = match (branch.get("dtend"), branch.get("duration")) {
            (Some(end), _) => {
                let end = moment(end).ok_or("its dtend is no moment")?;
                let length =
                    between(start, &end).ok_or("it ends before it begins, or years later")?;
                (length, end.seconds)
            }
            (None, Some(text)) => duration(text).ok_or("its duration is none")?,
            (None, None) => return Err("it says neither dtend nor duration"),
        };
        if length == 0 {
            return Err("it has no length");
        }
        if start.seconds || cut {
            let instead = "rules know no seconds; they are left out";
            self.list.add(branch.at, branch.shown(), instead);
        }
        let Some(freq) = branch.get("freq") else { return once(start, length) };
        if branch.get("interval").is_some_and(|interval| interval != "1") {
            return Err("rules know no `every other`");
        }
        if ["bysecond", "byyearday", "byweekno", "bysetpos"]
            .iter()
            .any(|key| branch.get(key).is_some())
        {
            return Err("rules do not count seconds, weeks or days of the year");
        }
        let freq = freq.to_ascii_lowercase();
        let begins = begins(&freq, branch, start)?;
        let windows = starts(&freq, branch, start)?;
        let until =
            self.until(&freq, branch, start, windows.last().copied().unwrap_or_default())?;
        if windows.len() > 1
            && until.is_some()
            && branch.get("until").is_some_and(|t| t.contains('T'))
        {
            return Err("it begins several times a day, and ends at a time of day");
        }
        let ends = until.is_some();
        let limited = ends || !self.has_begun(start.day);
        let ways = spread(&begins, &windows, length, Bounds { limited, ends })?;
        ways.into_iter()
            .map(|(way, shift)| self.bounded(branch, way, (shift, start.day, until)))
            .collect()
    }

    /// The last day on which it begins.
    fn until(
        &mut self,
        freq: &str,
        branch: &Node,
        start: &Moment,
        minute: u16,
    ) -> Result<Option<Day>, Why> {
        if let Some(text) = branch.get("until") {
            let until = moment(text).ok_or("its until is no moment")?;
            if until.utc && !start.utc {
                let instead = "its until is taken as the clock shows it where the rule is";
                self.list.add(branch.at, branch.shown(), instead);
            }
            let early = !until.whole && until.minute < minute;
            let last = if early { until.day.plus(-1) } else { Some(until.day) };
            return last.map(Some).ok_or("its until is no moment");
        }
        let Some(count) = branch.get("count") else { return Ok(None) };
        let count = count.parse::<i32>().ok().filter(|count| (1..=100_000).contains(count));
        let count = count.ok_or("its count is no number")?;
        let by = branch.keys().any(|key| key.starts_with("by"));
        let step = match freq {
            "daily" if !by => 1,
            "weekly" if !by => 7,
            _ => return Err("rules do not count how often something has come"),
        };
        start.day.plus((count - 1) * step).map(Some).ok_or("its count is no number")
    }

    fn has_begun(&self, start: Day) -> bool {
        self.wanted.today.is_some_and(|today| start <= today)
    }

    /// Since when, and until when. A period that has begun already just goes on.
    fn bounded(
        &mut self,
        branch: &Node,
        mut way: Conditions,
        (shift, start, until): (i32, Day, Option<Day>),
    ) -> Result<Conditions, Why> {
        let has_begun = self.has_begun(start);
        let from = start.plus(shift).unwrap_or(start);
        let last = until.and_then(|until| until.plus(shift));
        if last.is_some_and(|last| last < from) {
            return Err("it ends before it begins");
        }
        match (&way.dates, last) {
            (_, None) if has_begun => {}
            (None, last) => {
                let last = last.or_else(|| Day::new(9999, 12, 31)).unwrap_or(from);
                way.dates = Some(vec![format!("{from}..{last}")]);
            }
            (Some(_), None) => {
                let instead = format!(
                    "comes every year, and not from {from} on alone: take the rule in when that day has come"
                );
                self.list.add(branch.at, branch.shown(), instead);
            }
            (Some(dates), Some(last)) => way.dates = Some(each_year(dates, from, last)?),
        }
        Ok(way)
    }
}

/// One period.
fn once(start: &Moment, length: u32) -> Result<Vec<Conditions>, Why> {
    let end = u32::from(start.minute) + length;
    let dates = |from: u32, to: u32| {
        let at = |days: u32| start.day.plus(i32::try_from(days).ok()?);
        let (from, to) = (at(from).ok_or("it lasts too long")?, at(to).ok_or("it lasts too long")?);
        let text = if from == to { from.to_string() } else { format!("{from}..{to}") };
        Ok::<_, Why>(Some(vec![text]))
    };
    let way = |from, to, hours: Option<(u16, u16)>| {
        let hours = hours.filter(|hours| *hours != (0, 1_440)).map(|hours| vec![hours]);
        Ok::<_, Why>(Conditions { dates: dates(from, to)?, hours, ..Conditions::default() })
    };
    if let Some(window) = window(start.minute, length) {
        return Ok(vec![way(0, 0, Some(window))?]);
    }
    let (last, rest) = (end / DAY_MINUTES, minute_of(end % DAY_MINUTES));
    let mut ways = Vec::new();
    let first_whole = u32::from(start.minute > 0);
    if start.minute > 0 {
        ways.push(way(0, 0, Some((start.minute, 1_440)))?);
    }
    if last > first_whole {
        ways.push(way(first_whole, last - 1, None)?);
    }
    if rest > 0 {
        ways.push(way(last, last, Some((0, rest)))?);
    }
    Ok(ways)
}

/// The minutes at which it begins.
fn starts(freq: &str, branch: &Node, start: &Moment) -> Result<Vec<u16>, Why> {
    let listed = |key: &str, max: i16| match branch.get(key) {
        None => Ok(None),
        Some(text) => numbers(text, 0, max).map(Some).ok_or("its hours or minutes are none"),
    };
    let (hours, minutes) = (listed("byhour", 23)?, listed("byminute", 59)?);
    let (hour, minute) = (start.minute / 60, start.minute % 60);
    let own = |value: u16| vec![i16::try_from(value).unwrap_or_default()];
    let hours = match (hours, freq) {
        (Some(hours), _) => hours,
        (None, "hourly") => (0..24).collect(),
        (None, _) => own(hour),
    };
    let minutes = minutes.unwrap_or_else(|| own(minute));
    let all = hours.iter().flat_map(|hour| minutes.iter().map(move |minute| hour * 60 + minute));
    let mut all: Vec<u16> = all.filter_map(|minute| u16::try_from(minute).ok()).collect();
    all.sort_unstable();
    all.dedup();
    if all.len() > WINDOWS_MAX { Err("it begins too often a day") } else { Ok(all) }
}

/// The days on which it begins.
fn begins(freq: &str, branch: &Node, start: &Moment) -> Result<Begins, Why> {
    let by_day = match branch.get("byday") {
        None => None,
        Some(text) => Some(by_day(text).ok_or("its byday is no list of days")?),
    };
    let listed = |key: &str, min: i16, max: i16, why: Why| match branch.get(key) {
        None => Ok(None),
        Some(text) => numbers(text, min, max).map(Some).ok_or(why),
    };
    let months = listed("bymonth", 1, 12, "its bymonth is no list of months")?;
    let in_month = listed("bymonthday", -31, 31, "its bymonthday is no list of days")?;
    if by_day.iter().flatten().any(|day| day.place.is_some()) {
        return Err(
            "days such as the second Tuesday are no days of a rule: write them as a calendar (`rule set --holidays`)",
        );
    }
    let days = by_day.map(|days| bits(&days));
    let start_day = i16::try_from(start.day.in_year() % 100).unwrap_or(1);
    let start_month = i16::try_from(start.day.in_year() / 100).unwrap_or(1);
    let (days, dates) = match (freq, in_month, months, days) {
        ("hourly" | "daily" | "weekly" | "monthly" | "yearly", Some(_), _, Some(_)) => {
            return Err("it asks for days of the week and of the month at once");
        }
        ("hourly" | "daily" | "monthly" | "yearly", Some(in_month), months, None) => {
            (None, Some(days_of(&in_month, months.as_deref())?))
        }
        ("hourly" | "daily", None, months, days) => (days, months.as_deref().map(whole_months)),
        ("weekly", None, months, days) => {
            let days = days.unwrap_or_else(|| 1 << start.day.weekday());
            (Some(days), months.as_deref().map(whole_months))
        }
        ("monthly" | "yearly", None, months, Some(days)) => {
            (Some(days), months.as_deref().map(whole_months))
        }
        ("monthly", None, months, None) => (None, Some(days_of(&[start_day], months.as_deref())?)),
        ("yearly", None, months, None) => {
            let months = months.unwrap_or_else(|| vec![start_month]);
            (None, Some(days_of(&[start_day], Some(&months))?))
        }
        ("weekly", Some(_), ..) => return Err("a week has no days of the month"),
        ("minutely" | "secondly", ..) => {
            return Err("rules know no period that comes every minute");
        }
        _ => return Err("there is no such freq"),
    };
    Ok(Begins { days: days.filter(|days| *days != EVERY_DAY), dates })
}

fn bits(days: &[ByDay]) -> u8 {
    days.iter().fold(0, |all, day| all | 1 << day.day)
}

/// Days of months, as days of every year.
fn days_of(days: &[i16], months: Option<&[i16]>) -> Result<Vec<String>, Why> {
    let all: Vec<i16> = (1..=12).collect();
    let mut dates = Vec::new();
    for month in months.unwrap_or(&all) {
        for day in days {
            let length = days_in(*month).ok_or("its bymonth is no list of months")?;
            if *day < 0 && *month == 2 {
                return Err("the end of February is another day in leap years");
            }
            let day = if *day < 0 { length + 1 + day } else { *day };
            if (1..=length).contains(&day) {
                dates.push(format!("{month:02}-{day:02}"));
            }
        }
    }
    dates.sort_unstable();
    dates.dedup();
    if dates.is_empty() { Err("no month has such a day") } else { Ok(dates) }
}

fn whole_months(months: &[i16]) -> Vec<String> {
    let range = |month: &i16| {
        let last = days_in(*month).unwrap_or(31);
        format!("{month:02}-01..{month:02}-{last:02}")
    };
    months.iter().map(range).collect()
}
