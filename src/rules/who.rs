//! People: who calls, and what is dialled.

use crate::domain::{AccountName, Identifier, Number, Party};

use crate::text::shorten;

use super::country::calling_code;
use super::page::{Page, Value, Wrong};

/// At which end of a call somebody is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    From,
    To,
}

/// Some people.
#[derive(Clone, Debug, Default)]
pub(super) struct People {
    pub(super) numbers: Vec<Number>,
    pub(super) parties: Vec<Party>,
}

/// One of them.
pub(super) enum One {
    Number(Number),
    Party(Party),
}

impl People {
    pub(super) fn add(&mut self, one: Option<One>) {
        match one {
            Some(One::Number(number)) => self.numbers.push(number),
            Some(One::Party(party)) => self.parties.push(party),
            None => {}
        }
    }

    pub(super) fn join(&mut self, others: Self) {
        self.numbers.extend(others.numbers);
        self.parties.extend(others.parties);
    }

    /// Each once; numbers in order, because they are looked for by halves.
    pub(super) fn sorted(mut self) -> (Vec<Number>, Vec<Party>) {
        self.numbers.sort_unstable();
        self.numbers.dedup();
        self.parties.sort_unstable();
        self.parties.dedup();
        (self.numbers, self.parties)
    }
}

impl Page<'_> {
    /// One list below `[callers]`.
    pub(super) fn people_named(&mut self, name: String, key: &str, value: &Value<'_>) {
        let mut people = People::default();
        for (text, at) in self.texts(key, value) {
            if text.starts_with("list:") {
                let hint = "name both lists where they are used";
                self.wrong(&at, key, "a list of callers holds no other list", Some(hint));
                continue;
            }
            let one = self.take(&at, key, read(&text, Side::From));
            people.add(one);
        }
        self.callers.insert(name, people);
    }
}

/// Reads what somebody wrote for one caller or many: `+4930123`, `+49*`, `country:DE`,
/// `alice@example.com`, `*@example.com`, `anonymous`, `account:bob`.
pub(super) fn read(text: &str, side: Side) -> Result<One, Wrong> {
    let text = text.trim();
    let wrong = || {
        let what = format!("\"{}\" is nobody", shorten(text));
        let hint = match side {
            Side::From => {
                "write +4930123, +49*, country:DE, user@host, *@host, anonymous, account:NAME or list:NAME"
            }
            Side::To => "write +4930123, +49*, user@host or *@host",
        };
        (what, Some(hint.to_owned()))
    };
    if let Some(host) = text.strip_prefix("*@") {
        let host = host.to_ascii_lowercase();
        let plain = host.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>@*;".contains(&byte));
        return if plain && !host.is_empty() {
            Ok(One::Party(Party::Host(host.into())))
        } else {
            Err(wrong())
        };
    }
    if let Some(prefix) = text.strip_suffix('*') {
        return prefix_of(prefix).ok_or_else(wrong);
    }
    if side == Side::From {
        if text.eq_ignore_ascii_case("anonymous") {
            return Ok(One::Party(Party::Anonymous));
        }
        if let Some(name) = text.strip_prefix("account:") {
            let name = AccountName::parse(name).map_err(|error| (error.to_string(), None))?;
            return Ok(One::Party(Party::Account(name)));
        }
        if let Some(country) = text.strip_prefix("country:") {
            return prefix_of(calling_code(country)?).ok_or_else(wrong);
        }
    }
    match Identifier::parse(text) {
        Ok(Identifier::Number(number)) => Ok(One::Number(number)),
        Ok(Identifier::Address(address)) => Ok(One::Party(Party::Address(address))),
        Err(_) => Err(wrong()),
    }
}

/// `+49 30`, as a prefix.
fn prefix_of(text: &str) -> Option<One> {
    let plain: String = text.chars().filter(|one| !" -.()/".contains(*one)).collect();
    let digits = plain.strip_prefix('+')?;
    let fits = (1..=14).contains(&digits.len()) && !digits.starts_with('0');
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?;
    let length = u8::try_from(digits.len()).ok()?;
    number.filter(|_| fits).map(|digits| One::Party(Party::Prefix { digits, length }))
}
