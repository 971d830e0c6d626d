//! What goes back through a door: an answer, or a problem in one sentence.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::kamailio;
use crate::rules::Mistake;

use super::wire::ErrorBody;

const JSON: &str = "application/json";
const CHALLENGE: &str = "Bearer realm=\"hallporter\", Basic realm=\"hallporter\"";

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    content_type: &'static str,
    extra: Vec<(HeaderName, HeaderValue)>,
    body: Body,
}

impl Reply {
    /// Bytes that are JSON already.
    pub(super) fn json(body: Vec<u8>) -> Self {
        Self::text(JSON, body)
    }

    /// Bytes of another type.
    pub(super) fn text(content_type: &'static str, body: impl Into<Body>) -> Self {
        Self { status: StatusCode::OK, content_type, extra: Vec::new(), body: body.into() }
    }

    /// A value that is written as JSON.
    pub(super) fn value(value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self::json(body),
            Err(error) => {
                tracing::error!(%error, "an answer could not be written as JSON: this is a mistake in hallporter");
                Problem::internal().into()
            }
        }
    }

    /// The same with another status.
    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The same with a header.
    pub(super) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.extra.push((name, value));
        self
    }

    /// Nothing, and that is good.
    pub(super) fn empty() -> Self {
        Self::text(JSON, Body::empty()).with_status(StatusCode::NO_CONTENT)
    }

    /// For the wire.
    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if self.status != StatusCode::NO_CONTENT {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        }
        for (name, value) in self.extra {
            headers.insert(name, value);
        }
        response
    }
}

/// Why nothing was done.
#[derive(Debug)]
pub(super) struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: StatusCode,
    body: ErrorBody,
    extra: Option<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem in one sentence.
    pub(super) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        let body = ErrorBody { error: error.into(), ..ErrorBody::default() };
        Self(Box::new(Inner { status, body, extra: None }))
    }

    /// 400.
    pub(super) fn wrong(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    /// 404.
    pub(super) fn missing(error: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, error)
    }

    /// 503: not now.
    pub(super) fn not_now(error: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error)
    }

    /// 500: a mistake of ours.
    pub(super) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "hallporter made a mistake; its log says more")
            .hint("report it with the log's lines around this moment")
    }

    /// 401.
    pub(super) fn stranger() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "this needs a valid token")
            .hint("send Authorization: Bearer TOKEN with the text of the token file")
            .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE))
    }

    /// The field it is about.
    #[cfg(test)]
    pub(super) fn blamed(&self) -> &str {
        self.0.body.field.as_deref().unwrap_or_default()
    }

    /// The same about one field.
    pub(super) fn field(mut self, field: impl Into<String>) -> Self {
        self.0.body.field = Some(field.into());
        self
    }

    /// The same with what to do about it.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.body.hint = Some(hint.into());
        self
    }

    /// The same with every mistake in a text.
    pub(super) fn mistakes(mut self, mistakes: Vec<Mistake>) -> Self {
        self.0.body.mistakes = mistakes;
        self
    }

    /// The same with a header.
    pub(super) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.extra = Some((name, value));
        self
    }
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        let Inner { status, body, extra } = *problem.0;
        // Strings alone: that can't fail.
        let body = serde_json::to_vec(&body).unwrap_or_default();
        Self { extra: extra.into_iter().collect(), ..Self::json(body) }.with_status(status)
    }
}

impl From<kamailio::Error> for Problem {
    fn from(error: kamailio::Error) -> Self {
        let status = if matches!(error, kamailio::Error::Method { .. }) {
            StatusCode::UNPROCESSABLE_ENTITY
        } else if error == kamailio::Error::DoesNotFit {
            StatusCode::NOT_ACCEPTABLE
        } else {
            StatusCode::BAD_REQUEST
        };
        let problem = Self::new(status, error.to_string()).hint(error.hint());
        match error.field() {
            Some(field) => problem.field(field),
            None => problem,
        }
    }
}
