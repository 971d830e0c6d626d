//! A desk with a store beside it, and the words that a case may say to it.

use std::sync::Arc;

use hallporter::desk::{Desk, Input, Output, Settings, SwitchPlace, Ticket, explain};
use hallporter::domain::{
    AccountKey, AccountName, CallEvent, CallState, DeviceName, EventKind, Method, NodeId, Now,
    ProxyId, RouteQuery, SeenDialog, SwitchId,
};
use hallporter::registry::Command;
use hallporter::rules::{RuleFile, listed};

use super::command::{command, stars};
use super::common::Shelf;
use super::words::{Words, dialog, outcome, output, time, usage};

/// One installation.
pub(crate) struct House {
    settings: Settings,
    desk: Option<Desk>,
    shelf: Shelf,
    /// Milliseconds since the case began.
    elapsed_ms: u64,
    /// How far the wall clock was set forward.
    wall_offset_ms: i64,
    happened: Vec<Output>,
}

impl Default for House {
    fn default() -> Self {
        let settings = Settings {
            node: NodeId(1),
            gateway: Some("gw".to_owned()),
            seed: 7,
            ..Settings::default()
        };
        Self {
            settings,
            desk: None,
            shelf: Shelf::default(),
            elapsed_ms: 0,
            wall_offset_ms: 0,
            happened: Vec::new(),
        }
    }
}

impl House {
    pub(crate) fn desk(&self) -> &Desk {
        self.desk.as_ref().expect("a case begins with an account")
    }

    pub(crate) fn key(&self, name: &str) -> Option<AccountKey> {
        self.desk().registry().find(name)
    }

    /// Plays one line; says what came of it.
    pub(crate) fn play(&mut self, line: &str) -> String {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        let line = match time(first) {
            Some(at) => {
                self.pass_time(at);
                rest
            }
            None => line,
        };
        let words = Words::new(line);
        if words.at(0) == "set" {
            return self.set(&words);
        }
        if self.desk.is_none() {
            self.desk = Some(self.shelf.open(self.settings.clone(), self.now()));
        }
        // A text of rules, its lines with `;` between.
        let said = match line.strip_prefix("rules ").and_then(|rest| rest.split_once(' ')) {
            Some((name, text)) => self.rules(name, &text.replace("; ", "\n")),
            None => self.obey(&words),
        };
        let happened = std::mem::take(&mut self.happened);
        let happened = happened.iter().filter_map(|happened| output(happened, self.desk()));
        let said = happened.chain(said).collect::<Vec<_>>().join(", ");
        if said.is_empty() { "ok".to_owned() } else { said }
    }

    fn now(&self) -> Now {
        let start = u64::from(self.settings.boot) * 1_000_000_000;
        let elapsed = i64::try_from(self.elapsed_ms).unwrap();
        Now {
            mono_ms: start + self.elapsed_ms,
            wall_ms: 1_700_000_000_000 + elapsed + self.wall_offset_ms,
        }
    }

    fn handle(&mut self, input: Input) {
        let now = self.now();
        let desk = self.desk.as_mut().expect("a case begins with an account");
        desk.handle(input, now);
        while let Some(output) = desk.poll() {
            self.happened.push(output);
        }
    }

    /// Time passes until `at`; the desk is woken whenever it wants to be.
    fn pass_time(&mut self, at: u64) {
        let target = at.max(self.elapsed_ms);
        loop {
            let start = u64::from(self.settings.boot) * 1_000_000_000;
            let due = self.desk.as_ref().and_then(Desk::wakeup).map(|due| due.max(start) - start);
            let Some(due) = due.filter(|due| *due <= target) else { break };
            self.elapsed_ms = self.elapsed_ms.max(due);
            self.handle(Input::Wakeup);
        }
        self.elapsed_ms = target;
    }

    fn set(&mut self, words: &Words<'_>) -> String {
        assert!(self.desk.is_none(), "settings come first");
        let settings = &mut self.settings;
        if let Some(proxies) = words.get("proxies") {
            settings.proxies = proxies.parse().unwrap();
        }
        if let Some(calls_max) = words.get("table") {
            settings.calls_max = calls_max.parse().unwrap();
        }
        if let Some(gateway) = words.get("gateway") {
            settings.gateway = (gateway != "none").then(|| gateway.to_owned());
        }
        if words.has("switch") {
            let (name, sip) = ("fs1".into(), "10.0.0.9:5080".into());
            settings.switches = vec![SwitchPlace { id: SwitchId(0), name, sip, routes: false }];
        }
        if let Some(wait_s) = words.get("push") {
            settings.push_wait_s = Some(wait_s.parse().unwrap());
        }
        settings.trust_from |= words.has("trust_from");
        if words.has("stars") {
            settings.star_codes = stars();
        }
        for (key, place) in [
            ("grace", &mut settings.emergency_grace_ms),
            ("slack", &mut settings.reserve_slack_ms),
            ("duration", &mut settings.duration_max_ms),
        ] {
            if let Some(value) = words.get(key) {
                *place = time(value).unwrap();
            }
        }
        "ok".to_owned()
    }

