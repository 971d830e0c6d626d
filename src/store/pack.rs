//! Values in few bytes: what `why` keeps is written for every call and read for hardly any.
//!
//! A value describes itself, as JSON does, and comes back as JSON. Strings that stood there before
//! (names of fields, accounts, devices) are numbers: a decision of 1.5 KB of JSON becomes 400
//! bytes, and costs a fifth of the time.

use serde_json::{Map, Number, Value};

use super::pack_ser::Writing;

/// A small number: this and the number.
pub(super) const SMALL: u8 = 0x40;
/// The last small number, and one of the first strings.
pub(super) const SMALL_MAX: u64 = 0x3f;
/// One of the first 128 strings: this and its number.
pub(super) const WORD: u8 = 0x80;
pub(super) const WORD_MAX: u32 = 0x7f;

pub(super) const NULL: u8 = 0;
pub(super) const FALSE: u8 = 1;
pub(super) const TRUE: u8 = 2;
pub(super) const UNSIGNED: u8 = 3;
/// As `-1 - n`.
pub(super) const NEGATIVE: u8 = 4;
pub(super) const FLOAT: u8 = 5;
/// A string that has not been there yet: its length and its bytes.
pub(super) const NEW: u8 = 6;
/// A string by its number.
pub(super) const OLD: u8 = 7;
/// Values up to [`END`].
pub(super) const LIST: u8 = 8;
/// A string and a value, and so on up to [`END`].
pub(super) const MAP: u8 = 9;
pub(super) const END: u8 = 10;

/// How many strings are remembered; a power of two. One that meets another at its place takes it,
/// so that who chooses strings badly wins nothing but a longer row.
const PLACES: usize = 1 << 12;
/// How many names are remembered; a power of two.
const NAMES: usize = 1 << 9;

/// Values one after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Pack {
    pub(super) bytes: Vec<u8>,
    /// Where each string lies in `bytes`.
    strings: Vec<(u32, u32)>,
    /// By the hash of a string: its number and one; 0 for none.
    places: Vec<u32>,
    /// By the address of a name: its number.
    names: Vec<(&'static str, u32)>,
}

impl Pack {
    /// Adds a value, or nothing if it can't be said in JSON (a map with keys that are no strings).
    pub(super) fn add(&mut self, value: &impl serde::Serialize) -> Result<(), NoJson> {
        let before = (self.bytes.len(), self.strings.len());
        let added = value.serialize(Writing(self));
        if added.is_err() {
            self.bytes.truncate(before.0);
            self.strings.truncate(before.1);
            self.names.clear();
        }
        added
    }

    pub(super) fn unsigned(&mut self, number: u64) {
        match u8::try_from(number) {
            Ok(small) if number <= SMALL_MAX => self.bytes.push(SMALL | small),
            _ => {
                self.bytes.push(UNSIGNED);
                self.length(number);
            }
        }
    }

