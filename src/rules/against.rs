//! A text held against the devices of an account: a rule is read without them.

use std::collections::BTreeSet;

use crate::domain::{Device, DeviceName, GreetingName, Member};
use crate::text::{nearest, shorten};

use super::page::Page;
use super::{Mistake, RuleFile};

impl RuleFile {
    /// The devices it names that nobody knows, each with its place.
    pub fn strangers(&self, is_known: impl Fn(&DeviceName) -> bool) -> Vec<Mistake> {
        let known = |member: &Member| member.device().is_none_or(&is_known);
        let members = self.rules().devices.iter().map(Member::parse);
        if members.flatten().all(|member| known(&member)) {
            return Vec::new();
        }
        let mut page = Page::read(self.text());
        page.strangers(is_known);
        page.into_mistakes()
    }

    /// What it names and the account does not have, each where it is named first: tags that no
    /// device has, greetings that the mailbox does not have. That is no mistake: one text may serve
    /// many accounts, and not each of them has a mobile. But it may be a slip of the pen, and then
    /// nothing would ever ring.
    #[must_use]
    pub fn doubts<'a>(
        &self,
        devices: &'a [Device],
        greetings: impl IntoIterator<Item = &'a GreetingName>,
    ) -> Vec<Mistake> {
        let tags: BTreeSet<&str> = devices.iter().flat_map(|device| device.tags.iter()).collect();
        let greetings = greetings.into_iter().map(GreetingName::as_str).collect();
        let mut page = Page::read(self.text());
        page.untagged(&tags);
        page.without_greeting(&greetings);
        page.into_mistakes()
    }
}

impl Page<'_> {
    /// Notes the devices that nobody knows.
    fn strangers(&mut self, is_known: impl Fn(&DeviceName) -> bool) {
        for (member, key, at) in std::mem::take(&mut self.named) {
            let Some(name) = member.device().filter(|name| !is_known(name)) else { continue };
            let hint = "see the account's devices with `device list`";
            self.wrong(&at, &key, format!("the account has no device {name}"), Some(hint));
        }
    }

    /// Notes the tags that no device has.
    fn untagged(&mut self, used: &BTreeSet<&str>) {
        let mut told = BTreeSet::new();
        for (member, key, at) in std::mem::take(&mut self.named) {
            let tag = member.tag().filter(|tag| !used.contains(tag.as_str()));
            let Some(tag) = tag.filter(|tag| told.insert((*tag).clone())) else { continue };
            let near = nearest(tag.as_str(), used.iter().copied());
            let hint = near.map_or_else(
                || "set it with `device set --tag`".to_owned(),
                |near| format!("did you mean tag:{near}?"),
            );
            let what = format!("no device of the account has the tag {}", shorten(tag.as_str()));
            self.wrong(&at, &key, what, Some(&hint));
        }
    }
    /// Notes the greetings that the mailbox does not have.
    fn without_greeting(&mut self, known: &BTreeSet<&str>) {
        let mut told = BTreeSet::new();
        for (name, key, at) in std::mem::take(&mut self.greetings) {
            let name = name.as_str();
            if known.contains(name) || !told.insert(name.to_owned()) {
                continue;
            }
            let near = nearest(name, known.iter().copied());
            let hint = near.map_or_else(
                || format!("give it one with `mailbox set --named-greeting {name}=FILE`"),
                |near| format!("did you mean \"{near}\"?"),
            );
            let what = format!("the account's mailbox has no greeting {name}");
            self.wrong(&at, &key, what, Some(&hint));
        }
    }
}
