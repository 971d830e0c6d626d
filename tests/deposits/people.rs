//! What people do, and what befalls them.

use hallporter::domain::{AccountKey, CallbackPolicy, LegId, Medium, MessageId, SpoolEvent};
use hallporter::messages::{Deposits, Managed, ManagedWhen, Settings};

use super::world::{SWITCH, World};

impl World {
    fn some_leg(&mut self) -> Option<LegId> {
        let ids: Vec<LegId> = self.switch.legs.keys().cloned().collect();
        (!ids.is_empty()).then(|| ids[self.dice.below(ids.len())].clone())
    }

    fn some_deposit(&mut self) -> Option<MessageId> {
        let ids: Vec<MessageId> = self.deposits.views().map(|view| view.message).collect();
        (!ids.is_empty()).then(|| ids[self.dice.below(ids.len())])
    }

    fn arrive(&mut self, dialled: &str) {
        self.legs += 1;
        let leg = LegId::parse(&format!("leg-{}", self.legs)).unwrap();
        self.say(|| format!("{leg} comes for {dialled}"));
        self.switch.arrive(&leg, dialled, &mut self.dice);
    }

    fn key(&mut self) {
        let Some(leg) = self.some_leg() else { return };
        let key = ['1', '2', '3', '#', '*', '5', '1', '#'][self.dice.below(8)];
        self.say(|| format!("{leg} presses {key}"));
        let of = self.deposits.views().find(|view| view.card.leg.as_ref() == Some(&leg));
        if let Some(view) = of.filter(|_| matches!(key, '2' | '*')) {
            self.spool.chosen.insert(view.message);
        }
        self.switch.key(&leg, key, &mut self.spool.files, &mut self.dice);
    }

    fn call_back(&mut self) {
        let account = self.dice.chance(50).then_some(AccountKey(7));
        let found = self.deposits.of_caller(account, "anna@example.com");
        let Some((message, ..)) = found.first() else { return };
        let (message, policy) = (*message, self.mailbox.callback);
        self.say(|| format!("a call back to {message}"));
        if policy == CallbackPolicy::Discard || !self.mailbox.callback_keep {
            self.spool.chosen.insert(message);
        }
        let now = self.now();
        // Whoever waits hears of it even at once.
        self.managed.insert(message);
        let gone = message.0 % 2 == 0;
        let when = if gone { ManagedWhen::Gone } else { ManagedWhen::Stopped };
        let managed = self.deposits.call_back(message, policy, when, now);
        self.gone.extend((gone && managed == Managed::Soon).then_some(message));
        if managed != Managed::Soon {
            self.managed.remove(&message);
        }
        self.drain();
        if policy == CallbackPolicy::Pause && managed != Managed::Nothing && self.dice.chance(90) {
            self.coming.push_back(message);
        }
    }

    fn upload(&mut self) {
        let Some(message) = self.some_deposit() else { return };
        let part = self.deposits.card(message).map_or(0, |card| card.parts.len()) + 1;
        let part = u16::try_from(part).unwrap();
        if self.deposits.awaits_upload(message, part) {
            let length_ms = self.dice.below(20_000) as u64;
            let part = self.spool.files.upload(message, part, length_ms);
            let facts = hallporter::domain::FileFacts { length_ms, bytes: 1, video: true };
            let event = SpoolEvent::Uploaded(message, part, facts);
            self.say(|| format!("< {event:?}"));
            self.tell_keeper(SpoolEvent::UploadBegan(message));
            if self.dice.chance(20) {
                // It breaks off.
                self.spool.events.push_back(SpoolEvent::UploadEnded(message));
                self.spool.files.uploaded_in_part(message, part);
                return;
            }
            // Its door answers when the machine has it, so nothing comes between.
            let awaited = self.tell_keeper(event.clone());
            assert!(awaited, "a video that was waited for is not taken: {message}");
            self.tell_keeper(SpoolEvent::UploadEnded(message));
            if self.dice.chance(20) {
                self.spool.events.push_back(event);
            }
        }
    }