    /// Seven bits a byte, the lowest first.
    pub(super) fn length(&mut self, mut number: u64) {
        while number >= 0x80 {
            #[expect(clippy::cast_possible_truncation, reason = "seven bits of it")]
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        #[expect(clippy::cast_possible_truncation, reason = "below 128")]
        self.bytes.push(number as u8);
    }

    pub(super) fn string(&mut self, text: &str) {
        let _ = self.numbered(text);
    }

    /// A name that stands in the program: recognised by its address, most often.
    pub(super) fn name(&mut self, name: &'static str) {
        if self.names.is_empty() {
            self.names.resize(NAMES, ("", 0));
        }
        let address = name.as_ptr() as usize;
        let place = (address ^ address >> 7 ^ name.len()) % NAMES;
        let (known, number) = self.names[place];
        if std::ptr::eq(known, name) && !name.is_empty() {
            return self.word(number);
        }
        if let Some(number) = self.numbered(name) {
            self.names[place] = (name, number);
        }
    }

    /// Adds a string; gives the number by which it may be repeated, if it has one.
    fn numbered(&mut self, text: &str) -> Option<u32> {
        if self.places.is_empty() {
            self.places.resize(PLACES, 0);
        }
        let place = hash(text.as_bytes()) as usize % PLACES;
        if let Some(number) = self.places[place].checked_sub(1)
            && let Some((from, to)) = self.strings.get(number as usize)
            && self.bytes.get(*from as usize..*to as usize) == Some(text.as_bytes())
        {
            self.word(number);
            return Some(number);
        }
        self.bytes.push(NEW);
        self.length(text.len() as u64);
        let from = u32::try_from(self.bytes.len()).ok()?;
        self.bytes.extend_from_slice(text.as_bytes());
        let to = u32::try_from(self.bytes.len()).ok()?;
        let number = u32::try_from(self.strings.len()).ok()?;
        self.strings.push((from, to));
        self.places[place] = number + 1;
        Some(number)
    }

    fn word(&mut self, number: u32) {
        if number <= WORD_MAX {
            #[expect(clippy::cast_possible_truncation, reason = "below 128")]
            self.bytes.push(WORD | number as u8);
        } else {
            self.bytes.push(OLD);
            self.length(number.into());
        }
    }
}

/// The same on every machine and in every version: it is written down.
pub(super) fn hash(bytes: &[u8]) -> u32 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut sum = bytes.len() as u64;
    let mut eights = bytes.chunks_exact(8);
    for eight in &mut eights {
        let mut word = [0; 8];
        word.copy_from_slice(eight);
        sum = (sum ^ u64::from_le_bytes(word)).wrapping_mul(ODD).rotate_left(29);
    }
    let mut rest = 0;
    for byte in eights.remainder() {
        rest = rest << 8 | u64::from(*byte);
    }
    sum = (sum ^ rest).wrapping_mul(ODD);
    u32::try_from(sum >> 32).unwrap_or(0)
}

/// What can't be said in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this can't be said in JSON")]
pub(super) struct NoJson;

impl serde::ser::Error for NoJson {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Values out of bytes; `None` from the first one that makes no sense.
#[derive(Debug)]
pub(super) struct Unpack<'a> {
    bytes: &'a [u8],
    strings: Vec<&'a str>,
}

/// How deep lists and maps may lie in each other.
const DEPTH_MAX: usize = 64;

impl<'a> Unpack<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, strings: Vec::new() }
    }

    pub(super) fn next(&mut self) -> Option<Value> {
        let tag = self.byte()?;
        self.value(tag, 0)
    }

    fn value(&mut self, tag: u8, depth: usize) -> Option<Value> {
        Some(match tag {
            NULL => Value::Null,
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            SMALL..WORD => Value::from(tag & 0x3f),
            UNSIGNED => Value::from(self.length()?),
            NEGATIVE => Value::from(-1 - i64::try_from(self.length()?).ok()?),
            FLOAT => {
                let (eight, rest) = self.bytes.split_first_chunk()?;
                self.bytes = rest;
                Number::from_f64(f64::from_le_bytes(*eight)).map_or(Value::Null, Value::Number)
            }
            LIST | MAP if depth >= DEPTH_MAX => return None,
            LIST => {
                let mut list = Vec::new();
                loop {
                    match self.byte()? {
                        END => break Value::Array(list),
                        tag => list.push(self.value(tag, depth + 1)?),
                    }
                }
            }
            MAP => {
                let mut map = Map::new();
                loop {
                    match self.byte()? {
                        END => break Value::Object(map),
                        tag => {
                            let key = self.text(tag)?.to_owned();
                            let tag = self.byte()?;
                            map.insert(key, self.value(tag, depth + 1)?);
                        }
                    }
                }
            }
            tag => Value::from(self.text(tag)?),
        })
    }

    fn text(&mut self, tag: u8) -> Option<&'a str> {
        let number = match tag {
            WORD.. => u64::from(tag & 0x7f),
            OLD => self.length()?,
            NEW => {
                let length = usize::try_from(self.length()?).ok()?;
                let (text, rest) = self.bytes.split_at_checked(length)?;
                let text = std::str::from_utf8(text).ok()?;
                self.bytes = rest;
                self.strings.push(text);
                return Some(text);
            }
            _ => return None,
        };
        self.strings.get(usize::try_from(number).ok()?).copied()
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    fn length(&mut self) -> Option<u64> {
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
