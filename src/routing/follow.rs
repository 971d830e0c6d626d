//! Rules, asked one after the other, and the order that they come to.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::domain::{
    After, Communication, Device, DeviceName, DeviceSkip, ForkOrder, Found, GreetingName, Miss,
    Piece, RING_S_MAX, Rule, RuleEnd, RuleStage, Rules, Run, Skips, StageWho, Step, Target, Tells,
    Turn,
};

use super::build::Build;
use super::forwarded::{Because, headers};
use super::judge::{Judge, Question};
use super::members::Who;
use super::tell::told_by;
use super::{List, whole_list};

/// How long a forwarded call rings where the rule does not say.
pub(super) const FORWARD_RING_S: u16 = 30;

/// What rules come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// These ring, and after them the mailbox, if `mailbox` says so and there is one. It may be
    /// that none rings.
    Order {
        /// Who rings.
        order: ForkOrder,
        /// Whether a mailbox may take the call.
        mailbox: bool,
        /// Whether a rule wants nothing but the mailbox.
        mailbox_alone: bool,
        /// The greeting with which it should take the call, if a rule has chosen one.
        greeting: Option<GreetingName>,
    },
    /// Nobody rings, and these are told instead, which the steps say as well.
    Notify {
        /// Who is told.
        tells: Tells,
        /// What becomes of the caller then.
        end: RuleEnd,
        /// What he is told, if he is refused and the rule says.
        reason: Option<Arc<str>>,
        /// The greeting with which the mailbox should take the call, if the rule has chosen one.
        greeting: Option<GreetingName>,
    },
    /// The caller is refused.
    Refuse {
        /// The SIP code, 400 to 699.
        code: u16,
        /// What he is told, if the rule says.
        reason: Option<Arc<str>>,
    },
}

/// Asks rules in their order. The first that matches decides, but for those that go on: their
/// stages ring first. If none has the last word, the notification list rings. Each rule that was
/// asked leaves a step, and each device that was looked at.
///
/// The same question gives the same answer; what is remembered comes with the list.
pub fn follow(
    rules: &Rules,
    question: &Question<'_>,
    list: &List<'_>,
    leads_back: impl Fn(&Target) -> bool,
    steps: &mut Vec<Step>,
) -> Followed {
    let mut judge = Judge::new(rules, question, list);
    let mut matched: Vec<(&Rule, Piece)> = Vec::with_capacity(4);
    for (rule, name) in rules.rules.iter().zip(rules.names.pieces()) {
        let missed = judge.missed(rule, steps).or_else(|| {
            let rings = matched.iter().any(|(before, _)| before.stages.count > 0);
            let idle = rule.is_conditional() && !rings;
            idle.then_some(Miss { found: Found::After, unless: false })
        });
        steps.push(Step::Rule { name: name.clone(), line: rule.line, missed });
        if missed.is_none() {
            matched.push((rule, name));
            if decides(rule) {
                break;
            }
        }
    }
    let last = matched.last().map(|(last, _)| *last).filter(|last| decides(last));
    let reason = match last.map(|last| last.end) {
        Some(RuleEnd::Refuse { reason, .. }) => reason,
        _ => None,
    };
    let reason = reason.and_then(|reason| rules.texts.get(usize::from(reason)).cloned());
    if let Some(last) = last.filter(|last| last.tells(rules)) {
        let mut tells = Tells::new();
        told_by(rules, last, list, &mut tells, steps);
        let greeting = greeting_of(rules, Some(last.end));
        return Followed::Notify { tells, end: last.end, reason, greeting };
    }
    if let Some(RuleEnd::Refuse { code, .. }) = last.map(|last| last.end) {
        return Followed::Refuse { code, reason };
    }
    let (decided, rings) = (last.is_some(), matched.iter().any(|(rule, _)| rule.stages.count > 0));
    let end = matched.iter().rev().map(|(rule, _)| rule.end).find(|end| *end != RuleEnd::Open);
    if !decided {
        steps.push(Step::NoRule);
    }
    let mut build = Build::new(list, leads_back, steps).limited();
    for (part, (rule, name)) in (1..).zip(matched) {
        if rule.is_conditional() && build.is_empty() {
            build.note(Step::NothingBefore { name });
            continue;
        }
        build.only(After::of(rule.after, part));
        stages(&mut judge, rule, &mut build);
    }
    build.only(None);
    if !decided {
        build.confirmed_by(None);
        whole_list(&mut build, list);
    }
    let mailbox = end != Some(RuleEnd::NoMailbox);
    let mailbox_alone = decided && !rings && matches!(end, Some(RuleEnd::Mailbox { .. }));
    let greeting = greeting_of(rules, end);
    Followed::Order { order: build.done(), mailbox, mailbox_alone, greeting }
}

/// The greeting that a rule has chosen for the mailbox.
fn greeting_of(rules: &Rules, end: Option<RuleEnd>) -> Option<GreetingName> {
    let Some(RuleEnd::Mailbox { greeting: Some(place) }) = end else { return None };
    rules.texts.get(usize::from(place)).and_then(|name| GreetingName::parse(name).ok())
}

/// Whether the rules behind a rule are not asked.
fn decides(rule: &Rule) -> bool {
    !rule.goes_on && !rule.is_conditional()
}

