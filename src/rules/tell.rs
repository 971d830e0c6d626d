//! `notify`: who is told, and which rules may do so.

use toml::de::DeTable;

use crate::domain::{Communication, Condition, Few, Member, RuleStage, Run, StageWho, Teller};
use crate::text::shorten;

use super::page::{At, Page, Value, below, called};
use super::tables::{TooMuch, together};
use super::then::{Does, STAGES_MAX, plain};

/// The most who are told in one stage.
const TOLD_MAX: usize = 16;
/// What a message left or a missed call does not bring with it.
const UNKNOWN: [&str; 3] = ["to", "registered", "wishes"];

/// One who is named.
#[derive(PartialEq, Eq)]
enum Named {
    Text(Member),
    Lamp(Member),
    Webhook,
}

impl Page<'_> {
    /// `notify = [["desk", "lamp:desk"], "webhook"]`: stage by stage.
    pub(super) fn notify(&mut self, key: &str, value: &Value<'_>) -> Vec<RuleStage> {
        let one = std::slice::from_ref(value);
        let elements = value.get_ref().as_array().map_or(one, |elements| &elements[..]);
        if elements.is_empty() {
            return vec![plain(StageWho::Told(Run::default()))];
        }
        if elements.len() > STAGES_MAX {
            let what = format!("has more than {STAGES_MAX} stages");
            self.wrong(&value.span(), key, what, None);
        }
        let mut stages = Vec::new();
        for (place, element) in elements.iter().take(STAGES_MAX).enumerate() {
            let key = format!("{key}[{place}]");
            if element.get_ref().as_table().is_some() {
                let hint = "write [\"desk\", \"lamp:desk\"]: nobody rings, so there is no time";
                let what = format!("names who is told, not {}", called(element.get_ref()));
                self.wrong(&element.span(), &key, what, Some(hint));
                continue;
            }
            let told = self.told(&key, element);
            let kept = self.kept(told);
            let run = kept.and_then(|kept| together(&mut self.tables.members, kept));
            let run = self.fits(&element.span(), &key, run);
            stages.extend(run.map(|run| plain(StageWho::Told(run))));
        }
        stages
    }

    /// Who is told in one stage, each once.
    fn told(&mut self, key: &str, value: &Value<'_>) -> Vec<Named> {
        let mut told: Vec<Named> = Vec::new();
        for (text, at) in self.texts(key, value) {
            let (lamp, name) = match text.strip_prefix("lamp:") {
                Some(name) => (true, name),
                None => (false, &*text),
            };
            let found: Vec<Named> = match name {
                "webhook" if !lamp => vec![Named::Webhook],
                "webhook" | "all" | "list" | "push" => {
                    let what = format!("\"{}\" is nobody who can be told", shorten(&text));
                    let hint =
                        "name devices, \"tag:NAME\", \"group:NAME\", \"lamp:NAME\" or \"webhook\"";
                    self.wrong(&at, key, what, Some(hint));
                    continue;
                }
                name => {
                    let members = self.members_named(key, &at, name);
                    let named = if lamp { Named::Lamp } else { Named::Text };
                    members.into_iter().map(named).collect()
                }
            };
            for one in found {
                if !told.contains(&one) {
                    told.push(one);
                }
            }
        }
        if told.len() > TOLD_MAX {
            let what = format!("tells {} at once, and {TOLD_MAX} is the most", told.len());
            self.wrong(&value.span(), key, what, None);
        }
        told
    }

    fn kept(&mut self, told: Vec<Named>) -> Result<Vec<u16>, TooMuch> {
        let mut kept = Vec::with_capacity(told.len());
        for one in told {
            let teller = match &one {
                Named::Text(member) => Teller::Text(self.tables.device(member)?),
                Named::Lamp(member) => Teller::Lamp(self.tables.device(member)?),
                Named::Webhook => Teller::Webhook,
            };
            kept.push(teller.pack().ok_or(TooMuch)?);
        }
        Ok(kept)
    }

    /// Whether what a rule does and the kinds that it is for go together.
    pub(super) fn tells_as_it_may(
        &mut self,
        path: &str,
        (at, table): (&At, &DeTable<'_>),
        does: &Does,
        (goes_on, when): (bool, Run),
    ) {
        let kinds = kinds(when.of(&self.tables.conditions));
        let notices = Communication::ALL.into_iter().filter(|kind| kind.is_notice());
        let notices: Vec<_> = notices.filter(|kind| kinds.has(*kind as u8)).collect();
        let calls = Communication::ALL.into_iter().filter(|kind| !kind.is_notice());
        let any_call = kinds == Few::default() || calls.into_iter().any(|k| kinds.has(k as u8));
        let rings = !does.stages.is_empty();
        let more = rings || does.mailbox.is_some() || does.refuse.is_some();
        if !notices.is_empty() && more {
            let what = "is for messages left or missed calls, and does more than notify";
            let hint = "leave \"message\" and \"missed\" to a rule that says `notify` alone";
            self.wrong(at, path, what, Some(hint));
        } else if does.tells.is_some() && rings {
            let what = "rings, and notifies instead of ringing";
            let hint = "to tell of a call that nobody has taken, add a rule with when.kind = \
                        [\"missed\"]";
            self.wrong(at, path, what, Some(hint));
        } else if does.tells.is_some() && goes_on && any_call {
            let what = "notifies instead of ringing, so no rule is asked behind it";
            self.wrong(at, path, what, Some("leave `continue` out"));
        }
        if !notices.is_empty() {
            self.asks_what_is_known(path, table);
        }
        self.lamps_for_messages(path, table, kinds);
    }

    fn asks_what_is_known(&mut self, path: &str, table: &DeTable<'_>) {
        for part in ["when", "unless"] {
            let Some(conditions) = table.get(part).and_then(|value| value.get_ref().as_table())
            else {
                continue;
            };
            for name in UNKNOWN {
                let Some(value) = conditions.get(name) else { continue };
                let key = format!("{path}.{part}.{name}");
                let what = "is not known of a message left or a missed call";
                self.wrong(&value.span(), &key, what, Some("leave it out"));
            }
        }
    }

    /// A lamp says how many messages wait, and nothing else.
    fn lamps_for_messages(&mut self, path: &str, table: &DeTable<'_>, kinds: Few) {
        let Some(value) = table.get("notify") else { return };
        let one = std::slice::from_ref(value);
        let stages = value.get_ref().as_array().map_or(one, |elements| &elements[..]);
        let texts = stages.iter().flat_map(|stage| {
            let one = std::slice::from_ref(stage);
            stage.get_ref().as_array().map_or(one, |elements| &elements[..])
        });
        let is_lamp = |text: &&Value<'_>| {
            text.get_ref().as_str().is_some_and(|text| text.starts_with("lamp:"))
        };
        let lamp = texts.into_iter().find(is_lamp).map(|text| text.span());
        let Some(at) = lamp else { return };
        if kinds != Few::default().with(Communication::Message as u8) {
            let what = "lights a lamp, which tells of messages left and of nothing else";
            let hint = "give it a rule of its own with when.kind = [\"message\"]";
            self.wrong(&at, &below(path, "notify"), what, Some(hint));
        }
    }

    /// What stands behind one name: a device, a tag, or a group of them.
    fn members_named(&mut self, key: &str, at: &At, name: &str) -> Vec<Member> {
        match name.strip_prefix("group:") {
            Some(group) => self.group(key, at, group),
            None => self.member(key, at, name).into_iter().collect(),
        }
    }
}

/// The kinds that conditions name; none if they do not.
fn kinds(when: &[Condition]) -> Few {
    when.iter().find_map(Condition::kinds).unwrap_or_default()
}

/// Whether a rule is for messages left and missed calls alone: one that always matches before it
/// does not hold for these.
pub(super) fn is_for_notices_alone(table: &DeTable<'_>) -> bool {
    let when = table.get("when").and_then(|value| value.get_ref().as_table());
    let Some(kind) = when.and_then(|when| when.get("kind")) else { return false };
    let one = std::slice::from_ref(kind);
    let kinds = kind.get_ref().as_array().map_or(one, |elements| &elements[..]);
    let is_notice = |text: &Value<'_>| {
        let text = text.get_ref().as_str();
        let known = Communication::ALL.into_iter().find(|kind| Some(kind.as_str()) == text);
        known.is_some_and(Communication::is_notice)
    };
    !kinds.is_empty() && kinds.iter().all(is_notice)
}
