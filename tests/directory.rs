//! What a node knows of the others' calls and deposits.

use hallporter::cluster::{Directory, Kept, Limits, Packed};
use hallporter::domain::{
    AccountKey, CallRef, CallRow, CallState, CallbackPolicy, CallbackScope, DepositRow, MessageId,
    NodeId, Row, RowKey,
};

const ONE: NodeId = NodeId(1);
const TWO: NodeId = NodeId(2);

fn call(call_id: &str, caller: u32) -> Row {
    Row::Call(CallRow {
        call_id: call_id.into(),
        from: "+15550100".into(),
        to: "+493012345".into(),
        caller: Some(AccountKey(caller)),
        callee: None,
        state: CallState::Up,
        emergency: false,
        started_ms: 1_800_000_000_000,
        answered_ms: Some(1_800_000_005_000),
        expires_ms: 1_800_007_200_000,
    })
}

fn number(counter: u32) -> RowKey {
    RowKey::Call(CallRef::new(TWO, 1, counter))
}

/// Carries everything from one to another; says how many frames that were.
fn carry(from: &mut Directory, to: &mut Directory) -> usize {
    let (sender, receiver) = (from.copies().node(), to.copies().node());
    from.copies_mut().peer_up(receiver);
    let marks = to.copies().marks();
    from.copies_mut().take_marks(receiver, &marks);
    let mut frames = 0;
    loop {
        let told = from.copies_mut().tell();
        if told.is_empty() {
            return frames;
        }
        for (peer, frame) in told {
            assert_eq!((peer, frame.0), (receiver, sender));
            frames += 1;
            to.take(frame);
        }
    }
}

#[test]
fn calls_of_others_are_found_by_their_call_id_until_they_are_over() {
    let [mut two, mut one] = [TWO, ONE].map(|node| Directory::new(node, 1, 7, Limits::default()));
    two.change(number(1), Some(&call("a@h", 7)));
    two.change(number(2), Some(&call("b@h", 8)));
    two.change(number(3), Some(&call(&"x".repeat(201), 8)));
    carry(&mut two, &mut one);
    let far = one.find("a@h").unwrap();
    assert_eq!((far.node, far.call.node(), far.row.caller), (TWO, TWO, Some(AccountKey(7))));
    let ids = |one: &Directory, account| {
        let calls = one.calls((None, account), None, 10).into_iter();
        calls.map(|far| far.row.call_id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&one, None), ["a@h", "b@h"], "the one with the endless Call-ID is not told");
    assert_eq!(ids(&one, Some(AccountKey(8))), ["b@h"]);
    let after = one.calls((Some(TWO), None), Some(far.call), 10);
    assert_eq!((after.len(), &*after[0].row.call_id), (1, "b@h"));
    assert!(two.find("a@h").is_none(), "an own call is not another's");

    two.change(number(1), None);
    carry(&mut two, &mut one);
    assert!(one.find("a@h").is_none() && one.find("b@h").is_some());
    one.forget(TWO);
    assert!(one.find("b@h").is_none());
}

type Disk = std::collections::BTreeMap<(NodeId, RowKey), Packed>;

/// Writes down what waits for it, at most so much; says how much that was.
fn write(one: &mut Directory, max: usize, disk: &mut Disk) -> usize {
    let all = one.take_unkept(max);
    let count = all.len();
    assert!(count <= max);
    for kept in all {
        match kept {
            Kept::Nothing(node) => {
                disk.retain(|(of, _), _| *of != node);
            }
            Kept::Row(node, key, Some(row)) => {
                disk.insert((node, key), row);
            }
            Kept::Row(node, key, None) => {
                disk.remove(&(node, key));
            }
            Kept::Event(..) => unreachable!(),
        }
    }
    count
}

#[test]
fn rows_are_written_down_as_a_whole_in_portions_while_they_change() {
    for portion in 1..=13 {
        let [mut two, mut one] =
            [TWO, ONE].map(|node| Directory::new(node, 1, 7, Limits::default()));
        (1..=10).for_each(|n| two.change(number(n), Some(&call(&format!("{n}@h"), n))));
        carry(&mut two, &mut one);
        // Something of an earlier time, which is not there any more.
        let mut disk = Disk::from([((TWO, number(77)), Packed::from([0]))]);
        write(&mut one, portion, &mut disk);
        for n in [1, 6, 10, 11] {
            two.change(number(n), Some(&call(&format!("{n}@h"), 70 + n)));
        }
        [2, 9].iter().for_each(|n| two.change(number(*n), None));
        carry(&mut two, &mut one);
        while write(&mut one, portion, &mut disk) > 0 {}
        let rows = one.copies().rows(TWO).map(|(key, row)| ((TWO, *key), row.clone()));
        assert_eq!(disk, rows.collect(), "{portion} at a time");
        assert_eq!(disk.len(), 9);
    }
}

