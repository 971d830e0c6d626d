//! Rules, and what they do: `ring`, `forward`, `mailbox`, `refuse`.

use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use crate::domain::{
    Few, ORDER_RING_S_MAX, RING_S_MAX, Rule, RuleEnd, RuleStage, Run, Skips, StageWho, Target, Turn,
};
use crate::text::{parse_duration, shorten};

use super::page::{At, Page, Value, Wrong, below, called};
use super::tables::{place, together};
use super::when::one_of;

const KEYS: &[&str] = &[
    "name", "zone", "when", "unless", "ring", "forward", "mailbox", "refuse", "notify", "continue",
];
const STAGE_KEYS: &[&str] = &["devices", "for", "order", "confirm", "skip"];
const STAGE_LATER: &[(&str, &str)] = &[
    ("delay", AT_THE_DEVICE),
    ("after", AT_THE_DEVICE),
    ("device", "belongs into a list: [\"desk\", { device = \"mobile\", after = \"8s\" }]"),
];
const AT_THE_DEVICE: &str = "stands at the device: { device = \"mobile\", after = \"8s\" }";
const PARALLEL: &str = "parallel";
const TURNS: [Turn; 4] = [Turn::Serial, Turn::RoundRobin, Turn::LeastRecent, Turn::LastAnswered];
/// What a stage may leave out.
const SKIPS: [&str; 3] = ["busy", "unregistered", "dnd"];
/// The most stages of one rule.
pub(super) const STAGES_MAX: usize = 32;
/// The longest name of a rule, in characters.
const NAME_MAX: usize = 64;

/// What a rule does, as far as it was read.
#[derive(Default)]
pub(super) struct Does {
    pub(super) stages: Vec<RuleStage>,
    pub(super) mailbox: Option<RuleEnd>,
    pub(super) refuse: Option<RuleEnd>,
    /// Who is told; no stage of what rings.
    pub(super) tells: Option<Vec<RuleStage>>,
}

/// A stage of which nothing more is said.
pub(super) fn plain(who: StageWho) -> RuleStage {
    let (after, skips) = (Run::default(), Skips::default());
    RuleStage { ring_s: None, after, confirm: None, who, skips }
}

