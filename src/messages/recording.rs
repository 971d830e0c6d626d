//! Recording, and what is made of its end.

use crate::domain::{CardPart, DiscardReason, Keys, Medium, SwitchCommand};

use super::deposit::{After, Deposit, FILES_MS, SWITCH_MS, State, Turn};
use super::event::Event;

/// How often a caller who says nothing is asked again.
const TRIES_MAX: u8 = 2;
/// How much longer than its limit a recording may take (limits are inexact, and a leg whose video
/// does not come keeps `record` waiting for 10 s: measured on FreeSWITCH 1.11.2).
pub(super) const SLACK_MS: u64 = 20_000;
/// The most parts of one message; then the caller has to decide.
const PARTS_MAX: usize = 50;

impl Deposit {
    /// Records the next part.
    pub(super) fn record(&mut self, medium: Medium, turn: &mut Turn<'_>) {
        let Some(leg) = self.card.leg.clone() else { return self.close(turn) };
        self.plan(medium, turn);
        let left_s = self.left_s();
        if left_s == 0 || !std::mem::take(&mut self.planned) {
            self.unplan();
            if self.card.parts.iter().any(|part| !part.dropped) {
                return self.ask_review(turn);
            }
            self.discard = Some(DiscardReason::NothingSaid);
            return self.part_with(turn, &["nothing_recorded", "goodbye"]);
        }
        let number = self.card.parts.last().map_or(1, |part| part.number);
        let Some(path) = self.part_path(turn.settings, number) else { return };
        let step = turn.steps.next();
        self.step = Some(step);
        let keys = Keys::EndOrSwitch { switch: turn.settings.switch_key };
        let silence_s = turn.settings.silence_s;
        self.ask(
            turn,
            SwitchCommand::Record { leg, step, path, medium, limit_s: left_s, silence_s, keys },
        );
        self.enter_recording(number, turn);
    }

    /// Writes the next part down while the words before it are played, so that it is on the disk
    /// before anything is recorded, and is found after a kill.
    pub(super) fn plan(&mut self, medium: Medium, turn: &mut Turn<'_>) {
        let next = self.card.parts.last().map_or(1, |part| part.number + 1);
        let full = self.card.parts.len() >= PARTS_MAX;
        match self.card.parts.last_mut().filter(|_| self.planned) {
            Some(part) if part.medium == medium => return,
            Some(part) => part.medium = medium,
            None if full => return,
            None => {
                self.card.parts.push(CardPart { number: next, medium, dropped: false });
                self.planned = true;
            }
        }
        self.note(turn);
    }

    /// There will be no such part.
    pub(super) fn unplan(&mut self) {
        if std::mem::take(&mut self.planned) {
            self.card.parts.pop();
        }
    }

    pub(super) fn enter_recording(&mut self, number: u16, turn: &Turn<'_>) {
        let within_ms = u64::from(self.left_s()) * 1000 + SLACK_MS;
        self.record_until_ms = Some(turn.now.mono_ms + within_ms);
        self.enter(State::Recording(number), Some(within_ms), turn);
    }

    /// How much may still be said, in seconds.
    fn left_s(&self) -> u16 {
        let max_ms = u64::from(self.card.mailbox.limits.length_max_s) * 1000;
        u16::try_from(max_ms.saturating_sub(self.length_ms()) / 1000).unwrap_or(u16::MAX)
    }

    pub(super) fn recording(&mut self, part: u16, event: &Event<'_>, turn: &mut Turn<'_>) {
        match event {
            Event::RecordStopped { path, key } if self.is_part(part, path, turn) => {
                let after = self.after_key(*key, turn);
                self.stopped(part, after, turn);
            }
            Event::Done { key, .. } => {
                let after = self.after_key(*key, turn);
                self.stopped(part, after, turn);
            }
            Event::Key(key) => self.guest_key(*key, part, turn),
            Event::Wish(medium) if *medium != self.medium() && self.may(*medium, turn) => {
                self.stop_recording(part, After::Switch(*medium), turn);
            }
            Event::Timeout => self.stop_recording(part, After::Review, turn),
            _ => {}
        }
    }

    fn is_part(&self, part: u16, path: &str, turn: &Turn<'_>) -> bool {
        self.part_path(turn.settings, part).as_deref() == Some(path)
    }

    /// Whether this medium may be chosen here.
    fn may(&self, medium: Medium, turn: &Turn<'_>) -> bool {
        medium == Medium::Audio || self.may_video(turn.settings)
    }

