//! Star codes: what people dial to change something instead of calling somebody.

use std::sync::Arc;

use super::Forward;

/// What a star code does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StarCode {
    /// Calls are forwarded to the number that is dialled behind it.
    Forward(Forward),
    /// They are not forwarded any more.
    NoForward(Forward),
    /// The device is not to be disturbed.
    Dnd,
    /// It may be disturbed again.
    NoDnd,
    /// The device rings alone.
    Here,
    /// It does not any more.
    NotHere,
}

impl StarCode {
    /// Whether a number is dialled behind it.
    #[must_use]
    pub fn takes_number(self) -> bool {
        matches!(self, Self::Forward(_))
    }
}

/// The star codes that are in use. None begins another, so what is dialled is one of them at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StarCodes(Vec<(Arc<str>, StarCode)>);

/// What makes no set of star codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StarMistake {
    /// It is none: `*` or `#`, then at most seven of `0`-`9`, `*`, `#`, at least one a digit.
    Form(Arc<str>),
    /// The second begins with the first, or is the same.
    Begins(Arc<str>, Arc<str>),
}

impl StarCodes {
    /// These codes.
    ///
    /// # Errors
    /// The first mistake.
    pub fn new(codes: Vec<(Arc<str>, StarCode)>) -> Result<Self, StarMistake> {
        for (place, (code, _)) in codes.iter().enumerate() {
            let known = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'*' | b'#');
            let starred =
                code.starts_with(['*', '#']) && code.bytes().any(|byte| byte.is_ascii_digit());
            if !starred || code.len() > 8 || !code.bytes().all(known) {
                return Err(StarMistake::Form(Arc::clone(code)));
            }
            let others = codes.iter().enumerate().filter(|(other, _)| *other != place);
            for (_, (other, _)) in others {
                if other.starts_with(&**code) {
                    return Err(StarMistake::Begins(Arc::clone(code), Arc::clone(other)));
                }
            }
        }
        Ok(Self(codes))
    }

    /// Whether none is in use.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The code in what is dialled, and what is dialled behind it. A `#` at the end is how some
    /// phones say that this was all.
    #[must_use]
    pub fn read<'a>(&self, dialled: &'a str) -> Option<(StarCode, &'a str)> {
        if !dialled.starts_with(['*', '#']) {
            return None;
        }
        self.0.iter().find_map(|(code, does)| {
            let rest = dialled.strip_prefix(&**code)?;
            let rest = rest.strip_suffix('#').unwrap_or(rest);
            (does.takes_number() || rest.is_empty()).then_some((*does, rest))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(codes: &[(&str, StarCode)]) -> Result<StarCodes, StarMistake> {
        StarCodes::new(codes.iter().map(|(code, does)| ((*code).into(), *does)).collect())
    }

    #[test]
    fn what_is_dialled_is_one_code_at_most() {
        let codes = codes(&[
            ("*21*", StarCode::Forward(Forward::All)),
            ("#21#", StarCode::NoForward(Forward::All)),
            ("*26#", StarCode::Dnd),
        ]);
        let codes = codes.unwrap();
        for (dialled, read) in [
            ("*21*0171123", Some((StarCode::Forward(Forward::All), "0171123"))),
            ("*21*0171123#", Some((StarCode::Forward(Forward::All), "0171123"))),
            ("*21*", Some((StarCode::Forward(Forward::All), ""))),
            ("#21#", Some((StarCode::NoForward(Forward::All), ""))),
            ("#21##", Some((StarCode::NoForward(Forward::All), ""))),
            ("#21#5", None),
            ("*26#", Some((StarCode::Dnd, ""))),
            ("*26", None),
            ("21", None),
            ("", None),
        ] {
            assert_eq!(codes.read(dialled), read, "{dialled}");
        }
    }

    #[test]
    fn no_code_begins_another() {
        let (dnd, not) = (StarCode::Dnd, StarCode::NoDnd);
        assert!(codes(&[("*78", dnd), ("*79", not)]).is_ok());
        assert_eq!(
            codes(&[("*78", dnd), ("*7", not)]),
            Err(StarMistake::Begins("*7".into(), "*78".into()))
        );
        assert!(matches!(codes(&[("*78", dnd), ("*78", not)]), Err(StarMistake::Begins(..))));
        for bad in ["78", "*", "**", "*7a", "*12345678", "", "* 7"] {
            assert_eq!(codes(&[(bad, dnd)]), Err(StarMistake::Form(bad.into())), "{bad}");
        }
    }
}
