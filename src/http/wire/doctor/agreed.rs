//! What is said of what is agreed on: whether it can be, and whether it is carried out here.

use super::super::{ClusterView, Role};

/// For so long a call may wait for rights; its own deadline is far below, milliseconds.
const WAITING_MS_MAX: u64 = 1_000;
/// So many entries of the log may be under way to the disk.
const LOG_LAG_MAX: u64 = 1_000;

/// Why nothing is carried out at this node.
pub(super) fn log(view: &ClusterView, find: &mut impl FnMut(String, &str)) {
    if let Some(sentence) = &view.log {
        find(
            format!("what is agreed on is not kept or carried out here: {sentence}"),
            "if it is of a newer version, bring this node to the version of the others; else look at the disk that ledger.db is on. Until then this node decides by older caps, from the rights it holds",
        );
    }
}

/// Why a node that is leaving is still there.
pub(super) fn leaving(view: &ClusterView, find: &mut impl FnMut(String, &str)) {
    if let Some(why) = &view.hindered {
        find(
            format!("{} can't leave yet: {why}", view.node),
            "it goes as soon as it can; if it is to stay, start its daemon anew",
        );
    }
}

/// Whether anything can be agreed on.
pub(super) fn voters(view: &ClusterView, find: &mut impl FnMut(String, &str)) {
    if !view.quorum && view.voters == 0 {
        find(
            "this node does not know yet who has a vote: nothing can be agreed on".to_owned(),
            "wait some seconds; if it stays so, see that it reaches other nodes, and its log",
        );
    } else if !view.quorum {
        let down = view.voters.saturating_sub(view.voters_reached);
        find(
            format!("{down} of {} voters are not reached: nothing can be agreed on", view.voters),
            "start the voters that are down, or mend the way to them; calls go on with the rights that each node holds",
        );
    } else if view.leader.is_none() {
        find(
            "no node leads".to_owned(),
            "wait some seconds; if it stays so, look whether voters reach each other",
        );
    }
    let answering = view.nodes.iter().filter(|node| node.role != Role::Witness).count();
    if view.voters == 1 && view.nodes.len() >= 3 {
        find(
            format!("only one of {} nodes has a vote: its end stops everything", view.nodes.len()),
            "make it three by `hallporter cluster voters set NAME NAME NAME`",
        );
    } else if view.voters == 2 {
        find(
            format!(
                "two nodes have a vote: if either is down, nothing can be agreed on ({answering} nodes answer calls)"
            ),
            "add a third node, or a witness with `hallporter serve --join … --witness`",
        );
    }
}

/// What is not done in time at this node.
pub(super) fn behind(view: &ClusterView, find: &mut impl FnMut(String, &str)) {
    let lag = view.committed.saturating_sub(view.applied);
    if lag > LOG_LAG_MAX {
        find(
            format!("{lag} entries of the log are agreed on and not carried out here yet"),
            "look at the disk of this node (`iostat`) and at its load; until it has caught up it decides by older caps and rights",
        );
    }
    let waiting = view.waiting;
    if waiting.calls > 0 && waiting.oldest_ms > WAITING_MS_MAX {
        find(
            format!(
                "{} calls wait for rights of other nodes, the oldest for {} ms",
                waiting.calls, waiting.oldest_ms
            ),
            "this daemon does not come to it in time: look at the load of the machine; the proxies have given these calls up",
        );
    } else if waiting.calls > 0 && waiting.calls >= waiting.max {
        find(
            format!("{} calls wait for rights of other nodes: as many as may", waiting.calls),
            "further ones are decided at once, without asking: see whether all nodes are reached and somebody leads; if this is the usual load, raise cluster.waiting_max",
        );
    }
}
