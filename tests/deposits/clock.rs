//! What happens at the switch by itself: time, connections, its own list.

use hallporter::domain::{
    LegEvent, LegFacts, LegId, LegSeen, SipUri, Sound, SwitchEvent, VideoFacts,
};

use super::dice::Dice;
use super::spool::Files;
use super::switch::{App, Leg, Switch, word};

impl Switch {
    /// When something happens by itself.
    pub(crate) fn due(&self) -> Option<u64> {
        let of_legs = self.legs.values().flat_map(|leg| {
            let running = leg.running.as_ref();
            let begins = running.filter(|now| !now.begun).map(|now| now.begins_at);
            let ends = running.map(|now| now.ends_at);
            let cancelled = leg.cancelled_at.filter(|_| !leg.answered);
            [leg.guard_at, leg.rings_until.map(|(at, _)| at), begins, ends, cancelled]
        });
        of_legs.flatten().chain(self.texts.iter().map(|(at, ..)| *at)).min()
    }

    /// Lets time run, up to the next thing that happens by itself.
    pub(crate) fn advance(&mut self, to: u64, files: &mut Files, dice: &mut Dice) {
        while let Some(at) = self.due().filter(|at| *at <= to) {
            self.now = self.now.max(at);
            self.happen(files, dice);
        }
        self.now = self.now.max(to);
    }

    fn happen(&mut self, files: &mut Files, dice: &mut Dice) {
        let now = self.now;
        let ready = |text: &(u64, LegId, bool)| text.0 <= now;
        if let Some(place) = self.texts.iter().position(ready) {
            let (_, leg, sent) = self.texts.remove(place);
            self.tell(&leg, LegEvent::TextSent(sent));
        }
        let ids: Vec<LegId> = self.legs.keys().cloned().collect();
        for id in ids {
            let Some(leg) = self.legs.get_mut(&id) else { continue };
            if leg.cancelled_at.is_some_and(|at| at <= now) && !leg.answered {
                self.hang_up(&id, files);
            } else if leg.guard_at.is_some_and(|at| at <= now) {
                (leg.guard_at, leg.ours) = (None, false);
                leg.queue.clear();
                leg.queue.push_back(App::Transfer);
                self.end_app(&id, None, files);
                self.next(&id, files, dice);
            } else if let Some((_, answers)) = leg.rings_until.filter(|(at, _)| *at <= now) {
                leg.rings_until = None;
                leg.answered = true;
                leg.silent_since = now;
                if answers {
                    leg.told = self.connected && !self.mute;
                    let facts = facts(&id, leg);
                    self.tell(&id, LegEvent::Parked(Box::new(facts)));
                } else {
                    self.hang_up(&id, files);
                }
            } else if leg.running.as_ref().is_some_and(|running| running.ends_at <= now) {
                self.begin(&id, files, dice);
                let fallback = self.legs.get(&id).and_then(|leg| leg.running.as_ref());
                if fallback.is_some_and(|running| matches!(running.app, App::Fallback)) {
                    self.hang_up(&id, files);
                } else {
                    self.end_app(&id, None, files);
                    self.next(&id, files, dice);
                }
            } else {
                self.begin(&id, files, dice);
            }
        }
    }

    /// The connection breaks: events on their way are lost, and so is what was asked for.
    pub(crate) fn lose(&mut self, files: &mut Files, dice: &mut Dice) {
        if !self.connected {
            return;
        }
        // The command that was under way may have been carried out; nobody knows.
        let under_way = self.commands.front().cloned();
        if dice.chance(50) {
            self.carry_out(files, dice);
        }
        self.events.clear();
        self.lists.clear();
        self.connected = false;
        if let Some(command) = under_way.filter(|_| dice.chance(50)) {
            let (command, leg) = word(&command);
            let refused =
                SwitchEvent::Leg { leg: leg.clone(), event: LegEvent::Refused { command } };
            self.lists.push_back(refused);
        }
        self.lists.push_back(SwitchEvent::Lost);
        for command in std::mem::take(&mut self.commands) {
            self.send(command);
        }
    }

    /// It is connected again: the list comes first, and before it what waits unseen.
    pub(crate) fn connect(&mut self) {
        if self.connected {
            return;
        }
        self.connected = true;
        self.events.clear();
        self.lists.retain(|event| matches!(event, SwitchEvent::Lost));
        for (id, leg) in &mut self.legs {
            let (app, _) = shown(leg);
            leg.told = true;
            if app == "park" {
                let event = LegEvent::Parked(Box::new(facts(id, leg)));
                self.lists.push_back(SwitchEvent::Leg { leg: id.clone(), event });
            }
            if matches!(app, "playback" | "record") {
                self.tails.insert(id.clone());
            }
        }
        self.list();
    }

    pub(crate) fn list(&mut self) {
        let seen = |(id, leg): (&LegId, &Leg)| {
            let (application, data) = shown(leg);
            LegSeen { leg: id.clone(), application: application.into(), data: data.into() }
        };
        let legs = self.legs.iter().map(seen).collect();
        let restarted = std::mem::take(&mut self.restarted);
        self.lists.push_back(SwitchEvent::Legs { restarted, legs });
    }

    /// It is killed: its legs are gone, and what was not flushed to the disk.
    pub(crate) fn die(&mut self, files: &mut Files, dice: &mut Dice) {
        self.lose(files, dice);
        self.events.clear();
        self.legs.clear();
        self.tails.clear();
        self.texts.clear();
        files.cut(self.now);
        self.restarted = true;
    }
}

/// What its list shows of a leg.
fn shown(leg: &Leg) -> (&'static str, String) {
    if let Some(other) = &leg.bridged {
        return ("uuid_bridge", other.to_string());
    }
    match leg.running.as_ref().map(|running| &running.app) {
        None if leg.rings_until.is_some() => ("", String::new()),
        None => ("park", String::new()),
        Some(App::Play { sounds, .. }) => {
            let parts = sounds.iter().map(|sound| match sound {
                Sound::File(path) => path.to_string(),
                Sound::Beep => "tone_stream://%(400,0,800)".to_owned(),
                Sound::Silence { ms } => format!("silence_stream://{ms}"),
            });
            let parts: Vec<String> = parts.collect();
            ("playback", format!("file_string://{}", parts.join("!")))
        }
        Some(App::Record { path, limit_ms, .. }) => ("record", format!("{path} {limit_ms} 200 5")),
        Some(App::Tail | App::Transfer) => ("playback", "silence_stream://1500".to_owned()),
        Some(App::Fallback) => ("playback", "/prompts/en/unavailable.wav".to_owned()),
    }
}

pub(crate) fn facts(id: &LegId, leg: &Leg) -> LegFacts {
    LegFacts {
        call_id: format!("call-{id}").into(),
        dialled: leg.dialled.as_str().into(),
        cause: Some(486),
        our_cause: None,
        greeting: None,
        call: None,
        from_uri: "sip:anna@example.com".into(),
        from_display: "".into(),
        contact: SipUri::parse("sip:anna@10.0.0.9").ok(),
        via: None,
        answered: leg.answered,
        video: VideoFacts { negotiated: leg.video, packets: 0 },
    }
}
