//! The file as typed: every key at its place, of its type and within its bounds, or a mistake.
//!
//! The parsed document is held against the table of keys, because a typed reader stops at the
//! first key it does not know, and an operator wants to hear of all of them at once.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use crate::text::{Lines, nearest, shorten};

use super::keys::{Key, Preset, SECTIONS, Section};
use super::mistake::{Mistake, Warning};
use super::value::{Value, called, read_value};

/// The longest file, in bytes. A longer one is refused unread.
pub(super) const FILE_BYTES_MAX: usize = 256 * 1024;

/// A value that was written.
struct Found {
    value: Value,
    line: usize,
}

/// Everything that was written, and everything that is wrong with it so far.
pub(super) struct Typed {
    found: BTreeMap<(&'static str, usize, &'static str), Found>,
    /// How often each `[[section]]` was written.
    many: BTreeMap<&'static str, usize>,
    /// What was wrong so far.
    pub(super) mistakes: Vec<Mistake>,
    /// What was doubtful so far.
    pub(super) warnings: Vec<Warning>,
    /// Whether the text is TOML. If not, a key that seems to be missing may stand in the part
    /// that could not be read.
    pub(super) whole: bool,
}

impl Typed {
    /// Reads a file's text.
    pub(super) fn read(text: &str) -> Self {
        let mut typed = Self {
            found: BTreeMap::new(),
            many: BTreeMap::new(),
            mistakes: Vec::new(),
            warnings: Vec::new(),
            whole: true,
        };
        if text.len() > FILE_BYTES_MAX {
            let what = format!("the file is longer than {} KiB", FILE_BYTES_MAX / 1024);
            typed.mistake(None, "", what, Some("is it the right file?".to_owned()));
            typed.whole = false;
            return typed;
        }
        let lines = Lines::new(text);
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let line = lines.of(&error.span().unwrap_or(0..0));
            let what = format!("this is not TOML: {}", error.message());
            typed.mistake(Some(line), "", what, None);
        }
        typed.whole = errors.is_empty();
        let broken: Vec<usize> = typed.mistakes.iter().filter_map(|known| known.line).collect();
        Walk { typed: &mut typed, lines }.document(document.get_ref());
        if !typed.whole {
            // What the reader guessed on a broken line is no mistake of the operator's, and one
            // broken line is one mistake.
            let mut syntax = typed.mistakes.drain(..errors.len()).collect::<Vec<_>>();
            syntax.dedup_by_key(|known| known.line);
            typed.mistakes.retain(|known| known.line.is_none_or(|line| !broken.contains(&line)));
            typed.mistakes.splice(0..0, syntax);
        }
        typed
    }

    /// Notes a mistake.
    pub(super) fn mistake(
        &mut self,
        line: Option<usize>,
        key: impl Into<String>,
        what: impl Into<String>,
        hint: Option<String>,
    ) {
        self.mistakes.push(Mistake { line, key: key.into(), what: what.into(), hint });
    }

    /// The line where a key was written, if it was (rightly).
    pub(super) fn line(
        &self,
        section: &'static str,
        at: usize,
        key: &'static str,
    ) -> Option<usize> {
        self.found.get(&(section, at, key)).map(|found| found.line)
    }

    /// How often a `[[section]]` was written.
    pub(super) fn times(&self, section: &'static str) -> usize {
        self.many.get(section).copied().unwrap_or_default()
    }

    /// The value of a key: as written, or its default.
    pub(super) fn value(
        &self,
        section: &'static str,
        at: usize,
        key: &'static str,
    ) -> Option<Value> {
        match self.found.get(&(section, at, key)) {
            Some(found) => Some(found.value.clone()),
            None => default_value(section, key),
        }
    }
}

/// The default of a key, read as if it stood in the file.
fn default_value(section: &str, key: &str) -> Option<Value> {
    let section = SECTIONS.iter().find(|known| known.name == section)?;
    let key = section.keys.iter().find(|known| known.name == key)?;
    let Preset::Is(text) = key.default else { return None };
    read_value(DeValue::parse(text).ok()?.get_ref(), key.kind).ok()
}

struct Walk<'t> {
    typed: &'t mut Typed,
    lines: Lines,
}