#[test]
fn what_lies_on_the_disk_holds_until_the_node_tells_of_itself_again() {
    let [mut two, mut one] = [TWO, ONE].map(|node| Directory::new(node, 1, 7, Limits::default()));
    (1..=3).for_each(|n| two.change(number(n), Some(&call(&format!("{n}@h"), n))));
    carry(&mut two, &mut one);
    let mut disk = Disk::new();
    let mut write = |one: &mut Directory| {
        write(one, usize::MAX, &mut disk);
        disk.clone()
    };
    assert_eq!(write(&mut one).len(), 3);
    two.change(number(2), None);
    carry(&mut two, &mut one);
    let lying = write(&mut one);
    assert_eq!(lying.len(), 2);

    let mut again = Directory::new(ONE, 2, 7, Limits::default());
    again.restore(TWO, lying.into_iter().map(|((_, key), row)| (key, row)).collect());
    assert!(again.find("1@h").is_some() && again.find("3@h").is_some());
    assert!(again.take_unkept(10).is_empty(), "what came from the disk need not go there");
    // Meanwhile a call has ended.
    two.change(number(1), None);
    carry(&mut two, &mut again);
    assert!(again.find("1@h").is_none() && again.find("3@h").is_some());
    assert_eq!(again.behind(TWO, &two.copies().marks()).changes, 0);
    assert!(!again.behind(TWO, &two.copies().marks()).differs);
    two.change(number(3), None);
    assert_eq!(again.behind(TWO, &two.copies().marks()).changes, 1);
}

#[test]
fn deposits_are_found_by_their_caller() {
    let [mut two, mut one] = [TWO, ONE].map(|node| Directory::new(node, 1, 7, Limits::default()));
    let message = MessageId::new(TWO, 1, 5);
    let row = Row::Deposit(DepositRow {
        account: AccountKey(2),
        caller: Some(AccountKey(1)),
        shown: "+15550100".into(),
        call_id: "d@h".into(),
        callback: CallbackPolicy::Pause,
        scope: CallbackScope::Anyone,
    });
    two.change(RowKey::deposit(message), Some(&row));
    carry(&mut two, &mut one);
    let found = |one: &Directory, account, shown: &str| {
        one.deposits_of(account, shown, 9)
            .into_iter()
            .map(|(node, message, _)| (node, message))
            .collect::<Vec<_>>()
    };
    assert_eq!(found(&one, Some(AccountKey(1)), ""), [(TWO, message)]);
    assert_eq!(found(&one, None, "+15550100"), [(TWO, message)]);
    assert_eq!(found(&one, Some(AccountKey(3)), "+1"), []);
    assert_eq!(one.deposits_of(Some(AccountKey(1)), "+15550100", 9).len(), 1, "found twice");
    assert_eq!(one.deposits_of(Some(AccountKey(1)), "+15550100", 0).len(), 0);
    two.change(RowKey::deposit(message), None);
    carry(&mut two, &mut one);
    assert_eq!((found(&one, Some(AccountKey(1)), ""), one.deposits()), (vec![], 0));
}

#[test]
fn events_wait_for_their_node_and_no_longer() {
    let mut one = Directory::new(ONE, 1, 7, Limits::default());
    let first = one.keep_event(TWO, 1_000, "first").unwrap();
    let second = one.keep_event(TWO, 2_000, "second").unwrap();
    assert_eq!(one.take_unkept(10).len(), 2);
    let waiting = |one: &Directory| one.events_for(TWO).map(|(n, _)| n).collect::<Vec<_>>();
    assert_eq!(waiting(&one), [first, second]);
    one.event_taken(NodeId(3), first);
    assert_eq!(waiting(&one), [first, second], "only its own node takes it");
    one.event_taken(TWO, first);
    assert_eq!(one.take_unkept(10), [Kept::Event(first, None)]);
    one.drop_events_before(2_001);
    assert_eq!((one.events(), one.take_unkept(10)), (0, vec![Kept::Event(second, None)]));
    one.restore_event(90, TWO, 3_000, "old");
    assert_eq!(one.keep_event(TWO, 4_000, "new"), Some(91));
    while one.keep_event(TWO, 4_000, "more").is_some() {}
    assert_eq!(one.events(), 10_000);
    one.forget(TWO);
    assert_eq!(one.events(), 0);
}
