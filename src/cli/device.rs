//! `hallporter device`

use clap::Subcommand;

use crate::domain::{AccountName, DeviceName, Number, STAGE_MAX, SipUri, Tag, Tags};
use crate::http::wire::{DeviceEdit, DeviceView};

use super::failure::Failure;
use super::find::Door;
use super::screen::{Screen, yes_no};
use super::typed::{Daemon, Limit, on_off, ring_s};

/// `device …`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    daemon: Daemon,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add a device to an account's list
    Add(Add),
    /// List an account's devices in the order in which they ring
    List {
        /// The account
        #[arg(value_parser = AccountName::parse)]
        account: AccountName,
        #[command(flatten)]
        limit: Limit,
    },
    /// Show one device
    Show(Which),
    /// Change a device
    #[command(override_usage = "hallporter device set <ACCOUNT> <DEVICE> <CHANGE>...")]
    Set {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        edit: Edit,
    },
    /// Give a device a token of its own, with which it sees and changes its account's self care
    Token {
        #[command(flatten)]
        which: Which,
        /// Take its token away
        #[arg(long)]
        rm: bool,
    },
    /// Remove a device
    Rm(Which),
}

#[derive(Debug, clap::Args)]
struct Which {
    /// The account
    #[arg(value_parser = AccountName::parse)]
    account: AccountName,
    /// The device
    #[arg(value_parser = DeviceName::parse)]
    device: DeviceName,
}

