//! The cluster.

use reqwest::Method;

use crate::domain::AccountName;

use super::super::wire::{
    ClusterView, Findings, FoundBody, InviteBody, InviteView, LeaveBody, LeaveView, VotersBody,
};
use super::Client;
use super::transport::Answer;

impl Client {
    /// The cluster as the daemon sees it, with what each node holds of an account's rights if that
    /// is wanted.
    ///
    /// # Errors
    /// See [`super::ClientError`]; so for every method below.
    pub async fn cluster(&self, account: Option<&AccountName>) -> Answer<ClusterView> {
        let filter: Vec<(&str, &str)> =
            account.iter().map(|account| ("account", account.as_str())).collect();
        self.get(&["v1", "cluster"], &filter).await
    }

    /// What is wrong with the cluster.
    pub async fn cluster_doctor(&self) -> Answer<Findings> {
        self.get(&["v1", "cluster", "doctor"], &()).await
    }

    /// Makes the daemon the first node of a new cluster.
    pub async fn cluster_found(&self, name: Option<String>) -> Answer<ClusterView> {
        self.send(Method::POST, &["v1", "cluster"], &FoundBody { name }).await
    }

    /// Makes a token for a newcomer.
    pub async fn cluster_invite(&self, good_for_s: Option<u32>) -> Answer<InviteView> {
        self.send(Method::POST, &["v1", "cluster", "tokens"], &InviteBody { good_for_s }).await
    }

    /// Takes a node that is gone out of the cluster.
    pub async fn cluster_remove(&self, name: &str) -> Answer<()> {
        self.delete(&["v1", "cluster", "nodes", name]).await
    }

    /// Lets the daemon leave its cluster.
    pub async fn cluster_leave(&self, now: bool) -> Answer<LeaveView> {
        self.send(Method::POST, &["v1", "cluster", "leave"], &LeaveBody { now }).await
    }

    /// Says which nodes have a vote.
    pub async fn cluster_voters(&self, names: Vec<String>) -> Answer<ClusterView> {
        self.send(Method::PUT, &["v1", "cluster", "voters"], &VotersBody { names }).await
    }
}
