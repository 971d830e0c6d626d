//! The called party calls back while his message is being left.
//!
//! The order is measured (FreeSWITCH 1.11.2): a leg that records must not be bridged, it would be
//! hung up. So: break, wait for the recording's end, answer, bridge.

use crate::domain::{DiscardReason, Keys, LegId, Medium, Sound, SwitchCommand};

use super::Output;
use super::deposit::{After, CHOICE_MS, Deposit, Guest, State, Turn};
use super::event::Event;
use super::settings::CallBackKind;

/// How long the call may take from the proxy to the switch.
const COMING_MS: u64 = 15_000;
/// How long connecting two legs may take.
const JOIN_MS: u64 = 5_000;

impl Deposit {
    /// Whether a call-back would meet somebody here.
    pub(super) fn is_deposit_up(&self) -> bool {
        self.card.leg.is_some()
            && !self.delivered
            && !self.lost
            && self.guest.is_none()
            && !matches!(
                self.state,
                State::Calling
                    | State::Closing
                    | State::Keeping
                    | State::Parting
                    | State::Returning
                    | State::Joining
                    | State::Talking
                    | State::Gone
            )
    }

    pub(super) fn call_back(&mut self, kind: CallBackKind, turn: &mut Turn<'_>) {
        match kind {
            CallBackKind::Pause => {
                let until_ms = turn.now.mono_ms + COMING_MS;
                self.guest = Some(Guest { leg: None, claimed: false, until_ms });
                return;
            }
            CallBackKind::Save => {}
            // What the caller has sent off himself stays.
            CallBackKind::Discard if self.sent => {}
            CallBackKind::Discard => {
                self.discard = Some(DiscardReason::CallBack);
                self.drop_parts(turn);
            }
        }
        match self.state {
            State::Recording(part) => {
                self.managed_wanted = true;
                self.stop_recording(part, After::Finish, turn);
            }
            State::Stopping(part, _) => {
                self.managed_wanted = true;
                self.state = State::Stopping(part, After::Finish);
            }
            _ => {
                self.hang_up_and_close(turn, "NORMAL_CLEARING");
            }
        }
    }

    /// Someone who waits for the recording to stop hears so, unless the leg is waited for.
    pub(super) fn tell_stopped(&mut self, turn: &mut Turn<'_>) {
        if !self.gone_wanted {
            self.tell_managed(turn);
        }
    }

    /// Everybody who waits hears so.
    pub(super) fn tell_managed(&mut self, turn: &mut Turn<'_>) {
        let gone_wanted = std::mem::take(&mut self.gone_wanted);
        if std::mem::take(&mut self.managed_wanted) || gone_wanted {
            turn.out.push_back(Output::Managed(self.card.message));
        }
    }

    pub(super) fn guest_parked(&mut self, leg: &LegId, turn: &mut Turn<'_>) {
        let until_ms = turn.now.mono_ms + u64::from(turn.settings.ring_s) * 1000;
        match &mut self.guest {
            Some(guest) if guest.leg.is_none() => {
                (guest.leg, guest.until_ms) = (Some(leg.clone()), until_ms);
                self.ask(turn, SwitchCommand::Claim { leg: leg.clone() });
            }
            Some(_) | None => {
                self.ask(turn, SwitchCommand::HangUp { leg: leg.clone(), cause: "USER_BUSY" });
            }
        }
    }

    pub(super) fn guest_claimed(&mut self, ours: bool, turn: &mut Turn<'_>) {
        let Some(guest) = &mut self.guest else { return };
        if !ours {
            self.guest = None;
            return;
        }
        if std::mem::replace(&mut guest.claimed, true) {
            return;
        }
        match self.state {
            State::Recording(_) => {
                let path = self.prompt_path(turn.settings, "callback_offer");
                if let Some(leg) = self.card.leg.clone() {
                    self.ask(turn, SwitchCommand::Overlay { leg, path: Some(path) });
                }
            }
            // What comes next is the question.
            State::Opening | State::Claiming | State::Stopping(..) | State::Checking(..) => {}
            State::Review | State::Listening => {
                self.from_menu = true;
                self.ask_caller(turn);
            }
            State::Greeting | State::Cue(_) | State::Probing | State::Offering => {
                self.ask_caller(turn)
            }
            State::Delivering
            | State::Parting
            | State::Announcing
            | State::Calling
            | State::Linking
            | State::LinkTold
            | State::Uploading
            | State::Asking
            | State::Joining
            | State::Talking
            | State::Closing
            | State::Keeping
            | State::Returning
            | State::Gone => self.release_guest(turn, "USER_BUSY"),
        }
    }

    /// The question is not asked any more.
    fn hush(&self, turn: &mut Turn<'_>) {
        if let (State::Recording(_), Some(leg)) = (self.state, self.card.leg.clone()) {
            self.ask(turn, SwitchCommand::Overlay { leg, path: None });
        }
    }

