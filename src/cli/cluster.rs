//! `hallporter cluster`

mod found;
mod show;

use clap::Subcommand;

use crate::domain::AccountName;

use super::failure::Failure;
use super::find::Door;
use super::screen::Screen;
use super::typed::{Daemon, duration_s};

/// `cluster …`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    daemon: Daemon,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make this node the first of a new cluster
    Init {
        /// What the cluster is called
        #[arg(long, value_name = "NAME", default_value = "hallporter")]
        name: String,
    },
    /// Make a token with which one newcomer can join
    Token {
        /// For how long it is good, such as 2h; at most 30d
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration_s)]
        good_for: u32,
    },
    /// Show how the cluster stands: nodes, votes, lag, clocks
    Status {
        /// Show what each node holds of this account's rights as well
        #[arg(long, value_name = "NAME", value_parser = AccountName::parse)]
        account: Option<AccountName>,
    },
    /// List the nodes
    Nodes,
    /// Tell what is wrong and what to do; ends with 1 if something is
    Doctor,
    /// Let the asked node leave: it waits for its calls to end, then it stops
    Leave {
        /// Don't wait for calls to end
        #[arg(long)]
        now: bool,
    },
    /// Take a node out that is gone for good
    Remove {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Show which nodes have a vote, or say it
    Voters {
        #[command(subcommand)]
        action: Option<Voters>,
    },
}

#[derive(Debug, Subcommand)]
enum Voters {
    /// Give these nodes a vote, and no others: 3 or 5 of them
    Set {
        /// Their names
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
}

/// What is said of calls at a node that was taken out.
const NOT_COUNTED: &str = "calls that are still up there are not counted, so accounts with policy strict may carry more than their cap until they end";

/// A node was taken out.
#[derive(Debug, serde::Serialize)]
struct Removed<'a> {
    /// Its name.
    removed: &'a str,
    /// What it may have cost.
    warning: &'a str,
}

/// Does what was typed.
pub(super) async fn run(args: Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    if let Action::Init { name } = args.action {
        return found::run(&args.daemon, name, screen).await;
    }
    let door = Door::find(&args.daemon)?;
    let failed = |error| door.explain(error);
    match args.action {
        Action::Init { .. } => Ok(()),
        Action::Token { good_for } => {
            let view = door.client.cluster_invite(Some(good_for)).await.map_err(failed)?;
            // Nothing else goes to standard output: it is redirected into a file.
            screen.done(&view, &view.token)
        }
        Action::Status { account } => {
            let view = door.client.cluster(account.as_ref()).await.map_err(failed)?;
            show::status(&view, screen)
        }
        Action::Nodes => {
            let view = door.client.cluster(None).await.map_err(failed)?;
            show::nodes(&view, screen)
        }
        Action::Doctor => {
            let found = door.client.cluster_doctor().await.map_err(failed)?;
            show::findings(&found, screen)
        }
        Action::Leave { now } => {
            let view = door.client.cluster_leave(now).await.map_err(failed)?;
            let sentence = match view.calls {
                0 => "leaving now: the daemon stops by itself".to_owned(),
                calls => format!(
                    "leaving when {calls} calls have ended: then the daemon stops by itself (`--now` does not wait)"
                ),
            };
            screen.done(&view, sentence)
        }
        Action::Remove { name } => {
            door.client.cluster_remove(&name).await.map_err(failed)?;
            let removed = Removed { removed: &name, warning: NOT_COUNTED };
            screen.done(
                &removed,
                format_args!(
                    "{name} is not in the cluster any more, and the rights that it held are free: {NOT_COUNTED}"
                ),
            )
        }
        Action::Voters { action: None } => {
            let view = door.client.cluster(None).await.map_err(failed)?;
            show::voters(&view, screen)
        }
        Action::Voters { action: Some(Voters::Set { names }) } => {
            let view = door.client.cluster_voters(names).await.map_err(failed)?;
            show::voters(&view, screen)
        }
    }
}
