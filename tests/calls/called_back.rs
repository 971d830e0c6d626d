//! A video call-back counts for its account: in the seats of the deposit, and not a moment longer.

use hallporter::desk::{Desk, Input, Output, Settings, SwitchPlace, Ticket};
use hallporter::domain::{
    AccountKey, AccountName, CallEvent, EventKind, LegEvent, LegFacts, LegId, Mailbox, MailboxName,
    MessageId, Now, Outcome, RouteQuery, SipUri, SpoolEvent, StepId, SwitchCommand, SwitchEvent,
    SwitchId, VideoFacts,
};
use hallporter::messages::VideoWay;
use hallporter::registry::Command;

struct House {
    desk: Desk,
    now_ms: u64,
    step: StepId,
    called: Option<LegId>,
    message: MessageId,
    refused: Option<bool>,
}

const SWITCH: SwitchId = SwitchId(0);

impl House {
    /// Alice, who may have one call, leaves bob a message, and wants to be called with video.
    fn new() -> Self {
        let mut settings = Settings { seed: 7, ..Settings::default() };
        settings.messages.ways = vec![VideoWay::CallBack];
        settings.switches = vec![SwitchPlace {
            id: SWITCH,
            name: "fs1".into(),
            sip: "10.0.0.5:5080".into(),
            routes: false,
        }];
        let (desk, now_ms, step) = (Desk::new(settings), 1_000, StepId(0));
        let message = MessageId(0);
        let mut house = Self { desk, now_ms, step, called: None, message, refused: None };
        let read = |text: &str| serde_json::from_str::<Command>(text).unwrap();
        house.commit(read(r#"{"command":"account_add","name":"alice","max_calls":1}"#));
        house.commit(read(r#"{"command":"account_add","name":"bob"}"#));
        let number = r#"{"command":"number_add","identifier":"+4930","account":"bob"}"#;
        house.commit(read(number));
        let mailbox = Mailbox::new(MailboxName::parse("bob").unwrap());
        let account = AccountName::parse("bob").unwrap();
        house.commit(Command::MailboxAdd { account, mailbox });
        house
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]
    fn handle(&mut self, input: Input) {
        let now = Now { mono_ms: self.now_ms, wall_ms: 1_700_000_000_000 };
        self.desk.handle(input, now);
        while let Some(output) = self.desk.poll() {
            match output {
                Output::Switch(_, SwitchCommand::Play { step, .. }) => self.step = step,
                Output::Switch(_, SwitchCommand::Call { leg, .. }) => self.called = Some(leg),
                Output::DepositBegan { message, .. } => self.message = message,
                Output::Answer { decision, .. } => {
                    self.refused = Some(matches!(decision.outcome, Outcome::Refuse(_)));
                }
                _ => {}
            }
        }
    }

    fn commit(&mut self, command: Command) {
        let index = self.desk.registry().applied() + 1;
        self.handle(Input::Committed { ticket: Ticket(1), index, command });
    }

    /// Alice calls bob; says whether she may.
    fn calls(&mut self, call_id: &str) -> bool {
        let query = RouteQuery {
            call_id: call_id.into(),
            from_tag: "t".into(),
            from_uri: "sip:alice@example.com".into(),
            ruri: "sip:+4930@example.com".into(),
            account: AccountName::parse("alice").ok(),
            ..RouteQuery::default()
        };
        self.handle(Input::Route { ticket: Ticket(1), query: Box::new(query) });
        self.refused.take() == Some(false)
    }

    fn told(&mut self, kind: EventKind) {
        self.handle(Input::Event(CallEvent {
            from_tag: "t".into(),
            ..CallEvent::of(kind, "c1".into())
        }));
    }

    fn leg(&mut self, leg: &str, event: LegEvent) {
        let leg = LegId::parse(leg).unwrap();
        let event = SwitchEvent::Leg { leg, event };
        self.handle(Input::Switch { switch: SWITCH, event });
    }

    fn done(&mut self, key: Option<char>) {
        let step = self.step;
        self.leg("a", LegEvent::Done { step, key, failed: false });
    }

    /// Up to the words before she is called back.
    fn announced(&mut self) {
        assert!(self.calls("c1"));
        self.told(EventKind::Start);
        self.leg("a", LegEvent::Parked(Box::new(facts())));
        let message = self.message;
        self.handle(Input::Spool(SpoolEvent::Opened(message)));
        self.leg("a", LegEvent::Claimed(true));
        self.done(Some('2'));
        self.done(None);
    }

    fn carried(&self) -> u32 {
        let alice: AccountKey = self.desk.registry().find("alice").unwrap();
        self.desk.usage(alice).total.live
    }
}

fn facts() -> LegFacts {
    LegFacts {
        call_id: "c1".into(),
        dialled: "bob".into(),
        cause: Some(408),
        our_cause: None,
        greeting: None,
        call: None,
        from_uri: "sip:alice@example.com".into(),
        from_display: "".into(),
        contact: SipUri::parse("sip:alice@10.0.0.9").ok(),
        via: None,
        answered: false,
        video: VideoFacts::default(),
    }
}

fn gone() -> LegEvent {
    LegEvent::HungUp { cause: "NORMAL_CLEARING".into() }
}

#[test]
fn the_permit_of_the_deposit_serves_it_whatever_is_told_first() {
    for proxy_first in [true, false] {
        let mut house = House::new();
        house.announced();
        if proxy_first {
            house.told(EventKind::End);
            assert_eq!(house.carried(), 1, "between the calls");
        }
        house.leg("a", gone());
        house.told(EventKind::End);
        let called = house.called.clone().expect("she is called");
        assert_eq!(house.carried(), 1, "while it rings");
        assert!(!house.calls("c2"), "her cap is 1");
        house.leg(called.as_str(), LegEvent::Parked(Box::new(facts())));
        assert_eq!(house.carried(), 1, "while she speaks");
        house.leg(called.as_str(), gone());
        assert_eq!(house.carried(), 0, "afterwards");
        assert!(house.calls("c3"));
    }
}

#[test]
fn it_is_free_when_nothing_follows() {
    let mut house = House::new();
    house.announced();
    house.told(EventKind::End);
    house.leg("a", gone());
    assert_eq!(house.carried(), 1);
    // Neither an answer nor a refusal is ever told.
    for _ in 0..100 {
        let Some(due) = house.desk.wakeup() else { break };
        house.now_ms = house.now_ms.max(due);
        house.handle(Input::Wakeup);
        if house.carried() == 0 {
            assert!(house.now_ms < 1_000 + 120_000, "{}", house.now_ms);
            return;
        }
    }
    panic!("it is kept for ever");
}

#[test]
fn who_is_not_called_back_keeps_nothing() {
    let mut house = House::new();
    assert!(house.calls("c1"));
    house.told(EventKind::Start);
    house.leg("a", LegEvent::Parked(Box::new(facts())));
    house.told(EventKind::End);
    assert_eq!(house.carried(), 0);
}
