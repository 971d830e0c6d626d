//! Conditions: `when` and `unless`.

use crate::domain::{Communication, Condition, Few, Party, Run, StageCause, Who, Window, Wish};
use crate::text::{nearest, shorten};

use super::page::{At, Page, Value, Wrong, below};
use super::tables::{TooMuch, together};
use super::who::{People, Side};

const KEYS: &[&str] = &[
    "hours",
    "days",
    "dates",
    "holidays",
    "from",
    "to",
    "kind",
    "busy",
    "registered",
    "in_call",
    "dnd",
    "wishes",
];
/// A key of its own: how something fails is known when it has rung.
const AFTER: &str = "after";
const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

impl Page<'_> {
    /// The conditions of a rule's `when` or `unless`: hours, then what is asked of the calendar,
    /// then the rest.
    pub(super) fn conditions(&mut self, path: &str, value: &Value<'_>) -> Run {
        let Some(table) = value.get_ref().as_table() else {
            let hint = format!("write {path}.hours = …, or {path} = {{ hours = … }}");
            self.wrong(&value.span(), path, "is a section", Some(&hint));
            return Run::default();
        };
        let names: Vec<&str> = KEYS.iter().copied().chain([AFTER]).collect();
        self.known(table, path, &names, &[]);
        let mut conditions = Vec::new();
        for name in KEYS {
            let Some(value) = table.get(*name) else { continue };
            let condition = self.condition(name, &below(path, name), value);
            conditions.extend(condition);
        }
        let run = together(&mut self.tables.conditions, conditions);
        self.fits(&value.span(), path, run).unwrap_or_default()
    }

    /// Says so when a text comes to more than can be held.
    pub(super) fn fits<T>(&mut self, at: &At, key: &str, made: Result<T, TooMuch>) -> Option<T> {
        let what = || ("comes to more than one account's rules can hold".to_owned(), None);
        self.take(at, key, made.map_err(|TooMuch| what()))
    }

    fn condition(&mut self, name: &str, key: &str, value: &Value<'_>) -> Option<Condition> {
        let at = value.span();
        match name {
            "hours" => {
                let windows = self.each_text(key, value, window);
                let run = together(&mut self.tables.windows, windows);
                self.fits(&at, key, run).map(Condition::Hours)
            }
            "days" => {
                let days = self.each_text(key, value, weekdays);
                Some(Condition::Days(Few(days.iter().fold(0, |all, some| all | some.0))))
            }
            "dates" => self.dates(key, value).map(Condition::Dates),
            "holidays" => self.holidays(key, value).map(Condition::Holidays),
            "from" => self.people(key, value, Side::From).map(Condition::From),
            "to" => self.people(key, value, Side::To).map(Condition::To),
            "kind" => self.kinds(key, value).map(Condition::Kind),
            "busy" => self.count(key, value, [1, 10_000]).map(Condition::Busy),
            "registered" => self.devices_in(key, value).map(Condition::Registered),
            "in_call" => self.devices_in(key, value).map(Condition::InCall),
            "dnd" => self.devices_in(key, value).map(Condition::Dnd),
            _ => Some(Condition::Wishes(self.wishes(key, value))),
        }
    }

    /// Reads every text of a list; those that are wrong become mistakes.
    pub(super) fn each_text<T>(
        &mut self,
        key: &str,
        value: &Value<'_>,
        read: fn(&str) -> Result<T, Wrong>,
    ) -> Vec<T> {
        let texts = self.texts(key, value);
        texts.iter().filter_map(|(text, at)| self.take(at, key, read(text))).collect()
    }

    fn kinds(&mut self, key: &str, value: &Value<'_>) -> Option<Few> {
        let read = |text: &str| {
            let names = Communication::ALL.map(Communication::as_str);
            let known = Communication::ALL.iter().find(|kind| kind.as_str() == text);
            known.copied().ok_or_else(|| one_of(text, &names))
        };
        let kinds = self.each_text(key, value, read);
        Some(kinds.iter().fold(Few::default(), |all, kind| all.with(*kind as u8)))
    }

    /// `when.after`: the causes for which a rule rings, none if it does not say.
    pub(super) fn causes(&mut self, path: &str, value: Option<&Value<'_>>) -> Few {
        let table = value.and_then(|value| value.get_ref().as_table());
        let Some(value) = table.and_then(|table| table.get(AFTER)) else { return Few::default() };
        let key = below(path, AFTER);
        if path.ends_with("unless") {
            let hint = "name the other causes in `when`";
            self.wrong(&value.span(), &key, "stands in `when` alone", Some(hint));
        }
        let read = |text: &str| {
            let names = StageCause::ALL.map(StageCause::as_str);
            let known = StageCause::ALL.iter().find(|cause| cause.as_str() == text);
            known.copied().ok_or_else(|| one_of(text, &names))
        };
        let causes = self.each_text(&key, value, read);
        causes.iter().fold(Few::default(), |all, cause| all.with(*cause as u8))
    }

    /// What a caller may wish.
    pub(super) fn wishes(&mut self, key: &str, value: &Value<'_>) -> Few {
        let wishes = self.each_text(key, value, |text| {
            let known = Wish::ALL.into_iter().find(|wish| wish.as_str() == text);
            known.ok_or_else(|| one_of(text, &Wish::ALL.map(Wish::as_str)))
        });
        wishes.iter().fold(Few::default(), |all, wish| all.with(*wish as u8))
    }

    fn people(&mut self, key: &str, value: &Value<'_>, side: Side) -> Option<Who> {
        let mut people = People::default();
        for (text, at) in self.texts(key, value) {
            match text.strip_prefix("list:") {
                Some(name) => match self.callers.get(name).cloned() {
                    Some(listed) => people.join(listed),
                    None => {
                        let names: Vec<&str> = self.callers.keys().map(String::as_str).collect();
                        let (what, hint) = unknown_name("list", "callers", name, &names);
                        self.wrong(&at, key, what, Some(&hint));
                    }
                },
                None => {
                    let read = super::who::read(&text, side);
                    let one = self.take(&at, key, read);
                    people.add(one);
                }
            }
        }
        if side == Side::To && people.parties.iter().any(|party| !is_dialled(party)) {
            let what = "a list of callers here has somebody who can't be dialled";
            self.wrong(&value.span(), key, what, None);
        }
        let (numbers, parties) = people.sorted();
        let numbers = together(&mut self.tables.numbers, numbers);
        let numbers = self.fits(&value.span(), key, numbers)?;
        let parties = together(&mut self.tables.parties, parties);
        let parties = self.fits(&value.span(), key, parties)?;
        Some(Who { numbers, parties })
    }

    fn devices_in(&mut self, key: &str, value: &Value<'_>) -> Option<Run> {
        let names = self.members(key, value);
        let run = self.tables.members(&names);
        self.fits(&value.span(), key, run)
    }
}

