//! Why a command was not done, and with which exit code it ends.

use std::io;

use crate::http::ClientError;

/// A command that was not done. Shown as one sentence on standard error.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// Whoever read the output has gone away, which is no failure (`| head`).
    #[error("nobody reads the output")]
    Closed,
    /// Refused, or failed.
    #[error("{0}")]
    Refused(String),
    /// The daemon was reached and did not answer: what was asked may be done.
    #[error("{0}")]
    Unanswered(String),
    /// The daemon can't be reached.
    #[error("{0}")]
    Unreachable(String),
}

impl Failure {
    /// A refusal; the sentence says what to do.
    pub(super) fn refused(sentence: impl Into<String>) -> Self {
        Self::Refused(sentence.into())
    }

    /// The exit code that programs go by.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::Refused(_) => 1,
            Self::Unreachable(_) => 4,
            Self::Unanswered(_) => 5,
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let sentence = error.to_string();
        match error {
            ClientError::Unanswered { .. } => Self::Unanswered(sentence),
            ClientError::Unreachable { .. } => Self::Unreachable(sentence),
            ClientError::Answer { .. }
            | ClientError::Refused { .. }
            | ClientError::Token
            | ClientError::Url { .. } => Self::Refused(sentence),
        }
    }
}

impl From<io::Error> for Failure {
    /// An error of the output.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::Closed
        } else {
            Self::refused(format!("the output could not be written ({error}): is the disk full?"))
        }
    }
}
