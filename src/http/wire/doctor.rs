//! What is wrong with a cluster, and what to do about it: from what one node sees of it.

mod agreed;
mod down;

use std::time::Duration;

use crate::text::show_duration;

use super::{BucketView, ClusterView, Finding, Findings, NodeView, RefusedView, SharingView};

/// From so far on a clock is a trouble, milliseconds.
pub const CLOCK_OFF_MS_MAX: i64 = 1_000;
/// A certificate that ends within this is one that was not renewed, seconds.
const CERTIFICATE_S_MIN: i64 = 14 * 86_400;
/// Rows that are missing for so long are a trouble, milliseconds.
const LAG_MS_MAX: u64 = 10_000;

/// Everything that is wrong, the worst first.
#[must_use]
pub fn findings(view: &ClusterView) -> Findings {
    let mut found = Vec::new();
    let mut find = |what: String, advice: &str| {
        found.push(Finding { what, advice: advice.to_owned() });
    };
    if view.removed {
        find(
            format!("{} was removed from the cluster {}", view.node, view.cluster),
            "make a token at another node and let this one join anew, or stop it",
        );
    }
    if let Some(sentence) = &view.disk {
        find(
            format!("what is agreed on can't be written down here: {sentence}"),
            "make room on the disk, or replace it; until then this node decides from the rights it holds",
        );
    }
    agreed::log(view, &mut find);
    agreed::voters(view, &mut find);
    agreed::behind(view, &mut find);
    agreed::leaving(view, &mut find);
    if view.certificate_s < CERTIFICATE_S_MIN {
        find(
            format!(
                "the certificate of {} ends in {} hours",
                view.node,
                view.certificate_s / 3_600
            ),
            "see that another node is connected and that its log does not refuse it; an ended certificate needs a new token and --join",
        );
    }
    for refused in view.refused.iter().filter(|refused| refused.of_cluster) {
        let RefusedView { address, by, sentence, .. } = refused;
        let what = match by.as_str() {
            "here" => format!("the node at {address} is refused here: {sentence}"),
            _ => format!("the node at {address} refuses this one: {sentence}"),
        };
        find(
            what,
            "see docs/cluster.md, \"Who is refused, and why\"; this is gone five minutes after the last time",
        );
    }
    for node in view.nodes.iter().filter(|node| !node.here) {
        other(view, node, &mut find);
    }
    if view.messages_unsafe > 0 {
        find(
            format!("one node alone has the recordings of {} messages", view.messages_unsafe),
            "`message list` says which (\"at one node\"); they are copied as soon as a node with a spool is reached and has room",
        );
    }
    if let Some(bucket) = &view.bucket {
        in_bucket(bucket, &mut find);
    }
    Findings { findings: found }
}

fn in_bucket(bucket: &BucketView, find: &mut impl FnMut(String, &str)) {
    let waiting = bucket.waiting;
    if let Some(trouble) = &bucket.trouble {
        find(
            format!(
                "recordings do not reach the bucket, {waiting} messages wait for it: {trouble}"
            ),
            "until then each goes to a second node, and what was deleted stays; both is made up for by itself",
        );
    } else if waiting > 0 {
        find(
            format!("{waiting} messages are not in the bucket yet"),
            "they are brought there by the nodes that have them; if there are not fewer after a while, see the logs of those",
        );
    }
}

fn words(sharing: SharingView) -> String {
    let after = sharing.release_after_ms.map(Duration::from_millis).map(show_duration);
    let after = after.unwrap_or_else(|| "never".to_owned());
    format!("overdraft = {}, release_after = {after}", sharing.overdraft)
}