fn stages<L: Fn(&Target) -> bool>(judge: &mut Judge<'_>, rule: &Rule, build: &mut Build<'_, L>) {
    let rules = judge.rules;
    for stage in rule.stages.of(&rules.stages) {
        build.next_stage();
        if !build.has_room() {
            return;
        }
        // Nobody presses a key for a text.
        let text = judge.question.kind == Communication::Text;
        build.confirmed_by(stage.confirm.filter(|_| !text));
        match stage.who {
            StageWho::Told(_) => {}
            StageWho::Together(run) if text => in_turn(judge, run, stage, build),
            StageWho::Together(run) => {
                let number = build.stage_number();
                for (who, after_s) in judge.standing(run, stage.after) {
                    one(judge, who, (number, after_s), stage, build);
                }
            }
            StageWho::OneByOne(run, turn) => one_by_one(judge, (run, turn), stage, build),
            StageWho::All => {
                let number = build.stage_number();
                for device in judge.list.devices {
                    let ring_s = stage.ring_s.unwrap_or(device.ring_s);
                    let barred = barred(judge.list, device, stage.skips);
                    build.device(device, (number, 0), ring_s, barred);
                }
            }
            StageWho::List => whole_list(build, judge.list),
            StageWho::Forward(target) => {
                let Some(target) = rules.targets.get(usize::from(target)) else { continue };
                let Ok(name) = DeviceName::parse("forward") else { continue };
                let ring_s = stage.ring_s.unwrap_or(FORWARD_RING_S).min(RING_S_MAX);
                let because = Because::of(build.after(), build.stage_number() == 1);
                let from = judge.question.forwarded;
                let header = headers(from, judge.list.gateway, target, because, &build.tried());
                build.forward(&name, target, ring_s, &header);
            }
        }
    }
}

/// A text is taken or not: whoever would join later gets it when those before have not taken it.
fn in_turn<L: Fn(&Target) -> bool>(
    judge: &mut Judge<'_>,
    run: Run,
    stage: &RuleStage,
    build: &mut Build<'_, L>,
) {
    let mut members = judge.standing(run, stage.after);
    members.sort_by_key(|(_, after_s)| *after_s);
    for together in members.chunk_by(|(_, one), (_, other)| one == other) {
        build.next_stage();
        let number = build.stage_number();
        for (who, _) in together {
            one(judge, *who, (number, 0), stage, build);
        }
    }
}

/// Devices one after the other. In which order is a matter of what they were seen to do; those of
/// which nothing is known stand as they are written.
fn one_by_one<L: Fn(&Target) -> bool>(
    judge: &mut Judge<'_>,
    (run, turn): (Run, Turn),
    stage: &RuleStage,
    build: &mut Build<'_, L>,
) {
    let standing = judge.standing(run, Run::default());
    let mut members: Vec<Who<'_>> = standing.into_iter().map(|(who, _)| who).collect();
    match turn {
        Turn::Serial => {}
        Turn::RoundRobin => {
            let began =
                |place: &usize| members.get(*place).map_or(0, |who| judge.state(*who).began);
            let last = (0..members.len()).filter(|place| began(place) > 0).max_by_key(began);
            let first = last.map_or(0, |last| last + 1) % members.len().max(1);
            members.rotate_left(first);
        }
        Turn::LeastRecent => members.sort_by_key(|who| judge.state(*who).answered),
        Turn::LastAnswered => members.sort_by_key(|who| Reverse(judge.state(*who).answered)),
    }
    let mut first = turn != Turn::Serial;
    for who in members {
        build.next_stage();
        let number = build.stage_number();
        let rings = one(judge, who, (number, 0), stage, build);
        if let Some(device) = rings.filter(|_| std::mem::take(&mut first)) {
            build.note(Step::Turn { order: turn, device });
        }
    }
}

/// Why a stage does not want a device.
fn barred(list: &List<'_>, device: &Device, skips: Skips) -> Option<DeviceSkip> {
    let state = list.states.get(&device.name).copied().unwrap_or_default();
    (skips.busy && state.calls > 0).then_some(DeviceSkip::InCall)
}

/// Adds a device to the stage that is being made; its name, if it rings.
fn one<L: Fn(&Target) -> bool>(
    judge: &Judge<'_>,
    who: Who<'_>,
    (number, after_s): (u8, u16),
    stage: &RuleStage,
    build: &mut Build<'_, L>,
) -> Option<DeviceName> {
    match who {
        Who::Device(device) => {
            // Whoever joins late rings as long as else.
            let own_s = device.ring_s.saturating_add(after_s).min(RING_S_MAX);
            let ring_s = stage.ring_s.unwrap_or(own_s);
            let barred = barred(judge.list, device, stage.skips);
            let rings = build.device(device, (number, after_s), ring_s, barred);
            rings.then(|| device.name.clone())
        }
        Who::Missing(name) => {
            if let Ok(device) = DeviceName::parse(name) {
                let skip = Some(DeviceSkip::Missing);
                build.note(Step::Device { device, stage: number, after_s, skip });
            }
            None
        }
        Who::Untagged(tag) => {
            build.note(Step::Untagged { tag: tag.into(), stage: number });
            None
        }
    }
}
