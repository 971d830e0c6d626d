//! What may happen to a desk, in any order.

use hallporter::domain::EventKind;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::model::ACCOUNTS;
use super::stage::PROXIES;

/// The accounts at the two ends, `None` for a stranger.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) from: Option<usize>,
    pub(crate) to: Option<usize>,
}

/// A call as a proxy shows or tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) call: u8,
    pub(crate) tag: u8,
    pub(crate) h: u8,
    pub(crate) up: bool,
    pub(crate) ends: Ends,
}

#[derive(Clone, Debug)]
pub(crate) enum Deed {
    Route { call: u8, tag: u8, h: Option<u8>, ends: Ends, trail: Option<u8> },
    Emergency { call: u8, tag: u8, h: Option<u8>, from: Option<usize> },
    Event { kind: EventKind, call: u8, tag: u8, h: Option<u8>, ends: Ends },
    LookBegin { proxy: u8, restarted: bool },
    LookSeen { proxy: u8, seen: Vec<Seen> },
    LookEnd { proxy: u8 },
    LookFailed { proxy: u8 },
    Wakeup,
    Wait { seconds: u16 },
    Release { call: u8 },
    Caps { account: usize, caps: [Option<u32>; 3] },
    Move { account: usize, parent: Option<usize> },
    Enable { account: usize, enabled: bool, strict: bool },
    Remove { account: usize },
    Add { account: usize },
    Save,
    Restart { saved: bool },
}

fn call() -> impl Strategy<Value = u8> {
    0u8..12
}

/// Nearly always the same: another one is another's.
fn tag() -> impl Strategy<Value = u8> {
    prop_oneof![9 => Just(0u8), 1 => Just(1)]
}

fn h() -> impl Strategy<Value = Option<u8>> {
    prop_oneof![4 => Just(Some(0u8)), 1 => Just(Some(1)), 1 => Just(None)]
}

fn ends() -> impl Strategy<Value = Ends> {
    (option::of(0..ACCOUNTS), option::of(0..ACCOUNTS)).prop_map(|(from, to)| Ends { from, to })
}

fn seen() -> impl Strategy<Value = Seen> {
    (call(), tag(), 0u8..2, any::<bool>(), ends()).prop_map(|(call, tag, h, up, ends)| Seen {
        call,
        tag,
        h,
        up,
        ends,
    })
}

fn kind() -> impl Strategy<Value = EventKind> {
    prop_oneof![Just(EventKind::Start), Just(EventKind::End), Just(EventKind::Failed)]
}

fn cap() -> impl Strategy<Value = Option<u32>> {
    option::of(prop_oneof![4 => 0u32..4, 1 => Just(15u32)])
}

fn of_calls() -> impl Strategy<Value = Deed> {
    prop_oneof![
        10 => (call(), tag(), h(), ends(), option::weighted(0.1, 0u8..2)).prop_map(
            |(call, tag, h, ends, trail)| Deed::Route { call, tag, h, ends, trail }
        ),
        1 => (call(), tag(), h(), option::of(0..ACCOUNTS))
            .prop_map(|(call, tag, h, from)| Deed::Emergency { call, tag, h, from }),
        9 => (kind(), call(), tag(), h(), ends())
            .prop_map(|(kind, call, tag, h, ends)| Deed::Event { kind, call, tag, h, ends }),
        1 => call().prop_map(|call| Deed::Release { call }),
    ]
}

fn of_looks() -> impl Strategy<Value = Deed> {
    let proxy = || 0..PROXIES;
    prop_oneof![
        3 => (proxy(), proptest::bool::weighted(0.1))
            .prop_map(|(proxy, restarted)| Deed::LookBegin { proxy, restarted }),
        3 => (proxy(), vec(seen(), 0..6)).prop_map(|(proxy, seen)| Deed::LookSeen { proxy, seen }),
        3 => proxy().prop_map(|proxy| Deed::LookEnd { proxy }),
        1 => proxy().prop_map(|proxy| Deed::LookFailed { proxy }),
        4 => Just(Deed::Wakeup),
    ]
}

fn of_operators() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (0..ACCOUNTS, [cap(), cap(), cap()])
            .prop_map(|(account, caps)| Deed::Caps { account, caps }),
        3 => (0..ACCOUNTS, option::of(0..ACCOUNTS))
            .prop_map(|(account, parent)| Deed::Move { account, parent }),
        1 => (0..ACCOUNTS, proptest::bool::weighted(0.7), any::<bool>())
            .prop_map(|(account, enabled, strict)| Deed::Enable { account, enabled, strict }),
        1 => (0..ACCOUNTS).prop_map(|account| Deed::Remove { account }),
        1 => (0..ACCOUNTS).prop_map(|account| Deed::Add { account }),
    ]
}

fn of_time() -> impl Strategy<Value = Deed> {
    prop_oneof![
        5 => (1u16..120).prop_map(|seconds| Deed::Wait { seconds }),
        1 => (1u16..5000).prop_map(|seconds| Deed::Wait { seconds }),
        2 => Just(Deed::Save),
        2 => any::<bool>().prop_map(|saved| Deed::Restart { saved }),
    ]
}

/// Any deed at all.
pub(crate) fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![12 => of_calls(), 5 => of_looks(), 3 => of_operators(), 2 => of_time()]
}

pub(crate) fn tag_text(tag: u8) -> String {
    format!("tag-{tag}")
}
