//! What rings in a stage of a rule, and in which order.

use serde::{Deserialize, Serialize};

use super::{Few, Run, StageCause};

/// Devices that ring together, or one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleStage {
    /// How long, in seconds; `None`: as long as the devices say.
    pub ring_s: Option<u16>,
    /// When its devices join, one entry for each member; empty: all at once.
    pub after: Run,
    /// The digit (`b'0'` to `b'9'`) that whoever answers has to press before he gets the call.
    pub confirm: Option<u8>,
    /// What rings.
    pub who: StageWho,
    /// Which devices are left out.
    pub skips: Skips,
}

/// Which devices a stage leaves out, beside those that can't be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skips {
    /// Those that have answered a call which is up.
    pub busy: bool,
}

/// In which order devices ring that ring one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// As they are written.
    #[default]
    Serial,
    /// Beginning with the one behind that with which such a stage began last.
    RoundRobin,
    /// Who has not answered for the longest time is the first.
    LeastRecent,
    /// Who answered last is the first.
    LastAnswered,
}

impl Turn {
    /// The word in a rule file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            Self::RoundRobin => "round_robin",
            Self::LeastRecent => "least_recent",
            Self::LastAnswered => "last_answered",
        }
    }
}

/// What rings in a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageWho {
    /// These devices together.
    Together(Run),
    /// These devices, each in a stage of its own, in this order.
    OneByOne(Run, Turn),
    /// All devices of the account together.
    All,
    /// The account's notification list, stage by stage.
    List,
    /// The call is forwarded: a place in [`super::Rules::targets`].
    Forward(u16),
    /// Nobody rings, these are told: places in [`super::Rules::members`] that
    /// [`super::Teller::unpack`] reads; nobody, if there are none.
    Told(Run),
}

impl StageWho {
    /// Who is told, if it is about telling and nobody rings.
    #[must_use]
    pub fn told(self) -> Option<Run> {
        if let Self::Told(run) = self { Some(run) } else { None }
    }
}

/// A stage that rings only as something has failed before. The proxy knows how, and leaves it out
/// otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    /// The causes for which it rings.
    pub causes: Vec<StageCause>,
    /// Stages of the same part ring, or do not, as what rang before the part has failed.
    pub part: u16,
}

impl After {
    /// The causes in a [`Few`]; `None` if there are none: it rings in any case.
    #[must_use]
    pub fn of(causes: Few, part: u16) -> Option<Self> {
        let named = StageCause::ALL.into_iter().filter(|cause| causes.has(*cause as u8));
        let causes: Vec<StageCause> = named.collect();
        (!causes.is_empty()).then_some(Self { causes, part })
    }

    /// The causes, as rules name them: `busy or declined`.
    #[must_use]
    pub fn words(&self) -> String {
        let words: Vec<&str> = self.causes.iter().map(|cause| cause.as_str()).collect();
        words.join(" or ")
    }
}
