//! Ring groups.

use crate::domain::RING_S_MAX;
use crate::import::sheet::{Conditions, Devices, Draft, End, Stage};
use crate::import::{List, Wanted};

use super::member::{Columns, Member, by_chance, in_turn, together};
use super::place::Around;
use super::rows::Row;
use super::{Sheet, Tables};

/// How long a call rings that a group hands on.
pub(super) const FORWARD_RING_S: u16 = 120;

static COLUMNS: Columns = Columns {
    number: "destination_number",
    delay: "destination_delay",
    timeout: "destination_timeout",
    prompt: "destination_prompt",
};

/// What a group says that rules do not.
const NOT_CARRIED: [(&str, &str); 12] = [
    ("ring_group_greeting", "nothing is played before it rings"),
    ("ring_group_exit_key", "a caller who waits presses no key"),
    ("ring_group_caller_id_name", "phones see who calls"),
    ("ring_group_caller_id_number", "phones see who calls"),
    (
        "ring_group_cid_name_prefix",
        "phones see the caller's name as it is; the proxy may put something before it",
    ),
    ("ring_group_cid_number_prefix", "phones see the caller's number as it is"),
    ("ring_group_distinctive_ring", "phones ring as they do: the proxy may add Alert-Info"),
    ("ring_group_ringback", "the caller hears what the phones send"),
    ("ring_group_missed_call_app", "webhooks tell of missed calls (docs/webhooks.md)"),
    ("ring_group_forward_toll_allow", "what may be called is the proxy's business"),
    ("ring_group_wait_announcement", "nothing is played while it rings"),
    ("ring_group_wait_interval", "nothing is played while it rings"),
];
/// What is switched on in a group, and rules know otherwise.
const SWITCHED_ON: [(&str, &str); 2] = [
    (
        "ring_group_call_forward_enabled",
        "its members' own forwarding is not asked: give them rules of their own, or change the group",
    ),
    (
        "ring_group_follow_me_enabled",
        "its members' own follow-me is not asked: name those phones in the group",
    ),
];

/// The rules of a group; `None` when it is switched off.
pub(super) fn sheet(row: &Row, tables: &Tables, wanted: &Wanted, all: &mut List) -> Option<Sheet> {
    let number = row.get("ring_group_extension");
    let number = if number.is_empty() { row.get("ring_group_name") } else { number };
    if !row.yes("ring_group_enabled", true) {
        row.note(all, "ring_group_extension", "the group is switched off; it is left out");
        return None;
    }
    let name = row.get("ring_group_name");
    let source = format!("ring group {number} ({name})");
    let around = Around::of(tables, row, wanted);
    let (mut devices, mut list) = (Devices::default(), List::default());
    for (column, instead) in NOT_CARRIED.iter().filter(|(column, _)| !row.get(column).is_empty()) {
        row.note(&mut list, column, *instead);
    }
    for (column, instead) in SWITCHED_ON.iter().filter(|(column, _)| row.yes(column, false)) {
        row.note(&mut list, column, *instead);
    }
    let (stages, end) = match forwarded(row, &around, &mut list) {
        Some(stage) => (vec![stage], End::NoMailbox),
        None => {
            let mut stages = rings(row, tables, &around, &mut devices, &mut list);
            let end = finish(row, &around, &mut stages, &mut list);
            if stages.len() > 1 {
                let instead = "a phone that refuses for all (603) is the last that rings";
                row.note(&mut list, "ring_group_strategy", instead);
            }
            (stages, end)
        }
    };
    let comment = format!(
        "{}, line {}: ring group {number}, strategy {}",
        row.file,
        row.at.line,
        row.get("ring_group_strategy")
    );
    let name = if name.is_empty() { number } else { name };
    let name = format!("ring group {name}");
    let draft = Draft {
        comments: vec![comment],
        name,
        when: Conditions::default(),
        stages,
        end,
        goes_on: false,
    };
    Some(Sheet { source, number: number.to_owned(), devices, drafts: vec![draft], list })
}

