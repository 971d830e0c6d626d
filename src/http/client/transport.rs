//! One request and its answer.

use std::io::{self, Write};
use std::time::Duration;

use reqwest::{Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::super::wire::PageQuery;
use super::error::{ClientError, chain};

/// How long an answer may take before the daemon counts as not reachable.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long a recording may take altogether.
const FILE_WITHIN: Duration = Duration::from_secs(6 * 60 * 60);
/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// The largest answer that is read, in bytes: a page of a thousand items stays far below.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// A connection to one daemon. Cheap to keep, makes its TCP connections when they are needed.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    authorization: reqwest::header::HeaderValue,
}

pub(super) type Answer<T> = Result<T, ClientError>;

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
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .no_proxy()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none());
        if base.scheme() == "http" {
            // Else a machine without the package ca-certificates could not ask at all.
            builder = builder.tls_certs_only([]);
        }
        let http = builder
            .build()
            .map_err(|error| ClientError::Unreachable { url: url.into(), cause: chain(&error) })?;
        Ok(Self { http, base, authorization })
    }
}

impl Client {
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        path: &[&str],
        filter: &(impl Serialize + Sync),
        page: &PageQuery,
    ) -> Answer<T> {
        let request = self.request(Method::GET, path)?.query(filter).query(page);
        self.read(request).await
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &(impl Serialize + Sync),
    ) -> Answer<T> {
        self.read(self.request(Method::GET, path)?.query(query)).await
    }

    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: &(impl Serialize + Sync),
    ) -> Answer<T> {
        self.read(self.request(method, path)?.json(body)).await
    }

    /// The same where the answer has no body.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &[&str],
        body: &(impl Serialize + Sync),
    ) -> Answer<()> {
        self.bytes(self.request(method, path)?.json(body)).await.map(|_| ())
    }

    /// Sends bytes as they are. That may take as long as a download.
    pub(super) async fn put<T: DeserializeOwned>(&self, path: &[&str], body: Vec<u8>) -> Answer<T> {
        self.read(self.request(Method::PUT, path)?.body(body).timeout(FILE_WITHIN)).await
    }

    /// Writes an answer's body to `out` as it comes. Only silence ends it early.
    pub(super) async fn download(
        &self,
        path: &[&str],
        out: &mut dyn Write,
    ) -> Answer<io::Result<u64>> {
        let request = self.request(Method::GET, path)?.timeout(FILE_WITHIN);
        let silent = || ClientError::Unreachable {
            url: self.base.to_string(),
            cause: "the daemon fell silent".to_owned(),
        };
        let response = timeout(ANSWER_WITHIN, request.send()).await.map_err(|_| silent())?;
        let mut response = response.map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return self.collect(response).await.map(|_| Ok(0));
        }
        let mut bytes = 0;
        loop {
            let chunk = timeout(ANSWER_WITHIN, response.chunk()).await.map_err(|_| silent())?;
            let Some(chunk) = chunk.map_err(|error| self.unreachable(&error))? else {
                return Ok(out.flush().map(|()| bytes));
            };
            if let Err(error) = out.write_all(&chunk) {
                return Ok(Err(error));
            }
            bytes += chunk.len() as u64;
        }
    }

    pub(super) async fn delete(&self, path: &[&str]) -> Answer<()> {
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
        self.collect(request.send().await.map_err(|error| self.unreachable(&error))?).await
    }

    async fn collect(&self, mut response: reqwest::Response) -> Answer<Vec<u8>> {
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
