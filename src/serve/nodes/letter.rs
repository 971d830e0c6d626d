//! What nodes say to each other, besides what is agreed on: one letter a frame, in the lanes `Rows`
//! and `Whole`.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cluster::{Frame, Marks, Packed};
use crate::desk::Input;
use crate::domain::{NodeId, PoolId, RowKey};
use crate::http::wire::SharingView;

use super::super::house::House;
use super::{Nodes, clocks, errands, passed};

/// One letter. New ones stand at the end: a node of another version that does not know them drops
/// them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Letter {
    /// The first one over a connection.
    Greeting {
        /// Where the sender is reached.
        reach: SocketAddr,
        /// The version of its program.
        version: String,
        /// Whether it only has a vote.
        witness: bool,
    },
    /// What time is it there?
    Clock {
        /// When it was asked, milliseconds since 1970 by the asker's clock.
        asked_ms: i64,
    },
    /// The answer.
    ClockIs {
        /// As in the question.
        asked_ms: i64,
        /// When it was answered, milliseconds since 1970 by the sender's clock.
        now_ms: i64,
    },
    /// Rights are wanted elsewhere: a hint, and nothing is lost with it.
    Recall {
        /// Of which pool.
        pool: PoolId,
        /// By whom.
        beneficiary: NodeId,
        /// How many.
        want: u32,
    },
    /// The cluster's authority, certificate and key, for a node that may have to let others in.
    Authority(String),
    /// The receiver is not in the cluster any more.
    Removed,
    /// The list of nodes as it stands at the sender, JSON.
    Roll(String),
    /// Rows of a node.
    Rows(Frame<RowKey, Packed>),
    /// What the sender knows of all nodes' rows.
    Marks(Marks),
    /// Something happened to a call of the receiver.
    CallEvent {
        /// For the acknowledgement; 0: none is waited for.
        number: u64,
        /// What, JSON.
        event: String,
    },
    /// The sender has the event.
    CallEventTaken {
        /// Which.
        number: u64,
    },
    /// An operator wants something of a call of the receiver.
    Errand {
        /// For the answer.
        number: u64,
        /// What, JSON.
        errand: String,
    },
    /// The answer.
    ErrandDone {
        /// As in the question.
        number: u64,
        /// What came of it, JSON.
        done: String,
    },
    /// The sender sees these calls in the list of a proxy, and the receiver counts them too: their
    /// SIP Call-IDs.
    Elsewhere(Vec<String>),
    /// The sender sees these calls in the list of a proxy and does not count them; the receiver
    /// does, and so does another node, which keeps them.
    Kept {
        /// Their SIP Call-IDs.
        calls: Vec<String>,
        /// Who keeps them.
        keeper: NodeId,
    },
    /// How the sender shares rights: after its greeting, and when that changes.
    Sharing {
        /// How many calls it carries beyond its rights of a cap.
        overdraft: u32,
        /// After how long it takes a node for dead, in milliseconds; `None`: never.
        release_after_ms: Option<u64>,
    },
    /// The sender leaves, and waits for nothing but that others have its vote. Holds for this
    /// connection.
    Going,
}

/// A letter has come.
pub(crate) fn take(house: &Arc<House>, nodes: &Arc<Nodes>, from: NodeId, bytes: &[u8]) {
    let letter = match postcard::from_bytes::<Letter>(bytes) {
        Ok(letter) => letter,
        Err(error) => {
            nodes.count_nonsense(from);
            tracing::debug!(node = from.0, %error, "a letter can't be read");
            return;
        }
    };
    match letter {
        Letter::Greeting { reach, version, witness } => {
            nodes.greeted(from, reach, version, witness);
        }
        Letter::Clock { asked_ms } => clocks::answer(house, nodes, from, asked_ms),
        Letter::ClockIs { asked_ms, now_ms } => {
            clocks::answered(house, nodes, from, asked_ms, now_ms);
        }
        Letter::Recall { pool, beneficiary, want } => {
            tracing::trace!(node = from.0, ?pool, to = beneficiary.0, want, "rights are wanted");
            house.handle(Input::Recalled { pool, beneficiary, want });
        }
        Letter::Authority(pem) => nodes.entrusted(from, &pem),
        Letter::Removed => nodes.removed_here(),
        Letter::Going => nodes.book().entry(from).going = true,
        Letter::Roll(text) => house.roll.take_over(&text),
        Letter::Rows(frame) => nodes.rows.take(house, frame),
        Letter::Marks(marks) => nodes.rows.take_marks(from, marks, house.now()),
        Letter::CallEvent { number, event } => {
            passed::event_came(house, nodes, from, (number, &event));
        }
        Letter::Elsewhere(calls) => {
            for call_id in calls {
                let call_id = call_id.into();
                house.handle(Input::Elsewhere { call_id, node: from, seen: true });
            }
        }
        Letter::Kept { calls, keeper } => {
            for call_id in calls {
                let call_id = call_id.into();
                house.handle(Input::Elsewhere { call_id, node: keeper, seen: false });
            }
        }
        Letter::Sharing { overdraft, release_after_ms } => {
            let sharing = SharingView { overdraft, release_after_ms };
            nodes.book().entry(from).sharing = Some(sharing);
        }
        Letter::CallEventTaken { number } => nodes.rows.event_taken(house, nodes, from, number),
        Letter::Errand { number, errand } => errands::came(house, nodes, from, number, &errand),
        Letter::ErrandDone { number, done } => nodes.errands.done(from, number, &done),
    }
}

/// A peer can be spoken to: what was sent before is lost.
pub(crate) fn connected(house: &Arc<House>, nodes: &Arc<Nodes>, node: NodeId) {
    nodes.rows.connected(house, nodes, node);
}

/// A peer can't be spoken to any more.
pub(crate) fn parted(house: &Arc<House>, nodes: &Arc<Nodes>, node: NodeId) {
    nodes.rows.parted(house, node);
    nodes.errands.parted(node);
}
