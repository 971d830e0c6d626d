//! One JSON object of known fields, read without copying and without trust.
//!
//! serde's own derive would say "invalid type: integer" without naming the field, and would let
//! the second of two equal keys win. Kamailio 5.6.3 builds JSON by concatenation, so a second key
//! is how a caller would smuggle one in.

use base64::Engine as _;

use super::Error;
use super::base64url::BASE64URL;
use super::element::Raw;
use super::scan::is_printable;

/// The values of an object in the order of `names`; unknown keys are left out, `null` is missing.
#[derive(Debug)]
pub(super) struct Fields<'a, const N: usize> {
    names: &'static [&'static str; N],
    values: [Option<Raw<'a>>; N],
    twice: Option<usize>,
    base64: bool,
    scratch: Vec<u8>,
}

impl<'a, const N: usize> Fields<'a, N> {
    /// The `values` of `names`; `twice` is the number of one that stood there twice.
    pub(super) fn new(
        names: &'static [&'static str; N],
        values: [Option<Raw<'a>>; N],
        twice: Option<usize>,
    ) -> Self {
        Self { names, values, twice, base64: false, scratch: Vec::new() }
    }

    /// Looks at what must be known before the first value is read: a field that stands there
    /// twice, and the encoding, whose field has number `enc`.
    pub(super) fn open(&mut self, enc: usize) -> Result<(), Error> {
        if let Some(index) = self.twice {
            return Err(Error::Twice { field: self.names[index] });
        }
        self.base64 = match self.text(enc)? {
            None | Some("") => false,
            Some("b64u") => true,
            Some(_) => return Err(Error::Encoding),
        };
        Ok(())
    }

    /// The text of a field as it came, not decoded.
    fn text(&self, index: usize) -> Result<Option<&str>, Error> {
        match &self.values[index] {
            None => Ok(None),
            Some(Raw::Text(text)) => Ok(Some(text)),
            Some(raw) => Err(self.wrong_type(index, "a string", raw)),
        }
    }

    fn wrong_type(&self, index: usize, wanted: &'static str, raw: &Raw<'a>) -> Error {
        Error::Type { field: self.names[index], wanted, found: raw.found() }
    }

    /// The decoded bytes of a field, at most `bytes_max`; empty if it is missing.
    fn bytes(&mut self, index: usize, bytes_max: usize) -> Result<&[u8], Error> {
        let field = self.names[index];
        let text = match &self.values[index] {
            None => return Ok(&[]),
            Some(Raw::Text(text)) => text.as_bytes(),
            Some(raw) => return Err(self.wrong_type(index, "a string", raw)),
        };
        let bytes = if self.base64 {
            if text.len() > bytes_max.div_ceil(3) * 4 {
                return Err(Error::TooLong { field, bytes_max });
            }
            self.scratch.clear();
            BASE64URL
                .decode_vec(text, &mut self.scratch)
                .map_err(|_| Error::Form { field, wanted: "base64url, as enc says" })?;
            self.scratch.as_slice()
        } else {
            text
        };
        if bytes.len() > bytes_max { Err(Error::TooLong { field, bytes_max }) } else { Ok(bytes) }
    }

    /// A field that identifies or addresses something: decoded, bounded, without control
    /// characters; empty if it is missing.
    pub(super) fn plain(&mut self, index: usize, bytes_max: usize) -> Result<&str, Error> {
        let field = self.names[index];
        let bytes = self.bytes(index, bytes_max)?;
        let text = std::str::from_utf8(bytes).map_err(|_| Error::Utf8 { field })?;
        if !is_printable(bytes) && text.chars().any(char::is_control) {
            Err(Error::Control { field })
        } else {
            Ok(text)
        }
    }

    /// As [`Self::plain`], and it must be there.
    pub(super) fn required(&mut self, index: usize, bytes_max: usize) -> Result<&str, Error> {
        let field = self.names[index];
        if self.values[index].is_none() {
            return Err(Error::Missing { field });
        }
        let text = self.plain(index, bytes_max)?;
        if text.is_empty() { Err(Error::Empty { field }) } else { Ok(text) }
    }

    /// A decoration: decoded as far as it can be, cleaned of control characters and cut; what
    /// can't be read at all is empty. Only a wrong type is an error.
    pub(super) fn decoration(&mut self, index: usize, bytes_max: usize) -> Result<String, Error> {
        const READ_MAX: usize = 1 << 20;
        let text = match self.bytes(index, READ_MAX) {
            Ok(bytes) if bytes.len() <= bytes_max && is_printable(bytes) => {
                return Ok(String::from_utf8_lossy(bytes).into_owned());
            }
            Ok(bytes) => String::from_utf8_lossy(bytes),
            Err(error @ Error::Type { .. }) => return Err(error),
            Err(_) => return Ok(String::new()),
        };
        let mut clean = String::with_capacity(text.len().min(bytes_max));
        for character in text.chars().filter(|character| !character.is_control()) {
            if clean.len() + character.len_utf8() > bytes_max {
                break;
            }
            clean.push(character);
        }
        Ok(clean)
    }

    /// A field of a small fixed form, plain or encoded whatever `enc` says; `None` if it is
    /// missing, empty or a `<null>` of Kamailio's.
    pub(super) fn formed<T>(
        &mut self,
        index: usize,
        wanted: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        const BYTES_MAX: usize = 256;
        let Some(text) = self.text(index)? else { return Ok(None) };
        if is_nothing(text) {
            return Ok(None);
        }
        if let Some(value) = read(text) {
            return Ok(Some(value));
        }
        let wrong = Error::Form { field: self.names[index], wanted };
        if !self.base64 {
            return Err(wrong);
        }
        match self.plain(index, BYTES_MAX) {
            Ok(text) if is_nothing(text) => Ok(None),
            Ok(text) => read(text).map(Some).ok_or(wrong),
            Err(_) => Err(wrong),
        }
    }

    /// `true` or `false`; `None` if it is missing.
    pub(super) fn flag(&self, index: usize) -> Result<Option<bool>, Error> {
        match &self.values[index] {
            None => Ok(None),
            Some(Raw::Bool(flag)) => Ok(Some(*flag)),
            Some(raw) => Err(self.wrong_type(index, "true or false", raw)),
        }
    }

    /// A whole number, bare or as a string of digits; `None` if it is missing or unusable.
    pub(super) fn number(&mut self, index: usize) -> Result<Option<u64>, Error> {
        match &self.values[index] {
            None => Ok(None),
            Some(Raw::Number(number)) => Ok(*number),
            Some(Raw::Text(_)) => {
                let read = |text: &str| text.parse::<u64>().ok();
                Ok(self.formed(index, "a number", read).ok().flatten())
            }
            Some(raw) => Err(self.wrong_type(index, "a number", raw)),
        }
    }
}

/// How Kamailio prints what it has no value for.
fn is_nothing(text: &str) -> bool {
    text.split(':').all(|part| part.is_empty() || part == "<null>")
}

/// Two numbers with a colon between, as Kamailio names transactions and dialogs.
pub(super) fn pair(text: &str) -> Option<(u32, u32)> {
    let (first, second) = text.split_once(':')?;
    Some((first.parse().ok()?, second.parse().ok()?))
}
