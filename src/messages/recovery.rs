//! What is made of a lost connection, and of the switch's own list afterwards.
//!
//! Legs go on by themselves while nobody listens: a recording to its limit, two who talk until one
//! of them hangs up, everything else to the dead man's tail. Nothing is decided meanwhile; the
//! list says what has become of a leg. Should none come, what there is is delivered once nothing
//! can be recording any more.

use crate::domain::{CardPart, LegSeen, Medium, Sound};

use super::deposit::{After, Deposit, FILES_MS, State, Turn, WORDS_MS};
use super::event::Event;
use super::recording::SLACK_MS;

/// How long a switch that is away is waited for.
const RETURN_MS: u64 = 60_000;
/// How long for the end of a talk.
const TALK_MS: u64 = 3_600_000;
/// A list is a moment old: one that contradicts what is known is believed the second time.
const MISSES_MAX: u8 = 2;

impl Deposit {
    /// How long the leg's end is waited for, at least: as long as something may be recording, by
    /// what is known.
    pub(super) fn patience_ms(&self, mono_ms: u64) -> u64 {
        self.record_until_ms.unwrap_or(0).saturating_sub(mono_ms)
    }

    /// A deposit that was found at a start waits for its switch, at least as long as its last part
    /// may still be recorded.
    pub(super) fn await_return(&mut self, mono_ms: u64) {
        let limit_ms = u64::from(self.card.mailbox.limits.length_max_s) * 1000;
        let recorded = !self.card.parts.is_empty();
        self.record_until_ms = recorded.then_some(mono_ms + limit_ms + SLACK_MS);
        self.state = State::Returning;
        self.deadline_ms = Some(mono_ms + self.patience_ms(mono_ms).max(RETURN_MS));
    }

    /// The connection is lost.
    pub(super) fn lose(&mut self, turn: &Turn<'_>) {
        self.moved = false;
        if !std::mem::replace(&mut self.lost, true) && self.waits_for_list() {
            let wait_ms = if self.state == State::Talking { TALK_MS } else { RETURN_MS };
            let wait_ms = wait_ms.max(self.patience_ms(turn.now.mono_ms));
            self.deadline_ms = Some(turn.now.mono_ms + wait_ms);
        }
    }

    /// Whether nothing is decided before the switch's list has come.
    pub(super) fn waits_for_list(&self) -> bool {
        self.lost
            && self.card.leg.is_some()
            && matches!(
                self.state,
                State::Greeting
                    | State::Cue(_)
                    | State::Recording(_)
                    | State::Stopping(..)
                    | State::Checking(..)
                    | State::Review
                    | State::Listening
                    | State::Delivering
                    | State::Parting
                    | State::Probing
                    | State::Offering
                    | State::Asking
                    | State::Joining
                    | State::Talking
                    | State::Closing
            )
    }

    /// What the switch's own list says.
    pub(super) fn seen(&mut self, seen: Option<&LegSeen>, turn: &mut Turn<'_>) {
        let was_lost = std::mem::take(&mut self.lost);
        let moved = std::mem::take(&mut self.moved);
        if self.card.leg.is_none() {
            return;
        }
        let Some(seen) = seen else {
            self.misses += 1;
            if was_lost || self.misses >= MISSES_MAX || self.state == State::Returning {
                self.misses = 0;
                self.hung_up(turn);
            }
            return;
        };
        match self.state {
            State::Returning => self.take_up(seen, turn),
            State::Closing => self.hang_up_and_close(turn, "NORMAL_CLEARING"),
            // The end of a talk may have been missed, and nothing else would end it.
            State::Talking if waits(seen) => {
                self.misses += 1;
                if (was_lost && !moved) || self.misses >= MISSES_MAX {
                    self.misses = 0;
                    self.step(&Event::Parted, turn);
                }
            }
            _ => {
                self.misses = 0;
                // What was begun after the list was made can't stand in it.
                let newer = moved
                    && matches!(
                        self.state,
                        State::Recording(_) | State::Stopping(..) | State::Joining
                    );
                if was_lost && !newer {
                    self.found_again(seen, turn);
                }
            }
        }
    }

