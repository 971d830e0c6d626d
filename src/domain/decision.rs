//! What is decided about a call, and from which figures.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    AccountName, After, CallRef, CareSkip, Cause, DeviceName, Forward, Identifier, Local, Miss,
    Piece, PoolKind, Refusal, ToldStep, Turn, Wake, Wish, Zone,
};

/// One decision, complete in itself: it can be shown long after the accounts and devices in it
/// were renamed or removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Our number of the call; `None` for a refusal, a text, a dry run.
    pub call: Option<CallRef>,
    /// The SIP Call-ID.
    pub call_id: Arc<str>,
    /// When it was decided, milliseconds since 1970.
    pub at_ms: i64,
    /// Who called, as the From URI says.
    pub from_uri: Arc<str>,
    /// What was dialled.
    pub ruri: Arc<str>,
    /// What was decided.
    pub outcome: Outcome,
    /// How it came about, in the order in which it was looked at.
    pub steps: Vec<Step>,
}

impl Decision {
    /// Whether it lets an emergency call through: the proxy is told so, since it may not know the
    /// number as one.
    #[must_use]
    pub fn is_emergency(&self) -> bool {
        matches!(self.steps.first(), Some(Step::Emergency { .. }))
    }
}

/// What the proxy is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum Outcome {
    /// Ring these devices. Shared: what is kept to be said again costs no copy.
    Fork(Arc<ForkOrder>),
    /// Not ours to route: let it go on.
    Pass {
        /// Header lines to add, each ending in CR LF; may be empty.
        headers: Arc<str>,
    },
    /// Refuse it.
    Refuse(Refusal),
}

/// Which devices ring, in what order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForkOrder {
    /// One after the other; the devices of one stage ring together.
    pub stages: Vec<Stage>,
}

/// Devices that ring together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// How long, in seconds.
    pub ring_s: u16,
    /// At least one.
    pub branches: Vec<Branch>,
    /// It takes messages: the proxy tells it by `cause` (RFC 4458) why the call has come, and a
    /// call that was declined for all branches comes here, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mailbox: bool,
    /// When it rings; `None`: in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<After>,
}

/// One device that rings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    /// Its name.
    pub device: DeviceName,
    /// How long after the beginning of its stage it joins, in seconds; 0: it rings at once. It
    /// joins only while the stage rings.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub after_s: u16,
    /// The request-URI.
    pub uri: Arc<str>,
    /// Where to send it, if elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dst_uri: Option<Arc<str>>,
    /// The Path vector as registered (RFC 3327).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<Arc<str>>,
    /// Header lines for this branch alone, each ending in CR LF.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<Arc<str>>,
    /// Its device sleeps: it rings from when it has registered. `uri` is its address of record, or
    /// whoever is called in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake: Option<Box<Wake>>,
}

impl Stage {
    /// How long it may last, in seconds: who is woken rings as long as it from then on.
    #[must_use]
    pub fn longest_s(&self) -> u32 {
        longest_s(self.ring_s, &self.branches)
    }
}

/// How long a stage of these branches may last that rings so long, in seconds.
pub(crate) fn longest_s<'a>(ring_s: u16, branches: impl IntoIterator<Item = &'a Branch>) -> u32 {
    let wakes = branches.into_iter().filter_map(|branch| branch.wake.as_deref());
    let ring_s = u32::from(ring_s);
    let last = wakes.map(|wake| ring_s.max(wake.wait_s.into()) + ring_s).max();
    last.unwrap_or(ring_s)
}

fn is_zero(seconds: &u16) -> bool {
    *seconds == 0
}

impl Branch {
    /// The header line by which a branch says that whoever answers has to press a key.
    pub const CONFIRM: &str = "X-Hallporter-Confirm";
    /// The header line that says where the device is, of a branch that goes through a switch.
    pub const DEVICE: &str = "X-Hallporter-Device";
    /// The header line that says that the device is reached through the proxy alone.
    pub const WAY: &str = "X-Hallporter-Way";

    /// The value of a header line of its own.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.headers.as_deref()?.split("\r\n");
        let mut lines = lines.filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// The digit that whoever answers has to press before he gets the call, if he has to.
    #[must_use]
    pub fn confirm(&self) -> Option<char> {
        let key = self.header(Self::CONFIRM)?;
        key.chars().next().filter(|digit| digit.is_ascii_digit() && key.len() == 1)
    }
}

/// Which end of a call an account stands at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The caller's account.
    From,
    /// The called one.
    To,
}

