//! Who is told: of a message left and of a missed call, by the rules for these; of a call or a
//! text, where a rule notifies instead of ringing.

use crate::domain::{
    Communication, Condition, DeviceSkip, Found, Miss, Rule, Rules, StageWho, Step, Target, Teller,
    Tells, Told, ToldStep,
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
        let StageWho::Told(run) = stage.who else { continue };
        let number = u8::try_from(tells.len() + 1).unwrap_or(u8::MAX);
        let members = run.of(&rules.members).iter();
        let members = members.filter_map(|member| Teller::unpack(*member).told(&rules.devices));
        let members: Vec<Told> = members.collect();
        if members.is_empty() {
            steps.push(Step::Told(ToldStep { stage: number, who: None, skip: None }));
        }
        let mut told = Vec::with_capacity(members.len());
        for who in members {
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
    when.filter_map(|condition| match condition {
        Condition::Kind(kinds) => Some(*kinds),
        _ => None,
    })
    .any(|kinds| kinds.has(kind as u8))
}
