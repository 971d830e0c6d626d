//! `hallporter mailbox`

mod show;

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Subcommand, ValueEnum};

use crate::domain::{
    AccountName, CallbackPolicy, CallbackScope, GreetingName, Language, MailboxName,
};
use crate::http::wire::{MailboxFilter, MailboxSpec};
use crate::registry::MailboxPatch;
use crate::text::parse_duration;

use super::failure::Failure;
use super::find::Door;
use super::screen::Screen;
use super::typed::{Daemon, Limit};

/// The largest greeting that is sent, in bytes; the daemon takes no larger one.
const GREETING_BYTES_MAX: u64 = 32 << 20;
const DAY_S: u64 = 24 * 60 * 60;

/// `mailbox …`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    daemon: Daemon,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Give an account a mailbox
    Add(Add),
    /// List mailboxes by name
    List {
        /// Only names that begin so
        #[arg(long, value_name = "TEXT")]
        prefix: Option<String>,
        /// Only this account's
        #[arg(long, value_name = "NAME", value_parser = AccountName::parse)]
        account: Option<AccountName>,
        #[command(flatten)]
        limit: Limit,
    },
    /// Show one mailbox
    Show(Which),
    /// Change a mailbox; messages that are being left go on as they began
    #[command(
        override_usage = "hallporter mailbox set <NAME> <CHANGE>...",
        group(ArgGroup::new("change").required(true).multiple(true).args(CHANGES))
    )]
    Set(Set),
    /// Remove a mailbox; callers can't leave messages in it any more
    Rm(Which),
}

/// One of them is needed to change something.
const CHANGES: [&str; 18] = [
    "language",
    "no_language",
    "greeting",
    "no_greeting",
    "named_greeting",
    "no_named_greeting",
    "video",
    "no_video",
    "callback",
    "callback_scope",
    "keep_on_callback",
    "discard_on_callback",
    "max_messages",
    "max_space_mib",
    "max_length",
    "keep",
    "enabled",
    "disabled",
];

#[derive(Debug, clap::Args)]
struct Which {
    /// Its name
    #[arg(value_parser = MailboxName::parse)]
    name: MailboxName,
}

#[derive(Debug, clap::Args)]
struct Add {
    /// Its name, which the switch is called under: letters, digits, '.', '_' and '-'
    #[arg(value_parser = MailboxName::parse)]
    name: MailboxName,
    /// Whose it is; an account has one mailbox at most
    #[arg(long, value_name = "NAME", value_parser = AccountName::parse)]
    account: AccountName,
    #[command(flatten)]
    settings: Settings,
    /// It takes no messages until it is enabled
    #[arg(long)]
    disabled: bool,
}

#[derive(Debug, clap::Args)]
struct Set {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    settings: Settings,
    /// The installation's language
    #[arg(long, conflicts_with = "language")]
    no_language: bool,
    /// Its own greeting: a sound, best a wav
    #[arg(long, value_name = "FILE")]
    greeting: Option<PathBuf>,
    /// The usual greetings
    #[arg(long, conflicts_with = "greeting")]
    no_greeting: bool,
    /// A greeting that rules choose by its name
    #[arg(long, value_name = "NAME=FILE", value_parser = named)]
    named_greeting: Vec<(GreetingName, PathBuf)>,
    /// Take the greeting of this name away
    #[arg(long, value_name = "NAME", value_parser = GreetingName::parse)]
    no_named_greeting: Vec<GreetingName>,
    /// It takes messages
    #[arg(long, conflicts_with = "disabled")]
    enabled: bool,
    /// It takes no messages; those in it stay
    #[arg(long)]
    disabled: bool,
}

