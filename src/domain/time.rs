//! The time as it is handed in: no pure room reads a clock.

use serde::{Deserialize, Serialize};

/// One reading of both clocks, taken by `serve::clock` and passed in with every input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Now {
    /// Milliseconds on the monotonic clock since an arbitrary start; drives every timer.
    pub mono_ms: u64,
    /// Milliseconds since 1970 on the wall clock; only written down and shown, never compared
    /// for a decision about admission (a clock an hour off must not change a count).
    pub wall_ms: i64,
}

impl Now {
    /// The wall clock in whole seconds since 1970.
    #[must_use]
    pub fn wall_s(self) -> i64 {
        self.wall_ms.div_euclid(1000)
    }
}
