//! What hallporter is compared with: servers of the same make that answer a constant.
//!
//! Two of them. The bare one is axum as hallporter has it, and nothing else. The one with doors does
//! what hallporter's doors do to every request before anybody decides anything: a credential is
//! decoded and compared in constant time, the body has a limit and a deadline, the answer has a
//! deadline, it is counted, and its time is taken.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use axum::serve::ListenerExt as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;
use tokio::time::timeout;

/// As hallporter has them.
const BODY_MAX: usize = 64 << 10;
const BODY_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// Serves the content of a file at `POST /v1/route`, for ever: `ADDRESS FILE`, and a token for the
/// one with doors. The bare one reads the body and does nothing else: no token, no limit, no
/// deadline, no metric, no log.
pub(crate) fn serve(mut words: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let listen: SocketAddr = words.next().context("an address")?.parse()?;
    let answer = Bytes::from(std::fs::read(words.next().context("a file")?)?);
    let router = match words.next() {
        Some(token) => with_doors(&token, answer),
        None => bare(answer),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listener = TcpListener::bind(listen).await?.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, router).await?;
        Ok(())
    })
}

fn bare(answer: Bytes) -> Router {
    let route = move |_question: Bytes| {
        let answer = answer.clone();
        async move { ([(CONTENT_TYPE, "application/json")], answer) }
    };
    Router::new().route("/v1/route", post(route))
}

struct House {
    answer: Bytes,
    tokens: [Vec<u8>; 2],
    answers: Family<[(&'static str, String); 1], Counter>,
    took_s: Histogram,
}

fn with_doors(token: &str, answer: Bytes) -> Router {
    let house = House {
        answer,
        tokens: [token.as_bytes().to_vec(), b"the other one, as long as a token is".to_vec()],
        answers: Family::default(),
        took_s: Histogram::new([0.000_1, 0.001, 0.01, 0.1]),
    };
    let enter = |State(house): State<Arc<House>>, request: Request| async move {
        let response = house.enter(request).await;
        let code = response.status().as_str().to_owned();
        house.answers.get_or_create(&[("code", code)]).inc();
        response
    };
    Router::new().route("/v1/route", any(enter)).with_state(Arc::new(house))
}

impl House {
    async fn enter(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let known = head.headers.get(AUTHORIZATION).is_some_and(|value| self.knows(value));
        if !known {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        let Ok(Ok(_question)) = timeout(BODY_WITHIN, to_bytes(body, BODY_MAX)).await else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        let answer = async {
            let began = Instant::now();
            let answer = self.answer.to_vec();
            self.took_s.observe(began.elapsed().as_secs_f64());
            ([(CONTENT_TYPE, "application/json")], answer).into_response()
        };
        match timeout(ANSWER_WITHIN, answer).await {
            Ok(response) => response,
            Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    }

    fn knows(&self, value: &HeaderValue) -> bool {
        let basic = value.as_bytes().strip_prefix(b"Basic ");
        let pair = basic.and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
        let given = pair.strip_prefix(b"route:").unwrap_or_default();
        let [route, admin] = self.tokens.each_ref().map(|token| bool::from(token.ct_eq(given)));
        route | admin
    }
}
