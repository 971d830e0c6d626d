//! What happened to calls is read back as it was decided, and rubbish in a page hides no neighbour.

use proptest::prelude::*;
use serde_json::{Value, to_value};

use crate::desk::Ended;
use crate::domain::{
    After, Branch, BranchEnd, CallbackPolicy, Cause, Decision, DeviceName, DeviceSkip, EndCause,
    ForkOrder, Identifier, MailboxName, MessageId, NodeId, Outcome, PoolKind, Refusal, Room, Side,
    Stage, StageCause, Step, Wake,
};

use super::super::entry::{DECIDED, ENDED, Entry, OTHER};
use super::super::entry_read::read_page;
use super::*;

fn pick<T: Clone + std::fmt::Debug + 'static>(of: &[T]) -> impl Strategy<Value = T> + use<T> {
    prop::sample::select(of.to_vec())
}

fn text() -> impl Strategy<Value = Arc<str>> {
    prop_oneof![".{0,20}", "[a-z]{120,400}"].prop_map(Arc::from)
}

fn maybe() -> impl Strategy<Value = Option<Arc<str>>> {
    proptest::option::of(text())
}

/// Few names, so that they come again at the same place in memory and at another.
fn names() -> Vec<AccountName> {
    ["a", "b", "b", "customer-000001"].map(|name| AccountName::parse(name).unwrap()).to_vec()
}

fn device() -> impl Strategy<Value = DeviceName> {
    pick(&["desk", "desk", "mobile"].map(|name| DeviceName::parse(name).unwrap()))
}

fn any_step() -> impl Strategy<Value = Step> {
    let names = names();
    let account = move || pick(&names.clone());
    let some = {
        let account = account.clone();
        move || proptest::option::of(account())
    };
    let side = || pick(&[Side::From, Side::To]);
    let kind = pick(&[PoolKind::Total, PoolKind::In, PoolKind::Out]);
    let rooms = [Room::Yes, Room::Full, Room::Frozen, Room::Forced, Room::Overdraft];
    let room = pick(&[&rooms[..], &[Room::Unreachable, Room::Elsewhere]].concat());
    let skips = [
        DeviceSkip::Disabled,
        DeviceSkip::Loop,
        DeviceSkip::NotRegistered,
        DeviceSkip::NoGateway,
        DeviceSkip::StageFull,
        DeviceSkip::NoSwitch,
        DeviceSkip::Dnd,
    ];
    let dialled = ["+493012345", "+999999999999999", "alice@example.com"];
    let dialled = pick(&dialled.map(|one| Identifier::parse(one).unwrap()));
    let cap = proptest::option::of(any::<u32>());
    prop_oneof![
        text().prop_map(|number| Step::Emergency { number }),
        prop_oneof![Just(Step::Repeated), Just(Step::Grace)],
        (some(), any::<bool>())
            .prop_map(|(account, authenticated)| Step::Caller { account, authenticated }),
        (proptest::option::of(dialled), some())
            .prop_map(|(identifier, account)| Step::Callee { identifier, account }),
        (account(), side()).prop_map(|(account, side)| Step::Disabled { account, side }),
        (account(), side(), kind, any::<u32>(), cap, room).prop_map(
            |(account, side, kind, used, cap, room)| {
                Step::Cap { account, side, kind, used, cap, room }
            }
        ),
        (device(), any::<u8>(), proptest::option::of(pick(&skips)), 0..3_u16).prop_map(
            |(device, stage, skip, after_s)| Step::Device { device, stage, after_s, skip }
        ),
        (maybe(), proptest::option::of(pick(&Cause::ALL))).prop_map(|(switch, cause)| {
            Step::Mailbox {
                mailbox: MailboxName::parse("box").unwrap(),
                switch,
                cause,
                greeting: None,
            }
        }),
        any::<u64>().prop_map(|id| Step::CallBack {
            message: MessageId(id),
            policy: CallbackPolicy::Pause
        }),
        (0..99usize).prop_map(|branches_max| Step::OrderFull { branches_max }),
        (device(), any::<bool>()).prop_map(|(device, asked)| Step::Wake { device, asked }),
    ]
}

