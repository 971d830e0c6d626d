//! A body that comes piece by piece, for what is too large to be held.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use tokio::time::timeout;

use super::body;

/// A body on its way in. How much of it may come is up to the reader; it is never held as a whole.
#[derive(Debug)]
pub struct Incoming {
    headers: HeaderMap,
    body: Body,
    silent_within: Duration,
}

/// Why no more of a body comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// The connection broke off.
    #[error("the body broke off")]
    BrokeOff,
    /// Nothing came for too long.
    #[error("the body did not come in time")]
    Silent,
}

impl Incoming {
    pub(super) fn new(headers: HeaderMap, body: Body, silent_within: Duration) -> Self {
        Self { headers, body, silent_within }
    }

    /// What comes next; `None` at the end of the body. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// [`Stopped`], after which nothing more comes.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Stopped> {
        match timeout(self.silent_within, body::next(&mut self.body)).await {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(())) => Err(Stopped::BrokeOff),
            Err(_) => Err(Stopped::Silent),
        }
    }

    /// Reads what is still on its way, within limits, so that its sender hears the answer.
    pub(super) async fn forget(self) {
        body::forget(&self.headers, self.body).await;
    }
}
