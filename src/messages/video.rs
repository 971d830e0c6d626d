//! The four ways to a video message, tried in the configured order. When all of them fail the
//! caller can still leave sound, and what was said before is kept.

use std::sync::Arc;

use crate::domain::{Keys, LegFacts, LegId, Medium, SwitchCommand};

use super::VideoWay;
use super::deposit::{Deposit, SWITCH_MS, State, Turn};
use super::event::Event;

/// How long to wait between two looks for video packets.
const PROBE_MS: u64 = 1_200;
/// How often is looked. Recording is not begun before a packet has come: `record` would keep a leg
/// without video waiting for 10 s (measured).
const PROBES_MAX: u8 = 3;
/// How long a device may take to accept or refuse a re-INVITE; the switch does not tell.
const OFFER_MS: u64 = 2_000;
/// How much longer than its ringing a called device may take.
const CALL_SLACK_MS: u64 = 10_000;

impl Deposit {
    pub(super) fn begin_video(&mut self, turn: &mut Turn<'_>) {
        self.unplan();
        self.wished = None;
        self.way = 0;
        self.try_way(turn);
    }

    pub(super) fn next_way(&mut self, turn: &mut Turn<'_>) {
        if self.state == State::Calling {
            self.card.leg = None;
        }
        self.way += 1;
        self.try_way(turn);
    }

    fn try_way(&mut self, turn: &mut Turn<'_>) {
        let has_leg = self.card.leg.is_some();
        let can_call = self.contact.is_some() && self.card.caller.account.is_some();
        while let Some(way) = turn.settings.ways.get(self.way).copied() {
            match way {
                VideoWay::Inline if has_leg && self.negotiated => return self.probe(turn),
                VideoWay::Reinvite if has_leg && !self.negotiated => return self.offer(turn),
                VideoWay::CallBack if has_leg && can_call => {
                    self.release_guest(turn, "USER_BUSY");
                    let words = vec![self.prompt(turn.settings, "video_hang_up")];
                    return self.play(turn, words, Keys::None, State::Announcing);
                }
                VideoWay::Link if can_call => return self.make_link(turn),
                VideoWay::Inline | VideoWay::Reinvite | VideoWay::CallBack | VideoWay::Link => {
                    self.way += 1;
                }
            }
        }
        if has_leg { self.cue(Medium::Audio, "video_failed", turn) } else { self.close(turn) }
    }

    fn probe(&mut self, turn: &mut Turn<'_>) {
        self.probes = 0;
        self.hold(turn, State::Probing, PROBE_MS);
        self.ask_video(turn);
    }

    fn ask_video(&mut self, turn: &mut Turn<'_>) {
        self.probes += 1;
        if let Some(leg) = self.card.leg.clone() {
            self.ask(turn, SwitchCommand::AskVideo { leg });
        }
    }

    pub(super) fn probing(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) {
        match event {
            Event::Video(facts) => {
                self.negotiated = facts.negotiated;
                if facts.negotiated && facts.packets > 0 {
                    self.cue(Medium::Video, "video_now", turn);
                }
            }
            Event::Timeout if self.probes < PROBES_MAX => {
                self.enter(State::Probing, Some(PROBE_MS), turn);
                self.ask_video(turn);
            }
            Event::Timeout => self.next_way(turn),
            _ => {}
        }
    }

    fn offer(&mut self, turn: &mut Turn<'_>) {
        self.hold(turn, State::Offering, OFFER_MS);
        if let Some(leg) = self.card.leg.clone() {
            self.ask(turn, SwitchCommand::OfferVideo { leg });
        }
    }

    pub(super) fn offering(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) {
        match event {
            Event::Timeout => {
                self.probes = 0;
                self.enter(State::Probing, Some(PROBE_MS), turn);
                self.ask_video(turn);
            }
            Event::Refused(_) => self.next_way(turn),
            _ => {}
        }
    }

    pub(super) fn announcing(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) {
        if self.gone_after_words(event, turn) {
            self.call_device(turn);
        }
    }

    /// Words are said, and the leg is hung up behind them. Says whether it did not even tell of its
    /// end: then what comes after has to begin without.
    pub(super) fn gone_after_words(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) -> bool {
        let spoke = self.step.is_some();
        match event {
            Event::Timeout if !spoke => return true,
            Event::Done { .. } | Event::Refused("play") | Event::Timeout => {
                self.step = None;
                self.hang_up(turn, "NORMAL_CLEARING");
                self.enter(self.state, Some(SWITCH_MS), turn);
            }
            _ => {}
        }
        false
    }

    /// Calls the device that has just been hung up.
    pub(super) fn call_device(&mut self, turn: &mut Turn<'_>) {
        self.step = None;
        self.calls = self.calls.saturating_add(1);
        let leg = LegId::parse(&format!("hp-{}-{}", self.card.message, self.calls));
        let (Some(leg), Some(uri)) = (leg, self.contact.clone()) else {
            self.card.leg = None;
            return self.next_way(turn);
        };
        self.card.leg = Some(leg.clone());
        self.answered = false;
        self.misses = 0;
        self.note(turn);
        let via = self.via.clone();
        let ring_s = turn.settings.ring_s;
        let from_user: Arc<str> = self.card.mailbox.name.as_str().into();
        self.ask(turn, SwitchCommand::Call { leg, uri, via, from_user, video: true, ring_s });
        self.enter_calling(turn);
    }

    /// Waits for the called device.
    pub(super) fn enter_calling(&mut self, turn: &Turn<'_>) {
        let within_ms = u64::from(turn.settings.ring_s) * 1000 + CALL_SLACK_MS;
        self.enter(State::Calling, Some(within_ms), turn);
    }

    /// Whether a leg is one that we have called.
    pub(super) fn is_called(&self, leg: &LegId) -> bool {
        leg.as_str().starts_with(&format!("hp-{}-", self.card.message))
    }

    /// Whether the caller is called back with video, or is about to be: one of our legs is his, or
    /// he hears the words before it.
    pub(super) fn is_called_back(&self) -> bool {
        let ours = self.card.leg.as_ref().is_some_and(|leg| self.is_called(leg));
        self.state == State::Announcing || ours
    }

    pub(super) fn calling(&mut self, event: &Event<'_>, turn: &mut Turn<'_>) {
        match event {
            Event::CalledLeg(facts) => self.device_answered(facts, turn),
            Event::Refused(_) => self.next_way(turn),
            Event::Timeout => {
                self.hang_up(turn, "NO_ANSWER");
                self.next_way(turn);
            }
            _ => {}
        }
    }

    /// How many legs were called, by the name of the last one.
    pub(super) fn calls_made(&self) -> u8 {
        let leg = self.card.leg.as_ref().filter(|leg| self.is_called(leg));
        let number = leg.and_then(|leg| leg.as_str().rsplit_once('-'));
        number.and_then(|(_, number)| number.parse().ok()).unwrap_or(0)
    }

    pub(super) fn device_answered(&mut self, facts: &LegFacts, turn: &mut Turn<'_>) {
        self.answered = true;
        self.negotiated = facts.video.negotiated;
        if facts.video.negotiated {
            self.probe(turn);
        } else {
            self.cue(Medium::Audio, "video_failed", turn);
        }
    }
}
