//! Entries out of bytes: the other direction of [`super::entry`].

use std::sync::Arc;

use serde_json::Value;

use crate::desk::Ended;
use crate::domain::{
    AccountName, After, Branch, BranchEnd, CallRef, Cause, Decision, DeviceName, DeviceSkip,
    EndCause, Few, ForkOrder, Identifier, Number, Outcome, PoolKind, Refusal, Room, Side, Stage,
    Step, Wake,
};

use super::HistoryEntry;
use super::entry::{
    ADDRESS, AFTER_SHIFT, CALLEE, CALLER, CAP, DECIDED, DEVICE, ENDED, FORK, JSON, LATE,
    LENGTH_BYTES, LONG, NUMBER, OTHER, PART_SHIFT, PASS, REFUSE, REPEATED, SEEN, SEEN_MAX, WAKES,
    WOKE,
};

const SIDES: [Side; 2] = [Side::From, Side::To];
const KINDS: [PoolKind; 3] = [PoolKind::Total, PoolKind::In, PoolKind::Out];
const ROOMS: [Room; 7] = [
    Room::Yes,
    Room::Full,
    Room::Frozen,
    Room::Forced,
    Room::Overdraft,
    Room::Unreachable,
    Room::Elsewhere,
];
const SKIPS: [DeviceSkip; 12] = [
    DeviceSkip::Disabled,
    DeviceSkip::Loop,
    DeviceSkip::NotRegistered,
    DeviceSkip::NoGateway,
    DeviceSkip::StageFull,
    DeviceSkip::Missing,
    DeviceSkip::NoSwitch,
    DeviceSkip::InCall,
    DeviceSkip::Dnd,
    DeviceSkip::NoText,
    DeviceSkip::NotDialled,
    DeviceSkip::NoWaiting,
];
const CAUSES: [EndCause; 6] = [
    EndCause::Ended,
    EndCause::Failed,
    EndCause::Expired,
    EndCause::Vanished,
    EndCause::TooLong,
    EndCause::Released,
];

/// The entries of a page for which `wanted` says yes. What makes no sense in it is left out.
pub(super) fn read_page(
    mut page: &[u8],
    wanted: impl Fn(&str, Option<CallRef>) -> bool,
) -> Vec<HistoryEntry> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = page.split_first_chunk::<LENGTH_BYTES>() {
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let Some((bytes, rest)) = rest.split_at_checked(length) else { break };
        page = rest;
        entries.extend(Reading { bytes, seen: Vec::new() }.entry(&wanted));
    }
    entries
}

struct Reading<'a> {
    bytes: &'a [u8],
    /// The strings that may come again.
    seen: Vec<&'a str>,
}

impl<'a> Reading<'a> {
    fn entry(mut self, wanted: impl Fn(&str, Option<CallRef>) -> bool) -> Option<HistoryEntry> {
        let (kind, has_call) = (self.byte()?, self.byte()? != 0);
        let call_id = self.text()?;
        let call = if has_call { Some(CallRef(self.number()?)) } else { None };
        let at_ms = self.number()?.cast_signed();
        if !wanted(call_id, call) {
            return None;
        }
        let (kind, data) = match kind {
            DECIDED => {
                let decision = self.decision(call_id, call, at_ms)?;
                ("decided", serde_json::to_value(&decision).ok()?)
            }
            ENDED => {
                let ended = self.ended(call_id, call?, at_ms)?;
                ("ended", serde_json::to_value(&ended).ok()?)
            }
            OTHER => (self.text()?, self.json()?),
            _ => return None,
        };
        Some(HistoryEntry { call_id: call_id.to_owned(), call, at_ms, kind: kind.to_owned(), data })
    }

    fn decision(&mut self, call_id: &str, call: Option<CallRef>, at_ms: i64) -> Option<Decision> {
        let (from_uri, ruri) = (self.shared()?, self.shared()?);
        let outcome = match self.byte()? {
            FORK => Outcome::Fork(Arc::new(ForkOrder { stages: self.list(Self::stage)? })),
            PASS => Outcome::Pass { headers: self.shared()? },
            REFUSE => {
                let (code, cause) = (self.small()?, self.text()?);
                Outcome::Refuse(Refusal {
                    code,
                    cause: Cause::ALL.into_iter().find(|one| one.as_str() == cause)?,
                    reason: self.shared()?,
                    headers: self.shared()?,
                })
            }
            _ => return None,
        };
        let steps = self.list(Self::step)?;
        Some(Decision { call, call_id: call_id.into(), at_ms, from_uri, ruri, outcome, steps })
    }

    fn stage(&mut self) -> Option<Stage> {
        let first = self.number()?;
        let ring_s = u16::try_from(first >> 1 & u64::from(u16::MAX)).ok()?;
        let causes = Few(u8::try_from(first >> AFTER_SHIFT & u64::from(u8::MAX)).ok()?);
        let part = u16::try_from(first >> PART_SHIFT & u64::from(u16::MAX)).ok()?;
        let after = After::of(causes, part);
        let branches = self.list(|reading| reading.branch(first))?;
        Some(Stage { ring_s, branches, mailbox: first & 1 != 0, after })
    }

