//! From a request to a reply: who may, how much, how long, and never a panic.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use axum::body::Body;
use axum::extract::{RawPathParams, rejection::RawPathParamsRejection};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::domain::{AccountKey, DeviceName};

use super::auth::{Admission, Scope};
use super::body;
use super::incoming::Incoming;
use super::meter::Meter;
use super::porter::Porter;
use super::reply::{Problem, Reply};
use super::table::{Room, Way};
use super::{Options, admin, device, dialplan, health, route, upload};

/// The label of answers that no way made.
const NOWHERE: &str = "other";

/// What all requests share.
pub(super) struct House {
    pub(super) porter: Arc<dyn Porter>,
    pub(super) options: Options,
    pub(super) meter: Arc<Meter>,
    /// Whether `/metrics` may be read without a token.
    pub(super) metrics_open: bool,
    admin_places: Semaphore,
    device_places: Semaphore,
    upload_places: Semaphore,
}

/// A request that was let in.
pub(super) struct Visit<'a> {
    pub(super) house: &'a House,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
    pub(super) params: Vec<String>,
    /// The device whose token let it in, and whose it is.
    pub(super) device: Option<(AccountKey, DeviceName)>,
    pub(super) body: axum::body::Bytes,
}

impl House {
    pub(super) fn new(
        porter: Arc<dyn Porter>,
        options: Options,
        meter: Arc<Meter>,
        metrics_open: bool,
    ) -> Self {
        let places = |max: usize| Semaphore::new(max.min(Semaphore::MAX_PERMITS));
        let (admin_places, upload_places) =
            (places(options.admin_requests_max), places(options.uploads_max));
        // As many again as for operators: phones must not keep these out.
        let device_places = places(options.admin_requests_max);
        Self { porter, options, meter, metrics_open, admin_places, device_places, upload_places }
    }

    /// Answers a request to one of the `ways` of a path.
    pub(super) async fn enter(
        &self,
        ways: &'static [Way],
        params: Result<RawPathParams, RawPathParamsRejection>,
        request: Request<Body>,
    ) -> Response<Body> {
        let method =
            if request.method() == Method::HEAD { "GET" } else { request.method().as_str() };
        let way = ways.iter().find(|way| way.method == method);
        let reply = match way {
            Some(way) => caught(self.serve(way, params, request), way.path).await,
            None => self.turn_away(wrong_method(ways), request).await,
        };
        let label = ways.first().map_or(NOWHERE, |way| way.path);
        self.meter.answered(label, reply.status.as_u16());
        reply.into_response()
    }

    /// Answers a request to a path that does not exist.
    pub(super) async fn nowhere(&self, request: Request<Body>) -> Response<Body> {
        let problem = Problem::missing("there is nothing at this address")
            .hint("see /openapi.json for what there is");
        let reply = self.turn_away(problem, request).await;
        self.meter.answered(NOWHERE, reply.status.as_u16());
        reply.into_response()
    }

    async fn serve(
        &self,
        way: &'static Way,
        params: Result<RawPathParams, RawPathParamsRejection>,
        request: Request<Body>,
    ) -> Reply {
        let scope = self.wanted_scope(way);
        let device = match scope {
            Scope::Device => device::bearer(&*self.porter, request.headers()),
            Scope::Open | Scope::Link | Scope::Route | Scope::Admin => None,
        };
        let problem = match self.options.tokens.admit(request.headers(), scope) {
            _ if device.is_some() => None,
            Admission::WrongScope if scope == Scope::Device => Some(device::wrong_token()),
            Admission::Yes => None,
            Admission::Stranger => Some(Problem::stranger()),
            Admission::WrongScope => Some(wrong_scope()),
        };
        let params = match (problem, params) {
            (Some(problem), _) => return self.turn_away(problem, request).await,
            (None, Ok(params)) => params.iter().map(|(_, value)| value.to_owned()).collect(),
            (None, Err(_)) => {
                let problem = Problem::wrong("the address has bytes in it that are not UTF-8");
                return self.turn_away(problem, request).await;
            }
        };
        let _place = match self.place(way, scope) {
            Ok(place) => place,
            Err(problem) => return self.turn_away(problem, request).await,
        };
        let (head, body) = request.into_parts();
        let mut visit = Visit {
            house: self,
            uri: &head.uri,
            headers: &head.headers,
            params,
            device,
            body: axum::body::Bytes::new(),
        };
        if way.room == Room::UploadPut {
            // It takes as long as it takes; only silence ends it.
            let silent_within = self.options.upload_silent_within;
            let body = Incoming::new(head.headers.clone(), body, silent_within);
            return upload::put(&visit, body).await.unwrap_or_else(Into::into);
        }
        let (body_within, answer_within) = match way.room == Room::GreetingSet {
            true => (self.options.greeting_within, self.options.greeting_within),
            false => (self.options.body_within, self.options.answer_within),
        };
        visit.body = match body::read(&head.headers, body, way.body_max, body_within).await {
            Ok(body) => body,
            Err(problem) => return problem.into(),
        };
        match body::soon(answer_within, visit.answer(way.room)).await {
            Some(Ok(reply)) => reply,
            Some(Err(problem)) => problem.into(),
            None => {
                tracing::error!(route = way.path, "a request took too long and was given up");
                Problem::not_now("this took too long and was given up").into()
            }
        }
    }

