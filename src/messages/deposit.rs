//! One deposit: what is known of it, where it is, what may happen to it.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::domain::{
    DepositCard, DiscardReason, FileFacts, Keys, LegId, Medium, Missed, NoRoom, Now, SipUri, Sound,
    SpoolCommand, StepId, SwitchCommand, SwitchId,
};

use super::settings::Steps;
use super::upload::Upload;
use super::{Output, Settings};

/// Where a deposit is. Every state has a way out on hang-up, time, loss of the switch and restart
/// of the daemon; `docs/messages.md` has the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Is there room? The leg is not ours yet, its guard watches it.
    Opening,
    /// The leg is being made ours.
    Claiming,
    /// The greeting, and the choice between audio and video.
    Greeting,
    /// The last words and the tone before a recording.
    Cue(Medium),
    /// A part is recorded.
    Recording(u16),
    /// A recording was told to stop.
    Stopping(u16, After),
    /// A part's file is looked at.
    Checking(u16, After),
    /// Listen, again, urgent, send, cancel?
    Review,
    /// The caller listens to what he has said.
    Listening,
    /// The message is written down, the caller waits to hear so.
    Delivering,
    /// The last words.
    Parting,
    /// Does video come?
    Probing,
    /// Video was offered in the call.
    Offering,
    /// The words before the call is ended for a call back with video.
    Announcing,
    /// The device is called with video.
    Calling,
    /// A link is made and sent.
    Linking,
    /// The words before the call is ended for an upload.
    LinkTold,
    /// A video is waited for.
    Uploading,
    /// The called party calls back: the caller is asked.
    Asking,
    /// The two are being connected.
    Joining,
    /// The two talk.
    Talking,
    /// The leg is gone, the files are looked at.
    Closing,
    /// The message is written down.
    Keeping,
    /// Found after a start of the daemon: what does the switch say?
    Returning,
    /// Over.
    Gone,
}

/// What comes after a recording has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// The caller decides.
    Review,
    /// The other medium.
    Switch(Medium),
    /// The leg is hung up and what was said is delivered (or not, if it is to be discarded).
    Finish,
    /// The leg is connected with the one that calls back.
    Join,
}

/// The leg of the called party who calls back.
#[derive(Clone, Debug)]
pub(super) struct Guest {
    pub(super) leg: Option<LegId>,
    pub(super) claimed: bool,
    pub(super) until_ms: u64,
}

/// One deposit.
#[derive(Clone, Debug)]
pub(super) struct Deposit {
    pub(super) card: DepositCard,
    pub(super) switch: SwitchId,
    pub(super) state: State,
    /// When its time is over, milliseconds on the monotonic clock.
    pub(super) deadline_ms: Option<u64>,
    /// The application that runs.
    pub(super) step: Option<StepId>,
    /// The same, if it is a silence in which something else is waited for.
    pub(super) held: Option<StepId>,
    pub(super) contact: Option<SipUri>,
    pub(super) via: Option<Arc<str>>,
    /// Whether the leg was answered.
    pub(super) answered: bool,
    pub(super) negotiated: bool,
    /// What the files of checked parts hold, in milliseconds; `None`: it could not be found out.
    pub(super) lengths: Vec<(u16, Option<u64>)>,
    /// The parts whose files are being looked at.
    pub(super) asked: Vec<u16>,
    pub(super) wished: Option<Medium>,
    pub(super) no_room: Option<NoRoom>,
    pub(super) discard: Option<DiscardReason>,
    pub(super) guest: Option<Guest>,
    /// He was asked about a call-back when he had the menu before him.
    pub(super) from_menu: bool,
    /// Someone waits to hear that the recording has stopped.
    pub(super) managed_wanted: bool,
    /// The same, and that the leg is gone: all hear of it then.
    pub(super) gone_wanted: bool,
    /// The connection to the switch is lost.
    pub(super) lost: bool,
    /// It went on since, for an event overtook the switch's list.
    pub(super) moved: bool,
    /// How often the caller was asked the same.
    pub(super) asks: u8,
    /// How often he was asked to say something.
    pub(super) tries: u8,
    /// Which way to video is tried.
    pub(super) way: usize,
    /// How many legs were called.
    pub(super) calls: u8,
    /// How often it was asked whether video comes.
    pub(super) probes: u8,
    /// How often the delivery has failed.
    pub(super) failures: u32,
    /// The caller has sent it off, or it was kept: from then on it is not thrown away any more.
    pub(super) sent: bool,
    /// The message is safe.
    pub(super) delivered: bool,
    /// Nothing of it could be played, which is written down.
    pub(super) nothing_kept: bool,
    /// Who waits for the upload, if something was said before.
    pub(super) upload: Upload,
    /// The last part of the card is not recorded yet: the caller hears the words before it.
    pub(super) planned: bool,
    /// Until when the switch may be recording, milliseconds on the monotonic clock; `None`: it is
    /// known that it does not.
    pub(super) record_until_ms: Option<u64>,
    /// In how many lists of the switch in a row the leg was missing.
    pub(super) misses: u8,
    /// All legs that it has had; they lead to it until it is over.
    pub(super) legs: Vec<LegId>,
    /// When it is looked at next, milliseconds on the monotonic clock.
    pub(super) armed_ms: Option<u64>,
}

