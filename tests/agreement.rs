//! The replicated log: real connections over loopback, real files, elections as they come. Events
//! are awaited; the only deadlines are those against hanging.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

#[path = "agreement/histories.rs"]
mod histories;
#[path = "agreement/killed.rs"]
mod killed;
#[path = "agreement/world.rs"]
mod world;

use std::collections::BTreeSet;

use bytes::Bytes;
use hallporter::domain::NodeId;
use hallporter::peers::{Agrees as _, MOTION_BYTES_MAX, ProposeError};

use world::{List, Node, STRANGE, World, soon};

fn text(number: u32) -> Bytes {
    Bytes::from(format!("motion {number}"))
}

fn nodes(numbers: &[u16]) -> BTreeSet<NodeId> {
    numbers.iter().copied().map(NodeId).collect()
}

/// Three voters; the first has founded it, and put something.
async fn three(world: &mut World) -> [Node; 3] {
    let nodes = three_silent(world).await;
    soon(nodes[0].agreement.propose(text(0))).await.unwrap();
    nodes
}

async fn three_silent(world: &mut World) -> [Node; 3] {
    let one = world.start(1).await;
    one.agreement.found().await.unwrap();
    let (two, three) = (world.start(2).await, world.start(3).await);
    for node in [2, 3] {
        soon(one.agreement.add_follower(NodeId(node))).await.unwrap();
    }
    soon(one.agreement.change_voters(nodes(&[1, 2, 3]))).await.unwrap();
    for node in [&one, &two, &three] {
        soon(node.agreement.until(|standing| standing.voters.len() == 3)).await;
    }
    [one, two, three]
}