    fn tell_keeper(&mut self, event: SpoolEvent) -> bool {
        let now = self.now();
        let awaited = self.deposits.spool(&event, now);
        self.drain();
        awaited
    }

    /// The daemon is killed, and started again.
    pub(crate) fn kill_daemon(&mut self) {
        self.calm = false;
        self.say(|| "the daemon is killed".to_owned());
        for _ in 0..self.dice.below(3) {
            self.spool.carry_out();
        }
        self.spool.commands.clear();
        self.spool.events.clear();
        self.switch.lose(&mut self.spool.files, &mut self.dice);
        self.switch.events.clear();
        self.switch.lists.clear();
        self.links.clear();
        self.over.clear();
        self.managed.clear();
        self.gone.clear();
        self.boot += 1;
        let settings = Settings { boot: self.boot, ..self.settings.clone() };
        self.deposits = Deposits::new(settings);
        let now = self.now();
        let cards = self.spool.files.found();
        for card in cards {
            if self.spool.stored.contains_key(&card.message) {
                self.spool.files.cards.remove(&card.message);
            } else {
                self.say(|| format!("found {card:?}"));
                self.deposits.resume(card, Some(SWITCH), now);
            }
        }
        self.drain();
    }

    pub(crate) fn lose(&mut self) {
        self.calm = false;
        self.say(|| "the connection breaks".to_owned());
        self.switch.lose(&mut self.spool.files, &mut self.dice);
    }

    pub(crate) fn connect(&mut self) {
        self.say(|| "the connection is there".to_owned());
        self.switch.connect();
    }

    fn wish(&mut self) {
        let Some(message) = self.some_deposit() else { return };
        let medium = if self.dice.chance(70) { Medium::Video } else { Medium::Audio };
        self.say(|| format!("{message} wishes {medium:?}"));
        let now = self.now();
        self.deposits.wish(message, medium, now);
        self.drain();
    }

    /// One thing happens.
    pub(crate) fn step(&mut self) {
        match self.dice.below(1_000) {
            0..350 => drop(self.event()),
            350..500 => drop(self.files()),
            500..620 => drop(self.command()),
            620..660 => drop(self.link()),
            660..760 => self.leap(),
            760..830 => {
                let ms = [10, 100, 1_000, 3_000][self.dice.below(4)];
                self.advance(ms);
            }
            830..890 => self.key(),
            890..900 => self.arrive("berta"),
            900..915 => self.call_back(),
            915..935 => {
                if let Some(message) = self.coming.pop_front() {
                    self.arrive(&format!("callback-{message}"));
                }
            }
            935..945 => self.wish(),
            945..955 => self.upload(),
            955..970 => {
                if let Some(leg) = self.some_leg() {
                    self.say(|| format!("{leg} hangs up"));
                    self.switch.hang_up(&leg, &mut self.spool.files);
                }
            }
            970..980 => {
                if self.switch.connected && !self.switch.mute {
                    self.switch.list();
                }
            }
            980..983 => self.lose(),
            983..990 => self.connect(),
            other => self.misfortune(other),
        }
        self.wake();
    }

    fn misfortune(&mut self, which: usize) {
        match which {
            990 => {
                self.calm = false;
                self.say(|| "the switch is killed".to_owned());
                self.switch.die(&mut self.spool.files, &mut self.dice);
            }
            991 => self.kill_daemon(),
            992 | 993 => self.spool.disk_full = !self.spool.disk_full,
            994 | 995 => {
                self.calm = false;
                let mute = !self.switch.mute && self.dice.chance(30);
                self.say(|| format!("mute: {mute}"));
                self.switch.mute = mute;
                if !mute && self.switch.connected {
                    self.switch.list();
                }
            }
            996 => {
                if let Some(message) = self.some_deposit() {
                    self.say(|| format!("an operator ends {message}"));
                    let now = self.now();
                    self.deposits.end(message, now);
                    self.drain();
                }
            }
            _ => {}
        }
    }
}
