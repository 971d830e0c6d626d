//! Rules: what an account's owner has said about who rings, and when, as the program has it.
//!
//! Everything of one account lies in a few tables, and rules point into them by [`Run`]s: an
//! account with five rules weighs less than 1 KB (`benches/rules.rs`), and deciding reads memory that
//! lies together. `rules` makes them from text, `routing` follows them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{AccountName, Day, Few, Names, Number, RuleStage, Target, Zone};

/// The most rules of one account; a file with more is refused.
pub const RULES_MAX: usize = 200;
/// The longest that an order made by rules may ring, over all its stages, in seconds: whoever has
/// heard it ring for a quarter of an hour has hung up. A file whose stages say more is refused, and
/// what several rules add up to is cut there.
pub const ORDER_RING_S_MAX: u16 = 900;
/// The most zones that rules of one file name beside the file's own; a file with more is refused.
pub const RULE_ZONES_MAX: usize = 8;

/// What kind of communication is routed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Communication {
    /// A call without video.
    #[default]
    Call,
    /// A call whose offer carries video.
    Video,
    /// A text (SIP MESSAGE, RFC 3428).
    Text,
    /// A message was left, and somebody should be told.
    Message,
    /// A call was missed, and somebody should be told.
    Missed,
}

impl Communication {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Call, Self::Video, Self::Text, Self::Message, Self::Missed];

    /// The word in a rule file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Video => "video",
            Self::Text => "text",
            Self::Message => "message",
            Self::Missed => "missed",
        }
    }

    /// Whether something has happened that somebody may be told of: nothing rings for it.
    #[must_use]
    pub fn is_notice(self) -> bool {
        matches!(self, Self::Message | Self::Missed)
    }
}

/// Why the stage before has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageCause {
    /// 486 or 600.
    Busy,
    /// Nobody answered in time.
    NoAnswer,
    /// Nothing rang: 404, 408 before any ringing, 480.
    Unreachable,
    /// Somebody pressed the red button: 603.
    Declined,
}

impl StageCause {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Busy, Self::NoAnswer, Self::Unreachable, Self::Declined];

    /// The word in a rule file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Unreachable => "unreachable",
            Self::Declined => "declined",
        }
    }
}

/// Entries that lie together in one of the tables of [`Rules`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Run {
    /// The first.
    pub from: u16,
    /// How many.
    pub count: u16,
}

impl Run {
    /// The entries themselves; nothing where the table is shorter.
    #[must_use]
    pub fn of<T>(self, table: &[T]) -> &[T] {
        let from = usize::from(self.from);
        table.get(from..from + usize::from(self.count)).unwrap_or_default()
    }
}

/// All rules of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// In the order in which they are asked.
    pub rules: Box<[Rule]>,
    /// Their names, in the same order.
    pub names: Names,
    /// The zone of the file, if it names one; else the account's, else the installation's.
    pub zone: Option<Zone>,
    /// What devices have changed themselves has no say here.
    pub no_self_care: bool,
    /// The zones that single rules name.
    pub zones: Box<[Zone]>,
    /// Conditions, pointed at by rules.
    pub conditions: Box<[Condition]>,
    /// Pointed at by [`Condition::Hours`].
    pub windows: Box<[Window]>,
    /// Pointed at by [`Dates`], in order, without overlaps.
    pub spans: Box<[DaySpan]>,
    /// Pointed at by [`Dates`].
    pub yearly: Box<[Yearly]>,
    /// Pointed at by [`Who`], in order.
    pub numbers: Box<[Number]>,
    /// Pointed at by [`Who`].
    pub parties: Box<[Party]>,
    /// Pointed at by rules.
    pub stages: Box<[RuleStage]>,
    /// Places in `devices`, pointed at by stages and conditions.
    pub members: Box<[u16]>,
    /// After how many seconds devices of a stage join it, pointed at by stages.
    pub delays: Box<[u16]>,
    /// The devices and tags that rules name, as [`super::Member`] writes them.
    pub devices: Names,
    /// Where rules forward to.
    pub targets: Box<[Target]>,
    /// What refused callers are told, and names of greetings.
    pub texts: Box<[Arc<str>]>,
}

/// One rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Where it stands in its text, from 1.
    pub line: u32,
    /// Its own zone, as a place in [`Rules::zones`]; `None`: the file's.
    pub zone: Option<u8>,
    /// Whether the rules behind it are asked even if it matches.
    pub goes_on: bool,
    /// All of these must hold. Those about time stand first, hours before days.
    pub when: Run,
    /// None of these may hold; sorted in the same way.
    pub unless: Run,
    /// What rings.
    pub stages: Run,
    /// For which causes it rings ([`StageCause`]), if that is a matter of how what rang before
    /// has failed; empty if not. Such a rule does nothing but ring, and others are asked behind it.
    pub after: Few,
    /// What happens when nobody has answered.
    pub end: RuleEnd,
}

