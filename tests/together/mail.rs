//! Messages that are left in the town, and calls that meet them: what a node's shell does with its
//! desk and with those of others, but for the waiting.

use std::collections::BTreeMap;
use std::sync::Arc;

use hallporter::desk::{Input, Output, SwitchPlace, explain};
use hallporter::domain::{
    CallBackMet, CallBackQuery, CallbackPolicy, DepositRow, EventKind, LegEvent, LegFacts, LegId,
    Mailbox, MailboxName, MessageId, NodeId, RouteQuery, SpoolEvent, StepId, SwitchCommand,
    SwitchEvent, SwitchId, VideoFacts,
};
use hallporter::messages::Managed;
use serde_json::{Value, json};

use super::town::{NAMES, Town, id, refusal};

const SWITCH: SwitchId = SwitchId(0);

/// What the shells know.
#[derive(Default)]
pub(super) struct Mail {
    /// Numbers by account.
    pub(super) numbers: BTreeMap<String, String>,
    /// Nodes that answer no other one.
    pub(super) silent: Vec<usize>,
    step: Option<StepId>,
    path: Arc<str>,
    message: Option<MessageId>,
    heard: Option<(Option<(MessageId, CallbackPolicy)>, Managed)>,
    met: Option<CallBackMet>,
    known: Option<bool>,
    /// What another node waits for.
    awaited: Vec<Awaited>,
}

/// A call at `asked_at` waits until a deposit at `at` is managed.
struct Awaited {
    at: usize,
    asked_at: usize,
    query: RouteQuery,
    deposit: (MessageId, CallbackPolicy),
}

pub(super) fn places(node: usize) -> Vec<SwitchPlace> {
    let sip = format!("10.0.0.{}:5080", node + 1).into();
    vec![SwitchPlace { id: SWITCH, name: "fs".into(), sip, routes: false }]
}

pub(super) fn mailbox(account: &str, policy: &str, scope: &str) -> Value {
    let mailbox = Mailbox::new(MailboxName::parse(account).unwrap());
    let mut mailbox = serde_json::to_value(mailbox).unwrap();
    (mailbox["callback"], mailbox["callback_scope"]) = (policy.into(), scope.into());
    json!({"command": "mailbox_add", "account": account, "mailbox": mailbox})
}

fn facts(call: &str, from: &str) -> LegFacts {
    LegFacts {
        call_id: call.into(),
        dialled: "b".into(),
        cause: Some(408),
        our_cause: None,
        greeting: None,
        call: None,
        from_uri: format!("sip:{from}@h").into(),
        from_display: "".into(),
        contact: None,
        via: None,
        answered: true,
        video: VideoFacts::default(),
    }
}

impl Town {
    pub(super) fn mail_output(&mut self, node: usize, output: Output) {
        match output {
            Output::Switch(_, SwitchCommand::Play { step, .. }) => self.mail.step = Some(step),
            Output::Switch(_, SwitchCommand::Record { step, path, .. }) => {
                (self.mail.step, self.mail.path) = (Some(step), path);
            }
            Output::Switch(_, SwitchCommand::HangUp { leg, cause }) => {
                self.said.push(format!("{} hangs up {} {cause}", NAMES[node], leg.as_str()));
            }
            Output::Switch(_, SwitchCommand::Break { .. }) => {
                self.said.push(format!("{} stops", NAMES[node]));
            }
            Output::DepositBegan { message, .. } => self.mail.message = Some(message),
            Output::CallBack { met, managed } => self.mail.heard = Some((met, managed)),
            Output::Met(met) => self.mail.met = Some(met),
            Output::Known(known) => self.mail.known = Some(known),
            Output::Managed(message) => self.managed(node, message),
            _ => {}
        }
    }

    /// Something on the leg of a deposit for b, which is called as its call is.
    pub(super) fn leg(&mut self, at: usize, deed: &str, call: &str) {
        match deed {
            "greets" => self.records(at, call, 0),
            "records" => self.records(at, call, 2),
            "stopped" => {
                let path = Arc::clone(&self.mail.path);
                self.on_leg(at, call, LegEvent::RecordStopped { path, key: None, silence: false });
            }
            _ => self.on_leg(at, call, LegEvent::HungUp { cause: "NORMAL_CLEARING".into() }),
        }
    }

    fn records(&mut self, at: usize, call: &str, words: usize) {
        self.event(at, EventKind::Start, call);
        let from = self.mail.numbers["a"].clone();
        self.on_leg(at, call, LegEvent::Parked(Box::new(facts(call, &from))));
        let message = self.mail.message.unwrap();
        self.handle(at, Input::Spool(SpoolEvent::Opened(message)));
        self.on_leg(at, call, LegEvent::Claimed(true));
        for _ in 0..words {
            let step = self.mail.step.unwrap();
            self.on_leg(at, call, LegEvent::Done { step, key: None, failed: false });
        }
        let view = self.desks[at].deposits().views().last().unwrap();
        self.said.push(format!("{} {}", view.message, view.state));
    }

