//! A text while it is read: its places, its names, its mistakes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::domain::{DeviceName, GreetingName, Member, RULES_MAX, Rules, Zone};
use crate::text::{Lines, nearest, shorten};

use super::RULES_BYTES_MAX;
use super::calendar::Calendar;
use super::example::Example;
use super::mistake::{MISTAKES_MAX, Mistake};
use super::tables::Tables;
use super::tell::is_for_notices_alone;
use super::who::People;

/// A value with its place.
pub(super) type Value<'t> = Spanned<DeValue<'t>>;
/// The place of something.
pub(super) type At = Range<usize>;

/// What may stand at the top of a text.
const KEYS: &[&str] =
    &["zone", "self_care", "group", "callers", "holidays", "calendars", "rule", "example"];

/// One text.
pub(super) struct Page<'t> {
    text: &'t str,
    lines: Lines,
    mistakes: Vec<Mistake>,
    pub(super) tables: Tables,
    pub(super) groups: BTreeMap<String, Vec<Member>>,
    pub(super) callers: BTreeMap<String, People>,
    pub(super) holidays: BTreeMap<String, Calendar>,
    /// Where devices and tags are named.
    pub(super) named: Vec<(Member, String, At)>,
    /// Where greetings are named.
    pub(super) greetings: Vec<(GreetingName, String, At)>,
    examples: Vec<Example>,
}

impl<'t> Page<'t> {
    pub(super) fn read(text: &'t str) -> Self {
        let mut page = Self {
            text,
            lines: Lines::new(text),
            mistakes: Vec::new(),
            tables: Tables::default(),
            groups: BTreeMap::new(),
            callers: BTreeMap::new(),
            holidays: BTreeMap::new(),
            named: Vec::new(),
            greetings: Vec::new(),
            examples: Vec::new(),
        };
        if text.len() > RULES_BYTES_MAX {
            let what = format!("the text is longer than {} KiB", RULES_BYTES_MAX / 1024);
            page.wrong(&(0..0), "", what, Some("is it the right file?"));
            return page;
        }
        let (document, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            page.document(document.get_ref());
        }
        let mut line_before = 0;
        for error in &errors {
            let at = error.span().unwrap_or(0..0);
            // One broken line is one mistake.
            if std::mem::replace(&mut line_before, page.lines.of(&at)) != page.lines.of(&at) {
                page.wrong(&at, "", format!("this is not TOML: {}", error.message()), None);
            }
        }
        page
    }

    /// What the text says, if nothing is wrong with it.
    pub(super) fn finish(mut self) -> Result<(Rules, Vec<Example>), Vec<Mistake>> {
        let examples = std::mem::take(&mut self.examples);
        if !self.mistakes.is_empty() {
            return Err(self.into_mistakes());
        }
        Ok((self.tables.finish(), examples))
    }

    pub(super) fn into_mistakes(mut self) -> Vec<Mistake> {
        self.mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
        self.mistakes
    }

    /// Notes a mistake.
    pub(super) fn wrong(
        &mut self,
        at: &At,
        key: &str,
        what: impl Into<String>,
        hint: Option<&str>,
    ) {
        if self.mistakes.len() >= MISTAKES_MAX {
            return;
        }
        let (line, column) = self.lines.line_and_column(self.text, at);
        let (key, hint) = (key.to_owned(), hint.map(str::to_owned));
        self.mistakes.push(Mistake { line, column, key, what: what.into(), hint });
    }

    /// How many mistakes there are so far.
    pub(super) fn mistake_count(&self) -> usize {
        self.mistakes.len()
    }

