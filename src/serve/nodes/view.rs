//! The cluster as this node sees it.

use std::collections::BTreeMap;

use crate::desk::Reserved;
use crate::domain::{AccountKey, NodeId, Now, PoolId, PoolKind};
use crate::http::wire::{
    ClusterBrief, ClusterView, NodeView, ReservedView, Role, ShareView, SharingView, WaitingView,
};
use crate::peers::Identity;

use super::super::house::House;
use super::super::mail::Mail;
use super::Nodes;
use super::accord::Accord;
use super::book::Other;

impl Nodes {
    /// This node's part, in short.
    pub(crate) fn brief(&self, house: &House) -> ClusterBrief {
        let accord = Accord::of(house);
        ClusterBrief {
            cluster: self.own.cluster.clone(),
            role: role(&accord, self.own.node, self.witness),
            quorum: accord.quorum,
        }
    }

    /// All of it. With an account: what each node holds of its rights. Goes through the whole ledger
    /// where a node is down.
    pub(crate) fn whole_view(&self, house: &House, account: Option<AccountKey>) -> ClusterView {
        let mut view = self.view(house, account);
        let down = view.nodes.iter().filter(|node| !node.up);
        let mut nodes: BTreeMap<NodeId, Reserved> =
            down.map(|node| (NodeId(node.number), Reserved::default())).collect();
        let mut after = None;
        while !nodes.is_empty() {
            after = house.desk().reserved(&mut nodes, after);
            if after.is_none() {
                break;
            }
        }
        for node in &mut view.nodes {
            node.reserved = nodes.get(&NodeId(node.number)).map(|reserved| ReservedView {
                rights: reserved.rights,
                caps: reserved.caps,
                accounts: reserved.accounts,
                strict: reserved.strict,
            });
        }
        view
    }

    /// The same, but for what nodes that are down hold of all accounts.
    pub(crate) fn view(&self, house: &House, account: Option<AccountKey>) -> ClusterView {
        let (accord, now) = (Accord::of(house), house.now());
        let mut members: Vec<Identity> =
            house.roll.look(|roll| roll.members().collect()).unwrap_or_default();
        if members.is_empty() {
            members.push(self.own.clone());
        }
        let name = |node: NodeId| {
            members.iter().find(|member| member.node == node).map(|member| member.name.clone())
        };
        let (leader, trouble) = (accord.leader.and_then(name), house.store.health().last_error);
        let nodes = members.iter().map(|member| {
            let other = self.book().get(member.node).cloned().unwrap_or_default();
            let mut view = if member.node == self.own.node {
                self.here(house, member)
            } else {
                let lag = self.rows.lag(member.node, now);
                NodeView {
                    lag_ms: lag.map(|lag| lag.for_ms),
                    lag_rows: lag.map(|lag| lag.behind.changes),
                    diverged: lag.map(|lag| lag.behind.differs),
                    ..there(member, &other)
                }
            };
            let witness = if view.here { self.witness } else { other.witness };
            view.role = role(&accord, member.node, witness);
            view.rights = account.map(|account| held(house, account, member.node));
            view
        });
        ClusterView {
            cluster: self.own.cluster.clone(),
            node: self.own.name.clone(),
            role: role(&accord, self.own.node, self.witness),
            at_ms: now.wall_ms,
            leader,
            quorum: accord.quorum,
            voters: accord.voters.len(),
            voters_reached: accord.reached,
            voters_changing: accord.changing,
            applied: accord.applied,
            committed: accord.committed,
            certificate_s: self.good_for_s(now.wall_s()),
            authority: self.authority().is_some(),
            removed: self.is_removed(),
            leaving: self.is_leaving(),
            hindered: self.hindered(),
            log: accord.halted.clone(),
            disk: trouble,
            refused: self.refusals.lately(now.mono_ms, |address| self.book().at(address).is_some()),
            messages_unsafe: house.mail().map_or(0, Mail::alone),
            bucket: house.mail().and_then(Mail::bucket_view),
            waiting: waiting(house, now),
            nodes: nodes.collect(),
        }
    }

    fn here(&self, house: &House, own: &Identity) -> NodeView {
        let (now, sharing) = (house.now(), house.desk().sharing());
        let up_ms = i64::try_from(now.mono_ms).unwrap_or(i64::MAX);
        NodeView {
            number: own.node.0,
            name: own.name.clone(),
            region: own.region.clone(),
            here: true,
            up: true,
            since_ms: Some(now.wall_ms.saturating_sub(up_ms)),
            connected: true,
            address: Some(self.reach.to_string()),
            boot: house.boot,
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            sharing: Some(SharingView {
                overdraft: sharing.overdraft,
                release_after_ms: sharing.release_after_ms,
            }),
            ..NodeView::default()
        }
    }
}

fn waiting(house: &House, now: Now) -> WaitingView {
    let desk = house.desk();
    let since_ms = desk.waiting_since_ms();
    WaitingView {
        calls: desk.waiting() as u64,
        max: desk.waiting_max() as u64,
        oldest_ms: since_ms.map_or(0, |since_ms| now.mono_ms.saturating_sub(since_ms)),
    }
}

fn there(member: &Identity, other: &Other) -> NodeView {
    NodeView {
        number: member.node.0,
        name: member.name.clone(),
        region: member.region.clone(),
        up: other.up,
        since_ms: other.since_ms,
        connected: other.connected,
        address: other.address.map(|address| address.to_string()),
        boot: other.boot,
        version: other.version.clone(),
        sharing: other.sharing,
        clock_offset_ms: other.clock_ms.map(|(offset_ms, _)| offset_ms),
        trip_ms: other.clock_ms.map(|(_, trip_ms)| trip_ms),
        ..NodeView::default()
    }
}

fn role(accord: &Accord, node: NodeId, witness: bool) -> Role {
    if witness {
        Role::Witness
    } else if accord.leader == Some(node) {
        Role::Leader
    } else if accord.voters.contains(&node) {
        Role::Voter
    } else {
        Role::Follower
    }
}

/// What a node holds of an account's rights, a line for each cap.
fn held(house: &House, account: AccountKey, node: NodeId) -> Vec<ShareView> {
    let desk = house.desk();
    let kinds = [(PoolKind::Total, "total"), (PoolKind::In, "in"), (PoolKind::Out, "out")];
    let shares = kinds.into_iter().filter_map(|(kind, cap)| {
        let shares = desk.shares(PoolId::new(account, kind));
        let share = shares.into_iter().find(|share| share.node == node && share.held > 0)?;
        Some(ShareView { cap: cap.to_owned(), held: share.held })
    });
    shares.collect()
}
