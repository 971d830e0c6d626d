//! One receiver of notices, over HTTP.

use std::fmt;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{StatusCode, Url};

use crate::domain::Notice;

use super::Error;

/// How long a receiver may take for its whole answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How much of an answer is read, in bytes; only its status matters. Of a longer one the
/// connection is closed.
const ANSWER_BYTES_MAX: usize = 16 << 10;
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(30);

/// Why a notice was not heard, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TellError {
    /// Try again later.
    #[error("{0}")]
    Again(String),
    /// The receiver does not want it; trying again would not help.
    #[error("{0}")]
    Never(String),
}

/// A receiver of notices.
#[derive(Clone)]
pub struct Webhook {
    http: reqwest::Client,
    url: Url,
    /// Where it is, without what may be a secret in its path.
    place: String,
    authorization: Option<HeaderValue>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook({})", self.place)
    }
}

impl Webhook {
    /// The receiver at `url`, who is shown `token` (`Authorization: Bearer`).
    ///
    /// # Errors
    /// [`Error::Url`], [`Error::Token`], [`Error::Client`].
    pub fn new(url: &str, token: Option<&str>) -> Result<Self, Error> {
        let url = Url::parse(url).map_err(|_| Error::Url)?;
        let plain = url.username().is_empty() && url.password().is_none();
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() || !plain {
            return Err(Error::Url);
        }
        let authorization = token.map(bearer).transpose()?;
        let mut builder = reqwest::Client::builder()
            .timeout(ANSWER_WITHIN)
            .pool_idle_timeout(IDLE)
            .no_proxy()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none());
        if url.scheme() == "http" {
            // Else a machine without the package ca-certificates could not tell at all.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|error| Error::Client(innermost(&error)))?;
        let place = url.origin().ascii_serialization();
        Ok(Self { http, url, place, authorization })
    }

    /// Tells a notice once. Heard is what is answered with 2xx; the receiver knows a notice that
    /// it has heard before by the header `Idempotency-Key`.
    ///
    /// # Errors
    /// [`TellError::Again`] when it can't be reached, is late, overloaded (408, 425, 429, 5xx) or
    /// elsewhere (3xx: no other address is followed), [`TellError::Never`] for any other refusal.
    pub async fn tell(&self, notice: &Notice) -> Result<(), TellError> {
        self.post(&notice.id, notice.body.to_string(), ANSWER_WITHIN).await
    }

    /// The same for any text with an id, which has to be answered `within` a time.
    ///
    /// # Errors
    /// As [`Self::tell`].
    pub async fn post(&self, id: &str, body: String, within: Duration) -> Result<(), TellError> {
        let mut request = self
            .http
            .post(self.url.clone())
            .timeout(within)
            .header(CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", id)
            .body(body);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let place = &self.place;
        let mut response = request.send().await.map_err(|error| {
            TellError::Again(format!(
                "the receiver at {place} does not answer ({})",
                innermost(&error)
            ))
        })?;
        let status = response.status();
        let mut left = ANSWER_BYTES_MAX;
        while let Ok(Some(chunk)) = response.chunk().await {
            let Some(rest) = left.checked_sub(chunk.len()) else { break };
            left = rest;
        }
        verdict(place, status)
    }
}

fn verdict(place: &str, status: StatusCode) -> Result<(), TellError> {
    if status.is_success() {
        return Ok(());
    }
    if status.is_redirection() {
        return Err(TellError::Again(format!(
            "the receiver at {place} answers {status}: configure the address it leads to"
        )));
    }
    let sentence = format!("the receiver at {place} answers {status}");
    if status.is_client_error() && !matches!(status.as_u16(), 408 | 425 | 429) {
        return Err(TellError::Never(sentence));
    }
    Err(TellError::Again(sentence))
}

fn bearer(token: &str) -> Result<HeaderValue, Error> {
    let token = token.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::Token);
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| Error::Token)?;
    value.set_sensitive(true);
    Ok(value)
}

