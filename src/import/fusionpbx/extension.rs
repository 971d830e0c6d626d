//! Extensions that send their calls elsewhere: follow-me and call forwarding.

use crate::domain::{DeviceName, RING_S_MAX};
use crate::import::sheet::{Conditions, Devices, Draft, End, Stage};
use crate::import::{List, Wanted};

use super::group::FORWARD_RING_S;
use super::member::{Columns, Member, TIMEOUT_S, together};
use super::place::Around;
use super::rows::Row;
use super::{Sheet, Tables};

static COLUMNS: Columns = Columns {
    number: "follow_me_destination",
    delay: "follow_me_delay",
    timeout: "follow_me_timeout",
    prompt: "follow_me_prompt",
};

/// What a follow-me says that rules do not.
const NOT_CARRIED: [(&str, &str); 2] = [
    (
        "cid_name_prefix",
        "phones see the caller's name as it is; the proxy may put something before it",
    ),
    ("cid_number_prefix", "phones see the caller's number as it is"),
];

/// Columns by what they are for: whether it is switched on, and where to.
const ALL: (&str, &str) = ("forward_all_enabled", "forward_all_destination");
const BUSY: (&str, &str) = ("forward_busy_enabled", "forward_busy_destination");
const NO_ANSWER: (&str, &str) = ("forward_no_answer_enabled", "forward_no_answer_destination");
const AWAY: (&str, &str) =
    ("forward_user_not_registered_enabled", "forward_user_not_registered_destination");

/// One extension while its rules are made.
struct Making<'a> {
    row: &'a Row,
    around: Around<'a>,
    devices: Devices,
    list: List,
    drafts: Vec<Draft>,
    comment: String,
}

/// The rules of an extension; `None` when it does nothing but ring, or is switched off.
pub(super) fn sheet(row: &Row, tables: &Tables, wanted: &Wanted, all: &mut List) -> Option<Sheet> {
    let number = row.get("extension");
    let on = |columns: (&str, &str)| row.yes(columns.0, false) && !row.get(columns.1).is_empty();
    let follows = row.yes("follow_me_enabled", false);
    let dnd = row.yes("do_not_disturb", false);
    if ![ALL, BUSY, NO_ANSWER, AWAY].into_iter().any(on) && !follows && !dnd {
        return None;
    }
    if !row.yes("enabled", true) {
        row.note(all, "extension", "the extension is switched off; it is left out");
        return None;
    }
    let around = Around::of(tables, row, wanted);
    let comment = format!("{}, line {}: extension {number}", row.file, row.at.line);
    let (devices, list, drafts) = (Devices::default(), List::default(), Vec::new());
    let mut making = Making { row, around, devices, list, drafts, comment };
    making.asides(dnd, number);
    making.rules(tables, follows)?;
    let source = format!("extension {number}");
    let Making { devices, list, drafts, .. } = making;
    Some(Sheet { source, number: number.to_owned(), devices, drafts, list })
}

