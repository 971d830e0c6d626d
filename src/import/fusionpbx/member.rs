//! Those who ring for a group, or for an extension that is followed.

use crate::domain::{DeviceName, ORDER_RING_S_MAX, RING_S_MAX};
use crate::import::List;
use crate::import::sheet::{Devices, Stage};
use crate::import::write::STAGES_MAX;

use super::place::Around;
use super::rows::Row;

/// How long a phone rings where nothing is said, as FusionPBX has it.
pub(super) const TIMEOUT_S: u16 = 30;

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: DeviceName,
    delay_s: u16,
    ring_s: u16,
    confirm: bool,
    columns: &'static Columns,
    row: Row,
}

/// The names of the columns that say it.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) number: &'static str,
    pub(super) delay: &'static str,
    pub(super) timeout: &'static str,
    pub(super) prompt: &'static str,
}

impl Member {
    pub(super) fn read(
        row: &Row,
        columns: &'static Columns,
        around: &Around<'_>,
        devices: &mut Devices,
        list: &mut List,
    ) -> Option<Self> {
        let name = around.device(row.get(columns.number), columns.number, row, devices, list)?;
        let seconds = |column: &str, otherwise: u16, list: &mut List| match row.get(column) {
            "" => otherwise,
            text => text.parse::<f64>().ok().filter(|s| (0.0..=100_000.0).contains(s)).map_or_else(
                || {
                    row.note(
                        list,
                        column,
                        format!("is no number of seconds; {otherwise} s are taken"),
                    );
                    otherwise
                },
                #[allow(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "0 to 65535"
                )]
                |s| s.min(65_535.0) as u16,
            ),
        };
        let delay_s = seconds(columns.delay, 0, list);
        let ring_s = seconds(columns.timeout, TIMEOUT_S, list);
        if ring_s == 0 {
            row.note(list, columns.timeout, "does not ring at all; it is left out");
            return None;
        }
        if ring_s > RING_S_MAX {
            row.note(list, columns.timeout, format!("a stage rings {RING_S_MAX} s at the most"));
        }
        let ring_s = ring_s.min(RING_S_MAX);
        let confirm = matches!(row.get(columns.prompt), "1" | "2" | "true" | "t" | "confirm");
        if row.get(columns.prompt) == "2" {
            row.note(
                list,
                columns.prompt,
                "whoever answers has to press 1; nothing more is announced",
            );
        }
        devices.rings(&name, Some(ring_s));
        Some(Self { name, delay_s, ring_s, confirm, columns, row: row.clone() })
    }

    pub(super) fn is_before(&self, other: &Self) -> std::cmp::Ordering {
        self.delay_s.cmp(&other.delay_s)
    }
}

/// All together, each after its delay; at most so long.
pub(super) fn together(members: &[Member], most_s: Option<u16>, list: &mut List) -> Vec<Stage> {
    // Of those that are there twice, the one that rings first counts.
    let mut sorted = members.to_vec();
    sorted.sort_by(Member::is_before);
    let members = sorted.as_slice();
    let Some(first_s) = members.iter().map(|member| member.delay_s).min() else {
        return Vec::new();
    };
    let end = |member: &Member| u32::from(member.delay_s - first_s) + u32::from(member.ring_s);
    let longest = members.iter().map(end).max().unwrap_or(1);
    let most_s = most_s.unwrap_or(RING_S_MAX).clamp(1, RING_S_MAX);
    let ring_s = u16::try_from(longest).unwrap_or(u16::MAX).min(most_s);
    if first_s > 0
        && let Some(member) = members.first()
    {
        member.row.note(
            list,
            member.columns.delay,
            format!("nobody rings for the first {first_s} s; the stage begins without them"),
        );
    }
    let mut devices: Vec<(DeviceName, u16)> = Vec::new();
    for member in members {
        let after_s = member.delay_s - first_s;
        if after_s >= ring_s {
            let instead = format!(
                "would join after {after_s} s, and the stage rings {ring_s} s; it is left out"
            );
            member.row.note(list, member.columns.delay, instead);
        } else if devices.iter().any(|(known, _)| *known == member.name) {
            member.row.note(list, member.columns.number, "rings already; it is left out");
        } else {
            // What a call timeout cuts off is no news of a single phone.
            if end(member) < u32::from(ring_s) {
                let instead = format!(
                    "would ring {} s; whoever is in a stage rings until it is over, after {ring_s} s",
                    member.ring_s
                );
                member.row.note(list, member.columns.timeout, instead);
            }
            devices.push((member.name.clone(), after_s));
        }
    }
    let confirm = mixed(members, list);
    vec![Stage::Devices { devices, ring_s: Some(ring_s), order: None, confirm }]
}

/// Whether whoever answers has to press a key: a stage asks all or none.
fn mixed(members: &[Member], list: &mut List) -> bool {
    let confirm = members.iter().any(|member| member.confirm);
    for member in members.iter().filter(|member| confirm && !member.confirm) {
        let instead = "others of the group have to press 1, and a stage asks all or none: this one has to, too";
        member.row.note(list, member.columns.prompt, instead);
    }
    confirm
}

/// One after the other.
pub(super) fn in_turn(members: &[Member], list: &mut List) -> Vec<Stage> {
    let mut stages = Vec::new();
    let mut left_s = ORDER_RING_S_MAX - RING_S_MAX;
    for member in members {
        if stages.len() + 1 >= STAGES_MAX || left_s < member.ring_s {
            let instead = "an order has at most 32 stages and rings 900 s; it is left out";
            member.row.note(list, member.columns.number, instead);
            continue;
        }
        if member.delay_s > 0 {
            member.row.note(
                list,
                member.columns.delay,
                "says where it stands among the others; nobody waits for it",
            );
        }
        left_s -= member.ring_s;
        let devices = vec![(member.name.clone(), 0)];
        let (ring_s, confirm) = (Some(member.ring_s), member.confirm);
        stages.push(Stage::Devices { devices, ring_s, order: None, confirm });
    }
    stages
}

/// One after the other, another one first each time.
pub(super) fn by_chance(members: &[Member], list: &mut List) -> Vec<Stage> {
    let Some(first) = members.first() else { return Vec::new() };
    let longest = members.iter().map(|member| member.ring_s).max().unwrap_or(TIMEOUT_S);
    let most = usize::from(ORDER_RING_S_MAX - RING_S_MAX) / usize::from(longest.max(1));
    for member in members.iter().filter(|member| member.ring_s != longest) {
        let instead = format!("all of the stage ring equally long: {longest} s");
        member.row.note(list, member.columns.timeout, instead);
    }
    for member in members.iter().skip(most.max(1)) {
        member.row.note(
            list,
            member.columns.number,
            "an order rings 900 s at the most; it may come to nothing",
        );
    }
    first.row.note(
        list,
        first.columns.number,
        "rules know no chance (strategy random): the devices take turns",
    );
    let mut devices: Vec<(DeviceName, u16)> = Vec::new();
    for member in members {
        if !devices.iter().any(|(known, _)| *known == member.name) {
            devices.push((member.name.clone(), 0));
        }
    }
    let confirm = mixed(members, list);
    let order = Some("round_robin");
    vec![Stage::Devices { devices, ring_s: Some(longest), order, confirm }]
}
