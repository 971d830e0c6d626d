//! `hallporter number`

use clap::Subcommand;

use crate::domain::{AccountName, Identifier};
use crate::http::wire::{NumberFilter, NumberView};

use super::failure::Failure;
use super::find::Door;
use super::screen::Screen;
use super::typed::{Daemon, Limit};

/// `number …`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    daemon: Daemon,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lead a number or SIP address to an account
    Add(Target),
    /// List numbers and addresses
    List(List),
    /// Show where a number or address leads
    Show {
        /// +493012345 or alice@example.com
        #[arg(value_name = "NUMBER", value_parser = Identifier::parse)]
        identifier: Identifier,
    },
    /// Lead a number or address to another account
    Set(Target),
    /// Take a number or address away
    Rm {
        /// +493012345 or alice@example.com
        #[arg(value_name = "NUMBER", value_parser = Identifier::parse)]
        identifier: Identifier,
    },
}

#[derive(Debug, clap::Args)]
struct Target {
    /// +493012345 or alice@example.com
    #[arg(value_name = "NUMBER", value_parser = Identifier::parse)]
    identifier: Identifier,
    /// The account it leads to
    #[arg(long, value_name = "NAME", value_parser = AccountName::parse)]
    account: AccountName,
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only those of this account
    #[arg(long, value_name = "NAME", value_parser = AccountName::parse)]
    account: Option<AccountName>,
    /// Only those that begin so
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    #[command(flatten)]
    limit: Limit,
}

/// Does what was typed.
pub(super) async fn run(args: Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let door = Door::find(&args.daemon)?;
    let failed = |error| door.explain(error);
    let leads =
        |view: &NumberView| format!("{} leads to account {}", view.identifier, view.account);
    match args.action {
        Action::Add(Target { identifier, account }) => {
            let view = NumberView { identifier, account };
            let view = door.client.number_add(&view).await.map_err(failed)?;
            screen.done(&view, leads(&view))
        }
        Action::List(list) => show_list(list, &door, screen).await,
        Action::Show { identifier } => {
            let view = door.client.number(&identifier).await.map_err(failed)?;
            screen.done(&view, leads(&view))
        }
        Action::Set(Target { identifier, account }) => {
            let view = door.client.number_set(&identifier, &account).await.map_err(failed)?;
            screen.done(&view, leads(&view))
        }
        Action::Rm { identifier } => {
            door.client.number_remove(&identifier).await.map_err(failed)?;
            screen.removed(&identifier, format_args!("{identifier} removed"))
        }
    }
}

async fn show_list(list: List, door: &Door, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let filter = NumberFilter { account: list.account, prefix: list.prefix };
    let fetch = async |page| door.client.numbers(&filter, &page).await;
    let views = door.collect(list.limit, screen, fetch).await?;
    if screen.json {
        return screen.object(&views);
    }
    if views.is_empty() {
        return screen.line("no numbers");
    }
    let rows = views.iter().map(|view| vec![view.identifier.to_string(), view.account.to_string()]);
    screen.table(&["number", "account"], &[], rows)
}
