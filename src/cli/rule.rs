//! `hallporter rule`

mod import;
mod test;

use std::path::{Path, PathBuf};

use clap::Subcommand;

use crate::domain::{AccountName, Communication, Identifier};
use crate::http::ClientError;
use crate::http::wire::NextFilter;
use crate::rules::{Mistake, RULES_BYTES_MAX, RuleFile};

use super::failure::Failure;
use super::find::Door;
use super::route::{kind, uri};
use super::screen::Screen;
use super::typed::Daemon;

/// `rule …`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    daemon: Daemon,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Set an account's rules from a file, whose examples have to come out as they say
    Set {
        /// The account
        #[arg(value_parser = AccountName::parse)]
        account: AccountName,
        /// The file
        file: PathBuf,
        /// Put an iCalendar file into it as a list of holidays
        #[arg(long = "holidays", value_name = "NAME=FILE", value_parser = calendar)]
        calendars: Vec<(String, PathBuf)>,
    },
    /// Show an account's rules as they were written
    Show {
        /// The account
        #[arg(value_parser = AccountName::parse)]
        account: AccountName,
    },
    /// Remove an account's rules: its notification list rings
    Rm {
        /// The account
        #[arg(value_parser = AccountName::parse)]
        account: AccountName,
    },
    /// Run the examples in a file, without anything being changed
    Test(test::Args),
    /// Make a file of rules from what was written for other systems (docs/import.md)
    Import(import::Args),
    /// Tell when the order of an account will change
    Next(Next),
}

#[derive(Debug, clap::Args)]
struct Next {
    /// The account
    #[arg(value_parser = AccountName::parse)]
    account: AccountName,
    /// Who calls [default: somebody who does not say]
    #[arg(long, value_name = "WHO", value_parser = uri)]
    from: Option<String>,
    /// What is dialled [default: nothing that a rule names]
    #[arg(long, value_name = "NUMBER", value_parser = Identifier::parse)]
    to: Option<Identifier>,
    /// The call carries video
    #[arg(long)]
    video: bool,
    /// For what: call, video, text; or message (one was left), missed (a call that nobody took)
    #[arg(long, value_name = "KIND", value_parser = kind, conflicts_with = "video")]
    kind: Option<Communication>,
    /// How many days ahead
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=31))]
    days: u32,
}

/// Does what was typed.
pub(super) async fn run(args: Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    if let Action::Test(test) = args.action {
        return test::run(test, &args.daemon, screen).await;
    }
    if let Action::Import(import) = &args.action {
        return import::run(import, screen);
    }
    let door = Door::find(&args.daemon)?;
    let failed = |error| door.explain(error);
    match args.action {
        Action::Set { account, file, calendars } => {
            let text = with_calendars(read_file(&file)?, &calendars)?;
            RuleFile::read(&text).map_err(|mistakes| told(&file, &mistakes, screen))?;
            let set = door.client.rules_set(&account, text).await;
            let view = set.map_err(|error| match mistakes_in(&error) {
                [] => failed(error),
                mistakes => told(&file, mistakes, screen),
            })?;
            warn(&file, &view.warnings, screen);
            screen.done(&view, format_args!("rules of {account} set"))
        }
        Action::Show { account } => {
            let view = door.client.rules(&account).await.map_err(failed)?;
            if screen.json {
                return screen.object(&view);
            }
            view.text.lines().try_for_each(|line| screen.line(line))
        }
        Action::Rm { account } => {
            door.client.rules_remove(&account).await.map_err(failed)?;
            let sentence = format!("rules of {account} removed: its notification list rings");
            screen.removed(&account, sentence)
        }
        Action::Next(next) => show_next(next, &door, screen).await,
        Action::Test(_) | Action::Import(_) => Ok(()),
    }
}

