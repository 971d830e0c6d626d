//! One step of a deposit: (state, event, now) → (state, commands).

use crate::domain::{DiscardReason, LegSeen};

use super::deposit::{After, Deposit, SWITCH_MS, State, Turn};
use super::event::Event;

/// After how long without a word the delivery is asked for again; doing it twice is harmless.
const KEEP_MS: u64 = 600_000;

impl Deposit {
    /// What an event makes of the deposit. An event that means nothing in a state changes nothing.
    pub(super) fn step(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) {
        if self.state == State::Gone || self.everywhere(event, turn) {
            return;
        }
        match self.state {
            State::Opening => self.opening(event, turn),
            State::Claiming => self.claiming(event, turn),
            State::Greeting => self.in_greeting(event, turn),
            State::Cue(medium) => self.in_cue(medium, event, turn),
            State::Recording(part) => self.recording(part, event, turn),
            State::Stopping(part, after) => self.stopping(part, after, event, turn),
            State::Checking(part, after) => self.checking(part, after, event, turn),
            State::Review => self.review(event, turn),
            State::Listening => self.listening(event, turn),
            State::Delivering => self.delivering(event, turn),
            State::Parting => self.parting(event, turn),
            State::Probing => self.probing(event, turn),
            State::Offering => self.offering(event, turn),
            State::Announcing => self.announcing(event, turn),
            State::Calling => self.calling(event, turn),
            State::Linking => self.linking(event, turn),
            State::LinkTold => self.link_told(event, turn),
            State::Uploading => self.uploading(event, turn),
            State::Asking => self.asking(event, turn),
            State::Joining => self.joining(event, turn),
            State::Talking => self.talking(event, turn),
            State::Closing => self.closing(event, turn),
            State::Keeping => self.keeping(event, turn),
            State::Returning => self.returning(event, turn),
            State::Gone => {}
        }
    }

    /// What means the same in every state; says whether that was all.
    fn everywhere(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) -> bool {
        match event {
            Event::Checked(part, facts) => {
                self.checked(*part, *facts);
                false
            }
            Event::Delivered => {
                self.delivered = true;
                false
            }
            Event::HungUp => {
                self.hung_up(turn);
                true
            }
            Event::GuestGone => {
                self.guest_gone(turn);
                true
            }
            Event::Lost => {
                self.lost = true;
                true
            }
            Event::Seen(seen) => {
                self.seen(*seen, turn);
                true
            }
            Event::Done { step, .. } => Some(*step) != self.step,
            Event::CallBack(kind) => {
                self.call_back(*kind, turn);
                true
            }
            Event::GuestParked(leg) => {
                self.guest_parked(leg, turn);
                true
            }
            Event::GuestClaimed(ours) => {
                self.guest_claimed(*ours, turn);
                true
            }
            Event::GuestTimeout => {
                self.guest_timeout(turn);
                true
            }
            Event::End => {
                self.end(turn);
                true
            }
            Event::Refused("answer" | "play" | "record") if self.is_speaking() => {
                // Nothing would ever end: the leg is gone, or the switch is.
                self.end(turn);
                true
            }
            _ => false,
        }
    }

    /// Whether the end of an application is waited for.
    fn is_speaking(&self) -> bool {
        matches!(
            self.state,
            State::Greeting
                | State::Cue(_)
                | State::Recording(_)
                | State::Review
                | State::Listening
                | State::Parting
                | State::Asking
        )
    }

    /// It is ended: what was said so far is kept.
    fn end(&mut self, turn: &mut Turn<'_>) {
        if self.card.leg.is_none() {
            self.close(turn);
            return;
        }
        self.hang_up(turn, "NORMAL_CLEARING");
        self.enter(State::Closing, Some(SWITCH_MS), turn);
    }

    /// The leg is gone.
    fn hung_up(&mut self, turn: &mut Turn<'_>) {
        self.step = None;
        match self.state {
            // The device did not answer, or has hung up before it was ours.
            State::Calling => self.next_way(turn),
            State::Linking | State::Uploading | State::Closing | State::Keeping | State::Gone => {
                self.card.leg = None;
                if self.state == State::Closing {
                    self.close(turn);
                }
            }
            State::Delivering => {
                self.card.leg = None;
                self.enter(State::Keeping, Some(KEEP_MS), turn);
            }
            // It was hung up to be called back.
            State::Announcing => self.call_device(turn),
            State::LinkTold => self.await_upload(turn),
            State::Parting
            | State::Opening
            | State::Claiming
            | State::Greeting
            | State::Cue(_)
            | State::Recording(_)
            | State::Stopping(..)
            | State::Checking(..)
            | State::Review
            | State::Listening
            | State::Probing
            | State::Offering
            | State::Asking
            | State::Joining
            | State::Talking
            | State::Returning => self.close(turn),
        }
    }

