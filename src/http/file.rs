//! Kept files on their way out: whole, or the part that was asked for (RFC 9110 §14).

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body::{Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::domain::Stored;

use super::reply::{Problem, Reply};

/// How much is read at once, in bytes.
const PIECE_BYTES: u64 = 64 << 10;

/// The answer to a question for a kept file. `name` is what it is called where it is saved; its
/// ending is put behind it.
pub(super) fn reply(
    headers: &HeaderMap,
    (mut file, bytes): (File, u64),
    stored: &Stored,
    name: &str,
) -> Result<Reply, Problem> {
    let (media_type, ending) = kind(&stored.media_type);
    let tag = format!("\"{}\"", stored.content);
    let range = match wanted(headers, bytes, &tag) {
        Wanted::All => None,
        Wanted::Part(from, to) => Some((from, to)),
        Wanted::Nothing => {
            let problem = "the file is shorter than that";
            let problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, problem);
            return Err(with(problem, header::CONTENT_RANGE, &format!("bytes */{bytes}")));
        }
    };
    let (from, left) = range.map_or((0, bytes), |(from, to)| (from, to - from + 1));
    file.seek(SeekFrom::Start(from)).map_err(|error| {
        tracing::error!(%error, "a kept file can't be read");
        Problem::not_now("the file can't be read: look after the spool's disk")
    })?;
    let body = FileBody { left, state: State::Idle(Some(file)) };
    let mut reply = Reply::text(media_type, Body::new(body))
        .with_header(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"))
        .with_header(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
        .with_header(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    let mut said = vec![
        (header::ETAG, tag),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.{ending}\"")),
    ];
    if let Some((from, to)) = range {
        reply = reply.with_status(StatusCode::PARTIAL_CONTENT);
        said.push((header::CONTENT_RANGE, format!("bytes {from}-{to}/{bytes}")));
    }
    for (name, value) in said {
        if let Ok(value) = HeaderValue::from_str(&value) {
            reply = reply.with_header(name, value);
        }
    }
    Ok(reply)
}

fn with(problem: Problem, name: HeaderName, value: &str) -> Problem {
    match HeaderValue::from_str(value) {
        Ok(value) => problem.with_header(name, value),
        Err(_) => problem,
    }
}

/// The media types that are said, and the endings of names. Nothing that a browser would run.
fn kind(media_type: &str) -> (&'static str, &'static str) {
    match media_type {
        "audio/wav" => ("audio/wav", "wav"),
        "video/mp4" => ("video/mp4", "mp4"),
        "video/webm" => ("video/webm", "webm"),
        "video/x-matroska" => ("video/x-matroska", "mkv"),
        _ => ("application/octet-stream", "bin"),
    }
}

/// What of a file is wanted: first and last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Part(u64, u64),
    Nothing,
}

/// One range is served; what is no range that we know, several ones, and one about another file
/// (`If-Range`) are taken as if they were not there, as RFC 9110 §14.2 has it.
fn wanted(headers: &HeaderMap, bytes: u64, tag: &str) -> Wanted {
    let Some(range) = headers.get(header::RANGE) else { return Wanted::All };
    let other = |value: &HeaderValue| value.as_bytes() != tag.as_bytes();
    if headers.get(header::IF_RANGE).is_some_and(other) {
        return Wanted::All;
    }
    let range = range.to_str().ok().and_then(|text| text.strip_prefix("bytes="));
    let Some((first, last)) = range.and_then(|range| range.split_once('-')) else {
        return Wanted::All;
    };
    let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse::<u64>().ok(),
        false => None,
    };
    let end = bytes.checked_sub(1);
    let range = match (first.trim(), last.trim()) {
        ("", count) => number(count).map(|count| match (count, end) {
            (0, _) | (_, None) => None,
            (count, Some(end)) => Some((bytes.saturating_sub(count), end)),
        }),
        (from, "") => number(from).map(|from| end.map(|end| (from, end))),
        (from, to) => match (number(from), number(to)) {
            (Some(from), Some(to)) if from <= to => Some(end.map(|end| (from, to.min(end)))),
            _ => None,
        },
    };
    match range {
        None => Wanted::All,
        Some(Some((from, to))) if from <= to => Wanted::Part(from, to),
        Some(_) => Wanted::Nothing,
    }
}

/// A file's bytes, read on threads that may wait.
struct FileBody {
    left: u64,
    state: State,
}

enum State {
    Idle(Option<File>),
    Reading(JoinHandle<io::Result<(File, Vec<u8>)>>),
}

impl http_body::Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            let left = self.left;
            match &mut self.state {
                State::Idle(file) => {
                    let Some(file) = file.take().filter(|_| left > 0) else {
                        return Poll::Ready(None);
                    };
                    self.state = State::Reading(spawn_blocking(move || read(file, left)));
                }
                State::Reading(reading) => {
                    let read = ready!(Pin::new(reading).poll(context));
                    self.state = State::Idle(None);
                    let (file, piece) = match read.unwrap_or_else(|error| Err(error.into())) {
                        Ok(read) => read,
                        Err(error) => return Poll::Ready(Some(Err(error))),
                    };
                    self.left -= piece.len() as u64;
                    self.state = State::Idle(Some(file));
                    return Poll::Ready(Some(Ok(Frame::data(piece.into()))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// The next piece. A file that has become shorter ends the answer with an error, so that nobody
/// takes it for whole.
fn read(mut file: File, left: u64) -> io::Result<(File, Vec<u8>)> {
    let bytes = usize::try_from(left.min(PIECE_BYTES)).unwrap_or(usize::MAX);
    let mut piece = vec![0; bytes];
    let mut filled = 0;
    while filled == 0 {
        match file.read(&mut piece) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => filled = read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    piece.truncate(filled);
    Ok((file, piece))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_has_it() {
        use Wanted::{All, Nothing, Part};
        for (range, bytes, want) in [
            ("bytes=0-0", 10, Part(0, 0)),
            ("bytes=2-", 10, Part(2, 9)),
            ("bytes=2-100", 10, Part(2, 9)),
            ("bytes=-3", 10, Part(7, 9)),
            ("bytes=-30", 10, Part(0, 9)),
            ("bytes=0-18446744073709551615", 10, Part(0, 9)),
            ("bytes=10-", 10, Nothing),
            ("bytes=10-12", 10, Nothing),
            ("bytes=-0", 10, Nothing),
            ("bytes=0-", 0, Nothing),
            ("bytes=-5", 0, Nothing),
            ("bytes=3-2", 10, All),
            ("bytes=0-1,4-5", 10, All),
            ("bytes=x-", 10, All),
            ("bytes=-", 10, All),
            ("bytes=+1-2", 10, All),
            ("bytes=0-99999999999999999999999", 10, All),
            ("lines=0-1", 10, All),
            ("bytes", 10, All),
            ("", 10, All),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_static(range));
            assert_eq!(wanted(&headers, bytes, "\"a\""), want, "{range} of {bytes}");
            headers.insert(header::IF_RANGE, HeaderValue::from_static("\"b\""));
            assert_eq!(wanted(&headers, bytes, "\"a\""), All, "{range} of another file");
        }
        assert_eq!(wanted(&HeaderMap::new(), 10, ""), All);
    }
}
