//! What the HTTP doors need of the process about the cluster.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::AccountKey;
use crate::http::wire::{ClusterView, InviteView, LeaveView, SpreadView};
use crate::http::{BoxFuture, Council, CouncilError};
use crate::peers::TOKEN_GOOD_S;

use super::clock::dice;
use super::house::House;
use super::nodes::{self, Dir, Nodes};
use super::porter::Front;

/// What a cluster is called when nothing else is said.
const CLUSTER_NAME: &str = "hallporter";
/// For how long a token may be good, in seconds.
const GOOD_FOR_S: std::ops::RangeInclusive<u32> = 60..=30 * 86_400;

/// How long a token waits for the calls of this node to be in the ledger.
const COVERED_WITHIN: Duration = Duration::from_secs(5);

impl Council for Front {
    fn closed(&self) -> Option<String> {
        self.0.nodes()?.closed(&self.0)
    }

    fn cluster(&self, account: Option<AccountKey>) -> Result<ClusterView, CouncilError> {
        Ok(self.nodes()?.whole_view(&self.0, account))
    }

    fn spread(&self, account: AccountKey) -> BoxFuture<'_, Option<SpreadView>> {
        Box::pin(nodes::spread(&self.0, account))
    }

    fn found(&self, name: Option<String>) -> BoxFuture<'_, Result<(), CouncilError>> {
        let house = Arc::clone(&self.0);
        Box::pin(async move { found(&house, name).await })
    }

    fn invite(&self, good_for_s: Option<u32>) -> BoxFuture<'_, Result<InviteView, CouncilError>> {
        Box::pin(async move {
            let good_for_s = match good_for_s {
                Some(given) if !GOOD_FOR_S.contains(&given) => {
                    return Err(CouncilError::Wrong(format!(
                        "a token is good for {} to {} seconds",
                        GOOD_FOR_S.start(),
                        GOOD_FOR_S.end()
                    )));
                }
                given => given.map_or(TOKEN_GOOD_S, i64::from),
            };
            covered(&self.0).await?;
            let invited = self.nodes()?.invite(&self.0, good_for_s).await;
            let token = invited.map_err(CouncilError::NotNow)?;
            Ok(InviteView { token: token.text(), expires_ms: token.expires_s * 1_000 })
        })
    }

    fn remove_node(&self, name: String) -> BoxFuture<'_, Result<(), CouncilError>> {
        Box::pin(async move { self.nodes()?.remove(&self.0, name).await })
    }

    fn leave(&self, now: bool) -> BoxFuture<'_, Result<LeaveView, CouncilError>> {
        Box::pin(async move {
            let calls = self.nodes()?.leave(&self.0, now)?;
            Ok(LeaveView { calls })
        })
    }

    fn set_voters(&self, names: Vec<String>) -> BoxFuture<'_, Result<(), CouncilError>> {
        Box::pin(async move {
            let nodes = self.nodes()?;
            nodes.set_voters(&self.0, &names).await
        })
    }
}

impl Front {
    fn nodes(&self) -> Result<&Arc<Nodes>, CouncilError> {
        self.0.nodes().ok_or(CouncilError::Alone)
    }
}

/// Waits until the ledger has the calls that are up here: a newcomer could else be granted rights
/// under which they are.
async fn covered(house: &House) -> Result<(), CouncilError> {
    tokio::time::timeout(COVERED_WITHIN, house.covered()).await.map_err(|_| {
        CouncilError::NotNow(
            "calls of the time before the cluster are not all in its ledger yet: a proxy has not \
             shown its calls (see `hallporter doctor`), or try again in a few seconds"
                .to_owned(),
        )
    })
}

/// The running daemon becomes the first node of a cluster.
async fn found(house: &Arc<House>, name: Option<String>) -> Result<(), CouncilError> {
    let turn = house.founding_turn.lock().await;
    if let Some(nodes) = house.nodes() {
        let (node, cluster) = (&nodes.own.name, &nodes.own.cluster);
        return Err(CouncilError::Refused(format!(
            "this node is {node} of the cluster {cluster} already"
        )));
    }
    let config = house.config();
    let failed = |error: anyhow::Error| CouncilError::Refused(format!("{error:#}"));
    let dir = Dir::new(&config.node.data_dir);
    let name = name.unwrap_or_else(|| CLUSTER_NAME.to_owned());
    if config.cluster.is_none() {
        return Err(CouncilError::Refused(nodes::NO_LISTEN.to_owned()));
    }
    let now_s = house.now().wall_s();
    let papers = nodes::founder(&name, &config.node.name, &config.node.region, now_s);
    let papers = papers.map_err(|error| CouncilError::Wrong(format!("{error:#}")))?;
    // First the port: papers without it would keep the next start from succeeding.
    let socket = nodes::bind_for(&config).map_err(failed)?;
    dir.found(&papers).map_err(failed)?;
    let nodes = Nodes::start(house, dir, papers, socket).map_err(failed)?;
    let nonce = dice().map_err(|error| failed(error.into()))?;
    house.join_others(nonce, true);
    drop(turn);
    nodes::found(house, &nodes).await;
    tracing::info!(cluster = name, "this node is the first of a cluster now");
    Ok(())
}
