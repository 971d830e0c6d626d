//! Many short names in one text: a text of its own for each would weigh more than the names.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Names that lie together in one text, one in a line; none of them has a line's end in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names(Arc<str>);

impl Default for Names {
    fn default() -> Self {
        Self("".into())
    }
}

impl Names {
    /// The same names in one text.
    pub fn of<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Self {
        let mut text = String::new();
        for name in names {
            text.push_str(name.as_ref());
            text.push('\n');
        }
        Self(text.into())
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split_terminator('\n')
    }

    /// The one at a place.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&str> {
        self.iter().nth(place)
    }

    /// All of them, in order, each to be kept without a copy.
    pub fn pieces(&self) -> impl Iterator<Item = Piece> {
        let mut to = 0;
        self.iter().map(move |name| {
            let from = to;
            to = from + name.len() + 1;
            Piece { text: Arc::clone(&self.0), from, length: name.len() }
        })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A part of a text that many share.
#[derive(Clone)]
pub struct Piece {
    text: Arc<str>,
    from: usize,
    length: usize,
}

impl Deref for Piece {
    type Target = str;

    fn deref(&self) -> &str {
        self.text.get(self.from..self.from + self.length).unwrap_or_default()
    }
}

impl From<&str> for Piece {
    fn from(text: &str) -> Self {
        Self { text: text.into(), from: 0, length: text.len() }
    }
}

impl PartialEq for Piece {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Piece {}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl Serialize for Piece {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Piece {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::from(&*text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_names() {
        let names = Names::of(["night", "", "große Runde"]);
        let pieces: Vec<Piece> = names.pieces().collect();
        assert_eq!(pieces, ["night", "", "große Runde"].map(Piece::from));
        assert!(names.iter().eq(pieces.iter().map(|piece| &**piece)));
        assert_eq!((names.get(2), names.get(3), names.len()), (Some("große Runde"), None, 3));
        assert_eq!((Names::default().len(), Names::default().pieces().count()), (0, 0));
        let written = serde_json::to_string(&pieces[2]).unwrap();
        assert_eq!(serde_json::from_str::<Piece>(&written).unwrap(), pieces[2]);
    }
}
