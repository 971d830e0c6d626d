//! Rules in sentences.

use crate::domain::{DeviceName, Found, Greeting, Local, Miss, Told, ToldStep, Turn, Wish, Zone};

const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// No rule had the last word about a message left or a missed call.
pub(super) const NONE_TELLS: &str =
    "no rule has the last word: the webhook is told of what came to a mailbox";

/// What the wall showed: `it is Sunday 2026-03-29, 03:30 in Europe/Berlin (+02:00)`.
pub(super) fn moment(zone: &Zone, local: &Local) -> String {
    let offset_minutes = local.offset_s.unsigned_abs() / 60;
    let sign = if local.offset_s < 0 { '-' } else { '+' };
    format!(
        "it is {} {}, {} in {} ({sign}{:02}:{:02})",
        weekday(local.weekday),
        local.day,
        clock(local.minute),
        zone.as_str(),
        offset_minutes / 60,
        offset_minutes % 60
    )
}

/// A rule, and why it did not match.
pub(super) fn rule(name: &str, line: u32, missed: Option<&Miss>) -> String {
    match missed {
        None => format!("rule {name} (line {line}): matches"),
        Some(miss) => format!("rule {name} (line {line}): no, {}", why_missed(miss)),
    }
}

/// Where a call is forwarded to, or why not.
pub(super) fn forward(to: &str, stage: u8, why_not: Option<&str>) -> String {
    match why_not {
        None => format!("forwarded to {to}, stage {stage}"),
        Some(why_not) => format!("forward to {to}, stage {stage}: left out, it {why_not}"),
    }
}

/// With which device a stage begins whose order depends on what was.
pub(super) fn turn(order: Turn, device: &DeviceName) -> String {
    format!("order {}: begins with {device}", order.as_str())
}

/// A rule that would ring as something has failed.
pub(super) fn nothing_before(name: &str) -> String {
    format!("rule {name}: left out, nothing rings before that could fail")
}

/// What is told of a mailbox, and how it greets if a rule has chosen that.
pub(super) fn greeted(told: String, greeting: Option<&Greeting>) -> String {
    match greeting {
        None => told,
        Some(Greeting { name, known: true }) => format!("{told}, with its greeting {name}"),
        Some(Greeting { name, known: false }) => {
            format!("{told}; it has no greeting {name}, and greets as usual")
        }
    }
}

/// Who is told, or why not.
pub(super) fn told(told: &ToldStep, why_not: Option<&str>) -> String {
    let stage = told.stage;
    let who = match &told.who {
        None => return "nobody is told".to_owned(),
        Some(Told::Text(device)) => format!("device {device} is told by a text"),
        Some(Told::Lamp(device)) => format!("device {device} is told how many messages wait"),
        Some(Told::Webhook) => "the webhook is told".to_owned(),
    };
    match why_not {
        None => format!("{who}, stage {stage}"),
        Some(why_not) => format!("{who}, stage {stage}: left out, it {why_not}"),
    }
}

/// A tag that nothing has.
pub(super) fn untagged(tag: &str, stage: u8) -> String {
    format!("tag {tag}, stage {stage}: left out, no device of the account has it")
}

/// A wish that is carried out.
pub(super) fn wish(wish: Wish) -> String {
    format!("as the caller wishes: {}", wish.as_str())
}

fn why_missed(Miss { found, unless }: &Miss) -> String {
    let is = if *unless { "an exception for" } else { "not for" };
    match found {
        Found::Hours { minute } => format!("{is} {}", clock(*minute)),
        Found::Days { weekday: day } => format!("{is} a {}", weekday(*day)),
        Found::Dates { day } => format!("{is} {day}"),
        Found::Holidays { day } if *unless => format!("{day} is a holiday"),
        Found::Holidays { day } => format!("{day} is no holiday"),
        Found::From => format!("{is} this caller"),
        Found::To => format!("{is} what was dialled"),
        Found::Kind { kind } => format!("{is} this kind ({})", kind.as_str()),
        Found::Busy { calls } => format!("{is} {calls} calls up"),
        Found::Registered if *unless => "one of its devices can be reached".to_owned(),
        Found::Registered => "none of its devices can be reached".to_owned(),
        Found::InCall if *unless => "one of its devices is in a call".to_owned(),
        Found::InCall => "none of its devices is in a call".to_owned(),
        Found::Dnd if *unless => "one of its devices is set to do not disturb".to_owned(),
        Found::Dnd => "none of its devices is set to do not disturb".to_owned(),
        Found::Wishes => format!("{is} what the caller wishes"),
        Found::After => "nothing rings before that could fail".to_owned(),
    }
}

fn weekday(day: u8) -> &'static str {
    WEEKDAYS.get(usize::from(day)).copied().unwrap_or("day")
}

fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}