impl Rule {
    /// Whether it rings only as what rang before has failed. How it will is not known yet when the
    /// rule is asked.
    #[must_use]
    pub fn is_conditional(&self) -> bool {
        self.after != Few::default()
    }

    /// Whether it tells somebody (or says that nobody is told) and lets nobody ring.
    #[must_use]
    pub fn tells(&self, rules: &Rules) -> bool {
        self.stages.of(&rules.stages).first().is_some_and(|stage| stage.who.told().is_some())
    }
}

/// How the order of a rule ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RuleEnd {
    /// In the account's mailbox, if it has one.
    #[default]
    Open,
    /// In the account's mailbox, because the rule says so; without ringing if it has no stages.
    Mailbox {
        /// How it greets, as a place in [`Rules::texts`]; `None`: as usual.
        greeting: Option<u16>,
    },
    /// Never in a mailbox.
    NoMailbox,
    /// The call is refused, and nothing rings.
    Refuse {
        /// The SIP code, 400 to 699.
        code: u16,
        /// What the caller reads, as a place in [`Rules::texts`].
        reason: Option<u16>,
    },
}

/// One thing that is or is not so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The time of day is in one of these windows.
    Hours(Run),
    /// It is one of these days of the week, 0 for Monday.
    Days(Few),
    /// It is one of these days.
    Dates(Dates),
    /// It is one of these days, which the file calls holidays.
    Holidays(Dates),
    /// One of these calls.
    From(Who),
    /// One of these was dialled.
    To(Who),
    /// It is one of these kinds of [`Communication`].
    Kind(Few),
    /// At least so many calls of the account are up, this one not counted.
    Busy(u16),
    /// One of these devices can be reached.
    Registered(Run),
    /// One of these devices has answered a call that is up.
    InCall(Run),
    /// One of these devices is not to be disturbed.
    Dnd(Run),
    /// The caller wishes one of these ([`super::Wish`]).
    Wishes(Few),
}

impl Condition {
    /// The kinds of [`Communication`], if it is about these.
    #[must_use]
    pub fn kinds(&self) -> Option<Few> {
        if let Self::Kind(kinds) = self { Some(*kinds) } else { None }
    }

    /// Whether it is about the calendar: a window over midnight belongs to the day on which it
    /// began, and these are asked about that day.
    #[must_use]
    pub fn is_of_day(&self) -> bool {
        matches!(self, Self::Days(_) | Self::Dates(_) | Self::Holidays(_))
    }
}

/// A window of the day, in minutes since midnight. One that ends before it begins runs over
/// midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// The first minute, 0 to 1439.
    pub from: u16,
    /// The first minute that is no longer in it, 1 to 1440.
    pub to: u16,
}

/// Days of the calendar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dates {
    /// Once.
    pub spans: Run,
    /// Every year.
    pub yearly: Run,
}

/// From one day to another, both in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DaySpan {
    /// The first.
    pub from: Day,
    /// The last.
    pub to: Day,
}

/// Days that come back every year. One that ends before it begins runs over new year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Yearly {
    /// The first, as [`Day::in_year`] has it.
    pub from: u16,
    /// The last.
    pub to: u16,
    /// The first year in which it begins.
    pub first_year: u16,
    /// The last year in which it begins.
    pub last_year: u16,
}

/// People at the other end, or what was dialled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// Numbers, sorted.
    pub numbers: Run,
    /// All others.
    pub parties: Run,
}

/// Somebody, other than by one whole number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// Every number that begins with these digits.
    Prefix {
        /// The digits as a number.
        digits: u64,
        /// How many digits there are, 1 to 14.
        length: u8,
    },
    /// A SIP address, `user@host`.
    Address(Arc<str>),
    /// Every address at this host, in lower case.
    Host(Arc<str>),
    /// Whoever hides who he is (RFC 3323: `anonymous`, `anonymous.invalid`), or says nothing.
    Anonymous,
    /// An account of this installation.
    Account(AccountName),
}

/// Why a rule did not match, with the figure that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Miss {
    /// The condition, and what was found.
    #[serde(flatten)]
    pub found: Found,
    /// It holds, and the rule is for when it does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unless: bool,
}

/// What was found when a condition was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "condition", rename_all = "snake_case")]
pub enum Found {
    /// The time of day.
    Hours {
        /// Minutes since midnight.
        minute: u16,
    },
    /// The day of the week.
    Days {
        /// 0 for Monday.
        weekday: u8,
    },
    /// The day.
    Dates {
        /// Which.
        day: Day,
    },
    /// The day.
    Holidays {
        /// Which.
        day: Day,
    },
    /// The caller.
    From,
    /// What was dialled.
    To,
    /// The kind of communication.
    Kind {
        /// Which.
        kind: Communication,
    },
    /// How many calls of the account are up.
    Busy {
        /// So many.
        calls: u32,
    },
    /// Whether devices can be reached.
    Registered,
    /// Whether devices are in a call.
    InCall,
    /// Whether devices are not to be disturbed.
    Dnd,
    /// What the caller wishes.
    Wishes,
    /// Nothing rings before that could fail.
    After,
}