    /// Takes a result: what is wrong becomes a mistake at this place.
    pub(super) fn take<T>(&mut self, at: &At, key: &str, read: Result<T, Wrong>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err((what, hint)) => {
                self.wrong(at, key, what, hint.as_deref());
                None
            }
        }
    }

    /// The line of a place.
    pub(super) fn line(&self, at: &At) -> u32 {
        u32::try_from(self.lines.of(at)).unwrap_or(u32::MAX)
    }

    fn document(&mut self, document: &DeTable<'_>) {
        self.known(document, "", KEYS, &[]);
        if let Some(value) = document.get("zone") {
            self.tables.zone = self.zone(value, "zone");
        }
        let self_care = document.get("self_care").and_then(|value| self.flag("self_care", value));
        self.tables.no_self_care = self_care == Some(false);
        self.each(document, "callers", Self::people_named);
        self.each(document, "holidays", Self::calendar_named);
        self.each(document, "calendars", Self::calendar_named);
        self.groups(document);
        let rules = self.many(document, "rule", RULES_MAX);
        for (place, (at, table)) in rules.iter().enumerate() {
            self.rule(place, at, table);
        }
        self.unreachable(&rules);
        if rules.is_empty() && self.mistakes.is_empty() {
            let hint = "begin with a line [[rule]]; to have none, use `rule rm`";
            self.wrong(&(0..0), "rule", "there is no rule in it", Some(hint));
        }
        for (place, (at, table)) in
            self.many(document, "example", super::example::EXAMPLES_MAX).iter().enumerate()
        {
            let example = self.example(place, at, table);
            self.examples.extend(example);
        }
    }

    /// A rule that always matches has the last word: what stands behind it would never be asked.
    fn unreachable(&mut self, rules: &[(At, &DeTable<'_>)]) {
        let always = |(_, table): &(At, &DeTable<'_>)| {
            let says = |key| table.get(key).and_then(|value| value.get_ref().as_table());
            let goes_on = table.get("continue").and_then(|value| value.get_ref().as_bool());
            let empty = |key| says(key).is_none_or(|inner| inner.is_empty());
            empty("when") && empty("unless") && goes_on != Some(true)
        };
        let Some(place) = rules.iter().position(always) else { return };
        let mut behind = rules.iter().enumerate().skip(place + 1);
        if let Some((never, (at, _))) = behind.find(|(_, (_, table))| !is_for_notices_alone(table))
        {
            let what = format!("is never asked: rule[{place}] before it always matches");
            let hint = "put the rule without `when` last, or let it `continue = true`";
            let (at, key) = (at.clone(), format!("rule[{never}]"));
            self.wrong(&at, &key, what, Some(hint));
        }
    }

    /// Every entry of a table of named things.
    fn each(
        &mut self,
        document: &DeTable<'_>,
        section: &str,
        read: fn(&mut Self, String, &str, &Value<'_>),
    ) {
        let Some(value) = document.get(section) else { return };
        let Some(table) = value.get_ref().as_table() else {
            let hint = format!("write [{section}] on a line of its own");
            self.wrong(&value.span(), section, "is a section", Some(&hint));
            return;
        };
        for (name, value) in table {
            let text = name.get_ref().as_ref();
            let key = format!("{section}.{}", shorten(text));
            if DeviceName::parse(text).is_err() {
                let what = "is no name: take letters, digits, '.', '_' or '-'";
                self.wrong(&name.span(), &key, what, None);
            }
            read(self, text.to_owned(), &key, value);
        }
    }

    /// The tables of a `[[section]]`.
    fn many<'d>(
        &mut self,
        document: &'d DeTable<'_>,
        section: &str,
        max: usize,
    ) -> Vec<(At, &'d DeTable<'d>)> {
        let Some(value) = document.get(section) else { return Vec::new() };
        let hint = format!("write [[{section}]] with two brackets, once for each");
        let Some(elements) = value.get_ref().as_array() else {
            self.wrong(&value.span(), section, "is a list of sections", Some(&hint));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for element in elements {
            if tables.len() == max {
                let what = format!("there are more than {max}");
                self.wrong(&element.span(), section, what, None);
                break;
            }
            match element.get_ref().as_table() {
                Some(table) => tables.push((element.span(), table)),
                None => self.wrong(&element.span(), section, "is a section", Some(&hint)),
            }
        }
        tables
    }

    /// Notes the keys that a table must not have. `later` are those of which is known that they
    /// will come, with what to say until then.
    pub(super) fn known(
        &mut self,
        table: &DeTable<'_>,
        path: &str,
        names: &[&str],
        later: &[(&str, &str)],
    ) {
        for (name, _) in table {
            let text = name.get_ref().as_ref();
            if names.contains(&text) {
                continue;
            }
            let key = below(path, &shorten(text));
            if let Some((_, sentence)) = later.iter().find(|(known, _)| *known == text) {
                self.wrong(&name.span(), &key, *sentence, None);
                continue;
            }
            let near = nearest(text, names.iter().copied());
            let hint = near.map_or_else(
                || format!("there are {}", names.join(", ")),
                |near| format!("did you mean {near}?"),
            );
            self.wrong(&name.span(), &key, "there is no such key", Some(&hint));
        }
    }

    /// The texts of a list, or the one text.
    pub(super) fn texts<'v>(&mut self, key: &str, value: &'v Value<'_>) -> Vec<(Cow<'v, str>, At)> {
        let one = std::slice::from_ref(value);
        let elements = value.get_ref().as_array().map_or(one, |elements| &elements[..]);
        let mut texts = Vec::with_capacity(elements.len());
        for element in elements {
            match element.get_ref() {
                DeValue::String(text) => texts.push((Cow::Borrowed(text.as_ref()), element.span())),
                DeValue::Datetime(date) => {
                    texts.push((Cow::Owned(date.to_string()), element.span()));
                }
                other @ (DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Array(_)
                | DeValue::Table(_)) => {
                    let what = format!("must be text in quotes, not {}", called(other));
                    self.wrong(&element.span(), key, what, None);
                }
            }
        }
        if elements.is_empty() {
            self.wrong(&value.span(), key, "lists nothing", Some("leave the key out"));
        }
        texts
    }

    /// A whole number within bounds.
    pub(super) fn count(&mut self, key: &str, value: &Value<'_>, bounds: [u16; 2]) -> Option<u16> {
        let [min, max] = bounds;
        let found = value
            .get_ref()
            .as_integer()
            .and_then(|number| u16::from_str_radix(number.as_str(), number.radix()).ok());
        let found = found.filter(|found| (min..=max).contains(found));
        if found.is_none() {
            let what = format!("must be a whole number without quotes, {min} to {max}");
            self.wrong(&value.span(), key, what, None);
        }
        found
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &str, value: &Value<'_>) -> Option<bool> {
        let found = value.get_ref().as_bool();
        if found.is_none() {
            let what = format!("must be true or false, not {}", called(value.get_ref()));
            self.wrong(&value.span(), key, what, None);
        }
        found
    }

    /// One text.
    pub(super) fn text<'v>(&mut self, key: &str, value: &'v Value<'_>) -> Option<&'v str> {
        let found = value.get_ref().as_str();
        if found.is_none() {
            let what = format!("must be text in quotes, not {}", called(value.get_ref()));
            self.wrong(&value.span(), key, what, None);
        }
        found
    }

    /// A time zone.
    pub(super) fn zone(&mut self, value: &Value<'_>, key: &str) -> Option<Zone> {
        let text = self.text(key, value)?;
        let read = Zone::parse(text).map_err(|error| (error.to_string(), None));
        self.take(&value.span(), key, read)
    }

    /// The names that are taken, to find repetitions.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        self.tables.names.iter().map(|name: &Arc<str>| &**name).collect()
    }
}

/// What is wrong, and a hint.
pub(super) type Wrong = (String, Option<String>);

/// The path of a key below another.
pub(super) fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// What people call a value of this type.
pub(super) fn called(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}
