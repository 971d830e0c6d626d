//! kill -9 of the daemon and of FreeSWITCH at whatever instant: every message is found again, once,
//! and told once.
//!
//! HALLPORTER_KILLS says how many rounds (6), HALLPORTER_SEED which ones.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lab::caller::{Caller, Facts, Plan, cards};
use crate::lab::ear::Ear;
use crate::lab::house::{House, house};
use crate::lab::{eventually, installed, seconds};
use crate::live::Dice;

const CALLERS: usize = 5;
/// What is shorter is no message (the laboratory's `min_length`).
const MIN: Duration = Duration::from_secs(1);
/// How much a recording may be shorter than what its caller has seen, and what he ended so shortly
/// before a kill may not have been ended.
const SLACK: Duration = Duration::from_millis(800);
/// A switch writes sound in blocks of so much (64 KiB); what is behind the last one dies with it.
const BLOCK: Duration = Duration::from_millis(4_096);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Daemon,
    Switch,
}

struct Street {
    house: House,
    ear: Ear,
    /// What every caller is owed, by his Call-ID: a message of at least this length, or only to be
    /// accounted for.
    owed: BTreeMap<String, Option<Duration>>,
    /// All calls.
    calls: BTreeSet<String>,
}

fn street(name: &str) -> Street {
    let mut house = house(name);
    let ear = Ear::new(house.lab.at(8200));
    house.daemon.terminate();
    house.daemon.set_in("messages", "webhook", &format!("\"http://{}/hook\"", ear.at));
    house.starts();
    Street { house, ear, owed: BTreeMap::new(), calls: BTreeSet::new() }
}

impl Street {
    /// One kill. Where it is `anchored`, somebody has spoken for some seconds by then, however slow
    /// the machine is; otherwise it comes at any instant from the first call on.
    fn round(&mut self, dice: &mut Dice, victim: Victim, anchored: bool) {
        let mut plans: Vec<Plan> = (0..CALLERS).map(|_| Plan::roll(dice)).collect();
        if anchored {
            plans[0] = Plan::talks_on();
        }
        let kill_after = Duration::from_millis(dice.roll(if anchored { 3_000 } else { 14_000 }));
        let away = Duration::from_millis(dice.roll(3_000));
        let deaf = u32::try_from(dice.roll(3)).unwrap();
        println!(
            "{victim:?} dies after {kill_after:?}{}, for {away:?}; {deaf} notices are refused",
            if anchored { " of a message" } else { "" }
        );
        self.ear.refuses(deaf);
        let mut callers: Vec<Caller> =
            plans.iter().map(|plan| Caller::sets_out(&self.house, *plan)).collect();
        if anchored {
            let begun = || callers[0].facts().begun.is_some();
            if eventually(seconds(30.0), begun) {
                // One block is on the disk.
                eventually(BLOCK + SLACK * 2, || false);
            }
        }
        let end = Instant::now() + kill_after;
        // A part stands in the card before it is recorded: from then on nothing loses it.
        eventually(kill_after, || {
            self.parts_are_noted();
            Instant::now() >= end
        });
        let killed = self.kill(victim);
        let open: BTreeSet<String> = cards(&self.spool()).into_keys().collect();
        // Those who want to go may go while it is away.
        eventually(away, || false);
        self.revive(victim);
        // What they have begun is done by now, if it is done at all.
        eventually(seconds(5.0), || callers.iter().all(Caller::is_done));
        for caller in &mut callers {
            caller.stops();
        }
        for caller in &callers {
            let Some(call_id) = caller.call_id() else { continue };
            let facts = caller.facts();
            println!("  {call_id} {:?}: {:?}", caller.plan, since(&facts, killed));
            if facts.begun.is_some() || open.contains(&call_id) {
                self.owed.insert(call_id.clone(), owes(caller, victim, killed));
            }
            self.calls.insert(call_id);
        }
        self.is_settled();
    }

    fn spool(&self) -> std::path::PathBuf {
        self.house.lab.dir.join("spool")
    }

    #[track_caller]
    fn parts_are_noted(&self) {
        for (dir, _) in cards(&self.spool()).into_values() {
            let Ok(entries) = std::fs::read_dir(&dir) else { continue };
            let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            let files: Vec<u64> = names
                .filter_map(|name| {
                    name.strip_suffix(".wav").or_else(|| name.strip_suffix(".mkv"))?.parse().ok()
                })
                .collect();
            // Read behind the files.
            let Ok(text) = std::fs::read(dir.join("card.json")) else { continue };
            let Ok(card) = serde_json::from_slice::<Value>(&text) else { continue };
            let parts: Vec<u64> = card["parts"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|p| p["number"].as_u64())
                .collect();
            for number in files {
                assert!(parts.contains(&number), "{number} is in no card: {card}");
            }
        }
    }

    fn kill(&mut self, victim: Victim) -> Instant {
        let killed = Instant::now();
        match victim {
            Victim::Daemon => self.house.daemon.kill(),
            Victim::Switch => self.house.switch.kill(),
        }
        killed
    }

    #[track_caller]
    fn revive(&mut self, victim: Victim) {
        match victim {
            Victim::Daemon => self.house.starts(),
            Victim::Switch => {
                let connects =
                    |house: &House| house.daemon.log().matches("the switch is there").count();
                let before = connects(&self.house);
                self.house.switch.run();
                let up = eventually(seconds(30.0), || connects(&self.house) > before);
                assert!(up, "it does not come back to the switch:\n{}", self.house.daemon.log());
            }
        }
    }