    /// The leg is still there after a loss of the connection.
    fn found_again(&mut self, seen: &LegSeen, turn: &mut Turn<'_>) {
        match self.state {
            State::Recording(part) if self.records(seen, part, turn) => {
                self.enter_recording(part, turn);
            }
            State::Recording(part) => self.stopped(part, After::Review, turn),
            State::Stopping(part, after) if self.records(seen, part, turn) => {
                self.stop_recording(part, after, turn);
            }
            State::Stopping(part, after) => self.stopped(part, after, turn),
            State::Joining if is_bridged(seen) => self.step(&Event::Joined, turn),
            State::Talking => self.enter(State::Talking, None, turn),
            State::Checking(..) | State::Delivering => {
                self.enter(self.state, Some(FILES_MS), turn);
            }
            // Its end may have been missed; asking again is better than silence.
            State::Greeting
            | State::Cue(_)
            | State::Review
            | State::Listening
            | State::Parting
            | State::Asking
                if is_running(seen) =>
            {
                self.enter(self.state, Some(WORDS_MS), turn);
            }
            State::Greeting
            | State::Cue(_)
            | State::Review
            | State::Listening
            | State::Parting
            | State::Asking
            | State::Probing
            | State::Offering
            | State::Joining => self.step(&Event::Timeout, turn),
            _ => {}
        }
    }

    /// Whether the leg records this part.
    fn records(&self, seen: &LegSeen, part: u16, turn: &Turn<'_>) -> bool {
        let path = self.part_path(turn.settings, part);
        &*seen.application == "record"
            && path.is_some_and(|path| seen.data.split(' ').next() == Some(&*path))
    }

    /// Found after a start of the daemon: what does the switch say?
    pub(super) fn returning(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) {
        match event {
            Event::CalledLeg(facts) => {
                if self.card.leg.as_ref().is_some_and(|leg| self.is_called(leg)) {
                    self.device_answered(facts, turn);
                    return;
                }
                // What no card has.
                self.contact = facts.contact.clone();
                self.via = facts.via.clone();
                self.answered = facts.answered;
                self.negotiated = facts.video.negotiated;
            }
            Event::Timeout => self.close(turn),
            _ => {}
        }
    }

    /// A recording that was asked for in the instant before a kill may be in no card.
    fn adopt(&mut self, seen: &LegSeen, turn: &mut Turn<'_>) {
        let number = self.card.parts.last().map_or(1, |part| part.number.saturating_add(1));
        for medium in [Medium::Audio, Medium::Video] {
            self.card.parts.push(CardPart { number, medium, dropped: false });
            if self.records(seen, number, turn) {
                self.note(turn);
                return;
            }
            self.card.parts.pop();
        }
    }

    /// The leg of a deposit that was found after a start of the daemon is still there.
    fn take_up(&mut self, seen: &LegSeen, turn: &mut Turn<'_>) {
        self.record_until_ms = None;
        self.adopt(seen, turn);
        let last = self.card.parts.last().map(|part| part.number);
        if is_bridged(seen) {
            self.answered = true;
            self.enter(State::Talking, None, turn);
            return;
        }
        if let Some(part) = last.filter(|part| self.records(seen, *part, turn)) {
            self.answered = true;
            self.enter_recording(part, turn);
            return;
        }
        let called = self.card.leg.as_ref().is_some_and(|leg| self.is_called(leg));
        if called && !is_running(seen) && !waits(seen) {
            // It rings.
            self.enter_calling(turn);
            return;
        }
        let greets = match self.greeting(turn.settings) {
            Sound::File(path) => seen.data.contains(&*path),
            _ => false,
        };
        match last {
            // It ended while nobody looked. What waits behind it must not run.
            Some(part) => {
                self.answered = true;
                self.stop(turn);
                self.check_all(turn);
                self.stopped(part, After::Review, turn);
            }
            None if called => {
                self.answered = true;
                self.stop(turn);
                self.cue(Medium::Audio, "leave_audio", turn);
            }
            None if greets && is_running(seen) => {
                self.answered = true;
                self.stop(turn);
                self.greet(turn);
            }
            // It may not be ours yet, or no more.
            None if waits(seen) => self.claim(turn),
            None => self.close(turn),
        }
    }
}

/// Whether something runs on the leg.
fn is_running(seen: &LegSeen) -> bool {
    matches!(&*seen.application, "playback" | "record")
}

/// Whether the leg waits, with nothing running on it.
fn waits(seen: &LegSeen) -> bool {
    &*seen.application == "park"
}

/// Whether the leg is connected with another.
fn is_bridged(seen: &LegSeen) -> bool {
    &*seen.application == "uuid_bridge"
}
