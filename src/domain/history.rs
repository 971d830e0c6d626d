//! Where a call has been before it came here (History-Info, RFC 7044).

use std::sync::Arc;

/// What a request says of its way so far. Anybody can write it, so it is continued and never
/// believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum History {
    /// Nothing, or nothing that could be continued.
    #[default]
    None,
    /// The caller wishes that nobody is told (RFC 3323: `history`, `header`, `session`).
    Private,
    /// Its last entry.
    Known {
        /// Its index, such as `1.2.1`.
        index: Arc<str>,
        /// Whether it is the request-URI itself: somebody before us has written that down.
        here: bool,
    },
}
