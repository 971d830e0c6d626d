//! Periods of a `time-switch`, read off the calendar day by day.

use hallporter::domain::Day;
use proptest::prelude::*;

use super::*;

/// A period as the test means it.
#[derive(Clone, Debug)]
struct Period {
    freq: &'static str,
    start: Day,
    minute: u32,
    length: u32,
    days: Option<Vec<u8>>,
    months: Option<Vec<u16>>,
    in_month: Option<Vec<u16>>,
    until: Option<Day>,
}

const NAMES: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

fn day() -> impl Strategy<Value = Day> {
    (0..2_000i32).prop_map(|days| Day::new(2024, 1, 1).unwrap().plus(days).unwrap())
}

fn period() -> impl Strategy<Value = Period> {
    let some = |max: u16| proptest::option::of(proptest::collection::btree_set(1..=max, 1..4));
    let freq = proptest::sample::select(vec!["daily", "weekly", "monthly", "yearly", ""]);
    let length = prop_oneof![1..1_441u32, (1..8u32).prop_map(|days| days * 1_440), 1..9_000u32];
    let minute = prop_oneof![Just(0), 0..1_440u32];
    let by = (some(7), some(12), some(31));
    (freq, day(), minute, length, by, proptest::option::of(0..900i32)).prop_map(
        |(freq, start, minute, length, (days, months, in_month), until)| {
            let days = days
                .map(|days| days.into_iter().map(|day| u8::try_from(day - 1).unwrap()).collect());
            // Days of the week and of the month at once are not said.
            let in_month = if days.is_some() { None } else { in_month };
            let list = |numbers: std::collections::BTreeSet<u16>| numbers.into_iter().collect();
            let (months, in_month) = (months.map(list), in_month.map(list));
            let until = until.and_then(|days| start.plus(days));
            Period { freq, start, minute, length, days, months, in_month, until }
        },
    )
}

impl Period {
    fn xml(&self) -> String {
        let joined = |numbers: &Vec<u16>| {
            numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        };
        let plain = |day: Day| day.to_string().replace('-', "");
        let mut text = format!(
            "<time dtstart=\"{}T{:02}{:02}00\" duration=\"PT{}M\"",
            plain(self.start),
            self.minute / 60,
            self.minute % 60,
            self.length
        );
        if self.freq.is_empty() {
            return text + ">";
        }
        let _ = write!(text, " freq=\"{}\"", self.freq);
        if let Some(days) = &self.days {
            let names: Vec<&str> = days.iter().map(|day| NAMES[usize::from(*day)]).collect();
            let _ = write!(text, " byday=\"{}\"", names.join(","));
        }
        if let Some(months) = &self.months {
            let _ = write!(text, " bymonth=\"{}\"", joined(months));
        }
        if let Some(days) = &self.in_month {
            let _ = write!(text, " bymonthday=\"{}\"", joined(days));
        }
        if let Some(until) = self.until {
            let _ = write!(text, " until=\"{}\"", plain(until));
        }
        text + ">"
    }

    /// Whether it begins on this day.
    fn begins(&self, day: Day) -> bool {
        if self.freq.is_empty() {
            return day == self.start;
        }
        let (month, number) = (day.in_year() / 100, day.in_year() % 100);
        let (own_month, own_number) = (self.start.in_year() / 100, self.start.in_year() % 100);
        let by_day = self.days.as_ref().map(|days| days.contains(&day.weekday()));
        let by_month = self.months.as_ref().map(|months| months.contains(&month));
        let by_number = self.in_month.as_ref().map(|days| days.contains(&number));
        let own = match self.freq {
            "daily" => true,
            "weekly" => by_day.is_some() || day.weekday() == self.start.weekday(),
            "monthly" => by_day.or(by_number).is_some() || number == own_number,
            _ => {
                let free = by_day.or(by_number).is_some();
                (free || number == own_number) && (free || by_month.is_some() || month == own_month)
            }
        };
        own && by_day != Some(false)
            && by_month != Some(false)
            && by_number != Some(false)
            && day >= self.start
            && self.until.is_none_or(|until| day <= until)
    }

    fn holds(&self, day: Day, minute: u32) -> bool {
        (0..8).any(|back| {
            let begun = day.plus(-back).unwrap();
            let since = u32::try_from(back).unwrap() * 1_440 + minute;
            self.begins(begun) && since >= self.minute && since < self.minute + self.length
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_global_rejects: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// A period of which nothing is in the list holds as a rule when it holds by the calendar.
    #[test]
    fn a_period_holds_when_the_calendar_says_so(
        period in period(),
        moments in proptest::collection::vec((0..3_000i32, 0..1_440u32), 40),
        close in proptest::collection::vec((0..9i32, 0..1_440u32), 40),
    ) {
        let script = format!(
            "<cpl><incoming><time-switch tzid=\"UTC\">{}<reject status=\"486\"/></time><otherwise><reject status=\"404\"/></otherwise></time-switch></incoming></cpl>",
            period.xml()
        );
        let made = read_cpl(&script, &wanted()).unwrap();
        prop_assume!(made.not_carried.is_empty());
        let far = moments.iter().map(|(days, minute)| (Day::new(2023, 12, 25).unwrap().plus(*days).unwrap(), *minute));
        let near = close.iter().map(|(days, minute)| (period.start.plus(*days - 1).unwrap(), *minute));
        let mut examples = String::new();
        for (day, minute) in far.chain(near) {
            let code = if period.holds(day, minute) { 486 } else { 404 };
            let _ = write!(examples, "[[example]]\nzone = \"UTC\"\nat = \"{day} {:02}:{:02}\"\nexpect = [\"refuse {code}\"]\n", minute / 60, minute % 60);
        }
        let mut wrong = String::new();
        run(&made.text, &examples, "period", &mut wrong);
        prop_assert!(wrong.is_empty(), "{}\n{}\n{}", wrong, script, made.text);
    }
}
