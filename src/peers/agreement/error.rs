//! What can go wrong with a motion.

use super::MOTION_BYTES_MAX;

/// Why a motion was not agreed on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Longer than anybody takes.
    #[error("a change of {0} bytes is too long: at most {MOTION_BYTES_MAX} are taken")]
    TooLong(usize),
    /// Too many wait.
    #[error("too many changes wait: try again later")]
    Full,
    /// Nobody leads. Nothing was changed.
    #[error(
        "nobody leads the cluster: most voters have to run and reach each other (`hallporter cluster status`)"
    )]
    NoLeader,
    /// The disk refuses it.
    #[error("{0}")]
    Disk(String),
    /// No answer has come.
    #[error(
        "no answer came from the leader: the change may be made or not, look before you try again"
    )]
    Unknown,
    /// The members can't be changed like that.
    #[error("{0}")]
    Members(String),
    /// It was shut down.
    #[error("the daemon is stopping")]
    Closed,
}
