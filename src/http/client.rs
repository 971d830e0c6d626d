//! The command line's side of the admin API.

use std::time::Duration;

use reqwest::{Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::domain::{AccountName, CallRef, DeviceName, Identifier};
use crate::registry::{AccountPatch, AccountSpec};

use super::wire::{
    AccountFilter, AccountView, CallFilter, CallView, DeviceEdit, DeviceView, EndView, EndedView,
    ErrorBody, NumberEdit, NumberFilter, NumberView, Page, PageQuery, Rehearsal, ReleaseBody,
    Status, Why,
};

/// How long an answer may take before the daemon counts as not reachable.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// The largest answer that is read, in bytes: a page of a thousand items stays far below.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Why the daemon did not do what was asked. The first three mean that nothing was changed as far
/// as one can know from here; after [`ClientError::Answer`] it may have been.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The daemon can't be reached, or the answer did not come in time.
    #[error(
        "hallporter is not reachable at {url} ({cause}): start it with `hallporter serve`, or say where it is with --url"
    )]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What went wrong.
        cause: String,
    },
    /// The daemon refused.
    #[error("{}", sentence(body))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said.
        body: ErrorBody,
    },
    /// The address is no address.
    #[error("{url:?} is not an address of a daemon: write http://127.0.0.1:8170")]
    Url {
        /// What was given.
        url: String,
    },
    /// The token can't be sent.
    #[error("the token is not usable: it may only have printable characters and must not be empty")]
    Token,
    /// What answers is not a hallporter, or one of another version.
    #[error(
        "what answers at {url} does not speak as hallporter does ({cause}): check --url and the versions"
    )]
    Answer {
        /// Where.
        url: String,
        /// What was wrong.
        cause: String,
    },
}

fn sentence(body: &ErrorBody) -> String {
    match &body.hint {
        Some(hint) => format!("{}: {hint}", body.error),
        None => body.error.clone(),
    }
}

/// A connection to one daemon. Cheap to keep, makes its TCP connections when they are needed.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    authorization: reqwest::header::HeaderValue,
}

type Answer<T> = Result<T, ClientError>;

impl Client {
    /// A client for the daemon at `url` (`http://127.0.0.1:8170`) with the token of scope `admin`.
    ///
    /// # Errors
    /// [`ClientError::Url`] and [`ClientError::Token`].
    pub fn new(url: &str, token: &str) -> Answer<Self> {
        let wrong_url = || ClientError::Url { url: url.to_owned() };
        let base = Url::parse(url).map_err(|_| wrong_url())?;
        if base.cannot_be_a_base() || !matches!(base.scheme(), "http" | "https") {
            return Err(wrong_url());
        }
        let token = token.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ClientError::Token);
        }
        let mut authorization: reqwest::header::HeaderValue =
            format!("Bearer {token}").parse().map_err(|_| ClientError::Token)?;
        authorization.set_sensitive(true);
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| ClientError::Unreachable { url: url.into(), cause: chain(&error) })?;
        Ok(Self { http, base, authorization })
    }

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

    /// A page of live calls, of one account if wanted.
    pub async fn calls(
        &self,
        account: Option<&AccountName>,
        page: &PageQuery,
    ) -> Answer<Page<CallView>> {
        let filter = CallFilter { account: account.cloned() };
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

impl Client {
    async fn list<T: DeserializeOwned>(
        &self,
        path: &[&str],
        filter: &(impl Serialize + Sync),
        page: &PageQuery,
    ) -> Answer<T> {
        let request = self.request(Method::GET, path)?.query(filter).query(page);
        self.read(request).await
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &(impl Serialize + Sync),
    ) -> Answer<T> {
        self.read(self.request(Method::GET, path)?.query(query)).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: &(impl Serialize + Sync),
    ) -> Answer<T> {
        self.read(self.request(method, path)?.json(body)).await
    }

    async fn delete(&self, path: &[&str]) -> Answer<()> {
        self.bytes(self.request(Method::DELETE, path)?).await.map(|_| ())
    }

    fn request(&self, method: Method, path: &[&str]) -> Answer<reqwest::RequestBuilder> {
        let mut url = self.base.clone();
        let wrong_url = || ClientError::Url { url: self.base.to_string() };
        url.path_segments_mut().map_err(|()| wrong_url())?.pop_if_empty().extend(path);
        let request = self.http.request(method, url);
        Ok(request.header(reqwest::header::AUTHORIZATION, self.authorization.clone()))
    }

    async fn read<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Answer<T> {
        let bytes = self.bytes(request).await?;
        serde_json::from_slice(&bytes).map_err(|error| self.not_understood(error.to_string()))
    }

    async fn bytes(&self, request: reqwest::RequestBuilder) -> Answer<Vec<u8>> {
        let mut response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(self.not_understood("the answer is too long".to_owned()));
            }
            bytes.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok(bytes);
        }
        match serde_json::from_slice(&bytes) {
            Ok(body) => Err(ClientError::Refused { status: status.as_u16(), body }),
            Err(_) => Err(self.not_understood(format!("HTTP status {status}"))),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        ClientError::Unreachable { url: self.base.to_string(), cause: chain(error) }
    }

    fn not_understood(&self, cause: String) -> ClientError {
        ClientError::Answer { url: self.base.to_string(), cause }
    }
}

/// The innermost cause of an error: "Connection refused" says more than "error sending request".
fn chain(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
