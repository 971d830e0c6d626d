//! Entries of the log about messages: the same at every node, but for what is told.

use std::sync::Arc;

use crate::domain::{
    Message, MessageId, MessageMotion, MessageState, NodeId, Notice, NoticeKind, Outgoing,
};

use super::messages::{content, message};
use super::*;

const ONE: NodeId = NodeId(1);
const TWO: NodeId = NodeId(2);
const THREE: NodeId = NodeId(3);

/// The stores of three nodes that carry out the same.
struct Three {
    stores: [Store; 3],
    _dirs: [Dir; 3],
}

impl Three {
    fn new() -> Self {
        let dirs = [(); 3].map(|()| Dir::new());
        Self { stores: dirs.each_ref().map(Dir::open), _dirs: dirs }
    }

    /// Everywhere, twice: what a log does after a kill.
    fn carry_out(&self, motion: &MessageMotion) -> bool {
        let text = serde_json::to_string(motion).unwrap();
        let read: MessageMotion = serde_json::from_str(&text).unwrap();
        assert_eq!(&read, motion, "as the log has it");
        let replies: Vec<_> = [ONE, TWO, THREE]
            .into_iter()
            .zip(&self.stores)
            .map(|(own, store)| store.carry_out(own, motion).unwrap())
            .collect();
        assert!(replies.windows(2).all(|two| two[0] == two[1]), "{replies:?}");
        for (own, store) in [ONE, TWO, THREE].into_iter().zip(&self.stores) {
            store.carry_out(own, motion).unwrap();
        }
        let all = self
            .stores
            .each_ref()
            .map(|store| store.messages(&MessageFilter::default(), None, 100).unwrap());
        assert!(all[0] == all[1] && all[1] == all[2]);
        replies[0].changed
    }

    fn told(&self) -> [Vec<String>; 3] {
        self.stores.each_ref().map(|store| {
            let notices = store.notices(None, "", 100).unwrap();
            notices.iter().map(|notice| notice.id.to_string()).collect()
        })
    }

    fn alone(&self) -> Vec<u64> {
        let alone = self.stores[1].messages_alone(None, 100).unwrap();
        assert_eq!(self.stores[0].count_alone().unwrap(), alone.len() as u64);
        alone.into_iter().map(|id| id.0 & 0xffff_ffff).collect()
    }
}

fn left(message: &Message, by: NodeId) -> MessageMotion {
    let notice = Notice::new(NoticeKind::MessageLeft, message.id, "{}".into(), message.left_ms);
    let tells = Outgoing { by, notices: vec![notice] };
    MessageMotion::Left { message: Box::new(message.clone()), keep_until_ms: i64::MAX, tells }
}

fn held(message: MessageId, node: NodeId, here: bool) -> MessageMotion {
    MessageMotion::Held { message, node, here }
}

#[test]
fn one_node_tells_and_another_takes_over_what_is_left() {
    let nodes = Three::new();
    for (number, by) in [(1, ONE), (2, TWO), (3, TWO)] {
        assert!(nodes.carry_out(&left(&message(number), by)));
    }
    let id = |number: u32| format!("message.left:m7-{number}");
    assert_eq!(nodes.told(), [vec![id(1)], vec![id(2), id(3)], vec![]], "each once");
    // One of them was told before its node went.
    assert!(nodes.carry_out(&MessageMotion::Told { notices: vec![id(2).into()] }));
    assert_eq!(nodes.stores[0].nodes_named().unwrap(), [TWO]);
    nodes.carry_out(&MessageMotion::NodeGone { node: TWO, heir: THREE });
    assert_eq!(nodes.told()[2], [id(3)]);
    assert_eq!(nodes.told()[0], [id(1)]);
    // The heir goes, too.
    nodes.carry_out(&MessageMotion::NodeGone { node: THREE, heir: ONE });
    assert_eq!(nodes.told()[0], [id(1), id(3)]);
    assert_eq!(nodes.stores[0].nodes_named().unwrap(), []);
    // What others had to tell is not kept for ever.
    assert!(nodes.carry_out(&left(&message(4), TWO)));
    nodes.stores[0].forget_notices(i64::MAX).unwrap();
    nodes.stores[0].carry_out(ONE, &MessageMotion::NodeGone { node: TWO, heir: ONE }).unwrap();
    assert!(!nodes.told()[0].contains(&id(4)));
}

