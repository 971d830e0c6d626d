//! The location set.

use crate::domain::{DeviceName, Number, SipUri};
use crate::import::sheet::{Conditions, Reached, Stage};
use crate::text::shorten;

use super::flat::{Cases, Finish, State, Straight, Walk, ring};
use super::xml::Node;

/// Where a call may go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location {
    /// As the script has it.
    pub(super) url: String,
    /// In thousandths.
    pub(super) priority: u16,
    pub(super) goes_to: Goes,
}

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Goes {
    Device(DeviceName),
    Mailbox,
}

/// What people call the places that take messages.
const MAILBOXES: [&str; 6] = ["voicemail", "vm", "voice-mail", "mailbox", "vmail", "answering"];

impl<'n> Walk<'n> {
    /// `location url=… priority=… clear=…`
    pub(super) fn location(&mut self, node: &Node, state: &mut State) {
        if node.get("clear") == Some("yes") {
            state.locations.clear();
        }
        state.touched = true;
        let Some(url) = node.get("url") else {
            self.list.add(node.at, node.shown(), "has no url; it is left out");
            return;
        };
        let priority = node.get("priority").unwrap_or("1.0");
        let priority = priority.parse::<f64>().ok().filter(|value| (0.0..=1.0).contains(value));
        if priority.is_none() {
            let instead = "its priority is no number from 0.0 to 1.0; it is taken for 1.0";
            self.list.add(node.at, node.shown(), instead);
        }
        let Some(goes_to) = self.goes(node, url) else { return };
        let url = url.to_owned();
        let known = |known: &Location| known.url == url;
        if !state.locations.iter().any(known) {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
            let priority = (priority.unwrap_or(1.0) * 1000.0) as u16;
            state.locations.push(Location { url, priority, goes_to });
        }
    }

    fn goes(&mut self, node: &Node, url: &str) -> Option<Goes> {
        let lower = url.to_ascii_lowercase();
        if lower.starts_with("tel:") {
            let number = url.get(4..).unwrap_or_default();
            if let Ok(number) = Number::parse(number.split(';').next().unwrap_or_default()) {
                let called = number.to_string().replace('+', "");
                let reached = Reached { by: "number", target: number.to_string() };
                return Some(Goes::Device(self.devices.name(reached, &called, "tel")));
            }
            let instead = "is no number in international form (+49…); it is left out";
            self.list.add(node.at, node.shown(), instead);
            return None;
        }
        let Ok(uri) = SipUri::parse(url) else {
            let instead = "is no sip:, sips: or tel: address that can be called; it is left out";
            self.list.add(node.at, node.shown(), instead);
            return None;
        };
        if self.wanted.voicemail.contains(&uri) {
            return Some(Goes::Mailbox);
        }
        let (user, host) = uri.user_and_host();
        let first_label = host.split('.').next().unwrap_or_default();
        if [user, first_label]
            .iter()
            .any(|word| MAILBOXES.contains(&word.to_ascii_lowercase().as_str()))
        {
            let instead = "looks like voicemail: the account's mailbox takes its place";
            self.list.add(node.at, node.shown(), instead);
            return Some(Goes::Mailbox);
        }
        let called = if user.is_empty() { host } else { user };
        let reached = Reached { by: "uri", target: uri.as_str().to_owned() };
        Some(Goes::Device(self.devices.name(reached, called, first_label)))
    }

    /// `remove-location location=…`; without it, all of them.
    pub(super) fn remove_location(&mut self, node: &Node, state: &mut State) {
        state.touched = true;
        for key in node.keys().filter(|key| !matches!(*key, "location" | "xmlns")) {
            let what = format!("remove-location {}", shorten(key));
            self.list.add(
                node.at,
                what,
                "says what phones are like, which rules do not know; it is not asked for",
            );
        }
        match node.get("location") {
            None => state.locations.clear(),
            Some(url) => state.locations.retain(|known| !known.url.eq_ignore_ascii_case(url)),
        }
    }

    /// `lookup source="registration"`: the account's own phones.
    pub(super) fn lookup(&mut self, node: &'n Node, mut state: State) -> Cases {
        let output = |name: &str| node.children.iter().find(|output| output.name == name);
        for key in node.keys().filter(|key| matches!(*key, "use" | "ignore" | "timeout")) {
            let what = format!("lookup {}", shorten(key));
            self.list.add(node.at, what, "all phones of the account that have registered ring");
        }
        if node.get("clear") == Some("yes") {
            state.locations.clear();
        }
        let not_found = output("notfound");
        if node.get("source") != Some("registration") {
            let instead =
                "nothing is looked up elsewhere; the call goes on as if nothing had been found";
            self.list.add(node.at, node.shown(), instead);
            return self.action(not_found.or_else(|| output("failure")), state);
        }
        if let Some(failure) = output("failure") {
            let instead = "the registrations are always known; it is left out";
            self.list.add(failure.at, "lookup, failure", instead);
        }
        let mut cases = Vec::new();
        if let Some(not_found) = not_found {
            let below = self.action(Some(not_found), state.clone())?;
            let unregistered = Some(self.registered.clone());
            let way = Conditions { unregistered, ..Conditions::default() };
            self.join(not_found, &way, &below, &mut cases)?;
            for case in &mut cases {
                case.path.insert(0, format!("line {}: lookup, notfound", not_found.at.line));
            }
        }
        state.touched = true;
        state.found |= not_found.is_some();
        let (url, goes_to) = ("registration".to_owned(), Goes::Device(self.registered.clone()));
        if !state.locations.iter().any(|known| known.url == url) {
            state.locations.push(Location { url, priority: 1000, goes_to });
        }
        cases.extend(self.action(output("success"), state)?);
        Ok(cases)
    }

    /// All locations together, and nothing behind them.
    pub(super) fn ring_all(&mut self, locations: &[Location], ring_s: Option<u16>) -> Straight {
        let devices = devices(locations);
        let mailbox = locations.iter().any(|location| location.goes_to == Goes::Mailbox);
        let end = Straight::End(if mailbox { Finish::Mailbox } else { Finish::Response });
        if devices.is_empty() {
            return end;
        }
        for name in &devices {
            self.devices.rings(name, ring_s);
        }
        ring(vec![Stage::of(devices, ring_s)], &end)
    }
}

/// The devices among locations, each once.
pub(super) fn devices(locations: &[Location]) -> Vec<DeviceName> {
    let mut names: Vec<DeviceName> = Vec::new();
    for location in locations {
        if let Goes::Device(name) = &location.goes_to
            && !names.contains(name)
        {
            names.push(name.clone());
        }
    }
    names
}