/// One turn of the machine: the time, and where its wishes go.
pub(super) struct Turn<'a> {
    pub(super) now: Now,
    pub(super) settings: &'a Settings,
    pub(super) steps: &'a mut Steps,
    pub(super) out: &'a mut VecDeque<Output>,
}

/// How long words may take before they are broken off; longer than any prompt.
pub(super) const WORDS_MS: u64 = 120_000;
/// How long a switch may take to do something at once.
pub(super) const SWITCH_MS: u64 = 3_000;
/// How long the caller may think about a choice, in silence. With the dead man's tail and the
/// fall-back's own beginning (measured: 2.05 s) it stays below the 6 s after which a caller whose
/// daemon has died must have heard something.
pub(super) const CHOICE_MS: u32 = 3_500;
/// How long the keeper of the files may take while the caller waits.
pub(super) const FILES_MS: u64 = 15_000;

impl Deposit {
    /// A deposit that begins.
    pub(super) fn new(card: DepositCard, switch: SwitchId) -> Self {
        Self {
            card,
            switch,
            state: State::Opening,
            deadline_ms: None,
            step: None,
            held: None,
            contact: None,
            via: None,
            answered: false,
            negotiated: false,
            lengths: Vec::new(),
            asked: Vec::new(),
            wished: None,
            no_room: None,
            discard: None,
            guest: None,
            from_menu: false,
            managed_wanted: false,
            gone_wanted: false,
            lost: false,
            moved: false,
            asks: 0,
            tries: 0,
            way: 0,
            calls: 0,
            probes: 0,
            failures: 0,
            sent: false,
            delivered: false,
            nothing_kept: false,
            upload: Upload::Here,
            planned: false,
            record_until_ms: None,
            misses: 0,
            legs: Vec::new(),
            armed_ms: None,
        }
    }

    /// Whether a leg is the caller's, or that of who calls back.
    pub(super) fn has_leg(&self, leg: &LegId) -> bool {
        let guest = self.guest.as_ref().and_then(|guest| guest.leg.as_ref());
        self.card.leg.as_ref() == Some(leg) || guest == Some(leg)
    }

    /// Goes into a state, which lasts so long at most.
    pub(super) fn enter(&mut self, state: State, within_ms: Option<u64>, turn: &Turn<'_>) {
        self.state = state;
        self.moved = self.lost;
        self.deadline_ms = within_ms.map(|ms| turn.now.mono_ms + ms);
    }

    /// Asks the switch for something.
    pub(super) fn ask(&self, turn: &mut Turn<'_>, command: SwitchCommand) {
        turn.out.push_back(Output::Switch(self.switch, command));
    }

    /// Asks the keeper of the files for something.
    pub(super) fn spool(turn: &mut Turn<'_>, command: SpoolCommand) {
        turn.out.push_back(Output::Spool(command));
    }

    /// Writes down what has changed.
    pub(super) fn note(&self, turn: &mut Turn<'_>) {
        Self::spool(turn, SpoolCommand::Note(Box::new(self.card.clone())));
    }

    /// Plays something and goes into a state that waits for its end. Without a leg nothing plays,
    /// and the deadline of the state leads on.
    pub(super) fn play(
        &mut self,
        turn: &mut Turn<'_>,
        sounds: Vec<Sound>,
        keys: Keys,
        state: State,
    ) {
        self.enter(state, Some(WORDS_MS), turn);
        let Some(leg) = self.card.leg.clone() else { return };
        let step = turn.steps.next();
        self.step = Some(step);
        self.ask(turn, SwitchCommand::Play { leg, step, sounds, keys });
    }

    /// Keeps the leg from the dead man's tail while something else is waited for: silence.
    pub(super) fn hold(&mut self, turn: &mut Turn<'_>, state: State, within_ms: u64) {
        self.hold_on(turn, state);
        self.enter(state, Some(within_ms), turn);
    }

    /// The same once more, in pieces: should the daemon die, the caller is not left in silence for
    /// the rest of it.
    pub(super) fn hold_on(&mut self, turn: &mut Turn<'_>, state: State) {
        let deadline_ms = self.deadline_ms;
        self.play(turn, vec![Sound::Silence { ms: CHOICE_MS }], Keys::None, state);
        self.deadline_ms = deadline_ms;
        self.held = self.step;
    }