fn any_decision() -> impl Strategy<Value = Decision> {
    let wake = (text(), any::<u16>()).prop_map(|(aor, wait_s)| Box::new(Wake { aor, wait_s }));
    let wake = proptest::option::of(wake);
    let branch = (device(), 0..3_u16, text(), maybe(), maybe(), maybe(), wake).prop_map(
        |(device, after_s, uri, dst_uri, path, headers, wake)| Branch {
            device,
            after_s,
            uri,
            dst_uri,
            path,
            headers,
            wake,
        },
    );
    let branches = proptest::collection::vec(branch, 0..5);
    let stage = (any::<u16>(), branches, any::<bool>()).prop_map(|(ring_s, branches, mailbox)| {
        let causes = vec![StageCause::Busy, StageCause::Declined];
        let after = (ring_s % 3 == 0).then_some(After { causes, part: ring_s });
        Stage { ring_s, branches, mailbox, after }
    });
    let refusal = (any::<u16>(), pick(&Cause::ALL), text(), text())
        .prop_map(|(code, cause, reason, headers)| Refusal { code, cause, reason, headers });
    let outcome = prop_oneof![
        proptest::collection::vec(stage, 0..4)
            .prop_map(|stages| Outcome::Fork(Arc::new(ForkOrder { stages }))),
        text().prop_map(|headers| Outcome::Pass { headers }),
        refusal.prop_map(Outcome::Refuse),
    ];
    let call = proptest::option::of(any::<u64>().prop_map(CallRef));
    let steps = proptest::collection::vec(any_step(), 0..50);
    (call, text(), any::<i64>(), text(), text(), outcome, steps).prop_map(
        |(call, call_id, at_ms, from_uri, ruri, outcome, steps)| Decision {
            call,
            call_id,
            at_ms,
            from_uri,
            ruri,
            outcome,
            steps,
        },
    )
}

fn write(page: &mut Vec<u8>, decision: &Decision) {
    let Decision { call_id, call, at_ms, .. } = decision;
    let mut entry = Entry::begin(page, DECIDED, call_id, *call, *at_ms);
    entry.decision(decision);
    entry.close();
}

fn data(page: &[u8]) -> Vec<Value> {
    read_page(page, |_, _| true).into_iter().map(|entry| entry.data).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decisions_come_back(decisions in proptest::collection::vec(any_decision(), 1..4)) {
        let mut page = Vec::new();
        decisions.iter().for_each(|decision| write(&mut page, decision));
        let wanted: Vec<_> = decisions.iter().map(|decision| to_value(decision).unwrap()).collect();
        prop_assert_eq!(data(&page), wanted);
        for (entry, decision) in read_page(&page, |_, _| true).iter().zip(&decisions) {
            prop_assert_eq!(&entry.call_id, &*decision.call_id);
            prop_assert_eq!((entry.call, entry.at_ms), (decision.call, decision.at_ms));
        }
    }

    #[test]
    fn rubbish_is_no_panic(
        decision in any_decision(), bytes in proptest::collection::vec(any::<u8>(), 0..200),
        places in proptest::collection::vec(any::<(prop::sample::Index, u8)>(), 1..5),
    ) {
        let _ = data(&bytes);
        let mut page = Vec::new();
        write(&mut page, &decision);
        let end = page.len();
        for (place, byte) in places {
            // All but the length, and what is behind it is read all the same.
            page[4 + place.index(end - 4)] = byte;
        }
        write(&mut page, &decision);
        prop_assert_eq!(data(&page).pop(), to_value(&decision).ok());
    }
}

