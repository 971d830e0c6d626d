//! FusionPBX: ring groups, follow-me and call forwarding, as its database has them.
//!
//! Every table comes as rows with the names of their columns ([`rows`]); which table it is, the
//! names say. Each ring group, and each extension that sends its calls elsewhere, is one account's
//! rules.

mod extension;
mod group;
mod member;
mod place;
mod rows;

use std::collections::BTreeMap;

use serde::Serialize;

use super::sheet::{Devices, Draft, plain};
use super::{Fault, Imported, List, NotCarried, Unreadable, Wanted, write};

use rows::Row;

pub use rows::Export;

/// The most files at once.
pub const FILES_MAX: usize = 16;
/// The most groups and extensions at once.
const SHEETS_MAX: usize = 5_000;

/// What came out of an export.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Imports {
    /// The rules of one account each.
    pub imports: Vec<Imported>,
    /// What belongs to none of them.
    pub not_carried: Vec<NotCarried>,
}

/// The tables of an export.
#[derive(Default)]
struct Tables {
    groups: Vec<Row>,
    members: BTreeMap<String, Vec<Row>>,
    extensions: Vec<Row>,
    follow: BTreeMap<String, Row>,
    follow_members: BTreeMap<String, Vec<Row>>,
    domains: BTreeMap<String, String>,
}

/// Reads an export.
///
/// # Errors
/// [`Unreadable`] when a file is none, or nothing in them says who rings.
pub fn read_fusionpbx(files: &[Export], wanted: &Wanted) -> Result<Imports, Unreadable> {
    let tables = sorted(files)?;
    let mut list = List::default();
    let mut imports = Vec::new();
    let mut taken: Vec<String> = Vec::new();
    let count = tables.groups.len() + tables.extensions.len();
    if count > SHEETS_MAX {
        return Err(Unreadable::TooMuch("more than 5,000 groups and extensions"));
    }
    for row in &tables.groups {
        if let Some(sheet) = group::sheet(row, &tables, wanted, &mut list) {
            imports.push(sheet.written(wanted, &mut taken)?);
        }
    }
    for row in &tables.extensions {
        if let Some(sheet) = extension::sheet(row, &tables, wanted, &mut list) {
            imports.push(sheet.written(wanted, &mut taken)?);
        }
    }
    orphans(&tables, &mut list);
    if imports.is_empty() && list.entries.is_empty() {
        let what = "no ring group is in it, and no extension that follows or forwards its calls";
        let file = files.first().map(|file| file.name.clone());
        return Err(Unreadable::Source(vec![Fault {
            file,
            line: 1,
            column: 1,
            what: what.to_owned(),
        }]));
    }
    Ok(Imports { imports, not_carried: list.done() })
}

/// Rows of which the table they belong to is not there.
fn orphans(tables: &Tables, list: &mut List) {
    let known = |uuid: &String| tables.groups.iter().any(|row| row.get("ring_group_uuid") == uuid);
    for row in
        tables.members.iter().filter(|(uuid, _)| !known(uuid)).flat_map(|(_, rows)| rows.first())
    {
        let instead = "its ring group is not among the rows: export v_ring_groups as well";
        row.note(list, "destination_number", instead);
    }
    let known =
        |uuid: &String| tables.extensions.iter().any(|row| row.get("follow_me_uuid") == uuid);
    let lost = tables.follow_members.iter().filter(|(uuid, _)| !known(uuid));
    for row in lost.flat_map(|(_, rows)| rows.first()) {
        let instead = "no extension among the rows follows it: export v_extensions as well";
        row.note(list, "follow_me_destination", instead);
    }
}

