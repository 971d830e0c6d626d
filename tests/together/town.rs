//! Three desks under one log, and the words that a case may say to them.

use hallporter::desk::{Desk, Input, Joining, Output, Settings, Ticket};
use hallporter::domain::{
    AccountKey, AccountName, CallEvent, CallState, EventKind, LedgerCommand, NodeId, Now, Outcome,
    PoolId, PoolKind, ProxyId, RouteQuery, SeenDialog, Step,
};
use hallporter::registry::Command;
use serde_json::json;

use super::mail::{Mail, places};

pub(super) const NAMES: [&str; 3] = ["one", "two", "three"];

/// An entry of the log.
#[derive(Clone, Debug)]
enum Entry {
    Registry(u64, Command),
    Ledger(LedgerCommand),
}

pub(crate) struct Town {
    pub(super) desks: Vec<Desk>,
    boots: [u32; 3],
    log: Vec<Entry>,
    commands: u64,
    /// What is on its way to the log, and from one node to another.
    asks: Vec<LedgerCommand>,
    recalls: Vec<(usize, Input)>,
    now_ms: u64,
    pub(super) said: Vec<String>,
    pub(super) mail: Mail,
}

impl Default for Town {
    fn default() -> Self {
        let mut town = Self {
            desks: Vec::new(),
            boots: [1; 3],
            log: Vec::new(),
            commands: 0,
            asks: Vec::new(),
            recalls: Vec::new(),
            now_ms: 100_000,
            said: Vec::new(),
            mail: Mail::default(),
        };
        town.desks = (0..3).map(|node| town.desk(node, 0)).collect();
        for node in 0..3 {
            let others = (0..3).filter(|other| *other != node);
            others.for_each(|other| town.handle(node, Input::NodeUp(id(other))));
        }
        town.agree();
        town.said.clear();
        town
    }
}

pub(super) fn id(node: usize) -> NodeId {
    NodeId(u16::try_from(node + 1).unwrap())
}

fn name(node: NodeId) -> &'static str {
    NAMES[usize::from(node.0) - 1]
}

fn node(word: &str) -> Option<usize> {
    NAMES.iter().position(|name| *name == word)
}

fn value<'a>(words: &[&'a str], key: &str) -> Option<&'a str> {
    words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
}

pub(super) fn refusal(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Refuse(refusal) => format!("{} {}", refusal.code, refusal.cause.as_str()),
        Outcome::Fork(order) if order.stages[0].branches[0].device.as_str() == "callback" => {
            format!("to {}", order.stages[0].branches[0].uri)
        }
        Outcome::Pass { .. } | Outcome::Fork(_) => "pass".to_owned(),
    }
}

fn query(call: &str, from: &str, number: &str) -> RouteQuery {
    RouteQuery {
        call_id: call.into(),
        from_tag: "t".into(),
        from_uri: "sip:x@h".into(),
        ruri: format!("sip:{number}@h").into(),
        account: Some(AccountName::parse(from).unwrap()),
        dialog: Some((1, 1)),
        ..RouteQuery::default()
    }
}

impl Town {
    fn desk(&self, node: usize, proxies: u8) -> Desk {
        let boot = self.boots[node];
        let switches = places(node);
        let settings =
            Settings { node: id(node), boot, seed: 7, proxies, switches, ..Settings::default() };
        let mut desk = Desk::new(settings);
        desk.together(Joining { boot, nonce: boot.into(), founding: false }, self.now());
        desk.restored();
        desk
    }

    pub(super) fn now(&self) -> Now {
        Now { mono_ms: self.now_ms, wall_ms: 1_700_000_000_000 }
    }

    /// Plays one line; says what came of it.
    pub(crate) fn play(&mut self, line: &str) -> String {
        let mut words: Vec<&str> = line.split(' ').collect();
        if let Some(after_ms) = words[0].strip_prefix('+').and_then(|ms| ms.parse::<u64>().ok()) {
            self.pass(after_ms);
            words.remove(0);
        }
        self.obey(&words);
        std::mem::take(&mut self.said).join(", ")
    }

    /// The desks are woken whenever they want to be.
    fn pass(&mut self, time_ms: u64) {
        let until_ms = self.now_ms + time_ms;
        loop {
            let wakes = (0..3).filter_map(|node| Some((self.desks[node].wakeup()?, node)));
            let Some((at_ms, node)) = wakes.min().filter(|(at_ms, _)| *at_ms <= until_ms) else {
                break;
            };
            self.now_ms = self.now_ms.max(at_ms);
            self.handle(node, Input::Wakeup);
        }
        self.now_ms = until_ms;
    }

