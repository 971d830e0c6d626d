//! Tags: short names by which operators and rules speak of several devices at once.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Error, Tag};

/// The most tags of one device.
pub const TAGS_MAX: usize = 8;

/// The tags of a device, in order of the alphabet, each once. They lie in one text, with a space
/// between; a device without any carries nothing but the place for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Option<Arc<str>>);

impl Tags {
    /// These tags; one that is named twice counts once.
    ///
    /// # Errors
    /// [`Error::Tags`] for more than [`TAGS_MAX`].
    pub fn new(tags: impl IntoIterator<Item = Tag>) -> Result<Self, Error> {
        let mut tags: Vec<Tag> = tags.into_iter().collect();
        tags.sort_unstable();
        tags.dedup();
        if tags.len() > TAGS_MAX {
            return Err(Error::Tags { given: tags.len(), max: TAGS_MAX });
        }
        let names: Vec<&str> = tags.iter().map(Tag::as_str).collect();
        Ok(Self((!names.is_empty()).then(|| names.join(" ").into())))
    }

    /// Reads what `Display` has written.
    ///
    /// # Errors
    /// [`Error::Name`] for one that is no name, [`Error::Tags`] for too many.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let tags: Result<Vec<Tag>, Error> = text.split_whitespace().map(Tag::parse).collect();
        Self::new(tags?)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.as_deref().unwrap_or_default().split_terminator(' ')
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether this is one of them.
    #[must_use]
    pub fn has(&self, tag: &str) -> bool {
        self.iter().any(|known| known == tag)
    }
}

impl fmt::Display for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or_default())
    }
}

impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::<Tag>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_in_order_and_once() {
        let tags = Tags::parse("work  mobile work").unwrap();
        assert_eq!(tags.to_string(), "mobile work");
        assert!(tags.has("work") && !tags.has("mob"));
        assert_eq!(serde_json::to_string(&tags).unwrap(), r#"["mobile","work"]"#);
        assert_eq!(serde_json::from_str::<Tags>(r#"["work","mobile"]"#).unwrap(), tags);
        assert!(Tags::parse(" ").unwrap().is_empty());
        assert_eq!(Tags::default().iter().count(), 0);
    }

    #[test]
    fn tags_have_bounds() {
        assert!(Tags::parse("a b c d e f g h").is_ok());
        assert!(Tags::parse("a b c d e f g h i").unwrap_err().to_string().contains("at most 8"));
        assert!(serde_json::from_str::<Tags>(r#"["a b"]"#).is_err());
        assert_eq!(size_of::<Tags>(), 2 * size_of::<usize>());
    }
}