    /// Metrics name accounts' figures to nobody but the machine itself, or who has a token.
    fn wanted_scope(&self, way: &Way) -> Scope {
        if way.room == Room::Metrics && !self.metrics_open { Scope::Route } else { way.scope }
    }

    fn place(&self, way: &Way, scope: Scope) -> Result<Option<SemaphorePermit<'_>>, Problem> {
        let (places, error) = if way.room == Room::UploadPut {
            (&self.upload_places, "too many uploads at once")
        } else if scope == Scope::Admin {
            (&self.admin_places, "too many admin requests at once")
        } else if scope == Scope::Device {
            (&self.device_places, "too many requests of devices at once")
        } else {
            return Ok(None);
        };
        places.try_acquire().map(Some).map_err(|_| {
            Problem::new(StatusCode::TOO_MANY_REQUESTS, error)
                .hint("wait for answers before asking more")
                .with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))
        })
    }

    /// A refusal before the body was read. What is on its way is read and forgotten, else the
    /// sender would see a broken connection instead of the sentence.
    async fn turn_away(&self, problem: Problem, request: Request<Body>) -> Reply {
        let (head, body) = request.into_parts();
        body::forget(&head.headers, body).await;
        problem.into()
    }
}

impl Visit<'_> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others are behind the operators' door")]
    async fn answer(&self, room: Room) -> Result<Reply, Problem> {
        match room {
            Room::Route | Room::Dialplan if let Some(why) = self.house.porter.closed() => {
                Err(Problem::not_now(why))
            }
            Room::Route => route::route(self).await,
            Room::Event => route::event(self).await,
            Room::Dialplan => dialplan::answer(self).await,
            Room::Rehearse => route::rehearse(self).await,
            Room::Health => Ok(health::alive()),
            Room::Ready => Ok(health::ready(self)),
            Room::Metrics => Ok(health::metrics(self)),
            Room::OpenApi => Ok(health::openapi()),
            Room::UploadShow => upload::show(self).await,
            Room::UploadPut => Err(Problem::internal()),
            Room::SelfCareSet => device::set(self).await,
            Room::SelfCareShow => device::show(self),
            _ => admin::answer(self, room).await,
        }
    }

    /// The `index`-th variable part of the path, percent-decoded.
    pub(super) fn param(&self, index: usize) -> &str {
        self.params.get(index).map_or("", String::as_str)
    }
}

fn wrong_method(ways: &[Way]) -> Problem {
    let allowed = ways.iter().map(|way| way.method).collect::<Vec<_>>().join(", ");
    let problem =
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("this address takes {allowed}"))
            .hint("see /openapi.json for what there is");
    match HeaderValue::from_str(&allowed) {
        Ok(allowed) => problem.with_header(header::ALLOW, allowed),
        Err(_) => problem,
    }
}

fn wrong_scope() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "this token is good for /v1/route and /v1/event only")
        .hint("use the admin token")
}

/// A panic in one request must not be more than the end of that request.
async fn caught(work: impl Future<Output = Reply>, route: &'static str) -> Reply {
    let mut work = pin!(work);
    let caught =
        poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(reply)) => Poll::Ready(Some(reply)),
            Err(_) => Poll::Ready(None),
        });
    match caught.await {
        Some(reply) => reply,
        None => {
            tracing::error!(route, "a request ended in a panic: this is a mistake in hallporter");
            Problem::internal().into()
        }
    }
}
