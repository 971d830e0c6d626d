//! Rules, asked by the command line.

use crate::domain::AccountName;

use super::super::wire::{NextFilter, NextView, RulesView};
use super::transport::{Answer, Client};

impl Client {
    /// An account's rules as they were written.
    pub async fn rules(&self, account: &AccountName) -> Answer<RulesView> {
        self.get(&["v1", "accounts", account.as_str(), "rules"], &()).await
    }

    /// Sets an account's rules.
    pub async fn rules_set(&self, account: &AccountName, text: String) -> Answer<RulesView> {
        self.put(&["v1", "accounts", account.as_str(), "rules"], text.into_bytes()).await
    }

    /// Takes an account's rules away.
    pub async fn rules_remove(&self, account: &AccountName) -> Answer<()> {
        self.delete(&["v1", "accounts", account.as_str(), "rules"]).await
    }

    /// When an account's order will change.
    pub async fn rules_next(&self, account: &AccountName, asked: &NextFilter) -> Answer<NextView> {
        self.get(&["v1", "accounts", account.as_str(), "rules", "next"], asked).await
    }
}
