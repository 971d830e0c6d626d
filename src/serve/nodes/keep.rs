//! What has to be looked after now and then: who may come, clocks, this node's certificate.

use std::sync::Arc;
use std::time::Duration;

use crate::desk::Motion;
use crate::domain::{NodeId, RollMotion};
use crate::peers::RENEW_BEFORE_S;

use super::super::agree::agree;
use super::super::house::House;
use super::accord::Accord;
use super::{Nodes, clocks};

const EVERY: Duration = Duration::from_secs(1);
/// Clocks are compared every so many rounds, certificates looked at every so many.
const CLOCKS_ROUNDS: u64 = 10;
const PAPERS_ROUNDS: u64 = 600;

/// Runs for ever; ends with the process.
pub(super) async fn run(house: Arc<House>, nodes: Arc<Nodes>) {
    for round in 0_u64.. {
        let now_s = house.now().wall_s();
        let open = house.roll.look(|roll| roll.is_open(now_s)).unwrap_or(false);
        nodes.endpoint.open(open && nodes.authority().is_some());
        if nodes.own.node == NodeId(1) && house.roll.look(|_| ()).is_none() {
            // Its papers were made while it did not run.
            found(&house, &nodes).await;
        }
        let removed: Vec<NodeId> = {
            let all = nodes.connected();
            let gone =
                |node: &NodeId| house.roll.look(|roll| roll.has_removed(*node)) == Some(true);
            all.into_iter().filter(gone).collect()
        };
        for node in removed {
            nodes.expel(&house, node);
        }
        nodes.tell_presence(&house);
        if let Some(change) = nodes.next_change(&house) {
            Accord::change(&house, change).await;
        }
        if round % CLOCKS_ROUNDS == 1 {
            clocks::ask(&house, &nodes);
        }
        if round % PAPERS_ROUNDS == 5 && nodes.good_for_s(now_s) < RENEW_BEFORE_S {
            renew(&house, &nodes).await;
        }
        tokio::time::sleep(EVERY).await;
    }
}

impl Nodes {
    /// The desk knows who leads, and who was never here since the start.
    fn tell_presence(&self, house: &House) {
        let own = self.own.node;
        let members = house.roll.look(|roll| {
            roll.members().map(|member| member.node).filter(|node| *node != own).collect()
        });
        let (up, down): (Vec<NodeId>, Vec<NodeId>) = {
            let members: Vec<NodeId> = members.unwrap_or_default();
            let book = self.book();
            members.into_iter().partition(|node| book.get(*node).is_some_and(|other| other.up))
        };
        house.presence(&up, &down);
    }
}

/// Lets everybody know that this node is the first.
pub(crate) async fn found(house: &Arc<House>, nodes: &Nodes) {
    let own = nodes.own.clone();
    let motion = RollMotion::Found {
        cluster: own.cluster,
        node: own.node,
        name: own.name,
        region: own.region,
    };
    if let Err(error) = agree(house, Motion::Roll(motion)).await {
        tracing::debug!(%error, "the cluster is not founded yet");
    }
}

async fn renew(house: &Arc<House>, nodes: &Nodes) {
    let now_s = house.now().wall_s();
    match next(nodes, now_s).await {
        Ok(()) => {
            let good_for_s = nodes.good_for_s(now_s);
            tracing::info!(good_for_s, "this node has its next certificate");
        }
        Err(error) => {
            let (error, good_for_s) = (format!("{error:#}"), nodes.good_for_s(now_s));
            tracing::error!(error, good_for_s, "this node gets no next certificate");
        }
    }
}

/// From itself, if it has the authority; else from any other node.
async fn next(nodes: &Nodes, now_s: i64) -> anyhow::Result<()> {
    let issued = match &*nodes.authority() {
        Some(authority) => {
            let papers = nodes.dir.load(now_s)?;
            let papers = papers.ok_or_else(|| anyhow::anyhow!("the papers are gone"))?;
            let key = papers.credentials.public_key()?;
            let issued = authority.issue(&nodes.own, &key, now_s)?;
            Some(papers.credentials.renewed(&issued, now_s)?)
        }
        None => None,
    };
    if let Some(credentials) = issued {
        return nodes.show(credentials, now_s);
    }
    let addresses: Vec<_> = nodes
        .book()
        .all()
        .filter(|(_, other)| other.connected)
        .filter_map(|(_, other)| other.address)
        .collect();
    let mut last = anyhow::anyhow!("no other node is connected");
    for address in addresses {
        match nodes.endpoint.renew(address).await {
            Ok(credentials) => return nodes.show(credentials, now_s),
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}
