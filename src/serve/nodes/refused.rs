//! Who was refused lately, for whoever asks what is wrong.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use crate::domain::NodeId;
use crate::http::wire::RefusedView;
use crate::peers::{Refusal, Side};

/// The most that are remembered; a further one takes the place of the oldest.
const REMEMBERED_MAX: usize = 64;
/// How long they are remembered, milliseconds.
const REMEMBER_MS: u64 = 300_000;

/// How often it is said at most that a node which was removed calls, milliseconds.
const SAY_EVERY_MS: u64 = 60_000;

/// When it was said last of which node that was removed, milliseconds on the monotonic clock.
#[derive(Debug, Default)]
pub(super) struct TurnedAway(Mutex<BTreeMap<NodeId, u64>>);

impl TurnedAway {
    /// Once more; whether it is to be said.
    pub(super) fn note(&self, node: NodeId, mono_ms: u64) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lately = said.get(&node).is_some_and(|at_ms| mono_ms < at_ms + SAY_EVERY_MS);
        if !lately {
            said.insert(node, mono_ms);
        }
        !lately
    }
}

/// Where, by this node or not, why.
type Which = (SocketAddr, bool, Refusal);

/// When it was the last time, milliseconds on the monotonic clock.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<BTreeMap<Which, u64>>);

impl Refusals {
    /// One more.
    pub(super) fn note(&self, address: SocketAddr, by: Side, refusal: Refusal, mono_ms: u64) {
        let which = (address, by == Side::Here, refusal);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED_MAX && !known.contains_key(&which) {
            let oldest = known.iter().min_by_key(|(_, at_ms)| **at_ms).map(|(which, _)| *which);
            oldest.and_then(|oldest| known.remove(&oldest));
        }
        known.insert(which, mono_ms);
    }

    /// Those of the last minutes. `is_node`: whether a node is at an address.
    pub(super) fn lately(
        &self,
        mono_ms: u64,
        is_node: impl Fn(SocketAddr) -> bool,
    ) -> Vec<RefusedView> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let late = |(_, at_ms): &(&Which, &u64)| at_ms.saturating_add(REMEMBER_MS) > mono_ms;
        let views = known.iter().filter(late).map(|((address, here, refusal), _)| RefusedView {
            address: address.to_string(),
            by: if *here { "here" } else { "there" }.to_owned(),
            why: refusal.label().to_owned(),
            sentence: refusal.to_string(),
            // What a stranger could bring about is no trouble of the cluster.
            of_cluster: !here || is_node(*address) || only_nodes(*refusal),
        });
        views.collect()
    }
}

/// Whether only somebody with a certificate of the cluster is refused for it.
fn only_nodes(refusal: Refusal) -> bool {
    matches!(
        refusal,
        Refusal::OtherNode | Refusal::SameNumber | Refusal::SameName | Refusal::OlderStart
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn only_the_last_ones_are_remembered_and_only_for_a_while() {
        let refusals = Refusals::default();
        for port in 1..=100 {
            refusals.note(at(port), Side::Here, Refusal::SameName, port.into());
        }
        let lately = refusals.lately(100, |_| false);
        assert_eq!(lately.len(), REMEMBERED_MAX);
        assert!(lately.iter().all(|view| view.address != at(36).to_string()));
        assert_eq!(refusals.lately(REMEMBER_MS + 99, |_| false).len(), 1);
    }

    #[test]
    fn of_a_node_that_calls_again_and_again_it_is_said_now_and_then() {
        let turned = TurnedAway::default();
        assert!(turned.note(NodeId(3), 5));
        assert!(!turned.note(NodeId(3), SAY_EVERY_MS));
        assert!(turned.note(NodeId(4), SAY_EVERY_MS));
        assert!(turned.note(NodeId(3), SAY_EVERY_MS + 5));
    }

    #[test]
    fn strangers_are_no_trouble() {
        let refusals = Refusals::default();
        refusals.note(at(1), Side::Here, Refusal::OtherAuthority, 0);
        refusals.note(at(2), Side::Here, Refusal::OtherAuthority, 0);
        refusals.note(at(3), Side::There, Refusal::OtherAuthority, 0);
        let lately = refusals.lately(1, |address| address == at(2));
        assert_eq!(
            lately.iter().map(|view| view.of_cluster).collect::<Vec<_>>(),
            [false, true, true]
        );
    }
}
