//! What is said of a node that is down.

use std::time::Duration;

use crate::text::show_duration;

use super::super::{ClusterView, NodeView};

/// For so long a node may be down before what it holds is told of, milliseconds: a start takes less.
const DOWN_MS_MAX: i64 = 60_000;

/// A node that is down, and what it holds.
pub(super) fn find_in(view: &ClusterView, node: &NodeView, find: &mut impl FnMut(String, &str)) {
    let name = &node.name;
    let down_ms = node.since_ms.map(|since_ms| view.at_ms.saturating_sub(since_ms));
    let held = node.reserved.filter(|reserved| reserved.rights > 0);
    // Taking it out has to be agreed on.
    let in_vain =
        "start it: nobody can be taken out before more than half of the voters are reached";
    let Some(held) = held.filter(|_| down_ms.is_none_or(|ms| ms > DOWN_MS_MAX)) else {
        let remove = format!(
            "start it; if it is gone for good, `hallporter cluster remove {name}` frees the rights that it holds"
        );
        let advice = if view.quorum { remove.as_str() } else { in_vain };
        return find(format!("{name} is down"), advice);
    };
    let since = match down_ms.map(|ms| u64::try_from(ms / 60_000).unwrap_or_default()) {
        Some(minutes) => format!("for {}", show_duration(Duration::from_secs(minutes * 60))),
        None => "since before this node was started".to_owned(),
    };
    let what = format!(
        "{name} is down {since} and holds {} rights of {} caps of {} accounts: nobody else can use them",
        held.rights, held.caps, held.accounts
    );
    let costs = match held.strict {
        0 => "calls still up there are not counted then".to_owned(),
        strict => format!(
            "calls still up there are not counted then, so {strict} accounts with policy strict may carry more than their caps until these end"
        ),
    };
    let remove = format!(
        "start it; if it is off for good, `hallporter cluster remove {name}` frees them: {costs}"
    );
    find(what, if view.quorum { &remove } else { in_vain });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_to_be_taken_out_by_its_name_and_only_where_that_can_be_agreed_on() {
        let advice = |quorum| {
            let view = ClusterView { quorum, ..ClusterView::default() };
            let node = NodeView { name: "b".to_owned(), ..NodeView::default() };
            let mut advices = Vec::new();
            find_in(&view, &node, &mut |_, advice| advices.push(advice.to_owned()));
            advices.remove(0)
        };
        assert!(advice(true).contains("`hallporter cluster remove b`"), "{}", advice(true));
        assert!(!advice(false).contains("cluster remove"), "{}", advice(false));
    }
}
