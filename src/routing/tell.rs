//! Who is told: of a message left and of a missed call, by the rules for these; of a call or a
//! text, where a rule notifies instead of ringing.

use crate::domain::{
    Communication, Condition, DeviceName, DeviceSkip, Found, Member, Miss, Rule, Rules, Step,
    Target, Teller, Tells, Told, ToldStep,
};

use super::List;
use super::judge::{Judge, Question};

/// Asks the rules that are for a message left or a missed call: those whose `when.kind` names it,
/// and no others. The first that matches decides; those that go on tell first.
///
/// # Errors
/// Whom those that go on tell, if no rule had the last word.
pub fn tell(
    rules: &Rules,
    question: &Question<'_>,
    list: &List<'_>,
    steps: &mut Vec<Step>,
) -> Result<Tells, Tells> {
    let mut judge = Judge::new(rules, question, list);
    let mut tells = Tells::new();
    for (rule, name) in rules.rules.iter().zip(rules.names.pieces()) {
        let kind = question.kind;
        let missed = match names_kind(rules, rule, kind) {
            true => judge.missed(rule, steps),
            false => Some(Miss { found: Found::Kind { kind }, unless: false }),
        };
        steps.push(Step::Rule { name, line: rule.line, missed });
        if missed.is_some() {
            continue;
        }
        told_by(rules, rule, list, &mut tells, steps);
        if !rule.goes_on {
            return Ok(tells);
        }
    }
    steps.push(Step::NoneTells);
    Err(tells)
}

/// Puts those whom a rule tells behind the others. Stages in which nobody is left are left out.
pub(super) fn told_by(
    rules: &Rules,
    rule: &Rule,
    list: &List<'_>,
    tells: &mut Tells,
    steps: &mut Vec<Step>,
) {
    for stage in rule.stages.of(&rules.stages) {
        let Some(run) = stage.who.told() else { continue };
        let number = u8::try_from(tells.len() + 1).unwrap_or(u8::MAX);
        let members = run.of(&rules.members);
        if members.is_empty() {
            steps.push(Step::Told(ToldStep { stage: number, who: None, skip: None }));
        }
        let mut all: Vec<Told> = Vec::with_capacity(members.len());
        for teller in members.iter().map(|member| Teller::unpack(*member)) {
            let found = standing(teller, rules, list);
            if let (true, Some(tag)) = (found.is_empty(), tag_of(teller, rules)) {
                steps.push(Step::Untagged { tag: tag.into(), stage: number });
            }
            for who in found {
                // By its name and by a tag.
                if !all.contains(&who) {
                    all.push(who);
                }
            }
        }
        let mut told = Vec::with_capacity(all.len());
        for who in all {
            let skip = left_out(&who, list);
            if skip.is_none() {
                told.push(who.clone());
            }
            steps.push(Step::Told(ToldStep { stage: number, who: Some(who), skip }));
        }
        if !told.is_empty() {
            tells.push(told);
        }
    }
}

/// All lamps that rules name, each once, whenever they are lit.
#[must_use]
pub fn lamps(rules: &Rules, list: &List<'_>) -> Vec<Told> {
    let stages = rules.stages.iter().filter_map(|stage| stage.who.told());
    let stages = stages.map(|run| run.of(&rules.members));
    let mut lamps: Vec<Told> = Vec::new();
    for teller in stages.flatten().map(|member| Teller::unpack(*member)) {
        let found = standing(teller, rules, list).into_iter();
        for lamp in found.filter(|who| matches!(who, Told::Lamp(_))) {
            if !lamps.contains(&lamp) && left_out(&lamp, list).is_none() {
                lamps.push(lamp);
            }
        }
    }
    lamps
}

fn tag_of(teller: Teller, rules: &Rules) -> Option<&str> {
    teller.name(&rules.devices)?.strip_prefix(Member::TAG)
}

/// Who stands behind what a rule names: one, or all that have a tag.
fn standing(teller: Teller, rules: &Rules, list: &List<'_>) -> Vec<Told> {
    let Some(name) = teller.name(&rules.devices) else { return vec![Told::Webhook] };
    match name.strip_prefix(Member::TAG) {
        None => DeviceName::parse(name).map(|name| teller.with(name)).into_iter().collect(),
        Some(tag) => {
            let having = list.devices.iter().filter(|device| device.tags.has(tag));
            having.map(|device| teller.with(device.name.clone())).collect()
        }
    }
}

/// Why somebody is not told. A lamp disturbs nobody who has set not to be disturbed.
fn left_out(who: &Told, list: &List<'_>) -> Option<DeviceSkip> {
    let name = who.device()?;
    let Some(device) = list.devices.iter().find(|device| device.name == *name) else {
        return Some(DeviceSkip::Missing);
    };
    match &device.target {
        _ if !device.enabled => Some(DeviceSkip::Disabled),
        _ if device.dnd && matches!(who, Told::Text(_)) => Some(DeviceSkip::Dnd),
        Target::Number(_) => Some(DeviceSkip::NoText),
        // Whether it is registered is seen when it is told: it may be in some minutes.
        Target::Uri(_) | Target::Aor(_) => None,
    }
}

fn names_kind(rules: &Rules, rule: &Rule, kind: Communication) -> bool {
    let when = rule.when.of(&rules.conditions).iter();
    when.filter_map(Condition::kinds).any(|kinds| kinds.has(kind as u8))
}
