//! The doors over a real loopback socket, with a desk in memory behind them.

mod admin;
mod cluster;
mod doors;
mod mailboxes;
mod mailroom;
mod messages;
mod openapi;
mod rules;
mod self_care;
mod tells;
mod uploads;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::desk::{Desk, Ended, Input, Output, Settings, Ticket};
use crate::domain::{AccountKey, CallEvent, CallRef, Decision, Now, RouteQuery, SwitchId};
use crate::registry::Command;

use super::auth::Scope;
use super::wire::{Status, Why, WhyEntry, WhyKind};
use super::*;

const ROUTE: &str = "route-token";
const ADMIN: &str = "admin-token";

/// A process without disk, proxies and clock.
struct Fake {
    desk: Mutex<Desk>,
    time_us: AtomicU64,
    /// A question whose Call-ID is this one makes it panic.
    panics_at: &'static str,
    full_disk: AtomicBool,
    status: Mutex<Status>,
    events: Mutex<Vec<CallEvent>>,
    texts: Mutex<std::collections::BTreeMap<AccountKey, String>>,
    mail: mailroom::Mail,
    cluster: Mutex<Option<wire::ClusterView>>,
    /// Held by a test that wants `why` to wait.
    gate: tokio::sync::Mutex<()>,
    /// Rung when somebody asks why.
    asked: tokio::sync::Notify,
}

impl Fake {
    fn now(&self) -> Now {
        let wall_ms = 1_700_000_000_000;
        Now { mono_ms: self.time_us.load(Ordering::Relaxed) / 1000 + 1, wall_ms }
    }

    fn handle(&self, input: Input) -> Vec<Output> {
        let mut desk = self.desk.lock().unwrap();
        desk.handle(input, self.now());
        std::iter::from_fn(|| desk.poll()).collect()
    }
}

impl Porter for Fake {
    fn route(&self, query: Box<RouteQuery>) -> BoxFuture<'_, Arc<Decision>> {
        Box::pin(async move {
            assert_ne!(&*query.call_id, self.panics_at, "as the test wants it");
            let outputs = self.handle(Input::Route { ticket: Ticket(1), query });
            let answer = outputs.into_iter().find_map(|output| {
                if let Output::Answer { decision, .. } = output { Some(decision) } else { None }
            });
            answer.unwrap()
        })
    }

    fn rehearse(&self, query: Box<RouteQuery>, at_ms: Option<i64>) -> BoxFuture<'_, Arc<Decision>> {
        let now = self.now();
        let now = Now { wall_ms: at_ms.unwrap_or(now.wall_ms), ..now };
        let decision = self.desk.lock().unwrap().rehearse(&query, now);
        Box::pin(async move { Arc::new(decision) })
    }

    fn rule_text(&self, account: AccountKey) -> BoxFuture<'_, Result<Option<String>, String>> {
        let text = self.texts.lock().unwrap().get(&account).cloned();
        Box::pin(async move { Ok(text) })
    }

    fn calling_switch(&self, name: &str) -> Option<CallingSwitch> {
        let profile = "phones".to_owned();
        (name == "fs1").then(|| CallingSwitch {
            id: SwitchId(0),
            profile,
            prompts: "/p/en".to_owned(),
        })
    }

    fn event(&self, event: CallEvent) -> BoxFuture<'static, ()> {
        self.handle(Input::Event(event.clone()));
        self.events.lock().unwrap().push(event);
        Box::pin(async {})
    }

    fn command(&self, command: Command) -> BoxFuture<'_, Result<(), CommandError>> {
        Box::pin(async move {
            if self.full_disk.load(Ordering::Relaxed) {
                return Err(CommandError::NotDurable("the disk is full".to_owned()));
            }
            let index = self.desk.lock().unwrap().registry().applied() + 1;
            if let Command::RulesSet { account, text } = &command {
                let key = self.desk.lock().unwrap().registry().find(account.as_str());
                let text = text.text().to_string();
                self.texts.lock().unwrap().extend(key.map(|key| (key, text)));
            }
            let outputs = self.handle(Input::Committed { ticket: Ticket(2), index, command });
            for output in outputs {
                if let Output::Applied { result, .. } = output {
                    return result.map_err(CommandError::Refused);
                }
            }
            unreachable!()
        })
    }

    fn read(&self, look: &mut dyn FnMut(&Desk, Now)) {
        look(&self.desk.lock().unwrap(), self.now());
    }

    fn secret(&self) -> Result<[u8; 32], String> {
        Ok([0xa5; 32])
    }

    fn end_call(&self, call: CallRef) -> BoxFuture<'_, Result<(), CallError>> {
        let node = "b".to_owned();
        Box::pin(async move {
            match call.node().0 {
                2 => Err(CallError::Away { call, node }),
                3 => Err(CallError::Silent { call, node }),
                _ => Err(CallError::NoProxy { call }),
            }
        })
    }

    fn release_call(&self, call: CallRef, _: String) -> BoxFuture<'_, Result<Ended, CallError>> {
        Box::pin(async move {
            let outputs = self.handle(Input::Release { ticket: Ticket(3), call });
            let ended = outputs.into_iter().find_map(|output| {
                if let Output::Released { ended, .. } = output { ended } else { None }
            });
            ended.ok_or(CallError::NoCall { call })
        })
    }

    fn why(&self, key: String) -> BoxFuture<'_, Result<Why, String>> {
        Box::pin(async move {
            self.asked.notify_one();
            let _gate = self.gate.lock().await;
            let lines = vec![key.clone()];
            let (kind, data) = (WhyKind::Decided, Value::Null);
            let entry = WhyEntry { at_ms: 1, node: None, kind, lines, data };
            let why = |entries, silent| Ok(Why { entries, silent });
            match key.as_str() {
                "unknown" => why(vec![], vec![]),
                "elsewhere" => why(vec![], vec!["b".to_owned()]),
                "broken" => Err("the history can't be read".to_owned()),
                _ => why(vec![entry], vec![]),
            }
        })
    }

    fn status(&self) -> Status {
        self.status.lock().unwrap().clone()
    }

    fn metrics(&self) -> String {
        "# TYPE hallporter_calls gauge\nhallporter_calls 0\n# EOF\n".to_owned()
    }

    fn stopwatch_us(&self) -> u64 {
        self.time_us.fetch_add(60, Ordering::Relaxed)
    }
}

