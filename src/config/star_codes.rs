//! `[star_codes]`, checked.

use std::sync::Arc;

use crate::domain::{Forward, StarCode, StarCodes, StarMistake};
use crate::text::shorten;

use super::access::Check;

const SECTION: &str = "star_codes";
const CODES: [(&str, StarCode); 12] = [
    ("forward_all", StarCode::Forward(Forward::All)),
    ("no_forward_all", StarCode::NoForward(Forward::All)),
    ("forward_busy", StarCode::Forward(Forward::Busy)),
    ("no_forward_busy", StarCode::NoForward(Forward::Busy)),
    ("forward_no_answer", StarCode::Forward(Forward::NoAnswer)),
    ("no_forward_no_answer", StarCode::NoForward(Forward::NoAnswer)),
    ("forward_unreachable", StarCode::Forward(Forward::Unreachable)),
    ("no_forward_unreachable", StarCode::NoForward(Forward::Unreachable)),
    ("dnd", StarCode::Dnd),
    ("no_dnd", StarCode::NoDnd),
    ("here", StarCode::Here),
    ("not_here", StarCode::NotHere),
];

impl Check<'_> {
    pub(super) fn star_codes(&mut self) -> StarCodes {
        let mut good: Vec<(Arc<str>, StarCode)> = Vec::new();
        for (key, does) in CODES {
            let code = self.text(SECTION, key);
            if code.is_empty() {
                continue;
            }
            good.push((code.as_str().into(), does));
            if let Err(mistake) = StarCodes::new(good.clone()) {
                good.pop();
                let shown = shorten(&code);
                let (what, hint) = match mistake {
                    StarMistake::Form(_) => (
                        format!("{shown:?} is no star code"),
                        "write * or #, then digits, * and #, eight characters at most",
                    ),
                    StarMistake::Begins(one, other) if one == other => (
                        format!("{shown:?} does something else already"),
                        "each code does one thing",
                    ),
                    StarMistake::Begins(one, other) => (
                        format!("{other:?} begins with {one:?}"),
                        "what is dialled has to be one of them and not the other",
                    ),
                };
                self.wrong(SECTION, 0, key, what, Some(hint));
            }
        }
        StarCodes::new(good).unwrap_or_default()
    }
}
