//! The end of a deposit: the leg goes, the files are looked at, the message is written down.

use crate::domain::DiscardReason;

use super::deposit::{Deposit, FILES_MS, SWITCH_MS, State, Turn};
use super::event::Event;

/// After how long without a word the delivery is asked for again; doing it twice is harmless.
pub(super) const KEEP_MS: u64 = 600_000;
/// How often a leg is told to go that does not.
const HANG_UP_AGAIN_MS: u64 = 30_000;

impl Deposit {
    /// It is ended: what was said so far is kept.
    pub(super) fn end(&mut self, turn: &mut Turn<'_>) {
        self.card.link_until_s = None;
        if self.card.leg.is_none() {
            if !matches!(self.state, State::Closing | State::Keeping) {
                self.close(turn);
            }
            return;
        }
        self.hang_up_and_close(turn, "NORMAL_CLEARING");
    }

    /// The leg is gone.
    pub(super) fn hung_up(&mut self, turn: &mut Turn<'_>) {
        self.step = None;
        self.record_until_ms = None;
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

    /// The leg is gone: look at what there is.
    pub(super) fn close(&mut self, turn: &mut Turn<'_>) {
        self.card.leg = None;
        self.unplan();
        self.record_until_ms = None;
        self.tell_managed(turn);
        self.release_guest(turn, "NORMAL_CLEARING");
        self.check_all(turn);
        self.enter(State::Closing, Some(FILES_MS), turn);
        if self.asked.is_empty() {
            self.settle(turn);
        }
    }

    /// Asks for a look at every file that was not looked at yet.
    pub(super) fn check_all(&mut self, turn: &mut Turn<'_>) {
        let kept = self.card.parts.iter().filter(|part| !part.dropped).map(|part| part.number);
        let known = |number: &u16| self.lengths.iter().any(|(known, _)| known == number);
        let unknown: Vec<u16> = kept.filter(|number| !known(number)).collect();
        unknown.iter().for_each(|number| self.check(turn, *number));
    }

    pub(super) fn closing(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) {
        match event {
            Event::Checked(..) if self.asked.is_empty() && self.card.leg.is_none() => {
                self.settle(turn);
            }
            Event::Timeout if self.card.leg.is_some() => {
                // The switch does not say that it has hung up. As long as it may be recording, the
                // file is not whole yet.
                let left_ms = self.patience_ms(turn.now.mono_ms);
                if left_ms > 0 {
                    self.hang_up(turn, "NORMAL_CLEARING");
                    let within_ms = left_ms.clamp(SWITCH_MS, HANG_UP_AGAIN_MS);
                    self.enter(State::Closing, Some(within_ms), turn);
                } else {
                    self.close(turn);
                }
            }
            // The files are not to be seen: what there is is delivered as far as it can be read
            // then.
            Event::Timeout => {
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
        if self.nothing_kept {
            self.over(turn, Err(DiscardReason::NothingSaid));
            return;
        }
        // What was sent off may be written down this instant.
        if self.sent {
            self.keep(turn);
            return;
        }
        if let Some(reason) = self.discard {
            self.give_up(turn, reason);
            return;
        }
        let length_ms = self.length_ms();
        if !self.length_is_open() && length_ms < turn.settings.min_ms.max(1) {
            // Somebody may have the link already.
            if self.card.link_until_s.is_some_and(|until_s| until_s > turn.now.wall_s()) {
                self.await_upload(turn);
                return;
            }
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
            Event::NothingKept => self.over(turn, Err(DiscardReason::NothingSaid)),
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
}