/// A running server.
struct House {
    url: String,
    address: std::net::SocketAddr,
    fake: Arc<Fake>,
    tokens: Arc<Tokens>,
    http: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    done: tokio::task::JoinHandle<io::Result<()>>,
}

async fn house() -> House {
    house_with(|_| {}).await
}

async fn house_with(change: impl FnOnce(&mut Options)) -> House {
    let fake = Arc::new(Fake {
        desk: Mutex::new(Desk::new(Settings::default())),
        time_us: AtomicU64::new(0),
        panics_at: "panic",
        full_disk: AtomicBool::new(false),
        status: Mutex::new(Status { ready: true, ..Status::default() }),
        events: Mutex::default(),
        texts: Mutex::default(),
        mail: mailroom::Mail::default(),
        cluster: Mutex::default(),
        gate: tokio::sync::Mutex::new(()),
        asked: tokio::sync::Notify::new(),
    });
    let tokens = Tokens::new(ROUTE.as_bytes(), ADMIN.as_bytes());
    let mut options = Options::new(Arc::clone(&tokens));
    change(&mut options);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let porter = Arc::clone(&fake) as Arc<dyn Porter>;
    let done = tokio::spawn(serve(listener, porter, options, async {
        let _ = stopped.await;
    }));
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    House { url: format!("http://{address}"), address, fake, tokens, http, stop: Some(stop), done }
}

impl House {
    /// Status and body of one request.
    async fn ask(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: impl Into<reqwest::Body>,
    ) -> (u16, Value) {
        let method = method.parse().unwrap();
        let mut request = self.http.request(method, format!("{}{path}", self.url)).body(body);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let body = response.bytes().await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    fn client(&self) -> Client {
        Client::new(&self.url, ADMIN).unwrap()
    }

    /// What comes back for bytes as they are, until the server closes or is silent for long.
    async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let _ = tokio::time::timeout(Duration::from_secs(10), read).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// A refusal is one sentence in JSON, whatever it is about.
fn is_sentence(body: &Value) -> bool {
    body["error"].as_str().is_some_and(|error| {
        error.len() > 10 && !error.contains("panicked") && !error.contains(char::is_control)
    })
}
