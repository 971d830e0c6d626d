//! Rows with the names of their columns: CSV with a header, as `psql` writes it, or JSON, one
//! object for each row.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::import::{Fault, List, Place, SOURCE_BYTES_MAX};
use crate::text::{Lines, shorten};

/// The most rows of one file.
const ROWS_MAX: usize = 50_000;
/// The most columns.
const COLUMNS_MAX: usize = 300;

/// A file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Export {
    /// What it is called.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// A row.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) file: Arc<str>,
    pub(super) at: Place,
    values: BTreeMap<Arc<str>, String>,
}

impl Row {
    pub(super) fn has(&self, column: &str) -> bool {
        self.values.contains_key(column)
    }

    /// What a column says; empty when there is none or it says nothing.
    pub(super) fn get(&self, column: &str) -> &str {
        let value = self.values.get(column).map_or("", |value| value.trim());
        if matches!(value, "\\N" | "NULL" | "null") { "" } else { value }
    }

    /// Whether a column says yes; `otherwise` when it says nothing.
    pub(super) fn yes(&self, column: &str, otherwise: bool) -> bool {
        match self.get(column).to_ascii_lowercase().as_str() {
            "true" | "t" | "1" | "yes" | "on" => true,
            "" => otherwise,
            _ => false,
        }
    }

    /// Notes something about this row.
    pub(super) fn note(&self, list: &mut List, column: &str, instead: impl Into<String>) {
        list.file = Some(self.file.to_string());
        let value = self.get(column);
        let what = if value.is_empty() {
            column.to_owned()
        } else {
            format!("{column} = {}", shorten(value))
        };
        list.add(self.at, what, instead);
    }
}

/// Reads a file.
pub(super) fn read(file: &Export) -> Result<Vec<Row>, Fault> {
    let lines = Lines::new(&file.text);
    let fault = |at: usize, what: String| {
        let (line, column) = lines.line_and_column(&file.text, &(at..at));
        Fault { file: Some(file.name.clone()), line, column, what }
    };
    if file.text.len() > SOURCE_BYTES_MAX {
        return Err(fault(
            0,
            format!("the file is larger than {} MiB", SOURCE_BYTES_MAX / 1024 / 1024),
        ));
    }
    let begin = if file.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let bare = file.text.get(begin..).unwrap_or_default();
    let found = match bare.trim_start().bytes().next() {
        None => return Err(fault(0, "the file is empty".to_owned())),
        Some(b'{' | b'[') => objects(bare),
        Some(_) => records(bare),
    };
    let found = found.map_err(|(at, what)| fault(at + begin, what))?;
    let name: Arc<str> = file.name.as_str().into();
    let row = |(at, values): (usize, BTreeMap<Arc<str>, String>)| {
        let at = at + begin;
        let (line, column) = lines.line_and_column(&file.text, &(at..at));
        Row { file: Arc::clone(&name), at: Place { line, column }, values }
    };
    Ok(found.into_iter().map(row).collect())
}

/// What was found: each row with its place.
type Found = Result<Vec<(usize, BTreeMap<Arc<str>, String>)>, (usize, String)>;

/// JSON: objects one after the other, or in one list.
fn objects(text: &str) -> Found {
    let mut at = text.len() - text.trim_start().len();
    let in_list = text.get(at..).is_some_and(|rest| rest.starts_with('['));
    at += usize::from(in_list);
    let mut found = Vec::new();
    loop {
        let rest = text.get(at..).unwrap_or_default();
        at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n', ',']).len();
        let rest = text.get(at..).unwrap_or_default();
        if rest.is_empty() || rest.starts_with(']') {
            return if rest.is_empty() && in_list {
                Err((at, "the list is not closed: is the file whole?".to_owned()))
            } else {
                Ok(found)
            };
        }
        if found.len() == ROWS_MAX {
            return Err((at, format!("there are more than {ROWS_MAX} rows")));
        }
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Map<String, Value>>();
        let object = match values.next() {
            Some(Ok(object)) => object,
            Some(Err(error)) => {
                let what = error.to_string();
                let what = what.split(" at line").next().unwrap_or_default();
                return Err((at, format!("this is no row in JSON: {}", shorten(what))));
            }
            None => return Ok(found),
        };
        if object.len() > COLUMNS_MAX {
            return Err((at, format!("there are more than {COLUMNS_MAX} columns")));
        }
        let values_of = object.into_iter().map(|(name, value)| (name.as_str().into(), flat(value)));
        found.push((at, values_of.collect()));
        at += values.byte_offset();
    }
}

fn flat(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            other.to_string()
        }
    }
}

/// CSV (RFC 4180): fields between commas, in quotes when there is a comma, a quote or a line in it.
fn records(text: &str) -> Found {
    let mut header: Option<Vec<Arc<str>>> = None;
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let begin = at;
        let (fields, next) = record(text, at)?;
        at = next;
        if fields.iter().all(|field| field.trim().is_empty()) {
            continue;
        }
        let Some(names) = &header else {
            let name = |field: &String| field.trim().to_ascii_lowercase().as_str().into();
            header = Some(fields.iter().map(name).collect());
            continue;
        };
        if fields.len() != names.len() {
            let (has, wants) = (fields.len(), names.len());
            return Err((
                begin,
                format!("the row has {has} fields, and the first line names {wants} columns"),
            ));
        }
        if found.len() == ROWS_MAX {
            return Err((begin, format!("there are more than {ROWS_MAX} rows")));
        }
        found.push((begin, names.iter().cloned().zip(fields).collect()));
    }
    Ok(found)
}

/// One record, and where the next one begins.
fn record(text: &str, begin: usize) -> Result<(Vec<String>, usize), (usize, String)> {
    let bytes = text.as_bytes();
    let (mut fields, mut at) = (Vec::new(), begin);
    loop {
        let mut field = String::new();
        if bytes.get(at) == Some(&b'"') {
            let opened = at;
            loop {
                let rest = text.get(at + 1..).unwrap_or_default();
                let Some(length) = rest.find('"') else {
                    return Err((opened, "the quote that begins here is not closed".to_owned()));
                };
                field.push_str(rest.get(..length).unwrap_or_default());
                at += length + 2;
                if bytes.get(at) != Some(&b'"') {
                    break;
                }
                field.push('"');
            }
        } else {
            let rest = text.get(at..).unwrap_or_default();
            let length = rest.find([',', '\n', '\r']).unwrap_or(rest.len());
            field.push_str(rest.get(..length).unwrap_or_default());
            at += length;
        }
        if fields.len() == COLUMNS_MAX {
            return Err((begin, format!("there are more than {COLUMNS_MAX} columns")));
        }
        fields.push(field);
        match bytes.get(at) {
            Some(b',') => at += 1,
            Some(b'\r') if bytes.get(at + 1) == Some(&b'\n') => return Ok((fields, at + 2)),
            Some(b'\n' | b'\r') => return Ok((fields, at + 1)),
            None => return Ok((fields, at)),
            Some(_) => {
                return Err((
                    at,
                    "a comma or the end of the line is missing behind the quote".to_owned(),
                ));
            }
        }
    }
}
