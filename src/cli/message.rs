//! `hallporter message`

mod file;
mod show;

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use crate::domain::{AccountName, MailboxName, MessageId, MessageState};
use crate::http::wire::MessageFilter;

pub(super) use show::{cause, medium};

use super::failure::Failure;
use super::find::Door;
use super::screen::Screen;
use super::typed::{Daemon, Limit};

/// `message …`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    daemon: Daemon,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List messages, newest first
    List {
        /// Only those in this mailbox
        #[arg(long, value_name = "NAME", value_parser = MailboxName::parse)]
        mailbox: Option<MailboxName>,
        /// Only those of this account
        #[arg(long, value_name = "NAME", value_parser = AccountName::parse)]
        account: Option<AccountName>,
        /// Only those in this state [default: all but deleted ones]
        #[arg(long)]
        state: Option<ListedWord>,
        #[command(flatten)]
        limit: Limit,
    },
    /// Show one message and its parts
    Show(Which),
    /// Save a message's recording into a file, which must not be there yet
    Get {
        #[command(flatten)]
        which: Which,
        /// The file, or - for standard output [default: the message's number, in this directory]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Only this part
        #[arg(long, value_name = "N")]
        part: Option<u16>,
    },
    /// Play a message with ffplay, or aplay where it is sound only
    Play {
        #[command(flatten)]
        which: Which,
        /// Only this part
        #[arg(long, value_name = "N")]
        part: Option<u16>,
    },
    /// Mark a message as new, heard or saved
    Set {
        #[command(flatten)]
        which: Which,
        /// What it is from now on
        #[arg(long)]
        state: StateWord,
    },
    /// Delete a message and its files
    Rm(Which),
}

#[derive(Debug, clap::Args)]
struct Which {
    /// Its number as `message list` shows it
    #[arg(value_parser = message_id)]
    id: MessageId,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StateWord {
    New,
    Heard,
    Saved,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ListedWord {
    New,
    Heard,
    Saved,
    Deleted,
}

impl From<StateWord> for MessageState {
    fn from(word: StateWord) -> Self {
        match word {
            StateWord::New => Self::New,
            StateWord::Heard => Self::Heard,
            StateWord::Saved => Self::Saved,
        }
    }
}

impl From<ListedWord> for MessageState {
    fn from(word: ListedWord) -> Self {
        match word {
            ListedWord::New => Self::New,
            ListedWord::Heard => Self::Heard,
            ListedWord::Saved => Self::Saved,
            ListedWord::Deleted => Self::Deleted,
        }
    }
}

/// The number of a message or deposit.
pub(super) fn message_id(text: &str) -> Result<MessageId, String> {
    MessageId::parse(text).ok_or_else(|| "write a number such as m7-12c".to_owned())
}

/// Does what was typed.
pub(super) async fn run(args: Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let door = Door::find(&args.daemon)?;
    let failed = |error| door.explain(error);
    match args.action {
        Action::List { mailbox, account, state, limit } => {
            let filter = MessageFilter { mailbox, account, state: state.map(Into::into) };
            let fetch = async |page| door.client.messages(&filter, &page).await;
            let views = door.collect(limit, screen, fetch).await?;
            show::list(&views, screen)
        }
        Action::Show(Which { id }) => {
            let view = door.client.message(id).await.map_err(failed)?;
            show::one(&view, screen)
        }
        Action::Get { which: Which { id }, output, part } => {
            file::get(id, part, output, &door, screen).await
        }
        Action::Play { which: Which { id }, part } => file::play(id, part, &door, screen).await,
        Action::Set { which: Which { id }, state } => {
            let view = door.client.message_set(id, state.into()).await.map_err(failed)?;
            let state = show::state(view.state);
            screen.done(&view, format_args!("message {id} is {state} now"))
        }
        Action::Rm(Which { id }) => {
            door.client.message_remove(id).await.map_err(failed)?;
            screen.removed(id, format_args!("message {id} deleted"))
        }
    }
}
