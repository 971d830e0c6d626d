//! What an operator wants of another node's call, and what a call wants of another node's deposit:
//! asked there, and told back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::desk::Ended;
use crate::domain::{CallBackMet, CallBackQuery, CallRef, NodeId};
use crate::http::CallError;
use crate::http::wire::WhyEntry;
use crate::peers::Lane;

use super::super::house::{House, lock};
use super::super::operator;
use super::Nodes;
use super::letter::Letter;

/// How long a node may take for what an operator wants. Its proxy has a deadline of its own, which
/// is shorter; the door's is longer.
pub(crate) const WITHIN: Duration = Duration::from_secs(10);
/// The longest answer, in bytes: letters of other kinds go the same way.
const ANSWER_BYTES_MAX: usize = 128 << 10;

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Errand {
    /// A call's end.
    End(CallRef),
    /// Its slot freed, and why.
    Release(CallRef, String),
    /// What is known of it, by its number or Call-ID.
    Why(String),
    /// A call that the asking node will decide: does it meet a deposit? Then that is managed,
    /// unless the call is only rehearsed.
    Meet {
        /// The call.
        query: CallBackQuery,
        /// Whether nothing is to be done.
        rehearsed: bool,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Done {
    /// The call was ended.
    Ended,
    /// Its slot was freed.
    Released(Ended),
    /// What is known of it.
    Why(Vec<WhyEntry>),
    /// The deposit that the call meets, if it meets one.
    Met(Option<CallBackMet>),
    /// It was not done.
    Refused(CallError),
    /// It was not done, in a sentence.
    Failed(String),
}

/// Why nothing is known of an errand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotDone {
    /// The node was not asked.
    Away,
    /// It has not answered, or parted before it did.
    Silent,
}

/// Errands that other nodes were asked for; as many as requests at once, which the doors limit,
/// times the nodes. Whoever gives up asking takes his with him.
#[derive(Debug, Default)]
pub(super) struct Errands {
    given: AtomicU64,
    open: Mutex<BTreeMap<u64, (NodeId, oneshot::Sender<Done>)>>,
}

impl Errands {
    /// A node can't be spoken to any more.
    pub(super) fn parted(&self, node: NodeId) {
        lock(&self.open).retain(|_, (asked, _)| *asked != node);
    }

    /// An answer has come.
    pub(super) fn done(&self, from: NodeId, number: u64, json: &str) {
        let mut open = lock(&self.open);
        // Nobody answers for another node.
        if open.get(&number).is_none_or(|(asked, _)| *asked != from) {
            return;
        }
        if let (Some((_, sender)), Ok(done)) = (open.remove(&number), serde_json::from_str(json)) {
            // Whoever asked may have gone.
            let _ = sender.send(done);
        }
    }
}

/// An errand that is waited for.
struct Waits<'a>(&'a Errands, u64);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        lock(&self.0.open).remove(&self.1);
    }
}

/// Asks a node, and waits so long for what comes of it.
pub(crate) async fn ask(
    house: &House,
    node: NodeId,
    errand: &Errand,
    within: Duration,
) -> Result<Done, NotDone> {
    let nodes = house.nodes().ok_or(NotDone::Away)?;
    let errand = serde_json::to_string(errand).map_err(|_| NotDone::Away)?;
    let errands = &nodes.errands;
    let number = errands.given.fetch_add(1, Ordering::Relaxed) + 1;
    let (sender, answer) = oneshot::channel();
    lock(&errands.open).insert(number, (node, sender));
    let _waits = Waits(errands, number);
    let sent = nodes.send(node, Lane::Rows, &Letter::Errand { number, errand });
    sent.map_err(|_| NotDone::Away)?;
    match tokio::time::timeout(within, answer).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) | Err(_) => Err(NotDone::Silent),
    }
}

/// Another node asks for something.
pub(super) fn came(house: &Arc<House>, nodes: &Arc<Nodes>, from: NodeId, number: u64, json: &str) {
    let Ok(errand) = serde_json::from_str::<Errand>(json) else {
        return nodes.count_nonsense(from);
    };
    let (house, nodes) = (Arc::clone(house), Arc::clone(nodes));
    tokio::spawn(async move {
        let done = operator::carry_out(&house, from, errand).await;
        let done = written(&done);
        let _ = nodes.send(from, Lane::Rows, &Letter::ErrandDone { number, done });
    });
}

fn written(done: &Done) -> String {
    let json = serde_json::to_string(done).ok().filter(|json| json.len() <= ANSWER_BYTES_MAX);
    json.unwrap_or_else(|| {
        r#"{"Failed":"the answer is too long to be sent: ask there"}"#.to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::NodeId;

    #[test]
    fn nobody_answers_for_another_node_and_none_that_parted() {
        let errands = Errands::default();
        let open = |number, node| {
            let (sender, answer) = oneshot::channel();
            lock(&errands.open).insert(number, (NodeId(node), sender));
            answer
        };
        let (mut second, mut third) = (open(1, 2), open(2, 3));
        let ended = written(&Done::Ended);
        errands.done(NodeId(3), 1, &ended);
        assert!(second.try_recv().is_err());
        errands.done(NodeId(2), 1, &ended);
        assert_eq!(second.try_recv(), Ok(Done::Ended));
        errands.parted(NodeId(3));
        errands.done(NodeId(3), 2, &ended);
        assert_eq!(third.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }

    #[test]
    fn whoever_gives_up_leaves_nothing_behind() {
        let errands = Errands::default();
        let (sender, _answer) = oneshot::channel();
        lock(&errands.open).insert(1, (NodeId(2), sender));
        drop(Waits(&errands, 1));
        assert!(lock(&errands.open).is_empty());
    }

    #[test]
    fn what_was_done_comes_back_as_it_was_said() {
        let call = CallRef::new(NodeId(2), 1, 7);
        let refused = Done::Refused(CallError::NotAnswered { call });
        for done in [Done::Ended, refused, Done::Why(vec![])] {
            assert_eq!(serde_json::from_str::<Done>(&written(&done)).unwrap(), done);
        }
        let long = Done::Failed("x".repeat(ANSWER_BYTES_MAX));
        let told: Done = serde_json::from_str(&written(&long)).unwrap();
        assert!(matches!(told, Done::Failed(sentence) if sentence.contains("too long")));
    }
}