#[derive(Debug, clap::Args)]
struct Settings {
    /// The language of what callers hear, such as en
    #[arg(long, value_parser = Language::parse)]
    language: Option<Language>,
    /// Callers may leave video
    #[arg(long, conflicts_with = "no_video")]
    video: bool,
    /// Callers leave audio only
    #[arg(long)]
    no_video: bool,
    /// What happens to a message that is being left when the called party calls back
    #[arg(long, value_name = "POLICY")]
    callback: Option<CallbackWord>,
    /// Whose call is a call-back
    #[arg(long, value_name = "WHO")]
    callback_scope: Option<ScopeWord>,
    /// What was said is kept when the call-back is accepted
    #[arg(long, conflicts_with = "discard_on_callback")]
    keep_on_callback: bool,
    /// What was said is thrown away when the call-back is accepted
    #[arg(long)]
    discard_on_callback: bool,
    /// The most messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_messages: Option<u32>,
    /// The most space that they take, in MiB
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_space_mib: Option<u32>,
    /// The longest message, such as 3m
    #[arg(long, value_name = "TIME", value_parser = length_s)]
    max_length: Option<u16>,
    /// How long messages are kept after they were left, such as 30d
    #[arg(long, value_name = "TIME", value_parser = days)]
    keep: Option<u16>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CallbackWord {
    /// The caller is asked; recording goes on when the talk is over
    Pause,
    /// The message ends and is kept
    Save,
    /// The message is thrown away
    Discard,
    /// The message goes on
    Ignore,
}

impl From<CallbackWord> for CallbackPolicy {
    fn from(word: CallbackWord) -> Self {
        match word {
            CallbackWord::Pause => Self::Pause,
            CallbackWord::Save => Self::Save,
            CallbackWord::Discard => Self::Discard,
            CallbackWord::Ignore => Self::Ignore,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ScopeWord {
    /// The mailbox's own account's
    Callee,
    /// Whoever's
    Anyone,
}

impl From<ScopeWord> for CallbackScope {
    fn from(word: ScopeWord) -> Self {
        match word {
            ScopeWord::Callee => Self::Callee,
            ScopeWord::Anyone => Self::Anyone,
        }
    }
}

/// `NAME=FILE`
fn named(text: &str) -> Result<(GreetingName, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or("write NAME=FILE")?;
    if file.is_empty() {
        return Err("write NAME=FILE".to_owned());
    }
    Ok((GreetingName::parse(name).map_err(|error| error.to_string())?, PathBuf::from(file)))
}

fn length_s(text: &str) -> Result<u16, String> {
    let length = parse_duration(text)?;
    let length_s = u16::try_from(length.as_secs()).ok().filter(|s| (5..=3_600).contains(s));
    let whole = length.subsec_nanos() == 0;
    length_s.filter(|_| whole).ok_or_else(|| "take 5s to 1h, in whole seconds".to_owned())
}

fn days(text: &str) -> Result<u16, String> {
    let keep = parse_duration(text)?;
    let whole = keep.subsec_nanos() == 0 && keep.as_secs().is_multiple_of(DAY_S);
    let days = u16::try_from(keep.as_secs() / DAY_S).ok().filter(|days| (1..=3_660).contains(days));
    days.filter(|_| whole).ok_or_else(|| "take 1d to 3660d, in whole days".to_owned())
}

/// Does what was typed.
pub(super) async fn run(args: Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let door = Door::find(&args.daemon)?;
    let failed = |error| door.explain(error);
    match args.action {
        Action::Add(Add { name, account, settings, disabled }) => {
            let mut settings = settings.patch();
            settings.enabled = disabled.then_some(false);
            let spec = MailboxSpec { name, account, settings };
            let view = door.client.mailbox_add(&spec).await.map_err(failed)?;
            let (name, account) = (&view.mailbox.name, &view.account);
            screen.done(&view, format_args!("mailbox {name} added to {account}"))
        }
        Action::List { prefix, account, limit } => {
            let filter = MailboxFilter { prefix, account };
            let fetch = async |page| door.client.mailboxes(&filter, &page).await;
            let views = door.collect(limit, screen, fetch).await?;
            show::list(&views, screen)
        }
        Action::Show(Which { name }) => {
            let view = door.client.mailbox(&name).await.map_err(failed)?;
            show::one(&view, screen)
        }
        Action::Set(set) => change(set, &door, screen).await,
        Action::Rm(Which { name }) => {
            door.client.mailbox_remove(&name).await.map_err(failed)?;
            screen.removed(&name, format_args!("mailbox {name} removed"))
        }
    }
}

/// The greeting has a door of its own; it goes first, since its file may be refused.
async fn change(set: Set, door: &Door, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let failed = |error| door.explain(error);
    let name = set.which.name;
    let mut patch = set.settings.patch();
    patch.enabled = (set.enabled || set.disabled).then_some(set.enabled);
    if set.no_language {
        patch.language = Some(None);
    }
    let mut view = None;
    let named = set.named_greeting.iter().map(|(greeting, path)| (Some(greeting), path));
    for (greeting, path) in set.greeting.iter().map(|path| (None, path)).chain(named) {
        let sound = read_sound(path)?;
        view = Some(door.client.greeting_set(&name, greeting, sound).await.map_err(failed)?);
    }
    let own = set.no_greeting.then_some(None).into_iter();
    for greeting in own.chain(set.no_named_greeting.iter().map(Some)) {
        door.client.greeting_remove(&name, greeting).await.map_err(failed)?;
        view = None;
    }
    if patch != MailboxPatch::default() {
        view = Some(door.client.mailbox_set(&name, &patch).await.map_err(failed)?);
    }
    let view = match view {
        Some(view) => view,
        None => door.client.mailbox(&name).await.map_err(failed)?,
    };
    screen.done(&view, format_args!("mailbox {name} changed"))
}

fn read_sound(path: &Path) -> Result<Vec<u8>, Failure> {
    let told = |what: String| Failure::refused(format!("greeting {} {what}", path.display()));
    let mut sound = Vec::new();
    let file = std::fs::File::open(path);
    let read = file.and_then(|file| file.take(GREETING_BYTES_MAX + 1).read_to_end(&mut sound));
    read.map_err(|error| told(format!("can't be read ({error}): name another file")))?;
    if sound.len() as u64 > GREETING_BYTES_MAX {
        return Err(told("is larger than 32 MiB: is it the right file?".to_owned()));
    }
    Ok(sound)
}

impl Settings {
    fn patch(self) -> MailboxPatch {
        let keeps = self.keep_on_callback || self.discard_on_callback;
        MailboxPatch {
            language: self.language.map(Some),
            video: (self.video || self.no_video).then_some(self.video),
            callback: self.callback.map(Into::into),
            callback_scope: self.callback_scope.map(Into::into),
            callback_keep: keeps.then_some(self.keep_on_callback),
            messages_max: self.max_messages,
            space_max_mib: self.max_space_mib,
            length_max_s: self.max_length,
            keep_days: self.keep,
            ..MailboxPatch::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greetings_are_named() {
        let (name, file) = named("closed=a=b.wav").unwrap();
        assert_eq!((name.as_str(), file), ("closed", PathBuf::from("a=b.wav")));
        assert!(named("closed").is_err() && named("closed=").is_err() && named("a b=x").is_err());
    }

    #[test]
    fn times_are_whole() {
        assert_eq!((length_s("3m"), length_s("1h"), days("30d")), (Ok(180), Ok(3600), Ok(30)));
        for bad in ["4s", "61m", "5500ms", "30", "1d"] {
            assert!(length_s(bad).is_err(), "{bad}");
        }
        for bad in ["12h", "1d1h", "3661d", "0s", "7"] {
            assert!(days(bad).is_err(), "{bad}");
        }
    }
}