/// Finds out which rows belong to which table.
fn sorted(files: &[Export]) -> Result<Tables, Unreadable> {
    let mut tables = Tables::default();
    let mut faults = Vec::new();
    if files.len() > FILES_MAX {
        return Err(Unreadable::TooMuch("more than 16 files"));
    }
    for file in files {
        match rows::read(file) {
            Ok(rows) => rows.into_iter().for_each(|row| tables.take(row, &mut faults)),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(tables) } else { Err(Unreadable::Source(faults)) }
}

impl Tables {
    fn take(&mut self, row: Row, faults: &mut Vec<Fault>) {
        let has = |name: &str| row.has(name);
        let mut known = false;
        if has("ring_group_uuid") && has("destination_number") {
            known = true;
            let uuid = row.get("ring_group_uuid").to_owned();
            self.members.entry(uuid).or_default().push(row.clone());
        }
        if has("follow_me_uuid") && has("follow_me_destination") {
            known = true;
            let uuid = row.get("follow_me_uuid").to_owned();
            self.follow_members.entry(uuid).or_default().push(row.clone());
        }
        if has("domain_uuid") && has("domain_name") {
            known = true;
            let (uuid, name) =
                (row.get("domain_uuid").to_owned(), row.get("domain_name").to_owned());
            self.domains.insert(uuid, name);
        }
        if has("ring_group_uuid") && has("ring_group_strategy") {
            let uuid = row.get("ring_group_uuid");
            if !self.groups.iter().any(|known| known.get("ring_group_uuid") == uuid) {
                self.groups.push(row);
            }
        } else if has("extension") && (has("extension_uuid") || has("follow_me_uuid")) {
            let same = |known: &Row| {
                known.get("extension") == row.get("extension")
                    && known.get("domain_uuid") == row.get("domain_uuid")
                    && known.get("extension_uuid") == row.get("extension_uuid")
            };
            if !self.extensions.iter().any(same) {
                self.extensions.push(row);
            }
        } else if has("follow_me_uuid") && (has("cid_name_prefix") || has("follow_me_ignore_busy"))
        {
            self.follow.insert(row.get("follow_me_uuid").to_owned(), row);
        } else if !known {
            let what = "this is no table that says who rings: v_ring_groups, v_ring_group_destinations, v_extensions, v_follow_me, v_follow_me_destinations or v_domains with the names of the columns";
            let same_file = faults.iter().any(|fault| fault.file.as_deref() == Some(&*row.file));
            if !same_file {
                let (line, column) = (row.at.line, row.at.column);
                faults.push(Fault {
                    file: Some(row.file.to_string()),
                    line,
                    column,
                    what: what.to_owned(),
                });
            }
        }
    }

    /// The host of a row's phones.
    fn domain(&self, row: &Row, wanted: &Wanted) -> String {
        let own = [row.get("domain_name"), row.get("ring_group_context"), row.get("user_context")];
        let by_uuid = self.domains.get(row.get("domain_uuid")).map(String::as_str);
        let is_host = |text: &&str| {
            text.contains('.')
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
        };
        let found = [own[0]].into_iter().chain(by_uuid).chain(own).find(is_host);
        let given = found.or(wanted.domain.as_deref());
        given.unwrap_or(place::ANY_DOMAIN).to_owned()
    }

    fn is_extension(&self, number: &str) -> bool {
        self.extensions.iter().any(|row| row.get("extension") == number)
    }

    fn is_group(&self, number: &str) -> bool {
        self.groups.iter().any(|row| row.get("ring_group_extension") == number)
    }
}

/// The rules of one account before they are written.
struct Sheet {
    source: String,
    number: String,
    devices: Devices,
    drafts: Vec<Draft>,
    list: List,
}

impl Sheet {
    fn written(mut self, wanted: &Wanted, taken: &mut Vec<String>) -> Result<Imported, Unreadable> {
        let base = wanted.account.as_ref().map_or_else(|| plain(&self.number), ToString::to_string);
        let mut account = base.clone();
        let mut number = 1;
        while taken.contains(&account) {
            number += 1;
            account = format!("{base}-{number}");
        }
        taken.push(account.clone());
        let devices = self.devices.done(&account, &self.drafts);
        let title = format!("Rules of the account {account}, from FusionPBX: {}.", self.source);
        let text = write::text(&title, &devices, &mut self.drafts)?;
        let number = Some(self.number);
        let (source, not_carried) = (self.source, self.list.done());
        Ok(Imported { account, source, number, text, devices, not_carried })
    }
}
