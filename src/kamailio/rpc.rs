//! Asking Kamailio over JSON-RPC (`xhttp` + `jsonrpcs`).

use std::time::Duration;

use serde_json::{Value, json};

use crate::domain::{Contact, SeenDialog, SipUri};

use super::seen::{Reply, Seen, read_contacts, read_dialogs, read_done, read_up_since};

/// The longest answer that is read, in bytes: some hundred thousand dialogs.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Longer answers are taken apart on a thread of their own, so that calls don't wait for it.
const APART_BYTES: usize = 256 << 10;

/// How long an unused connection is kept: shorter than Kamailio does (`tcp_connection_lifetime`),
/// so that no question is sent into a connection that is being closed.
const IDLE: Duration = Duration::from_secs(30);

/// Why a proxy could not be asked. Nothing is known about it then: what it carries may go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RpcError {
    /// The answer is no JSON-RPC answer.
    #[error(
        "proxy at {url} does not answer as Kamailio does ({cause}): is this the address of xhttp with jsonrpc_dispatch()?"
    )]
    Answer {
        /// Where it was asked.
        url: String,
        /// What was wrong.
        cause: String,
    },
    /// It refused.
    #[error("proxy at {url} refused {method}: {code} {message}")]
    Refused {
        /// Where it was asked.
        url: String,
        /// What was asked.
        method: &'static str,
        /// JSON-RPC code, 404 for what does not exist.
        code: i64,
        /// In the proxy's words.
        message: String,
    },
    /// It can't be reached, or did not answer in time.
    #[error(
        "proxy at {url} does not answer ({cause}): is it running, and does xhttp listen there?"
    )]
    Unreachable {
        /// Where it was asked.
        url: String,
        /// What went wrong.
        cause: String,
    },
    /// The address is none.
    #[error("{url:?} is not the address of a proxy's JSON-RPC: write http://127.0.0.1:8090/RPC")]
    Url {
        /// What was configured.
        url: String,
    },
}

/// How long a proxy may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RpcTimes {
    /// To take a connection.
    pub connect: Duration,
    /// For a whole answer to a small question.
    pub answer: Duration,
    /// For a whole list of calls.
    pub list: Duration,
}

impl Default for RpcTimes {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            answer: Duration::from_secs(2),
            list: Duration::from_secs(15),
        }
    }
}

/// One proxy's JSON-RPC. Keeps a connection open between questions.
#[derive(Clone, Debug)]
pub struct Rpc {
    http: reqwest::Client,
    url: reqwest::Url,
    times: RpcTimes,
}