/// One thing that was looked at on the way to a decision, with the figures as they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// An emergency number was dialled; nothing else was looked at before.
    Emergency {
        /// The digits, as the list has them.
        number: Arc<str>,
    },
    /// The same question had been asked before, and the same answer was given.
    Repeated,
    /// Who calls.
    Caller {
        /// The account, if the call counts for one.
        account: Option<AccountName>,
        /// Whether the proxy had authenticated it (else the From was trusted, or a stranger calls).
        authenticated: bool,
    },
    /// Who is called.
    Callee {
        /// What was recognised in the request-URI, if anything.
        identifier: Option<Identifier>,
        /// The account it leads to.
        account: Option<AccountName>,
    },
    /// An account (or one above it) is disabled.
    Disabled {
        /// Which.
        account: AccountName,
        /// At which end.
        side: Side,
    },
    /// A cap was asked.
    Cap {
        /// Whose.
        account: AccountName,
        /// At which end of the call.
        side: Side,
        /// Which of its caps.
        kind: PoolKind,
        /// Live calls before this one.
        used: u32,
        /// The limit; `None` for none.
        cap: Option<u32>,
        /// Whether there was room.
        room: Room,
    },
    /// A device of the notification list was looked at.
    Device {
        /// Which.
        device: DeviceName,
        /// Its stage.
        stage: u8,
        /// How long after the beginning of its stage it joins, in seconds.
        #[serde(default, skip_serializing_if = "is_zero")]
        after_s: u16,
        /// Why it does not ring; `None`: it does.
        skip: Option<DeviceSkip>,
    },
    /// A device of the order sleeps until a push wakes it.
    Wake {
        /// Which.
        device: DeviceName,
        /// Whether it is asked to wake; else it rings where it is registered, or not at all.
        asked: bool,
    },
    /// Rules were asked, and this is what a clock on the wall showed.
    Moment {
        /// Where it hangs.
        zone: Zone,
        /// What it showed.
        local: Local,
    },
    /// A rule of the called account was asked.
    Rule {
        /// Its name, or its place.
        name: Piece,
        /// Where it stands in the file, from 1.
        line: u32,
        /// Why it did not match; `None`: it did.
        missed: Option<Miss>,
    },
    /// A stage rings its devices one after the other, in an order that depends on what was.
    Turn {
        /// In which order.
        order: Turn,
        /// With which device it begins.
        device: DeviceName,
    },
    /// A rule rings when what rang before has failed in some way, and nothing rings before.
    NothingBefore {
        /// Its name, or its place.
        name: Piece,
    },
    /// A rule names a tag, and no device of the account has it.
    Untagged {
        /// Which.
        tag: Arc<str>,
        /// The stage in which its devices would ring.
        stage: u8,
    },
    /// A wish of the caller is carried out.
    Wish {
        /// Which.
        wish: Wish,
    },
    /// No rule had the last word: the notification list rings.
    NoRule,
    /// The called account made an emergency call a short time ago, and nobody would ring: the
    /// notification list rings, whatever rules and devices say.
    Grace,
    /// A rule tells somebody, and nobody rings.
    Told(ToldStep),
    /// No rule had the last word about a message left or a missed call.
    NoneTells,
    /// A rule forwards the call.
    Forward {
        /// Where to.
        to: Arc<str>,
        /// The stage in which it is.
        stage: u8,
        /// Why it is not done; `None`: it is.
        skip: Option<DeviceSkip>,
    },
    /// What rules have put behind here is left out: the order would ring too long.
    OrderLong {
        /// How long an order may ring, in seconds.
        ring_s_max: u16,
    },
    /// A star code was dialled.
    StarCode {
        /// Which, and what stood behind it.
        dialled: Arc<str>,
        /// The device that dialled it, if it is known.
        device: Option<DeviceName>,
    },
    /// Somebody at the called account has set something himself.
    SelfCare {
        /// Which forward; `None`: one device rings alone.
        forward: Option<Forward>,
        /// Where to, or which device.
        to: Arc<str>,
        /// Why it is not done; `None`: it is.
        skip: Option<CareSkip>,
    },
    /// The called account has a mailbox.
    Mailbox {
        /// Which.
        mailbox: super::MailboxName,
        /// The switch that would take the message; `None`: none is configured.
        switch: Option<Arc<str>>,
        /// Why the call goes there at once, if it does.
        cause: Option<Cause>,
        /// The greeting that a rule has chosen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        greeting: Option<super::Greeting>,
    },
    /// The caller leaves, or is left, a message: it is managed first.
    CallBack {
        /// The deposit.
        message: super::MessageId,
        /// What is done about it.
        policy: super::CallbackPolicy,
    },
    /// The rest of the list was not looked at: the order had reached its limit.
    OrderFull {
        /// How many branches a plan may have.
        branches_max: usize,
    },
}

/// What a cap said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Room {
    /// There was room.
    Yes,
    /// At the cap.
    Full,
    /// Rights are not vouched for yet after a start (policy `strict`).
    Frozen,
    /// Admitted without asking: an emergency, or a call to somebody who made one a short time ago.
    Forced,
    /// The nodes that have the rights could not be reached; admitted beyond them, within the bound
    /// that the account's policy `available` allows.
    Overdraft,
    /// The nodes that have the rights could not be reached.
    Unreachable,
    /// Other nodes have the rights. A call asks them for one; a question that is not meant does not.
    Elsewhere,
}

/// Why a device does not ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceSkip {
    /// It is disabled.
    Disabled,
    /// Whoever uses it does not want to be disturbed.
    Dnd,
    /// It leads back to an account that this call has passed already.
    Loop,
    /// A rule names it, and the account has no such device (any more).
    Missing,
    /// It is in a call, and the stage leaves such devices out.
    InCall,
    /// It is registered nowhere.
    NotRegistered,
    /// It is a telephone number, and no gateway is configured.
    NoGateway,
    /// The stage has its full number of branches already.
    StageFull,
    /// Whoever answers it has to press a key, and no switch is configured that could ask him.
    NoSwitch,
    /// It is a telephone number, and nobody writes to one.
    NoText,
    /// A FreeSWITCH would dial it, and can't: its address has characters that mean something there.
    NotDialled,
    /// It rings as something has failed, and a FreeSWITCH without a proxy can't wait for that.
    NoWaiting,
}
