//! The beginning of a deposit: room, claim, greeting, choice, cue.

use crate::domain::{DiscardReason, Keys, Medium, NoRoom, Sound, SwitchCommand};

use super::deposit::{CHOICE_MS, Deposit, SWITCH_MS, State, Turn};
use super::event::Event;
use super::prompt;

impl Deposit {
    pub(super) fn opening(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) {
        match event {
            Event::Opened => self.claim(turn),
            Event::NoRoom(why) => {
                self.no_room = Some(*why);
                self.claim(turn);
            }
            // The disk hangs: better a sentence than silence.
            Event::Timeout => {
                self.no_room = Some(NoRoom::Broken);
                self.claim(turn);
            }
            _ => {}
        }
    }

    pub(super) fn claim(&mut self, turn: &mut Turn<'_>) {
        let Some(leg) = self.card.leg.clone() else { return };
        self.ask(turn, SwitchCommand::Claim { leg });
        self.enter(State::Claiming, Some(SWITCH_MS), turn);
    }

    pub(super) fn claiming(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) {
        match event {
            Event::Claimed(true) => self.greet(turn),
            // Its guard has fired: the switch tells the caller that nobody can take his message.
            Event::Claimed(false) | Event::Refused(_) | Event::Timeout => {
                self.card.leg = None;
                self.give_up(turn, DiscardReason::NothingSaid);
            }
            _ => {}
        }
    }

    /// Answers and speaks.
    pub(super) fn greet(&mut self, turn: &mut Turn<'_>) {
        if let (Some(leg), false) = (self.card.leg.clone(), self.answered) {
            self.ask(turn, SwitchCommand::Answer { leg });
            self.answered = true;
        }
        if let Some(why) = self.no_room {
            self.discard = Some(DiscardReason::NoRoom);
            self.part_with(turn, &[prompt::no_room(why), "goodbye"]);
            return;
        }
        if self.guest_waits() {
            self.ask_caller(turn);
            return;
        }
        let mut sounds = vec![self.greeting(turn.settings)];
        if self.may_video(turn.settings) {
            sounds.push(self.prompt(turn.settings, "offer_video"));
            sounds.push(Sound::Silence { ms: CHOICE_MS });
        }
        self.play(turn, sounds, Keys::Any, State::Greeting);
    }

    pub(super) fn in_greeting(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) {
        match event {
            Event::Done { key, .. } => {
                let video = *key == Some('2') || *key == Some(turn.settings.switch_key);
                let wished = self.wished.take();
                if self.may_video(turn.settings) && (video || wished == Some(Medium::Video)) {
                    self.begin_video(turn);
                } else {
                    self.cue(Medium::Audio, "leave_audio", turn);
                }
            }
            Event::Wish(medium) => {
                self.wished = Some(*medium);
                self.stop(turn);
            }
            Event::Timeout => {
                self.stop(turn);
                self.cue(Medium::Audio, "leave_audio", turn);
            }
            _ => {}
        }
    }

    /// Says a word and gives the tone; then recording begins.
    pub(super) fn cue(&mut self, medium: Medium, word: &str, turn: &mut Turn<'_>) {
        let sounds = vec![self.prompt(turn.settings, word), Sound::Beep];
        self.plan(medium, turn);
        self.play(turn, sounds, Keys::EndOrSwitch { switch: '#' }, State::Cue(medium));
    }

    pub(super) fn in_cue(&mut self, medium: Medium, event: &Event<'_>, turn: &mut Turn<'_>) {
        match event {
            Event::Done { .. } | Event::Timeout => self.record(medium, turn),
            Event::Wish(wished) if *wished != medium => match wished {
                Medium::Audio => self.cue(Medium::Audio, "leave_audio", turn),
                Medium::Video if self.may_video(turn.settings) => self.begin_video(turn),
                Medium::Video => {}
            },
            _ => {}
        }
    }

    pub(super) fn parting(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) {
        if matches!(event, Event::Done { .. } | Event::Timeout) {
            self.hang_up_and_close(turn, "NORMAL_CLEARING");
        }
    }
}
