//! One request and its answer.

use std::io::{self, Write};
use std::time::Duration;

use reqwest::{Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::super::wire::PageQuery;
use super::error::{ClientError, chain};

/// How long an answer may take before nobody waits for it any more.
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
    answer_within: Duration,
}

/// What was sent, for the words when it was not answered.
#[derive(Clone, Copy)]
struct Sent {
    /// Whether it was to change something.
    changes: bool,
    /// How long the answer might take.
    within: Duration,
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
        Self::waiting(base, token.trim(), ANSWER_WITHIN)
    }

    fn waiting(base: Url, token: &str, answer_within: Duration) -> Answer<Self> {
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ClientError::Token);
        }
        let mut authorization: reqwest::header::HeaderValue =
            format!("Bearer {token}").parse().map_err(|_| ClientError::Token)?;
        authorization.set_sensitive(true);
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(answer_within)
            .no_proxy()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none());
        if base.scheme() == "http" {
            // Else a machine without the package ca-certificates could not ask at all.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|error| ClientError::Unreachable {
            url: base.to_string(),
            cause: chain(&error),
        })?;
        Ok(Self { http, base, authorization, answer_within })
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
        let within = self.answer_within;
        let sent = Sent { changes: false, within };
        let silent = || self.unanswered(sent, "fell silent".to_owned());
        let response = timeout(within, request.send()).await.map_err(|_| silent())?;
        let mut response = response.map_err(|error| self.failed(&error, sent))?;
        if !response.status().is_success() {
            return self.collect(response, sent).await.map(|_| Ok(0));
        }
        let mut bytes = 0;
        loop {
            let chunk = timeout(within, response.chunk()).await.map_err(|_| silent())?;
            let Some(chunk) = chunk.map_err(|error| self.failed(&error, sent))? else {
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
        let (http, request) = request.build_split();
        let request = request.map_err(|_| ClientError::Url { url: self.base.to_string() })?;
        let sent = Sent {
            changes: request.method() != Method::GET,
            within: request.timeout().copied().unwrap_or(self.answer_within),
        };
        let response = http.execute(request).await.map_err(|error| self.failed(&error, sent))?;
        self.collect(response, sent).await
    }

    async fn collect(&self, mut response: reqwest::Response, sent: Sent) -> Answer<Vec<u8>> {
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(&error, sent))? {
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

    /// Nothing went out before there was a connection; what went out may be done though nobody
    /// said so.
    fn failed(&self, error: &reqwest::Error, sent: Sent) -> ClientError {
        if error.is_connect() {
            return ClientError::Unreachable { url: self.base.to_string(), cause: chain(error) };
        }
        let cause = match error.is_timeout() {
            true => format!("did not answer within {} s", sent.within.as_secs()),
            false => format!("did not answer to the end ({})", chain(error)),
        };
        self.unanswered(sent, cause)
    }

    fn unanswered(&self, sent: Sent, cause: String) -> ClientError {
        let url = self.base.as_str().trim_end_matches('/').to_owned();
        ClientError::Unanswered { url, cause, changes: sent.changes }
    }

    fn not_understood(&self, cause: String) -> ClientError {
        ClientError::Answer { url: self.base.to_string(), cause }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_change_that_is_not_answered_may_be_done() {
        // Its backlog takes the connection; nobody ever reads from it, as in a stopped process.
        let stopped = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", stopped.local_addr().unwrap());
        let base = Url::parse(&url).unwrap();
        let client = Client::waiting(base, "token", Duration::from_secs(1)).unwrap();
        for (method, may_be_done) in [(Method::POST, true), (Method::GET, false)] {
            let error = client.ask(method, &["v1"], &json!({})).await.unwrap_err();
            let ClientError::Unanswered { changes, .. } = &error else { panic!("{error}") };
            assert_eq!(*changes, may_be_done);
            let told = error.to_string();
            assert!(told.contains("did not answer within 1 s"), "{told}");
            assert_eq!(told.contains("look before repeating it"), may_be_done, "{told}");
        }
    }
}