    /// What is heard of a call: for each message or missed call of it, its notices.
    fn told(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut told = BTreeMap::<String, BTreeSet<String>>::new();
        for notice in self.ear.heard() {
            let text = |key: &str| notice[key].as_str().unwrap_or_default().to_owned();
            told.entry(text("call_id")).or_default().insert(text("id"));
        }
        told
    }

    /// Waits until nothing is left to do, and looks at what came of it.
    #[track_caller]
    fn is_settled(&self) {
        let all = || {
            let told = self.told();
            self.owed.keys().all(|call_id| told.contains_key(call_id))
                && self.house.deposits().is_empty()
        };
        // A refused notice is told again after ten seconds.
        let settled = eventually(seconds(60.0), all);
        let told = self.told();
        let missing: Vec<&String> =
            self.owed.keys().filter(|call_id| !told.contains_key(*call_id)).collect();
        assert!(settled, "{missing:?} are lost, or open\n{}", self.house.daemon.log());
        for (call_id, notices) in &told {
            assert_eq!(notices.len(), 1, "{call_id}: {notices:?}\n{}", self.house.daemon.log());
            assert!(self.calls.contains(call_id), "{call_id} has never called");
        }
        let messages = self.messages();
        for (call_id, (count, length)) in &messages {
            assert_eq!(*count, 1, "{call_id} has left two messages\n{}", self.house.daemon.log());
            let told = told.get(call_id).and_then(|ids| ids.first()).cloned().unwrap_or_default();
            assert!(told.starts_with("message.left:"), "{call_id} is told as {told:?}");
            assert!(*length <= seconds(120.0), "{call_id}: {length:?}");
        }
        for (call_id, owed) in &self.owed {
            let left = messages.get(call_id).map(|(_, length)| *length);
            let is_told = told[call_id].first().is_some_and(|id| id.starts_with("message.left:"));
            assert_eq!(is_told, left.is_some(), "{call_id}: {:?}", told[call_id]);
            let Some(owed) = owed else { continue };
            assert!(
                left.is_some_and(|length| length >= *owed),
                "{call_id} is owed {owed:?}, and has {left:?}\n{}",
                self.house.daemon.log()
            );
        }
    }

    /// The messages: how many of each call, and how long.
    fn messages(&self) -> BTreeMap<String, (usize, Duration)> {
        let file = self.house.daemon.dir.join("data/ledger.db");
        let ledger = rusqlite::Connection::open(file).unwrap();
        ledger.busy_timeout(seconds(5.0)).unwrap();
        let mut rows = ledger.prepare("SELECT call_id, length_ms FROM message").unwrap();
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?));
        let mut messages = BTreeMap::<String, (usize, Duration)>::new();
        for (call_id, length_ms) in rows.query_map([], read).unwrap().map(Result::unwrap) {
            let entry = messages.entry(call_id).or_default();
            *entry = (entry.0 + 1, Duration::from_millis(length_ms.try_into().unwrap()));
        }
        messages
    }
}

fn since(facts: &Facts, killed: Instant) -> [Option<String>; 2] {
    [facts.begun, facts.ended].map(|at| {
        at.map(|at| match at.checked_duration_since(killed) {
            Some(after) => format!("{after:?} after"),
            None => format!("{:?} before", killed - at),
        })
    })
}

/// The message that a caller must have left, by what he has seen himself.
fn owes(caller: &Caller, victim: Victim, killed: Instant) -> Option<Duration> {
    let facts = caller.facts();
    let (begun, ended) = (facts.begun?, facts.ended?);
    let said = match victim {
        Victim::Daemon => ended.saturating_duration_since(begun),
        // It was ended, and whole, before the kill.
        Victim::Switch if ended + SLACK < killed => ended - begun,
        // The picture is written now and then: nothing is promised of it.
        Victim::Switch if caller.plan.video => return None,
        Victim::Switch => {
            let said = killed.saturating_duration_since(begun).saturating_sub(SLACK);
            let blocks = said.as_millis() / BLOCK.as_millis();
            BLOCK * u32::try_from(blocks).unwrap()
        }
    };
    let sure = said.saturating_sub(SLACK);
    // Video begins with its first key frame, the file before.
    let sure = if caller.plan.video { sure.saturating_sub(seconds(4.0)) } else { sure };
    (sure >= MIN).then_some(sure)
}

#[test]
fn whatever_is_killed_no_message_is_lost_and_none_comes_twice() {
    if !installed() {
        return;
    }
    let rounds = std::env::var("HALLPORTER_KILLS").ok().and_then(|rounds| rounds.parse().ok());
    let mut dice = Dice::new();
    let mut street = street("kills");
    for round in 0..rounds.unwrap_or(6) {
        println!("round {round}");
        let victim = if round % 2 == 0 { Victim::Daemon } else { Victim::Switch };
        street.round(&mut dice, victim, round % 4 < 2);
    }
    let owed = street.owed.values().flatten().count();
    assert!(owed > 0, "nobody has left anything: nothing was proved");
    println!(
        "{} calls, {} of them owed a message, {} messages, {} notices refused first",
        street.calls.len(),
        owed,
        street.messages().len(),
        street.ear.refused()
    );
}
