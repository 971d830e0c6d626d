//! Where an account's rights are, and its calls, as far as this node knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::desk::{Desk, Exposure};
use crate::domain::{AccountKey, CallRef, HeldShare, NodeId, PoolId, PoolKind, UNLIMITED};
use crate::http::wire::{NodeShareView, SpreadView, WorstView};
use crate::peers::Identity;
use crate::registry::Registry;

use super::super::house::House;
use super::Nodes;

/// How many accounts below one are looked at, under the desk's lock.
const BELOW_MAX: usize = 5_000;
/// How many calls of other nodes are looked at in one turn: their rows wait meanwhile.
const PORTION: usize = 1_000;

/// A cap as the ledger has it.
struct Cap {
    kind: PoolKind,
    limit: u32,
    here: u64,
    shares: Vec<HeldShare>,
    exposure: Exposure,
}

impl Nodes {
    /// Where an account's rights are. Walks through the calls of all nodes, which can be many.
    pub(crate) fn spread(&self, house: &House, account: AccountKey) -> SpreadView {
        let (caps, below) = {
            let desk = house.desk();
            (caps(&desk, account), below(desk.registry(), account))
        };
        let live = match &below {
            Some(accounts) if !caps.is_empty() => self.live(accounts),
            Some(_) | None => BTreeMap::new(),
        };
        let mut members: Vec<Identity> =
            house.roll.look(|roll| roll.members().collect()).unwrap_or_default();
        if members.is_empty() {
            members.push(self.own.clone());
        }
        let mut spread = SpreadView::default();
        for member in members {
            let here = member.node == self.own.node;
            let other = self.book().get(member.node).cloned().unwrap_or_default();
            let witness = if here { self.witness } else { other.witness };
            // It answers no calls, and holds nothing.
            if witness {
                continue;
            }
            for cap in &caps {
                let share = cap.shares.iter().find(|share| share.node == member.node);
                let there = live.get(&member.node).map_or(0, |kinds| kinds[cap.kind as usize]);
                spread.nodes.push(NodeShareView {
                    node: member.name.clone(),
                    here,
                    up: here || other.up,
                    cap: cap.kind,
                    held: share.map_or(0, |share| share.held),
                    granted: share.map_or(0, |share| share.granted),
                    live: if here { Some(cap.here) } else { below.as_ref().map(|_| there) },
                    revoked: share.is_some_and(|share| share.revoked),
                });
            }
        }
        spread.worst = caps.iter().map(worst).collect();
        spread
    }

    /// Live calls of other nodes that count for one of these accounts, by node and cap.
    fn live(&self, accounts: &BTreeSet<AccountKey>) -> BTreeMap<NodeId, [u64; 3]> {
        let mut live: BTreeMap<NodeId, [u64; 3]> = BTreeMap::new();
        let mut after: Option<CallRef> = None;
        loop {
            let calls = self.rows.directory().calls((None, None), after, PORTION);
            for far in &calls {
                let counts = |end: Option<AccountKey>| end.is_some_and(|it| accounts.contains(&it));
                let (from, to) = (counts(far.row.caller), counts(far.row.callee));
                let kinds = live.entry(far.node).or_default();
                kinds[PoolKind::Total as usize] += u64::from(from || to);
                kinds[PoolKind::In as usize] += u64::from(to);
                kinds[PoolKind::Out as usize] += u64::from(from);
            }
            after = calls.last().map(|far| far.call);
            if calls.len() < PORTION {
                return live;
            }
        }
    }
}

fn caps(desk: &Desk, account: AccountKey) -> Vec<Cap> {
    let usage = desk.usage(account);
    let pools = PoolKind::ALL.into_iter().zip([usage.total, usage.incoming, usage.outgoing]);
    let caps = pools.filter_map(|(kind, here)| {
        let pool = PoolId::new(account, kind);
        let limit = here.cap.filter(|limit| *limit < UNLIMITED)?;
        let (shares, exposure) = (desk.shares(pool), desk.exposure(pool));
        Some(Cap { kind, limit, here: here.live.into(), shares, exposure })
    });
    caps.collect()
}

/// An account and all below it, whose calls count for it; `None`: they are too many.
fn below(registry: &Registry, account: AccountKey) -> Option<BTreeSet<AccountKey>> {
    let (mut found, mut open) = (BTreeSet::from([account]), vec![account]);
    while let Some(next) = open.pop() {
        for child in registry.children(next, None) {
            if found.len() > BELOW_MAX {
                return None;
            }
            found.insert(child);
            open.push(child);
        }
    }
    Some(found)
}

fn worst(cap: &Cap) -> WorstView {
    let Exposure { out, overdraft, revoked } = cap.exposure;
    WorstView { cap: cap.kind, limit: cap.limit, out, overdraft, revoked }
}

/// The same on a thread that may take its time; `None`: it was broken off.
pub(crate) async fn spread(house: &Arc<House>, account: AccountKey) -> Option<SpreadView> {
    let (house, nodes) = (Arc::clone(house), Arc::clone(house.nodes()?));
    tokio::task::spawn_blocking(move || nodes.spread(&house, account)).await.ok()
}
