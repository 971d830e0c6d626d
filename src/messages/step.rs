//! One step of a deposit: (state, event, now) → (state, commands).

use super::deposit::{Deposit, State, Turn};
use super::event::Event;

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
        self.learn(event);
        match event {
            Event::HungUp => {
                self.hung_up(turn);
                true
            }
            Event::GuestGone => {
                self.guest_gone(turn);
                true
            }
            Event::Lost => {
                self.lose(turn);
                true
            }
            // The list will say what has become of the leg.
            Event::Wish(_) | Event::Refused(_) if self.waits_for_list() => true,
            Event::Timeout if self.waits_for_list() => {
                self.close(turn);
                true
            }
            Event::Seen(seen) => {
                self.seen(*seen, turn);
                true
            }
            Event::Done { step, .. } if Some(*step) != self.step => true,
            Event::Done { step, .. } if Some(*step) == self.held => {
                self.hold_on(turn, self.state);
                true
            }
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

    /// What is true from now on, whatever the state makes of it.
    fn learn(&mut self, event: &Event<'_>) {
        match event {
            Event::Checked(part, facts) => self.checked(*part, *facts),
            Event::Delivered => self.delivered = true,
            Event::NothingKept => self.nothing_kept = true,
            _ => {}
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
}
