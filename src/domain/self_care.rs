//! Self care: what the people behind an account's devices may change themselves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{DeviceName, ForwardPlaces, StageCause, Target};

/// How much of their own list devices may change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SelfCare {
    /// Nothing.
    Off,
    /// Each whether it is to be disturbed, and nothing else: no call goes anywhere by that.
    #[default]
    Dnd,
    /// That, and where the account's calls go: forwards, and "ring me here".
    All,
}

impl SelfCare {
    /// The word that people and programs read.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Dnd => "dnd",
            Self::All => "all",
        }
    }
}

/// Which calls somebody has forwarded himself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forward {
    /// All, before anything rings.
    All,
    /// Those that meet a busy device.
    Busy,
    /// Those that nobody answers.
    NoAnswer,
    /// Those for which nothing can ring.
    Unreachable,
}

impl Forward {
    /// All of them, in the order in which they are asked.
    pub const ALL: [Self; 4] = [Self::All, Self::Busy, Self::NoAnswer, Self::Unreachable];

    /// The word that people and programs read.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Unreachable => "unreachable",
        }
    }

    /// What has to happen before; `None`: nothing.
    #[must_use]
    pub fn after(self) -> Option<StageCause> {
        match self {
            Self::All => None,
            Self::Busy => Some(StageCause::Busy),
            Self::NoAnswer => Some(StageCause::NoAnswer),
            Self::Unreachable => Some(StageCause::Unreachable),
        }
    }
}

/// Why what somebody has set himself is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CareSkip {
    /// The account does not allow it (any more).
    NotAllowed,
    /// Whoever is called by it calls himself.
    OwnCall,
    /// It depends on how what rings before has failed, and a switch without a proxy cannot wait
    /// for that: it reads its plan once.
    NoProxy,
}

/// SHA-256 of a device's token: the token itself is kept nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenHash(pub super::ContentId);

/// What an account allows its devices, and what they have made of it. Most accounts have none of
/// it, and carry no more than a pointer for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Care {
    /// How much devices may change.
    #[serde(default)]
    pub may: SelfCare,
    /// Where to they may forward; empty: nowhere.
    #[serde(default, skip_serializing_if = "ForwardPlaces::is_empty")]
    pub places: ForwardPlaces,
    /// What is forwarded, and where to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub forwards: BTreeMap<Forward, Target>,
    /// The device that rings alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub here: Option<DeviceName>,
    /// The devices that have a token.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tokens: BTreeMap<DeviceName, TokenHash>,
}

impl Care {
    /// Whether it says nothing that an account without it does not say.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// The same once a device is called otherwise, or is gone (`None`).
    #[must_use]
    pub fn renamed(&self, before: &DeviceName, name: Option<&DeviceName>) -> Self {
        let mut care = self.clone();
        if let Some(hash) = care.tokens.remove(before)
            && let Some(name) = name
        {
            care.tokens.insert(name.clone(), hash);
        }
        if care.here.as_ref() == Some(before) {
            care.here = name.cloned();
        }
        care
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ContentId, Number};

    #[test]
    fn what_is_usual_takes_no_words() {
        assert_eq!(serde_json::to_string(&Care::default()).unwrap(), r#"{"may":"dnd"}"#);
        assert_eq!(serde_json::from_str::<Care>("{}").unwrap(), Care::default());
        let number = Number::parse("+4917112345").unwrap();
        let care = Care {
            may: SelfCare::All,
            places: ForwardPlaces::parse("+49 @example.com").unwrap(),
            forwards: BTreeMap::from([(Forward::NoAnswer, Target::Number(number))]),
            here: DeviceName::parse("desk").ok(),
            tokens: BTreeMap::from([(
                DeviceName::parse("desk").unwrap(),
                TokenHash(ContentId([7; 32])),
            )]),
        };
        let text = serde_json::to_string(&care).unwrap();
        assert_eq!(serde_json::from_str::<Care>(&text).unwrap(), care, "{text}");
    }

    #[test]
    fn a_device_takes_its_own_along() {
        let name = |name| DeviceName::parse(name).unwrap();
        let hash = TokenHash(ContentId([7; 32]));
        let care = Care {
            here: Some(name("desk")),
            tokens: BTreeMap::from([(name("desk"), hash), (name("soft"), hash)]),
            ..Care::default()
        };
        let renamed = care.renamed(&name("desk"), Some(&name("table")));
        assert_eq!(renamed.here, Some(name("table")));
        assert_eq!(
            renamed.tokens.keys().cloned().collect::<Vec<_>>(),
            [name("soft"), name("table")]
        );
        let gone = care.renamed(&name("desk"), None);
        assert_eq!((gone.here, gone.tokens.len()), (None, 1));
        assert_eq!(care.renamed(&name("else"), None), care);
    }
}
