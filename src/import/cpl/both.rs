//! Two conditions at once, in the words of one rule.

use crate::import::sheet::Conditions;

/// What two conditions come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Both {
    Fits(Box<Conditions>),
    /// They exclude each other.
    Never,
    /// One rule cannot say it, and why.
    Unsayable(&'static str),
}

/// A part of both.
enum Part<T> {
    Is(Option<T>),
    Never,
    Unsayable(&'static str),
}

macro_rules! part {
    ($part:expr) => {
        match $part {
            Part::Is(value) => value,
            Part::Never => return Both::Never,
            Part::Unsayable(why) => return Both::Unsayable(why),
        }
    };
}

/// What holds when both hold.
pub(super) fn both(one: &Conditions, two: &Conditions) -> Both {
    if timed(one) && timed(two) && one.zone != two.zone {
        return Both::Unsayable("one rule has one time zone");
    }
    let (mut one, mut two) = (one.clone(), two.clone());
    if timed(&one) && timed(&two) {
        let (first, second) = (one.clone(), two.clone());
        if !settle(&mut one, &second) || !settle(&mut two, &first) {
            return Both::Unsayable(
                "hours over midnight belong to the day on which they begin, and the other days do not",
            );
        }
    }
    let zone = one.zone.clone().or_else(|| two.zone.clone());
    let hours = part!(merged(&one.hours, &two.hours, |a, b| hours(a, b)));
    let days = part!(merged(&one.days, &two.days, |a, b| match a & b {
        0 => Part::Never,
        days => Part::Is(Some(days)),
    }));
    let dates = part!(merged(&one.dates, &two.dates, |_, _| Part::Unsayable(
        "one rule has one list of dates"
    )));
    let from = part!(merged(&one.from, &two.from, |a, b| people(a, b)));
    let to = part!(merged(&one.to, &two.to, |a, b| people(a, b)));
    let asked = "one rule asks for it once";
    let registered = part!(merged(&one.registered, &two.registered, |_, _| Part::Unsayable(asked)));
    let unregistered =
        part!(merged(&one.unregistered, &two.unregistered, |_, _| Part::Unsayable(asked)));
    if registered.is_some() && registered == unregistered {
        return Both::Never;
    }
    let not_from = either(&one.not_from, &two.not_from);
    let not_to = either(&one.not_to, &two.not_to);
    let after = Vec::new();
    Both::Fits(Box::new(Conditions {
        zone,
        hours,
        days,
        dates,
        from,
        to,
        not_from,
        not_to,
        registered,
        unregistered,
        after,
    }))
}

fn timed(conditions: &Conditions) -> bool {
    conditions.hours.is_some() || conditions.days.is_some() || conditions.dates.is_some()
}

/// Windows over midnight of `this`, which `other` would move to other days, are cut at midnight.
/// Not so when they have days of their own.
fn settle(this: &mut Conditions, other: &Conditions) -> bool {
    let Some(windows) = &mut this.hours else { return true };
    let over = windows.iter().any(|(from, to)| to <= from);
    let moved = other.days.is_some() || other.dates.is_some() || other.hours.is_some();
    if !over || !moved {
        return true;
    }
    if this.days.is_some() || this.dates.is_some() {
        return false;
    }
    let cut = |(from, to): &(u16, u16)| match to <= from {
        true => vec![(*from, 24 * 60), (0, *to)],
        false => vec![(*from, *to)],
    };
    *windows = windows.iter().flat_map(cut).filter(|(from, to)| from < to).collect();
    true
}

fn merged<T: Clone + PartialEq>(
    one: &Option<T>,
    two: &Option<T>,
    both: impl Fn(&T, &T) -> Part<T>,
) -> Part<T> {
    match (one, two) {
        (Some(one), Some(two)) if one != two => both(one, two),
        (Some(value), _) | (None, Some(value)) => Part::Is(Some(value.clone())),
        (None, None) => Part::Is(None),
    }
}

fn hours(one: &[(u16, u16)], two: &[(u16, u16)]) -> Part<Vec<(u16, u16)>> {
    let pairs = one.iter().flat_map(|a| two.iter().map(move |b| (a.0.max(b.0), a.1.min(b.1))));
    let windows: Vec<(u16, u16)> = pairs.filter(|(from, to)| from < to).collect();
    if windows.is_empty() { Part::Never } else { Part::Is(Some(windows)) }
}

/// Those who are in both lists.
fn people(one: &[String], two: &[String]) -> Part<Vec<String>> {
    let in_both = |these: &[String], those: &[String]| {
        let covered = |who: &&String| those.iter().any(|other| covers(other, who));
        these.iter().filter(covered).cloned().collect::<Vec<_>>()
    };
    let all = either(&in_both(one, two), &in_both(two, one));
    // A number may come from any host, so the two say nothing of each other.
    let is_host = |who: &String| who.starts_with("*@");
    let is_number = |who: &String| who.starts_with('+') || who == "anonymous";
    let mixed = |these: &[String], those: &[String]| {
        these.iter().any(is_host) && those.iter().any(is_number)
    };
    if mixed(one, two) || mixed(two, one) {
        Part::Unsayable("a rule asks for numbers or for hosts, not for both at once")
    } else if all.is_empty() {
        Part::Never
    } else {
        Part::Is(Some(all))
    }
}

fn covers(wide: &str, who: &str) -> bool {
    if wide == who {
        return true;
    }
    if let Some(host) = wide.strip_prefix('*') {
        return who.ends_with(host) && !who.starts_with('*');
    }
    wide.strip_suffix('*').is_some_and(|prefix| who.starts_with(prefix))
}

fn either(one: &[String], two: &[String]) -> Vec<String> {
    let mut all = one.to_vec();
    all.extend(two.iter().filter(|who| !one.contains(who)).cloned());
    all
}
