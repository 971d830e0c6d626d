//! `/v1/accounts`.

use axum::http::StatusCode;

use crate::admission::PoolUsage;
use crate::desk::{Desk, Usage};
use crate::domain::{Account, AccountKey, AccountName};
use crate::registry::{AccountPatch, AccountSpec, Command};

use super::super::house::Visit;
use super::super::params::Params;
use super::super::reply::{Problem, Reply};
use super::super::wire::{AccountView, Page, PoolView, UsageView};
use super::shape::{self, Shape};
use super::{LOOKED_AT_MAX, change, filter_account, look, named, no_account, place};

pub(super) const SPEC: Shape = Shape {
    required: &["name"],
    optional: &[
        "max_calls",
        "max_in",
        "max_out",
        "parent",
        "policy",
        "zone",
        "enabled",
        "refusal_codes",
    ],
    sample: r#"{"name":"sample"}"#,
};
const PATCH: Shape = Shape {
    required: &[],
    optional: &[
        "rename",
        "max_calls",
        "max_in",
        "max_out",
        "parent",
        "policy",
        "zone",
        "enabled",
        "refusal_codes",
    ],
    sample: "{}",
};

pub(super) fn list(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let params = Params::read(visit.uri, &["prefix", "parent", "enabled", "limit", "after"])?;
    let limit = params.limit()?;
    let enabled = params
        .parsed("enabled", |text| text.parse::<bool>().map_err(|_| "enabled is true or false"))?;
    let parent = filter_account(visit, "parent", params.parsed("parent", AccountName::parse)?)?;
    let prefix = params.text("prefix").unwrap_or_default();
    let wanted = |account: &Account| {
        account.name.as_str().starts_with(prefix)
            && enabled.is_none_or(|enabled| account.enabled == enabled)
    };
    let page = match parent {
        Some(parent) => {
            let after = params.parsed("after", place)?;
            look(visit, |desk, _| page_of_children(desk, parent, after, limit, wanted))?
        }
        None => {
            let after = params.text("after");
            look(visit, |desk, _| page_of_all(desk, prefix, after, limit, wanted))?
        }
    };
    Ok(Reply::value(&page))
}

/// In the order of names; `next` is a name.
fn page_of_all(
    desk: &Desk,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
    wanted: impl Fn(&Account) -> bool,
) -> Page<AccountView> {
    let registry = desk.registry();
    let mut page = Page { items: Vec::new(), next: None };
    // The list begins behind a name, and the prefix itself may be one.
    let exact = registry.find(prefix).filter(|_| after.is_none_or(|after| after < prefix));
    let exact = exact.and_then(|key| registry.account(key).map(|account| (key, account)));
    let from = match after {
        Some(after) if after > prefix => Some(after),
        _ => Some(prefix),
    };
    let all = exact.into_iter().chain(registry.accounts(from.filter(|from| !from.is_empty())));
    let mut last: Option<&AccountName> = None;
    for (looked_at, (key, account)) in all.enumerate() {
        if !account.name.as_str().starts_with(prefix) {
            break;
        }
        if page.items.len() == limit || looked_at == LOOKED_AT_MAX {
            page.next = last.map(ToString::to_string);
            break;
        }
        last = Some(&account.name);
        if wanted(account) {
            page.items.push(view(desk, key, account));
        }
    }
    page
}

/// In the order in which they were made; `next` is a key.
fn page_of_children(
    desk: &Desk,
    parent: AccountKey,
    after: Option<usize>,
    limit: usize,
    wanted: impl Fn(&Account) -> bool,
) -> Page<AccountView> {
    let mut page = Page { items: Vec::new(), next: None };
    let after = after.and_then(|after| u32::try_from(after).ok()).map(AccountKey);
    let mut last = None;
    for (looked_at, key) in desk.registry().children(parent, after).enumerate() {
        if page.items.len() == limit || looked_at == LOOKED_AT_MAX {
            page.next = last.map(|AccountKey(key)| key.to_string());
            break;
        }
        last = Some(key);
        if let Some(account) = desk.registry().account(key).filter(|account| wanted(account)) {
            page.items.push(view(desk, key, account));
        }
    }
    page
}

pub(super) async fn show(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let (name, key) = named(visit)?;
    let shown = look(visit, |desk, _| {
        desk.registry().account(key).map(|account| view(desk, key, account))
    })?;
    let Some(shown) = shown else { return Err(no_account(name)) };
    let cluster = visit.house.porter.spread(key).await;
    Ok(Reply::value(&AccountView { cluster, ..shown }))
}

pub(super) async fn add(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let spec: AccountSpec = shape::read(&visit.body, &SPEC)?;
    let name = spec.name.clone();
    change(visit, Command::AccountAdd(spec), None).await?;
    Ok(again(visit, name)?.with_status(StatusCode::CREATED))
}

pub(super) async fn set(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let (name, _) = named(visit)?;
    let patch: AccountPatch = shape::read(&visit.body, &PATCH)?;
    let then = patch.rename.clone().unwrap_or_else(|| name.clone());
    change(visit, Command::AccountSet { name: name.clone(), patch }, Some(&name)).await?;
    again(visit, then)
}

pub(super) async fn remove(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let (name, _) = named(visit)?;
    change(visit, Command::AccountRemove { name: name.clone() }, Some(&name)).await?;
    Ok(Reply::empty())
}

/// The account as it is now.
fn again(visit: &Visit<'_>, name: AccountName) -> Result<Reply, Problem> {
    let shown = look(visit, |desk, _| {
        let key = desk.registry().find(name.as_str())?;
        desk.registry().account(key).map(|account| view(desk, key, account))
    })?;
    shown.map(|shown| Reply::value(&shown)).ok_or_else(|| no_account(name))
}

fn view(desk: &Desk, key: AccountKey, account: &Account) -> AccountView {
    let registry = desk.registry();
    let parent = account.parent.and_then(|parent| registry.account(parent));
    AccountView {
        name: account.name.clone(),
        caps: account.caps,
        parent: parent.map(|parent| parent.name.clone()),
        policy: account.policy,
        zone: account.zone.clone(),
        node_zone: account.zone.is_none().then(|| desk.zone().clone()),
        enabled: account.enabled,
        refusal_codes: account.refusal_codes,
        children: registry.children(key, None).take(LOOKED_AT_MAX).count(),
        numbers: registry.identifiers(key).len(),
        devices: registry.devices(key).len(),
        usage: usage(desk.usage(key)),
        cluster: None,
    }
}

fn usage(usage: Usage) -> UsageView {
    let pool = |pool: PoolUsage| PoolView {
        live: pool.live.into(),
        cap: pool.cap,
        held: pool.held,
        frozen: pool.frozen.into(),
        overdraft: pool.overdraft.into(),
    };
    UsageView {
        total: pool(usage.total),
        incoming: pool(usage.incoming),
        outgoing: pool(usage.outgoing),
    }
}
