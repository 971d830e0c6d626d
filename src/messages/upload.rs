//! The way to video by a one-time link.
//!
//! What the caller has said before is delivered as soon as the link is sent: nobody waits a day for
//! a message because its caller may add a picture. The upload belongs to a deposit of its own then,
//! which has no leg and lies beside that of the caller.

use std::sync::Arc;

use crate::domain::{
    CardPart, DepositCard, FileFacts, Keys, LegId, MessageId, Now, SpoolCommand, SwitchCommand,
};

use super::Output;
use super::deposit::{Deposit, State, Turn};
use super::event::Event;
use super::table::Deposits;

/// How long sending a text may take; a silent device takes 20 s (measured).
const TEXT_MS: u64 = 25_000;
/// How long after its beginning an upload is waited for, even when its link runs out meanwhile.
const UPLOAD_MS: u64 = 1_800_000;

/// Which deposit waits for an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Upload {
    /// This one, if any.
    Here,
    /// Another is wanted for it, until then, seconds since 1970.
    Wanted(i64),
    /// That one.
    At(MessageId),
    /// That one waits in vain: the link could not be sent.
    InVain(MessageId),
}

impl Deposit {
    pub(super) fn make_link(&mut self, turn: &mut Turn<'_>) {
        let expires_s = turn.now.wall_s() + i64::from(turn.settings.link_valid_s);
        if self.card.parts.iter().any(|part| !part.dropped) {
            self.upload = Upload::Wanted(expires_s);
            return self.enter_linking(turn);
        }
        let part = self.card.parts.last().map_or(1, |part| part.number + 1);
        self.card.link_until_s = Some(expires_s);
        self.note(turn);
        self.enter_linking(turn);
        turn.out.push_back(Output::Link { message: self.card.message, part, expires_s });
    }

    fn enter_linking(&mut self, turn: &mut Turn<'_>) {
        self.release_guest(turn, "USER_BUSY");
        if self.card.leg.is_some() {
            self.hold(turn, State::Linking, TEXT_MS);
        } else {
            self.enter(State::Linking, Some(TEXT_MS), turn);
        }
    }

    /// The name under which the outcome of a text is told: the leg may be gone by then.
    pub(super) fn text_leg(&self) -> Option<LegId> {
        LegId::parse(&format!("hp-{}-text", self.card.message))
    }

    pub(super) fn linking(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) {
        match event {
            Event::LinkReady(text) => {
                if let (Some(leg), Some(uri)) = (self.text_leg(), self.contact.clone()) {
                    let text: Arc<str> = (*text).into();
                    let via = self.via.clone();
                    self.ask(turn, SwitchCommand::SendText { leg, uri, via, text });
                }
            }
            Event::TextSent(sent) => self.link_sent(*sent, turn),
            // None was made.
            Event::Refused("link") => self.without_link(turn),
            Event::Refused(_) | Event::Timeout => self.link_sent(false, turn),
            _ => {}
        }
    }

    fn link_sent(&mut self, sent: bool, turn: &mut Turn<'_>) {
        if !sent && !turn.settings.webhook {
            self.without_link(turn);
        } else if self.card.leg.is_some() {
            let words = vec![self.prompt(turn.settings, "video_link")];
            self.play(turn, words, Keys::None, State::LinkTold);
        } else {
            self.await_upload(turn);
        }
    }

    fn without_link(&mut self, turn: &mut Turn<'_>) {
        match self.upload {
            Upload::At(message) => self.upload = Upload::InVain(message),
            Upload::Wanted(_) | Upload::InVain(_) | Upload::Here => {
                self.upload = Upload::Here;
                self.card.link_until_s = None;
                self.note(turn);
            }
        }
        self.next_way(turn);
    }

    pub(super) fn link_told(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) {
        if self.gone_after_words(event, turn) {
            self.await_upload(turn);
        }
    }

    pub(super) fn await_upload(&mut self, turn: &mut Turn<'_>) {
        if self.upload != Upload::Here {
            return self.close(turn);
        }
        self.card.leg = None;
        self.release_guest(turn, "NORMAL_CLEARING");
        self.note(turn);
        self.enter_uploading(turn.now);
    }

    /// Waits for as long as the link is good.
    pub(super) fn enter_uploading(&mut self, now: Now) {
        self.state = State::Uploading;
        self.deadline_ms = Some(now.mono_ms + self.link_left_ms(now));
    }

    fn link_left_ms(&self, now: Now) -> u64 {
        let until_s = self.card.link_until_s.unwrap_or(0);
        u64::try_from(until_s - now.wall_s()).unwrap_or(0) * 1000
    }

    pub(super) fn uploading(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) {
        match event {
            Event::Uploaded(part, facts) => self.uploaded(*part, *facts, turn),
            Event::Opened => {
                if let Some(expires_s) = self.card.link_until_s {
                    let message = self.card.message;
                    turn.out.push_back(Output::Link { message, part: 1, expires_s });
                }
            }
            Event::UploadBegan => {
                let within_ms = self.link_left_ms(turn.now).max(UPLOAD_MS);
                self.enter(State::Uploading, Some(within_ms), turn);
            }
            Event::UploadEnded => self.enter_uploading(turn.now),
            Event::NoRoom(_) => self.end(turn),
            Event::Timeout => self.close(turn),
            _ => {}
        }
    }

    fn uploaded(&mut self, part: CardPart, facts: FileFacts, turn: &mut Turn<'_>) {
        if !self.card.parts.iter().any(|known| known.number == part.number) {
            self.card.parts.push(part);
        }
        self.set_length(part.number, Some(facts.length_ms));
        self.card.link_until_s = None;
        self.note(turn);
        self.close(turn);
    }

    /// Whether the caller is waited for without a leg.
    pub(super) fn awaits_upload(&self) -> bool {
        self.state == State::Uploading
    }
}

impl Deposits {
    /// Gives an upload that is wanted, or wanted no more, what it needs.
    pub(super) fn part_upload(&mut self, message: MessageId, now: Now) {
        let full = self.deposits.len() >= self.settings.deposits_max;
        let Some(deposit) = self.deposits.get_mut(&message) else { return };
        match deposit.upload {
            Upload::Here | Upload::At(_) => {}
            Upload::InVain(other) => {
                deposit.upload = Upload::Here;
                self.turn(other, &Event::End, now);
            }
            Upload::Wanted(_) if full => {
                deposit.upload = Upload::Here;
                self.turn(message, &Event::Refused("link"), now);
            }
            Upload::Wanted(expires_s) => self.open_upload(message, expires_s, now),
        }
    }

    fn open_upload(&mut self, parent: MessageId, expires_s: i64, now: Now) {
        let message = self.next_message();
        let Some(deposit) = self.deposits.get_mut(&parent) else { return };
        deposit.upload = Upload::At(message);
        let card = DepositCard {
            message,
            leg: None,
            began_ms: now.wall_ms,
            link_until_s: Some(expires_s),
            beside: Some(parent),
            parts: Vec::new(),
            ..deposit.card.clone()
        };
        let mut upload = Deposit::new(card.clone(), deposit.switch);
        upload.enter_uploading(now);
        self.out.push_back(Output::Spool(SpoolCommand::Open(Box::new(card))));
        self.take_in(upload);
    }
}
