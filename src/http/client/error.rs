//! Why the daemon did not do what was asked.

use super::super::wire::ErrorBody;

/// Why the daemon did not do what was asked. After [`ClientError::Unanswered`] and
/// [`ClientError::Answer`] one can't know whether it was done; after the others nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The daemon can't be reached.
    #[error(
        "hallporter is not reachable at {url} ({cause}): start it with `hallporter serve`, or say where it is with --url"
    )]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What went wrong.
        cause: String,
    },
    /// The daemon refused.
    #[error("{}", sentence(body))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said.
        body: ErrorBody,
    },
    /// The address is no address.
    #[error("{url:?} is not an address of a daemon: write http://127.0.0.1:8170")]
    Url {
        /// What was given.
        url: String,
    },
    /// The token can't be sent.
    #[error("the token is not usable: it may only have printable characters and must not be empty")]
    Token,
    /// The daemon was reached, and its answer did not come, or not to its end.
    #[error("hallporter at {url} {cause}{}", .changes.then_some(MAY_BE_DONE).unwrap_or_default())]
    Unanswered {
        /// Where it is.
        url: String,
        /// What it did instead.
        cause: String,
        /// Whether something was to be changed, which may be done.
        changes: bool,
    },
    /// What answers is not a hallporter, or one of another version.
    #[error(
        "what answers at {url} does not speak as hallporter does ({cause}): check --url and the versions"
    )]
    Answer {
        /// Where.
        url: String,
        /// What was wrong.
        cause: String,
    },
}

/// What is said of a change that was not answered.
const MAY_BE_DONE: &str = "; what was asked may have been done: look before repeating it";

fn sentence(body: &ErrorBody) -> String {
    match &body.hint {
        Some(hint) => format!("{}: {hint}", body.error),
        None => body.error.clone(),
    }
}

/// The innermost cause of an error: "Connection refused" says more than "error sending request".
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
