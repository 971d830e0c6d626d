//! What rules name when something should ring: a device, or all devices that have a tag.

use std::fmt;

use super::{DeviceName, Error, Tag};

/// One device, or all that have a tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    /// This one.
    Device(DeviceName),
    /// All of the account that have this tag when a call comes in.
    Tag(Tag),
}

impl Member {
    /// What stands before the name of a tag. No device has a colon in its name.
    pub const TAG: &str = "tag:";

    /// Reads what `Display` writes: `desk`, `tag:work`.
    ///
    /// # Errors
    /// [`Error::Name`] for what is no name.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text.strip_prefix(Self::TAG) {
            Some(tag) => Tag::parse(tag).map(Self::Tag),
            None => DeviceName::parse(text).map(Self::Device),
        }
    }

    /// The device, if it is one.
    #[must_use]
    pub fn device(&self) -> Option<&DeviceName> {
        match self {
            Self::Device(name) => Some(name),
            Self::Tag(_) => None,
        }
    }

    /// The tag, if it is one.
    #[must_use]
    pub fn tag(&self) -> Option<&Tag> {
        match self {
            Self::Device(_) => None,
            Self::Tag(tag) => Some(tag),
        }
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(name) => name.fmt(f),
            Self::Tag(tag) => write!(f, "{}{tag}", Self::TAG),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_as_they_are_written() {
        for text in ["desk", "tag:work", "tag:a.b-c_1"] {
            assert_eq!(Member::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "tag:", "tag:a b", "tags:work", "tag:tag:work", "group:all"] {
            assert!(Member::parse(text).is_err(), "{text}");
        }
        assert_eq!(Member::parse("tag:work").unwrap().device(), None);
    }
}
