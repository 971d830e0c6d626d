//! Examples in a text of rules: `[[example]]`, run by `rule test`.

use toml::de::{DeTable, DeValue};

use crate::domain::{
    AccountName, Communication, DeviceName, Few, ForkOrder, Identifier, Member, StageCause, Tag,
    Tags, Zone,
};

use crate::text::shorten;

use super::page::{At, Page, Value, below};
use super::when::one_of;

/// The most examples of a text.
pub(super) const EXAMPLES_MAX: usize = 1_000;

const KEYS: &[&str] = &[
    "name",
    "at",
    "zone",
    "from",
    "account",
    "to",
    "kind",
    "busy",
    "unregistered",
    "in_call",
    "dnd",
    "tags",
    "answered",
    "began",
    "wishes",
    "after",
    "expect",
    "why",
];

/// One question with the answer that is expected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Example {
    /// Where it stands, from 1.
    pub line: u32,
    /// Its name; may be empty.
    pub name: String,
    /// What a wall shows, `2026-03-29T02:30`; `None`: any time.
    pub at: Option<String>,
    /// Where the wall is; `None`: where the rules are.
    pub zone: Option<Zone>,
    /// Who calls, as a From URI has it.
    pub from: String,
    /// The caller's account.
    pub account: Option<AccountName>,
    /// What is dialled.
    pub to: Option<Identifier>,
    /// What kind of communication it is.
    pub kind: Communication,
    /// How many calls of the account are up.
    pub calls: u32,
    /// Devices that can't be reached.
    pub unregistered: Vec<Member>,
    /// Devices that have answered a call which is up.
    pub in_call: Vec<Member>,
    /// Devices that are not to be disturbed, whatever is set.
    pub dnd: Vec<Member>,
    /// Which devices have which tags, whatever is set; `None`: as it is set.
    pub tags: Option<Vec<(DeviceName, Tags)>>,
    /// Who has answered so far; the last one answered last.
    pub answered: Vec<Member>,
    /// With whom stages in turn have begun so far; the last one last.
    pub began: Vec<Member>,
    /// What the caller wishes.
    pub wishes: Few,
    /// How everything that rings fails.
    pub cause: Option<StageCause>,
    /// What should come of it, as [`shown`] writes it.
    pub expect: Vec<String>,
    /// What the explanation should hold, each of these in one of its lines.
    pub why: Vec<String>,
}

/// An order as examples write it: stage by stage, the devices of one with `+` between,
/// `mobile after 8s` where one joins later, and for which causes it rings: `mobile after busy`.
#[must_use]
pub fn shown(order: &ForkOrder) -> Vec<String> {
    let stage = |stage: &crate::domain::Stage| {
        let mut names: Vec<String> = Vec::with_capacity(stage.branches.len());
        for branch in &stage.branches {
            let name = match branch.after_s {
                0 => branch.device.as_str().to_owned(),
                after_s => format!("{} after {after_s}s", branch.device),
            };
            // A device that is registered twice is one device.
            if names.last() != Some(&name) {
                names.push(name);
            }
        }
        let names = names.join(" + ");
        match &stage.after {
            None => names,
            Some(after) => {
                format!("{names} after {}", after.words())
            }
        }
    };
    order.stages.iter().map(stage).collect()
}

