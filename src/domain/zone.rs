//! Time zones by their IANA names, and what a clock on the wall there shows.

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Error;
use super::error::shorten;

/// An IANA time zone. Looked up in the zone table inside the program, never in the machine's
/// files: two nodes must not disagree because one machine was updated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// A day of the calendar, as the number `20261224`: such numbers compare as days do.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Day(pub u32);

/// What calendar and clock on a wall show at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Local {
    /// The day.
    pub day: Day,
    /// Its day of the week, 0 for Monday to 6 for Sunday.
    pub weekday: u8,
    /// The day before.
    pub day_before: Day,
    /// Minutes since midnight as the clock shows them, 0 to 1439: the hour that a change of the
    /// clocks leaves out never comes, the one that it repeats comes twice.
    pub minute: u16,
    /// How far the clock is ahead of UTC, in seconds.
    pub offset_s: i32,
}

impl Zone {
    /// Reads a zone's name, in whatever case.
    ///
    /// # Errors
    /// [`Error::Zone`] when the table has no such zone.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let zone = TimeZoneDatabase::bundled().get(text);
        zone.ok()
            .filter(|zone| zone.iana_name().is_some())
            .map(Self)
            .ok_or_else(|| Error::Zone { text: shorten(text) })
    }

    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The name as the table spells it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// What a wall shows here at `wall_ms`, milliseconds since 1970. Costs no allocation. A moment
    /// outside the years -9999 to 9999 shows the nearest one inside.
    #[must_use]
    pub fn local(&self, wall_ms: i64) -> Local {
        let edge = if wall_ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
        let moment = Timestamp::from_millisecond(wall_ms).unwrap_or(edge);
        let offset = self.0.to_offset(moment);
        let shown = offset.to_datetime(moment);
        Local {
            day: Day::of(shown.date()),
            weekday: shown.weekday().to_monday_zero_offset().unsigned_abs(),
            day_before: Day::of(shown.date().yesterday().unwrap_or_else(|_| shown.date())),
            minute: u16::from(shown.hour().unsigned_abs()) * 60
                + u16::from(shown.minute().unsigned_abs()),
            offset_s: offset.seconds(),
        }
    }

    /// The first moment at which a wall here shows this (`2026-03-29T02:30`, seconds may follow),
    /// milliseconds since 1970. What a change of the clocks leaves out is taken as the clock would
    /// have run on (RFC 5545 §3.3.5). A moment with `Z` or an offset (`2026-03-29T01:30:00Z`) is
    /// itself, wherever the wall stands.
    #[must_use]
    pub fn moment(&self, shown: &str) -> Option<i64> {
        if let Ok(moment) = shown.trim().parse::<Timestamp>() {
            return Some(moment.as_millisecond());
        }
        let shown: civil::DateTime = shown.trim().parse().ok()?;
        self.0.to_timestamp(shown).ok().map(|moment| moment.as_millisecond())
    }
}

impl Day {
    /// A day by its numbers; `None` when the calendar has none such, or the year is not 1 to 9999.
    #[must_use]
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let narrow = |number: u8| i8::try_from(number).ok();
        let year = i16::try_from(year).ok().filter(|year| *year > 0)?;
        civil::Date::new(year, narrow(month)?, narrow(day)?).ok().map(Self::of)
    }

    /// The year.
    #[must_use]
    pub fn year(self) -> u16 {
        u16::try_from(self.0 / 10_000).unwrap_or_default()
    }

    /// Month and day alone, as the number `1224`.
    #[must_use]
    pub fn in_year(self) -> u16 {
        u16::try_from(self.0 % 10_000).unwrap_or_default()
    }

    /// Its day of the week, 0 for Monday.
    #[must_use]
    pub fn weekday(self) -> u8 {
        self.date().map_or(0, |date| date.weekday().to_monday_zero_offset().unsigned_abs())
    }

    /// The day so many days later (or earlier).
    #[must_use]
    pub fn plus(self, days: i32) -> Option<Self> {
        let days = jiff::Span::new().try_days(days).ok()?;
        self.date()?.checked_add(days).ok().filter(|date| date.year() > 0).map(Self::of)
    }

    /// The last day of its month.
    #[must_use]
    pub fn month_end(self) -> Self {
        self.date().map_or(self, |date| Self::of(date.last_of_month()))
    }

    fn date(self) -> Option<civil::Date> {
        let part = |number: u32| i8::try_from(number).ok();
        let (month, day) = (self.0 / 100 % 100, self.0 % 100);
        civil::Date::new(i16::try_from(self.year()).ok()?, part(month)?, part(day)?).ok()
    }

    fn of(date: civil::Date) -> Self {
        let year = u32::try_from(date.year()).unwrap_or_default();
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        Self(year * 10_000 + u32::from(month) * 100 + u32::from(day))
    }
}