#[test]
fn half_an_entry_is_nothing() {
    let mut page = Vec::new();
    let steps = vec![Step::Repeated, Step::Emergency { number: "112".into() }];
    write(
        &mut page,
        &Decision {
            call: Some(CallRef::new(NodeId(1), 1, 2)),
            call_id: "a@h".into(),
            at_ms: NOW_MS,
            from_uri: "sip:bob@h".into(),
            ruri: "sip:112@h".into(),
            outcome: Outcome::Pass { headers: "".into() },
            steps,
        },
    );
    assert_eq!(data(&page).len(), 1);
    for length in 0..page.len() {
        assert_eq!(data(&page[..length]).len(), 0);
        if let Some(shorter) = u32::try_from(length).unwrap().checked_sub(4) {
            let mut short = page[..length].to_vec();
            short[..4].copy_from_slice(&shorter.to_le_bytes());
            assert_eq!(data(&short).len(), 0, "an entry that ends too early");
        }
    }
}

#[test]
fn ends_and_the_rest_come_back() {
    let causes = [
        EndCause::Ended,
        EndCause::Failed,
        EndCause::Expired,
        EndCause::Vanished,
        EndCause::TooLong,
        EndCause::Released,
    ];
    let (mut page, mut wanted) = (Vec::new(), Vec::new());
    for (cause, code) in
        causes.into_iter().zip([None, Some(0), Some(486), Some(u16::MAX), None, None])
    {
        let (call, call_id) = (CallRef::new(NodeId(1), 1, 7), Arc::from("a@h"));
        let end = |code, after_ms| BranchEnd {
            device: DeviceName::parse("desk").unwrap(),
            code,
            after_ms,
            woke_ms: (code == 486).then_some(after_ms),
        };
        let branches: Arc<[BranchEnd]> = match code {
            Some(_) => [end(486, 3200), end(408, 20_000)].into(),
            None => [].into(),
        };
        let (at_ms, up_ms) = (NOW_MS, 70_000);
        let ended = Ended { call, call_id, cause, code, at_ms, up_ms, branches };
        let mut entry = Entry::begin(&mut page, ENDED, &ended.call_id, Some(call), NOW_MS);
        entry.ended(&ended);
        entry.close();
        wanted.push(to_value(&ended).unwrap());
    }
    let mut entry = Entry::begin(&mut page, OTHER, "a@h", None, -1);
    entry.text("adopted");
    entry.json(&serde_json::json!({ "lines": ["x"], "data": 1 }));
    entry.close();
    wanted.push(serde_json::json!({ "lines": ["x"], "data": 1 }));
    assert_eq!(data(&page), wanted);
    let kinds: Vec<_> = read_page(&page, |_, call| call.is_none()).into_iter().collect();
    assert_eq!((kinds.len(), kinds[0].kind.as_str(), kinds[0].at_ms), (1, "adopted", -1));
}

#[test]
fn an_entry_is_small() {
    let account = AccountName::parse("customer-000001").unwrap();
    let device = DeviceName::parse("desk").unwrap();
    let headers: Arc<str> = "X-Hallporter-Trail: 1f\r\n".into();
    let branch = Branch {
        device: device.clone(),
        after_s: 0,
        uri: "sip:desk@10.0.0.7".into(),
        dst_uri: None,
        path: None,
        headers: Some(headers),
        wake: None,
    };
    let cap = Step::Cap {
        account: account.clone(),
        side: Side::To,
        kind: PoolKind::Total,
        used: 3,
        cap: Some(10),
        room: Room::Yes,
    };
    let decision = Decision {
        call: Some(CallRef::new(NodeId(1), 1, 2)),
        call_id: "a@h".into(),
        at_ms: NOW_MS,
        from_uri: "sip:bob@h".into(),
        ruri: "sip:1@h".into(),
        outcome: Outcome::Fork(Arc::new(ForkOrder {
            stages: vec![Stage {
                ring_s: 15,
                branches: vec![branch; 4],
                mailbox: false,
                after: None,
            }],
        })),
        steps: vec![cap; 8],
    };
    let mut page = Vec::new();
    write(&mut page, &decision);
    // Names that lie at one place in memory stand there once.
    assert!(page.len() < 270, "{}", page.len());
}
