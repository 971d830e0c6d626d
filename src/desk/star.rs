//! Star codes: what somebody dials to change something.
//!
//! The change is written down before the question is asked ([`Desk::change_dialled`]); the answer
//! then only says how it stands. So asking again changes nothing, and a rehearsal says what would be.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::admission::told_by_code;
use crate::domain::{
    AccountKey, Care, Device, Forward, Method, Outcome, RouteQuery, SelfCare, Spelled, StarCode,
    Step, Target,
};
use crate::registry::{CarePatch, Command, DevicePatch};

use super::Desk;

/// A star code that an account of ours has dialled.
struct Star<'a> {
    code: StarCode,
    dialled: Cow<'a, str>,
    account: AccountKey,
    device: Option<&'a Device>,
}

/// SIP code and sentence.
type Told = (u16, &'static str);

impl Desk {
    /// The change that a question asks for, if it is a star code and the change is allowed. It has
    /// to be written down before the question is given to the desk.
    #[must_use]
    pub fn change_dialled(&self, query: &RouteQuery) -> Option<Command> {
        let star = self.star(query)?;
        self.change_of(&star).ok()
    }

    /// What whoever has dialled a star code is told.
    pub(super) fn answer_code(&self, query: &RouteQuery, steps: &mut Vec<Step>) -> Option<Outcome> {
        let star = self.star(query)?;
        let device = star.device.map(|device| device.name.clone());
        steps.push(Step::StarCode { dialled: (&*star.dialled).into(), device });
        let (code, sentence) = match self.change_of(&star) {
            Ok(_) if query.unsaved => (500, "It was not saved in time, please try again"),
            Ok(_) => (480, done(star.code)),
            Err(told) => told,
        };
        Some(Outcome::Refuse(told_by_code(code, sentence)))
    }

    fn star<'a>(&'a self, query: &'a RouteQuery) -> Option<Star<'a>> {
        let codes = &self.settings.star_codes;
        if codes.is_empty() || query.method == Method::Message {
            return None;
        }
        let dialled = Spelled::read(&query.ruri).dialled();
        let (code, _) = codes.read(&dialled)?;
        let found = query.account.as_ref().and_then(|name| self.registry.find(name.as_str()));
        let account = self.caller(query, found).ok().flatten()?;
        Some(Star { code, dialled, account, device: self.calling_device(query, account) })
    }

    /// The device that calls: as the proxy says, else the one that stands in the From, else the
    /// only one.
    fn calling_device(&self, query: &RouteQuery, account: AccountKey) -> Option<&Device> {
        let devices = self.registry.devices(account);
        if let Some(name) = &query.device {
            return devices.iter().find(|device| device.name == *name);
        }
        let from = Spelled::read(&query.from_uri);
        let (number, address) = (from.number(&self.settings.numbering), from.address());
        let is_from = |device: &&Device| match &device.target {
            Target::Number(target) => number == Some(*target),
            Target::Uri(uri) | Target::Aor(uri) => {
                address.is_some() && Spelled::read(uri.as_str()).address() == address
            }
        };
        let mut calling = devices.iter().filter(is_from);
        match (calling.next(), calling.next(), devices) {
            (Some(device), None, _) => Some(device),
            (None, _, [only]) => Some(only),
            _ => None,
        }
    }

    fn change_of(&self, star: &Star<'_>) -> Result<Command, Told> {
        const NOT_ALLOWED: Told = (403, "Your account does not allow this");
        const WHICH: Told = (403, "It is not known which device this is");
        let mut line = self.registry.line(star.account);
        if line.any(|(_, account)| !account.enabled) {
            return Err((403, "Your account is disabled"));
        }
        let Some(account) = self.registry.account(star.account) else { return Err(NOT_ALLOWED) };
        let usual = Care::default();
        let care = self.registry.care(star.account).unwrap_or(&usual);
        let account = account.name.clone();
        let set = |patch| Ok(Command::CareSet { account: account.clone(), patch });
        let dnd = |dnd| match (care.may, star.device) {
            (SelfCare::Off, _) => Err(NOT_ALLOWED),
            (SelfCare::Dnd | SelfCare::All, None) => Err(WHICH),
            (SelfCare::Dnd | SelfCare::All, Some(device)) => {
                let patch = DevicePatch { dnd: Some(dnd), ..DevicePatch::default() };
                let (account, name) = (account.clone(), device.name.clone());
                Ok(Command::DeviceSet { account, name, patch })
            }
        };
        match star.code {
            StarCode::Dnd => dnd(true),
            StarCode::NoDnd => dnd(false),
            _ if care.may != SelfCare::All => Err(NOT_ALLOWED),
            StarCode::Here => {
                let device = star.device.ok_or(WHICH)?;
                set(CarePatch { here: Some(Some(device.name.clone())), ..CarePatch::default() })
            }
            StarCode::NotHere => set(CarePatch { here: Some(None), ..CarePatch::default() }),
            StarCode::NoForward(forward) => set(forwards(forward, None)),
            StarCode::Forward(forward) => {
                let to = self.forward_dialled(star, care)?;
                set(forwards(forward, Some(to)))
            }
        }
    }

    /// Where to somebody wants to forward.
    fn forward_dialled(&self, star: &Star<'_>, care: &Care) -> Result<Target, Told> {
        let digits = self.settings.star_codes.read(&star.dialled).map_or("", |(_, digits)| digits);
        if self.settings.emergency_numbers.iter().any(|number| number == digits) {
            return Err((403, "Your account does not allow that number"));
        }
        let to = match self.settings.numbering.number_of(digits) {
            Some(number) => Target::Number(number),
            None if digits.is_empty() => return Err((484, "The number has to follow the code")),
            None => return Err((484, "That is no number")),
        };
        if self.leads_back(&to, star.account, &[]) {
            return Err((403, "That is your own number"));
        }
        match self.may_forward(care, &to) {
            true => Ok(to),
            false => Err((403, "Your account does not allow that number")),
        }
    }
}

fn forwards(forward: Forward, to: Option<Target>) -> CarePatch {
    CarePatch { forwards: BTreeMap::from([(forward, to)]), ..CarePatch::default() }
}

fn done(code: StarCode) -> &'static str {
    match code {
        StarCode::Forward(Forward::All) => "All calls are forwarded",
        StarCode::Forward(Forward::Busy) => "Calls are forwarded when you are busy",
        StarCode::Forward(Forward::NoAnswer) => "Calls are forwarded when you do not answer",
        StarCode::Forward(Forward::Unreachable) => "Calls are forwarded when you are unreachable",
        StarCode::NoForward(Forward::All) => "Calls are not forwarded any more",
        StarCode::NoForward(Forward::Busy) => "Calls are not forwarded any more when you are busy",
        StarCode::NoForward(Forward::NoAnswer) => {
            "Calls are not forwarded any more when you do not answer"
        }
        StarCode::NoForward(Forward::Unreachable) => {
            "Calls are not forwarded any more when you are unreachable"
        }
        StarCode::Dnd => "Do not disturb is on",
        StarCode::NoDnd => "Do not disturb is off",
        StarCode::Here => "Calls ring here alone",
        StarCode::NotHere => "Calls do not ring here alone any more",
    }
}