impl std::fmt::Display for Day {
    /// `2026-12-24`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year(), self.0 / 100 % 100, self.0 % 100)
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(zone: &str, utc: &str) -> String {
        let moment: Timestamp = utc.parse().unwrap();
        let local = Zone::parse(zone).unwrap().local(moment.as_millisecond());
        let (hour, minute) = (local.minute / 60, local.minute % 60);
        format!("{} {} {hour:02}:{minute:02} {}", local.day, local.weekday, local.offset_s / 60)
    }

    #[test]
    fn a_wall_shows_what_people_there_see() {
        for (zone, utc, shown) in [
            // Both sides of both changes: north, south, and one that moves by half an hour.
            ("Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29 6 01:59 60"),
            ("Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29 6 03:00 120"),
            ("Europe/Berlin", "2026-10-25T00:59:59Z", "2026-10-25 6 02:59 120"),
            ("Europe/Berlin", "2026-10-25T01:00:00Z", "2026-10-25 6 02:00 60"),
            ("Australia/Sydney", "2026-04-04T15:59:59Z", "2026-04-05 6 02:59 660"),
            ("Australia/Sydney", "2026-04-04T16:00:00Z", "2026-04-05 6 02:00 600"),
            ("Australia/Lord_Howe", "2026-04-04T14:59:59Z", "2026-04-05 6 01:59 660"),
            ("Australia/Lord_Howe", "2026-04-04T15:00:00Z", "2026-04-05 6 01:30 630"),
            ("Asia/Kolkata", "2026-12-31T18:30:00Z", "2027-01-01 4 00:00 330"),
            ("UTC", "2024-02-29T12:00:00Z", "2024-02-29 3 12:00 0"),
        ] {
            assert_eq!(wall(zone, utc), shown, "{zone} {utc}");
        }
    }

    #[test]
    fn names_and_moments_are_read() {
        assert_eq!(Zone::parse("europe/berlin").unwrap().as_str(), "Europe/Berlin");
        assert_eq!(Zone::parse("utc").unwrap(), Zone::utc());
        assert!(Zone::parse("Mars/Olympus").is_err() && Zone::parse("").is_err());
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        // Left out: as the clock would have run on. Repeated: the first of the two.
        let at = |text: &str| berlin.moment(text).map(|ms| berlin.local(ms).minute);
        assert_eq!(at("2026-03-29T02:30"), Some(3 * 60 + 30));
        assert_eq!(berlin.moment("2026-10-25 02:30"), Some(1_792_888_200_000));
        assert_eq!(berlin.moment("2026-10-25T02:30+01:00"), Some(1_792_891_800_000));
        assert_eq!(berlin.moment("yesterday"), None);
        assert_eq!(berlin.local(i64::MIN).day.year(), 0);
        assert_eq!(berlin.local(i64::MAX).day.year(), 9999);
    }

    #[test]
    fn days_follow_the_calendar() {
        assert_eq!(Day::new(2024, 2, 29), Some(Day(2024_0229)));
        assert_eq!(
            (Day::new(2026, 2, 29), Day::new(2026, 13, 1), Day::new(0, 1, 1)),
            (None, None, None)
        );
        let eve = Day(2026_1231);
        assert_eq!((eve.plus(1), eve.weekday(), eve.in_year()), (Some(Day(2027_0101)), 3, 1231));
        assert_eq!((Day(2024_0210).month_end(), Day(9999_1231).plus(1)), (Day(2024_0229), None));
    }
}
