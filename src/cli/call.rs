//! `hallporter call`

use clap::Subcommand;

use crate::domain::{AccountName, CallRef, CallState};
use crate::http::wire::CallView;

use super::failure::Failure;
use super::find::Door;
use super::screen::{Screen, moment, or_dash, yes_no};
use super::typed::{Daemon, Limit};

/// `call …`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    daemon: Daemon,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List live calls
    List {
        /// Only those that count for this account, at either end
        #[arg(long, value_name = "NAME", value_parser = AccountName::parse)]
        account: Option<AccountName>,
        /// Only those of this node of the cluster
        #[arg(long, value_name = "NAME")]
        node: Option<String>,
        #[command(flatten)]
        limit: Limit,
    },
    /// Show one live call
    Show(Which),
    /// End an answered call at the proxy; its slot is free once the proxy says so
    End(Which),
    /// Free a call's slot by hand, without ending the call
    Release {
        #[command(flatten)]
        which: Which,
        /// Why, for the log
        #[arg(long, value_name = "TEXT", value_parser = reason)]
        reason: String,
    },
}

#[derive(Debug, clap::Args)]
struct Which {
    /// Its number as `call list` shows it, or its SIP Call-ID
    #[arg(value_parser = call_id)]
    id: String,
}

/// Refuses what a path of a URL would swallow.
pub(super) fn call_id(text: &str) -> Result<String, String> {
    if matches!(text, "" | "." | "..") {
        return Err("write a number such as c1-2f, or a SIP Call-ID".to_owned());
    }
    Ok(text.to_owned())
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 200 || text.contains(char::is_control) {
        return Err("write 1 to 200 characters in one line".to_owned());
    }
    Ok(text.to_owned())
}

/// Does what was typed.
pub(super) async fn run(args: Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let door = Door::find(&args.daemon)?;
    let failed = |error| door.explain(error);
    match args.action {
        Action::List { account, node, limit } => {
            show_list((account.as_ref(), node.as_deref()), limit, &door, screen).await
        }
        Action::Show(which) => {
            let view = door.client.call(&which.id).await.map_err(failed)?;
            show(&view, screen)
        }
        Action::End(which) => {
            let call = which.resolve(&door).await?;
            let view = door.client.call_end(call).await.map_err(failed)?;
            let call = &view.call;
            screen.done(
                &view,
                format_args!("call {call}: it was ended at the proxy, and its slot is free"),
            )
        }
        Action::Release { which, reason } => {
            let call = which.resolve(&door).await?;
            let view = door.client.call_release(call, &reason).await.map_err(failed)?;
            screen.done(
                &view,
                format_args!("call {}: its slot is free, the call itself was not ended", view.call),
            )
        }
    }
}

impl Which {
    /// Our number of the call; asked for when a SIP Call-ID was typed.
    async fn resolve(&self, door: &Door) -> Result<CallRef, Failure> {
        if let Some(call) = CallRef::parse(&self.id) {
            return Ok(call);
        }
        let view = door.client.call(&self.id).await.map_err(|error| door.explain(error))?;
        let strange = || {
            Failure::refused(format!(
                "the daemon calls it {:?}, which this version can't read",
                view.call
            ))
        };
        CallRef::parse(&view.call).ok_or_else(strange)
    }
}

fn state(view: &CallView) -> String {
    match view.state {
        CallState::Reserved => "not answered",
        CallState::Up => "up",
    }
    .to_owned()
}

async fn show_list(
    wanted: (Option<&AccountName>, Option<&str>),
    limit: Limit,
    door: &Door,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let fetch = async |page| door.client.calls(wanted, &page).await;
    let views = door.collect(limit, screen, fetch).await?;
    if screen.json {
        return screen.object(&views);
    }
    if views.is_empty() {
        return screen.line("no calls");
    }
    let clustered = views.iter().any(|view| view.node.is_some());
    let rows = views.iter().map(|view| {
        let mut row = vec![
            view.call.clone(),
            state(view) + if view.emergency { ", emergency" } else { "" },
            view.from.clone(),
            view.to.clone(),
            or_dash(view.caller.as_ref()),
            or_dash(view.callee.as_ref()),
            moment(view.started_ms),
            view.call_id.clone(),
        ];
        if clustered {
            row.insert(1, or_dash(view.node.as_ref()));
        }
        row
    });
    let mut header =
        vec!["call", "state", "from", "to", "counts for caller", "for callee", "since", "Call-ID"];
    if clustered {
        header.insert(1, "node");
    }
    screen.table(&header, &[], rows)
}

fn show(view: &CallView, screen: &mut Screen<'_>) -> Result<(), Failure> {
    if screen.json {
        return screen.object(view);
    }
    screen.facts(&[
        ("call", view.call.clone()),
        ("node", or_dash(view.node.as_ref())),
        ("Call-ID", view.call_id.clone()),
        ("state", state(view)),
        ("from", view.from.clone()),
        ("to", view.to.clone()),
        ("counts for caller", or_dash(view.caller.as_ref())),
        ("counts for callee", or_dash(view.callee.as_ref())),
        ("emergency", yes_no(view.emergency)),
        ("admitted", moment(view.started_ms)),
        ("answered", or_dash(view.answered_ms.map(moment))),
        ("expires if nothing follows", moment(view.expires_ms)),
    ])
}