    /// What a line says beside what happens: figures.
    fn obey(&mut self, words: &Words<'_>) -> Option<String> {
        match words.at(0) {
            "" => {}
            "account" | "alter" | "drop" | "number" | "lead" | "unnumber" | "device"
            | "undevice" | "rename" | "mailbox" | "unrules" | "care" => {
                let command = command(words);
                self.commit(command);
            }
            "route" => {
                let mut query = Box::new(self.query(words));
                // As the shell does it: what is dialled is written down first.
                match self.desk().change_dialled(&query) {
                    Some(_) if words.has("unsaved") => query.unsaved = true,
                    Some(command) => self.commit(command),
                    None => {}
                }
                self.handle(Input::Route { ticket: Ticket(1), query });
            }
            "dry" => {
                let (query, now) = (self.query(words), self.now());
                return Some(outcome(&self.desk.as_mut()?.rehearse(&query, now).outcome));
            }
            "lines" => {
                let (query, now) = (self.query(words), self.now());
                return Some(explain(&self.desk.as_mut()?.rehearse(&query, now)).join(" | "));
            }
            "told" => return Some(self.told(words)),
            "start" => self.event(EventKind::Start, words),
            "end" => self.event(EventKind::End, words),
            "wake" => self.event(EventKind::Wake, words),
            "failed" => self.event(EventKind::Failed, words),
            "look" => {
                self.begin(words);
                self.seen(words.at(1), words.from(2));
                self.handle(Input::LookEnd { proxy: proxy(words.at(1)) });
                self.sweep();
            }
            "begin" => self.begin(words),
            "seen" => self.seen(words.at(1), words.from(2)),
            "finish" => self.handle(Input::LookEnd { proxy: proxy(words.at(1)) }),
            "broken" => self.handle(Input::LookFailed { proxy: proxy(words.at(1)) }),
            "sweep" => self.sweep(),
            "release" => {
                let call = self.desk().find_call(words.at(1));
                let call = call.unwrap_or(hallporter::domain::CallRef(0));
                self.handle(Input::Release { ticket: Ticket(1), call });
            }
            "elsewhere" => self.elsewhere(words.at(1), words.at(2), !words.has("unseen")),
            "usage" => return Some(usage(self, words.at(1))),
            "table" => return Some(self.desk().figures().calls.to_string()),
            "calls" => return Some(self.calls(words.at(1))),
            "save" => self.save(),
            "restart" => {
                self.save();
                self.reopen();
            }
            "crash" => self.reopen(),
            "clock" => self.wall_offset_ms += i64::try_from(time(words.at(1))?).unwrap(),
            other => return Some(format!("{other} is no word of a case")),
        }
        None
    }

    fn elsewhere(&mut self, call_id: &str, node: &str, seen: bool) {
        let node = NodeId(node.parse().unwrap());
        self.handle(Input::Elsewhere { call_id: call_id.into(), node, seen });
    }

    fn rules(&mut self, name: &str, text: &str) -> Option<String> {
        match RuleFile::read(text) {
            Ok(text) => {
                let account = AccountName::parse(name).unwrap();
                self.commit(Command::RulesSet { account, text });
                None
            }
            Err(mistakes) => Some(listed(&mistakes)),
        }
    }

    fn commit(&mut self, command: Command) {
        let index = self.desk().registry().applied() + 1;
        let changes = self.desk().registry().plan(&command).unwrap_or_default();
        self.shelf.note(index, changes);
        self.handle(Input::Committed { ticket: Ticket(1), index, command });
    }

    fn query(&self, words: &Words<'_>) -> RouteQuery {
        let who = words.behind("from").unwrap_or("stranger");
        let claimed = who.strip_prefix('~');
        let shown = words.get("shown").or(claimed).unwrap_or("+15550000");
        let from_uri = format!("sip:{shown}@example.com");
        let authenticated = claimed.is_none() && who != "stranger";
        let trail = words.get("trail").map_or_else(Vec::new, |trail| {
            trail.split(',').map(|name| self.key(name).unwrap_or_default().0).collect()
        });
        RouteQuery {
            call_id: words.at(1).into(),
            from_tag: words.get("tag").unwrap_or("t").into(),
            from_uri: from_uri.into(),
            ruri: uri(words.behind("to").unwrap_or_default()),
            account: AccountName::parse(who).ok().filter(|_| authenticated),
            named_nobody: authenticated && AccountName::parse(who).is_err(),
            video: words.has("video"),
            method: if words.has("text") { Method::Message } else { Method::Invite },
            dialog: words.dialog(),
            transaction: words.get("t").map(dialog),
            device: words.get("device").map(|name| DeviceName::parse(name).unwrap()),
            trail,
            wishes: words.get("wishes").map_or_else(Default::default, |wishes| {
                let all = hallporter::domain::Wish::ALL.into_iter();
                let all = all.filter(|wish| wishes.split(',').any(|word| word == wish.as_str()));
                all.fold(hallporter::domain::Few::default(), |all, wish| all.with(wish as u8))
            }),
            registrations: words.get("known").map(registrations).unwrap_or_default(),
            from_display: words.get("display").unwrap_or_default().into(),
            ..RouteQuery::default()
        }
    }