#[test]
fn who_has_a_message_is_known_everywhere() {
    let nodes = Three::new();
    let two = |number| Message { holders: vec![ONE, TWO], ..message(number) };
    assert!(nodes.carry_out(&left(&two(1), ONE)));
    assert!(nodes.carry_out(&left(&Message { holders: vec![THREE], ..message(2) }, THREE)));
    assert!(nodes.carry_out(&left(&message(3), ONE)));
    assert_eq!(nodes.alone(), [2, 3]);
    let holders = |number: u32| {
        let id = message(number).id;
        nodes.stores[2].message(id).unwrap().unwrap().held_by()
    };
    assert_eq!((holders(1), holders(2)), (vec![ONE, TWO], vec![THREE]));
    assert_eq!(nodes.stores[0].holders(content(1)).unwrap(), [ONE, TWO]);
    assert_eq!(nodes.stores[0].holders(content(9)).unwrap(), []);
    assert!(nodes.carry_out(&held(message(2).id, ONE, true)));
    // One of before there were several lies where it was left.
    assert_eq!(holders(3), [message(3).id.node()]);
    assert!(nodes.carry_out(&held(message(3).id, THREE, true)));
    assert_eq!((holders(2), holders(3)), (vec![ONE, THREE], vec![ONE, THREE]));
    assert_eq!(nodes.alone(), [] as [u64; 0]);
    assert!(!nodes.carry_out(&held(message(9).id, ONE, true)), "no such message");
    assert_eq!(nodes.stores[0].nodes_named().unwrap(), [ONE, TWO, THREE]);
    // A node goes for good: what lay there and at one other has to be copied anew.
    nodes.carry_out(&MessageMotion::NodeGone { node: THREE, heir: ONE });
    assert_eq!(nodes.alone(), [2, 3]);
    assert_eq!(holders(2), [ONE]);
    nodes.carry_out(&held(message(2).id, ONE, false));
    assert_eq!(holders(2), [ONE], "the last one stays, for nobody else has it");
    // Deleted ones are nobody's trouble.
    let set = MessageMotion::Set {
        message: message(2).id,
        state: MessageState::Deleted,
        at_ms: NOW_MS,
        tells: Outgoing { by: ONE, notices: Vec::new() },
    };
    assert!(nodes.carry_out(&set));
    assert_eq!(nodes.alone(), [3]);
}

#[test]
fn pages_of_messages_alone_miss_none() {
    let nodes = Three::new();
    for number in 1..8 {
        let id = MessageId(message(number).id.0 | u64::from(number % 3) << 62);
        nodes.carry_out(&left(&Message { id, ..message(number) }, ONE));
    }
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = nodes.stores[0].messages_alone(after, 2).unwrap();
        after = page.last().copied();
        found.extend(page.iter().copied());
        if page.len() < 2 {
            break;
        }
    }
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), 7);
    let text = format!("EXPLAIN QUERY PLAN {}", crate::store::message_motion::ALONE);
    let ledger = locked(&nodes.stores[0].ledger);
    let plan: String = ledger.query_row(&text, [1, 1], |row| row.get(3)).unwrap();
    assert!(plan.contains("USING INDEX message_alone"), "{plan}");
}

