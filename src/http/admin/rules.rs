//! `/v1/accounts/{name}/rules`.

use axum::http::StatusCode;

use crate::desk::{DAYS_AHEAD_MAX, coming, try_example};
use crate::domain::{AccountName, Communication, Identifier, Rule, Rules, Teller, Zone};
use crate::registry::{self, Command};
use crate::rules::{Example, Mistake, RuleFile, read};

use super::super::house::Visit;
use super::super::params::Params;
use super::super::reply::{Problem, Reply};
use super::super::wire::{NextView, RulesView, TurnView};
use super::{change, look, named};

/// How many days `next` looks ahead when nothing is asked for.
const DAYS_AHEAD: u32 = 7;

pub(super) async fn show(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let (account, key) = named(visit)?;
    let text = visit.house.porter.rule_text(key).await.map_err(Problem::not_now)?;
    match text {
        Some(text) => Ok(Reply::value(&RulesView { account, text, warnings: Vec::new() })),
        None => Err(none(account)),
    }
}

/// The body is the text. It is read here, and not under the desk's lock; its examples have to come
/// out as they say.
pub(super) async fn set(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let (account, key) = named(visit)?;
    let text = std::str::from_utf8(&visit.body)
        .map_err(|_| Problem::wrong("the body has bytes in it that are not UTF-8"))?;
    let file = RuleFile::read(text).map_err(wrong)?;
    let around = look(visit, |desk, _| desk.around(key))?.ok_or_else(|| none(account.clone()))?;
    let known = |name: &_| around.devices.iter().any(|device| device.name == *name);
    let strangers = file.strangers(known);
    if !strangers.is_empty() {
        return Err(wrong(strangers));
    }
    let (rules, examples) = read(text).map_err(wrong)?;
    let confirms = rules.stages.iter().any(|stage| stage.confirm.is_some());
    if confirms && !look(visit, |desk, _| desk.can_confirm())? {
        return Err(Problem::wrong("a stage has confirm, and nobody could ask for the key")
            .hint("configure a [[freeswitch]] and messages.spool, or leave confirm out"));
    }
    let asks_causes = rules.rules.iter().any(Rule::is_conditional);
    if asks_causes && look(visit, |desk, _| desk.plans_for_switches())? {
        return Err(Problem::wrong(
            "a rule has when.after, and calls come to a switch without a proxy",
        )
        .hint("its dialplan cannot leave a stage out: leave when.after out"));
    }
    can_tell(visit, &rules)?;
    let failed = examples.iter().enumerate().filter_map(|(place, example)| {
        let trial = try_example(&rules, example, &around);
        (!trial.as_expected).then(|| Mistake {
            line: usize::try_from(example.line).unwrap_or_default(),
            column: 1,
            key: format!("example[{place}]"),
            what: format!("comes out as {:?}", trial.got),
            hint: Some("see why with `hallporter rule test`".to_owned()),
        })
    });
    let failed: Vec<Mistake> = failed.collect();
    if !failed.is_empty() {
        return Err(wrong(failed));
    }
    let warnings = file.doubts(&around.devices, &around.greetings);
    let text = text.to_owned();
    let command = Command::RulesSet { account: account.clone(), text: file };
    change(visit, command, Some(&account)).await?;
    Ok(Reply::value(&RulesView { account, text, warnings }))
}

/// Whether there is what is told by.
fn can_tell(visit: &Visit<'_>, rules: &Rules) -> Result<(), Problem> {
    let stages = rules.stages.iter().filter_map(|stage| stage.who.told());
    let stages = stages.map(|run| run.of(&rules.members));
    let (mut devices, mut webhook) = (false, false);
    for member in stages.flatten() {
        match Teller::unpack(*member) {
            Teller::Webhook => webhook = true,
            Teller::Text(_) | Teller::Lamp(_) => devices = true,
        }
    }
    let (proxies, hook) = look(visit, |desk, _| (desk.has_proxies(), desk.has_webhook()))?;
    if devices && !proxies {
        let hint = "configure a [[kamailio.proxy]], or leave the devices out of notify";
        return Err(Problem::wrong("a rule tells devices, and no proxy could tell them").hint(hint));
    }
    if webhook && !hook {
        let hint = "configure messages.webhook, or leave \"webhook\" out of notify";
        return Err(Problem::wrong("a rule tells the webhook, and there is none").hint(hint));
    }
    Ok(())
}

pub(super) async fn remove(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let (account, _) = named(visit)?;
    change(visit, Command::RulesRemove { account: account.clone() }, Some(&account)).await?;
    Ok(Reply::empty())
}

/// What rings now for such a call, and when something else will.
pub(super) fn next(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let (account, key) = named(visit)?;
    let params = Params::read(visit.uri, &["from", "to", "kind", "days"])?;
    let kind = |text: &str| {
        let mut all = Communication::ALL.into_iter();
        all.find(|kind| kind.as_str() == text)
            .ok_or("kind has to be call, video, text, message or missed")
    };
    let days = |text: &str| {
        let days = text.parse().ok().filter(|days| (1..=DAYS_AHEAD_MAX).contains(days));
        days.ok_or("days has to be 1 to 31")
    };
    let asked = Example {
        from: params.text("from").unwrap_or_default().to_owned(),
        to: params.parsed("to", Identifier::parse)?,
        kind: params.parsed("kind", kind)?.unwrap_or_default(),
        ..Example::default()
    };
    let days = params.parsed("days", days)?.unwrap_or(DAYS_AHEAD);
    let (rules, around, now) =
        look(visit, |desk, now| (desk.registry().rules(key).cloned(), desk.around(key), now))?;
    let (Some(rules), Some(around)) = (rules, around) else { return Err(none(account)) };
    let zone = rules.zone.clone().unwrap_or_else(|| around.zone.clone());
    let turns = coming(&rules, &asked, &around, now.wall_ms, days).into_iter().map(|turn| {
        TurnView { at_ms: turn.at_ms, shown: shown(&zone, turn.at_ms), rings: turn.rings }
    });
    let turns = turns.collect();
    Ok(Reply::value(&NextView { zone, turns }))
}

fn shown(zone: &Zone, at_ms: i64) -> String {
    let local = zone.local(at_ms);
    format!("{} {:02}:{:02}", local.day, local.minute / 60, local.minute % 60)
}

fn none(account: AccountName) -> Problem {
    Problem::missing(registry::Error::NoRules { account }.to_string())
}

/// A text with mistakes changes nothing, and all of them are told.
pub(super) fn wrong(mistakes: Vec<Mistake>) -> Problem {
    let count = mistakes.len();
    let first = mistakes.first().map(ToString::to_string).unwrap_or_default();
    let error = match count {
        1 => first,
        _ => format!("{count} mistakes, the first: {first}"),
    };
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error).mistakes(mistakes)
}