fn other(view: &ClusterView, node: &NodeView, find: &mut impl FnMut(String, &str)) {
    let name = &node.name;
    if !node.up {
        return down::find_in(view, node, find);
    }
    if !node.connected {
        find(
            format!("{name} is up, and this node has no connection with it"),
            "let UDP through in both directions between the two, port of cluster.listen",
        );
    }
    if let Some(offset_ms) = node.clock_offset_ms.filter(|ms| ms.abs() > CLOCK_OFF_MS_MAX) {
        find(
            format!("the clock of {name} is {offset_ms} ms ahead of this node's"),
            "let an NTP client run at both; no count depends on it, but certificates and times do",
        );
    }
    let own = view.nodes.iter().find(|node| node.here).and_then(|node| node.version.as_ref());
    if let (Some(own), Some(version)) = (own, &node.version)
        && own != version
    {
        find(
            format!("{name} runs version {version}, this node {own}"),
            "bring all nodes to one version, one after the other",
        );
    }
    let own = view.nodes.iter().find(|node| node.here).and_then(|node| node.sharing);
    if let (Some(own), Some(sharing)) = (own, node.sharing)
        && own != sharing
    {
        find(
            format!("{name} shares rights by {}, this node by {}", words(sharing), words(own)),
            "write the same in [cluster] of all nodes and reload them (SIGHUP): what `account show` says of caps counts on it",
        );
    }
    if node.diverged == Some(true) {
        find(
            format!("the copy of the rows of {name} differs from its own"),
            "wait a minute: it is repaired by itself; if it stays so, report it with both logs",
        );
    } else if node.lag_ms.is_some_and(|ms| ms > LAG_MS_MAX) {
        find(
            format!(
                "rows of {name} are missing here for {} s",
                node.lag_ms.unwrap_or_default() / 1_000
            ),
            "look at the way between the two (loss, room for UDP) and at the load of both",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ReservedView, Role, WaitingView};
    use super::*;

    fn node(name: &str, role: Role) -> NodeView {
        let version = Some("1".to_owned());
        let (name, here) = (name.to_owned(), name == "a");
        NodeView { name, role, here, up: true, connected: true, version, ..NodeView::default() }
    }

    fn healthy() -> ClusterView {
        ClusterView {
            cluster: "voice".to_owned(),
            node: "a".to_owned(),
            leader: Some("a".to_owned()),
            quorum: true,
            voters: 3,
            certificate_s: 80 * 86_400,
            nodes: vec![
                node("a", Role::Leader),
                node("b", Role::Voter),
                node("c", Role::Voter),
                node("d", Role::Follower),
            ],
            ..ClusterView::default()
        }
    }

    fn told(change: impl FnOnce(&mut ClusterView)) -> Vec<String> {
        let mut view = healthy();
        change(&mut view);
        findings(&view).findings.into_iter().map(|finding| finding.what).collect()
    }

    fn waiting(calls: u64, oldest_ms: u64) -> WaitingView {
        WaitingView { calls, max: 9, oldest_ms }
    }

    #[test]
    fn a_healthy_cluster_has_nothing() {
        assert_eq!(told(|_| {}), Vec::<String>::new());
        let busy = |view: &mut ClusterView| {
            view.committed = 1_000;
            view.waiting = waiting(8, 170);
        };
        assert_eq!(told(busy), Vec::<String>::new());
    }

    #[test]
    fn a_node_that_is_down_for_long_is_told_with_what_it_holds() {
        let found = |down_ms: i64, rights, strict| {
            let mut view = ClusterView { at_ms: 1_000_000_000, ..healthy() };
            let reserved = ReservedView { rights, caps: 40, accounts: 30, strict };
            let node = &mut view.nodes[1];
            node.up = false;
            node.since_ms = Some(view.at_ms - down_ms);
            node.reserved = Some(reserved);
            let mut found = findings(&view).findings;
            assert_eq!(found.len(), 1, "{found:?}");
            found.remove(0)
        };
        assert_eq!(found(60_000, 100, 2).what, "b is down");
        assert_eq!(found(3_600_000, 0, 0).what, "b is down");
        let long = found(180_999, 100, 2);
        assert_eq!(
            long.what,
            "b is down for 3m and holds 100 rights of 40 caps of 30 accounts: nobody else can use them"
        );
        assert!(
            long.advice.contains("cluster remove b") && long.advice.contains("2 accounts with")
        );
        assert!(!found(180_000, 100, 0).advice.contains("strict"));
    }

    #[test]
    fn each_trouble_is_told() {
        let one = |change: fn(&mut ClusterView), part: &str| {
            let told = told(change);
            assert!(told.len() == 1 && told[0].contains(part), "{part}: {told:?}");
        };
        one(|view| view.removed = true, "was removed");
        one(|view| view.disk = Some("full".to_owned()), "full");
        one(|view| view.log = Some("entry 7".to_owned()), "not kept or carried out here: entry 7");
        one(|view| view.leader = None, "no node leads");
        one(|view| view.hindered = Some("too few".to_owned()), "a can't leave yet: too few");
        one(|view| view.messages_unsafe = 3, "recordings of 3 messages");
        let bucket = |trouble: Option<&str>, waiting| {
            Some(BucketView { trouble: trouble.map(str::to_owned), waiting })
        };
        let found = told(|view| view.bucket = bucket(None, 0));
        assert_eq!(found, Vec::<String>::new());
        let found = told(|view| view.bucket = bucket(None, 7));
        assert_eq!(found, ["7 messages are not in the bucket yet"]);
        let found = told(|view| view.bucket = bucket(Some("mend it"), 7));
        assert!(found.len() == 1 && found[0].ends_with("7 messages wait for it: mend it"));
        one(|view| view.certificate_s = 3_600, "ends in 1 hours");
        one(|view| view.voters = 1, "only one of 4");
        one(|view| view.voters = 2, "two nodes have a vote");
        one(|view| view.nodes[3].up = false, "d is down");
        one(|view| view.committed = 1_001, "1001 entries of the log");
        one(
            |view| view.waiting = waiting(3, 1_001),
            "3 calls wait for rights of other nodes, the oldest for 1001 ms",
        );
        one(|view| view.waiting = waiting(9, 30), "as many as may");
        one(|view| view.nodes[1].connected = false, "no connection");
        one(|view| view.nodes[1].clock_offset_ms = Some(-1_001), "-1001 ms");
        one(|view| view.nodes[1].version = Some("2".to_owned()), "runs version 2");
        let sharing = |view: &mut ClusterView, place: usize, overdraft, release_after_ms| {
            view.nodes[place].sharing = Some(SharingView { overdraft, release_after_ms });
        };
        let part =
            "b shares rights by overdraft = 2, release_after = never, this node by overdraft = 1";
        let differ = |view: &mut ClusterView| {
            sharing(view, 0, 1, Some(120_000));
            sharing(view, 1, 2, None);
        };
        assert!(told(differ)[0].contains(part), "{:?}", told(differ));
        one(|view| view.nodes[1].diverged = Some(true), "differs");
        one(|view| view.nodes[1].lag_ms = Some(11_000), "missing here for 11 s");
        let refused = |of_cluster| RefusedView { of_cluster, ..RefusedView::default() };
        let told = told(|view| view.refused = vec![refused(false), refused(true)]);
        assert_eq!(told.len(), 1, "{told:?}");
    }

    #[test]
    fn why_somebody_is_refused_is_a_sentence_of_its_own() {
        let refused = |by: &str| {
            let (by, sentence) = (by.to_owned(), "it said nothing".to_owned());
            let address = "192.0.2.1:1".to_owned();
            RefusedView { address, by, sentence, of_cluster: true, ..RefusedView::default() }
        };
        let told = told(|view| view.refused = vec![refused("here"), refused("there")]);
        assert_eq!(
            told,
            [
                "the node at 192.0.2.1:1 is refused here: it said nothing",
                "the node at 192.0.2.1:1 refuses this one: it said nothing"
            ]
        );
    }

    #[test]
    fn two_of_three_down_come_first() {
        let told = told(|view| {
            view.quorum = false;
            view.voters_reached = 1;
            view.leader = None;
            view.nodes[1].up = false;
            view.nodes[2].up = false;
        });
        assert_eq!(told[0], "2 of 3 voters are not reached: nothing can be agreed on");
        assert_eq!(told[1..], ["b is down", "c is down"]);
    }
}
