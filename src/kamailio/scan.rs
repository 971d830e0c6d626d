//! The usual body, read in one go.
//!
//! Nearly all bodies are flat objects of plain ASCII strings, whole numbers and flags, each key
//! once: Kamailio's own configuration builds no others. They are read here in a fraction of the
//! steps. Whatever looks different in any way (an escape, a byte that is not ASCII, a key twice,
//! broken JSON) is not judged here but read again by serde, which has the right words for it.

use std::borrow::Cow;

use super::element::Raw;
use super::fields::Fields;

/// A number of this many digits fits into 64 bits.
const DIGITS_MAX: usize = 18;

/// The object of these fields that a body is, if it is one of the usual kind.
pub(super) fn object<'a, const N: usize>(
    body: &'a [u8],
    names: &'static [&'static str; N],
) -> Option<Fields<'a, N>> {
    let mut scan = Scan { body, text: std::str::from_utf8(body).ok()?, at: 0 };
    scan.space();
    let fields = scan.object(names)?;
    scan.space();
    (scan.at == body.len()).then_some(fields)
}

/// Gives `take` every object of the list that a body is. `None` if it is not a list of the usual
/// kind: what was taken is worth nothing then.
pub(super) fn list<'a, const N: usize>(
    body: &'a [u8],
    names: &'static [&'static str; N],
    mut take: impl FnMut(Fields<'a, N>),
) -> Option<()> {
    let mut scan = Scan { body, text: std::str::from_utf8(body).ok()?, at: 0 };
    scan.space();
    scan.expect(b'[')?;
    scan.space();
    if scan.peek()? == b']' {
        scan.at += 1;
    } else {
        loop {
            take(scan.object(names)?);
            if !scan.goes_on(b']')? {
                break;
            }
        }
    }
    scan.space();
    (scan.at == body.len()).then_some(())
}

struct Scan<'a> {
    body: &'a [u8],
    /// The same.
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn object<const N: usize>(
        &mut self,
        names: &'static [&'static str; N],
    ) -> Option<Fields<'a, N>> {
        self.expect(b'{')?;
        self.space();
        let (mut values, mut next) = ([const { None }; N], 0);
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(Fields::new(names, values, None));
        }
        loop {
            let key = self.text()?;
            self.space();
            self.expect(b':')?;
            self.space();
            let value = self.value()?;
            // They come in one order, most often.
            let place = match names.get(next) {
                Some(name) if *name == key => Some(next),
                _ => names.iter().position(|name| *name == key),
            };
            if let Some(place) = place {
                if values[place].is_some() {
                    return None;
                }
                values[place] = Some(value);
                next = place + 1;
            }
            if !self.goes_on(b'}')? {
                break;
            }
        }
        for value in &mut values {
            if matches!(value, Some(Raw::Null)) {
                *value = None;
            }
        }
        Some(Fields::new(names, values, None))
    }

    /// After an element: whether there is another one.
    fn goes_on(&mut self, end: u8) -> Option<bool> {
        self.space();
        let byte = self.peek()?;
        self.at += 1;
        if byte == end {
            return Some(false);
        }
        self.space();
        (byte == b',').then_some(true)
    }

    fn value(&mut self) -> Option<Raw<'a>> {
        Some(match self.peek()? {
            b'"' => Raw::Text(Cow::Borrowed(self.text()?)),
            b't' => self.word(b"true", Raw::Bool(true))?,
            b'f' => self.word(b"false", Raw::Bool(false))?,
            b'n' => self.word(b"null", Raw::Null)?,
            b'0'..=b'9' => Raw::Number(Some(self.number()?)),
            _ => return None,
        })
    }

    fn word(&mut self, word: &[u8], raw: Raw<'a>) -> Option<Raw<'a>> {
        if !self.body[self.at..].starts_with(word) {
            return None;
        }
        self.at += word.len();
        Some(raw)
    }

    /// A whole number; what follows it decides whether it was one.
    fn number(&mut self) -> Option<u64> {
        let (mut number, start) = (0, self.at);
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            if self.at - start >= DIGITS_MAX || (self.at > start && number == 0) {
                return None;
            }
            number = number * 10 + u64::from(digit - b'0');
            self.at += 1;
        }
        matches!(self.peek()?, b',' | b'}' | b' ' | b'\n').then_some(number)
    }

    fn text(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let start = self.at;
        self.at += plain(&self.body[start..]);
        let text = self.text.get(start..self.at);
        self.expect(b'"')?;
        text
    }

    fn expect(&mut self, wanted: u8) -> Option<()> {
        if self.peek()? != wanted {
            return None;
        }
        self.at += 1;
        Some(())
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }
}

