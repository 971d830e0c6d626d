//! `hallporter care`

use std::collections::BTreeMap;

use clap::{Subcommand, ValueEnum};

use crate::domain::{AccountName, DeviceName, Forward, ForwardPlaces, SelfCare, Target};
use crate::http::wire::{CareEdit, CareView};

use super::failure::Failure;
use super::find::Door;
use super::screen::{Screen, or_dash};
use super::typed::Daemon;

/// `care …`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    daemon: Daemon,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show what an account's devices may change, and what they have changed
    Show {
        /// The account
        #[arg(value_parser = AccountName::parse)]
        account: AccountName,
    },
    /// Change it
    #[command(override_usage = "hallporter care set <ACCOUNT> <CHANGE>...")]
    Set {
        /// The account
        #[arg(value_parser = AccountName::parse)]
        account: AccountName,
        #[command(flatten)]
        edit: Edit,
    },
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
struct Edit {
    /// How much the account's devices may change, by star codes and with tokens of their own
    #[arg(long)]
    may: Option<MayWord>,
    /// Where to they may forward: +49, @example.com, or "*" for anywhere; may be given several
    /// times, and replaces those that there were
    #[arg(long = "place", value_name = "PLACE", value_parser = one_place, conflicts_with = "no_places")]
    places: Vec<ForwardPlaces>,
    /// They may forward nowhere any more
    #[arg(long)]
    no_places: bool,
    /// All calls go there, or "none"
    #[arg(long, value_name = "TO", value_parser = place)]
    forward_all: Option<To>,
    /// Calls that meet a busy device go there, or "none"
    #[arg(long, value_name = "TO", value_parser = place)]
    forward_busy: Option<To>,
    /// Calls that nobody answers go there, or "none"
    #[arg(long, value_name = "TO", value_parser = place)]
    forward_no_answer: Option<To>,
    /// Calls for which nothing can ring go there, or "none"
    #[arg(long, value_name = "TO", value_parser = place)]
    forward_unreachable: Option<To>,
    /// This device rings alone
    #[arg(long, value_name = "DEVICE", value_parser = DeviceName::parse)]
    here: Option<DeviceName>,
    /// No device rings alone any more
    #[arg(long, conflicts_with = "here")]
    no_here: bool,
}

/// Where to, as it was typed; `None`: nowhere any more.
#[derive(Clone, Debug)]
struct To(Option<String>);

fn place(text: &str) -> Result<To, String> {
    if text == "none" {
        return Ok(To(None));
    }
    Target::parse(text).map(|_| To(Some(text.to_owned()))).map_err(|error| error.to_string())
}

fn one_place(text: &str) -> Result<ForwardPlaces, String> {
    ForwardPlaces::parse(text).map_err(|error| error.to_string())
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MayWord {
    /// Nothing
    Off,
    /// Each whether it is to be disturbed
    Dnd,
    /// That, and where the account's calls go
    All,
}

impl From<MayWord> for SelfCare {
    fn from(word: MayWord) -> Self {
        match word {
            MayWord::Off => Self::Off,
            MayWord::Dnd => Self::Dnd,
            MayWord::All => Self::All,
        }
    }
}

impl Edit {
    fn wire(self) -> Result<CareEdit, Failure> {
        let given = self.no_places || !self.places.is_empty();
        let places: Vec<String> = self.places.iter().map(ToString::to_string).collect();
        let places = ForwardPlaces::parse(&places.join(" "))
            .map_err(|error| Failure::refused(error.to_string()))?;
        let forwards = [
            (Forward::All, self.forward_all),
            (Forward::Busy, self.forward_busy),
            (Forward::NoAnswer, self.forward_no_answer),
            (Forward::Unreachable, self.forward_unreachable),
        ];
        let forwards = forwards.into_iter().filter_map(|(forward, to)| Some((forward, to?.0)));
        Ok(CareEdit {
            may: self.may.map(SelfCare::from),
            places: given.then_some(places),
            forwards: BTreeMap::from_iter(forwards),
            here: if self.no_here { Some(None) } else { self.here.map(Some) },
        })
    }
}

/// Does what was typed.
pub(super) async fn run(args: Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let door = Door::find(&args.daemon)?;
    let failed = |error| door.explain(error);
    match args.action {
        Action::Show { account } => {
            let view = door.client.care(&account).await.map_err(failed)?;
            show(&view, screen)
        }
        Action::Set { account, edit } => {
            let edit = edit.wire()?;
            let view = door.client.care_set(&account, &edit).await.map_err(failed)?;
            screen.done(&view, format_args!("self care of {account} changed"))
        }
    }
}

fn show(view: &CareView, screen: &mut Screen<'_>) -> Result<(), Failure> {
    if screen.json {
        return screen.object(view);
    }
    let to = |forward: Forward| match view.forwards.get(&forward) {
        Some(to) if view.not_done.contains(&forward) => format!("{to} (not done: not allowed)"),
        Some(to) => to.clone(),
        None => "-".to_owned(),
    };
    let places =
        if view.places.is_empty() { "nowhere".to_owned() } else { view.places.to_string() };
    let tokens: Vec<&str> = view.tokens.iter().map(DeviceName::as_str).collect();
    screen.facts(&[
        ("account", view.account.to_string()),
        ("devices may change", view.may.as_str().to_owned()),
        ("may forward to", places),
        ("forward all", to(Forward::All)),
        ("forward busy", to(Forward::Busy)),
        ("forward no answer", to(Forward::NoAnswer)),
        ("forward unreachable", to(Forward::Unreachable)),
        ("rings alone", or_dash(view.here.as_ref())),
        ("have a token", if tokens.is_empty() { "-".to_owned() } else { tokens.join(", ") }),
    ])
}
