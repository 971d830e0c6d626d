//! The words of a line: plain ones and `key=value` ones.

use hallporter::desk::{Desk, Ended, Output, Tidings};
use hallporter::domain::{EndCause, Now, Outcome, Push, PushId, PushOver, Told};

use super::house::House;

/// One line, taken apart.
pub(crate) struct Words<'a> {
    plain: Vec<&'a str>,
    keyed: Vec<(&'a str, &'a str)>,
}

impl<'a> Words<'a> {
    pub(crate) fn new(line: &'a str) -> Self {
        let (keyed, plain): (Vec<&str>, Vec<&str>) =
            line.split_whitespace().partition(|word| is_keyed(word));
        let keyed = keyed.into_iter().filter_map(|word| word.split_once('=')).collect();
        Self { plain, keyed }
    }

    /// The plain word at a place, empty if there is none.
    pub(crate) fn at(&self, place: usize) -> &'a str {
        self.plain.get(place).copied().unwrap_or_default()
    }

    /// The plain words behind a place.
    pub(crate) fn from(&self, place: usize) -> &[&'a str] {
        self.plain.get(place..).unwrap_or_default()
    }

    /// The plain word behind another one.
    pub(crate) fn behind(&self, word: &str) -> Option<&'a str> {
        let place = self.plain.iter().position(|plain| *plain == word)?;
        self.plain.get(place + 1).copied()
    }

    pub(crate) fn has(&self, word: &str) -> bool {
        self.plain.contains(&word)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'a str> {
        self.keyed.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }

    /// `h=7.9` or `h=9`.
    pub(crate) fn dialog(&self) -> Option<(u32, u32)> {
        self.get("h").map(dialog)
    }
}

fn is_keyed(word: &str) -> bool {
    let key = word.split_once('=').map_or("", |(key, _)| key);
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase())
}

pub(crate) fn dialog(text: &str) -> (u32, u32) {
    let (entry, id) = text.split_once('.').unwrap_or(("1", text));
    (entry.parse().unwrap(), id.parse().unwrap())
}

/// A time such as `1500ms`, `12s`, `5m` or `2h`, in milliseconds.
pub(crate) fn time(word: &str) -> Option<u64> {
    let digits = word.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let factor = match &word[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    digits.parse::<u64>().ok().map(|number| number * factor)
}

/// What an outcome looks like in a case.
pub(crate) fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Pass { .. } => "pass".to_owned(),
        Outcome::Refuse(refusal) => format!("{} {}", refusal.code, refusal.cause.as_str()),
        Outcome::Fork(order) => {
            let stages = order.stages.iter().map(|stage| {
                let devices = stage.branches.iter().map(|branch| {
                    let wakes = if branch.wake.is_some() { "~" } else { "" };
                    format!("{wakes}{}", branch.device)
                });
                let after = stage.after.as_ref().map(|after| format!("@{}", after.words()));
                let devices = devices.collect::<Vec<_>>().join("+");
                format!("{}:{devices}{}", stage.ring_s, after.unwrap_or_default())
            });
            format!("fork {}", stages.collect::<Vec<_>>().join(" "))
        }
    }
}

/// What an output looks like in a case.
pub(crate) fn output(output: &Output, desk: &Desk) -> Option<String> {
    match output {
        Output::Answer { decision, repeated, .. } => {
            let mut text = outcome(&decision.outcome);
            let refused = matches!(decision.outcome, Outcome::Refuse(_));
            let counted =
                decision.call.is_some_and(|call| desk.call(call, Now::default()).is_some());
            if !counted && !refused {
                text.push_str(" uncounted");
            }
            if *repeated {
                text.push_str(" again");
            }
            Some(text)
        }
        Output::Applied { result: Ok(()), .. } => None,
        Output::Applied { result: Err(error), .. } => Some(error.to_string()),
        Output::Released { ended, .. } => {
            Some(ended.as_ref().map_or_else(|| "no such call".to_owned(), self::ended))
        }
        Output::Ended(ended) => Some(self::ended(ended)),
        Output::Adopted { call_id, .. } => Some(format!("adopted {call_id}")),
        Output::Push(push) => Some(self::push(push)),
        Output::PushOver { id, over } => Some(push_over(id, *over)),
        Output::Tell { tidings, .. } => Some(told(tidings)),
        Output::CallBack { .. }
        | Output::Managed(_)
        | Output::Met(_)
        | Output::Known(_)
        | Output::Switch(..)
        | Output::Spool(_)
        | Output::Link { .. }
        | Output::Ask(_)
        | Output::Ledger(_)
        | Output::Recall { .. }
        | Output::Fenced { .. }
        | Output::DepositBegan { .. }
        | Output::DepositOver { .. } => Some(format!("{output:?}")),
    }
}

fn push(push: &Push) -> String {
    let said = push.contact.as_ref();
    let contact = said.map(|said| format!(" {}/{}/{}", said.provider, said.prid, said.param));
    let video = if push.video { " video" } else { "" };
    format!(
        "push {} of {} for {} ({}){video} in {}s{}",
        push.id,
        push.account,
        push.aor,
        push.caller,
        push.needed_in_s,
        contact.unwrap_or_default()
    )
}

fn push_over(id: &PushId, over: Option<PushOver>) -> String {
    let over = over.map(|over| serde_json::to_value(over).unwrap());
    let over = over.as_ref().map_or("answered", |over| over.as_str().unwrap());
    format!("no push {id} {over}")
}

fn told(tidings: &Tidings) -> String {
    let telling = &tidings.telling;
    let stage =
        |stage: &Vec<Told>| stage.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + ");
    let stages: Vec<String> = telling.stages.iter().map(stage).collect();
    let (kind, shown) = (telling.kind.as_str(), &telling.shown);
    let who = if stages.is_empty() { "nobody".to_owned() } else { stages.join(", ") };
    format!("tell {kind} from {shown}: {who}")
}

fn ended(ended: &Ended) -> String {
    let cause = match ended.cause {
        EndCause::Ended => "ended",
        EndCause::Failed => "failed",
        EndCause::Expired => "expired",
        EndCause::Vanished => "vanished",
        EndCause::TooLong => "too long",
        EndCause::Released => "released",
    };
    format!("{} {cause}", ended.call_id)
}

/// The figures of an account: `live/cap in live/cap out live/cap`, caps only where there are any.
pub(crate) fn usage(house: &House, name: &str) -> String {
    let Some(key) = house.key(name) else { return "no such account".to_owned() };
    let usage = house.desk().usage(key);
    let show = |pool: hallporter::admission::PoolUsage| {
        let cap = pool.cap.map(|cap| format!("/{cap}")).unwrap_or_default();
        format!("{}{cap}", pool.live)
    };
    format!("{} in {} out {}", show(usage.total), show(usage.incoming), show(usage.outgoing))
}