    fn after_key(&self, key: Option<char>, turn: &Turn<'_>) -> After {
        let switches = key == Some(turn.settings.switch_key);
        match self.medium() {
            Medium::Video if switches => After::Switch(Medium::Audio),
            Medium::Audio if switches && self.may_video(turn.settings) => {
                After::Switch(Medium::Video)
            }
            Medium::Audio | Medium::Video => After::Review,
        }
    }

    pub(super) fn stop_recording(&mut self, part: u16, after: After, turn: &mut Turn<'_>) {
        self.stop(turn);
        self.enter(State::Stopping(part, after), Some(SWITCH_MS), turn);
    }

    pub(super) fn stopping(
        &mut self,
        part: u16,
        after: After,
        event: &Event<'_>,
        turn: &mut Turn<'_>,
    ) {
        match event {
            Event::RecordStopped { path, .. } if self.is_part(part, path, turn) => {
                self.stopped(part, after, turn);
            }
            Event::Done { .. } => self.stopped(part, after, turn),
            // A switch that says yes and does nothing. Whatever was played now would be recorded,
            // and nobody would hear of the end: the call is ended, what was said is kept.
            Event::Timeout | Event::Refused(_) => {
                self.hang_up_and_close(turn, "NORMAL_TEMPORARY_FAILURE");
            }
            _ => {}
        }
    }

    /// A recording has stopped: look at its file.
    pub(super) fn stopped(&mut self, part: u16, after: After, turn: &mut Turn<'_>) {
        self.step = None;
        self.record_until_ms = None;
        self.tell_stopped(turn);
        self.check(turn, part);
        match after {
            After::Finish => {
                self.hang_up_and_close(turn, "NORMAL_CLEARING");
            }
            After::Join => self.join(turn),
            After::Review | After::Switch(_) => {
                self.hold(turn, State::Checking(part, after), FILES_MS);
            }
        }
    }

    pub(super) fn checking(
        &mut self,
        part: u16,
        after: After,
        event: &Event<'_>,
        turn: &mut Turn<'_>,
    ) {
        match event {
            Event::Checked(number, _) if *number == part => self.go_on(part, after, turn),
            Event::Timeout => {
                // It is looked at again when the message is delivered.
                self.asked.retain(|asked| *asked != part);
                self.set_length(part, None);
                self.go_on(part, after, turn);
            }
            _ => {}
        }
    }

    fn go_on(&mut self, part: u16, after: After, turn: &mut Turn<'_>) {
        let silent = self.lengths.contains(&(part, Some(0)));
        match after {
            // Who waits to be let in waits no longer than must be; what was wished comes after.
            _ if self.guest_waits() => {
                if let After::Switch(medium) = after {
                    self.wished = Some(medium);
                }
                let enough = self.length_is_open() || self.length_ms() >= turn.settings.min_ms;
                self.from_menu = after == After::Review && enough;
                self.ask_caller(turn);
            }
            After::Switch(Medium::Video) => self.begin_video(turn),
            After::Switch(Medium::Audio) => self.cue(Medium::Audio, "leave_audio", turn),
            // Video was there, and then it was not: sound at least.
            _ if silent && self.medium() == Medium::Video => {
                self.cue(Medium::Audio, "video_failed", turn);
            }
            _ if self.length_ms() < turn.settings.min_ms && !self.length_is_open() => {
                self.say_something(turn);
            }
            _ => self.ask_review(turn),
        }
    }

    /// Whether there is a part whose length is not known (yet).
    pub(super) fn length_is_open(&self) -> bool {
        let known = |number| {
            self.lengths.iter().any(|(known, length)| *known == number && length.is_some())
        };
        self.card.parts.iter().any(|part| !part.dropped && !known(part.number))
    }

    fn say_something(&mut self, turn: &mut Turn<'_>) {
        let said = self.length_ms() > 0;
        if self.tries >= TRIES_MAX {
            let reason = if said { DiscardReason::TooShort } else { DiscardReason::NothingSaid };
            self.discard = Some(reason);
            let word = if said { "too_short" } else { "nothing_recorded" };
            return self.part_with(turn, &[word, "goodbye"]);
        }
        self.tries += 1;
        // What is too short is not lost: it stays the beginning of what follows.
        let word = if said { "too_short" } else { "nothing_recorded" };
        self.cue(Medium::Audio, word, turn);
    }
}

/// Which keys end the questions of the menu.
pub(super) const MENU: Keys = Keys::Any;
