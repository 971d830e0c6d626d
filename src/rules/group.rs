//! Devices by name and by tag, and groups of them.

use std::borrow::Cow;

use toml::de::DeTable;

use crate::domain::{DeviceName, Member};

use crate::text::shorten;

use super::page::{At, Page, Value};
use super::when::unknown_name;

/// How deep groups may stand in groups.
const GROUPS_DEEP_MAX: usize = 8;

impl Page<'_> {
    /// The devices and tags that a list names, groups taken apart, each once.
    pub(super) fn members(&mut self, key: &str, value: &Value<'_>) -> Vec<Member> {
        let mut names: Vec<Member> = Vec::new();
        for (text, at) in self.texts(key, value) {
            let found = match text.strip_prefix("group:") {
                Some(group) => self.group(key, &at, group),
                None => self.member(key, &at, &text).into_iter().collect(),
            };
            for name in found {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    pub(super) fn member(&mut self, key: &str, at: &At, text: &str) -> Option<Member> {
        let read = match text {
            "all" | "list" => Err((
                format!("\"{text}\" stands alone: it is no device"),
                Some(format!("write ring = [\"{text}\"], with other stages before or behind")),
            )),
            _ => Member::parse(text).map_err(|error| (error.to_string(), None)),
        };
        let name = self.take(at, key, read)?;
        self.named.push((name.clone(), key.to_owned(), at.clone()));
        Some(name)
    }

    pub(super) fn group(&mut self, key: &str, at: &At, group: &str) -> Vec<Member> {
        if let Some(members) = self.groups.get(group) {
            return members.clone();
        }
        let names: Vec<&str> = self.groups.keys().map(String::as_str).collect();
        let (what, hint) = unknown_name("group", "group", group, &names);
        self.wrong(at, key, what, Some(&hint));
        Vec::new()
    }

    /// `[group]`: every group, those in it taken apart.
    pub(super) fn groups(&mut self, document: &DeTable<'_>) {
        let Some(value) = document.get("group") else { return };
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(
                &value.span(),
                "group",
                "is a section",
                Some("write [group] on a line of its own"),
            );
            return;
        };
        for (name, value) in table {
            let text = name.get_ref().as_ref();
            let key = format!("group.{}", shorten(text));
            if DeviceName::parse(text).is_err() {
                let what = "is no name: take letters, digits, '.', '_' or '-'";
                self.wrong(&name.span(), &key, what, None);
            }
            let members = self.group_members(table, &key, value, &mut vec![text]);
            self.groups.insert(text.to_owned(), members);
        }
    }

    fn group_members<'v>(
        &mut self,
        table: &'v DeTable<'_>,
        key: &str,
        value: &'v Value<'_>,
        above: &mut Vec<&'v str>,
    ) -> Vec<Member> {
        let mut members: Vec<Member> = Vec::new();
        // Mistakes in a group are told where it stands, not where it is used.
        let own = above.len() == 1;
        let texts = if own { self.texts(key, value) } else { quiet_texts(value) };
        for (text, at) in texts {
            let found = match text.strip_prefix("group:") {
                None if own => self.member(key, &at, &text).into_iter().collect(),
                None => Member::parse(&text).into_iter().collect(),
                Some(inner) => match self.inner_group(table, key, &at, inner, above, own) {
                    Some((name, value)) => {
                        above.push(name);
                        let found = self.group_members(table, key, value, above);
                        above.pop();
                        found
                    }
                    None => Vec::new(),
                },
            };
            for name in found {
                if !members.contains(&name) {
                    members.push(name);
                }
            }
        }
        members
    }

    fn inner_group<'v>(
        &mut self,
        table: &'v DeTable<'_>,
        key: &str,
        at: &At,
        inner: &str,
        above: &[&str],
        own: bool,
    ) -> Option<(&'v str, &'v Value<'v>)> {
        let wrong = if above.contains(&inner) {
            (format!("leads back to group {}", shorten(inner)), None)
        } else if above.len() >= GROUPS_DEEP_MAX {
            (format!("groups stand in groups more than {GROUPS_DEEP_MAX} deep"), None)
        } else {
            match table.get_key_value(inner) {
                Some((name, value)) => return Some((name.get_ref().as_ref(), value)),
                None => {
                    let names: Vec<&str> =
                        table.keys().map(|name| name.get_ref().as_ref()).collect();
                    let (what, hint) = unknown_name("group", "group", inner, &names);
                    (what, Some(hint))
                }
            }
        };
        // A loop that a group is not in itself is told where it is closed.
        if own || above.first().is_some_and(|first| *first == inner) {
            self.wrong(at, key, wrong.0, wrong.1.as_deref());
        }
        None
    }
}

/// The texts of a list whose mistakes are told elsewhere.
fn quiet_texts<'v>(value: &'v Value<'_>) -> Vec<(Cow<'v, str>, At)> {
    let one = std::slice::from_ref(value);
    let elements = value.get_ref().as_array().map_or(one, |elements| &elements[..]);
    let texts = elements
        .iter()
        .filter_map(|element| element.get_ref().as_str().map(|text| (text.into(), element.span())));
    texts.collect()
}
