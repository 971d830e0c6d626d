//! `mailbox = true`, `false`, or with a greeting: `{ greeting = "closed" }`.

use crate::domain::{GreetingName, RuleEnd};

use super::page::{Page, Value, below};
use super::tables::place;

impl Page<'_> {
    /// What a rule says about the mailbox.
    pub(super) fn mailbox(&mut self, key: &str, value: &Value<'_>) -> Option<RuleEnd> {
        let Some(table) = value.get_ref().as_table() else {
            return self.flag(key, value).map(|wanted| match wanted {
                true => RuleEnd::Mailbox { greeting: None },
                false => RuleEnd::NoMailbox,
            });
        };
        self.known(table, key, &["greeting"], &[]);
        let Some(value) = table.get("greeting") else {
            let hint = "write { greeting = \"closed\" }, or true";
            self.wrong(&value.span(), key, "does not say which greeting", Some(hint));
            return None;
        };
        let (key, at) = (below(key, "greeting"), value.span());
        let text = self.text(&key, value)?;
        let read = GreetingName::parse(text).map_err(|error| (error.to_string(), None));
        let name = self.take(&at, &key, read)?;
        let made = place(&mut self.tables.texts, name.as_str().into());
        let greeting = self.fits(&at, &key, made)?;
        self.greetings.push((name, key, at));
        Some(RuleEnd::Mailbox { greeting: Some(greeting) })
    }
}
