//! How a switch is, for operators and metrics.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use super::reaction::{Reactions, Stopwatch};

/// How a switch is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SwitchStatus {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Whether both connections are up.
    pub connected: bool,
    /// Its own id of this run.
    pub core_uuid: Option<Arc<str>>,
    /// What is wrong, in a sentence.
    pub trouble: Option<Arc<str>>,
    /// Legs of ours that it has.
    pub legs: usize,
    /// Events read since the start.
    pub events: u64,
    /// Events among them that meant nothing to us, or made no sense.
    pub ignored: u64,
    /// Commands sent since the start.
    pub commands: u64,
    /// Commands that were refused because too many waited or it was not connected.
    pub refused: u64,
    /// How often events were dropped because too many waited, and the list was read anew.
    pub overflows: u64,
    /// How often the connections were made.
    pub connects: u64,
    /// How long reactions took.
    pub reactions: Reactions,
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    connected: AtomicBool,
    no_beat: AtomicBool,
    legs: AtomicUsize,
    events: AtomicU64,
    ignored: AtomicU64,
    commands: AtomicU64,
    refused: AtomicU64,
    overflows: AtomicU64,
    connects: AtomicU64,
    pub(super) stopwatch: Stopwatch,
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    core_uuid: Option<Arc<str>>,
    trouble: Option<Arc<str>>,
}

impl Shared {
    pub(super) fn status(&self, name: &Arc<str>) -> SwitchStatus {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        SwitchStatus {
            name: Arc::clone(name),
            connected: self.connected.load(Relaxed),
            core_uuid: said.core_uuid.clone(),
            trouble: said.trouble.clone(),
            legs: self.legs.load(Relaxed),
            events: self.events.load(Relaxed),
            ignored: self.ignored.load(Relaxed),
            commands: self.commands.load(Relaxed),
            refused: self.refused.load(Relaxed),
            overflows: self.overflows.load(Relaxed),
            connects: self.connects.load(Relaxed),
            reactions: self.stopwatch.reactions(),
        }
    }

    /// The connections are up, to this run of the switch; says whether it is another one than the
    /// last time.
    pub(super) fn up(&self, core_uuid: &str) -> bool {
        self.connected.store(true, Relaxed);
        self.connects.fetch_add(1, Relaxed);
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.trouble = None;
        let before = said.core_uuid.replace(core_uuid.into());
        before.is_some_and(|before| &*before != core_uuid)
    }

    /// The connections are down; says whether the trouble is news.
    pub(super) fn down(&self, trouble: &str) -> bool {
        self.connected.store(false, Relaxed);
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.trouble.replace(trouble.into()).as_deref() != Some(trouble)
    }

    pub(super) fn set_legs(&self, legs: usize) {
        self.legs.store(legs, Relaxed);
    }

    pub(super) fn event(&self) {
        self.events.fetch_add(1, Relaxed);
    }

    pub(super) fn ignored(&self) {
        self.ignored.fetch_add(1, Relaxed);
    }

    pub(super) fn command(&self) {
        self.commands.fetch_add(1, Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub(super) fn overflow(&self) {
        self.overflows.fetch_add(1, Relaxed);
    }

    pub(super) fn set_beat(&self, on: bool) {
        self.no_beat.store(!on, Relaxed);
    }

    pub(super) fn beats(&self) -> bool {
        !self.no_beat.load(Relaxed)
    }
}
