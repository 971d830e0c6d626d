//! Callers who do what they have decided on, each in a thread of his own, whatever becomes of the
//! daemon and the switch meanwhile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::house::House;
use super::{Call, Codec, Phone, Says, eventually, seconds};
use crate::live::Dice;

/// How a caller ends what he says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// He hangs up.
    HangsUp,
    /// He presses `#`, and listens to the menu.
    Reviews,
    /// He presses `#`, and once more to send it.
    Sends,
    /// He speaks until he is told to stop.
    TalksOn,
}

/// What a caller has decided on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) comes_after: Duration,
    pub(crate) speaks: Duration,
    pub(crate) ends: Ends,
    pub(crate) video: bool,
    /// He hangs up so long after he has called, come what may.
    pub(crate) patience: Duration,
}

impl Plan {
    /// Comes at once, and speaks until he is told to stop.
    pub(crate) fn talks_on() -> Self {
        Self {
            comes_after: Duration::ZERO,
            speaks: Duration::ZERO,
            ends: Ends::TalksOn,
            video: false,
            patience: seconds(60.0),
        }
    }

    pub(crate) fn roll(dice: &mut Dice) -> Self {
        let ms = |dice: &mut Dice, below| Duration::from_millis(dice.roll(below));
        let ends = [Ends::HangsUp, Ends::Reviews, Ends::Sends, Ends::TalksOn, Ends::TalksOn];
        Self {
            comes_after: ms(dice, 4_000),
            speaks: ms(dice, 9_000),
            ends: ends[usize::try_from(dice.roll(5)).unwrap()],
            video: dice.roll(4) == 0,
            // Now and then before anything is said.
            patience: if dice.roll(5) == 0 { ms(dice, 8_000) } else { seconds(60.0) },
        }
    }
}

/// What a caller has seen: when his part began to be written, and when he ended it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) begun: Option<Instant>,
    pub(crate) ended: Option<Instant>,
}

/// A caller at work.
pub(crate) struct Caller {
    pub(crate) plan: Plan,
    call_id: Arc<Mutex<Option<String>>>,
    facts: Arc<Mutex<Facts>>,
    stop: Arc<Mutex<bool>>,
    thread: Option<JoinHandle<()>>,
}

/// The deposits in a spool whose cards can be read, by the Call-ID of their callers.
pub(crate) fn cards(spool: &Path) -> BTreeMap<String, (PathBuf, Value)> {
    let mut cards = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir(spool.join("deposits")) else { return cards };
    for dir in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let Ok(text) = std::fs::read(dir.join("card.json")) else { continue };
        let Ok(card) = serde_json::from_slice::<Value>(&text) else { continue };
        if let Some(call_id) = card["call_id"].as_str() {
            cards.insert(call_id.to_owned(), (dir, card));
        }
    }
    cards
}

fn set<T>(place: &Mutex<T>, value: T) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = value;
}

fn get<T: Clone>(place: &Mutex<T>) -> T {
    place.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

impl Caller {
    pub(crate) fn sets_out(house: &House, plan: Plan) -> Self {
        let call_id = Arc::<Mutex<Option<String>>>::default();
        let facts = Arc::<Mutex<Facts>>::default();
        let stop = Arc::new(Mutex::new(false));
        let work = Work {
            plan,
            spool: house.lab.dir.join("spool"),
            facts: Arc::clone(&facts),
            stop: Arc::clone(&stop),
        };
        let (ip, switch, id) = (house.lab.ip, house.switch.sip, Arc::clone(&call_id));
        let thread = std::thread::spawn(move || {
            std::thread::sleep(plan.comes_after);
            let phone = Phone::new(ip);
            let call = if plan.video {
                phone.video_call("bob", switch, Codec::H264)
            } else {
                phone.call("bob", switch)
            };
            set(&id, Some(call.id.clone()));
            work.run(&call);
        });
        Self { plan, call_id, facts, stop, thread: Some(thread) }
    }

    pub(crate) fn facts(&self) -> Facts {
        get(&self.facts)
    }

    pub(crate) fn call_id(&self) -> Option<String> {
        get(&self.call_id)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// He hangs up, if he has not yet.
    pub(crate) fn stops(&mut self) {
        set(&self.stop, true);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

struct Work {
    plan: Plan,
    spool: PathBuf,
    facts: Arc<Mutex<Facts>>,
    stop: Arc<Mutex<bool>>,
}

impl Work {
    fn run(&self, call: &Call) {
        let end = Instant::now() + self.plan.patience;
        let over = || Instant::now() >= end || get(&self.stop) || call.hung_up(Duration::ZERO);
        eventually(seconds(60.0), || over() || call.code(Duration::ZERO) != 0);
        call.says(Says::Tone(700));
        if call.code(Duration::ZERO) == 200 {
            if self.plan.video {
                eventually(seconds(1.0), &over);
                call.presses("2");
            }
            let begun = || {
                let name = if self.plan.video { "1.mkv" } else { "1.wav" };
                cards(&self.spool).get(&call.id).is_some_and(|(dir, _)| dir.join(name).exists())
            };
            if !eventually(seconds(60.0), || over() || begun()) || over() {
                return self.leaves(call);
            }
            let at = Instant::now();
            set(&self.facts, Facts { begun: Some(at), ended: None });
            self.speaks(call, at, &over);
        }
        eventually(seconds(90.0), &over);
        self.leaves(call);
    }

    fn speaks(&self, call: &Call, begun: Instant, over: &dyn Fn() -> bool) {
        if self.plan.ends == Ends::TalksOn {
            return;
        }
        eventually(self.plan.speaks, over);
        let ended = Instant::now();
        match self.plan.ends {
            Ends::HangsUp | Ends::TalksOn => self.leaves(call),
            Ends::Reviews => call.presses("#"),
            Ends::Sends => {
                call.presses("#");
                eventually(seconds(2.0), over);
                call.presses("#");
            }
        }
        set(&self.facts, Facts { begun: Some(begun), ended: Some(ended) });
    }

    /// The switch may be dead: nobody answers then.
    fn leaves(&self, call: &Call) {
        if get(&self.facts).ended.is_none() {
            let begun = get(&self.facts).begun;
            set(&self.facts, Facts { begun, ended: Some(Instant::now()) });
        }
        if call.code(Duration::ZERO) == 200 {
            if !call.hung_up(Duration::ZERO) {
                let _ = call.asks("BYE", "", "");
            }
        } else {
            call.cancel();
        }
    }
}