    /// Ends what runs on the leg.
    pub(super) fn stop(&self, turn: &mut Turn<'_>) {
        if let Some(leg) = self.card.leg.clone() {
            self.ask(turn, SwitchCommand::Break { leg });
        }
    }

    /// Hangs up, if there is a leg; its end is told.
    pub(super) fn hang_up(&self, turn: &mut Turn<'_>, cause: &'static str) {
        if let Some(leg) = self.card.leg.clone() {
            self.ask(turn, SwitchCommand::HangUp { leg, cause });
        }
    }

    /// Hangs up, and waits for the leg's end.
    pub(super) fn hang_up_and_close(&mut self, turn: &mut Turn<'_>, cause: &'static str) {
        self.hang_up(turn, cause);
        let within_ms = self.patience_ms(turn.now.mono_ms).max(SWITCH_MS);
        self.enter(State::Closing, Some(within_ms), turn);
    }

    /// Says the last words; then the leg is hung up.
    pub(super) fn part_with(&mut self, turn: &mut Turn<'_>, words: &[&str]) {
        self.release_guest(turn, "USER_BUSY");
        let sounds = words.iter().map(|name| self.prompt(turn.settings, name)).collect();
        self.play(turn, sounds, Keys::None, State::Parting);
    }

    /// Asks for a look at a part's file.
    pub(super) fn check(&mut self, turn: &mut Turn<'_>, number: u16) {
        let Some(part) = self.card.parts.iter().find(|part| part.number == number).copied() else {
            return;
        };
        if !self.asked.contains(&number) {
            self.asked.push(number);
            let message = self.card.message;
            Self::spool(turn, SpoolCommand::Check { message, part });
        }
    }

    /// What a look at a part's file has shown.
    pub(super) fn checked(&mut self, number: u16, facts: Option<FileFacts>) {
        self.asked.retain(|asked| *asked != number);
        self.set_length(number, Some(facts.map_or(0, |facts| facts.length_ms)));
    }

    pub(super) fn set_length(&mut self, number: u16, length_ms: Option<u64>) {
        self.lengths.retain(|(known, _)| *known != number);
        self.lengths.push((number, length_ms));
    }

    /// The length of all that is kept so far, in milliseconds; what is not known counts nothing.
    pub(super) fn length_ms(&self) -> u64 {
        let kept = self.card.parts.iter().filter(|part| !part.dropped);
        let length = |number| {
            let known = self.lengths.iter().find(|(known, _)| *known == number);
            known.and_then(|(_, length)| *length).unwrap_or(0)
        };
        kept.map(|part| length(part.number)).sum()
    }

    /// Throws away what was recorded so far.
    pub(super) fn drop_parts(&mut self, turn: &mut Turn<'_>) {
        self.unplan();
        self.card.parts.iter_mut().for_each(|part| part.dropped = true);
        self.note(turn);
    }

    /// Whether the caller could leave a video: the call carries it, or his device is one of ours
    /// and can be called or written to.
    pub(super) fn may_video(&self, settings: &Settings) -> bool {
        let other_way = settings.ways.iter().any(|way| *way != super::VideoWay::Inline);
        self.card.mailbox.video
            && ((self.negotiated && settings.ways.contains(&super::VideoWay::Inline))
                || (other_way && self.contact.is_some() && self.card.caller.account.is_some()))
    }

    /// The medium of the last recording.
    pub(super) fn medium(&self) -> Medium {
        self.card.parts.last().map_or(Medium::Audio, |part| part.medium)
    }

    /// Writes down that there is no message, and why.
    pub(super) fn give_up(&mut self, turn: &mut Turn<'_>, reason: DiscardReason) {
        let card = &self.card;
        if card.beside.is_some() {
            // A video that never came: the caller's message was told by itself.
            Self::spool(turn, SpoolCommand::Forget(card.message));
            return self.enter(State::Gone, None, turn);
        }
        let missed = Missed {
            message: card.message,
            mailbox: card.mailbox.name.clone(),
            account: card.account,
            caller: card.caller.clone(),
            call_id: Arc::clone(&card.call_id),
            cause: card.cause,
            reason,
            began_ms: card.began_ms,
        };
        Self::spool(turn, SpoolCommand::Discard(Box::new(missed)));
        self.over(turn, Err(reason));
    }

    /// It is over.
    pub(super) fn over(&mut self, turn: &mut Turn<'_>, outcome: Result<(), DiscardReason>) {
        self.tell_managed(turn);
        self.release_guest(turn, "USER_BUSY");
        self.enter(State::Gone, None, turn);
        turn.out.push_back(Output::Over { message: self.card.message, outcome });
    }
}