impl Page<'_> {
    /// `[[rule]]`
    pub(super) fn rule(&mut self, at_place: usize, at: &At, table: &DeTable<'_>) {
        let path = format!("rule[{at_place}]");
        self.known(table, &path, KEYS, &[]);
        let name = self.rule_name(at_place, &path, table);
        let zone = table.get("zone").and_then(|value| {
            let key = below(&path, "zone");
            let zone = self.zone(value, &key)?;
            let place = self.tables.zone(zone);
            self.fits(&value.span(), &key, place)
        });
        let [when, unless] = ["when", "unless"].map(|key| {
            let value = table.get(key);
            value.map_or_else(Run::default, |value| self.conditions(&below(&path, key), value))
        });
        let [after, _] =
            ["when", "unless"].map(|key| self.causes(&below(&path, key), table.get(key)));
        let goes_on = table.get("continue");
        let goes_on = goes_on.and_then(|value| self.flag(&below(&path, "continue"), value));
        let goes_on = goes_on.unwrap_or_default();
        let mistakes = self.mistake_count();
        let does = self.does(&path, table);
        if self.mistake_count() == mistakes {
            self.makes_sense(&path, at, &does, goes_on);
            self.only_rings(&path, at, &does, after);
            self.tells_as_it_may(&path, (at, table), &does, (goes_on, when));
        }
        let ring_s =
            does.stages.iter().map(|stage| u32::from(stage.ring_s.unwrap_or(0))).sum::<u32>();
        if ring_s > u32::from(ORDER_RING_S_MAX) {
            let what = format!("its stages ring {ring_s} s, and {ORDER_RING_S_MAX} s is the most");
            self.wrong(at, &path, what, None);
        }
        let stages = does.tells.unwrap_or(does.stages);
        let stages = together(&mut self.tables.stages, stages);
        let Some(stages) = self.fits(at, &path, stages) else { return };
        let end = match (does.refuse, does.mailbox) {
            (Some(refuse), _) => refuse,
            (None, Some(mailbox)) => mailbox,
            (None, None) => RuleEnd::Open,
        };
        let line = self.line(at);
        self.tables.rules.push(Rule { line, zone, goes_on, when, unless, stages, after, end });
        self.tables.names.push(name);
    }

    fn rule_name(&mut self, at_place: usize, path: &str, table: &DeTable<'_>) -> Arc<str> {
        let own: Arc<str> = format!("{}", at_place + 1).into();
        let Some(value) = table.get("name") else { return own };
        let key = below(path, "name");
        let Some(name) = self.text(&key, value) else { return own };
        let plain = !name.is_empty()
            && name.chars().count() <= NAME_MAX
            && !name.chars().any(char::is_control);
        if !plain {
            let what = format!("must be 1 to {NAME_MAX} characters in one line");
            self.wrong(&value.span(), &key, what, None);
        } else if self.names().contains(name) {
            self.wrong(&value.span(), &key, "another rule has this name", None);
        }
        name.into()
    }

    fn does(&mut self, path: &str, table: &DeTable<'_>) -> Does {
        let mut does = Does::default();
        if let Some(value) = table.get("ring") {
            does.stages = self.ring(&below(path, "ring"), value);
        }
        if let Some(value) = table.get("forward") {
            let stage = self.forward(&below(path, "forward"), value);
            does.stages.extend(stage);
        }
        if let Some(value) = table.get("mailbox") {
            does.mailbox = self.mailbox(&below(path, "mailbox"), value);
        }
        if let Some(value) = table.get("refuse") {
            does.refuse = self.refuse(&below(path, "refuse"), value);
        }
        does.tells = table.get("notify").map(|value| self.notify(&below(path, "notify"), value));
        does
    }

    fn makes_sense(&mut self, path: &str, at: &At, does: &Does, goes_on: bool) {
        let rings = !does.stages.is_empty() || does.tells.is_some();
        let refuses_too = !does.stages.is_empty() || does.mailbox.is_some() || goes_on;
        if does.refuse.is_some() && refuses_too {
            let what = "refuses, and does something else as well";
            let hint =
                "a rule that refuses does nothing else: what rang before has answered or not";
            self.wrong(at, path, what, Some(hint));
        } else if does.refuse.is_none() && !rings && does.mailbox.is_none() {
            let hint = "say what rings (`ring`), or `forward`, `mailbox`, `refuse`, `notify`";
            self.wrong(at, path, "does nothing", Some(hint));
        } else if !rings
            && does.mailbox == Some(RuleEnd::NoMailbox)
            && !goes_on
            && !self.goes_before()
        {
            let hint = "add `ring`, or let the rule `refuse` with a code";
            self.wrong(at, path, "leaves the caller with nobody", Some(hint));
        }
    }

    /// Whether a rule before this one rings and goes on: then this one may say that this was all.
    fn goes_before(&self) -> bool {
        self.tables.rules.iter().any(|rule| rule.goes_on && rule.stages.count > 0)
    }

    /// What comes in the end can't be a matter of how something has failed.
    fn only_rings(&mut self, path: &str, at: &At, does: &Does, after: Few) {
        let more = does.refuse.is_some() || does.mailbox.is_some() || does.tells.is_some();
        if after != Few::default() && more {
            let what = "does more than ring, and only after something has failed";
            let hint = "let a rule behind it say what comes in the end";
            self.wrong(at, path, what, Some(hint));
        }
    }

    /// `ring = ["desk", ["soft", "mobile"], { devices = …, for = "20s" }]`: stage by stage.
    fn ring(&mut self, key: &str, value: &Value<'_>) -> Vec<RuleStage> {
        let one = std::slice::from_ref(value);
        let elements = value.get_ref().as_array().map_or(one, |elements| &elements[..]);
        if elements.is_empty() {
            self.wrong(&value.span(), key, "lists nothing", Some("leave the key out"));
        }
        if elements.len() > STAGES_MAX {
            let what = format!("has more than {STAGES_MAX} stages");
            self.wrong(&value.span(), key, what, None);
        }
        let stages = elements.iter().take(STAGES_MAX).enumerate();
        stages
            .filter_map(|(place, element)| self.stage(&format!("{key}[{place}]"), element))
            .collect()
    }

    fn stage(&mut self, key: &str, value: &Value<'_>) -> Option<RuleStage> {
        let at = value.span();
        let (devices, ring_s, turn, skips, confirm) = match value.get_ref() {
            DeValue::String(text) if text.as_ref() == "list" => return Some(plain(StageWho::List)),
            DeValue::String(_) | DeValue::Array(_) => (value, None, None, Skips::default(), None),
            DeValue::Table(table) => {
                self.known(table, key, STAGE_KEYS, STAGE_LATER);
                let ring = table.get("for");
                let ring_s = ring.and_then(|value| self.ring_s(&below(key, "for"), value));
                let order = table.get("order");
                let turn = order.and_then(|value| self.order(&below(key, "order"), value));
                let skips = table.get("skip");
                let skips = skips.map(|value| self.skips(&below(key, "skip"), value));
                let Some(devices) = table.get("devices") else {
                    let hint = "add devices = [\"NAME\", …]";
                    self.wrong(&at, key, "does not say what rings", Some(hint));
                    return None;
                };
                let skips = skips.unwrap_or_default();
                (devices, ring_s, turn.flatten(), skips, self.confirm(key, table))
            }
            other @ (DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)) => {
                let what =
                    format!("must be a device, a list of them or a stage, not {}", called(other));
                self.wrong(&at, key, what, None);
                return None;
            }
        };
        let all = devices.get_ref().as_str() == Some("all");
        if all {
            if turn.is_some() {
                let hint = "write \"list\" for the account's own stages";
                self.wrong(&at, key, "all devices ring together", Some(hint));
            }
            return Some(RuleStage { ring_s, confirm, skips, ..plain(StageWho::All) });
        }
        let (names, delays) = self.joining(key, devices, ring_s, turn.is_some());
        let run = self.tables.members(&names);
        let run = self.fits(&at, key, run)?;
        let after = self.tables.delays(delays);
        let after = self.fits(&at, key, after)?;
        let who = match turn {
            Some(turn) => StageWho::OneByOne(run, turn),
            None => StageWho::Together(run),
        };
        Some(RuleStage { ring_s, after, confirm, who, skips })
    }

    /// `confirm = "1"`
    fn confirm(&mut self, key: &str, table: &DeTable<'_>) -> Option<u8> {
        let value = table.get("confirm")?;
        let key = below(key, "confirm");
        let text = self.text(&key, value)?;
        let read = match text.as_bytes() {
            [digit @ b'0'..=b'9'] => Ok(*digit),
            _ => {
                let what = format!("\"{}\" is no key that can be asked for", shorten(text));
                Err((what, Some("take one digit, such as \"1\"".to_owned())))
            }
        };
        self.take(&value.span(), &key, read)
    }

    /// `order`: `None` for devices that ring together.
    fn order(&mut self, key: &str, value: &Value<'_>) -> Option<Option<Turn>> {
        let text = self.text(key, value)?;
        if text == PARALLEL {
            return Some(None);
        }
        let known = TURNS.iter().find(|turn| turn.as_str() == text).copied();
        let names: Vec<&str> = [PARALLEL].into_iter().chain(TURNS.map(Turn::as_str)).collect();
        self.take(&value.span(), key, known.ok_or_else(|| one_of(text, &names))).map(Some)
    }

    /// `skip = ["busy"]`. Who is not registered, or not to be disturbed, is left out in any case.
    fn skips(&mut self, key: &str, value: &Value<'_>) -> Skips {
        let read = |text: &str| {
            SKIPS.into_iter().find(|known| *known == text).ok_or_else(|| one_of(text, &SKIPS))
        };
        Skips { busy: self.each_text(key, value, read).contains(&"busy") }
    }

    pub(super) fn ring_s(&mut self, key: &str, value: &Value<'_>) -> Option<u16> {
        let text = self.text(key, value)?;
        let read = parse_duration(text).map_err(|what| (what, None)).and_then(|ring| {
            let whole = ring.subsec_nanos() == 0;
            let ring_s = u16::try_from(ring.as_secs()).ok().filter(|_| whole);
            ring_s
                .filter(|ring_s| (1..=RING_S_MAX).contains(ring_s))
                .ok_or_else(|| (format!("take 1s to {RING_S_MAX}s, in whole seconds"), None))
        });
        self.take(&value.span(), key, read)
    }

    /// `forward = "+49171…"`, or with a time.
    fn forward(&mut self, key: &str, value: &Value<'_>) -> Option<RuleStage> {
        let (to, ring_s, confirm) = match value.get_ref().as_table() {
            None => (value, None, None),
            Some(table) => {
                self.known(table, key, &["to", "for", "confirm"], STAGE_LATER);
                let ring = table.get("for");
                let ring_s = ring.and_then(|value| self.ring_s(&below(key, "for"), value));
                let Some(to) = table.get("to") else {
                    let hint = "add to = \"+49171…\"";
                    self.wrong(&value.span(), key, "does not say where to", Some(hint));
                    return None;
                };
                (to, ring_s, self.confirm(key, table))
            }
        };
        let text = self.text(key, to)?;
        let target = self.take(&to.span(), key, target(text))?;
        let made = place(&mut self.tables.targets, target);
        let target = self.fits(&to.span(), key, made)?;
        Some(RuleStage { ring_s, confirm, ..plain(StageWho::Forward(target)) })
    }

    /// `refuse = 486`, or `{ code = 603, reason = "…" }`.
    fn refuse(&mut self, key: &str, value: &Value<'_>) -> Option<RuleEnd> {
        let Some(table) = value.get_ref().as_table() else {
            let code = self.count(key, value, [400, 699])?;
            return Some(RuleEnd::Refuse { code, reason: None });
        };
        self.known(table, key, &["code", "reason"], &[]);
        let reason = table.get("reason").and_then(|value| {
            let key = below(key, "reason");
            let text = self.text(&key, value)?;
            let text = self.take(&value.span(), &key, reason(text))?;
            let made = place(&mut self.tables.texts, text);
            self.fits(&value.span(), &key, made)
        });
        let Some(code) = table.get("code") else {
            self.wrong(&value.span(), key, "does not say with which code", Some("add code = 486"));
            return None;
        };
        let code = self.count(&below(key, "code"), code, [400, 699])?;
        Some(RuleEnd::Refuse { code, reason })
    }
}

fn target(text: &str) -> Result<Target, Wrong> {
    Target::parse(text).map_err(|_| {
        let what = format!("\"{}\" is no place to forward to", shorten(text));
        (what, Some("write +49171…, user@host or a SIP URI".to_owned()))
    })
}

/// A sentence for the caller, which goes into a status line and a quoted string of a header.
fn reason(text: &str) -> Result<Arc<str>, Wrong> {
    const BYTES_MAX: usize = 80;
    let plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && !b"\"\\".contains(&byte));
    if plain && (1..=BYTES_MAX).contains(&text.len()) {
        return Ok(text.into());
    }
    let what = format!("must be 1 to {BYTES_MAX} plain characters without quotes");
    Err((what, Some("it is sent in the answer's first line".to_owned())))
}