    fn on_leg(&mut self, at: usize, leg: &str, event: LegEvent) {
        let leg = LegId::parse(leg).unwrap();
        self.handle(at, Input::Switch { switch: SWITCH, event: SwitchEvent::Leg { leg, event } });
    }

    /// A call is asked about at a node: does it meet a deposit there, or at another one?
    pub(super) fn calls(&mut self, at: usize, query: RouteQuery) {
        self.begin_call_back(at, &query, None);
        match self.mail.heard.take().unwrap() {
            (_, Managed::Nothing) => {}
            (_, Managed::Now) => return self.asks(at, query),
            (met, Managed::Soon) => return self.awaits(at, at, query, met.unwrap()),
        }
        let Some(other) = self.meets_at(at, &query).filter(|it| !self.mail.silent.contains(it))
        else {
            return self.asks(at, query);
        };
        // What crosses the way between nodes.
        let there = CallBackQuery::of(&query).into_query().unwrap();
        self.begin_call_back(other, &there, Some(id(at)));
        match self.mail.heard.take().unwrap() {
            (_, Managed::Nothing) => self.asks(at, query),
            (met, Managed::Now) => self.met(other, at, query, met.unwrap()),
            (met, Managed::Soon) => self.awaits(other, at, query, met.unwrap()),
        }
    }

    /// What would come of it; a sentence about the message, if it meets one.
    pub(super) fn rehearses(&mut self, at: usize, query: &RouteQuery) {
        let there = self.meets_at(at, query).and_then(|other| {
            let there = CallBackQuery::of(query).into_query().unwrap();
            Some((id(other), self.desks[other].would_meet(&there)?))
        });
        let now = self.now();
        let decision = self.desks[at].rehearse_meeting(query, there, now);
        let told = explain(&decision).into_iter().find(|line| line.contains("just now"));
        self.said.push(refusal(&decision.outcome));
        self.said.extend(told);
    }

    fn begin_call_back(&mut self, at: usize, query: &RouteQuery, asked_at: Option<NodeId>) {
        self.handle(at, Input::CallBack { query: Box::new(query.clone()), asked_at });
    }

    /// The first node that has told of a deposit that a call may meet.
    fn meets_at(&self, at: usize, query: &RouteQuery) -> Option<usize> {
        let called = self.desks[at].whom_it_calls(query)?;
        let mut rows = Vec::new();
        for other in (0..3).filter(|other| *other != at) {
            for view in self.desks[other].deposits().views() {
                let (card, caller) = (&view.card, &view.card.caller);
                let his = caller.account.is_some() && caller.account == called.account
                    || *caller.shown == *called.shown;
                let row = DepositRow {
                    account: card.account,
                    caller: caller.account,
                    shown: (&*caller.shown).into(),
                    call_id: (&*card.call_id).into(),
                    callback: card.mailbox.callback,
                    scope: card.mailbox.callback_scope,
                };
                rows.extend(his.then_some((id(other), row)));
            }
        }
        let nodes = self.desks[at].meets_at(query, &rows);
        nodes.first().map(|node| usize::from(node.0) - 1)
    }

    fn awaits(
        &mut self,
        at: usize,
        asked_at: usize,
        query: RouteQuery,
        deposit: (MessageId, CallbackPolicy),
    ) {
        self.mail.awaited.push(Awaited { at, asked_at, query, deposit });
    }

    fn managed(&mut self, at: usize, message: MessageId) {
        let mine = |it: &mut Awaited| it.at == at && it.deposit.0 == message;
        let done: Vec<Awaited> = self.mail.awaited.extract_if(.., mine).collect();
        for Awaited { asked_at, query, deposit, .. } in done {
            if asked_at == at {
                self.asks(at, query);
            } else {
                self.met(at, asked_at, query, deposit);
            }
        }
    }

    /// A call has waited long enough for another node.
    pub(super) fn tires(&mut self, call: &str) {
        let its = |it: &mut Awaited| &*it.query.call_id == call;
        let given_up: Vec<Awaited> = self.mail.awaited.extract_if(.., its).collect();
        given_up.into_iter().for_each(|it| self.asks(it.asked_at, it.query));
    }

    fn met(
        &mut self,
        at: usize,
        asked_at: usize,
        query: RouteQuery,
        deposit: (MessageId, CallbackPolicy),
    ) {
        let there = Box::new(CallBackQuery::of(&query).into_query().unwrap());
        self.handle(at, Input::HandOver { query: there, deposit, to: id(asked_at) });
        let met = self.mail.met.take().unwrap();
        let there = Box::new(query.clone());
        self.handle(asked_at, Input::Met { query: there, node: id(at), met });
        assert_eq!(self.mail.known.take(), Some(true));
        self.asks(asked_at, query);
    }
}