impl Making<'_> {
    fn asides(&mut self, dnd: bool, number: &str) {
        if dnd {
            let instead = format!(
                "that is the device's own business: `hallporter device set ACCOUNT {} --dnd on`",
                crate::import::sheet::plain(number)
            );
            self.row.note(&mut self.list, "do_not_disturb", instead);
        }
        if !self.row.get("missed_call_app").is_empty() {
            let instead = "webhooks tell of missed calls (docs/webhooks.md)";
            self.row.note(&mut self.list, "missed_call_app", instead);
        }
        if self.row.yes("call_screen_enabled", false) {
            let instead =
                "the caller is not asked for his name; `confirm` in a stage asks for a key";
            self.row.note(&mut self.list, "call_screen_enabled", instead);
        }
    }

    fn draft(&mut self, name: &str, when: Conditions, stages: Vec<Stage>, end: End) {
        let comments = if self.drafts.is_empty() { vec![self.comment.clone()] } else { Vec::new() };
        let name = name.to_owned();
        self.drafts.push(Draft { comments, name, when, stages, end, goes_on: false });
    }

    /// The stage of a forwarding that is switched on.
    fn forward(&mut self, (enabled, to): (&str, &str), ring_s: u16) -> Option<Stage> {
        let target = self.row.get(to);
        if !self.row.yes(enabled, false) || target.is_empty() {
            return None;
        }
        let to = self.around.forward(target, to, self.row, &mut self.list)?;
        Some(Stage::Forward { to, ring_s, confirm: false })
    }

    fn rules(&mut self, tables: &Tables, follows: bool) -> Option<()> {
        if let Some(stage) = self.forward(ALL, RING_S_MAX) {
            self.draft("forward all", Conditions::default(), vec![stage], End::NoMailbox);
            let rest = "all calls are forwarded, so nothing else of the extension is asked";
            for column in ["follow_me_enabled", BUSY.0, NO_ANSWER.0, AWAY.0] {
                if self.row.yes(column, false) {
                    self.row.note(&mut self.list, column, rest);
                }
            }
            return Some(());
        }
        let number = self.row.get("extension");
        let own =
            self.around.device(number, "extension", self.row, &mut self.devices, &mut self.list)?;
        if let Some(stage) = self.forward(AWAY, FORWARD_RING_S) {
            let when = Conditions { unregistered: Some(own.clone()), ..Conditions::default() };
            self.draft("not registered", when, vec![stage], End::NoMailbox);
        }
        let stages = if follows { self.followed(tables) } else { Vec::new() };
        let stages = if stages.is_empty() { vec![self.alone(&own)] } else { stages };
        let busy = self.forward(BUSY, FORWARD_RING_S);
        let no_answer = self.forward(NO_ANSWER, FORWARD_RING_S);
        if busy.is_none() && no_answer.is_none() {
            self.draft("rings", Conditions::default(), stages, End::Open);
            return Some(());
        }
        self.draft("rings", Conditions::default(), stages, End::Open);
        if let Some(first) = self.drafts.last_mut() {
            first.goes_on = true;
        }
        if busy.is_some() && no_answer.is_some() && busy != no_answer {
            let instead = "when the call forwarded for a busy line is not answered, the one for no answer comes as well";
            self.row.note(&mut self.list, NO_ANSWER.1, instead);
        }
        for (name, cause, stage) in [("busy", "busy", busy), ("no answer", "no_answer", no_answer)]
        {
            if let Some(stage) = stage {
                let when = Conditions { after: vec![cause], ..Conditions::default() };
                self.draft(name, when, vec![stage], End::Open);
            }
        }
        self.draft("in the end", Conditions::default(), Vec::new(), End::Mailbox);
        Some(())
    }

    fn alone(&mut self, own: &DeviceName) -> Stage {
        let ring_s =
            self.row.get("call_timeout").parse::<u16>().ok().filter(|seconds| *seconds > 0);
        let ring_s = ring_s.unwrap_or(TIMEOUT_S).min(RING_S_MAX);
        self.devices.rings(own, Some(ring_s));
        Stage::of(vec![own.clone()], Some(ring_s))
    }

    fn followed(&mut self, tables: &Tables) -> Vec<Stage> {
        let uuid = self.row.get("follow_me_uuid");
        if let Some(follow) = tables.follow.get(uuid) {
            for (column, instead) in
                NOT_CARRIED.iter().filter(|(column, _)| !follow.get(column).is_empty())
            {
                follow.note(&mut self.list, column, *instead);
            }
            if follow.yes("follow_me_ignore_busy", false) {
                let instead = "a phone that is busy has answered for itself alone; the others go on ringing in any case";
                follow.note(&mut self.list, "follow_me_ignore_busy", instead);
            }
        }
        let mut rows: Vec<&Row> = tables.follow_members.get(uuid).into_iter().flatten().collect();
        let order = |row: &&Row| row.get("follow_me_order").parse::<u32>().unwrap_or(u32::MAX);
        rows.sort_by_key(order);
        let members: Vec<Member> = rows
            .into_iter()
            .filter(|row| !row.get(COLUMNS.number).is_empty())
            .filter_map(|row| {
                Member::read(row, &COLUMNS, &self.around, &mut self.devices, &mut self.list)
            })
            .collect();
        if members.is_empty() {
            let instead = "no destination of it is among the rows: the extension itself rings";
            self.row.note(&mut self.list, "follow_me_enabled", instead);
        }
        together(&members, None, &mut self.list)
    }
}
