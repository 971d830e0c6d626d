//! XML, as far as CPL needs it: elements, their attributes, their places. Text between elements,
//! comments and processing instructions say nothing in CPL and are skipped.
//!
//! A script comes from anybody: its size, depth and number of elements have limits, nothing outside
//! of it is looked at, and no entity is known beyond the five of XML and numbers of characters.

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

use crate::import::{Fault, Place, Unreadable};
use crate::text::{Lines, shorten};

/// The largest script, in bytes.
pub(super) const SCRIPT_BYTES_MAX: usize = 256 * 1024;
/// How deep elements may stand in elements.
const DEEP_MAX: usize = 64;
/// The most elements.
const ELEMENTS_MAX: usize = 4_000;
/// The most attributes of one element.
const ATTRIBUTES_MAX: usize = 32;

/// An element.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// Its name without a prefix.
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    pub(super) children: Vec<Self>,
    pub(super) at: Place,
}

impl Node {
    /// An attribute, without space around it.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.trim())
    }

    /// The names of its attributes.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().map(|(name, _)| name.as_str())
    }

    /// Whether it says the same, wherever it stands.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.attributes == other.attributes
            && self.children.len() == other.children.len()
            && self.children.iter().zip(&other.children).all(|(one, two)| one.says_the_same(two))
    }

    /// For people: `address is="sip:alice@example.com"`.
    pub(super) fn shown(&self) -> String {
        let attributes = self.attributes.iter().take(4);
        let shown =
            attributes.map(|(name, value)| format!(" {}=\"{}\"", shorten(name), shorten(value)));
        format!("{}{}", shorten(&self.name), shown.collect::<String>())
    }
}

/// Reads a script: its root.
pub(super) fn read(text: &str) -> Result<Node, Unreadable> {
    let lines = Lines::new(text);
    let place = |at: usize| {
        let (line, column) = lines.line_and_column(text, &(at..at));
        Place { line, column }
    };
    nodes(text, place).map_err(|(at, what)| {
        let Place { line, column } = place(at);
        Unreadable::Source(vec![Fault { file: None, line, column, what }])
    })
}

/// What is wrong, and where.
type Wrong = (usize, String);

fn nodes(text: &str, place: impl Fn(usize) -> Place) -> Result<Node, Wrong> {
    if text.len() > SCRIPT_BYTES_MAX {
        return Err((0, format!("the script is longer than {} KiB", SCRIPT_BYTES_MAX / 1024)));
    }
    let begin = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut reader = Reader::from_str(text.get(begin..).unwrap_or_default());
    let at_of = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).saturating_add(begin);
    let mut open: Vec<Node> = Vec::new();
    let (mut root, mut count) = (None, 0_usize);
    loop {
        let at = at_of(reader.buffer_position());
        let event = reader.read_event().map_err(|error| {
            let what = format!("this is not XML: {}", shorten(&error.to_string()));
            (at_of(reader.error_position()), what)
        })?;
        let (start, empty) = match event {
            Event::Start(start) => (start, false),
            Event::Empty(start) => (start, true),
            Event::End(_) => {
                close(&mut open, &mut root);
                continue;
            }
            Event::Eof => break,
            other @ (Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_)) => {
                says_nothing(&other).map_err(|what| (at, what))?;
                continue;
            }
        };
        count += 1;
        if count > ELEMENTS_MAX || open.len() >= DEEP_MAX {
            let what = format!(
                "there are more than {ELEMENTS_MAX} elements, or more than {DEEP_MAX} in each other"
            );
            return Err((at, what));
        }
        if root.is_some() {
            return Err((at, "there is something behind the script".to_owned()));
        }
        open.push(element(&start, place(at)).map_err(|what| (at, what))?);
        if empty {
            close(&mut open, &mut root);
        }
    }
    if let Some(Node { name, at, .. }) = open.first() {
        let what = format!("<{}> in line {} is not closed", shorten(name), at.line);
        return Err((text.len(), what));
    }
    root.ok_or_else(|| (0, "there is no element in it: is it the right file?".to_owned()))
}

/// What is no element, and is skipped if it does not want to be looked up.
fn says_nothing(event: &Event<'_>) -> Result<(), String> {
    match event {
        Event::DocType(doctype) if doctype.contains('[') => {
            Err("the document type declares things of its own, and nothing of that is read: take the [ … ] out".to_owned())
        }
        Event::GeneralRef(name) if !is_known(name) => {
            Err(format!("&{}; is no entity of XML: write the character", shorten(name)))
        }
        Event::Start(_)
        | Event::Empty(_)
        | Event::End(_)
        | Event::Eof
        | Event::Text(_)
        | Event::CData(_)
        | Event::Comment(_)
        | Event::Decl(_)
        | Event::PI(_)
        | Event::DocType(_)
        | Event::GeneralRef(_) => Ok(()),
    }
}

fn close(open: &mut Vec<Node>, root: &mut Option<Node>) {
    let Some(node) = open.pop() else { return };
    match open.last_mut() {
        Some(parent) => parent.children.push(node),
        None => *root = Some(node),
    }
}

fn is_known(name: &str) -> bool {
    name.starts_with('#') || matches!(name, "lt" | "gt" | "amp" | "apos" | "quot")
}

fn element(start: &BytesStart<'_>, at: Place) -> Result<Node, String> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute
            .map_err(|error| format!("this is not XML: {}", shorten(&error.to_string())))?;
        if attributes.len() == ATTRIBUTES_MAX {
            return Err(format!("an element has more than {ATTRIBUTES_MAX} attributes"));
        }
        let value = unescape(&attribute.value)
            .map_err(|error| format!("this is not XML: {}", shorten(&error.to_string())))?;
        let name: &str = attribute.key.as_ref();
        attributes.push((name.to_owned(), value.replace(['\r', '\n', '\t'], " ")));
    }
    let name = start.local_name();
    let name: &str = name.as_ref();
    Ok(Node { name: name.to_owned(), attributes, children: Vec::new(), at })
}
