//! Asking a typed file for values, and noting what is wrong or doubtful with one.

use std::path::Path;
use std::time::Duration;

use crate::text::shorten;

use super::ReadToken;
use super::file::Typed;
use super::keys::SECTIONS;
use super::mistake::{Mistake, Warning};
use super::token::{Secret, read_failed};
use super::value::Value;

/// A file on its way from typed to checked.
pub(super) struct Check<'a> {
    pub(super) typed: Typed,
    pub(super) base_dir: &'a Path,
    pub(super) read_token: ReadToken<'a>,
}

impl Check<'_> {
    /// A name; its mistake is noted.
    pub(super) fn name(
        &mut self,
        section: &'static str,
        at: usize,
        key: &'static str,
    ) -> Option<String> {
        let Some(Value::Text(name)) = self.typed.value(section, at, key) else { return None };
        if crate::domain::AccountName::parse(&name).is_ok() {
            return Some(name);
        }
        let what = format!("{:?} is not usable as a name", shorten(&name));
        let hint = "take 1 to 64 letters, digits, '.', '_' or '-', starting with a letter or digit";
        self.wrong(section, at, key, what, Some(hint));
        None
    }

    /// The text of a key; empty when nothing was written and nothing is the default.
    pub(super) fn text(&self, section: &'static str, key: &'static str) -> String {
        match self.typed.value(section, 0, key) {
            Some(Value::Text(text)) => text,
            _ => String::new(),
        }
    }

    pub(super) fn flag(&self, section: &'static str, at: usize, key: &'static str) -> bool {
        matches!(self.typed.value(section, at, key), Some(Value::Flag(true)))
    }

    pub(super) fn count(&self, section: &'static str, key: &'static str) -> usize {
        match self.typed.value(section, 0, key) {
            Some(Value::Count(count)) => usize::try_from(count).unwrap_or(usize::MAX),
            _ => 0,
        }
    }

    pub(super) fn duration(&self, section: &'static str, key: &'static str) -> Duration {
        match self.typed.value(section, 0, key) {
            Some(Value::Duration(duration)) => duration,
            _ => Duration::ZERO,
        }
    }

    pub(super) fn wrong(
        &mut self,
        section: &'static str,
        at: usize,
        key: &'static str,
        what: impl ToString,
        hint: Option<&str>,
    ) {
        let line = self.typed.line(section, at, key);
        let hint = hint.map(str::to_owned);
        self.typed.mistake(line, path(section, at, key), what.to_string(), hint);
    }

    pub(super) fn doubt(&mut self, section: &'static str, key: &'static str, what: String) {
        self.doubt_at(section, 0, key, what);
    }

    /// The same for one of several sections.
    pub(super) fn doubt_at(
        &mut self,
        section: &'static str,
        at: usize,
        key: &'static str,
        what: String,
    ) {
        let line = self.typed.line(section, at, key);
        self.typed.warnings.push(Warning { line, key: path(section, at, key), what });
    }

    /// What lies in a file that the key names: a token, a key, a password (`called` so in
    /// sentences), read by `parse`.
    pub(super) fn secret(
        &mut self,
        section: &'static str,
        at: usize,
        key: &'static str,
        called: &str,
        parse: impl Fn(&str) -> Result<Secret, String>,
    ) -> Option<Secret> {
        let Some(Value::Text(file)) = self.typed.value(section, at, key) else { return None };
        if file.is_empty() {
            let hint = format!("name the file that holds the {called}");
            self.wrong(section, at, key, "is empty", Some(&hint));
            return None;
        }
        if !self.typed.whole && self.typed.line(section, at, key).is_none() {
            return None; // The key may stand in the part that could not be read.
        }
        let path = self.base_dir.join(file);
        let found = match (self.read_token)(&path) {
            Ok(found) => found,
            Err(error) => {
                let (what, hint) = read_failed(&path, called, &error);
                self.wrong(section, at, key, what, Some(&hint));
                return None;
            }
        };
        if found.open_to_others {
            let path = path.display();
            let what = format!(
                "other users of this machine may get at {called} file {path}: chmod 600 {path}"
            );
            self.doubt_at(section, at, key, what);
        }
        let secret = parse(&found.text);
        let told = |what| format!("{called} file {} {what}", path.display());
        secret.map_err(|what| self.wrong(section, at, key, told(what), None)).ok()
    }

    /// Everything that was noted, by line; what has none stands last.
    pub(super) fn finish(self) -> (Vec<Warning>, Vec<Mistake>) {
        let Typed { mut warnings, mut mistakes, .. } = self.typed;
        let place = |line: Option<usize>| line.unwrap_or(usize::MAX);
        mistakes.sort_by_key(|known| place(known.line));
        warnings.sort_by_key(|known| place(known.line));
        (warnings, mistakes)
    }
}

/// The path of a key, as mistakes show it.
fn path(section: &str, at: usize, key: &str) -> String {
    let many = SECTIONS.iter().any(|known| known.name == section && known.many.is_some());
    if many { format!("{section}[{at}].{key}") } else { format!("{section}.{key}") }
}
