//! What http needs of the process about the cluster, said as a trait: `serve` fills it in, tests
//! play it. Sentences in errors say what to do.

use crate::domain::AccountKey;

use super::porter::BoxFuture;
use super::wire::{ClusterView, InviteView, LeaveView, SpreadView};

/// The cluster.
pub trait Council: Send + Sync + 'static {
    /// Why this node answers no calls, in a sentence; `None`: it does.
    fn closed(&self) -> Option<String>;

    /// The cluster as this node sees it, with what each node holds of an account's rights if that
    /// is asked for.
    ///
    /// # Errors
    /// [`CouncilError::Alone`].
    fn cluster(&self, account: Option<AccountKey>) -> Result<ClusterView, CouncilError>;

    /// Where an account's rights are; `None`: this node is alone.
    fn spread(&self, account: AccountKey) -> BoxFuture<'_, Option<SpreadView>>;

    /// Makes this node the first of a new cluster.
    fn found(&self, name: Option<String>) -> BoxFuture<'_, Result<(), CouncilError>>;

    /// Makes a token for one newcomer.
    fn invite(&self, good_for_s: Option<u32>) -> BoxFuture<'_, Result<InviteView, CouncilError>>;

    /// Takes a node that is gone out of the cluster.
    fn remove_node(&self, name: String) -> BoxFuture<'_, Result<(), CouncilError>>;

    /// Lets this node leave.
    fn leave(&self, now: bool) -> BoxFuture<'_, Result<LeaveView, CouncilError>>;

    /// Says which nodes have a vote.
    fn set_voters(&self, names: Vec<String>) -> BoxFuture<'_, Result<(), CouncilError>>;
}

/// Why something about the cluster was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CouncilError {
    /// There is no cluster.
    #[error("this node is not in a cluster: make one by `hallporter cluster init`, or join one")]
    Alone,
    /// No node has this name.
    #[error("no node of the cluster is called {0:?}: see `hallporter cluster nodes`")]
    NoNode(String),
    /// It can't be, as things are.
    #[error("{0}")]
    Refused(String),
    /// What was said makes no sense.
    #[error("{0}")]
    Wrong(String),
    /// Not now.
    #[error("{0}")]
    NotNow(String),
}
