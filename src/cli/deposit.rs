//! `hallporter deposit`

use clap::{Subcommand, ValueEnum};
use serde_json::json;

use crate::domain::{Medium, MessageId};

use super::failure::Failure;
use super::find::Door;
use super::message::{cause, medium, message_id};
use super::screen::{Screen, length, moment, or_dash};
use super::typed::{Daemon, Limit};

/// `deposit …`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    daemon: Daemon,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List messages that are being left, the longest first
    List(Limit),
    /// Ask for audio or video, as the caller's own key does
    Switch {
        #[command(flatten)]
        which: Which,
        /// How he should go on
        medium: MediumWord,
    },
    /// End it; what was said is kept
    End(Which),
}

#[derive(Debug, clap::Args)]
struct Which {
    /// Its number as `deposit list` shows it
    #[arg(value_parser = message_id)]
    id: MessageId,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MediumWord {
    Audio,
    Video,
}

/// Does what was typed.
pub(super) async fn run(args: Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let door = Door::find(&args.daemon)?;
    let failed = |error| door.explain(error);
    match args.action {
        Action::List(limit) => show_list(limit, &door, screen).await,
        Action::Switch { which: Which { id }, medium: word } => {
            let wanted = match word {
                MediumWord::Audio => Medium::Audio,
                MediumWord::Video => Medium::Video,
            };
            door.client.deposit_medium(id, wanted).await.map_err(failed)?;
            let medium = medium(wanted);
            screen.done(
                &json!({ "id": id, "asked_for": wanted }),
                format_args!(
                    "deposit {id}: {medium} was asked for; `deposit list` shows what comes of it"
                ),
            )
        }
        Action::End(Which { id }) => {
            door.client.deposit_end(id).await.map_err(failed)?;
            screen.done(
                &json!({ "id": id, "ends": true }),
                format_args!("deposit {id} ends; what was said is kept"),
            )
        }
    }
}

async fn show_list(limit: Limit, door: &Door, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let fetch = async |page| door.client.deposits(&page).await;
    let views = door.collect(limit, screen, fetch).await?;
    if screen.json {
        return screen.object(&views);
    }
    if views.is_empty() {
        return screen.line("no deposits");
    }
    let rows = views.iter().map(|view| {
        vec![
            view.id.to_string(),
            view.state.clone(),
            view.mailbox.to_string(),
            view.from.to_string(),
            or_dash(view.medium.map(medium)),
            length(view.length_ms),
            cause(view.cause).to_owned(),
            moment(view.began_ms),
            view.switch.to_string(),
        ]
    });
    let header =
        ["deposit", "state", "mailbox", "from", "by", "length", "because", "since", "switch"];
    screen.table(&header, &[5], rows)
}
