//! One thing that happened to a call, in few bytes: written for every call, read for hardly any.
//!
//! Each kind has a form of its own without names of fields, and a string that lies at the same
//! place in memory as one before it (an account's name, a device's) is its number: 1.5 KB of JSON
//! become a few hundred bytes, in a sixth of the steps that a form which describes itself took.
//! What is rare stays JSON, so that a new kind of step needs no form.

use crate::desk::Ended;
use crate::domain::{
    After, Branch, BranchEnd, CallRef, Decision, DeviceSkip, EndCause, Few, ForkOrder, Identifier,
    Outcome, PoolKind, Room, Side, Step,
};

/// Where the causes of a stage begin in its first number, above its ring time.
pub(super) const AFTER_SHIFT: u32 = 17;
/// Where its part begins.
pub(super) const PART_SHIFT: u32 = 25;
/// In the same number: its branches say when they join.
pub(super) const LATE: u64 = 1 << 41;
/// In the same number: its branches say whether they are woken.
pub(super) const WAKES: u64 = 1 << 42;
/// In the code of a branch's end: it says when it woke.
pub(super) const WOKE: u64 = 1 << 10;

/// The kinds of entries. Here and below: a number that was given is never given again.
pub(super) const DECIDED: u8 = 0;
pub(super) const ENDED: u8 = 1;
/// The name of its kind, and JSON.
pub(super) const OTHER: u8 = 2;

/// The outcomes.
pub(super) const FORK: u8 = 0;
pub(super) const PASS: u8 = 1;
pub(super) const REFUSE: u8 = 2;

/// The steps.
pub(super) const CALLER: u8 = 0;
pub(super) const CALLEE: u8 = 1;
pub(super) const CAP: u8 = 2;
pub(super) const DEVICE: u8 = 3;
pub(super) const REPEATED: u8 = 4;
pub(super) const JSON: u8 = 5;

/// What was dialled: nothing that was recognised, a number, an address.
pub(super) const NUMBER: u8 = 1;
pub(super) const ADDRESS: u8 = 2;

/// A string by its number among those of the entry: this and the number.
pub(super) const SEEN: u8 = 0x80;
/// The length of a string is too great for one byte and follows this.
pub(super) const LONG: u8 = 0x7f;
/// How many strings of an entry may be named again; further ones are written out.
pub(super) const SEEN_MAX: usize = 32;

/// The bytes of an entry, behind those that are there.
pub(super) struct Entry<'a> {
    bytes: &'a mut Vec<u8>,
    /// Where the entry begins: its length stands there.
    start: usize,
    /// Where strings lie that may come again, and how long they are.
    seen: [(usize, usize); SEEN_MAX],
    count: usize,
}

/// How many bytes the length of an entry takes.
pub(super) const LENGTH_BYTES: usize = 4;

impl<'a> Entry<'a> {
    /// Begins an entry of this kind.
    pub(super) fn begin(
        bytes: &'a mut Vec<u8>,
        kind: u8,
        call_id: &str,
        call: Option<CallRef>,
        at_ms: i64,
    ) -> Self {
        let start = bytes.len();
        bytes.extend_from_slice(&[0, 0, 0, 0, kind, u8::from(call.is_some())]);
        let mut entry = Self { bytes, start, seen: [(0, 0); SEEN_MAX], count: 0 };
        entry.text(call_id);
        if let Some(call) = call {
            entry.number(call.0);
        }
        entry.number(at_ms.cast_unsigned());
        entry
    }

    /// The entry is complete.
    pub(super) fn close(self) {
        let length = self.bytes.len() - self.start - LENGTH_BYTES;
        let length = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
        if let Some(place) = self.bytes.get_mut(self.start..self.start + LENGTH_BYTES) {
            place.copy_from_slice(&length);
        }
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Seven bits a byte, the lowest first.
    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            #[expect(clippy::cast_possible_truncation, reason = "seven bits of it")]
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        #[expect(clippy::cast_possible_truncation, reason = "below 128")]
        self.bytes.push(number as u8);
    }

