//! How far the clocks of the nodes are apart: asked every ten seconds, as NTP does it.

use std::sync::Arc;

use crate::domain::NodeId;
use crate::peers::Lane;

use super::super::house::House;
use super::Nodes;
use super::letter::Letter;

/// An answer that took longer says nothing of the clock.
const TRIP_MAX_MS: i64 = 1_000;

/// Asks everybody who is connected.
pub(super) fn ask(house: &House, nodes: &Nodes) {
    for node in nodes.connected() {
        ask_one(house, nodes, node);
    }
}

/// Asks one.
pub(super) fn ask_one(house: &House, nodes: &Nodes, node: NodeId) {
    let asked_ms = house.now().wall_ms;
    let _ = nodes.send(node, Lane::Rows, &Letter::Clock { asked_ms });
}

pub(super) fn answer(house: &House, nodes: &Nodes, to: NodeId, asked_ms: i64) {
    let now_ms = house.now().wall_ms;
    let _ = nodes.send(to, Lane::Rows, &Letter::ClockIs { asked_ms, now_ms });
}

/// The other clock showed `now_ms` somewhere between question and answer.
pub(super) fn answered(
    house: &Arc<House>,
    nodes: &Nodes,
    from: NodeId,
    asked_ms: i64,
    now_ms: i64,
) {
    let there_ms = house.now().wall_ms;
    let trip_ms = there_ms.saturating_sub(asked_ms);
    // This node's own clock was set meanwhile, or the letter was held up on its way: of that long a
    // trip nobody knows which half took longer.
    if !(0..=TRIP_MAX_MS).contains(&trip_ms) {
        return;
    }
    let offset_ms = now_ms.saturating_sub(asked_ms.saturating_add(trip_ms / 2));
    nodes.clock_is(from, offset_ms, trip_ms);
}