async fn show_next(next: Next, door: &Door, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let Next { account, from, to, video, kind, days } = next;
    let kind = kind.or_else(|| video.then_some(Communication::Video));
    let asked = NextFilter { from, to: to.map(|to| to.to_string()), kind, days: Some(days) };
    let view = door.client.rules_next(&account, &asked).await;
    let view = view.map_err(|error| door.explain(error))?;
    if screen.json {
        return screen.object(&view);
    }
    for (place, turn) in view.turns.iter().enumerate() {
        let when = if place == 0 { "now".to_owned() } else { turn.shown.clone() };
        let rings = match turn.rings.as_slice() {
            [] => "nobody".to_owned(),
            rings => rings.join(", then "),
        };
        screen.line(format_args!("{when:16}  {rings}"))?;
    }
    let changes = view.turns.len().saturating_sub(1);
    let zone = view.zone.as_str();
    match changes {
        0 => screen.line(format_args!("nothing changes within {days} days (times of {zone})")),
        _ => screen.line(format_args!("{changes} changes within {days} days (times of {zone})")),
    }
}

/// What the daemon has found in a text.
fn mistakes_in(error: &ClientError) -> &[Mistake] {
    match error {
        ClientError::Refused { body, .. } => &body.mistakes,
        ClientError::Answer { .. }
        | ClientError::Token
        | ClientError::Unanswered { .. }
        | ClientError::Unreachable { .. }
        | ClientError::Url { .. } => &[],
    }
}

/// Tells every mistake with its place, as compilers do.
fn told(file: &Path, mistakes: &[Mistake], screen: &mut Screen<'_>) -> Failure {
    let file = file.display();
    for mistake in mistakes {
        screen.note(format_args!("{file}: {mistake}"));
    }
    let count = match mistakes.len() {
        1 => "1 mistake".to_owned(),
        more => format!("{more} mistakes"),
    };
    Failure::refused(format!("{count} in {file}: nothing was changed"))
}

/// Tells what is no mistake and may be one all the same.
fn warn(file: &Path, warnings: &[Mistake], screen: &mut Screen<'_>) {
    let file = file.display();
    for warning in warnings {
        screen.note(format_args!("{file}: warning: {warning}"));
    }
}

/// A file of rules. One that is too long is not read to its end.
fn read_file(path: &Path) -> Result<String, Failure> {
    use std::io::Read as _;
    let told = |what: &str| Failure::refused(format!("{} {what}", path.display()));
    let open = std::fs::File::open(path);
    let mut text = Vec::new();
    let most = RULES_BYTES_MAX as u64 + 1;
    open.and_then(|file| file.take(most).read_to_end(&mut text))
        .map_err(|error| told(&format!("can't be read: {error}")))?;
    String::from_utf8(text).map_err(|_| told("has bytes in it that are not UTF-8"))
}

/// `NAME=FILE`
fn calendar(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or("write NAME=FILE")?;
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if plain && !name.is_empty() && !file.is_empty() {
        Ok((name.to_owned(), PathBuf::from(file)))
    } else {
        Err("write NAME=FILE, the name in letters, digits, '_' or '-'".to_owned())
    }
}

/// The text with calendars behind it, where no line of its own moves.
fn with_calendars(mut text: String, calendars: &[(String, PathBuf)]) -> Result<String, Failure> {
    if calendars.is_empty() {
        return Ok(text);
    }
    text.push_str("\n[calendars]\n");
    for (name, file) in calendars {
        let calendar = read_file(file)?.trim().replace('\r', "");
        if calendar.contains("'''") {
            let file = file.display();
            return Err(Failure::refused(format!("{file} has ''' in it: take that out")));
        }
        text.push_str(&format!("{name} = '''\n{calendar}\n'''\n"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendars_are_named() {
        assert_eq!(calendar("berlin=a.ics"), Ok(("berlin".to_owned(), PathBuf::from("a.ics"))));
        assert!(
            calendar("berlin").is_err() && calendar("=a").is_err() && calendar("a b=c").is_err()
        );
    }
}