    pub(super) fn handle(&mut self, node: usize, input: Input) {
        let now = self.now();
        self.desks[node].handle(input, now);
        while let Some(output) = self.desks[node].poll() {
            self.carry_out(node, output);
        }
    }

    fn carry_out(&mut self, node: usize, output: Output) {
        let own = NAMES[node];
        match output {
            Output::Answer { decision, .. } => {
                self.said.push(format!("{} {}", decision.call_id, refusal(&decision.outcome)));
            }
            Output::Ask(command) => {
                self.said.push(format!("{own} {}", self.asked(&command)));
                self.asks.push(command);
            }
            Output::Recall { to, pool, beneficiary, want } => {
                let account = self.account(pool.account());
                self.said.push(format!("{own} calls on {} for {want} of {account}", name(to)));
                let input = Input::Recalled { pool, beneficiary, want };
                self.recalls.push((usize::from(to.0) - 1, input));
            }
            Output::Fenced { current, .. } => self.said.push(format!("{own} is over at {current}")),
            Output::Adopted { call_id, .. } => self.said.push(format!("{own} found {call_id}")),
            output => self.mail_output(node, output),
        }
    }

    fn account(&self, key: AccountKey) -> String {
        let account = self.desks[0].registry().account(key);
        account.map_or_else(|| "nobody".to_owned(), |account| account.name.to_string())
    }

    fn asked(&self, command: &LedgerCommand) -> String {
        match command {
            LedgerCommand::Hello { boot, .. } => format!("says hello {boot}"),
            LedgerCommand::Revoke { node, .. } => format!("takes {} for dead", name(*node)),
            LedgerCommand::SetCap { .. } => "sets a cap".to_owned(),
            LedgerCommand::Sync { node, items, .. } => {
                let items = items.iter().map(|item| {
                    let account = self.account(item.pool.account());
                    let to = match item.beneficiary {
                        to if to == *node => String::new(),
                        to => format!(" for {}", name(to)),
                    };
                    format!("{account} {}{to}", item.want)
                });
                format!("asks {}", items.collect::<Vec<_>>().join(" + "))
            }
        }
    }

    fn obey(&mut self, words: &[&str]) {
        match (words, node(words[0])) {
            (["account", name, ..], _) => {
                let calls = value(words, "calls").map(|cap| cap.parse::<u32>().unwrap());
                let policy = if words.contains(&"strict") { "strict" } else { "available" };
                self.commit(json!({"command": "account_add", "name": name, "max_calls": calls,
                    "policy": policy, "parent": value(words, "parent")}));
            }
            (["cap", name, cap], _) => {
                let cap: u32 = cap.parse().unwrap();
                self.commit(json!({"command": "account_set", "name": name, "max_calls": cap}));
            }
            (["drop", name], _) => {
                self.commit(json!({"command": "account_remove", "name": name}));
            }
            (["number", name, number], _) => {
                self.mail.numbers.insert((*name).to_owned(), (*number).to_owned());
                self.commit(
                    json!({"command": "number_add", "identifier": number, "account": name}),
                );
            }
            (["mailbox", name, policy, scope @ ..], _) => {
                let scope = scope.first().unwrap_or(&"callee");
                self.commit(super::mail::mailbox(name, policy, scope));
            }
            (["agree"], _) => self.agree(),
            (["deliver"], _) => {
                for (to, recall) in std::mem::take(&mut self.recalls) {
                    self.handle(to, recall);
                }
            }
            (["lost"], _) => self.recalls.clear(),
            (["held", name], _) => self.held(name),
            (["pass"], _) => {}
            ([_, deed, rest @ ..], Some(at)) => self.at(at, deed, rest),
            _ => self.said.push(format!("{words:?} are no words of a case")),
        }
    }

