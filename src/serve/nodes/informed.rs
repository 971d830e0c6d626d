//! At a start: waiting until the other nodes have told of their calls. A proxy's list shows them too,
//! and before that this node would take them for its own.

use std::time::Duration;

use tokio::time::timeout;

use crate::domain::NodeId;

use super::super::house::House;
use super::Nodes;

/// How long it is waited for nodes that are not there.
const THERE_WITHIN: Duration = Duration::from_secs(1);
/// How long it is waited for those that are, after that.
const TOLD_WITHIN: Duration = Duration::from_secs(3);

impl House {
    /// Waits until all nodes have told of their calls, or those that are there have and the others
    /// do not come.
    pub(crate) async fn informed(&self) {
        let Some(nodes) = self.nodes().filter(|nodes| !nodes.witness) else { return };
        if timeout(THERE_WITHIN, self.told(nodes, true)).await.is_ok() {
            return;
        }
        if timeout(TOLD_WITHIN, self.told(nodes, false)).await.is_err() {
            tracing::warn!(
                "other nodes have not told of their calls yet: those in the list of a proxy are counted here until they do"
            );
        }
    }

    async fn told(&self, nodes: &Nodes, everybody: bool) {
        loop {
            let news = nodes.rows.news.notified();
            if self.have_told(nodes, everybody) {
                return;
            }
            news.await;
        }
    }

    fn have_told(&self, nodes: &Nodes, everybody: bool) -> bool {
        let members = self.roll.look(|roll| roll.members().map(|member| member.node).collect());
        let members: Vec<NodeId> = members.unwrap_or_default();
        let connected = nodes.connected();
        let now = self.now();
        members.into_iter().filter(|node| *node != nodes.own.node).all(|node| {
            match connected.contains(&node) {
                true => nodes.rows.lag(node, now).is_some_and(|lag| lag.behind.changes == 0),
                false => !everybody,
            }
        })
    }
}