impl Walk<'_> {
    fn document(&mut self, document: &DeTable<'_>) {
        for (name, value) in document {
            let line = self.lines.of(&name.span());
            let known = SECTIONS.iter().find(|section| section.name == name.get_ref().as_ref());
            match (known, value.get_ref()) {
                (Some(section), value) if section.many.is_some() => self.many(section, line, value),
                (Some(section), DeValue::Table(table)) => {
                    self.section(section, 0, section.name, table)
                }
                (Some(section), _) => {
                    let hint = format!("write [{}] on a line of its own", section.name);
                    self.typed.mistake(Some(line), section.name, "is a section", Some(hint));
                }
                (None, value) => self.unknown(line, "", name.get_ref(), value, None),
            }
        }
    }

    fn section(&mut self, section: &'static Section, at: usize, path: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let typed_name = name.get_ref().as_ref();
            let line = self.lines.of(&name.span());
            let below = format!("{path}.{typed_name}");
            if let Some(inner) =
                SECTIONS.iter().find(|inner| inner.many.is_some() && inner.name == below)
            {
                self.many(inner, line, value.get_ref());
            } else if let Some(key) = section.keys.iter().find(|key| key.name == typed_name) {
                match read_value(value.get_ref(), key.kind) {
                    Ok(value) => {
                        self.typed
                            .found
                            .insert((section.name, at, key.name), Found { value, line });
                    }
                    Err((what, hint)) => self.typed.mistake(Some(line), below, what, hint),
                }
            } else {
                self.unknown(line, path, typed_name, value.get_ref(), Some(section));
            }
        }
    }

    fn many(&mut self, section: &'static Section, line: usize, value: &DeValue<'_>) {
        let DeValue::Array(elements) = value else {
            let hint = format!("write [[{}]] with two brackets, once for each", section.name);
            self.typed.mistake(Some(line), section.name, "is a list of sections", Some(hint));
            return;
        };
        for (at, element) in elements.iter().enumerate() {
            let path = format!("{}[{at}]", section.name);
            let line = self.lines.of(&element.span());
            if let Some(many) = section.many.as_ref().filter(|many| at == many.max) {
                let what = format!("there are more than {} {}", many.max, many.called);
                self.typed.mistake(Some(line), section.name, what, None);
                return;
            }
            let DeValue::Table(table) = element.get_ref() else {
                let what = format!("is no section, but {}", called(element.get_ref()));
                self.typed.mistake(Some(line), path, what, None);
                continue;
            };
            let times = self.typed.many.entry(section.name).or_default();
            let index = *times;
            *times += 1;
            self.section(section, index, &path, table);
            self.required(section, table, &path, line);
        }
    }

    fn required(&mut self, section: &Section, table: &DeTable<'_>, path: &str, line: usize) {
        for key in section.keys {
            if let Preset::Required(example) = key.default
                && !table.keys().any(|name| name.get_ref() == key.name)
            {
                let hint = format!("add a line such as {} = {example}", key.name);
                let below = format!("{path}.{}", key.name);
                self.typed.mistake(Some(line), below, "is missing", Some(hint));
            }
        }
    }

    fn unknown(
        &mut self,
        line: usize,
        path: &str,
        name: &str,
        value: &DeValue<'_>,
        section: Option<&Section>,
    ) {
        let name = shorten(name);
        let key = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let is_section = matches!(value, DeValue::Table(_));
        let what = if is_section { "there is no such section" } else { "there is no such key" };
        let hint = meant(&name, section, is_section);
        self.typed.mistake(Some(line), key, what, hint);
    }
}

/// What somebody probably meant who wrote `name`.
fn meant(name: &str, section: Option<&Section>, is_section: bool) -> Option<String> {
    let here = section.map_or(&[] as &[Key], |section| section.keys);
    if let Some(key) = nearest(name, here.iter().map(|key| key.name)) {
        return Some(format!("did you mean {key}?"));
    }
    let sections = || SECTIONS.iter().map(|section| section.name);
    if section.is_none() && is_section {
        let list = || format!("there are {}", listed(sections()));
        return Some(
            nearest(name, sections()).map_or_else(list, |near| format!("did you mean [{near}]?")),
        );
    }
    let home = SECTIONS.iter().find(|home| home.keys.iter().any(|key| key.name == name));
    if let Some(home) = home {
        return Some(format!("it belongs into [{}]", home.name));
    }
    match section {
        Some(section) => {
            let prefix = format!("{}.", section.name);
            let inner = SECTIONS.iter().filter_map(|inner| inner.name.strip_prefix(&prefix));
            let names = here.iter().map(|key| key.name).chain(inner);
            Some(format!("[{}] has {}", section.name, listed(names)))
        }
        None => Some(format!("keys stand in a section: {}", listed(sections()))),
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}
