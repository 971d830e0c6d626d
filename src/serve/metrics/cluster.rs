//! The figures of a cluster; without one nothing is said of it.

use crate::admission::RightsSum;
use crate::desk::Figures;
use crate::http::wire::{NodeView, Role};
use crate::peers::{Refusal, Side};

use super::super::house::House;
use super::super::nodes::Nodes;
use super::Page;

pub(super) fn cluster(page: &mut Page, figures: &Figures, house: &House) {
    let Some(nodes) = house.nodes() else { return };
    let view = nodes.view(house, None);
    let up = view.nodes.iter().filter(|node| node.up).count();
    page.gauge("hallporter_cluster_nodes", "Nodes of the cluster.", view.nodes.len());
    page.gauge("hallporter_cluster_nodes_up", "Nodes that answer, this one too.", up);
    page.gauge("hallporter_cluster_voters", "Nodes that have a vote.", view.voters);
    let leads = u8::from(view.role == Role::Leader);
    page.gauge("hallporter_cluster_leader", "This node leads.", leads);
    let quorum = u8::from(view.quorum);
    page.gauge("hallporter_cluster_quorum", "More than half of the voters are reached.", quorum);
    page.gauge("hallporter_log_applied", "The last entry carried out here.", view.applied);
    page.gauge("hallporter_log_committed", "The last entry agreed on.", view.committed);
    let fenced = u8::from(house.desk().is_fenced());
    page.gauge("hallporter_fenced", "The ledger takes this start for over.", fenced);
    let certificate_s = view.certificate_s;
    let help = "For how long this node's certificate is good.";
    page.gauge("hallporter_certificate_seconds", help, certificate_s);
    page.gauge(
        "hallporter_questions_waiting",
        "Calls that wait for rights of other nodes.",
        view.waiting.calls,
    );
    let kept = nodes.rows.directory().events();
    page.gauge("hallporter_events_kept", "Events that wait for nodes that are away.", kept);
    rights(page, figures, house);
    each(page, &view.nodes);
    way(page, nodes);
}

/// This node's rights, each cap for itself; and how they come and go.
fn rights(page: &mut Page, figures: &Figures, house: &House) {
    let (mut sum, mut next) = (RightsSum::default(), Some(0));
    while let Some(from) = next {
        next = house.desk().add_up_rights(&mut sum, from);
    }
    for (name, help, count) in [
        ("hallporter_rights_held", "Rights that this node holds.", sum.held),
        ("hallporter_rights_free", "Of these, free for the next call.", sum.free),
        (
            "hallporter_rights_frozen",
            "Of these, not to be used until the proxies were asked.",
            sum.frozen,
        ),
        ("hallporter_rights_missing", "Rights that calls here would need.", sum.overdraft),
    ] {
        page.gauge(name, help, count);
    }
    for (name, help, count) in [
        ("hallporter_calls_overdraft", "Calls let through beyond the rights.", figures.overdrafts),
        ("hallporter_recalls_sent", "Rights asked back of other nodes.", figures.recalls_sent),
        (
            "hallporter_recalls_received",
            "Rights asked back by other nodes.",
            figures.recalls_received,
        ),
    ] {
        page.counter(name, help, count);
    }
}

/// One line for each other node.
fn each(page: &mut Page, nodes: &[NodeView]) {
    let others = || nodes.iter().filter(|node| !node.here);
    page.head("hallporter_peer_up", "gauge", "Another node answers.");
    for node in others() {
        page.labelled("hallporter_peer_up", "peer", &node.name, u64::from(node.up));
    }
    page.head("hallporter_peer_connected", "gauge", "There is a connection with another node.");
    for node in others() {
        page.labelled("hallporter_peer_connected", "peer", &node.name, u64::from(node.connected));
    }
    page.head("hallporter_peer_clock_offset_seconds", "gauge", "How far its clock is ahead.");
    for node in others() {
        seconds(page, "hallporter_peer_clock_offset_seconds", node, node.clock_offset_ms);
    }
    page.head("hallporter_peer_trip_seconds", "gauge", "A question to it and the answer.");
    for node in others() {
        seconds(page, "hallporter_peer_trip_seconds", node, node.trip_ms);
    }
    page.head("hallporter_peer_lag_seconds", "gauge", "Since when rows of it are missing here.");
    for node in others() {
        let lag_ms = node.lag_ms.and_then(|ms| i64::try_from(ms).ok());
        seconds(page, "hallporter_peer_lag_seconds", node, lag_ms);
    }
    let help = "Its rows are other ones here than there, although none is missing.";
    page.head("hallporter_peer_diverged", "gauge", help);
    for node in others() {
        if let Some(diverged) = node.diverged {
            page.labelled("hallporter_peer_diverged", "peer", &node.name, u64::from(diverged));
        }
    }
    page.head("hallporter_peer_lag_rows", "gauge", "How many rows of it are missing here.");
    for node in others() {
        if let Some(rows) = node.lag_rows {
            page.labelled("hallporter_peer_lag_rows", "peer", &node.name, rows);
        }
    }
}

fn seconds(page: &mut Page, name: &str, node: &NodeView, ms: Option<i64>) {
    let Some(ms) = ms else { return };
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of years fit")]
    let seconds = ms as f64 / 1e3;
    page.line(name, &format!("{{peer=\"{}\"}}", node.name), seconds);
}

/// What went over the way, and who was refused on it.
fn way(page: &mut Page, nodes: &Nodes) {
    let figures = nodes.endpoint.figures();
    for (name, help, count) in [
        ("hallporter_frames_sent", "Frames taken for sending.", figures.frames_sent),
        (
            "hallporter_frames_refused",
            "Frames not sent: nobody there, or too many.",
            figures.frames_refused,
        ),
        ("hallporter_frames_received", "Frames that came.", figures.frames_received),
        ("hallporter_datagrams_sent", "Datagrams sent.", figures.datagrams_sent),
        ("hallporter_datagrams_dropped", "Datagrams not sent.", figures.datagrams_dropped),
        (
            "hallporter_datagrams_unread",
            "Datagrams that came and were not read.",
            figures.datagrams_unread,
        ),
        (
            "hallporter_letters_nonsense",
            "Letters and packets that made no sense.",
            nodes.nonsense(),
        ),
    ] {
        page.counter(name, help, count);
    }
    page.head("hallporter_peers_refused", "counter", "Connections refused, by whom and why.");
    for (by, side) in [("here", Side::Here), ("there", Side::There)] {
        for refusal in Refusal::ALL {
            let count = nodes.endpoint.refused(side, refusal);
            let labels = format!("{{by=\"{by}\",why=\"{}\"}}", refusal.label());
            page.line("hallporter_peers_refused_total", &labels, count);
        }
    }
}
