//! After a recording: listen, again, urgent, send, cancel.

use crate::domain::{DiscardReason, Medium, Sound, SpoolCommand};

use super::deposit::{CHOICE_MS, Deposit, FILES_MS, State, Turn};
use super::event::Event;
use super::recording::MENU;

/// After how many menus without an answer the message is sent.
const ASKS_MAX: u8 = 3;

impl Deposit {
    pub(super) fn ask_review(&mut self, turn: &mut Turn<'_>) {
        let sounds = vec![self.prompt(turn.settings, "review"), Sound::Silence { ms: CHOICE_MS }];
        self.play(turn, sounds, MENU, State::Review);
    }

    pub(super) fn review(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) {
        match event {
            Event::Done { key, .. } => self.chosen(*key, turn),
            Event::Timeout => self.chosen(None, turn),
            Event::Wish(Medium::Video) if self.may_video(turn.settings) => self.begin_video(turn),
            Event::Wish(Medium::Audio) => self.cue(Medium::Audio, "leave_audio", turn),
            _ => {}
        }
    }

    fn chosen(&mut self, key: Option<char>, turn: &mut Turn<'_>) {
        match key {
            Some('1') => self.listen(turn),
            Some('2') => {
                self.asks = 0;
                let medium = self.medium();
                self.drop_parts(turn);
                self.tries = 0;
                match medium {
                    Medium::Audio => self.cue(medium, "leave_audio", turn),
                    Medium::Video => self.cue(medium, "video_now", turn),
                }
            }
            Some('3') => self.toggle_urgent(turn),
            Some('#') => self.send(turn),
            Some('*') => {
                self.discard = Some(DiscardReason::Cancelled);
                // Written down at once: a daemon that dies now must not find and deliver it.
                self.drop_parts(turn);
                self.part_with(turn, &["cancelled", "goodbye"]);
            }
            _ => {
                self.asks += 1;
                if self.asks >= ASKS_MAX { self.send(turn) } else { self.ask_review(turn) }
            }
        }
    }

    fn toggle_urgent(&mut self, turn: &mut Turn<'_>) {
        self.card.urgent = !self.card.urgent;
        self.note(turn);
        let word = if self.card.urgent { "urgent" } else { "not_urgent" };
        let words = [word, "review"].map(|name| self.prompt(turn.settings, name));
        let mut sounds: Vec<Sound> = words.into();
        sounds.push(Sound::Silence { ms: CHOICE_MS });
        self.play(turn, sounds, MENU, State::Review);
    }

    fn listen(&mut self, turn: &mut Turn<'_>) {
        let kept = self.card.parts.iter().filter(|part| !part.dropped);
        let paths = kept.filter_map(|part| self.part_path(turn.settings, part.number));
        let sounds = paths.map(Sound::File).collect();
        self.play(turn, sounds, MENU, State::Listening);
        // As long as it is, and the words beside it.
        let within_ms = self.length_ms() + super::deposit::WORDS_MS;
        self.enter(State::Listening, Some(within_ms), turn);
    }

    pub(super) fn listening(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) {
        match event {
            // A key during the message is its answer already.
            Event::Done { key: key @ Some('2' | '3' | '#' | '*'), .. } => self.chosen(*key, turn),
            Event::Done { .. } | Event::Timeout => self.ask_review(turn),
            _ => {}
        }
    }

    fn send(&mut self, turn: &mut Turn<'_>) {
        self.deliver(turn);
        self.hold(turn, State::Delivering, FILES_MS);
    }

    /// Asks for the delivery; doing it twice is harmless.
    pub(super) fn deliver(&mut self, turn: &mut Turn<'_>) {
        self.unplan();
        self.sent = true;
        Self::spool(turn, SpoolCommand::Deliver(Box::new(self.card.clone())));
    }

    pub(super) fn delivering(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) {
        match event {
            Event::Delivered => self.part_with(turn, &["saved"]),
            Event::NothingKept => self.part_with(turn, &["nothing_recorded", "goodbye"]),
            // It is not said to be safe, for it is not yet: it lies in the spool, and is tried
            // again when the leg is gone.
            Event::NotDelivered | Event::Timeout => self.part_with(turn, &["goodbye"]),
            _ => {}
        }
    }
}