    /// A branch of a stage with that first number.
    fn branch(&mut self, first: u64) -> Option<Branch> {
        let after_s = if first & LATE != 0 { self.small()? } else { 0 };
        let (device, uri) = (DeviceName::parse(self.name()?).ok()?, self.shared()?);
        let [dst_uri, path, headers] = self.names()?.map(|name| name.map(Arc::from));
        let aor = if first & WAKES != 0 { self.names()? } else { [None] };
        let wake = match aor {
            [Some(aor)] => Some(Box::new(Wake { aor: aor.into(), wait_s: self.small()? })),
            [None] => None,
        };
        Some(Branch { device, after_s, uri, dst_uri, path, headers, wake })
    }

    fn step(&mut self) -> Option<Step> {
        Some(match self.byte()? {
            CALLER => {
                let authenticated = self.byte()? != 0;
                Step::Caller { account: self.account()?, authenticated }
            }
            CALLEE => {
                let identifier = match self.byte()? {
                    0 => None,
                    NUMBER => {
                        let number = Number::parse(&format!("+{}", self.number()?));
                        Some(Identifier::Number(number.ok()?))
                    }
                    ADDRESS => Some(Identifier::Address(self.shared()?)),
                    _ => return None,
                };
                Step::Callee { identifier, account: self.account()? }
            }
            CAP => {
                let bits = self.byte()?;
                let account = AccountName::parse(self.name()?).ok()?;
                let used = self.small()?;
                let cap = if bits & 0x20 != 0 { Some(self.small()?) } else { None };
                Step::Cap {
                    account,
                    side: SIDES[usize::from(bits & 1)],
                    kind: *KINDS.get(usize::from(bits >> 1 & 3))?,
                    used,
                    cap,
                    room: *ROOMS.get(usize::from(bits >> 3 & 3 | (bits >> 6) << 2))?,
                }
            }
            DEVICE => {
                let device = DeviceName::parse(self.name()?).ok()?;
                let stage = self.byte()?;
                let skip = match usize::from(self.byte()?).checked_sub(1) {
                    Some(place) => Some(*SKIPS.get(place)?),
                    None => None,
                };
                Step::Device { device, stage, after_s: 0, skip }
            }
            REPEATED => Step::Repeated,
            JSON => serde_json::from_value(self.json()?).ok()?,
            _ => return None,
        })
    }

    fn ended(&mut self, call_id: &str, call: CallRef, at_ms: i64) -> Option<Ended> {
        let cause = *CAUSES.get(usize::from(self.byte()?))?;
        let code = match self.number()?.checked_sub(1) {
            Some(code) => Some(u16::try_from(code).ok()?),
            None => None,
        };
        let up_ms = self.number()?.cast_signed();
        let branches =
            if self.bytes.is_empty() { Vec::new() } else { self.list(Self::branch_end)? };
        let branches = branches.into();
        Some(Ended { call, call_id: call_id.into(), cause, code, at_ms, up_ms, branches })
    }

    fn branch_end(&mut self) -> Option<BranchEnd> {
        let device = DeviceName::parse(self.name()?).ok()?;
        let (code, after_ms) = (self.number()?, self.small()?);
        let woke_ms = if code & WOKE != 0 { Some(self.small()?) } else { None };
        let code = u16::try_from(code & !WOKE).ok()?;
        Some(BranchEnd { device, code, after_ms, woke_ms })
    }

    fn json(&mut self) -> Option<Value> {
        serde_json::from_str(self.text()?).ok()
    }

    fn account(&mut self) -> Option<Option<AccountName>> {
        let [name] = self.names()?;
        name.map(AccountName::parse).transpose().ok()
    }

    fn names<const N: usize>(&mut self) -> Option<[Option<&'a str>; N]> {
        let flags = self.byte()?;
        let mut names = [None; N];
        for (bit, name) in names.iter_mut().enumerate() {
            if flags >> bit & 1 != 0 {
                *name = Some(self.name()?);
            }
        }
        Some(names)
    }

    /// A string that may come again.
    fn name(&mut self) -> Option<&'a str> {
        let first = *self.bytes.first()?;
        if first >= SEEN {
            self.byte()?;
            return self.seen.get(usize::from(first & !SEEN)).copied();
        }
        let name = self.text()?;
        if self.seen.len() < SEEN_MAX {
            self.seen.push(name);
        }
        Some(name)
    }

    fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.number()?;
        // Each takes a byte at least, so that a wrong count ends soon.
        (0..count).map(|_| read(self)).collect()
    }

    fn shared(&mut self) -> Option<Arc<str>> {
        self.text().map(Arc::from)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = match self.byte()? {
            LONG => usize::try_from(self.number()?).ok()?,
            SEEN.. => return None,
            length => usize::from(length),
        };
        let (text, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        std::str::from_utf8(text).ok()
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    fn small<T: TryFrom<u64>>(&mut self) -> Option<T> {
        T::try_from(self.number()?).ok()
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}
