//! A daemon, its switch, its files, and people who do what people do.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;

use hallporter::domain::{
    AccountKey, CallbackPolicy, Caller, Language, LegEvent, LegFacts, LegId, Mailbox, MailboxName,
    MessageId, Now, SpoolCommand, SpoolEvent, SwitchEvent, SwitchId,
};
use hallporter::messages::{Arrival, Deposits, Output, Settings, VideoWay};

use super::dice::Dice;
use super::spool::{Planted, Spool};
use super::switch::Switch;

/// The number of the only switch.
pub(crate) const SWITCH: SwitchId = SwitchId(0);
/// When the wall clock began, milliseconds since 1970.
const WALL_MS: i64 = 1_700_000_000_000;

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) deposits: Deposits,
    pub(crate) switch: Switch,
    pub(crate) spool: Spool,
    pub(crate) settings: Settings,
    pub(crate) mailbox: Mailbox,
    pub(crate) boot: u32,
    pub(crate) legs: u32,
    pub(crate) links: VecDeque<(MessageId, u16)>,
    /// Call-backs whose leg is on its way.
    pub(crate) coming: VecDeque<MessageId>,
    pub(crate) over: BTreeSet<MessageId>,
    pub(crate) managed: BTreeSet<MessageId>,
    /// Of these, those whose leg has to be gone by then.
    pub(crate) gone: BTreeSet<MessageId>,
    /// Nothing was ever lost or killed or mute here.
    pub(crate) calm: bool,
    pub(crate) trace: String,
    traced: bool,
    pub(crate) begun: u64,
    broken: Option<String>,
}

fn mailbox(dice: &mut Dice) -> Mailbox {
    let mut mailbox = Mailbox::new(MailboxName::parse("berta").unwrap());
    mailbox.video = dice.chance(80);
    mailbox.callback = [CallbackPolicy::Pause, CallbackPolicy::Save, CallbackPolicy::Discard]
        [dice.below(5).min(4).saturating_sub(2)];
    mailbox.callback_keep = dice.chance(70);
    mailbox.limits.length_max_s = [5, 20, 180][dice.below(3)];
    mailbox
}

fn settings(dice: &mut Dice) -> Settings {
    let mut ways: Vec<VideoWay> = VideoWay::ALL.into();
    for place in (1..ways.len()).rev() {
        ways.swap(place, dice.below(place + 1));
    }
    ways.truncate(1 + dice.below(4));
    Settings {
        spool: "/spool".into(),
        prompts: "/prompts".into(),
        language: Language::parse("en").unwrap(),
        min_ms: [0, 2_000][dice.below(2)],
        ways,
        webhook: dice.chance(50),
        deposits_max: 6,
        ..Settings::default()
    }
}

impl World {
    pub(crate) fn new(seed: u64, planted: Planted, traced: bool) -> Self {
        let mut dice = Dice::new(seed);
        let (settings, mailbox) = (settings(&mut dice), mailbox(&mut dice));
        let spool = Spool { min_ms: settings.min_ms.max(1), planted, ..Spool::default() };
        Self {
            deposits: Deposits::new(settings.clone()),
            switch: Switch::new(1_000),
            spool,
            settings,
            mailbox,
            boot: 1,
            legs: 0,
            links: VecDeque::new(),
            coming: VecDeque::new(),
            over: BTreeSet::new(),
            managed: BTreeSet::new(),
            gone: BTreeSet::new(),
            calm: true,
            trace: String::new(),
            traced,
            begun: 0,
            broken: None,
            dice,
        }
    }

    pub(crate) fn now(&self) -> Now {
        let mono_ms = self.switch.now;
        Now { mono_ms, wall_ms: WALL_MS + i64::try_from(mono_ms).unwrap() }
    }

    pub(crate) fn say(&mut self, what: impl FnOnce() -> String) {
        if self.traced {
            let at = self.switch.now;
            let _ = writeln!(self.trace, "{at:>9} {}", what());
        }
    }

    fn law(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds && self.broken.is_none() {
            self.broken = Some(what());
        }
    }