impl Rpc {
    /// The proxy whose `xhttp` listens at `url`.
    ///
    /// # Errors
    /// [`RpcError::Url`]; [`RpcError::Unreachable`] if no client can be made on this machine.
    pub fn new(url: &str, times: RpcTimes) -> Result<Self, RpcError> {
        let wrong = || RpcError::Url { url: url.to_owned() };
        let parsed = reqwest::Url::parse(url).map_err(|_| wrong())?;
        if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
            return Err(wrong());
        }
        let mut builder = reqwest::Client::builder()
            .connect_timeout(times.connect)
            .pool_idle_timeout(IDLE)
            .no_proxy()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none());
        if parsed.scheme() == "http" {
            // Else a machine without the package ca-certificates could not ask at all.
            builder = builder.tls_certs_only([]);
        }
        let http = builder
            .build()
            .map_err(|error| RpcError::Unreachable { url: url.into(), cause: innermost(&error) })?;
        Ok(Self { http, url: parsed, times })
    }

    /// All calls that the proxy knows, ended ones left out.
    ///
    /// # Errors
    /// See [`RpcError`]; so for every method below.
    pub async fn dialogs(&self) -> Result<Seen<SeenDialog>, RpcError> {
        self.ask("dlg.list", json!([]), self.times.list, read_dialogs).await
    }

    /// Ends a call with a BYE to both sides; `false` if the proxy does not know it. Kamailio's
    /// `dialog:end` event may not follow (measured): take the answer for the end.
    pub async fn end_dialog(&self, dialog: (u32, u32)) -> Result<bool, RpcError> {
        let asked =
            self.ask("dlg.end_dlg", json!([dialog.0, dialog.1]), self.times.answer, read_done);
        match asked.await {
            Ok(()) => Ok(true),
            Err(RpcError::Refused { code: 404, .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Since when the proxy runs, in its own words: another text means that it was restarted.
    pub async fn up_since(&self) -> Result<String, RpcError> {
        self.ask("core.uptime", json!([]), self.times.answer, read_up_since).await
    }

    /// Where an address of record is registered; empty if nowhere. `use_domain` as in the proxy's
    /// `usrloc`: without it the user part alone is the key.
    pub async fn contacts(
        &self,
        table: &str,
        aor: &SipUri,
        use_domain: bool,
    ) -> Result<Seen<Contact>, RpcError> {
        let (user, host) = aor.user_and_host();
        let key =
            if use_domain || user.is_empty() { format!("{user}@{host}") } else { user.into() };
        self.ask("ul.lookup", json!([table, key]), self.times.answer, read_contacts).await
    }

    pub(super) async fn ask<T: Send + 'static>(
        &self,
        method: &'static str,
        params: Value,
        within: Duration,
        read: fn(&[u8]) -> Result<Reply<T>, String>,
    ) -> Result<T, RpcError> {
        let question = json!({"jsonrpc": "2.0", "method": method, "params": params, "id": 1});
        let (status, body) = self.post(&question, within).await?;
        let reply = if body.len() > APART_BYTES {
            let read = tokio::task::spawn_blocking(move || read(&body));
            read.await.unwrap_or_else(|error| Err(error.to_string()))
        } else {
            read(&body)
        };
        match reply {
            Ok(Reply::Result(result)) => Ok(result),
            Ok(Reply::Refused { code, message }) => {
                Err(RpcError::Refused { url: self.url.to_string(), method, code, message })
            }
            Err(cause) => Err(self.odd(format!("HTTP status {status}, {cause}"))),
        }
    }

    async fn post(&self, question: &Value, within: Duration) -> Result<(u16, Vec<u8>), RpcError> {
        let unreachable = |error: &reqwest::Error| RpcError::Unreachable {
            url: self.url.to_string(),
            cause: innermost(error),
        };
        let request = self.http.post(self.url.clone()).timeout(within).json(question);
        let mut response = request.send().await.map_err(|error| unreachable(&error))?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(self.odd(format!("more than {ANSWER_BYTES_MAX} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, body))
    }

    fn odd(&self, cause: String) -> RpcError {
        RpcError::Answer { url: self.url.to_string(), cause }
    }
}

/// The innermost cause: "Connection refused" says more than "error sending request".
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
    use tokio::net::TcpListener;

    use super::*;

    /// A proxy that answers every question with `status` and `body`, and tells what it was asked.
    async fn proxy(
        status: &str,
        body: &'static [u8],
    ) -> (Rpc, tokio::sync::mpsc::Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/RPC", listener.local_addr().unwrap());
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
        let (sender, receiver) = tokio::sync::mpsc::channel(8);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut asked = vec![0; 4096];
                let mut length = 0;
                while !asked[..length].ends_with(b"}") {
                    match stream.read(&mut asked[length..]).await {
                        Ok(read) if read > 0 => length += read,
                        _ => break,
                    }
                }
                let text = String::from_utf8_lossy(&asked[..length]).into_owned();
                let _ = sender.send(text).await;
                let _ = stream.write_all(head.as_bytes()).await;
                let _ = stream.write_all(body).await;
            }
        });
        (Rpc::new(&url, RpcTimes::default()).unwrap(), receiver)
    }

    #[tokio::test]
    async fn a_list_is_asked_for() {
        let list = include_bytes!("../../tests/fixtures/kamailio/dlg.list.json");
        let (rpc, mut asked) = proxy("200 OK", list).await;
        assert_eq!(rpc.dialogs().await.unwrap().items.len(), 2);
        let question = asked.recv().await.unwrap();
        assert!(question.starts_with("POST /RPC HTTP/1.1\r\n"), "{question}");
        assert!(question.contains(r#""method":"dlg.list""#), "{question}");
    }

    #[tokio::test]
    async fn a_missing_dialog_is_no_error() {
        let missing = include_bytes!("../../tests/fixtures/kamailio/dlg.end_dlg_404.json");
        let (rpc, mut asked) = proxy("404 Dialog not found", missing).await;
        assert_eq!(rpc.end_dialog((768, 377)).await, Ok(false));
        assert!(asked.recv().await.unwrap().contains(r#""params":[768,377]"#));
        let done = include_bytes!("../../tests/fixtures/kamailio/dlg.end_dlg.json");
        let (rpc, _asked) = proxy("200 OK", done).await;
        assert_eq!(rpc.end_dialog((1, 2)).await, Ok(true));
    }

    #[tokio::test]
    async fn an_address_is_looked_up_as_the_proxy_keys_it() {
        let found = include_bytes!("../../tests/fixtures/kamailio/ul.lookup.json");
        let (rpc, mut asked) = proxy("200 OK", found).await;
        let aor = SipUri::parse("sip:bob@example.com").unwrap();
        for (use_domain, params) in
            [(false, r#"["location","bob"]"#), (true, r#"["location","bob@example.com"]"#)]
        {
            let seen = rpc.contacts("location", &aor, use_domain).await.unwrap();
            assert_eq!(seen.items.len(), 2);
            let question = asked.recv().await.unwrap();
            assert!(question.contains(params), "{question}");
        }
        let gone = include_bytes!("../../tests/fixtures/kamailio/ul.lookup_404.json");
        let (rpc, _asked) = proxy("500 AOR not found", gone).await;
        assert_eq!(rpc.contacts("location", &aor, false).await, Ok(Seen::default()));
    }

    #[tokio::test]
    async fn what_is_no_proxy_is_told_from_one_that_is_not_there() {
        let (rpc, _asked) = proxy("200 OK", b"<html>It works!</html>").await;
        assert!(matches!(rpc.dialogs().await, Err(RpcError::Answer { .. })));
        let unknown = include_bytes!("../../tests/fixtures/kamailio/unknown_method.json");
        let (rpc, _asked) = proxy("500 Method Not Found", unknown).await;
        assert!(matches!(rpc.up_since().await, Err(RpcError::Refused { code: 500, .. })));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/RPC", listener.local_addr().unwrap());
        let times = RpcTimes { answer: Duration::from_millis(50), ..RpcTimes::default() };
        let rpc = Rpc::new(&url, times).unwrap();
        assert!(matches!(rpc.up_since().await, Err(RpcError::Unreachable { .. })));
        drop(listener);
        assert!(matches!(rpc.up_since().await, Err(RpcError::Unreachable { .. })));
        for url in ["", "127.0.0.1:80", "ftp://x/", "http://"] {
            assert!(matches!(Rpc::new(url, times), Err(RpcError::Url { .. })), "{url}");
        }
    }
}
