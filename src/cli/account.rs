//! `hallporter account`

mod show;

use clap::Subcommand;

use crate::domain::{AccountName, Caps, RefusalCodes, Zone};
use crate::http::wire::AccountFilter;
use crate::registry::{AccountPatch, AccountSpec};

use super::failure::Failure;
use super::find::Door;
use super::screen::Screen;
use super::typed::{Daemon, Limit, OrNone, PolicyWord};

/// `account …`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    daemon: Daemon,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add an account
    Add(Add),
    /// List accounts by name, with their live calls
    List(List),
    /// Show one account, its caps and what is used of them
    Show {
        /// Its name
        #[arg(value_parser = AccountName::parse)]
        name: AccountName,
    },
    /// Change an account; calls that are up go on
    #[command(override_usage = "hallporter account set <NAME> <CHANGE>...")]
    Set(Set),
    /// Remove an account with its numbers and devices; calls that are up go on
    Rm {
        /// Its name
        #[arg(value_parser = AccountName::parse)]
        name: AccountName,
    },
}

#[derive(Debug, clap::Args)]
struct Add {
    /// Its name: letters, digits, '.', '_' and '-'
    #[arg(value_parser = AccountName::parse)]
    name: AccountName,
    /// The most simultaneous calls [default: no limit]
    #[arg(long, value_name = "N")]
    max_calls: Option<u32>,
    /// The most simultaneous calls to it [default: no limit]
    #[arg(long, value_name = "N")]
    max_in: Option<u32>,
    /// The most simultaneous calls from it [default: no limit]
    #[arg(long, value_name = "N")]
    max_out: Option<u32>,
    /// The account above it, whose caps count its calls too
    #[arg(long, value_name = "NAME", value_parser = AccountName::parse)]
    parent: Option<AccountName>,
    /// What happens to calls when it can't be vouched for that a cap holds
    #[arg(long, default_value = "available")]
    policy: PolicyWord,
    /// Its time zone, such as Europe/Berlin [default: the daemon's]
    #[arg(long, value_parser = Zone::parse)]
    zone: Option<Zone>,
    /// SIP code for calls to it that a cap refuses [default: 486]
    #[arg(long, value_name = "CODE", value_parser = sip_code())]
    code_in: Option<u16>,
    /// SIP code for calls from it that a cap refuses [default: 403]
    #[arg(long, value_name = "CODE", value_parser = sip_code())]
    code_out: Option<u16>,
    /// It neither makes nor gets calls, emergency calls excepted
    #[arg(long)]
    disabled: bool,
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only names that begin so
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    /// Only accounts right below this one
    #[arg(long, value_name = "NAME", value_parser = AccountName::parse)]
    parent: Option<AccountName>,
    /// Only enabled ones
    #[arg(long, conflicts_with = "disabled")]
    enabled: bool,
    /// Only disabled ones
    #[arg(long)]
    disabled: bool,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, clap::Args)]
struct Set {
    /// Its name
    #[arg(value_parser = AccountName::parse)]
    name: AccountName,
    #[command(flatten)]
    edit: Edit,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
struct Edit {
    /// Call it so from now on
    #[arg(long, value_name = "NAME", value_parser = AccountName::parse)]
    rename: Option<AccountName>,
    /// The most simultaneous calls, or "none" for no limit
    #[arg(long, value_name = "N")]
    max_calls: Option<OrNone<u32>>,
    /// The most simultaneous calls to it, or "none"
    #[arg(long, value_name = "N")]
    max_in: Option<OrNone<u32>>,
    /// The most simultaneous calls from it, or "none"
    #[arg(long, value_name = "N")]
    max_out: Option<OrNone<u32>>,
    /// The account above it
    #[arg(long, value_name = "NAME", value_parser = AccountName::parse)]
    parent: Option<AccountName>,
    /// No account above it
    #[arg(long, conflicts_with = "parent")]
    no_parent: bool,
    /// What happens to calls when it can't be vouched for that a cap holds
    #[arg(long)]
    policy: Option<PolicyWord>,
    /// Its time zone
    #[arg(long, value_parser = Zone::parse)]
    zone: Option<Zone>,
    /// No time zone of its own
    #[arg(long, conflicts_with = "zone")]
    no_zone: bool,
    /// SIP code for calls to it that a cap refuses, or "none" for 486
    #[arg(long, value_name = "CODE")]
    code_in: Option<OrNone<u16>>,
    /// SIP code for calls from it that a cap refuses, or "none" for 403
    #[arg(long, value_name = "CODE")]
    code_out: Option<OrNone<u16>>,
    /// It makes and gets calls
    #[arg(long, conflicts_with = "disabled")]
    enabled: bool,
    /// It neither makes nor gets calls, emergency calls excepted
    #[arg(long)]
    disabled: bool,
}

fn sip_code() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(400..=699)
}

