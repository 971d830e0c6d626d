//! Typed to checked: messages and the switches that take them.

use std::path::PathBuf;
use std::time::Duration;

use crate::domain::Language;
use crate::text::{nearest, shorten};

use super::access::Check;
use super::address::{check_url, is_host_port};
use super::messages::{Links, Messages, Switch, VideoWay, Webhook};
use super::token::Secret;
use super::value::Value;

const MESSAGES: &str = "messages";
const SWITCH: &str = "freeswitch";
/// The password with which FreeSWITCH comes, which everybody knows.
const KNOWN_PASSWORD: &str = "ClueCon";

impl Check<'_> {
    /// All of `[messages]`; `None` where no messages are taken, or when something is wrong.
    pub(super) fn messages(&mut self) -> Option<Messages> {
        let spool = self.shared_directory("spool");
        let prompts = self.shared_directory("prompts");
        let written = self.typed.line(MESSAGES, 0, "spool");
        if spool.is_some() && self.text(MESSAGES, "prompts").is_empty() && self.typed.whole {
            let hint = "add a line such as prompts = \"prompts\"".to_owned();
            let key = format!("{MESSAGES}.prompts");
            self.typed.mistake(written, key, "is missing where there is a spool", Some(hint));
        }
        if spool.is_some() && self.typed.times(SWITCH) == 0 {
            let what = "there is no [[freeswitch]]: no call can come to a mailbox";
            self.doubt(MESSAGES, "spool", what.to_owned());
        }
        let language = Language::parse(&self.text(MESSAGES, "language"));
        let language =
            language.map_err(|error| self.wrong(MESSAGES, 0, "language", error, None)).ok();
        let silence = self.whole_seconds("silence");
        let ring = self.whole_seconds("ring");
        let switch_key = self.switch_key();
        let ffmpeg = self.text(MESSAGES, "ffmpeg");
        let links = self.links(spool.is_some());
        let video = self.video(links.is_some());
        let webhook = self.webhook(MESSAGES);
        Some(Messages {
            spool: spool?,
            prompts: prompts?,
            language: language?,
            min_length: self.duration(MESSAGES, "min_length"),
            silence,
            disk_free_min_mib: self.count(MESSAGES, "disk_free_min_mib") as u64,
            video,
            switch_key: switch_key?,
            ffmpeg: Some(ffmpeg).filter(|program| !program.is_empty()),
            ring,
            links,
            upload_max_mib: self.count(MESSAGES, "upload_max_mib") as u64,
            webhook,
        })
    }

    /// A directory that a switch uses too, under the same name.
    fn shared_directory(&mut self, key: &'static str) -> Option<PathBuf> {
        let text = self.text(MESSAGES, key);
        if text.is_empty() {
            return None;
        }
        let path = self.base_dir.join(text);
        let path = std::path::absolute(&path).unwrap_or(path);
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
        let plain = path.to_str().is_some_and(|text| text.bytes().all(fits));
        if !plain || path.components().any(|part| part == std::path::Component::ParentDir) {
            let what = format!(
                "{:?} can't stand in a command to FreeSWITCH",
                shorten(&path.to_string_lossy())
            );
            let hint = "take a path of letters, digits, '/', '.', '_' and '-', without \"..\"";
            self.wrong(MESSAGES, 0, key, what, Some(hint));
            return None;
        }
        Some(path)
    }

    fn whole_seconds(&mut self, key: &'static str) -> Duration {
        let duration = self.duration(MESSAGES, key);
        if duration.subsec_nanos() != 0 {
            let hint = "FreeSWITCH counts it in seconds";
            self.wrong(MESSAGES, 0, key, "must be whole seconds", Some(hint));
        }
        duration
    }

    fn switch_key(&mut self) -> Option<char> {
        let text = self.text(MESSAGES, "switch_key");
        match text.as_bytes() {
            [key] if *key == b'*' || key.is_ascii_digit() => Some(char::from(*key)),
            _ => {
                let what = format!("{:?} is no key that can switch", shorten(&text));
                let hint = "write \"*\" or a digit; # ends a message";
                self.wrong(MESSAGES, 0, "switch_key", what, Some(hint));
                None
            }
        }
    }

    fn video(&mut self, with_links: bool) -> Vec<VideoWay> {
        let Some(Value::List(words)) = self.typed.value(MESSAGES, 0, "video") else {
            return Vec::new();
        };
        let mut ways: Vec<VideoWay> = Vec::new();
        for word in &words {
            let known = || VideoWay::ALL.into_iter().map(VideoWay::as_str);
            match VideoWay::ALL.into_iter().find(|way| way.as_str() == word) {
                Some(way) if ways.contains(&way) => {
                    let what = format!("{word:?} stands there twice");
                    self.wrong(MESSAGES, 0, "video", what, None);
                }
                Some(way) => ways.push(way),
                None => {
                    let list = known().collect::<Vec<_>>().join(", ");
                    let what = format!("{:?} is not one of {list}", shorten(word));
                    let near = nearest(word, known());
                    let near = near.map(|near| format!("did you mean \"{near}\"?"));
                    self.wrong(MESSAGES, 0, "video", what, near.as_deref());
                }
            }
        }
        let written = self.typed.line(MESSAGES, 0, "video").is_some();
        if written && ways.contains(&VideoWay::Link) && !with_links {
            let what = "\"link\" is never tried without messages.link_base: write it, or leave \
                        \"link\" out";
            self.doubt(MESSAGES, "video", what.to_owned());
        }
        ways.retain(|way| *way != VideoWay::Link || with_links);
        ways
    }

    /// How links are made, where there is a base for them. The key is read only then.
    fn links(&mut self, with_spool: bool) -> Option<Links> {
        let base = self.url(MESSAGES, "link_base")?;
        if base.contains(['?', '#']) {
            let hint = "write only the part before /u/, such as \"https://messages.example.com\"";
            self.wrong(MESSAGES, 0, "link_base", "holds more than an address", Some(hint));
        }
        if !with_spool {
            let what = "no links are sent without messages.spool";
            self.doubt(MESSAGES, "link_base", what.to_owned());
        }
        let key = self.secret(MESSAGES, 0, "link_key_file", "key", Secret::parse)?;
        let valid = self.duration(MESSAGES, "link_valid");
        Some(Links { base: base.trim_end_matches('/').to_owned(), valid, key })
    }

    /// Somebody who is told things, if one is named.
    pub(super) fn webhook(&mut self, section: &'static str) -> Option<Webhook> {
        const TOKEN: &str = "webhook_token_file";
        let token_line = self.typed.line(section, 0, TOKEN);
        let Some(url) = self.url(section, "webhook") else {
            if token_line.is_some() && self.text(section, "webhook").is_empty() {
                let what = format!("is not used without {section}.webhook");
                self.doubt(section, TOKEN, what);
            }
            return None;
        };
        let token = match self.text(section, TOKEN).is_empty() {
            true => None,
            false => self.secret(section, 0, TOKEN, "token", Secret::parse),
        };
        Some(Webhook { url, token })
    }

    /// A URL that may be left out; one that crosses a network in the clear is doubtful.
    fn url(&mut self, section: &'static str, key: &'static str) -> Option<String> {
        let url = self.text(section, key);
        if url.is_empty() {
            return None;
        }
        if let Err(what) = check_url(&url) {
            let hint = "write https://HOST[:PORT][/PATH]";
            self.wrong(section, 0, key, what, Some(hint));
            return None;
        }
        let here = ["http://127.", "http://[::1]", "http://localhost"];
        if url.starts_with("http://") && !here.iter().any(|start| url.starts_with(start)) {
            let what = "what goes there crosses the network unencrypted: write https://";
            self.doubt(section, key, what.to_owned());
        }
        Some(url)
    }

    /// All `[[freeswitch]]` sections that are right.
    pub(super) fn switches(&mut self) -> Vec<Switch> {
        let mut switches: Vec<Switch> = Vec::new();
        for at in 0..self.typed.times(SWITCH) {
            let Some(switch) = self.switch(at) else { continue };
            if switches.iter().any(|other| other.name == switch.name) {
                let what = format!("{:?} is another switch's name already", switch.name);
                self.wrong(SWITCH, at, "name", what, None);
            }
            if switches.iter().any(|other| other.event_socket == switch.event_socket) {
                let hint = "each switch has its own Event Socket: name another port";
                let what = "another switch has this address already";
                self.wrong(SWITCH, at, "event_socket", what, Some(hint));
            }
            switches.push(switch);
        }
        if !switches.is_empty() && self.text(MESSAGES, "spool").is_empty() {
            let what = "no messages are taken on it without messages.spool";
            self.doubt(SWITCH, "name", what.to_owned());
        }
        switches
    }

    fn switch(&mut self, at: usize) -> Option<Switch> {
        let name = self.name(SWITCH, at, "name");
        let event_socket = self.host_port(at, "event_socket", "127.0.0.1:8021");
        let sip = self.host_port(at, "sip", "127.0.0.1:5080");
        let profile = self.name(SWITCH, at, "profile");
        let routes = self.flag(SWITCH, at, "routes");
        if routes && self.text(MESSAGES, "spool").is_empty() {
            let what = "this switch asks who rings, and is not watched without messages.spool: nobody \
                        would know that a call has ended";
            let hint = "set messages.spool, with or without mailboxes";
            self.wrong(SWITCH, at, "routes", what, Some(hint));
        }
        let password = self.secret(SWITCH, at, "password_file", "password", Secret::password);
        if password.as_ref().is_some_and(|password| password.expose() == KNOWN_PASSWORD) {
            let what = "holds the password that every FreeSWITCH comes with: whoever reaches the \
                        Event Socket may do anything";
            self.doubt_at(SWITCH, at, "password_file", what.to_owned());
        }
        Some(Switch {
            name: name?,
            event_socket: event_socket?,
            password: password?,
            sip: sip?,
            profile: profile?,
            routes,
        })
    }

    fn host_port(&mut self, at: usize, key: &'static str, example: &str) -> Option<String> {
        let Some(Value::Text(text)) = self.typed.value(SWITCH, at, key) else { return None };
        let port = text.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if port && is_host_port(&text) {
            return Some(text);
        }
        let what = format!("{:?} is no host with a port", shorten(&text));
        self.wrong(SWITCH, at, key, what, Some(&format!("write host:port, such as {example:?}")));
        None
    }
}
