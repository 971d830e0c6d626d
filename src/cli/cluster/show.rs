//! How a cluster is shown.

use crate::http::wire::{ClusterView, Findings, NodeView, Role};

use super::super::failure::Failure;
use super::super::screen::{Screen, moment, or_dash, yes_no};

/// `cluster status`
pub(super) fn status(view: &ClusterView, screen: &mut Screen<'_>) -> Result<(), Failure> {
    if screen.json {
        return screen.object(view);
    }
    let mut facts = vec![
        ("cluster", view.cluster.clone()),
        ("this node", format!("{} ({})", view.node, view.role.as_str())),
        ("leader", or_dash(view.leader.as_ref())),
        ("quorum", yes_no(view.quorum)),
        ("voters", view.voters.to_string()),
        ("log", format!("{} carried out of {}", view.applied, view.committed)),
        ("certificate", format!("good for {} days", view.certificate_s / 86_400)),
        ("lets others in", yes_no(view.authority)),
    ];
    if view.leaving {
        facts.push(("leaving", yes_no(true)));
    }
    if view.removed {
        facts.push(("removed", yes_no(true)));
    }
    screen.facts(&facts)?;
    screen.line("")?;
    let rights = view.nodes.iter().any(|node| node.rights.is_some());
    let mut heads = vec![
        "node", "region", "role", "up", "since", "boot", "lag ms", "rows", "differs", "clock ms",
        "trip ms",
    ];
    heads.extend(rights.then_some("rights"));
    let rows = view.nodes.iter().map(|node| {
        let mut row = vec![
            node.name.clone(),
            node.region.clone(),
            role(node),
            up(node),
            or_dash(node.since_ms.map(moment)),
            node.boot.to_string(),
            or_dash(node.lag_ms),
            or_dash(node.lag_rows),
            or_dash(node.diverged.map(yes_no)),
            or_dash(node.clock_offset_ms),
            or_dash(node.trip_ms),
        ];
        if rights {
            let held = node.rights.iter().flatten();
            let held: Vec<_> = held.map(|share| format!("{} {}", share.cap, share.held)).collect();
            row.push(if held.is_empty() { "-".to_owned() } else { held.join(", ") });
        }
        row
    });
    screen.table(&heads, &[5, 6, 7, 9, 10], rows)
}

/// `cluster nodes`
pub(super) fn nodes(view: &ClusterView, screen: &mut Screen<'_>) -> Result<(), Failure> {
    if screen.json {
        return screen.object(&view.nodes);
    }
    let rows = view.nodes.iter().map(|node| {
        vec![
            node.number.to_string(),
            node.name.clone(),
            node.region.clone(),
            role(node),
            up(node),
            or_dash(node.address.as_ref()),
            or_dash(node.version.as_ref()),
        ]
    });
    screen.table(&["number", "node", "region", "role", "up", "address", "version"], &[0], rows)
}

/// `cluster voters`
pub(super) fn voters(view: &ClusterView, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let voters = view.nodes.iter().filter(|node| node.role != Role::Follower);
    if screen.json {
        return screen.object(&voters.collect::<Vec<_>>());
    }
    let rows = voters.map(|node| vec![node.name.clone(), role(node), up(node)]);
    screen.table(&["node", "role", "up"], &[], rows)
}

/// `cluster doctor`
pub(super) fn findings(found: &Findings, screen: &mut Screen<'_>) -> Result<(), Failure> {
    if screen.json {
        screen.object(found)?;
    } else {
        for finding in &found.findings {
            screen.line(&finding.what)?;
            screen.line(format_args!("    {}", finding.advice))?;
        }
    }
    match found.findings.len() {
        0 if screen.json => Ok(()),
        0 => screen.line("nothing is wrong"),
        1 => Err(Failure::refused("one thing is wrong with the cluster")),
        count => Err(Failure::refused(format!("{count} things are wrong with the cluster"))),
    }
}

fn role(node: &NodeView) -> String {
    node.role.as_str().to_owned()
}

fn up(node: &NodeView) -> String {
    match (node.here, node.up) {
        (true, _) => "here".to_owned(),
        (false, up) => yes_no(up),
    }
}
