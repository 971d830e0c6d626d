//! What was written for other systems, as rules: CPL (RFC 3880), ring groups and follow-me of
//! FusionPBX.
//!
//! Pure: texts in, texts out. A text that comes out is read by [`crate::rules`] without a mistake,
//! whatever goes in. What the language of rules cannot say is in a list, each entry with its place
//! in the source and what to do; nothing is left out in silence. `docs/import.md` has the
//! correspondences.

mod cpl;
mod fusionpbx;
mod sheet;
mod write;

use std::fmt;

use serde::Serialize;

use crate::domain::{AccountName, Day, DeviceName, SipUri};
use crate::rules::{Mistake, RuleFile};

pub use cpl::read_cpl;
pub use fusionpbx::{Export, FILES_MAX, Imports, read_fusionpbx};

/// The largest source, in bytes; a larger one is refused unread.
pub const SOURCE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What an operator says beside the source.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The account that the rules are for.
    pub account: Option<AccountName>,
    /// Where the account's phones register, for what CPL calls the registration.
    pub aor: Option<SipUri>,
    /// The host of the extensions, where the source does not say.
    pub domain: Option<String>,
    /// Today: a period that began before it is not asked since when.
    pub today: Option<Day>,
    /// Addresses that take messages, beside those that look like it.
    pub voicemail: Vec<SipUri>,
}

/// A text of rules, and what has to be known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// The account, as far as it is known.
    pub account: String,
    /// What it was in the source, such as `ring group 600 (Sales)`.
    pub source: String,
    /// The number of the group or the extension in the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The text of rules.
    pub text: String,
    /// The devices that it names.
    pub devices: Vec<NewDevice>,
    /// What could not be carried over, in the order of the source.
    pub not_carried: Vec<NotCarried>,
}

/// A device that has to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewDevice {
    /// Its name in the rules.
    pub name: DeviceName,
    /// How it is reached: `uri`, `aor` or `number`.
    pub reached_by: &'static str,
    /// Where.
    pub target: String,
    /// How long it rings, if the source says.
    pub ring_s: Option<u16>,
    /// The command that makes it.
    pub command: String,
}

/// Something that the rules do not say, or not just so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NotCarried {
    /// The file, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What it is.
    pub what: String,
    /// What the rules do instead, and what to do about it.
    pub instead: String,
}

impl fmt::Display for NotCarried {
    /// `line 12, column 5: string-switch: … (…)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}, ")?;
        }
        write!(f, "line {}, column {}: {}: {}", self.line, self.column, self.what, self.instead)
    }
}

/// Why nothing came out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The source is not what it should be.
    #[error("{}", listed(.0))]
    Source(Vec<Fault>),
    /// It comes to more than one account's rules can hold.
    #[error(
        "it comes to more than one account's rules can hold ({0}): divide it, or carry the most important part over by hand"
    )]
    TooMuch(&'static str),
    /// What was made of it is not read as rules, which is a mistake of this program.
    #[error("what was made of it can't be read as rules, please report this: {}", crate::rules::listed(.0))]
    Own(Vec<Mistake>),
}

/// One thing that makes a source unusable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, where there are several.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: usize,
    /// The character in it, from 1.
    pub column: usize,
    /// What is wrong, and what to do.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}, ")?;
        }
        write!(f, "line {}, column {}: {}", self.line, self.column, self.what)
    }
}

fn listed(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// A place in a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    line: usize,
    column: usize,
}

/// What is not carried over, each thing once.
#[derive(Clone, Debug, Default)]
struct List {
    file: Option<String>,
    entries: Vec<NotCarried>,
}

impl List {
    fn add(&mut self, at: Place, what: impl Into<String>, instead: impl Into<String>) {
        let (file, what, instead) = (self.file.clone(), what.into(), instead.into());
        let entry = NotCarried { file, line: at.line, column: at.column, what, instead };
        if !self.entries.contains(&entry) {
            self.entries.push(entry);
        }
    }

    fn done(mut self) -> Vec<NotCarried> {
        self.entries.sort();
        self.entries
    }
}

/// Holds that a text is one of rules.
fn checked(text: &str) -> Result<(), Unreadable> {
    if text.len() > crate::rules::RULES_BYTES_MAX {
        return Err(Unreadable::TooMuch("the text is too long"));
    }
    RuleFile::read(text).map(|_| ()).map_err(Unreadable::Own)
}
