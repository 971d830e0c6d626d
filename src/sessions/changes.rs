//! What has changed in the table since somebody was told: the store that writes it down, and the
//! other nodes. Each has a list of its own, so that a full disk keeps nothing from the nodes.

use crate::domain::{CallRef, Now};

use super::session::{DIRTY, STORED, TOLD, UNTOLD};
use super::table::wall_of;
use super::{RowChange, Session, Slot, Table};

/// What somebody has not heard yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    /// Where calls have changed.
    places: Vec<u32>,
    /// Calls that were told and are gone. Never more than were told.
    gone: Vec<CallRef>,
}

impl Changes {
    fn len(&self) -> usize {
        self.places.len() + self.gone.len()
    }

    fn note(&mut self, place: u32, flag: u8, slots: &[Option<Session>]) {
        self.places.push(place);
        // While nothing is taken, calls come and go and leave their places behind.
        if self.places.len() > 2 * slots.len() + 1024 {
            self.places.sort_unstable();
            self.places.dedup();
            self.places.retain(|place| {
                let session = slots.get(*place as usize).and_then(Option::as_ref);
                session.is_some_and(|session| session.flags & flag != 0)
            });
        }
    }

    /// The disappeared first: a Call-ID may have been used again since.
    fn take(
        &mut self,
        max: usize,
        (flag, known): (u8, u8),
        slots: &mut [Option<Session>],
        now: Now,
    ) -> Vec<RowChange> {
        let rest = self.gone.len().saturating_sub(max);
        let mut changes: Vec<_> = self.gone.drain(rest..).map(RowChange::Gone).collect();
        while changes.len() < max
            && let Some(place) = self.places.pop()
        {
            let session = slots.get_mut(place as usize).and_then(Option::as_mut);
            let Some(session) = session else { continue };
            if session.flags & flag != 0 {
                session.flags = session.flags & !flag | known;
                changes.push(RowChange::Put(session.to_row(wall_of(session.deadline_ds, now))));
            }
        }
        changes
    }
}

impl Table {
    /// Up to `max` changes that have not been written down, the disappeared first: a Call-ID may
    /// have been used again since. What is taken must be written, or be given again by the taker.
    pub fn take_changes(&mut self, max: usize, now: Now) -> Vec<RowChange> {
        self.unwritten.take(max, (DIRTY, STORED), &mut self.slots, now)
    }

    /// How many changes have not been written down.
    #[must_use]
    pub fn unwritten(&self) -> usize {
        self.unwritten.len()
    }

    /// There are other nodes from now on: all calls are to be told.
    pub fn tell_others(&mut self) {
        if self.untold.is_some() {
            return;
        }
        let mut untold = Changes::default();
        for (session, place) in self.slots.iter_mut().zip(0..) {
            if let Some(session) = session {
                session.flags |= UNTOLD;
                untold.places.push(place);
            }
        }
        self.untold = Some(untold);
    }

    /// Up to `max` changes that other nodes were not told yet, the disappeared first.
    pub fn take_untold(&mut self, max: usize, now: Now) -> Vec<RowChange> {
        let Some(untold) = &mut self.untold else { return Vec::new() };
        untold.take(max, (UNTOLD, TOLD), &mut self.slots, now)
    }

    /// How many changes other nodes were not told yet.
    #[must_use]
    pub fn untold(&self) -> usize {
        self.untold.as_ref().map_or(0, Changes::len)
    }

    pub(super) fn touch(&mut self, slot: Slot) {
        let Some(session) = self.at_mut(slot.0) else { return };
        let before = session.flags;
        session.flags |= DIRTY;
        if before & DIRTY == 0 {
            self.unwritten.note(slot.0, DIRTY, &self.slots);
        }
        if before & UNTOLD == 0
            && let Some(untold) = &mut self.untold
        {
            if let Some(Some(session)) = self.slots.get_mut(slot.0 as usize) {
                session.flags |= UNTOLD;
            }
            untold.note(slot.0, UNTOLD, &self.slots);
        }
    }

    pub(super) fn note_gone(&mut self, session: &Session) {
        if session.flags & STORED != 0 {
            self.unwritten.gone.push(session.call);
        }
        if session.flags & TOLD != 0
            && let Some(untold) = &mut self.untold
        {
            untold.gone.push(session.call);
        }
    }
}
