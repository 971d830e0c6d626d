//! The command line's side of the admin API.

mod care;
mod cluster;
mod error;
mod mail;
mod rules;
mod transport;

use reqwest::Method;
use serde_json::Value;

use crate::domain::{AccountName, CallRef, DeviceName, Identifier};
use crate::registry::{AccountPatch, AccountSpec};

use super::wire::{
    AccountFilter, AccountView, CallFilter, CallView, DeviceEdit, DeviceView, EndView, EndedView,
    NumberEdit, NumberFilter, NumberView, Page, PageQuery, Rehearsal, ReleaseBody, Status, Why,
};

pub use error::ClientError;
pub use transport::Client;

use transport::Answer;

impl Client {
    /// How the daemon stands.
    ///
    /// # Errors
    /// See [`ClientError`]; so for every method below.
    pub async fn status(&self) -> Answer<Status> {
        self.get(&["v1", "status"], &()).await
    }

    /// A page of accounts in the order of their names.
    pub async fn accounts(
        &self,
        filter: &AccountFilter,
        page: &PageQuery,
    ) -> Answer<Page<AccountView>> {
        self.list(&["v1", "accounts"], filter, page).await
    }

    /// One account.
    pub async fn account(&self, name: &AccountName) -> Answer<AccountView> {
        self.get(&["v1", "accounts", name.as_str()], &()).await
    }

    /// A new account.
    pub async fn account_add(&self, spec: &AccountSpec) -> Answer<AccountView> {
        self.send(Method::POST, &["v1", "accounts"], spec).await
    }

    /// Changes to an account; the answer shows it under its new name.
    pub async fn account_set(
        &self,
        name: &AccountName,
        patch: &AccountPatch,
    ) -> Answer<AccountView> {
        self.send(Method::PATCH, &["v1", "accounts", name.as_str()], patch).await
    }

    /// Takes an account away.
    pub async fn account_remove(&self, name: &AccountName) -> Answer<()> {
        self.delete(&["v1", "accounts", name.as_str()]).await
    }

    /// A page of an account's devices in the order in which they ring.
    pub async fn devices(
        &self,
        account: &AccountName,
        page: &PageQuery,
    ) -> Answer<Page<DeviceView>> {
        self.list(&["v1", "accounts", account.as_str(), "devices"], &(), page).await
    }

    /// One device.
    pub async fn device(&self, account: &AccountName, name: &DeviceName) -> Answer<DeviceView> {
        self.get(&["v1", "accounts", account.as_str(), "devices", name.as_str()], &()).await
    }

    /// A new device.
    pub async fn device_add(
        &self,
        account: &AccountName,
        device: &DeviceView,
    ) -> Answer<DeviceView> {
        self.send(Method::POST, &["v1", "accounts", account.as_str(), "devices"], device).await
    }

    /// Changes to a device.
    pub async fn device_set(
        &self,
        account: &AccountName,
        name: &DeviceName,
        edit: &DeviceEdit,
    ) -> Answer<DeviceView> {
        let path = ["v1", "accounts", account.as_str(), "devices", name.as_str()];
        self.send(Method::PATCH, &path, edit).await
    }

    /// Takes a device away.
    pub async fn device_remove(&self, account: &AccountName, name: &DeviceName) -> Answer<()> {
        self.delete(&["v1", "accounts", account.as_str(), "devices", name.as_str()]).await
    }

    /// A page of numbers.
    pub async fn numbers(
        &self,
        filter: &NumberFilter,
        page: &PageQuery,
    ) -> Answer<Page<NumberView>> {
        self.list(&["v1", "numbers"], filter, page).await
    }

    /// One number.
    pub async fn number(&self, identifier: &Identifier) -> Answer<NumberView> {
        self.get(&["v1", "numbers", &identifier.to_string()], &()).await
    }

    /// A new number.
    pub async fn number_add(&self, number: &NumberView) -> Answer<NumberView> {
        self.send(Method::POST, &["v1", "numbers"], number).await
    }

    /// Leads a number to another account.
    pub async fn number_set(
        &self,
        identifier: &Identifier,
        account: &AccountName,
    ) -> Answer<NumberView> {
        let edit = NumberEdit { account: account.clone() };
        self.send(Method::PATCH, &["v1", "numbers", &identifier.to_string()], &edit).await
    }

    /// Takes a number away.
    pub async fn number_remove(&self, identifier: &Identifier) -> Answer<()> {
        self.delete(&["v1", "numbers", &identifier.to_string()]).await
    }

    /// A page of live calls, of one account and of one node if wanted.
    pub async fn calls(
        &self,
        (account, node): (Option<&AccountName>, Option<&str>),
        page: &PageQuery,
    ) -> Answer<Page<CallView>> {
        let filter = CallFilter { account: account.cloned(), node: node.map(str::to_owned) };
        self.list(&["v1", "calls"], &filter, page).await
    }

    /// One live call, by our number of it or by its SIP Call-ID.
    pub async fn call(&self, call: &str) -> Answer<CallView> {
        self.get(&["v1", "calls", call], &()).await
    }

    /// Ends a call at the proxy.
    pub async fn call_end(&self, call: CallRef) -> Answer<EndView> {
        self.send(Method::POST, &["v1", "calls", &call.to_string(), "end"], &Value::Null).await
    }

    /// Frees a call's slot by hand.
    pub async fn call_release(&self, call: CallRef, reason: &str) -> Answer<EndedView> {
        let body = ReleaseBody { reason: reason.to_owned() };
        self.send(Method::POST, &["v1", "calls", &call.to_string(), "release"], &body).await
    }

    /// What a call would come to. `query` has the form of `POST /v1/route`.
    pub async fn rehearse(&self, query: &Value) -> Answer<Rehearsal> {
        self.send(Method::POST, &["v1", "rehearse"], query).await
    }

    /// What was decided about a call, by its SIP Call-ID or our number of it.
    pub async fn why(&self, key: &str) -> Answer<Why> {
        self.get(&["v1", "why", key], &()).await
    }
}
