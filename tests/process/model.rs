//! What a proxy knows of its calls, to be compared with what the daemon knows after a kill.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::daemon::{event, now, question};
use super::line::Line;

/// How a call stands as far as answers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    Reserved,
    Up,
    Over,
}

/// What one client knows of one call.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) stand: Stand,
    /// When the daemon answered last about it.
    pub(super) told_at: Instant,
    /// Something was sent about it and not answered: it may have come through or not.
    pub(super) open: bool,
    pub(super) number: String,
    pub(super) call: Value,
}

/// One client: asks and tells until the daemon is gone.
pub(super) struct Client {
    line: Line,
    name: String,
    numbers: Vec<String>,
    dice: u64,
    count: u32,
    pub(super) calls: BTreeMap<String, Known>,
    pub(super) refused: u32,
}

impl Client {
    pub(super) fn new(line: Line, name: String, numbers: &[String], seed: u64) -> Self {
        let numbers = numbers.to_vec();
        Self { line, name, numbers, dice: seed | 1, count: 0, calls: BTreeMap::new(), refused: 0 }
    }

    /// A number below `below`: xorshift, the same for the same seed.
    pub(super) fn roll(&mut self, below: usize) -> usize {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        usize::try_from(self.dice >> 33).unwrap() % below
    }

    /// Goes on until the daemon does not answer any more.
    pub(super) fn run(mut self) -> Self {
        while self.step().is_some() {}
        self
    }

    fn step(&mut self) -> Option<()> {
        let live: Vec<String> = self
            .calls
            .iter()
            .filter(|(_, known)| known.stand != Stand::Over)
            .map(|(call_id, _)| call_id.clone())
            .collect();
        let ends = live.len() > 8 || (!live.is_empty() && self.roll(2) == 0);
        if !ends {
            return self.begin();
        }
        let chosen = self.roll(live.len());
        let call_id = live[chosen].clone();
        let (kind, stand) = match (self.calls[&call_id].stand, self.roll(3)) {
            (Stand::Reserved, 0) => ("failed", Stand::Over),
            (Stand::Reserved, _) => ("start", Stand::Up),
            _ => ("end", Stand::Over),
        };
        let known = self.calls.get_mut(&call_id)?;
        known.open = true;
        let body = event(kind, &call_id).to_string();
        let (status, answer) = self.line.try_ask("POST", "/v1/event", Some(body.as_bytes()))?;
        assert_eq!(status, 200, "{answer}");
        *known = Known { stand, told_at: now(), open: false, ..known.clone() };
        Some(())
    }

    fn begin(&mut self) -> Option<()> {
        self.count += 1;
        let call_id = format!("{}-{}@x", self.name, self.count);
        let chosen = self.roll(self.numbers.len());
        let number = self.numbers[chosen].clone();
        let body = question(&call_id, &number).to_string();
        let open =
            Known { stand: Stand::Over, told_at: now(), open: true, number, call: Value::Null };
        self.calls.insert(call_id.clone(), open);
        let (status, answer) = self.line.try_ask("POST", "/v1/route", Some(body.as_bytes()))?;
        assert_eq!(status, 200, "{answer}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let known = self.calls.get_mut(&call_id)?;
        known.open = false;
        known.told_at = now();
        match answer["action"].as_str() {
            Some("fork") => {
                known.stand = Stand::Reserved;
                known.call = answer["call"].clone();
            }
            Some("refuse") => self.refused += 1,
            other => panic!("{other:?}: {answer}"),
        }
        Some(())
    }
}

/// How a daemon's list differs from what the clients were told.
#[derive(Debug, Default)]
pub(super) struct Differences {
    pub(super) calls: usize,
    /// Admitted and not ended, and not in the list.
    pub(super) missing: usize,
    /// Ended, and still in the list.
    pub(super) stale: usize,
    /// Answered, and reserved in the list.
    pub(super) behind: usize,
    /// How long before the kill the oldest of these was answered.
    pub(super) oldest: Duration,
}

impl Differences {
    pub(super) fn compare(
        &mut self,
        known: &BTreeMap<String, Known>,
        listed: &BTreeMap<String, Value>,
        killed_at: Instant,
    ) {
        for (call_id, known) in known {
            self.calls += usize::from(known.stand != Stand::Over);
            if known.open {
                continue;
            }
            let count = match (known.stand, listed.get(call_id)) {
                (Stand::Over, None) => continue,
                (Stand::Over, Some(_)) => &mut self.stale,
                (Stand::Reserved | Stand::Up, None) => &mut self.missing,
                (Stand::Reserved, Some(listed)) => {
                    assert_eq!(listed["state"], "reserved", "{call_id}");
                    assert_eq!(listed["call"], known.call, "{call_id} kept its number");
                    continue;
                }
                (Stand::Up, Some(listed)) => {
                    assert_eq!(listed["call"], known.call, "{call_id} kept its number");
                    if listed["state"] == "up" {
                        continue;
                    }
                    &mut self.behind
                }
            };
            *count += 1;
            self.oldest = self.oldest.max(killed_at.saturating_duration_since(known.told_at));
        }
        for call_id in listed.keys() {
            assert!(known.contains_key(call_id), "nobody asked about {call_id}");
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.missing += other.missing;
        self.stale += other.stale;
        self.behind += other.behind;
        self.oldest = self.oldest.max(other.oldest);
    }
}