/// How many bytes from the beginning stand for themselves in a JSON string of printable ASCII:
/// none is a quote, a backslash, a control character or above U+007E. Eight at a time.
pub(super) fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    // The lowest bit that is set in any of these belongs to the first byte that is meant; above
    // it a borrow may have set others.
    let below = |word: u64, byte: u64| word.wrapping_sub(ONES * byte) & !word & TOPS;
    let is = |word: u64, byte: u64| below(word ^ (ONES * byte), 1);
    let (eights, rest) = bytes.as_chunks::<8>();
    for (index, eight) in eights.iter().enumerate() {
        let word = u64::from_le_bytes(*eight);
        let odd = below(word, 0x20)
            | is(word, u64::from(b'"'))
            | is(word, u64::from(b'\\'))
            | is(word, 0x7f)
            | word & TOPS;
        if odd != 0 {
            return index * 8 + odd.trailing_zeros() as usize / 8;
        }
    }
    let odd = |byte: &u8| !matches!(byte, b' '..=b'~') || matches!(byte, b'"' | b'\\');
    eights.len() * 8 + rest.iter().position(odd).unwrap_or(rest.len())
}

/// Whether all bytes are printable ASCII. Looks at every byte: that is many at once.
pub(super) fn is_printable(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |all, byte| all & matches!(byte, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::element::{Element, ElementSeed, read_whole};
    use super::*;

    const NAMES: [&str; 3] = ["a", "bc", "def"];

    /// What serde makes of it, as text; `None` where it has something to say against it.
    fn slowly(body: &[u8]) -> Option<String> {
        match read_whole(body, ElementSeed(&NAMES)) {
            Ok(Element::Fields(fields)) => Some(format!("{fields:?}")),
            Ok(Element::Other(_)) | Err(_) => None,
        }
    }

    #[test]
    fn the_usual_is_read_here_and_the_rest_is_not() {
        for body in [
            r#"{}"#,
            r#" { "a" : "x" , "bc":12,"def":true } "#,
            "{\"def\":\"\",\n\t\"x\":null,\"a\":false,\"bc\":0}\r\n",
            r#"{"a":null,"bc":999999999999999999,"y":"long enough to be read by eights"}"#,
        ] {
            let quick = object(body.as_bytes(), &NAMES).map(|fields| format!("{fields:?}"));
            assert!(quick.is_some(), "{body}");
            assert_eq!(quick, slowly(body.as_bytes()), "{body}");
        }
        for body in [
            "",
            "{",
            "[]",
            "7",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a":1}x"#,
            r#"{,}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a":"\n"}"#,
            r#"{"a":"ä"}"#,
            "{\"a\":\"\t\"}",
            r#"{"a":01}"#,
            r#"{"a":-1}"#,
            r#"{"a":1.5}"#,
            r#"{"a":1e5}"#,
            r#"{"a":[1]}"#,
            r#"{"a":{}}"#,
            r#"{"a":truth}"#,
            r#"{"a":1234567890123456789}"#,
            r#"{"a":"x}"#,
            "{\"a\":\"\x7f\"}",
        ] {
            assert!(object(body.as_bytes(), &NAMES).is_none(), "{body}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn both_ways_of_reading_agree(parts in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "\"a\"", "\"bc\"", "\"x\"", ":", ",", "1", "0", "true", "null", "\"", "\\", " ",
            "\"abcdefghijklmnop\"", "[", "]", "-", ".", "é", "\"a\":1,", "\"def\":\"y\"", "\n",
        ]), 0..10)) {
            let inner = parts.concat();
            for body in [inner.clone(), format!("{{{inner}}}")] {
                if let Some(fields) = object(body.as_bytes(), &NAMES) {
                    prop_assert_eq!(Some(format!("{fields:?}")), slowly(body.as_bytes()));
                }
            }
            let mut count = 0;
            let body = format!("[{inner}]");
            if list(body.as_bytes(), &NAMES, |_| count += 1).is_some() {
                let all: Vec<serde_json::Value> = serde_json::from_str(&body).unwrap();
                prop_assert_eq!(all.len(), count);
            }
        }

        #[test]
        fn plain_is_what_it_says(bytes in prop::collection::vec(any::<u8>(), 0..40), ascii in "[ -~]{0,40}") {
            let odd = |byte: &u8| !(b' '..=b'~').contains(byte) || *byte == b'"' || *byte == b'\\';
            for bytes in [bytes.clone(), [ascii.as_bytes(), &bytes].concat()] {
                let wanted = bytes.iter().position(odd).unwrap_or(bytes.len());
                prop_assert_eq!(plain(&bytes), wanted);
                let printable = bytes.iter().all(|byte| (b' '..=b'~').contains(byte));
                prop_assert_eq!(is_printable(&bytes), printable);
            }
        }
    }
}