/// A group whose calls go elsewhere.
fn forwarded(row: &Row, around: &Around<'_>, list: &mut List) -> Option<Stage> {
    let to = row.get("ring_group_forward_destination");
    if !row.yes("ring_group_forward_enabled", false) || to.is_empty() {
        return None;
    }
    let to = around.forward(to, "ring_group_forward_destination", row, list)?;
    let instead = "all calls of the group are forwarded, so its members are left out: switch that off before the export to have them";
    row.note(list, "ring_group_forward_enabled", instead);
    Some(Stage::Forward { to, ring_s: RING_S_MAX, confirm: false })
}

/// What rings.
fn rings(
    row: &Row,
    tables: &Tables,
    around: &Around<'_>,
    devices: &mut Devices,
    list: &mut List,
) -> Vec<Stage> {
    let rows =
        tables.members.get(row.get("ring_group_uuid")).map(Vec::as_slice).unwrap_or_default();
    let mut members: Vec<Member> = Vec::new();
    let mut rows: Vec<&Row> = rows.iter().collect();
    rows.sort_by(|one, two| one.get(COLUMNS.number).cmp(two.get(COLUMNS.number)));
    for member in rows {
        if member.yes("destination_enabled", true) {
            members.extend(Member::read(member, &COLUMNS, around, devices, list));
        } else {
            member.note(list, COLUMNS.number, "is switched off; it is left out");
        }
    }
    members.sort_by(Member::is_before);
    if members.is_empty() {
        row.note(list, "ring_group_extension", "no destination of it can ring");
    }
    let call_s = row.get("ring_group_call_timeout");
    let call_s = call_s.parse::<u16>().ok().filter(|seconds| *seconds > 0);
    let mut stages = match row.get("ring_group_strategy") {
        "sequence" | "rollover" => in_turn(&members, list),
        "random" => by_chance(&members, list),
        "simultaneous" | "enterprise" => together(&members, call_s, list),
        _ => {
            row.note(list, "ring_group_strategy", "there is no such strategy; all ring together");
            together(&members, call_s, list)
        }
    };
    if row.yes("ring_group_call_screen_enabled", false) {
        row.note(
            list,
            "ring_group_call_screen_enabled",
            "the caller is not asked for his name; whoever answers has to press 1",
        );
        for stage in &mut stages {
            if let Stage::Devices { confirm, .. } = stage {
                *confirm = true;
            }
        }
    }
    stages
}

/// What comes when nobody has answered.
fn finish(row: &Row, around: &Around<'_>, stages: &mut Vec<Stage>, list: &mut List) -> End {
    let (app, data) = (row.get("ring_group_timeout_app"), row.get("ring_group_timeout_data"));
    let target = data.split_whitespace().next().unwrap_or_default();
    let nobody =
        |stages: &[Stage]| if stages.is_empty() { End::Refuse(480, None) } else { End::NoMailbox };
    let mailbox = target.strip_prefix("*99").filter(|number| !number.is_empty());
    match (app, target) {
        ("" | "hangup", _) => nobody(stages),
        ("voicemail", _) => End::Mailbox,
        ("transfer", _) if mailbox.is_some() => {
            if mailbox != Some(row.get("ring_group_extension")) {
                let instead =
                    "the account's own mailbox takes the message, not that of this number";
                row.note(list, "ring_group_timeout_data", instead);
            }
            End::Mailbox
        }
        ("transfer" | "bridge", target) => {
            let Some(to) = around.forward(target, "ring_group_timeout_data", row, list) else {
                return nobody(stages);
            };
            stages.push(Stage::Forward { to, ring_s: FORWARD_RING_S, confirm: false });
            End::NoMailbox
        }
        _ => {
            let instead = "rules do not know this application: the account's mailbox takes the call, if it has one";
            row.note(list, "ring_group_timeout_app", instead);
            if stages.is_empty() { End::Mailbox } else { End::Open }
        }
    }
}
