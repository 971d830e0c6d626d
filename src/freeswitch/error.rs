//! What may go wrong between a switch and us.

/// Why a switch can't be used now. It is tried again by itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The password is wrong.
    #[error(
        "the Event Socket refuses the password: write the one of its event_socket.conf.xml into the password_file of the switch"
    )]
    Password,
    /// The access list is against us.
    #[error(
        "the Event Socket refuses this address: allow it in apply-inbound-acl of its event_socket.conf.xml"
    )]
    Address,
    /// Nothing listens there: the switch does not run.
    #[error("nothing listens at the Event Socket: start FreeSWITCH, or correct event_socket")]
    Refused,
    /// Nothing answers.
    #[error("the Event Socket does not answer ({0}): does FreeSWITCH run, and is it that address?")]
    Silent(String),
    /// It was there and is gone.
    #[error("the connection ended ({0})")]
    Lost(String),
    /// It says something that can't be understood.
    #[error("the switch gave an answer that makes no sense ({0})")]
    Nonsense(String),
    /// Something in a command could break it.
    #[error("a command was not sent: {what} has characters that could break it")]
    Unsafe {
        /// Which part of it.
        what: &'static str,
    },
}

impl Error {
    /// From the crate's error while connecting. An access refusal is also a "connection error"
    /// there, so it is looked for first (measured).
    #[allow(clippy::wildcard_enum_match_arm, reason = "every other error says that nobody answers")]
    pub(super) fn connecting(error: &esl::EslError) -> Self {
        use esl::EslError as E;
        match error {
            E::AccessDenied { .. } => Self::Address,
            E::AuthenticationFailed { .. } => Self::Password,
            E::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => Self::Refused,
            other => Self::Silent(other.to_string()),
        }
    }

    /// From the crate's error on a connection that was up.
    pub(super) fn talking(error: &esl::EslError) -> Self {
        Self::Lost(error.to_string())
    }

    /// Whether trying again soon is of no use: somebody has to change something first.
    pub(super) fn needs_operator(&self) -> bool {
        matches!(self, Self::Password | Self::Address)
    }
}
