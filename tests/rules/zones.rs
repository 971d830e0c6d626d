//! Every change of the clocks, both sides of it.

use hallporter::domain::{Few, Zone};
use hallporter::rules::read;

use super::*;

/// North, south, the equator, half hours, quarters, a change of half an hour, a change at
/// midnight, a day that was left out.
const ZONES: [&str; 16] = [
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Los_Angeles",
    "America/St_Johns",
    "America/Havana",
    "America/Santiago",
    "Africa/Cairo",
    "Africa/Nairobi",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Beirut",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Pacific/Apia",
];

const MINUTE_MS: i64 = 60_000;
const YEAR_MS: i64 = 366 * 24 * 60 * MINUTE_MS;
/// 2026-01-01T00:00:00Z.
const FROM_MS: i64 = 1_767_225_600_000;

/// The moments of a year at which the clocks change, by looking at every quarter of an hour.
fn changes(zone: &Zone) -> Vec<i64> {
    let quarters = (FROM_MS..FROM_MS + 2 * YEAR_MS).step_by(15 * 60_000);
    let mut offset_s = zone.local(FROM_MS).offset_s;
    let changed = quarters.filter(|at_ms| {
        let now_s = zone.local(*at_ms).offset_s;
        std::mem::replace(&mut offset_s, now_s) != now_s
    });
    changed.collect()
}

/// A rule for each hour of the day: whatever the clock shows, just the one of that hour matches.
#[test]
fn the_hour_that_the_clock_shows_is_the_hour_that_matches() {
    let mut text = String::new();
    for hour in 0..24 {
        let window = format!("{hour:02}:00-{:02}:00", (hour + 1) % 24);
        let _ = writeln!(
            text,
            "[[rule]]\nname = \"{hour}\"\nwhen.hours = [\"{window}\"]\nrefuse = {}\n",
            400 + hour
        );
    }
    let (rules, _) = read(&text).unwrap();
    let mut seen = 0;
    for name in ZONES {
        let zone = Zone::parse(name).unwrap();
        let numbering = Numbering::default();
        let around = Around {
            devices: vec![],
            zone: zone.clone(),
            numbering,
            mailbox: false,
            greetings: vec![],
        };
        for change in changes(&zone) {
            for minutes in [-61, -60, -31, -30, -1, 0, 1, 29, 30, 59, 60, 61] {
                let at_ms = change + minutes * MINUTE_MS;
                let got = refused(&rules, &around, at_ms);
                let expected = format!("refuse {}", 400 + zone.local(at_ms).minute / 60);
                assert_eq!(got, [expected], "{name} {at_ms}");
                seen += 1;
            }
        }
    }
    assert!(seen > 500, "{seen} moments");
}

/// The day and the weekday go on over every change, and the day before is the day before.
#[test]
fn no_day_is_counted_twice_or_left_out() {
    for name in ZONES {
        let zone = Zone::parse(name).unwrap();
        let mut before = zone.local(FROM_MS);
        for at_ms in (FROM_MS..FROM_MS + 2 * YEAR_MS).step_by(30 * 60_000) {
            let local = zone.local(at_ms);
            assert!(Few(0).with(local.weekday).has(local.day.weekday()), "{name} {at_ms}");
            assert_eq!(local.day.plus(-1), Some(local.day_before), "{name} {at_ms}");
            if local.day != before.day && local.day > before.day {
                assert_eq!(before.day, local.day_before, "{name} {at_ms}");
            }
            before = local;
        }
    }
}

fn refused(rules: &hallporter::domain::Rules, around: &Around, at_ms: i64) -> Vec<String> {
    let (_, mut examples) =
        read("[[rule]]\nring = [\"x\"]\n[[example]]\nat = \"2026-01-01\"\nexpect = []\n").unwrap();
    let mut example = examples.pop().unwrap();
    // A moment with an offset is itself, wherever the wall stands.
    let utc = Zone::utc().local(at_ms);
    example.at = Some(format!("{}T{:02}:{:02}:00Z", utc.day, utc.minute / 60, utc.minute % 60));
    try_example(rules, &example, around).got
}
