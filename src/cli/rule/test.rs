//! `hallporter rule test`

use std::path::PathBuf;

use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::find::Door;
use crate::cli::screen::Screen;
use crate::cli::typed::{Daemon, Limit};
use crate::desk::{Around, try_example};
use crate::domain::{
    AccountName, Device, DeviceName, Numbering, Rule, RuleEnd, Rules, SipUri, Target, Zone,
};
use crate::http::wire::{MailboxFilter, PageQuery};
use crate::rules::{Example, RuleFile, read};

use super::{calendar, read_file, told, warn, with_calendars};

/// The most devices that are asked for.
const DEVICES_MAX: u32 = 10_000;

/// `rule test …`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file
    file: PathBuf,
    /// With the devices and the zone of this account [default: without asking a daemon; every
    /// device that the file names is there, and a mailbox]
    #[arg(long, value_name = "NAME", value_parser = AccountName::parse)]
    account: Option<AccountName>,
    /// Put an iCalendar file into it as a list of holidays
    #[arg(long = "holidays", value_name = "NAME=FILE", value_parser = calendar)]
    calendars: Vec<(String, PathBuf)>,
    /// Tell of every example how it came out, not only of those that fail
    #[arg(short, long)]
    verbose: bool,
}

/// How an example came out, for programs.
#[derive(Serialize)]
struct Outcome<'a> {
    line: u32,
    name: &'a str,
    as_expected: bool,
    expect: &'a [String],
    got: Vec<String>,
    lines: Vec<String>,
}

/// Runs the examples.
pub(super) async fn run(
    args: Args,
    daemon: &Daemon,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let text = with_calendars(read_file(&args.file)?, &args.calendars)?;
    let (rules, examples) = read(&text).map_err(|mistakes| told(&args.file, &mistakes, screen))?;
    let around = match &args.account {
        Some(account) => of_account(account, &rules, daemon, screen).await?,
        None => imagined(&rules, &examples),
    };
    if args.account.is_some() {
        let file = RuleFile::read(&text).map_err(|mistakes| told(&args.file, &mistakes, screen))?;
        warn(&args.file, &file.doubts(&around.devices, &around.greetings), screen);
    }
    let outcomes: Vec<Outcome<'_>> = examples
        .iter()
        .map(|example| {
            let trial = try_example(&rules, example, &around);
            let (line, name, expect) = (example.line, &*example.name, &*example.expect);
            let (as_expected, got, lines) = (trial.as_expected, trial.got, trial.lines);
            Outcome { line, name, as_expected, expect, got, lines }
        })
        .collect();
    let failed = outcomes.iter().filter(|outcome| !outcome.as_expected).count();
    if screen.json {
        screen.object(&outcomes)?;
    } else {
        for outcome in &outcomes {
            tell(outcome, args.verbose, screen)?;
        }
    }
    let file = args.file.display();
    if failed > 0 {
        let all = outcomes.len();
        return Err(Failure::refused(format!("{failed} of {all} examples in {file} fail")));
    }
    if screen.json {
        return Ok(());
    }
    match outcomes.len() {
        0 => screen.line(format_args!("{file}: no mistakes, and no examples")),
        1 => screen.line(format_args!("{file}: 1 example comes out as it says")),
        all => screen.line(format_args!("{file}: {all} examples come out as they say")),
    }
}

fn tell(outcome: &Outcome<'_>, verbose: bool, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let Outcome { line, name, as_expected, expect, got, lines } = outcome;
    if *as_expected && !verbose {
        return Ok(());
    }
    let verdict = if *as_expected { "as expected" } else { "FAILS" };
    let name = if name.is_empty() { String::new() } else { format!(" ({name})") };
    screen.line(format_args!("line {line}{name}: {verdict}"))?;
    screen.line(format_args!("  expected  {}", expect.join(", then ")))?;
    screen.line(format_args!("  rings     {}", got.join(", then ")))?;
    lines.iter().try_for_each(|line| screen.line(format_args!("  {line}")))
}

async fn of_account(
    account: &AccountName,
    rules: &Rules,
    daemon: &Daemon,
    screen: &mut Screen<'_>,
) -> Result<Around, Failure> {
    let door = Door::find(daemon)?;
    let view = door.client.account(account).await.map_err(|error| door.explain(error))?;
    let fetch = async |page| door.client.devices(account, &page).await;
    let devices = door.collect(Limit { limit: DEVICES_MAX }, screen, fetch).await?;
    let read = |error: crate::http::wire::TargetError| Failure::refused(error.to_string());
    let devices = devices.into_iter().map(|device| device.device().map_err(read));
    // Daemons of earlier versions do not tell theirs.
    let zone = view.zone.or(view.node_zone).unwrap_or_else(Zone::utc);
    let devices = devices.collect::<Result<Vec<_>, _>>()?;
    let filter = MailboxFilter { account: Some(account.clone()), prefix: None };
    let greets = |rule: &Rule| matches!(rule.end, RuleEnd::Mailbox { greeting: Some(_) });
    let own = match rules.rules.iter().any(greets) {
        true => door.client.mailboxes(&filter, &PageQuery::default()).await.map(|page| page.items),
        false => Ok(Vec::new()),
    };
    let own = own.map_err(|error| door.explain(error))?;
    let greetings = own.into_iter().flat_map(|view| view.mailbox.greetings.into_keys()).collect();
    Ok(Around { devices, zone, numbering: Numbering::default(), mailbox: true, greetings })
}

/// Every device that the rules name, and every one to which an example gives tags, one stage for
/// each.
fn imagined(rules: &Rules, examples: &[Example]) -> Around {
    let tagged = examples.iter().filter_map(|example| example.tags.as_ref()).flatten();
    let tagged = tagged.map(|(device, _)| device.as_str());
    let mut names: Vec<&str> = Vec::new();
    for name in rules.devices.iter().chain(tagged) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    // What stands for a tag is no name of a device.
    let device = |(stage, name): (u8, &str)| {
        let uri = SipUri::parse(&format!("sip:{name}@device.invalid")).ok()?;
        let (name, target) = (DeviceName::parse(name).ok()?, Target::Uri(uri));
        Some(Device::new(name, target, stage, 20))
    };
    let devices = (1..=u8::MAX).zip(names).filter_map(device).collect();
    let (zone, numbering, greetings) = (Zone::utc(), Numbering::default(), Vec::new());
    Around { devices, zone, numbering, mailbox: true, greetings }
}
