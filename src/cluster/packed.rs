//! A row in the form in which it goes over the wire.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A row as it goes over the wire and lies in memory and on the disk. Written as bytes, in one piece:
/// byte by byte, reading a row would take longer than all else that is done with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Packed(Arc<[u8]>);

impl Deref for Packed {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<T: Into<Arc<[u8]>>> From<T> for Packed {
    fn from(bytes: T) -> Self {
        Self(bytes.into())
    }
}

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self)
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(Bytes)
    }
}

struct Bytes;

impl Visitor<'_> for Bytes {
    type Value = Packed;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Packed, E> {
        Ok(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_it_was_written() {
        for row in [&b""[..], b"a row", &[255; 300]] {
            let packed = Packed::from(row);
            let bytes = postcard::to_allocvec(&packed).unwrap();
            // Its length, and the row as it is.
            assert!(bytes.ends_with(row) && bytes.len() <= row.len() + 2);
            assert_eq!(postcard::from_bytes::<Packed>(&bytes), Ok(packed));
            assert!(postcard::from_bytes::<Packed>(&bytes[..bytes.len() - 1]).is_err());
        }
    }
}