impl Page<'_> {
    /// `[[example]]`
    pub(super) fn example(
        &mut self,
        place: usize,
        at: &At,
        table: &DeTable<'_>,
    ) -> Option<Example> {
        let path = format!("example[{place}]");
        self.known(table, &path, KEYS, &[]);
        let mut example = Example { line: self.line(at), ..Example::default() };
        for name in KEYS {
            if let Some(value) = table.get(*name) {
                self.example_key(&mut example, name, &below(&path, name), value);
            }
        }
        if !table.contains_key("expect") {
            let hint = "add expect = [\"desk\", \"mailbox\"], stage by stage";
            self.wrong(at, &path, "does not say what it expects", Some(hint));
        }
        Some(example)
    }

    fn example_key(&mut self, example: &mut Example, name: &str, key: &str, value: &Value<'_>) {
        match name {
            "name" => example.name = self.text(key, value).unwrap_or_default().to_owned(),
            "at" => example.at = self.example_moment(key, value),
            "zone" => example.zone = self.zone(value, key),
            "from" => {
                if let Some(text) = self.text(key, value) {
                    example.from = self.example_caller(key, value, text);
                }
            }
            "account" => {
                let text = self.text(key, value).unwrap_or_default();
                let read = AccountName::parse(text).map_err(|error| (error.to_string(), None));
                example.account = self.take(&value.span(), key, read);
            }
            "to" => {
                let text = self.text(key, value).unwrap_or_default();
                let read = Identifier::parse(text).map_err(|error| (error.to_string(), None));
                example.to = self.take(&value.span(), key, read);
            }
            "kind" => {
                let text = self.text(key, value).unwrap_or_default();
                let known = Communication::ALL.iter().find(|kind| kind.as_str() == text);
                let names = Communication::ALL.map(Communication::as_str);
                let read = known.copied().ok_or_else(|| one_of(text, &names));
                example.kind = self.take(&value.span(), key, read).unwrap_or_default();
            }
            "busy" => example.calls = self.count(key, value, [0, 10_000]).unwrap_or(0).into(),
            "unregistered" => example.unregistered = self.members(key, value),
            "tags" => example.tags = self.example_tags(key, value),
            "dnd" => example.dnd = self.members(key, value),
            "in_call" => example.in_call = self.members(key, value),
            "answered" => example.answered = self.members(key, value),
            "wishes" => example.wishes = self.wishes(key, value),
            "began" => example.began = self.members(key, value),
            "after" => {
                let text = self.text(key, value).unwrap_or_default();
                let known = StageCause::ALL.iter().find(|cause| cause.as_str() == text);
                let names = StageCause::ALL.map(StageCause::as_str);
                let read = known.copied().ok_or_else(|| one_of(text, &names));
                example.cause = self.take(&value.span(), key, read);
            }
            _ if is_empty_list(value) => {}
            _ => {
                let texts = self.texts(key, value);
                let texts = texts.iter().map(|(text, _)| text.trim().to_owned()).collect();
                match name {
                    "expect" => example.expect = texts,
                    _ => example.why = texts,
                }
            }
        }
    }

    /// `tags = { mobile = ["work"] }`
    fn example_tags(&mut self, key: &str, value: &Value<'_>) -> Option<Vec<(DeviceName, Tags)>> {
        let Some(table) = value.get_ref().as_table() else {
            let hint = "write tags = { mobile = [\"work\"] }";
            self.wrong(&value.span(), key, "is a section", Some(hint));
            return None;
        };
        let mut all = Vec::with_capacity(table.len());
        for (name, value) in table {
            let device = name.get_ref().as_ref();
            let key = below(key, &shorten(device));
            let read = DeviceName::parse(device).map_err(|error| (error.to_string(), None));
            let device = self.take(&name.span(), &key, read);
            let read = |text: &str| Tag::parse(text).map_err(|error| (error.to_string(), None));
            let tags =
                if is_empty_list(value) { vec![] } else { self.each_text(&key, value, read) };
            let tags = Tags::new(tags).map_err(|error| (error.to_string(), None));
            let tags = self.take(&value.span(), &key, tags);
            if let (Some(device), Some(tags)) = (device, tags) {
                self.named.push((Member::Device(device.clone()), key, name.span()));
                all.push((device, tags));
            }
        }
        Some(all)
    }

    fn example_moment(&mut self, key: &str, value: &Value<'_>) -> Option<String> {
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(moment) => moment.to_string(),
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => String::new(),
        };
        let known = Zone::utc().moment(&text).is_some();
        let hint = || Some("write \"2026-03-29 02:30\"".to_owned());
        let read = known.then_some(text).ok_or_else(|| ("is no moment".to_owned(), hint()));
        self.take(&value.span(), key, read)
    }

    fn example_caller(&mut self, key: &str, value: &Value<'_>, text: &str) -> String {
        if text.eq_ignore_ascii_case("anonymous") {
            return "sip:anonymous@anonymous.invalid".to_owned();
        }
        match Identifier::parse(text) {
            Ok(Identifier::Number(number)) => format!("tel:{number}"),
            Ok(Identifier::Address(address)) => format!("sip:{address}"),
            Err(error) => {
                self.wrong(&value.span(), key, error.to_string(), None);
                String::new()
            }
        }
    }
}

fn is_empty_list(value: &Value<'_>) -> bool {
    value.get_ref().as_array().is_some_and(|elements| elements.is_empty())
}
