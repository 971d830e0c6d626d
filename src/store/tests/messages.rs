//! Messages stay as they were left, until their time is over.

use proptest::prelude::*;

use crate::domain::{
    Caller, ContentId, DepositCause, GreetingName, Mailbox, MailboxName, Medium, Message,
    MessageId, MessageMotion, MessageState, NodeId, Notice, NoticeKind, Outgoing, Part, Stored,
};

use super::*;
use crate::store::messages as sql;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub(super) fn mailbox_name(text: &str) -> MailboxName {
    MailboxName::parse(text).unwrap()
}

pub(super) fn content(number: u32) -> ContentId {
    let mut id = [0; 32];
    id[..4].copy_from_slice(&number.to_be_bytes());
    ContentId(id)
}

fn file(number: u32) -> Stored {
    Stored { content: content(number), media_type: "audio/wav".into(), bytes: 1000, length_ms: 500 }
}

/// One part, which is its own joined file.
pub(super) fn message(number: u32) -> Message {
    Message {
        id: MessageId::new(NodeId(1), 7, number),
        mailbox: mailbox_name("box"),
        account: AccountKey(1),
        caller: Caller::default(),
        call_id: format!("call-{number}@host").into(),
        cause: DepositCause::NoAnswer,
        parts: vec![Part { number: 1, medium: Medium::Audio, file: file(number) }],
        joined: Some(file(number)),
        length_ms: 500,
        urgent: false,
        state: MessageState::New,
        began_ms: NOW_MS - 1,
        left_ms: NOW_MS + i64::from(number),
        changed_ms: NOW_MS + i64::from(number),
        holders: Vec::new(),
    }
}

fn notice(message: &Message) -> Notice {
    Notice::new(NoticeKind::MessageLeft, message.id, "{}".into(), message.left_ms)
}

/// Leaves a message with its notice; says whether it was new.
pub(super) fn left(store: &Store, message: &Message) -> bool {
    leave(store, message, message.left_ms + DAY_MS, &[notice(message)]).unwrap()
}

pub(super) fn outgoing(notices: &[Notice]) -> Outgoing {
    Outgoing { by: NodeId(1), notices: notices.to_vec() }
}

fn leave(
    store: &Store,
    message: &Message,
    keep_until_ms: i64,
    notices: &[Notice],
) -> Result<bool, Error> {
    let (message, tells) = (Box::new(message.clone()), outgoing(notices));
    let motion = MessageMotion::Left { message, keep_until_ms, tells };
    store.carry_out(NodeId(1), &motion).map(|reply| reply.changed)
}

/// Sets a message's state; the message, if there is one.
pub(super) fn set(
    store: &Store,
    message: MessageId,
    state: MessageState,
    at_ms: i64,
) -> Option<Message> {
    let motion = MessageMotion::Set { message, state, at_ms, tells: outgoing(&[]) };
    let changed = store.carry_out(NodeId(1), &motion).unwrap().changed;
    changed.then(|| store.message(message).unwrap()).flatten()
}

/// Takes a message away; the files that are free then.
pub(super) fn gone(store: &Store, message: MessageId) -> Vec<ContentId> {
    let motion = MessageMotion::Gone { messages: vec![message], tells: outgoing(&[]) };
    store.carry_out(NodeId(1), &motion).unwrap().free
}

pub(super) fn ids(found: &[Message]) -> Vec<u64> {
    found.iter().map(|message| message.id.0 & 0xffff_ffff).collect()
}

pub(super) fn listed(store: &Store, filter: &MessageFilter) -> Vec<u64> {
    ids(&store.messages(filter, None, 1000).unwrap())
}

fn count(dir: &Dir, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    dir.look("ledger.db").query_row(&sql, [], |row| row.get(0)).unwrap()
}

/// What would be on the disk if the process were killed now, in a directory of its own.
pub(super) fn killed(dir: &Dir) -> Dir {
    let copy = Dir::new();
    for name in ["ledger.db", "ledger.db-wal"] {
        std::fs::copy(dir.file(name), copy.file(name)).unwrap();
    }
    copy
}

