//! Events of other nodes' calls: passed on at once, and kept until their node has them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::desk::Input;
use crate::domain::{CallEvent, EventKind, NodeId};
use crate::peers::Lane;

use super::super::house::{House, lock};
use super::Nodes;
use super::letter::Letter;
use super::rows::Rows;

/// How many kept events are sent to a node before it has acknowledged the last of them.
const BATCH: usize = 256;

/// What was sent to whom of what is kept.
#[derive(Debug, Default)]
pub(super) struct Batches(Mutex<BTreeMap<NodeId, Batch>>);

#[derive(Clone, Copy, Debug, Default)]
struct Batch {
    /// Its last event: with its acknowledgement the next batch is sent.
    last: u64,
    /// What was kept before the last second began. What is younger may still be under way.
    settled: u64,
}

fn is_over(kind: EventKind) -> bool {
    matches!(kind, EventKind::End | EventKind::Failed)
}

impl Rows {
    /// Passes an event on if its call is another node's: whether it is. What is told of a call that
    /// nobody is known to have is told to all, since its row may be on the way. The end of a call
    /// that two nodes have (one has answered too late, and the proxy has asked the other) ends it
    /// at both.
    pub(crate) fn pass_on(&self, house: &House, nodes: &Nodes, event: &CallEvent) -> bool {
        let own = house.desk().find_call(&event.call_id).is_some();
        if own && !is_over(event.kind) {
            return false;
        }
        let far: Vec<NodeId> =
            self.directory().find_all(&event.call_id).map(|far| far.node).collect();
        if own && far.is_empty() {
            return false;
        }
        let Ok(json) = serde_json::to_string(event) else { return false };
        if far.is_empty() {
            if event.kind != EventKind::Wake {
                for peer in nodes.connected() {
                    let letter = Letter::CallEvent { number: 0, event: json.clone() };
                    let _ = nodes.send(peer, Lane::Rows, &letter);
                }
            }
            return false;
        }
        for node in far {
            // A device that is woken later is woken for nothing.
            let is_wake = event.kind == EventKind::Wake;
            let number = if is_wake { 0 } else { self.keep(house, node, &json) };
            let _ =
                nodes.send(node, Lane::Rows, &Letter::CallEvent { number, event: json.clone() });
        }
        !own
    }

    /// The number under which it is kept; 0: it is not.
    fn keep(&self, house: &House, node: NodeId, json: &str) -> u64 {
        let kept = self.directory().keep_event(node, house.now().wall_ms, json);
        if kept.is_none() {
            tracing::warn!(
                node = node.0,
                "an event of another node's call was not kept: too many wait for nodes that are away"
            );
        }
        house.store.wake_for_kept();
        kept.unwrap_or(0)
    }

    /// A peer can be spoken to: what was sent before is lost.
    pub(super) fn begin_events(&self, nodes: &Nodes, peer: NodeId) {
        lock(&self.batches.0).remove(&peer);
        self.send_events(nodes, peer, u64::MAX);
    }

    /// Once a second: what the peer has not acknowledged since the last time.
    pub(super) fn send_events_again(&self, nodes: &Nodes, peer: NodeId) {
        let newest = self.directory().last_event();
        let settled = {
            let mut batches = lock(&self.batches.0);
            let batch = batches.entry(peer).or_default();
            std::mem::replace(&mut batch.settled, newest)
        };
        self.send_events(nodes, peer, settled);
    }

    /// A peer has an event.
    pub(super) fn event_taken(&self, house: &House, nodes: &Nodes, peer: NodeId, number: u64) {
        self.directory().event_taken(peer, number);
        house.store.wake_for_kept();
        let batch = lock(&self.batches.0).get(&peer).copied().unwrap_or_default();
        if batch.last == number {
            self.send_events(nodes, peer, u64::MAX);
        }
    }

    /// Sends the oldest of what is kept, up to a number.
    fn send_events(&self, nodes: &Nodes, peer: NodeId, upto: u64) {
        let events: Vec<(u64, String)> = {
            let directory = self.directory();
            let kept = directory.events_for(peer).take_while(|(number, _)| *number <= upto);
            kept.take(BATCH).map(|(number, event)| (number, event.to_owned())).collect()
        };
        let Some((last, _)) = events.last() else { return };
        lock(&self.batches.0).entry(peer).or_default().last = *last;
        for (number, event) in events {
            if nodes.send(peer, Lane::Rows, &Letter::CallEvent { number, event }).is_err() {
                return;
            }
        }
    }
}

/// An event of a call has come from another node. One that is numbered waits there until it is
/// acknowledged.
pub(super) fn event_came(
    house: &Arc<House>,
    nodes: &Nodes,
    from: NodeId,
    (number, json): (u64, &str),
) {
    if let Ok(event) = serde_json::from_str::<CallEvent>(json) {
        // A late start would bring a call back that is over. An end leaves its mark at the desk,
        // for a question that it has overtaken.
        if is_over(event.kind) || house.desk().find_call(&event.call_id).is_some() {
            house.handle(Input::Event(event));
        }
    }
    if number > 0 {
        let _ = nodes.send(from, Lane::Rows, &Letter::CallEventTaken { number });
    }
}
