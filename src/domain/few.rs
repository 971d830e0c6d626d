//! Small sets.

/// A set of at most eight things, each a bit: days of the week (Monday first), kinds of
/// communication, causes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Few(pub u8);

impl Few {
    /// The same with one more.
    #[must_use]
    pub fn with(self, place: u8) -> Self {
        Self(self.0 | 1_u8.checked_shl(place.into()).unwrap_or_default())
    }

    /// Whether it is in the set.
    #[must_use]
    pub fn has(self, place: u8) -> bool {
        self.0 & 1_u8.checked_shl(place.into()).unwrap_or_default() != 0
    }
}