    pub(super) fn text(&mut self, text: &str) {
        match u8::try_from(text.len()) {
            Ok(length) if length < LONG => self.bytes.push(length),
            _ => {
                self.bytes.push(LONG);
                self.number(text.len() as u64);
            }
        }
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// A string that may come again.
    fn name(&mut self, name: &str) {
        let place = (name.as_ptr() as usize, name.len());
        let seen = &self.seen[..self.count];
        if let Some(number) = seen.iter().position(|one| *one == place) {
            #[expect(clippy::cast_possible_truncation, reason = "below SEEN_MAX")]
            return self.bytes.push(SEEN | number as u8);
        }
        if let Some(free) = self.seen.get_mut(self.count) {
            *free = place;
            self.count += 1;
        }
        self.text(name);
    }

    fn names<const N: usize>(&mut self, names: [Option<&str>; N]) {
        let mut flags = 0;
        for (bit, name) in names.iter().enumerate() {
            flags |= u8::from(name.is_some()) << bit;
        }
        self.bytes.push(flags);
        for name in names.into_iter().flatten() {
            self.name(name);
        }
    }

    /// Everything about a decision but what the beginning has.
    pub(super) fn decision(&mut self, decision: &Decision) {
        self.text(&decision.from_uri);
        self.text(&decision.ruri);
        match &decision.outcome {
            Outcome::Fork(order) => self.fork(order),
            Outcome::Pass { headers } => {
                self.byte(PASS);
                self.text(headers);
            }
            Outcome::Refuse(refusal) => {
                self.byte(REFUSE);
                self.number(refusal.code.into());
                self.text(refusal.cause.as_str());
                self.text(&refusal.reason);
                self.text(&refusal.headers);
            }
        }
        self.number(decision.steps.len() as u64);
        for step in &decision.steps {
            self.step(step);
        }
    }

    fn fork(&mut self, order: &ForkOrder) {
        self.byte(FORK);
        self.number(order.stages.len() as u64);
        for stage in &order.stages {
            let late = stage.branches.iter().any(|branch| branch.after_s > 0);
            let ring = u64::from(stage.ring_s) << 1 | u64::from(stage.mailbox);
            let after = stage.after.as_ref().map_or(0, after_bits);
            let wakes = stage.branches.iter().any(|branch| branch.wake.is_some());
            let marks = if late { LATE } else { 0 } | if wakes { WAKES } else { 0 };
            self.number(ring | after | marks);
            self.number(stage.branches.len() as u64);
            for branch in &stage.branches {
                let Branch { device, after_s, uri, dst_uri, path, headers, wake } = branch;
                if late {
                    self.number(u64::from(*after_s));
                }
                self.name(device.as_str());
                self.text(uri);
                self.names([dst_uri.as_deref(), path.as_deref(), headers.as_deref()]);
                if wakes {
                    self.names([wake.as_ref().map(|wake| &*wake.aor)]);
                }
                if let Some(wake) = wake {
                    self.number(wake.wait_s.into());
                }
            }
        }
    }

    fn dialled(&mut self, identifier: Option<&Identifier>) {
        match identifier {
            None => self.byte(0),
            Some(Identifier::Number(number)) => {
                self.byte(NUMBER);
                self.number(number.digits());
            }
            Some(Identifier::Address(address)) => {
                self.byte(ADDRESS);
                self.text(address);
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what is rare has no form of its own")]
    fn step(&mut self, step: &Step) {
        match step {
            Step::Caller { account, authenticated } => {
                self.byte(CALLER);
                self.byte(u8::from(*authenticated));
                self.names([account.as_ref().map(|account| account.as_str())]);
            }
            Step::Callee { identifier, account } => {
                self.byte(CALLEE);
                self.dialled(identifier.as_ref());
                self.names([account.as_ref().map(|account| account.as_str())]);
            }
            Step::Cap { account, side, kind, used, cap, room } => {
                self.byte(CAP);
                self.byte(
                    side_bit(*side)
                        | kind_bits(*kind) << 1
                        | (room_bits(*room) & 3) << 3
                        | u8::from(cap.is_some()) << 5
                        | (room_bits(*room) >> 2) << 6,
                );
                self.name(account.as_str());
                self.number((*used).into());
                if let Some(cap) = cap {
                    self.number((*cap).into());
                }
            }
            Step::Device { device, stage, after_s: 0, skip } => {
                self.byte(DEVICE);
                self.name(device.as_str());
                self.byte(*stage);
                self.byte(skip.map_or(0, skip_byte));
            }
            Step::Repeated => self.byte(REPEATED),
            _ => {
                self.byte(JSON);
                self.json(step);
            }
        }
    }

    /// A value as JSON; nothing at all for one that can't be said in it (a map with keys that are
    /// no strings).
    pub(super) fn json(&mut self, value: &impl serde::Serialize) {
        self.text(&serde_json::to_string(value).unwrap_or_default());
    }

    /// Everything about an end but what the beginning has.
    pub(super) fn ended(&mut self, ended: &Ended) {
        let Ended { call: _, call_id: _, cause, code, at_ms: _, up_ms, branches } = ended;
        self.byte(cause_byte(*cause));
        self.number(code.map_or(0, |code| u64::from(code) + 1));
        self.number(up_ms.cast_unsigned());
        // Left out when there are none, as in what older versions have written.
        if !branches.is_empty() {
            self.number(branches.len() as u64);
        }
        for BranchEnd { device, code, after_ms, woke_ms } in branches.iter() {
            self.name(device.as_str());
            self.number(u64::from(*code) | if woke_ms.is_some() { WOKE } else { 0 });
            self.number((*after_ms).into());
            if let Some(woke_ms) = woke_ms {
                self.number((*woke_ms).into());
            }
        }
    }
}

/// Enumerations and their numbers; `entry_read.rs` has them the other way round.
fn side_bit(side: Side) -> u8 {
    match side {
        Side::From => 0,
        Side::To => 1,
    }
}

fn kind_bits(kind: PoolKind) -> u8 {
    match kind {
        PoolKind::Total => 0,
        PoolKind::In => 1,
        PoolKind::Out => 2,
    }
}

fn room_bits(room: Room) -> u8 {
    match room {
        Room::Yes => 0,
        Room::Full => 1,
        Room::Frozen => 2,
        Room::Forced => 3,
        Room::Overdraft => 4,
        Room::Unreachable => 5,
        Room::Elsewhere => 6,
    }
}

/// When a stage rings, above its ring time.
fn after_bits(after: &After) -> u64 {
    let causes = after.causes.iter().fold(Few::default(), |all, one| all.with(*one as u8));
    u64::from(causes.0) << AFTER_SHIFT | u64::from(after.part) << PART_SHIFT
}

fn skip_byte(skip: DeviceSkip) -> u8 {
    match skip {
        DeviceSkip::Disabled => 1,
        DeviceSkip::Loop => 2,
        DeviceSkip::NotRegistered => 3,
        DeviceSkip::NoGateway => 4,
        DeviceSkip::StageFull => 5,
        DeviceSkip::Missing => 6,
        DeviceSkip::NoSwitch => 7,
        DeviceSkip::InCall => 8,
        DeviceSkip::Dnd => 9,
        DeviceSkip::NoText => 10,
        DeviceSkip::NotDialled => 11,
        DeviceSkip::NoWaiting => 12,
    }
}

fn cause_byte(cause: EndCause) -> u8 {
    match cause {
        EndCause::Ended => 0,
        EndCause::Failed => 1,
        EndCause::Expired => 2,
        EndCause::Vanished => 3,
        EndCause::TooLong => 4,
        EndCause::Released => 5,
    }
}
