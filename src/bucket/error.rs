//! What can go wrong with the bucket.

use std::io;
use std::time::Duration;

use crate::domain::ContentId;

/// How much of what others say is shown, in characters.
const SHOWN_MAX: usize = 200;

/// Why a recording is not in the bucket, or can't be had from there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings make no sense to the library.
    #[error("the bucket can't be used ({cause}): look at the section [s3] of the config file")]
    Settings {
        /// What it says.
        cause: String,
    },
    /// The key is not known, or may not do that.
    #[error(
        "{at} refuses the key ({cause}): look at s3.credentials_file, at s3.region, and at what the key may do there (put, get and delete objects)"
    )]
    Refused {
        /// Which bucket, and where.
        at: String,
        /// What was answered.
        cause: String,
    },
    /// There is none of this name.
    #[error("there is no {at}: make it, or mend s3.bucket")]
    NoBucket {
        /// Which bucket, and where.
        at: String,
    },
    /// Nobody answers there.
    #[error("{at} can't be reached ({cause}): look at s3.endpoint, and at the way there")]
    Away {
        /// Which bucket, and where.
        at: String,
        /// What the system says.
        cause: String,
    },
    /// It took too long.
    #[error("{at} did not take or give a file within {} ms: look at the way there", within.as_millis())]
    Late {
        /// Which bucket, and where.
        at: String,
        /// What was waited.
        within: Duration,
    },
    /// The object is not there.
    #[error("the file {content} is not in the bucket: somebody else deleted it")]
    NotThere {
        /// Its name.
        content: ContentId,
    },
    /// What is here, or came, is not what its name says.
    #[error("the file {content} does not hold what it should, and is not taken")]
    Spoiled {
        /// Its name.
        content: ContentId,
    },
    /// The file here can't be read.
    #[error("the file {content} can't be read ({cause}): look after the spool's disk")]
    Unread {
        /// Its name.
        content: ContentId,
        /// What the system says.
        cause: io::Error,
    },
    /// Something else was answered.
    #[error("{at} does not do as it should ({cause}): ask its operator")]
    Odd {
        /// Which bucket, and where.
        at: String,
        /// What was answered.
        cause: String,
    },
}

impl Error {
    /// What the library's error means for an operator.
    #[expect(clippy::wildcard_enum_match_arm, reason = "what else is answered is shown")]
    pub(super) fn of(error: &object_store::Error, at: &str, content: ContentId) -> Self {
        use object_store::Error as E;
        let (at, whole) = (at.to_owned(), error.to_string());
        match error {
            E::NotFound { .. } if whole.contains("NoSuchBucket") => Self::NoBucket { at },
            E::NotFound { .. } => Self::NotThere { content },
            E::PermissionDenied { .. } | E::Unauthenticated { .. } => {
                Self::Refused { at, cause: answered(&whole) }
            }
            // Some answer so to a key that they don't know, or to a wrong region.
            _ if ["InvalidAccessKeyId", "AuthorizationHeaderMalformed", "InvalidBucketName"]
                .iter()
                .any(|code| whole.contains(code)) =>
            {
                Self::Refused { at, cause: answered(&whole) }
            }
            _ if whole.contains("<Code>") || whole.contains("Server returned") => {
                Self::Odd { at, cause: answered(&whole) }
            }
            _ => Self::Away { at, cause: innermost(error) },
        }
    }
}

/// The code of an answer in XML, else its beginning.
fn answered(whole: &str) -> String {
    let code = whole.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    code.map_or_else(|| plain(whole), |(code, _)| plain(code))
}

/// What lies at the bottom of an error: those above it name addresses and tries.
fn innermost(error: &object_store::Error) -> String {
    let mut last: &dyn std::error::Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    plain(&last.to_string())
}

fn plain(text: &str) -> String {
    let shown = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    shown.take(SHOWN_MAX).collect()
}