fn any_message() -> impl Strategy<Value = Message> {
    let text = || ".{0,30}".prop_map(|text: String| text.into());
    let stored = (any::<[u8; 32]>(), text(), 0..1u64 << 40, 0..1u64 << 40).prop_map(
        |(content, media_type, bytes, length_ms)| Stored {
            content: ContentId(content),
            media_type,
            bytes,
            length_ms,
        },
    );
    let stored = move || stored.clone();
    let medium = prop_oneof![Just(Medium::Audio), Just(Medium::Video)];
    let part = (any::<u16>(), medium, stored()).prop_map(|(number, medium, file)| Part {
        number,
        medium,
        file,
    });
    let caller = (text(), text(), text(), proptest::option::of(any::<u32>().prop_map(AccountKey)))
        .prop_map(|(shown, uri, display, account)| Caller { shown, uri, display, account });
    let cause = prop_oneof![
        Just(DepositCause::Busy),
        Just(DepositCause::NoAnswer),
        Just(DepositCause::Unreachable),
        Just(DepositCause::AtCap),
        Just(DepositCause::Declined),
        Just(DepositCause::Unknown)
    ];
    let state = prop_oneof![
        Just(MessageState::New),
        Just(MessageState::Heard),
        Just(MessageState::Saved),
        Just(MessageState::Deleted)
    ];
    let who = (any::<u64>(), "[a-z]{1,9}", any::<u32>(), caller, text());
    let what = (proptest::collection::vec(part, 0..4), proptest::option::of(stored()), cause);
    let how = (0..1u64 << 40, any::<bool>(), state, any::<i64>(), any::<i64>(), any::<i64>());
    (who, what, how).prop_map(|(who, what, how)| Message {
        id: MessageId(who.0),
        mailbox: mailbox_name(&who.1),
        account: AccountKey(who.2),
        caller: who.3,
        call_id: who.4,
        cause: what.2,
        parts: what.0,
        joined: what.1,
        length_ms: how.0,
        urgent: how.1,
        state: how.2,
        began_ms: how.3,
        left_ms: how.4,
        changed_ms: how.5,
        holders: Vec::new(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_message_comes_back(wanted in proptest::collection::vec(any_message(), 1..12)) {
        let dir = Dir::new();
        let store = dir.open();
        let mut first = std::collections::BTreeMap::new();
        for message in &wanted {
            let new = leave(&store, message, i64::MAX, &[]).unwrap();
            prop_assert_eq!(new, !first.contains_key(&message.id));
            first.entry(message.id).or_insert(message);
        }
        drop(store);
        let store = dir.open();
        for (id, message) in first {
            let found = store.message(id).unwrap();
            prop_assert_eq!(found.as_ref(), Some(message));
            let filter =
                MessageFilter { mailbox: Some(message.mailbox.clone()), ..MessageFilter::default() };
            let found = store.messages(&filter, None, 1000).unwrap();
            prop_assert_eq!(found.contains(message), message.state != MessageState::Deleted);
        }
    }
}

#[test]
fn a_message_left_twice_is_one_with_one_notice() {
    let dir = Dir::new();
    let store = dir.open();
    assert!(left(&store, &message(1)));
    store.set_notice("message.left:m7-1", crate::domain::NoticeState::Told, 5, None).unwrap();
    let other = Message { urgent: true, parts: Vec::new(), ..message(1) };
    assert!(!left(&store, &other));
    assert_eq!(store.message(other.id).unwrap(), Some(message(1)));
    assert_eq!((count(&dir, "message_file"), count(&dir, "notice")), (1, 1));
    assert_eq!(store.notices_due(false, i64::MAX, 9).unwrap(), [], "what was told stays told");
}

#[test]
fn a_kill_keeps_what_was_left_and_nothing_of_what_was_being_left() {
    let dir = Dir::new();
    let store = dir.open();
    assert!(left(&store, &message(1)));
    let mut ledger = locked(&store.ledger);
    // So small a cache that the half of it is in the file before its end.
    ledger.execute_batch("PRAGMA cache_size = 1").unwrap();
    let half = ledger.transaction().unwrap();
    for number in 2..400 {
        sql::insert(&half, &message(number), MessageState::New, NOW_MS).unwrap();
    }
    let copy = killed(&dir);
    drop(half);
    drop(ledger);
    let found = copy.open();
    assert_eq!(listed(&found, &MessageFilter::default()), [1]);
    assert_eq!((count(&copy, "message"), count(&copy, "message_file")), (1, 1));
    assert_eq!(found.notices_due(false, i64::MAX, 9).unwrap(), [notice(&message(1))]);
    assert!(left(&found, &message(2)), "it is delivered again, and is new");
}

#[test]
fn a_full_disk_takes_neither_message_nor_notice() {
    let dir = Dir::new();
    let store = dir.open();
    assert!(left(&store, &message(1)));
    let pages = |count: i64| {
        let sql = format!("PRAGMA max_page_count = {count}");
        locked(&store.ledger).query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap();
    };
    pages(1);
    let long = Notice { body: "x".repeat(100_000).into(), ..notice(&message(2)) };
    let leave = || leave(&store, &message(2), NOW_MS, std::slice::from_ref(&long));
    let error = leave().unwrap_err();
    assert!(matches!(error, Error::Full { .. }), "{error}");
    // The message itself fitted; the notice did not. Neither is there.
    assert_eq!(listed(&store, &MessageFilter::default()), [1]);
    assert_eq!((count(&dir, "message_file"), count(&dir, "notice")), (1, 1));
    assert!(matches!(store.announce(std::slice::from_ref(&long)), Err(Error::Full { .. })));
    pages(1_000_000);
    assert!(leave().unwrap());
    assert_eq!(store.notices_due(false, i64::MAX, 9).unwrap().len(), 2);
}

#[test]
fn deleted_is_for_good_and_counts_for_nothing() {
    let dir = Dir::new();
    let store = dir.open();
    let film = Stored { bytes: 7000, ..file(99) };
    assert!(left(&store, &Message { joined: Some(film), ..message(1) }));
    assert!(left(&store, &message(2)));
    assert!(left(&store, &Message { mailbox: mailbox_name("other"), ..message(3) }));
    let used = |name: &str| {
        let used = store.mailbox_use(&mailbox_name(name)).unwrap();
        (used.messages, used.bytes)
    };
    assert_eq!((used("box"), used("other"), used("none")), ((2, 9000), (1, 1000), (0, 0)));
    for (state, at_ms) in [(MessageState::Heard, 1), (MessageState::Saved, 2)] {
        let set = set(&store, message(1).id, state, at_ms).unwrap();
        assert_eq!((set.state, set.changed_ms, set.left_ms), (state, at_ms, message(1).left_ms));
    }
    assert_eq!(used("box"), (2, 9000), "what was heard takes its room");
    let gone = set(&store, message(1).id, MessageState::Deleted, 3).unwrap();
    assert_eq!(gone.state, MessageState::Deleted);
    assert_eq!(set(&store, message(1).id, MessageState::New, 4), None);
    assert_eq!(set(&store, message(9).id, MessageState::New, 4), None);
    assert_eq!((used("box"), listed(&store, &MessageFilter::default())), ((1, 1000), vec![3, 2]));
}

#[test]
fn a_file_goes_with_the_last_who_has_it() {
    let dir = Dir::new();
    let store = dir.open();
    let part = |number, from| Part { number, medium: Medium::Audio, file: file(from) };
    let two = Message { parts: vec![part(1, 1), part(2, 2)], joined: Some(file(12)), ..message(1) };
    assert!(left(&store, &two));
    // Somebody says the same as in the other's first part, twice.
    let same = Message { parts: vec![part(1, 1), part(2, 1)], joined: None, ..message(2) };
    assert!(left(&store, &same));
    let greeting = Mailbox { greeting: Some(content(2)), ..Mailbox::new(mailbox_name("greeted")) };
    let changes = [Change::Mailbox(AccountKey(5), greeting)];
    store.commit(1, NOW_MS, &some_command(), &changes).unwrap();
    for (number, referenced) in [(1, true), (2, true), (12, true), (3, false)] {
        assert_eq!(store.is_referenced(content(number)).unwrap(), referenced, "{number}");
    }

    assert_eq!(store.expired_messages(two.left_ms + DAY_MS - 1, 9).unwrap(), []);
    assert_eq!(store.expired_messages(two.left_ms + DAY_MS, 9).unwrap(), [two.id]);
    set(&store, same.id, MessageState::Deleted, NOW_MS);
    let both = store.expired_messages(i64::MAX, 9).unwrap();
    assert_eq!(both, [same.id, two.id], "each once");
    assert_eq!(store.expired_messages(i64::MAX, 1).unwrap().len(), 1);

    assert_eq!(gone(&store, two.id), [content(12)], "the others are in use");
    assert_eq!(gone(&store, two.id), []);
    assert_eq!(gone(&store, same.id), [content(1)]);
    assert!(store.is_referenced(content(2)).unwrap(), "it is a greeting");
    let changes = [Change::Mailbox(AccountKey(5), Mailbox::new(mailbox_name("greeted")))];
    store.commit(2, NOW_MS, &some_command(), &changes).unwrap();
    assert!(!store.is_referenced(content(2)).unwrap());
    let name = |name| GreetingName::parse(name).unwrap();
    let named = |greetings: &[(&'static str, u32)]| {
        let greetings = greetings.iter().map(|(one, file)| (name(one), content(*file))).collect();
        let mailbox = Mailbox { greetings, ..Mailbox::new(mailbox_name("greeted")) };
        [Change::Mailbox(AccountKey(5), mailbox)]
    };
    let both = named(&[("closed", 20), ("night", 20), ("away", 21)]);
    store.commit(3, NOW_MS, &some_command(), &both).unwrap();
    assert!(store.is_referenced(content(20)).unwrap() && store.is_referenced(content(21)).unwrap());
    store.commit(4, NOW_MS, &some_command(), &named(&[("night", 20)])).unwrap();
    let still = [20, 21].map(|file| store.is_referenced(content(file)).unwrap());
    assert_eq!(still, [true, false], "the other name has it still");
    store.commit(5, NOW_MS, &some_command(), &[Change::AccountGone(AccountKey(5))]).unwrap();
    assert!(!store.is_referenced(content(20)).unwrap());
    assert_eq!(count(&dir, "mailbox_greeting"), 0);
    assert_eq!((count(&dir, "message"), count(&dir, "message_file")), (0, 0));
    assert_eq!(store.message(two.id).unwrap(), None);
}

#[test]
fn messages_go_with_their_mailbox_or_account() {
    let dir = Dir::new();
    let store = dir.open();
    let of = |number, name, account| Message {
        mailbox: mailbox_name(name),
        account: AccountKey(account),
        ..message(number)
    };
    for message in [of(1, "a", 1), of(2, "b", 2), of(3, "c", 3)] {
        let (key, name) = (message.account, message.mailbox.clone());
        let index = u64::from(key.0);
        let changes = [Change::Mailbox(key, Mailbox::new(name))];
        store.commit(index, NOW_MS, &some_command(), &changes).unwrap();
        assert!(left(&store, &message));
    }
    let all = MessageFilter::default();
    let gone = [Change::MailboxGone(AccountKey(1), mailbox_name("a"))];
    store.commit(4, NOW_MS, &some_command(), &gone).unwrap();
    assert_eq!(listed(&store, &all), [3, 2]);
    store.commit(5, NOW_MS, &some_command(), &[Change::AccountGone(AccountKey(2))]).unwrap();
    assert_eq!(listed(&store, &all), [3]);
    assert_eq!(store.expired_messages(0, 9).unwrap().len(), 2);
    // A change that is not written takes no message along.
    let gone = [Change::MailboxGone(AccountKey(3), mailbox_name("c"))];
    store.commit(5, NOW_MS, &some_command(), &gone).unwrap_err();
    assert_eq!(listed(&store, &all), [3]);
}

#[test]
fn nobody_reads_what_was_left_for_another_under_the_same_name() {
    let dir = Dir::new();
    let store = dir.open();
    let all = MessageFilter::default();
    // The mailbox went while this was spoken; whoever owned it may find it.
    assert!(left(&store, &message(1)));
    assert_eq!(listed(&store, &all), [1]);
    let mailbox = |key| [Change::Mailbox(AccountKey(key), Mailbox::new(mailbox_name("box")))];
    store.commit(1, NOW_MS, &some_command(), &mailbox(1)).unwrap();
    assert_eq!(listed(&store, &all), [1]);
    let moved = [Change::MailboxGone(AccountKey(1), mailbox_name("box"))];
    store.commit(2, NOW_MS, &some_command(), &moved).unwrap();
    assert!(left(&store, &message(2)));
    store.commit(3, NOW_MS, &some_command(), &mailbox(2)).unwrap();
    assert!(left(&store, &message(3)), "it is written, so that its deposit ends");
    assert_eq!(listed(&store, &all), [] as [u64; 0]);
    let told: Vec<_> =
        store.notices(None, "", 9).unwrap().iter().map(|n| n.message.unwrap().0).collect();
    assert_eq!(told, [message(1).id.0, message(2).id.0], "nothing is told of the third");
    assert!(left(&store, &Message { account: AccountKey(2), ..message(4) }));
    assert_eq!(listed(&store, &all), [4]);
}