/// What is at the bottom of it; the outer ones name the address.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::mpsc;

    use crate::domain::{MessageId, NodeId, NoticeKind};

    use super::*;

    fn notice() -> Notice {
        let body = r#"{"v":1,"caller":{"display":"J\u00fcrgen"}}"#;
        Notice::new(NoticeKind::MessageLeft, MessageId::new(NodeId(1), 7, 300), body.into(), 5)
    }

    /// A receiver that answers every notice with `answer`, and tells what it heard.
    async fn receiver(answer: Vec<u8>) -> (String, mpsc::Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook/s3cret?x=1", listener.local_addr().unwrap());
        let (tell, told) = mpsc::channel(8);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let _ = tell.send(hear(stream, &answer).await).await;
            }
        });
        (url, told)
    }

    /// Hears one request to its end and answers it.
    async fn hear(mut stream: TcpStream, answer: &[u8]) -> String {
        let mut heard = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&heard).into_owned();
            let whole = text.split_once("\r\n\r\n").is_some_and(|(head, rest)| {
                let length = head.to_lowercase();
                let length = length.split("content-length: ").nth(1).map(|rest| {
                    rest.lines().next().unwrap_or_default().parse::<usize>().unwrap_or(0)
                });
                rest.len() >= length.unwrap_or(0)
            });
            if whole || stream.read_buf(&mut heard).await.unwrap() == 0 {
                break;
            }
        }
        let _ = stream.write_all(answer).await;
        let _ = stream.shutdown().await;
        String::from_utf8(heard).unwrap()
    }

    fn answer(status: &str) -> Vec<u8> {
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok").into()
    }

    #[tokio::test]
    async fn a_notice_is_told_as_documented() {
        let (url, mut told) = receiver(answer("204 No Content")).await;
        let webhook = Webhook::new(&url, Some("0123456789abcdef\n")).unwrap();
        webhook.tell(&notice()).await.unwrap();
        let heard = told.recv().await.unwrap();
        let (head, body) = heard.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /hook/s3cret?x=1 HTTP/1.1\r\n"), "{head}");
        let head = head.to_lowercase();
        for line in [
            "content-type: application/json",
            "idempotency-key: message.left:m7-12c",
            "authorization: bearer 0123456789abcdef",
        ] {
            assert!(head.lines().any(|there| there == line), "{line} in {head}");
        }
        assert_eq!(body, &*notice().body);
    }

    #[tokio::test]
    async fn every_status_is_told_again_or_never() {
        for (status, again) in [
            ("500 x", true),
            ("503 x", true),
            ("408 x", true),
            ("425 x", true),
            ("429 x", true),
            ("302 x\r\nLocation: http://127.0.0.1:1/", true),
            ("400 x", false),
            ("401 x", false),
            ("404 x", false),
            ("410 x", false),
        ] {
            let (url, mut told) = receiver(answer(status)).await;
            let error = Webhook::new(&url, None).unwrap().tell(&notice()).await.unwrap_err();
            assert_eq!(matches!(error, TellError::Again(_)), again, "{status}: {error}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
            told.recv().await.unwrap();
            assert!(told.try_recv().is_err(), "{status} was followed or repeated");
        }
    }

    #[tokio::test]
    async fn a_receiver_that_is_away_or_odd_is_told_again() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", free.local_addr().unwrap());
        drop(free);
        let error = Webhook::new(&url, None).unwrap().tell(&notice()).await.unwrap_err();
        assert!(matches!(&error, TellError::Again(why) if why.contains("refused")), "{error}");
        for odd in [&b""[..], b"HTTP/1.1 20", b"nonsense\r\n\r\n", b"\x15\x03\x01\0\x02\x02"] {
            let (url, _told) = receiver(odd.to_vec()).await;
            let error = Webhook::new(&url, None).unwrap().tell(&notice()).await.unwrap_err();
            assert!(matches!(error, TellError::Again(_)), "{odd:?}: {error}");
        }
    }

    /// Also one without an end: it is not read to it.
    #[tokio::test]
    async fn a_long_answer_is_not_read() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let endless = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            // An answer that comes before its question is none.
            stream.read_buf(&mut Vec::new()).await.unwrap();
            let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            stream.write_all(head).await.unwrap();
            let chunk = [&b"1000\r\n"[..], &[b'x'; 0x1000], b"\r\n"].concat();
            let mut chunks = 0;
            while stream.write_all(&chunk).await.is_ok() {
                chunks += 1;
            }
            chunks
        });
        Webhook::new(&url, None).unwrap().tell(&notice()).await.unwrap();
        assert!(endless.await.unwrap() > 0, "the connection was closed under it");
    }

    #[test]
    fn bad_settings_are_refused() {
        for url in ["", "porter", "ftp://x/", "file:///etc/passwd", "http://u:p@x/", "http://"] {
            assert!(matches!(Webhook::new(url, None), Err(Error::Url)), "{url}");
        }
        for token in ["", "a b", "a\r\nX: y", "ä"] {
            assert!(
                matches!(Webhook::new("http://x/", Some(token)), Err(Error::Token)),
                "{token:?}"
            );
        }
        let webhook = Webhook::new("https://x.example/s3cret", Some("t0ken")).unwrap();
        let shown = format!("{webhook:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("t0ken"), "{shown}");
    }
}