#[derive(Debug, clap::Args)]
struct Add {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    place: Place,
    /// When it rings: devices of one stage ring together, stages one after the other
    #[arg(long, default_value_t = 1, value_parser = stage())]
    stage: u8,
    /// How long it rings; the longest of a stage's devices is the stage's
    #[arg(long, default_value = "20s", value_parser = ring_s)]
    ring: u16,
    /// It does not ring until it is enabled
    #[arg(long)]
    disabled: bool,
    /// Whether its app sleeps until a push wakes it (`[push]` in the configuration)
    #[arg(long, value_name = "on|off", value_parser = on_off)]
    push: Option<bool>,
    /// A tag, by which rules may speak of it; may be given several times
    #[arg(long = "tag", value_name = "NAME", value_parser = Tag::parse)]
    tags: Vec<Tag>,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Place {
    /// Reached at this SIP URI, as it stands
    #[arg(long, value_parser = SipUri::parse)]
    uri: Option<SipUri>,
    /// Reached wherever this address of record is registered at the proxy
    #[arg(long, value_name = "URI", value_parser = SipUri::parse)]
    aor: Option<SipUri>,
    /// A telephone number, reached through the gateway
    #[arg(long, value_parser = Number::parse)]
    number: Option<Number>,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
struct Edit {
    /// Call it so from now on
    #[arg(long, value_name = "NAME", value_parser = DeviceName::parse)]
    rename: Option<DeviceName>,
    /// Reached at this SIP URI, as it stands
    #[arg(long, value_parser = SipUri::parse, conflicts_with_all = ["aor", "number"])]
    uri: Option<SipUri>,
    /// Reached wherever this address of record is registered at the proxy
    #[arg(long, value_name = "URI", value_parser = SipUri::parse, conflicts_with = "number")]
    aor: Option<SipUri>,
    /// A telephone number, reached through the gateway
    #[arg(long, value_parser = Number::parse)]
    number: Option<Number>,
    /// When it rings
    #[arg(long, value_parser = stage())]
    stage: Option<u8>,
    /// How long it rings
    #[arg(long, value_parser = ring_s)]
    ring: Option<u16>,
    /// It rings
    #[arg(long, conflicts_with = "disabled")]
    enabled: bool,
    /// It does not ring
    #[arg(long)]
    disabled: bool,
    /// Whether it is not to be disturbed, and so does not ring
    #[arg(long, value_name = "on|off", value_parser = on_off)]
    dnd: Option<bool>,
    /// Whether its app sleeps until a push wakes it
    #[arg(long, value_name = "on|off", value_parser = on_off)]
    push: Option<bool>,
    /// Its tags from now on; may be given several times
    #[arg(long = "tag", value_name = "NAME", value_parser = Tag::parse, conflicts_with = "no_tags")]
    tags: Vec<Tag>,
    /// No tags any more
    #[arg(long)]
    no_tags: bool,
}

fn stage() -> clap::builder::RangedI64ValueParser<u8> {
    clap::value_parser!(u8).range(1..=i64::from(STAGE_MAX))
}

/// Does what was typed.
pub(super) async fn run(args: Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let door = Door::find(&args.daemon)?;
    let failed = |error| door.explain(error);
    match args.action {
        Action::Add(Add { which, place, stage, ring, disabled, push, tags }) => {
            let Place { uri, aor, number } = place;
            let (name, ring_s, tags) = (which.device, ring, tags_of(tags)?);
            let (enabled, dnd, push) = (!disabled, false, push.unwrap_or(false));
            let view =
                DeviceView { name, uri, aor, number, stage, ring_s, enabled, dnd, push, tags };
            let view = door.client.device_add(&which.account, &view).await.map_err(failed)?;
            screen.done(&view, format_args!("device {} added to {}", view.name, which.account))
        }
        Action::List { account, limit } => show_list(&account, limit, &door, screen).await,
        Action::Show(which) => {
            let view = door.client.device(&which.account, &which.device).await.map_err(failed)?;
            show(&view, screen)
        }
        Action::Set { which: Which { account, device }, edit } => {
            let edit = edit.wire()?;
            let view = door.client.device_set(&account, &device, &edit).await.map_err(failed)?;
            screen.done(&view, format_args!("device {} of {account} changed", view.name))
        }
        Action::Token { which, rm } => token(which, rm, &door, screen).await,
        Action::Rm(Which { account, device }) => {
            door.client.device_remove(&account, &device).await.map_err(failed)?;
            screen.removed(&device, format_args!("device {device} of {account} removed"))
        }
    }
}

/// A new token is shown once, alone, so that it can be written into a file.
async fn token(
    Which { account, device }: Which,
    rm: bool,
    door: &Door,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let failed = |error| door.explain(error);
    if !rm {
        let view = door.client.token_set(&account, &device).await.map_err(failed)?;
        return screen.done(&view, &view.token);
    }
    door.client.token_remove(&account, &device).await.map_err(failed)?;
    if screen.json {
        return Ok(());
    }
    screen.line(format_args!("device {device} of {account} has no token any more"))
}

impl Edit {
    fn wire(self) -> Result<DeviceEdit, Failure> {
        let tags = (self.no_tags || !self.tags.is_empty()).then(|| tags_of(self.tags));
        Ok(DeviceEdit {
            rename: self.rename,
            uri: self.uri,
            aor: self.aor,
            number: self.number,
            stage: self.stage,
            ring_s: self.ring,
            enabled: (self.enabled || self.disabled).then_some(self.enabled),
            dnd: self.dnd,
            push: self.push,
            tags: tags.transpose()?,
        })
    }
}

fn tags_of(tags: Vec<Tag>) -> Result<Tags, Failure> {
    Tags::new(tags).map_err(|error| Failure::refused(error.to_string()))
}

/// What kind of place a device is reached at, and the place.
fn place(view: &DeviceView) -> (&'static str, String) {
    match (&view.uri, &view.aor, view.number) {
        (Some(uri), _, _) => ("uri", uri.to_string()),
        (None, Some(aor), _) => ("aor", aor.to_string()),
        (None, None, Some(number)) => ("number", number.to_string()),
        (None, None, None) => ("-", "-".to_owned()),
    }
}

fn tags(view: &DeviceView) -> String {
    if view.tags.is_empty() { "-".to_owned() } else { view.tags.to_string() }
}

async fn show_list(
    account: &AccountName,
    limit: Limit,
    door: &Door,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let fetch = async |page| door.client.devices(account, &page).await;
    let views = door.collect(limit, screen, fetch).await?;
    if screen.json {
        return screen.object(&views);
    }
    if views.is_empty() {
        return screen.line("no devices");
    }
    let rows = views.iter().map(|view| {
        let (kind, place) = place(view);
        vec![
            view.stage.to_string(),
            view.name.to_string(),
            format!("{}s", view.ring_s),
            kind.to_owned(),
            place,
            yes_no(view.enabled),
            yes_no(view.dnd),
            yes_no(view.push),
            tags(view),
        ]
    });
    let heads = ["stage", "device", "ring", "by", "reached at", "enabled", "dnd", "push", "tags"];
    screen.table(&heads, &[0, 2], rows)
}

fn show(view: &DeviceView, screen: &mut Screen<'_>) -> Result<(), Failure> {
    if screen.json {
        return screen.object(view);
    }
    let (kind, place) = place(view);
    screen.facts(&[
        ("device", view.name.to_string()),
        (kind, place),
        ("stage", view.stage.to_string()),
        ("ring", format!("{}s", view.ring_s)),
        ("enabled", yes_no(view.enabled)),
        ("do not disturb", yes_no(view.dnd)),
        ("woken by push", yes_no(view.push)),
        ("tags", tags(view)),
    ])
}
