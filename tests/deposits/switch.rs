//! A little FreeSWITCH, as it was measured: applications queue, tails fire when nobody takes them
//! away, a broken connection loses events and leaves the legs to themselves.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use hallporter::domain::{
    Keys, LegEvent, LegId, Sound, StepId, SwitchCommand, SwitchEvent, VideoFacts,
};

use super::clock::facts;
use super::dice::Dice;
use super::spool::Files;

/// What runs on a leg, or waits to.
#[derive(Clone, Debug)]
pub(crate) enum App {
    Play {
        step: StepId,
        sounds: Vec<Sound>,
        keys: Keys,
    },
    Record {
        step: StepId,
        path: Arc<str>,
        limit_ms: u64,
        keys: Keys,
    },
    /// The dead man's tail: silence, then the way to the fall-back.
    Tail,
    Transfer,
    /// The sentence that nobody can take the message.
    Fallback,
}

#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) app: App,
    pub(crate) begins_at: u64,
    pub(crate) ends_at: u64,
    pub(crate) begun: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Leg {
    pub(crate) dialled: String,
    pub(crate) answered: bool,
    /// Guard taken away, or called by us.
    pub(crate) ours: bool,
    pub(crate) guard_at: Option<u64>,
    /// Until when a called device rings, and whether it answers then.
    pub(crate) rings_until: Option<(u64, bool)>,
    /// When a proxy gives up on a call that nobody answers.
    pub(crate) cancelled_at: Option<u64>,
    pub(crate) queue: VecDeque<App>,
    pub(crate) running: Option<Running>,
    pub(crate) bridged: Option<LegId>,
    pub(crate) parks_again: bool,
    pub(crate) told: bool,
    pub(crate) video: bool,
    pub(crate) packets: bool,
    pub(crate) silent_since: u64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Switch {
    pub(crate) now: u64,
    pub(crate) legs: BTreeMap<LegId, Leg>,
    /// Events on their way, for each leg in order.
    pub(crate) events: BTreeMap<LegId, VecDeque<LegEvent>>,
    /// Lists and losses on their way.
    pub(crate) lists: VecDeque<SwitchEvent>,
    pub(crate) commands: VecDeque<SwitchCommand>,
    pub(crate) connected: bool,
    /// It says yes and does nothing.
    pub(crate) mute: bool,
    /// It has said yes and done nothing.
    pub(crate) forgot: bool,
    pub(crate) restarted: bool,
    pub(crate) tails: BTreeSet<LegId>,
    /// Texts that are on their way, and when their outcome is known.
    pub(crate) texts: Vec<(u64, LegId, bool)>,
    pub(crate) broken: Option<String>,
}

pub(crate) fn word(command: &SwitchCommand) -> (&'static str, &LegId) {
    match command {
        SwitchCommand::Claim { leg } => ("claim", leg),
        SwitchCommand::Answer { leg } => ("answer", leg),
        SwitchCommand::Play { leg, .. } => ("play", leg),
        SwitchCommand::Record { leg, .. } => ("record", leg),
        SwitchCommand::Break { leg } => ("break", leg),
        SwitchCommand::Overlay { leg, .. } => ("overlay", leg),
        SwitchCommand::Bridge { leg, .. } => ("bridge", leg),
        SwitchCommand::HangUp { leg, .. } => ("hang_up", leg),
        SwitchCommand::AskVideo { leg } => ("ask_video", leg),
        SwitchCommand::OfferVideo { leg } => ("offer_video", leg),
        SwitchCommand::Call { leg, .. } => ("call", leg),
        SwitchCommand::Confirm { leg, .. } => ("confirm", leg),
        SwitchCommand::SendText { leg, .. } => ("send_text", leg),
    }
}

impl Switch {
    pub(crate) fn new(now: u64) -> Self {
        Self { now, connected: true, ..Self::default() }
    }

    pub(crate) fn tell(&mut self, leg: &LegId, event: LegEvent) {
        if self.connected && !self.mute {
            self.events.entry(leg.clone()).or_default().push_back(event);
        }
    }

    pub(crate) fn law(&mut self, holds: bool, what: &str, leg: &LegId) {
        if !holds && self.broken.is_none() {
            self.broken = Some(format!("{what}: {leg}"));
        }
    }

    /// A command is sent; without a connection it is refused at once.
    pub(crate) fn send(&mut self, command: SwitchCommand) {
        if self.connected {
            self.commands.push_back(command);
        } else {
            let (command, leg) = word(&command);
            self.events.entry(leg.clone()).or_default().push_back(LegEvent::Refused { command });
        }
    }

    pub(crate) fn arrive(&mut self, leg: &LegId, dialled: &str, dice: &mut Dice) {
        let video = dice.chance(50);
        let fresh = Leg {
            dialled: dialled.to_owned(),
            guard_at: Some(self.now + 5_000),
            cancelled_at: Some(self.now + 60_000),
            video,
            packets: video && dice.chance(70),
            silent_since: self.now,
            told: self.connected && !self.mute,
            ..Leg::default()
        };
        let facts = facts(leg, &fresh);
        self.legs.insert(leg.clone(), fresh);
        self.tell(leg, LegEvent::Parked(Box::new(facts)));
    }

    /// Carries out the next command.
    pub(crate) fn carry_out(&mut self, files: &mut Files, dice: &mut Dice) {
        let Some(command) = self.commands.pop_front() else { return };
        // Once in a while it says yes and does nothing.
        if self.mute || dice.chance(1) {
            self.forgot = true;
            return;
        }
        let (name, leg) = word(&command);
        let leg = leg.clone();
        let there = self.legs.contains_key(&leg);
        match command {
            SwitchCommand::SendText { .. } => {
                let sent = dice.chance(60);
                let at = self.now + if sent { 200 } else { 20_000 };
                self.texts.push((at, leg, sent));
            }
            SwitchCommand::Call { ring_s, .. } => {
                self.law(!there, "a leg's name is used twice", &leg);
                let until = self.now + dice.below(usize::from(ring_s) * 1_300) as u64;
                let limit = self.now + u64::from(ring_s) * 1_000;
                let rings = Some((until.min(limit), until < limit && dice.chance(80)));
                let video = dice.chance(70);
                let fresh = Leg {
                    ours: true,
                    rings_until: rings,
                    video,
                    packets: video && dice.chance(80),
                    dialled: "called".to_owned(),
                    ..Leg::default()
                };
                self.legs.insert(leg, fresh);
            }
            SwitchCommand::Claim { .. } => {
                let taken = self.legs.get_mut(&leg).and_then(|known| {
                    let guard = known.guard_at.take();
                    known.ours |= guard.is_some();
                    // A new guard stands in until something runs, for callers.
                    let again = !known.dialled.starts_with("callback");
                    known.guard_at = guard.filter(|_| again).map(|_| self.now + 5_000);
                    guard
                });
                self.tell(&leg, LegEvent::Claimed(taken.is_some()));
            }
            _ if !there => self.tell(&leg, LegEvent::Refused { command: name }),
            other => self.on_leg(&leg, other, files, dice),
        }
    }

    pub(crate) fn on_leg(
        &mut self,
        id: &LegId,
        command: SwitchCommand,
        files: &mut Files,
        dice: &mut Dice,
    ) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        match command {
            SwitchCommand::Answer { .. } => {
                leg.answered = true;
                self.tell(id, LegEvent::Answered);
            }
            SwitchCommand::Play { step, sounds, keys, .. } => {
                let app = App::Play { step, sounds, keys };
                self.run(id, app, files, dice);
            }
            SwitchCommand::Record { step, path, limit_s, keys, .. } => {
                let limit_ms = u64::from(limit_s) * 1_000;
                self.law(limit_s > 0, "a recording without time", id);
                self.run(id, App::Record { step, path, limit_ms, keys }, files, dice);
            }
            SwitchCommand::Break { .. } => {
                self.tails.remove(id);
                self.flush(id, files, dice);
            }
            SwitchCommand::Bridge { other, .. } => self.bridge(id, &other, files, dice),
            SwitchCommand::HangUp { .. } => self.hang_up(id, files),
            SwitchCommand::AskVideo { .. } => {
                let (negotiated, packets) = (leg.video, u64::from(leg.packets) * 70);
                self.tell(id, LegEvent::Video(VideoFacts { negotiated, packets }));
            }
            SwitchCommand::OfferVideo { .. } => {
                leg.video |= dice.chance(50);
                leg.packets = leg.video && dice.chance(80);
            }
            _ => {}
        }
    }

    pub(crate) fn run(&mut self, id: &LegId, app: App, files: &mut Files, dice: &mut Dice) {
        let Some(leg) = self.legs.get(id) else { return };
        let records =
            leg.running.as_ref().is_some_and(|running| matches!(running.app, App::Record { .. }));
        let (ours, bridged) = (leg.ours, leg.bridged.is_some());
        let lost = leg.running.as_ref().is_some_and(|now| matches!(now.app, App::Fallback));
        // Where a first application was forgotten the guard fires, and nobody can know.
        self.law(ours || self.forgot, "a leg that is not ours is used", id);
        self.law(!bridged, "something runs on a leg that talks", id);
        self.law(!records, "a leg that records is used for something else", id);
        if lost || !ours || bridged {
            return;
        }
        if self.tails.remove(id) {
            self.flush(id, files, dice);
        }
        if let Some(leg) = self.legs.get_mut(id) {
            leg.guard_at = None;
            leg.queue.extend([app, App::Tail, App::Transfer]);
            self.tails.insert(id.clone());
            self.next(id, files, dice);
        }
    }

    pub(crate) fn bridge(&mut self, id: &LegId, other: &LegId, files: &mut Files, dice: &mut Dice) {
        let leg = self.legs.get(id);
        let records = leg.and_then(|leg| leg.running.as_ref());
        let records = records.is_some_and(|now| matches!(now.app, App::Record { .. }));
        self.law(!records, "a leg that records is bridged", id);
        self.flush(id, files, dice);
        let free = |leg: &Leg| leg.ours && leg.bridged.is_none();
        if !self.legs.get(other).is_some_and(free) {
            self.tell(id, LegEvent::Refused { command: "bridge" });
            return;
        }
        for (one, two) in [(id, other), (other, id)] {
            let Some(leg) = self.legs.get_mut(one) else { return };
            leg.bridged = Some(two.clone());
            leg.parks_again = one == id;
            leg.answered = true;
            (leg.guard_at, leg.cancelled_at) = (None, None);
        }
        self.tell(id, LegEvent::Bridged { other: other.clone() });
    }

    /// Ends what runs, and forgets what waits. The wait for a picture is not interrupted.
    pub(crate) fn flush(&mut self, id: &LegId, files: &mut Files, dice: &mut Dice) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        leg.queue.clear();
        let waits = leg.running.as_ref().is_some_and(|now| {
            matches!(now.app, App::Fallback)
                || (matches!(now.app, App::Record { .. }) && self.now < now.begins_at)
        });
        if !waits {
            self.end_app(id, None, files);
            self.next(id, files, dice);
        }
    }

    pub(crate) fn end_app(&mut self, id: &LegId, key: Option<char>, files: &mut Files) {
        let now = self.now;
        let Some(leg) = self.legs.get_mut(id) else { return };
        let Some(running) = leg.running.take() else { return };
        leg.silent_since = now;
        match running.app {
            App::Play { step, .. } => self.tell(id, LegEvent::Done { step, key, failed: false }),
            App::Record { step, path, .. } => {
                files.stop(&path, now);
                let silence = key.is_none();
                self.tell(id, LegEvent::RecordStopped { path, key, silence });
                self.tell(id, LegEvent::Done { step, key, failed: false });
            }
            App::Tail | App::Transfer | App::Fallback => {}
        }
    }

    /// Begins what waits.
    pub(crate) fn next(&mut self, id: &LegId, files: &mut Files, dice: &mut Dice) {
        let now = self.now;
        let Some(leg) = self.legs.get_mut(id).filter(|leg| leg.running.is_none()) else { return };
        let Some(app) = leg.queue.pop_front() else { return };
        leg.answered = true;
        let no_picture = leg.video && !leg.packets;
        let (wait, lasts) = match &app {
            App::Play { sounds, .. } => {
                let length = |sound: &Sound| match sound {
                    Sound::Silence { ms } => u64::from(*ms),
                    Sound::Beep => 400,
                    Sound::File(_) => 2_000,
                };
                (0, sounds.iter().map(length).sum())
            }
            App::Record { limit_ms, .. } => {
                let spoken = *limit_ms.min(&(200 + dice.below(60_000) as u64));
                (if no_picture { 10_000 } else { 0 }, spoken)
            }
            App::Tail => (0, 1_500),
            App::Transfer => {
                leg.queue.clear();
                (0, 0)
            }
            App::Fallback => (0, 3_000),
        };
        let app = if matches!(app, App::Transfer) { App::Fallback } else { app };
        let lasts = if matches!(app, App::Fallback) { 3_000 } else { lasts };
        let ends_at = now + wait + lasts;
        leg.running = Some(Running { app, begins_at: now + wait, ends_at, begun: false });
        self.begin(id, files, dice);
    }

    /// A recording begins, when there is something to record.
    pub(crate) fn begin(&mut self, id: &LegId, files: &mut Files, dice: &mut Dice) {
        let now = self.now;
        let Some(running) = self.legs.get_mut(id).and_then(|leg| leg.running.as_mut()) else {
            return;
        };
        if running.begun || running.begins_at > now {
            return;
        }
        running.begun = true;
        if let App::Record { path, .. } = running.app.clone() {
            if files.start(&path, now, dice.chance(10)) {
                self.tell(id, LegEvent::RecordStarted { path });
            } else {
                self.law(false, "recorded where no deposit is", id);
                self.hang_up(id, files);
            }
        }
    }

    pub(crate) fn hang_up(&mut self, id: &LegId, files: &mut Files) {
        self.end_app(id, None, files);
        let Some(leg) = self.legs.remove(id) else { return };
        self.tails.remove(id);
        self.tell(id, LegEvent::HungUp { cause: "NORMAL_CLEARING".into() });
        let Some(other) = leg.bridged else { return };
        let Some(left) = self.legs.get_mut(&other) else { return };
        left.bridged = None;
        left.silent_since = self.now;
        if std::mem::take(&mut left.parks_again) {
            self.tell(&other, LegEvent::Unbridged);
        } else {
            self.hang_up(&other, files);
        }
    }

    /// A key is pressed.
    pub(crate) fn key(&mut self, id: &LegId, key: char, files: &mut Files, dice: &mut Dice) {
        self.tell(id, LegEvent::Key(key));
        let Some(running) = self.legs.get(id).and_then(|leg| leg.running.as_ref()) else { return };
        let ends = |keys: &Keys| match keys {
            Keys::None => false,
            Keys::Any => true,
            Keys::EndOrSwitch { switch } => key == '#' || key == *switch,
        };
        let begun = running.begun;
        let (App::Play { keys, .. } | App::Record { keys, .. }) = &running.app else { return };
        if ends(keys) && begun {
            self.end_app(id, Some(key), files);
            self.next(id, files, dice);
        }
    }
}