    /// Which law is broken, if one is.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        let parts = [self.broken.take(), self.switch.broken.take(), self.spool.broken.take()];
        parts.into_iter().flatten().next().map_or(Ok(()), Err)
    }

    /// Carries on what the machine asks for.
    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.deposits.poll() {
            self.say(|| format!("  > {output:?}"));
            match output {
                Output::Switch(_, command) => self.switch.send(command),
                Output::Spool(command) => {
                    if let SpoolCommand::Open(_) = &command {
                        self.begun += 1;
                    }
                    if let SpoolCommand::Deliver(card) = &command {
                        let safe = self.spool.known_safe.contains(&card.message);
                        self.law(!safe, || format!("{} is known to be safe", card.message));
                    }
                    self.spool.commands.push_back(command);
                }
                Output::Managed(message) => {
                    let asked = self.managed.remove(&message);
                    self.law(asked, || format!("nobody waits for {message}"));
                    let leg = self.deposits.card(message).and_then(|card| card.leg.clone());
                    let up = leg.is_some() && self.gone.remove(&message);
                    self.law(!up, || format!("the leg of {message} is not gone: {leg:?}"));
                }
                Output::Link { message, part, .. } => self.links.push_back((message, part)),
                Output::Over { message, outcome } => {
                    let first = self.over.insert(message);
                    self.law(first, || format!("{message} is over twice"));
                    let stored = self.spool.stored.contains_key(&message);
                    self.law(outcome.is_ok() == stored, || {
                        format!("{message} is over as {outcome:?}, and stored: {stored}")
                    });
                    let waits = self.managed.contains(&message);
                    self.law(!waits, || format!("a call back still waits for {message}"));
                }
            }
        }
    }

    fn tell_switch(&mut self, event: &SwitchEvent) {
        self.say(|| format!("< {event:?}"));
        let now = self.now();
        if let SwitchEvent::Leg { leg, event: LegEvent::Parked(facts) } = event
            && !self.deposits.knows(leg)
        {
            self.leg_came(leg, facts, now);
        }
        self.deposits.switch(SWITCH, event, now);
        self.drain();
    }

    fn leg_came(&mut self, leg: &LegId, facts: &LegFacts, now: Now) {
        if let Some(text) = facts.dialled.strip_prefix("callback-") {
            if let Some(message) = MessageId::parse(text) {
                self.deposits.guest(SWITCH, leg, message, now);
            }
            return;
        }
        if &*facts.dialled != "berta" {
            return;
        }
        let account = self.dice.chance(80).then_some(AccountKey(7));
        let shown = "anna@example.com";
        let arrival = Arrival {
            switch: SWITCH,
            switch_name: "fs1".into(),
            leg: leg.clone(),
            facts: facts.clone(),
            account: AccountKey(8),
            mailbox: self.mailbox.clone(),
            caller: Caller { shown: shown.into(), account, ..Caller::default() },
        };
        let _ = self.deposits.arrive(arrival, now);
    }

    /// An event comes in: of any leg, in any order between legs, sometimes twice.
    pub(crate) fn event(&mut self) -> bool {
        let waiting: Vec<LegId> = self
            .switch
            .events
            .iter()
            .filter(|(_, all)| !all.is_empty())
            .map(|(id, _)| id.clone())
            .collect();
        let lists = !self.switch.lists.is_empty();
        if waiting.is_empty() && !lists {
            return false;
        }
        // What comes of a new connection comes before anything else on it.
        let first = self.switch.lists.len() > 1
            || matches!(self.switch.lists.front(), Some(SwitchEvent::Lost));
        if lists && (first || waiting.is_empty() || self.dice.chance(30)) {
            if let Some(event) = self.switch.lists.pop_front() {
                self.tell_switch(&event);
            }
            return true;
        }
        let leg = waiting[self.dice.below(waiting.len())].clone();
        let Some(queue) = self.switch.events.get_mut(&leg) else { return true };
        let Some(event) = queue.pop_front() else { return true };
        let twice = self.dice.chance(3) && !matches!(event, LegEvent::Unbridged);
        let event = SwitchEvent::Leg { leg, event };
        self.tell_switch(&event);
        if twice {
            self.tell_switch(&event);
        }
        true
    }

    pub(crate) fn files(&mut self) -> bool {
        if let Some(event) = self.spool.events.pop_front() {
            self.say(|| format!("< {event:?}"));
            if let SpoolEvent::Delivered(message) = &event {
                self.spool.known_safe.insert(*message);
            }
            let now = self.now();
            self.deposits.spool(&event, now);
            self.drain();
            return true;
        }
        let any = !self.spool.commands.is_empty();
        self.spool.carry_out();
        any
    }

    pub(crate) fn command(&mut self) -> bool {
        let any = !self.switch.commands.is_empty();
        self.switch.carry_out(&mut self.spool.files, &mut self.dice);
        any
    }

    pub(crate) fn link(&mut self) -> bool {
        let Some((message, _)) = self.links.pop_front() else { return false };
        let now = self.now();
        self.deposits.link_ready(message, "Your video message: https://x/u/1", now);
        self.drain();
        true
    }

    pub(crate) fn advance(&mut self, ms: u64) {
        // Nothing is on its way for long.
        if ms > 300 {
            for _ in 0..50 {
                if !(self.command() | self.event() | self.files()) {
                    break;
                }
            }
        }
        let to = self.switch.now + ms;
        self.switch.advance(to, &mut self.spool.files, &mut self.dice);
        self.wake();
    }

    pub(crate) fn wake(&mut self) {
        if self.deposits.wakeup().is_some_and(|at| at <= self.switch.now) {
            self.say(|| "time".to_owned());
            let now = self.now();
            self.deposits.wake(now);
            self.drain();
        }
    }

    /// To the next thing that happens by itself.
    pub(crate) fn leap(&mut self) {
        let next = [self.deposits.wakeup(), self.switch.due()].into_iter().flatten().min();
        let ms = next.map_or(1_000, |at| at.saturating_sub(self.switch.now));
        // Links are good for a day; that long nobody waits here.
        self.advance(if ms > 3_600_000 { 1_000 } else { ms });
    }

    /// Everything on its way comes.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        for _ in 0..10_000 {
            if !(self.command() | self.event() | self.files() | self.link()) {
                return self.check();
            }
            self.check()?;
        }
        Err("it never comes to rest".to_owned())
    }

    /// The world is healthy, nobody does anything any more, and time runs.
    pub(crate) fn heal(&mut self) -> Result<(), String> {
        self.say(|| "all is well from here".to_owned());
        self.switch.mute = false;
        self.spool.disk_full = false;
        self.connect();
        // The list is read again and again.
        for _ in 0..2 {
            self.settle()?;
            self.switch.list();
        }
        self.run_down(true)
    }

    /// Time runs until every deposit is over.
    pub(crate) fn run_down(&mut self, healthy: bool) -> Result<(), String> {
        for _ in 0..3_000 {
            self.settle()?;
            let bridged = self.switch.legs.iter().find(|(_, leg)| leg.bridged.is_some());
            let bridged = bridged.map(|(id, _)| id.clone());
            let next = [self.deposits.wakeup(), self.switch.due()].into_iter().flatten().min();
            match (next, bridged) {
                (None, _) if self.deposits.is_empty() => return self.tidy(healthy),
                (Some(at), _) => {
                    let to = at.max(self.switch.now);
                    self.switch.advance(to, &mut self.spool.files, &mut self.dice);
                    self.wake();
                }
                // Nobody talks for ever.
                (None, Some(leg)) if healthy => {
                    self.switch.hang_up(&leg, &mut self.spool.files);
                }
                (None, _) => return Err(format!("no way out of {:?}", self.states())),
            }
        }
        Err(format!("never over: {:?}", self.states()))
    }

    /// What must be when nothing is left.
    fn tidy(&mut self, healthy: bool) -> Result<(), String> {
        let left = self.deposits.sizes();
        if left != [0; 4] {
            return Err(format!("something is kept of nothing: {left:?}"));
        }
        let silent = self.switch.legs.iter().find(|(_, leg)| {
            leg.ours && leg.running.is_none() && leg.bridged.is_none() && leg.guard_at.is_none()
        });
        match silent {
            Some((id, _)) if healthy && self.calm && !self.switch.forgot => {
                Err(format!("{id} is left in silence"))
            }
            _ => self.check(),
        }
    }

    pub(crate) fn states(&self) -> BTreeMap<&'static str, u32> {
        let mut states = BTreeMap::new();
        for view in self.deposits.views() {
            *states.entry(view.state).or_default() += 1;
        }
        states
    }

    /// Every caller hangs up at this instant.
    pub(crate) fn all_hang_up(&mut self) {
        let ids: Vec<LegId> = self.switch.legs.keys().cloned().collect();
        for id in ids {
            self.switch.hang_up(&id, &mut self.spool.files);
        }
    }

    /// The connection breaks and never comes back.
    pub(crate) fn lose_for_ever(&mut self) {
        self.lose();
        self.spool.disk_full = false;
    }

    /// The switch says yes to everything and does nothing, and tells nothing.
    pub(crate) fn stun(&mut self) {
        self.calm = false;
        self.switch.mute = true;
        self.switch.events.clear();
        self.switch.lists.clear();
        self.spool.disk_full = false;
    }
}
