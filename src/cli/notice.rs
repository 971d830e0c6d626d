//! `hallporter notice`

use clap::{Subcommand, ValueEnum};
use serde_json::json;

use crate::domain::NoticeState;
use crate::http::wire::NoticeView;

use super::failure::Failure;
use super::find::Door;
use super::screen::{Screen, moment, or_dash};
use super::typed::{Daemon, Limit};

/// `notice …`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    daemon: Daemon,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List notices, with what went wrong last
    List {
        /// Only those in this state
        #[arg(long)]
        state: Option<StateWord>,
        #[command(flatten)]
        limit: Limit,
    },
    /// Try a notice again at once
    Retry {
        /// Its id as `notice list` shows it
        #[arg(value_parser = notice_id)]
        id: String,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StateWord {
    /// It waits for its next try
    Waiting,
    /// It was heard
    Told,
    /// It was refused for good, or tried too often
    GivenUp,
}

impl From<StateWord> for NoticeState {
    fn from(word: StateWord) -> Self {
        match word {
            StateWord::Waiting => Self::Waiting,
            StateWord::Told => Self::Told,
            StateWord::GivenUp => Self::GivenUp,
        }
    }
}

/// Refuses what a path of a URL would swallow.
fn notice_id(text: &str) -> Result<String, String> {
    if matches!(text, "" | "." | "..") {
        return Err("write an id such as message.left:m7-12c".to_owned());
    }
    Ok(text.to_owned())
}

/// Does what was typed.
pub(super) async fn run(args: Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let door = Door::find(&args.daemon)?;
    match args.action {
        Action::List { state, limit } => {
            let state = state.map(Into::into);
            let fetch = async |page| door.client.notices(state, &page).await;
            let views = door.collect(limit, screen, fetch).await?;
            show_list(&views, screen)
        }
        Action::Retry { id } => {
            door.client.notice_retry(&id).await.map_err(|error| door.explain(error))?;
            screen.done(
                &json!({ "id": id, "tried_again": true }),
                format_args!("notice {id} is tried again"),
            )
        }
    }
}

fn show_list(views: &[NoticeView], screen: &mut Screen<'_>) -> Result<(), Failure> {
    if screen.json {
        return screen.object(&views);
    }
    if views.is_empty() {
        return screen.line("no notices");
    }
    let rows = views.iter().map(|view| {
        let (state, next) = match view.state {
            NoticeState::Waiting => ("waiting", Some(moment(view.next_ms))),
            NoticeState::Told => ("told", None),
            NoticeState::GivenUp => ("given up", None),
        };
        vec![
            view.id.to_string(),
            state.to_owned(),
            moment(view.at_ms),
            view.attempts.to_string(),
            or_dash(next),
            or_dash(view.trouble.as_ref()),
        ]
    });
    let header = ["notice", "state", "since", "tries", "next", "trouble"];
    screen.table(&header, &[3], rows)
}
