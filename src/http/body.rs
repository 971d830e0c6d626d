//! Bodies: read up to a limit, or forgotten politely.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::{HeaderMap, StatusCode, header};
use tokio::time::timeout;

use super::reply::Problem;

/// How many bytes of a refused body are read and forgotten, and how long.
const FORGET_BYTES_MAX: u64 = 2 << 20;
const FORGET_WITHIN: Duration = Duration::from_secs(1);

/// The whole body.
pub(super) async fn read(
    headers: &HeaderMap,
    mut body: Body,
    bytes_max: usize,
    within: Duration,
) -> Result<Bytes, Problem> {
    if announced(headers).is_some_and(|length| length > bytes_max as u64) {
        forget(headers, body).await;
        return Err(too_long(bytes_max));
    }
    match soon(within, collect(&mut body, bytes_max)).await {
        Some(Ok(Some(bytes))) => Ok(bytes),
        Some(Ok(None)) => {
            forget(headers, body).await;
            Err(too_long(bytes_max))
        }
        Some(Err(())) => Err(Problem::wrong("the body broke off")),
        None => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")),
    }
}

/// What comes of `work` within that time; `None` if nothing does. Most of it is done at once, and
/// then no timer is made.
pub(super) async fn soon<T>(within: Duration, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    if let Poll::Ready(done) = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await {
        return Some(done);
    }
    timeout(within, work).await.ok()
}

/// `None` when it is too long. The usual body is one frame and is not copied.
async fn collect(body: &mut Body, bytes_max: usize) -> Result<Option<Bytes>, ()> {
    let mut first = Bytes::new();
    let mut rest = Vec::new();
    while let Some(part) = next(body).await? {
        if first.len() + rest.len() + part.len() > bytes_max {
            return Ok(None);
        }
        if first.is_empty() {
            first = part;
        } else {
            rest.extend_from_slice(&part);
        }
    }
    if rest.is_empty() {
        return Ok(Some(first));
    }
    rest.splice(..0, first.iter().copied());
    Ok(Some(rest.into()))
}

/// What comes next of a body; `None` at its end.
pub(super) async fn next(body: &mut Body) -> Result<Option<Bytes>, ()> {
    loop {
        match poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
            None => return Ok(None),
            Some(Err(_)) => return Err(()),
            // Trailers are of no interest.
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// Reads what is on its way, within limits.
pub(super) async fn forget(headers: &HeaderMap, mut body: Body) {
    let waits = headers.contains_key(header::EXPECT);
    if waits || body.is_end_stream() || announced(headers).is_some_and(|all| all > FORGET_BYTES_MAX)
    {
        return;
    }
    let all = async {
        let mut read = 0;
        while let Ok(Some(part)) = next(&mut body).await {
            read += part.len() as u64;
            if read > FORGET_BYTES_MAX {
                break;
            }
        }
    };
    // Whether it was all or not makes no difference to the answer.
    let _ = timeout(FORGET_WITHIN, all).await;
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_long(bytes_max: usize) -> Problem {
    let error = format!("the body is longer than {} KiB", bytes_max >> 10);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, error).hint("send less at once")
}