    fn at(&mut self, at: usize, deed: &str, rest: &[&str]) {
        let others: Vec<usize> = (0..3).filter(|other| *other != at).collect();
        match (deed, rest) {
            ("end", [call]) => self.event(at, EventKind::End, call),
            ("fails", []) => {
                for command in std::mem::take(&mut self.asks) {
                    self.handle(at, Input::AskFailed(command));
                }
            }
            ("down", []) => {
                others.iter().for_each(|other| self.handle(*other, Input::NodeDown(id(at))));
            }
            ("leads", []) => self.handle(at, Input::Leading(true)),
            ("leaves", []) => {
                self.handle(at, Input::Leaving);
                let free = self.desks[at].holds_nothing();
                self.said.push(if free { "may go" } else { "has to wait" }.to_owned());
            }
            ("restarts", []) => self.restart(at),
            ("looks", calls) => self.look(at, calls),
            ("usage", [name]) => {
                let key = self.desks[at].registry().find(name).unwrap();
                let it = self.desks[at].usage(key).total;
                let text = format!("{} of {}", it.live, it.held);
                let more = [(it.frozen, "frozen"), (it.overdraft, "over")];
                let more = more.iter().filter(|(count, _)| *count > 0);
                let more: String = more.map(|(count, what)| format!(", {count} {what}")).collect();
                self.said.push(text + &more);
            }
            ("would", [from]) => {
                let now = self.now();
                let decision = self.desks[at].rehearse(&query("dry", from, "+4411"), now);
                let room = decision.steps.iter().find_map(|step| match step {
                    Step::Cap { room, .. } => Some(format!("{room:?}").to_lowercase()),
                    _ => None,
                });
                let outcome = refusal(&decision.outcome);
                self.said.push(format!("{outcome}: {}", room.unwrap_or_default()));
            }
            ("silent", []) => self.mail.silent.push(at),
            ("greets" | "records" | "stopped" | "hung", [call]) => self.leg(at, deed, call),
            ("tires", [call]) => self.tires(call),
            ("rehearses", [from, "calls", to]) => {
                let number = self.mail.numbers[*to].clone();
                self.rehearses(at, &query("rehearsal", from, &number));
            }
            (call, [from, "calls", to]) => {
                let number = self.mail.numbers[*to].clone();
                self.calls(at, query(call, from, &number));
            }
            (call, [from]) => self.asks(at, query(call, from, "+4411")),
            _ => self.said.push(format!("{deed} {rest:?} are no words of a case")),
        }
    }

    pub(super) fn asks(&mut self, at: usize, query: RouteQuery) {
        self.handle(at, Input::Route { ticket: Ticket(1), query: Box::new(query) });
    }

    fn commit(&mut self, command: serde_json::Value) {
        self.commands += 1;
        self.enter(Entry::Registry(self.commands, serde_json::from_value(command).unwrap()));
    }

    /// All that was asked of the log comes about, and what is asked upon that, too.
    fn agree(&mut self) {
        while !self.asks.is_empty() {
            let command = self.asks.remove(0);
            self.enter(Entry::Ledger(command));
        }
    }

    fn enter(&mut self, entry: Entry) {
        self.log.push(entry.clone());
        (0..3).for_each(|node| self.read(node, entry.clone()));
    }

    fn read(&mut self, node: usize, entry: Entry) {
        let input = match entry {
            Entry::Registry(index, command) => {
                Input::Committed { ticket: Ticket(0), index, command }
            }
            Entry::Ledger(command) => Input::Agreed(command),
        };
        self.handle(node, input);
    }

    pub(super) fn event(&mut self, at: usize, kind: EventKind, call: &str) {
        let event = CallEvent {
            from_tag: "t".into(),
            dialog: Some((1, 1)),
            ..CallEvent::of(kind, call.into())
        };
        self.handle(at, Input::Event(event));
    }

    /// The next start, on an empty disk; it reads the log from its beginning.
    fn restart(&mut self, at: usize) {
        self.boots[at] += 1;
        self.desks[at] = self.desk(at, 1);
        for other in (0..3).filter(|other| *other != at) {
            self.handle(at, Input::NodeUp(id(other)));
        }
        for entry in self.log.clone() {
            self.read(at, entry);
        }
    }

    fn look(&mut self, at: usize, calls: &[&str]) {
        let proxy = ProxyId(0);
        let dialogs = calls.iter().map(|call| {
            let (call, account) = call.split_once('/').unwrap();
            SeenDialog {
                call_id: call.into(),
                from_tag: "t".into(),
                dialog: (1, 1),
                state: CallState::Up,
                started_s: 0,
                account: Some(AccountName::parse(account).unwrap()),
                ruri: Some("sip:+4411@h".into()),
                from_uri: "sip:x@h".into(),
                emergency: false,
            }
        });
        let dialogs = dialogs.collect();
        self.handle(at, Input::LookBegin { proxy, restarted: false });
        self.handle(at, Input::LookSeen { proxy, dialogs });
        self.handle(at, Input::LookEnd { proxy });
    }

    fn held(&mut self, account: &str) {
        let key = self.desks[0].registry().find(account).unwrap();
        let pool = PoolId::new(key, PoolKind::Total);
        let views = self.desks.iter().map(|desk| desk.shares(pool));
        let views: Vec<_> = views.collect();
        assert!(views.iter().all(|view| *view == views[0]), "one log, one ledger");
        let shares = views[0].iter().map(|share| {
            let revoked = if share.revoked { " revoked" } else { "" };
            format!("{} {}{revoked}", name(share.node), share.held)
        });
        self.said.push(shares.collect::<Vec<_>>().join(", "));
    }
}