    /// The answer to a question in full.
    fn told(&mut self, words: &Words<'_>) -> String {
        let (query, now) = (self.query(words), self.now());
        let decision = self.desk.as_mut().expect("an account").rehearse(&query, now);
        match decision.outcome {
            hallporter::domain::Outcome::Refuse(refusal) => {
                let headers = refusal.headers.replace("\r\n", " | ");
                format!("{} {} | {}", refusal.code, refusal.reason, headers.trim_end_matches(" | "))
            }
            hallporter::domain::Outcome::Fork(order) => {
                let stage: usize = words.get("stage").map_or(1, |stage| stage.parse().unwrap());
                let branch = &order.stages[stage - 1].branches[0];
                let headers = branch.headers.as_deref().unwrap_or_default();
                format!("{} | {}", branch.uri, headers.trim_end().replace("\r\n", " | "))
            }
            hallporter::domain::Outcome::Pass { headers } => format!("pass | {headers}"),
        }
    }

    fn event(&mut self, kind: EventKind, words: &Words<'_>) {
        self.handle(Input::Event(CallEvent {
            kind,
            call_id: words.at(1).into(),
            from_tag: words.get("tag").unwrap_or_default().into(),
            dialog: words.dialog(),
            code: words.get("code").map(|code| code.parse().unwrap()),
            branches: [].into(),
            device: words.get("device").map(|name| DeviceName::parse(name).unwrap()),
            account: words.behind("from").map(|name| AccountName::parse(name).unwrap()),
            ruri: words.behind("to").map(uri),
            from_uri: None,
        }));
    }

    fn begin(&mut self, words: &Words<'_>) {
        let restarted = words.has("restarted");
        self.handle(Input::LookBegin { proxy: proxy(words.at(1)), restarted });
    }

    /// `c1`, `c1?` (not answered yet), `c1:7` (dialog), `c1/alice/+4930` (who calls whom),
    /// `c1/alice/+4930/sos` (and the proxy has let it through as an emergency call).
    fn seen(&mut self, name: &str, items: &[&str]) {
        let items = items.iter().filter(|item| **item != "restarted");
        let dialogs = items.map(|item| self.dialog(item)).collect();
        self.handle(Input::LookSeen { proxy: proxy(name), dialogs });
    }

    fn dialog(&self, item: &str) -> SeenDialog {
        let mut parts = item.split('/');
        let head = parts.next().unwrap_or_default();
        let (account, ruri) = (parts.next(), parts.next());
        let (head, told) = head.split_once(':').map_or((head, None), |(id, h)| (id, Some(h)));
        let id = head.trim_end_matches('?');
        let desk = self.desk();
        let known = desk.find_call(id).and_then(|call| desk.call(call, self.now()));
        let known = known.and_then(|row| row.dialog);
        SeenDialog {
            call_id: id.into(),
            from_tag: "t".into(),
            dialog: told.map(dialog).or(known).unwrap_or((1, 77)),
            state: if head.ends_with('?') { CallState::Reserved } else { CallState::Up },
            started_s: 1_700_000_000,
            account: account
                .filter(|name| !name.is_empty())
                .map(|n| AccountName::parse(n).unwrap()),
            ruri: ruri.map(uri),
            from_uri: "sip:+15550000@example.com".into(),
            emergency: parts.next() == Some("sos"),
        }
    }

    fn sweep(&mut self) {
        while self.desk().wakeup() == Some(0) {
            self.handle(Input::Wakeup);
        }
    }

    fn calls(&self, name: &str) -> String {
        let account = self.key(name);
        let page = self.desk().calls(account, None, 100, self.now());
        let mut ids: Vec<&str> = page.rows.iter().map(|row| row.call_id.as_str()).collect();
        ids.sort_unstable();
        ids.join(" ")
    }

    fn save(&mut self) {
        let now = self.now();
        self.shelf.save(self.desk.as_mut().expect("an account"), now);
    }

    fn reopen(&mut self) {
        self.settings.boot += 1;
        self.desk = Some(self.shelf.open(self.settings.clone(), self.now()));
    }
}

fn proxy(name: &str) -> ProxyId {
    ProxyId(name.trim_start_matches('k').parse().unwrap())
}

fn uri(text: &str) -> Arc<str> {
    match text {
        _ if text.contains(':') => text.into(),
        _ if text.contains('@') => format!("sip:{text}").into(),
        _ => format!("sip:{text}@example.com").into(),
    }
}

/// `sip:a@h` for one that is registered nowhere, `sip:a@h,CONTACT,CONTACT` for one that is.
fn registrations(text: &str) -> hallporter::domain::Registrations {
    let mut uris = text.split(',').map(|uri| hallporter::domain::SipUri::parse(uri).unwrap());
    let aor = uris.next().unwrap();
    let contact = |uri| hallporter::domain::Contact { uri, received: None, path: None };
    [(aor, uris.map(contact).collect())].into()
}