#[test]
fn greetings_are_found_whatever_they_are_called() {
    let nodes = Three::new();
    let look = locked(&nodes.stores[0].ledger);
    let settings = format!(r#"{{"greeting":"{}"}}"#, content(1));
    look.execute("INSERT INTO mailbox VALUES (1, 'a', ?1)", [settings]).unwrap();
    look.execute("INSERT INTO mailbox VALUES (2, 'b', '{}')", []).unwrap();
    for number in [1, 2] {
        let file: Arc<str> = content(number).to_string().into();
        look.execute("INSERT INTO mailbox_greeting VALUES (1, ?1)", [&*file]).unwrap();
    }
    drop(look);
    let mut found = nodes.stores[0].greetings().unwrap();
    found.sort_unstable();
    assert_eq!(found, [content(1), content(2)]);
}

#[test]
fn what_is_in_the_bucket_is_safe_whatever_nodes_go() {
    let nodes = Three::new();
    let outside = || -> Vec<u64> {
        let found = nodes.stores[1].messages_outside(None, 100).unwrap();
        assert_eq!(nodes.stores[0].count_outside().unwrap(), found.len() as u64);
        found.iter().map(|id| id.0 & 0xffff_ffff).collect()
    };
    nodes.carry_out(&left(&Message { holders: vec![ONE, NodeId::BUCKET], ..message(1) }, ONE));
    nodes.carry_out(&left(&Message { holders: vec![ONE, TWO], ..message(2) }, ONE));
    nodes.carry_out(&left(&message(3), ONE));
    assert_eq!((nodes.alone(), outside()), (vec![3], vec![2, 3]));
    assert!(nodes.carry_out(&held(message(3).id, NodeId::BUCKET, true)));
    assert_eq!((nodes.alone(), outside()), (vec![], vec![2]));
    // It is no node, and is not looked for among those that have gone.
    assert_eq!(nodes.stores[0].nodes_named().unwrap(), [ONE, TWO]);
    nodes.carry_out(&MessageMotion::NodeGone { node: ONE, heir: TWO });
    assert_eq!((nodes.alone(), outside()), (vec![2], vec![2]));
    let kept = nodes.stores[0].message(message(1).id).unwrap().unwrap();
    assert!(kept.is_safe() && kept.holders == [NodeId::BUCKET]);
    let set = MessageMotion::Set {
        message: message(2).id,
        state: MessageState::Deleted,
        at_ms: NOW_MS,
        tells: Outgoing { by: ONE, notices: Vec::new() },
    };
    nodes.carry_out(&set);
    assert_eq!(outside(), [0; 0], "a deleted one is not brought there");
    let text = format!("EXPLAIN QUERY PLAN {}", crate::store::message_motion::OUTSIDE);
    let ledger = locked(&nodes.stores[0].ledger);
    let plan: String = ledger.query_row(&text, [1, 1], |row| row.get(3)).unwrap();
    assert!(plan.contains("USING INDEX message_outside"), "{plan}");
}

#[test]
fn files_are_free_that_no_other_message_and_no_greeting_has() {
    let nodes = Three::new();
    let store = &nodes.stores[0];
    for number in 1..4 {
        nodes.carry_out(&left(&message(number), ONE));
    }
    let copy = Message { id: message(9).id, ..message(2) };
    nodes.carry_out(&left(&copy, ONE));
    let ids =
        |numbers: &[u32]| numbers.iter().map(|number| message(*number).id).collect::<Vec<_>>();
    let alone = |numbers: &[u32]| store.contents_of_these_alone(&ids(numbers)).unwrap();
    assert_eq!(store.messages_with(content(2)).unwrap(), ids(&[2, 9]));
    assert_eq!(alone(&[1]), [content(1)]);
    assert_eq!(alone(&[2]), [], "another has it, too");
    assert_eq!(alone(&[2, 9]), [content(2)]);
    locked(&store.ledger)
        .execute("INSERT INTO mailbox_greeting VALUES (1, ?1)", [content(3).to_string()])
        .unwrap();
    assert_eq!(alone(&[1, 3]), [content(1)], "a greeting has it");
}