/// Does what was typed.
pub(super) async fn run(args: Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let door = Door::find(&args.daemon)?;
    let failed = |error| door.explain(error);
    match args.action {
        Action::Add(add) => {
            let view = door.client.account_add(&add.spec()).await.map_err(failed)?;
            screen.done(&view, format_args!("account {} added", view.name))
        }
        Action::List(list) => {
            let filter = list.filter();
            let fetch = async |page| door.client.accounts(&filter, &page).await;
            let views = door.collect(list.limit, screen, fetch).await?;
            show::list(&views, screen)
        }
        Action::Show { name } => {
            let view = door.client.account(&name).await.map_err(failed)?;
            show::one(&view, screen)
        }
        Action::Set(set) => {
            let patch = set.edit.patch(&set.name, &door).await?;
            let view = door.client.account_set(&set.name, &patch).await.map_err(failed)?;
            screen.done(&view, format_args!("account {} changed", view.name))
        }
        Action::Rm { name } => {
            door.client.account_remove(&name).await.map_err(failed)?;
            screen.removed(&name, format_args!("account {name} removed"))
        }
    }
}

impl List {
    fn filter(&self) -> AccountFilter {
        AccountFilter {
            prefix: self.prefix.clone(),
            parent: self.parent.clone(),
            enabled: (self.enabled || self.disabled).then_some(self.enabled),
        }
    }
}

impl Add {
    fn spec(self) -> AccountSpec {
        AccountSpec {
            name: self.name,
            caps: Caps { max_calls: self.max_calls, max_in: self.max_in, max_out: self.max_out },
            parent: self.parent,
            policy: self.policy.into(),
            zone: self.zone,
            enabled: !self.disabled,
            refusal_codes: RefusalCodes { to: self.code_in, from: self.code_out },
        }
    }
}

impl Edit {
    /// The change that is meant. The two codes are one value in the API, so that the one that is
    /// not given has to be asked for first.
    async fn patch(self, name: &AccountName, door: &Door) -> Result<AccountPatch, Failure> {
        let mut refusal_codes = None;
        if self.code_in.is_some() || self.code_out.is_some() {
            let view = door.client.account(name).await.map_err(|error| door.explain(error))?;
            let OrNone(to) = self.code_in.unwrap_or(OrNone(view.refusal_codes.to));
            let OrNone(from) = self.code_out.unwrap_or(OrNone(view.refusal_codes.from));
            let codes = RefusalCodes { to, from }.check();
            refusal_codes = Some(codes.map_err(|error| Failure::refused(error.to_string()))?);
        }
        Ok(AccountPatch {
            rename: self.rename,
            max_calls: self.max_calls.map(|OrNone(cap)| cap),
            max_in: self.max_in.map(|OrNone(cap)| cap),
            max_out: self.max_out.map(|OrNone(cap)| cap),
            parent: if self.no_parent { Some(None) } else { self.parent.map(Some) },
            policy: self.policy.map(Into::into),
            zone: if self.no_zone { Some(None) } else { self.zone.map(Some) },
            enabled: (self.enabled || self.disabled).then_some(self.enabled),
            refusal_codes,
        })
    }
}
