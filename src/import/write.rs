//! Rules as text.

use std::fmt::Write as _;

use crate::domain::{ORDER_RING_S_MAX, RING_S_MAX, RULES_MAX};

use super::sheet::{Conditions, Draft, End, Stage};
use super::{NewDevice, Unreadable};

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// The most stages of one rule, as `rules` has it.
pub(super) const STAGES_MAX: usize = 32;
/// The longest name, in characters.
const NAME_MAX: usize = 64;

/// The text of some rules: what is behind one that always matches is left out, because it would
/// never be asked.
pub(super) fn text(
    title: &str,
    devices: &[NewDevice],
    drafts: &mut Vec<Draft>,
) -> Result<String, Unreadable> {
    if let Some(last) = drafts.iter().position(Draft::is_last) {
        drafts.truncate(last + 1);
    }
    if drafts.len() > RULES_MAX {
        return Err(Unreadable::TooMuch("more than 200 rules"));
    }
    let mut text = format!("# {}\n", line(title));
    if !devices.is_empty() {
        text.push_str("#\n# Before `rule set`, make the devices that it names:\n#\n");
        for device in devices {
            let _ = writeln!(text, "#   {}", line(&device.command));
        }
    }
    let mut names: Vec<String> = Vec::new();
    for draft in drafts.iter() {
        if draft.stages.len() > STAGES_MAX {
            return Err(Unreadable::TooMuch("more than 32 stages one after the other"));
        }
        let ring_s: u32 = draft.stages.iter().map(|stage| u32::from(ring_s(stage))).sum();
        if ring_s > u32::from(ORDER_RING_S_MAX) {
            return Err(Unreadable::TooMuch("it rings longer than 900 s"));
        }
        rule(&mut text, draft, &mut names);
    }
    super::checked(&text)?;
    Ok(text)
}

fn ring_s(stage: &Stage) -> u16 {
    match stage {
        Stage::Devices { ring_s, .. } => ring_s.unwrap_or_default(),
        Stage::Forward { ring_s, .. } => *ring_s,
    }
}

fn rule(text: &mut String, draft: &Draft, names: &mut Vec<String>) {
    text.push('\n');
    for comment in &draft.comments {
        let _ = writeln!(text, "# {}", line(comment));
    }
    text.push_str("[[rule]]\n");
    let short: String = line(&draft.name).chars().take(NAME_MAX - 6).collect();
    let base = if short.trim().is_empty() { "rule".to_owned() } else { short };
    let mut name = base.clone();
    let mut number = 1;
    while names.contains(&name) {
        number += 1;
        name = format!("{base} ({number})");
    }
    let _ = writeln!(text, "name = {}", quoted(&name));
    names.push(name);
    conditions(text, &draft.when);
    if draft.goes_on {
        text.push_str("continue = true\n");
    }
    let ringing = draft.stages.iter().filter(|stage| matches!(stage, Stage::Devices { .. }));
    let ringing: Vec<String> = ringing.map(stage).collect();
    if !ringing.is_empty() {
        let _ = writeln!(text, "ring = [{}]", ringing.join(", "));
    }
    for stage in &draft.stages {
        let Stage::Forward { to, ring_s, confirm } = stage else { continue };
        let confirm = if *confirm { ", confirm = \"1\"" } else { "" };
        let to = quoted(to);
        let ring_s = (*ring_s).clamp(1, RING_S_MAX);
        let _ = writeln!(text, "forward = {{ to = {to}, for = \"{ring_s}s\"{confirm} }}");
    }
    match &draft.end {
        End::Open => {}
        End::Mailbox => text.push_str("mailbox = true\n"),
        End::NoMailbox => text.push_str("mailbox = false\n"),
        End::Refuse(code, None) => {
            let _ = writeln!(text, "refuse = {code}");
        }
        End::Refuse(code, Some(reason)) => {
            let reason = quoted(reason);
            let _ = writeln!(text, "refuse = {{ code = {code}, reason = {reason} }}");
        }
    }
}

fn conditions(text: &mut String, when: &Conditions) {
    let mut key = |key: &str, values: &[String]| {
        if !values.is_empty() {
            let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
            let _ = writeln!(text, "{key} = [{}]", values.join(", "));
        }
    };
    let clock = |minute: &u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    if let Some(hours) = &when.hours {
        let windows = hours.iter().map(|(from, to)| format!("{}-{}", clock(from), clock(to)));
        key("when.hours", &windows.collect::<Vec<_>>());
    }
    if let Some(days) = when.days {
        key("when.days", &weekdays(days));
    }
    key("when.dates", when.dates.as_deref().unwrap_or_default());
    key("when.from", when.from.as_deref().unwrap_or_default());
    key("when.to", when.to.as_deref().unwrap_or_default());
    let name = |name: &Option<crate::domain::DeviceName>| {
        name.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    key("when.registered", &name(&when.registered));
    key("when.after", &when.after.iter().map(|cause| (*cause).to_owned()).collect::<Vec<_>>());
    key("unless.from", &when.not_from);
    key("unless.to", &when.not_to);
    key("unless.registered", &name(&when.unregistered));
    if let Some(zone) = &when.zone {
        let _ = writeln!(text, "zone = {}", quoted(zone));
    }
}

/// Days of the week, those next to each other as a range.
fn weekdays(days: u8) -> Vec<String> {
    let mut ranges = Vec::new();
    let mut day = 0;
    while day < 7 {
        let last = (day..7).take_while(|day| days & (1 << day) != 0).last();
        if let Some(last) = last {
            let name = |day: usize| WEEKDAYS.get(day).copied().unwrap_or_default();
            match last - day {
                0 => ranges.push(name(day).to_owned()),
                _ => ranges.push(format!("{}-{}", name(day), name(last))),
            }
            day = last;
        }
        day += 1;
    }
    ranges
}

fn stage(stage: &Stage) -> String {
    let Stage::Devices { devices, ring_s, order, confirm } = stage else { return String::new() };
    let one = |(name, after_s): &(crate::domain::DeviceName, u16)| match after_s {
        0 => quoted(name.as_str()),
        _ => format!("{{ device = {}, after = \"{after_s}s\" }}", quoted(name.as_str())),
    };
    let names: Vec<String> = devices.iter().map(one).collect();
    let mut all = format!("[{}]", names.join(", "));
    if ring_s.is_none() && order.is_none() && !confirm {
        return match devices.as_slice() {
            [(name, 0)] => quoted(name.as_str()),
            _ => all,
        };
    }
    all = format!("{{ devices = {all}");
    if let Some(ring_s) = ring_s {
        let _ = write!(all, ", for = \"{ring_s}s\"");
    }
    if let Some(order) = order {
        let _ = write!(all, ", order = \"{order}\"");
    }
    if *confirm {
        all.push_str(", confirm = \"1\"");
    }
    all.push_str(" }");
    all
}

/// A text in quotes, as TOML has it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for one in text.chars() {
        match one {
            '"' | '\\' => quoted.extend(['\\', one]),
            one if one.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(one));
            }
            one => quoted.push(one),
        }
    }
    quoted.push('"');
    quoted
}

/// What stands in one line of a comment or a name: nothing in it begins another line, or turns
/// the direction of writing.
pub(super) fn line(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for one in text.chars() {
        let odd = one.is_control()
            || matches!(one, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        plain.push(if odd { ' ' } else { one });
    }
    plain.trim().to_owned()
}

/// A word that a shell takes as it stands.
pub(super) fn shell_word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+=,/:@%".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}
