//! How long it takes from an event to the command that answers it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::time::Instant;

/// The bounds of the histogram, in microseconds: fine around the goal (2 ms), coarse up to what a
/// caller would hear.
const BOUNDS_US: [u64; 16] = [
    50, 100, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000, 20_000, 50_000,
    100_000, 500_000,
];

/// How long reactions took: from an event that was read to the command that it led to, when that
/// one's turn came on the connection. What waits before it is in it; the switch's own time for it
/// is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reactions {
    /// How many took so long at most: the bound in microseconds and the count, each with those of
    /// the smaller bounds.
    pub within_us: Vec<(u64, u64)>,
    /// How many there were.
    pub count: u64,
    /// How long they took together, in microseconds.
    pub sum_us: u64,
}

/// Takes the time.
#[derive(Debug)]
pub(super) struct Stopwatch {
    start: Instant,
    /// When the event was read that is being told, in microseconds; 0: none is.
    event_us: AtomicU64,
    counts: [AtomicU64; BOUNDS_US.len()],
    count: AtomicU64,
    sum_us: AtomicU64,
}

impl Default for Stopwatch {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            event_us: AtomicU64::new(0),
            counts: Default::default(),
            count: AtomicU64::new(0),
            sum_us: AtomicU64::new(0),
        }
    }
}

impl Stopwatch {
    fn now_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX).max(1)
    }

    /// An event was read, and is told now.
    pub(super) fn event_begins(&self) {
        self.event_us.store(self.now_us(), Relaxed);
    }

    /// It is told.
    pub(super) fn event_ends(&self) {
        self.event_us.store(0, Relaxed);
    }

    /// The event that a command asked for now answers, by the time at which it was read. A command
    /// that something else asks for in the same microseconds is taken for an answer, too.
    pub(super) fn event(&self) -> Option<u64> {
        Some(self.event_us.load(Relaxed)).filter(|at_us| *at_us > 0)
    }

    /// The turn of a command has come.
    pub(super) fn command(&self, event_us: Option<u64>) {
        let Some(event_us) = event_us else { return };
        self.note(self.now_us().saturating_sub(event_us));
    }

    fn note(&self, took_us: u64) {
        if let Some(place) = BOUNDS_US.iter().position(|bound_us| took_us <= *bound_us) {
            self.counts[place].fetch_add(1, Relaxed);
        }
        self.count.fetch_add(1, Relaxed);
        self.sum_us.fetch_add(took_us, Relaxed);
    }

    pub(super) fn reactions(&self) -> Reactions {
        let mut within = 0;
        let counts = BOUNDS_US.iter().zip(&self.counts).map(|(bound_us, count)| {
            within += count.load(Relaxed);
            (*bound_us, within)
        });
        let within_us = counts.collect();
        // Read last: a bucket never holds more than all.
        let (count, sum_us) = (self.count.load(Relaxed).max(within), self.sum_us.load(Relaxed));
        Reactions { within_us, count, sum_us }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_answers_an_event_is_counted_by_its_time() {
        let watch = Stopwatch::default();
        assert_eq!(watch.event(), None);
        watch.command(None);
        assert_eq!(watch.reactions().count, 0);
        watch.event_begins();
        let event = watch.event();
        assert!(event.is_some());
        watch.event_ends();
        assert_eq!(watch.event(), None);
        watch.command(event);
        assert_eq!(watch.reactions().count, 1);
        for took_us in [50, 51, 2_000, 2_001, 500_001] {
            watch.note(took_us);
        }
        let shown = watch.reactions();
        let within = |us| shown.within_us.iter().find(|(bound, _)| *bound == us).map(|(_, n)| *n);
        assert_eq!(within(2_000).map(|all| all - within(1_500).unwrap_or(0)), Some(1));
        assert_eq!(within(3_000).map(|all| all - within(2_000).unwrap_or(0)), Some(1));
        assert_eq!((shown.count, within(500_000)), (6, Some(5)));
    }
}
