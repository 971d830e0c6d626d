//! What may be wrong with what a proxy says.

/// What a proxy said could not be understood. Nothing was decided, nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A character below U+0020, or one that controls a terminal.
    #[error("{field} has a control character in it")]
    Control {
        /// Which field.
        field: &'static str,
    },
    /// The fork order is too rich for rtjson.
    #[error(
        "this fork order does not fit rtjson, which knows only one device after the other or all at once"
    )]
    DoesNotFit,
    /// The field must not be empty.
    #[error("{field} is empty")]
    Empty {
        /// Which field.
        field: &'static str,
    },
    /// `enc` is not `b64u`.
    #[error("enc names an encoding that is not known here")]
    Encoding,
    /// The value is not what it should look like.
    #[error("{field} is not {wanted}")]
    Form {
        /// Which field.
        field: &'static str,
        /// What it should look like.
        wanted: &'static str,
    },
    /// The body is no JSON.
    #[error("the body is not JSON: {problem} at line {line}, column {column}")]
    Json {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What was noticed there.
        problem: String,
    },
    /// The field is missing.
    #[error("{field} is missing")]
    Missing {
        /// Which field.
        field: &'static str,
    },
    /// The method is neither INVITE nor MESSAGE.
    #[error("hallporter decides about INVITE and MESSAGE only, not about {given:?}")]
    Method {
        /// What was given, shortened.
        given: String,
    },
    /// The body is JSON and no object.
    #[error("the body should be a JSON object and is {found}")]
    NotObject {
        /// What it is.
        found: &'static str,
    },
    /// The value is too long.
    #[error("{field} is longer than {bytes_max} bytes")]
    TooLong {
        /// Which field.
        field: &'static str,
        /// The limit.
        bytes_max: usize,
    },
    /// A batch has too many elements.
    #[error("a request has at most {max} events: this one and all after it were left out")]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// The field stands there twice: one of the two was smuggled in.
    #[error("{field} stands there twice")]
    Twice {
        /// Which field.
        field: &'static str,
    },
    /// The value has another type.
    #[error("{field} should be {wanted} and is {found}")]
    Type {
        /// Which field.
        field: &'static str,
        /// What it should be.
        wanted: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// The value does not read as text.
    #[error("{field} is not UTF-8")]
    Utf8 {
        /// Which field.
        field: &'static str,
    },
}

impl Error {
    /// The field of the body that it is about.
    #[must_use]
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Encoding => Some("enc"),
            Self::Method { .. } => Some("method"),
            Self::Control { field }
            | Self::Empty { field }
            | Self::Form { field, .. }
            | Self::Missing { field }
            | Self::TooLong { field, .. }
            | Self::Twice { field }
            | Self::Type { field, .. }
            | Self::Utf8 { field } => Some(field),
            Self::DoesNotFit
            | Self::Json { .. }
            | Self::NotObject { .. }
            | Self::TooMany { .. } => None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Control { .. } | Self::TooLong { .. } | Self::Utf8 { .. } => {
                "the caller sent this; refuse the request at the proxy"
            }
            Self::DoesNotFit => {
                "ask without format=rtjson, and let route[HALLPORTER] ring the stages"
            }
            Self::Empty { .. } | Self::Missing { .. } => {
                "see POST /v1/route and /v1/event in /openapi.json for what belongs there"
            }
            Self::Encoding => {
                "send \"enc\":\"b64u\" with base64url values, or no enc with plain ones"
            }
            Self::Form { .. } => "check how the proxy's configuration puts this field together",
            Self::Json { .. } | Self::Twice { .. } => {
                "build the body with \"enc\":\"b64u\": then no value can break out of it"
            }
            Self::Method { .. } => "let the proxy route other requests by itself",
            Self::NotObject { .. } => "send one object; only /v1/event takes an array too",
            Self::TooMany { .. } => "send smaller batches",
            Self::Type { .. } => "check how the proxy's configuration quotes this field",
        }
    }
}
