//! The only reader of time and of dice.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::domain::Now;

/// Both clocks of the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "here, and nowhere else, time is read")]
    pub(crate) fn new() -> Self {
        Self { start: Instant::now() }
    }

    /// The time. A wall clock that stands before 1970 reads as 1970.
    #[expect(clippy::disallowed_methods, reason = "here, and nowhere else, time is read")]
    pub(crate) fn now(&self) -> Now {
        let mono_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { mono_ms, wall_ms: i64::try_from(wall.as_millis()).unwrap_or(i64::MAX) }
    }
}

impl Clock {
    /// Microseconds since the start, for taking the time of answers.
    pub(crate) fn stopwatch_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// A number that nobody can guess.
///
/// # Errors
/// When the system has no randomness to give, which no Linux after its boot does.
pub(crate) fn dice() -> Result<u64, getrandom::Error> {
    getrandom::u64()
}

/// A secret that nobody can guess.
pub(crate) fn secret() -> Result<[u8; 32], getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map(|()| bytes)
}
