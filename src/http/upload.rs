//! `/u/{link}`: a video that comes by a one-time link. The link is the credential; nothing that is
//! answered says what it is for.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::house::Visit;
use super::incoming::Incoming;
use super::mailroom::{UploadError, UploadPiece};
use super::reply::{Problem, Reply};
use super::wire::UploadView;

/// The longest link, in bytes.
const LINK_BYTES_MAX: usize = 256;
/// Where an upload is, or goes on (as in draft-ietf-httpbis-resumable-upload).
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
/// How large the whole is.
const LENGTH: HeaderName = HeaderName::from_static("upload-length");

/// `GET`, and `HEAD` with the same headers: what is expected, and how far it has come.
pub(super) async fn show(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let view = visit.house.porter.upload(link(visit)?).await.map_err(problem)?;
    Ok(shown(&view))
}

/// `PUT`: a video, or a piece of it.
pub(super) async fn put(visit: &Visit<'_>, mut body: Incoming) -> Result<Reply, Problem> {
    let taken = take(visit, &mut body).await;
    if taken.is_err() {
        // Else the sender would see a broken connection instead of the sentence.
        body.forget().await;
    }
    taken
}

async fn take(visit: &Visit<'_>, body: &mut Incoming) -> Result<Reply, Problem> {
    let link = link(visit)?;
    let porter = &visit.house.porter;
    // Whoever holds no good link is not told what is wrong with the rest.
    let view = porter.upload(link.clone()).await.map_err(problem)?;
    let piece = piece(visit.headers)?;
    if piece.total > view.bytes_max {
        let error = format!("a video may have {} bytes at most", view.bytes_max);
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, error).hint("send a shorter one"));
    }
    let taken = porter.take_upload(link, piece, body).await.map_err(problem)?;
    tracing::debug!(offset = taken.offset, complete = taken.complete, "a piece of a video came");
    Ok(shown(&taken))
}

fn link(visit: &Visit<'_>) -> Result<String, Problem> {
    let link = visit.param(0);
    if link.len() > LINK_BYTES_MAX {
        return Err(problem(UploadError::Unknown));
    }
    Ok(link.to_owned())
}

fn shown(view: &UploadView) -> Reply {
    let mut reply = Reply::value(view)
        .with_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
        .with_header(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"))
        .with_header(OFFSET, view.offset.into());
    if let Some(total) = view.total {
        reply = reply.with_header(LENGTH, total.into());
    }
    reply
}

/// What the headers say of the piece: `Content-Range: bytes FIRST-LAST/TOTAL`, or `Upload-Offset`
/// and `Upload-Length`, or nothing at all for a whole video.
fn piece(headers: &HeaderMap) -> Result<UploadPiece, Problem> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.unwrap_or_default().to_owned();
    let length = number(headers, &header::CONTENT_LENGTH)?;
    if headers.contains_key(header::CONTENT_RANGE) {
        let (first, last, total) = content_range(headers).ok_or_else(|| {
            Problem::wrong("this Content-Range can't be read")
                .field("Content-Range")
                .hint("write bytes FIRST-LAST/TOTAL")
        })?;
        if length.is_some_and(|length| length != last - first + 1) {
            let problem = "Content-Range and Content-Length speak of different sizes";
            return Err(Problem::wrong(problem).field("Content-Range"));
        }
        return Ok(UploadPiece { offset: first, total, media_type });
    }
    let offset = number(headers, &OFFSET)?.unwrap_or_default();
    let said = number(headers, &LENGTH)?;
    let total = said.or_else(|| length.and_then(|length| offset.checked_add(length)));
    let total = total.ok_or_else(|| {
        Problem::new(StatusCode::LENGTH_REQUIRED, "it is not said how large the video is")
            .hint("send Content-Length or Upload-Length")
    })?;
    let end = length.and_then(|length| offset.checked_add(length)).unwrap_or(offset);
    if end > total {
        let problem = "more is sent than Upload-Length says";
        return Err(Problem::wrong(problem).field("Upload-Length"));
    }
    Ok(UploadPiece { offset, total, media_type })
}

fn content_range(headers: &HeaderMap) -> Option<(u64, u64, u64)> {
    let mut values = headers.get_all(header::CONTENT_RANGE).iter();
    let text = values.next()?.to_str().ok()?.strip_prefix("bytes ")?;
    let (range, total) = text.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, total) = (digits(first)?, digits(last)?, digits(total)?);
    (first <= last && last < total && values.next().is_none()).then_some((first, last, total))
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let number = value.to_str().ok().and_then(digits).filter(|_| values.next().is_none());
    let wrong = || Problem::wrong("this header has to be one whole number").field(name.as_str());
    number.map(Some).ok_or_else(wrong)
}

fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn problem(error: UploadError) -> Problem {
    let sentence = error.to_string();
    let status = match error {
        UploadError::Unknown => StatusCode::NOT_FOUND,
        UploadError::Gone(_) => StatusCode::GONE,
        UploadError::Busy => StatusCode::CONFLICT,
        UploadError::Elsewhere { have } => {
            return Problem::new(StatusCode::CONFLICT, sentence).with_header(OFFSET, have.into());
        }
        UploadError::BrokeOff => StatusCode::BAD_REQUEST,
        UploadError::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
        UploadError::NotTaken(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        UploadError::NotNow(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    Problem::new(status, sentence)
}