    /// Whether somebody waits to be let in.
    pub(super) fn guest_waits(&self) -> bool {
        self.guest.as_ref().is_some_and(|guest| guest.claimed)
    }

    pub(super) fn ask_caller(&mut self, turn: &mut Turn<'_>) {
        self.unplan();
        let offer = self.prompt(turn.settings, "callback_offer");
        let think = Sound::Silence { ms: CHOICE_MS };
        let sounds = vec![offer.clone(), think.clone(), offer, think];
        self.play(turn, sounds, Keys::Any, State::Asking);
    }

    pub(super) fn asking(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) {
        match event {
            Event::Done { key: Some('1'), .. } => self.join(turn),
            Event::Done { .. } | Event::Timeout => {
                self.release_guest(turn, "USER_BUSY");
                self.go_back(turn);
            }
            _ => {}
        }
    }

    /// A key was pressed during a recording; `1` lets in who calls back, `2` does not.
    pub(super) fn guest_key(&mut self, key: char, part: u16, turn: &mut Turn<'_>) {
        if !self.guest_waits() {
            return;
        }
        match key {
            '1' => self.stop_recording(part, After::Join, turn),
            '2' => self.release_guest(turn, "USER_BUSY"),
            _ => {}
        }
    }

    /// Connects the two; nothing runs on the caller's leg any more.
    pub(super) fn join(&mut self, turn: &mut Turn<'_>) {
        let other = self.guest.as_ref().and_then(|guest| guest.leg.clone());
        let (Some(leg), Some(other)) = (self.card.leg.clone(), other) else {
            return self.go_back(turn);
        };
        self.ask(turn, SwitchCommand::Bridge { leg, other });
        self.step = None;
        self.enter(State::Joining, Some(JOIN_MS), turn);
        if let Some(guest) = &mut self.guest {
            guest.until_ms = u64::MAX;
        }
    }

    pub(super) fn joining(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) {
        match event {
            Event::Joined => {
                if !self.card.mailbox.callback_keep {
                    self.drop_parts(turn);
                }
                self.enter(State::Talking, None, turn);
            }
            Event::Refused(_) | Event::Timeout | Event::Parted => {
                self.release_guest(turn, "NORMAL_TEMPORARY_FAILURE");
                self.go_back(turn);
            }
            _ => {}
        }
    }

    pub(super) fn talking(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) {
        if matches!(event, Event::Parted | Event::Timeout) {
            self.release_guest(turn, "NORMAL_CLEARING");
            self.go_back(turn);
        }
    }

    /// Who called back is gone.
    pub(super) fn guest_gone(&mut self, turn: &mut Turn<'_>) {
        /// How long until the caller's leg waits again.
        const PARTED_MS: u64 = 1_000;
        if self.guest.take().is_none() {
            return;
        }
        self.hush(turn);
        match self.state {
            State::Asking => {
                self.stop(turn);
                self.go_back(turn);
            }
            State::Joining | State::Talking => {
                self.enter(State::Talking, Some(PARTED_MS), turn);
            }
            State::Stopping(part, After::Join) => {
                self.state = State::Stopping(part, After::Review);
            }
            _ => {}
        }
    }

    pub(super) fn guest_timeout(&mut self, turn: &mut Turn<'_>) {
        self.release_guest(turn, "NO_ANSWER");
        match self.state {
            State::Asking => {
                self.stop(turn);
                self.go_back(turn);
            }
            State::Stopping(part, After::Join) => {
                self.state = State::Stopping(part, After::Review);
            }
            _ => {}
        }
    }

    /// Goes on with the message.
    fn go_back(&mut self, turn: &mut Turn<'_>) {
        let said = self.card.parts.iter().any(|part| !part.dropped);
        if std::mem::take(&mut self.from_menu) && said {
            return self.ask_review(turn);
        }
        match self.wished.take() {
            Some(Medium::Video) if self.may_video(turn.settings) => return self.begin_video(turn),
            Some(Medium::Audio) => return self.cue(Medium::Audio, "leave_audio", turn),
            Some(Medium::Video) | None => {}
        }
        match (said, self.medium()) {
            (_, Medium::Video) => self.cue(Medium::Video, "callback_over", turn),
            (true, Medium::Audio) => self.cue(Medium::Audio, "callback_over", turn),
            (false, Medium::Audio) => self.cue(Medium::Audio, "leave_audio", turn),
        }
    }

    /// Hangs up who calls back.
    pub(super) fn release_guest(&mut self, turn: &mut Turn<'_>, cause: &'static str) {
        let Some(guest) = self.guest.take() else { return };
        self.hush(turn);
        if let Some(leg) = guest.leg {
            self.ask(turn, SwitchCommand::HangUp { leg, cause });
        }
    }
}