fn is_dialled(party: &Party) -> bool {
    matches!(party, Party::Prefix { .. } | Party::Address(_) | Party::Host(_))
}

/// What to say of a word that is none of a few.
pub(super) fn one_of(text: &str, names: &[&str]) -> Wrong {
    let near = nearest(text, names.iter().copied());
    let hint = near.map(|near| format!("did you mean \"{near}\"?"));
    (format!("\"{}\" is not one of {}", shorten(text), names.join(", ")), hint)
}

/// What to say of a name that nothing in the text has.
pub(super) fn unknown_name(
    what: &str,
    section: &str,
    name: &str,
    names: &[&str],
) -> (String, String) {
    let near = nearest(name, names.iter().copied());
    let hint = match near {
        Some(near) => format!("did you mean {near}?"),
        None => format!("add a line {} = [ … ] below [{section}]", shorten(name)),
    };
    (format!("there is no {what} {}", shorten(name)), hint)
}

/// `22:00-06:00`, `9-17`.
fn window(text: &str) -> Result<Window, Wrong> {
    let wrong = || {
        let what = format!("\"{}\" is no window of the day", shorten(text));
        (what, Some("write it as \"08:00-18:00\"; \"22:00-06:00\" runs over midnight".to_owned()))
    };
    let (from, to) = text.split_once('-').ok_or_else(wrong)?;
    let (from, to) = (minute(from).ok_or_else(wrong)?, minute(to).ok_or_else(wrong)?);
    if from == to {
        let what = format!("\"{}\" has no length", shorten(text));
        return Err((what, Some("the whole day is \"00:00-24:00\"".to_owned())));
    }
    // Until midnight is until the end of the day.
    let to = if to == 0 { MIDNIGHT } else { to };
    if from < MIDNIGHT { Ok(Window { from, to }) } else { Err(wrong()) }
}

const MIDNIGHT: u16 = 24 * 60;

fn minute(text: &str) -> Option<u16> {
    let text = text.trim();
    let (hour, minute) = text.split_once(':').unwrap_or((text, "00"));
    let digits = |text: &str, lengths: [usize; 2]| {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        (plain && lengths.contains(&text.len())).then(|| text.parse::<u16>().ok()).flatten()
    };
    let (hour, minute) = (digits(hour, [1, 2])?, digits(minute, [2, 2])?);
    let all = hour * 60 + minute;
    (minute < 60 && all <= MIDNIGHT).then_some(all)
}

/// `mon`, `Monday`, `mon-fri`, `sat-mon`.
fn weekdays(text: &str) -> Result<Few, Wrong> {
    let wrong = || {
        let what = format!("\"{}\" is no day of the week", shorten(text));
        (what, Some("write \"mon\", or \"mon-fri\"".to_owned()))
    };
    let day = |text: &str| {
        let lower = text.trim().to_ascii_lowercase();
        let known = |name: &&str| lower.len() >= 3 && name.starts_with(&*lower);
        WEEKDAYS.iter().position(known).and_then(|day| u8::try_from(day).ok())
    };
    let Some((from, to)) = text.split_once('-') else {
        return day(text).map(|day| Few::default().with(day)).ok_or_else(wrong);
    };
    let (from, to) = (day(from).ok_or_else(wrong)?, day(to).ok_or_else(wrong)?);
    let length = (to + 7 - from) % 7;
    Ok((0..=length).fold(Few::default(), |days, behind| days.with((from + behind) % 7)))
}