    /// What the switch's own list says, after a loss of the connection.
    fn seen(&mut self, seen: Option<&LegSeen>, turn: &mut Turn<'_>) {
        /// A list is a moment old: one that misses a leg may have been made before it came.
        const MISSES_MAX: u8 = 2;
        let was_lost = std::mem::take(&mut self.lost);
        if self.card.leg.is_none() {
            return;
        }
        let Some(seen) = seen else {
            self.misses += 1;
            if was_lost || self.misses >= MISSES_MAX || self.state == State::Returning {
                self.hung_up(turn);
            }
            return;
        };
        self.misses = 0;
        match self.state {
            State::Returning => self.take_up(seen, turn),
            State::Recording(part) if was_lost && !self.records(seen, part, turn) => {
                self.stopped(part, After::Review, turn);
            }
            State::Stopping(part, after) if was_lost && !self.records(seen, part, turn) => {
                self.stopped(part, after, turn);
            }
            // Its end may have been missed; asking again is better than silence.
            State::Greeting | State::Review | State::Listening | State::Cue(_) | State::Parting
                if was_lost && !is_running(seen) =>
            {
                self.step(&Event::Timeout, turn);
            }
            _ => {}
        }
    }

    /// Whether the leg records this part.
    pub(super) fn records(&self, seen: &LegSeen, part: u16, turn: &Turn<'_>) -> bool {
        let path = self.part_path(turn.settings, part);
        &*seen.application == "record"
            && path.is_some_and(|path| seen.data.split(' ').next() == Some(&*path))
    }

    /// The leg is gone: look at what there is.
    pub(super) fn close(&mut self, turn: &mut Turn<'_>) {
        self.card.leg = None;
        self.release_guest(turn, "NORMAL_CLEARING");
        let unknown: Vec<u16> = self
            .card
            .parts
            .iter()
            .filter(|part| !part.dropped)
            .map(|part| part.number)
            .filter(|number| !self.lengths.iter().any(|(known, _)| known == number))
            .collect();
        unknown.iter().for_each(|number| self.check(turn, *number));
        self.enter(State::Closing, Some(super::deposit::FILES_MS), turn);
        if self.asked.is_empty() {
            self.settle(turn);
        }
    }

    pub(super) fn closing(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) {
        match event {
            Event::Checked(..) if self.asked.is_empty() && self.card.leg.is_none() => {
                self.settle(turn);
            }
            // The switch does not say that it has hung up, or the files are not to be seen: what
            // there is is delivered as far as it can be read then.
            Event::Timeout => {
                self.card.leg = None;
                self.asked.clear();
                self.settle(turn);
            }
            _ => {}
        }
    }

    /// Message or no message?
    fn settle(&mut self, turn: &mut Turn<'_>) {
        if self.delivered {
            self.over(turn, Ok(()));
            return;
        }
        if let Some(reason) = self.discard {
            self.give_up(turn, reason);
            return;
        }
        let kept: Vec<u16> =
            self.card.parts.iter().filter(|part| !part.dropped).map(|part| part.number).collect();
        let known = |number: &u16| {
            self.lengths.iter().any(|(known, length)| known == number && length.is_some())
        };
        let all_known = kept.iter().all(known);
        let length_ms = self.length_ms();
        if all_known && length_ms < turn.settings.min_ms.max(1) {
            let said = length_ms > 0;
            let reason = if said { DiscardReason::TooShort } else { DiscardReason::NothingSaid };
            self.give_up(turn, reason);
            return;
        }
        self.keep(turn);
    }

    fn keep(&mut self, turn: &mut Turn<'_>) {
        self.deliver(turn);
        self.enter(State::Keeping, Some(KEEP_MS), turn);
    }

    pub(super) fn keeping(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) {
        match event {
            Event::Delivered => self.over(turn, Ok(())),
            Event::NotDelivered => {
                // The disk is full or broken. The recording lies in the spool; it is tried again
                // until it is safe, ever more rarely.
                const AGAIN_MS: u64 = 5_000;
                const AGAIN_MS_MAX: u64 = 300_000;
                self.failures += 1;
                let wait_ms = AGAIN_MS << self.failures.min(6);
                self.enter(State::Keeping, Some(wait_ms.min(AGAIN_MS_MAX)), turn);
            }
            Event::Timeout => {
                self.keep(turn);
            }
            _ => {}
        }
    }

    /// Found after a start of the daemon, and nobody says what the switch knows.
    pub(super) fn returning(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) {
        if matches!(event, Event::Timeout) {
            self.close(turn);
        }
    }

    /// The leg of a deposit that was found after a start of the daemon is still there.
    fn take_up(&mut self, seen: &LegSeen, turn: &mut Turn<'_>) {
        self.answered = true;
        let last = self.card.parts.last().map(|part| part.number);
        if let Some(part) = last.filter(|part| self.records(seen, *part, turn)) {
            self.enter_recording(part, turn);
            return;
        }
        match last {
            // It ended while nobody looked.
            Some(part) => self.stopped(part, After::Review, turn),
            None => self.greet(turn),
        }
    }
}

/// Whether something of ours runs on the leg.
fn is_running(seen: &LegSeen) -> bool {
    matches!(&*seen.application, "playback" | "record")
}
