//! Self care, asked by the command line.

use reqwest::Method;
use serde_json::Value;

use crate::domain::{AccountName, DeviceName};

use super::super::wire::{CareEdit, CareView, TokenView};
use super::transport::{Answer, Client};

impl Client {
    /// How an account's self care stands.
    pub async fn care(&self, account: &AccountName) -> Answer<CareView> {
        self.get(&["v1", "accounts", account.as_str(), "self-care"], &()).await
    }

    /// Changes it.
    pub async fn care_set(&self, account: &AccountName, edit: &CareEdit) -> Answer<CareView> {
        let path = ["v1", "accounts", account.as_str(), "self-care"];
        self.send(Method::PATCH, &path, edit).await
    }

    /// Gives a device a new token.
    pub async fn token_set(&self, account: &AccountName, device: &DeviceName) -> Answer<TokenView> {
        let path = ["v1", "accounts", account.as_str(), "devices", device.as_str(), "token"];
        self.send(Method::PUT, &path, &Value::Null).await
    }

    /// Takes a device's token away.
    pub async fn token_remove(&self, account: &AccountName, device: &DeviceName) -> Answer<()> {
        let path = ["v1", "accounts", account.as_str(), "devices", device.as_str(), "token"];
        self.delete(&path).await
    }
}