async fn has(node: &Node, wanted: &[Bytes]) {
    soon(node.agreement.until(|_| node.list.all().len() >= wanted.len())).await;
    assert_eq!(node.list.all(), wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_alone_agrees_with_itself_and_remembers_it() {
    let mut world = World::new("alone");
    let node = world.start(1).await;
    node.agreement.found().await.unwrap();
    assert!(node.agreement.is_leader());
    for number in 0..5 {
        let agreed = soon(node.agreement.propose(text(number))).await.unwrap();
        assert_eq!(agreed.answer, Bytes::from((number + 1).to_string()));
    }
    let long = Bytes::from(vec![0; MOTION_BYTES_MAX + 1]);
    let refused = node.agreement.propose(long).await;
    assert_eq!(refused, Err(ProposeError::TooLong(MOTION_BYTES_MAX + 1)));
    node.stop().await;

    let node = world.start(1).await;
    node.agreement.found().await.unwrap();
    soon(node.agreement.propose(text(5))).await.unwrap();
    let all: Vec<Bytes> = (0..6).map(text).collect();
    assert_eq!(node.list.all(), all, "once each, in order");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_agree_whoever_proposes_and_go_on_without_the_leader() {
    let mut world = World::new("three");
    let [one, two, three] = three(&mut world).await;
    soon(one.agreement.propose(text(1))).await.unwrap();
    soon(two.agreement.propose(text(2))).await.unwrap();
    soon(three.agreement.propose(text(3))).await.unwrap();
    let mut all: Vec<Bytes> = (0..4).map(text).collect();
    for node in [&one, &two, &three] {
        has(node, &all).await;
    }

    one.stop().await;
    soon(two.agreement.until(|standing| standing.leader.is_some_and(|leader| leader != NodeId(1))))
        .await;
    soon(two.agreement.propose(text(4))).await.unwrap();
    all.push(text(4));
    has(&two, &all).await;
    has(&three, &all).await;

    let one = world.start(1).await;
    has(&one, &all).await;
    for node in [one, two, three] {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_than_most_agree_on_nothing() {
    let mut world = World::new("minority");
    world.settings.propose_ms = 1_500;
    let [one, two, three] = three(&mut world).await;
    two.stop().await;
    three.stop().await;
    let refused = soon(one.agreement.propose(text(1))).await;
    assert!(matches!(refused, Err(ProposeError::NoLeader | ProposeError::Unknown)), "{refused:?}");
    assert_eq!(one.list.all(), [text(0)]);
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_gets_what_is_not_in_the_log_any_more() {
    let mut world = World::new("newcomer");
    world.settings.snapshot_entries = 10;
    world.settings.keep_entries = 2;
    let one = world.start(1).await;
    one.agreement.found().await.unwrap();
    for number in 0..60 {
        soon(one.agreement.propose(text(number))).await.unwrap();
    }
    let two = world.start(2).await;
    soon(one.agreement.add_follower(NodeId(2))).await.unwrap();
    let all: Vec<Bytes> = (0..60).map(text).collect();
    has(&two, &all).await;
    soon(two.agreement.propose(text(60))).await.unwrap();
    has(&two, &(0..61).map(text).collect::<Vec<_>>()).await;
    assert!(!two.list.was_nowhere(), "its log was shortened before what it goes on from was kept");
    let standing = one.agreement.standing();
    assert_eq!((standing.voters, standing.followers), (vec![NodeId(1)], vec![NodeId(2)]));
    soon(one.agreement.remove(NodeId(2))).await.unwrap();
    assert_eq!(one.agreement.standing().followers, []);
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_frames_are_turned_down_and_change_nothing() {
    let mut world = World::new("broken");
    let node = world.start(1).await;
    node.agreement.found().await.unwrap();
    let bodies =
        (0..200).flat_map(|length| [0x00, 0x01, 0x7f, 0xff].map(|byte| vec![byte; length]));
    let turned_down = bodies.filter(|body: &Vec<u8>| !node.agreement.frame(NodeId(7), body));
    assert!(turned_down.count() > 0);
    soon(node.agreement.propose(text(1))).await.unwrap();
    assert_eq!(node.list.all(), [text(1)]);
    node.stop().await;
}

/// What is put in another's name does not come to stand in the log.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_in_anothers_name_is_left_out_by_the_leader() {
    let mut world = World::new("names");
    let [mut one, two, three] = three(&mut world).await;
    soon(two.agreement.until(|standing| standing.leader == Some(NodeId(1)))).await;
    let lie = Bytes::from_static(b"in the name of 3");
    let (liar, told) = (two.agreement.clone(), lie.clone());
    let putting = tokio::spawn(async move { liar.propose(told).await });
    soon(one.turned_down.wait_for(|count| *count > 0)).await.unwrap();
    // It would be put again and again.
    putting.abort();
    let own = Bytes::from_static(b"in the name of 2");
    soon(two.agreement.propose(own.clone())).await.unwrap();
    soon(three.agreement.until(|_| three.list.all().contains(&own))).await;
    assert!(!three.list.all().contains(&lie));
    for node in [one, two, three] {
        node.stop().await;
    }
}

/// What a follower has put while the leader goes comes about all the same, once.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_while_the_leader_goes_comes_about_once() {
    let mut world = World::new("forwarded");
    let [one, two, three] = three(&mut world).await;
    let mut putting = tokio::task::JoinSet::new();
    for number in 1..=40 {
        let agreement = two.agreement.clone();
        // All at once: some are at the leader, some on their way, some wait here when it goes.
        putting.spawn(async move { agreement.propose(text(number)).await });
    }
    soon(two.agreement.until(|_| one.list.all().len() > 1)).await;
    one.stop().await;
    while let Some(put) = soon(putting.join_next()).await {
        put.unwrap().unwrap();
    }
    soon(two.agreement.propose(text(41))).await.unwrap();
    for node in [&two, &three] {
        soon(node.agreement.until(|_| node.list.all().len() > 41)).await;
        let mut all = node.list.all();
        all.sort_unstable();
        let mut wanted: Vec<Bytes> = (0..=41).map(text).collect();
        wanted.sort_unstable();
        assert_eq!(all, wanted);
    }
    assert_eq!(two.list.all(), three.list.all(), "in one order");
    two.stop().await;
    three.stop().await;
}

/// The leader has it agreed on and carried out, and its answer is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_motion_whose_answer_is_lost_is_put_again_and_carried_out_once() {
    let mut world = World::new("answer-lost");
    let [one, two, three] = three(&mut world).await;
    one.way.lose(&[2]);
    let put = tokio::spawn({
        let agreement = two.agreement.clone();
        async move { agreement.propose(text(1)).await }
    });
    has(&one, &[text(0), text(1)]).await;
    // The follower has given it up: its answer was lost, and so was all else.
    soon(two.agreement.until(|standing| standing.leader.is_none())).await;
    one.way.lose(&[]);
    soon(put).await.unwrap().unwrap();
    soon(two.agreement.propose(text(2))).await.unwrap();
    for node in [&one, &two, &three] {
        has(node, &[text(0), text(1), text(2)]).await;
        assert!(node.list.again() > 0, "it stands in the log once");
    }
    for node in [one, two, three] {
        node.stop().await;
    }
}

/// What was in force before a kill is in force after it, also where nobody is there to say up to
/// where entries are agreed on.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_carried_out_before_a_kill_is_carried_out_again_without_the_others() {
    let mut world = World::new("again");
    let nodes = three(&mut world).await;
    let all: Vec<Bytes> = (0..5).map(text).collect();
    for motion in &all[1..] {
        soon(nodes[0].agreement.propose(motion.clone())).await.unwrap();
    }
    for node in &nodes {
        has(node, &all).await;
    }
    let lists = [0, 1, 2].map(|at: usize| nodes[at].list.clone());
    for node in nodes {
        node.stop().await;
    }
    lists.iter().for_each(List::lose);
    let two = world.start(2).await;
    // At once: it is there when the start is over.
    assert_eq!(two.list.all(), all);
    // It may take the one that it last voted for as the leader, until nothing comes from there.
    soon(two.agreement.until(|standing| standing.leader.is_none())).await;
    assert_eq!(two.list.all(), all);
    two.stop().await;
}

/// An entry of a newer version: nothing behind it is carried out, and nothing before it is lost.
#[tokio::test(flavor = "multi_thread")]
async fn behind_an_entry_that_is_not_understood_nothing_is_carried_out() {
    let mut world = World::new("strange");
    world.settings.propose_ms = 1_000;
    let [one, two, three] = three(&mut world).await;
    soon(one.agreement.propose(text(1))).await.unwrap();
    let strange = soon(one.agreement.propose(STRANGE)).await;
    strange.unwrap_err();
    let nodes = [one, two, three];
    for node in &nodes {
        soon(node.agreement.until(|standing| standing.strange.is_some())).await;
        soon(node.agreement.propose(text(2))).await.unwrap_err();
        assert_eq!(node.list.all(), [text(0), text(1)]);
    }
    for node in nodes {
        node.stop().await;
    }
    // It starts, and is no wiser.
    let one = world.start(1).await;
    soon(one.agreement.until(|standing| standing.strange.is_some())).await;
    assert_eq!(one.list.all(), [text(0), text(1)]);
    one.stop().await;
}
