//! Every HTTP door: what proxies ask, what operators change, what monitors read.
//!
//! The process is reached through [`Porter`] alone. All doors stand in one table
//! (`table.rs`), which `docs/openapi.json` is compared with.

mod admin;
mod auth;
mod body;
mod client;
mod council;
mod device;
mod dialplan;
mod file;
mod health;
mod house;
mod incoming;
mod listen;
mod mailroom;
mod meter;
mod params;
mod porter;
mod reply;
mod route;
mod table;
mod token;
mod upload;
pub mod wire;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{RawPathParams, Request, State, rejection::RawPathParamsRejection};
use axum::routing::any;
use tokio::net::TcpListener;

use house::House;
use meter::Meter;

pub use auth::Tokens;
pub use client::{Client, ClientError};
pub use council::{Council, CouncilError};
pub use incoming::{Incoming, Stopped};
pub use mailroom::{FileError, Mailroom, MessageQuery, SoundError, UploadError, UploadPiece};
pub use porter::{BoxFuture, CallError, CallingSwitch, CommandError, Porter};

/// The limits of the doors.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who may ask what; may be replaced while requests come in.
    pub tokens: Arc<Tokens>,
    /// The most connections at once; one more is answered 503 and closed.
    pub connections_max: usize,
    /// The most admin requests at once; one more is answered 429.
    pub admin_requests_max: usize,
    /// The most uploads at once; one more is answered 429.
    pub uploads_max: usize,
    /// How long a body may take to come.
    pub body_within: Duration,
    /// How long a greeting may take to come, and to be kept.
    pub greeting_within: Duration,
    /// How long an upload may be silent before it is given up; what came is kept.
    pub upload_silent_within: Duration,
    /// How long an answer may take; later it is given up with 503.
    pub answer_within: Duration,
    /// How long a connection may be silent before it is closed.
    pub idle_within: Duration,
}

impl Options {
    /// The usual limits.
    #[must_use]
    pub fn new(tokens: Arc<Tokens>) -> Self {
        Self {
            tokens,
            connections_max: 1024,
            admin_requests_max: 64,
            uploads_max: 32,
            body_within: Duration::from_secs(5),
            greeting_within: Duration::from_secs(90),
            upload_silent_within: Duration::from_secs(30),
            answer_within: Duration::from_secs(20),
            idle_within: Duration::from_secs(300),
        }
    }
}

/// Serves requests until `shutdown` is done, then answers those that have begun and returns.
/// Connections without a request are closed at once.
///
/// `/metrics` needs a token (either) where the listener is not on a loopback address.
///
/// # Errors
/// When the listener has no address. Trouble with single connections is not an error.
pub async fn serve(
    listener: TcpListener,
    porter: Arc<dyn Porter>,
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let metrics_open = listener.local_addr()?.ip().is_loopback();
    let meter = Arc::new(Meter::new());
    let Options { connections_max, idle_within, .. } = options;
    let door = listen::Door::new(listener, connections_max, idle_within, Arc::clone(&meter));
    let house = Arc::new(House::new(porter, options, meter, metrics_open));
    axum::serve(door, router(house)).with_graceful_shutdown(shutdown).await
}

fn router(house: Arc<House>) -> Router {
    let mut router = Router::new();
    for ways in table::paths() {
        let Some(way) = ways.first() else { continue };
        let enter =
            move |State(house): State<Arc<House>>,
                  params: Result<RawPathParams, RawPathParamsRejection>,
                  request: Request| async move { house.enter(ways, params, request).await };
        router = router.route(way.path, any(enter));
    }
    router
        .fallback(|State(house): State<Arc<House>>, request: Request| async move {
            house.nowhere(request).await
        })
        .with_state(house)
}

#[cfg(test)]
mod tests;
