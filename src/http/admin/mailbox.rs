//! `/v1/mailboxes`.

use axum::http::StatusCode;

use crate::desk::Desk;
use crate::domain::{AccountKey, AccountName, ContentId, GreetingName, Mailbox, MailboxName};
use crate::registry::{self, Command, MailboxPatch};

use super::super::house::Visit;
use super::super::mailroom::SoundError;
use super::super::params::Params;
use super::super::reply::{Problem, Reply};
use super::super::wire::{MailboxSpec, MailboxView, Page};
use super::shape::{self, Shape};
use super::{LOOKED_AT_MAX, change, filter_account, look};

const SPEC: Shape = Shape {
    required: &["name", "account"],
    optional: SETTINGS,
    sample: r#"{"name":"sample","account":"sample"}"#,
};
const PATCH: Shape = Shape { required: &[], optional: SETTINGS, sample: "{}" };
/// A greeting has a door of its own, for its file has to be there.
const SETTINGS: &[&str] = &[
    "language",
    "enabled",
    "video",
    "callback",
    "callback_scope",
    "callback_keep",
    "messages_max",
    "space_max_mib",
    "length_max_s",
    "keep_days",
];

/// In the order of names; `next` is a name.
pub(super) fn list(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let params = Params::read(visit.uri, &["prefix", "account", "limit", "after"])?;
    let limit = params.limit()?;
    let prefix = params.text("prefix").unwrap_or_default();
    let after = params.text("after");
    let account = filter_account(visit, "account", params.parsed("account", AccountName::parse)?)?;
    let page = look(visit, |desk, _| match account {
        Some(key) => {
            let own = desk.registry().mailbox_of(key);
            let own = own.filter(|own| own.name.as_str().starts_with(prefix) && after.is_none());
            let items = own.and_then(|own| view(desk, key, own)).into_iter().collect();
            Page { items, next: None }
        }
        None => page_of_all(desk, prefix, after, limit),
    })?;
    Ok(Reply::value(&page))
}

fn page_of_all(desk: &Desk, prefix: &str, after: Option<&str>, limit: usize) -> Page<MailboxView> {
    let registry = desk.registry();
    let mut page = Page { items: Vec::new(), next: None };
    // The list begins behind a name, and the prefix itself may be one.
    let exact = registry.mailbox(prefix).filter(|_| after.is_none_or(|after| after < prefix));
    let from = after.filter(|after| *after > prefix).or(Some(prefix));
    let all = exact.into_iter().chain(registry.mailboxes(from.filter(|from| !from.is_empty())));
    let mut last: Option<&MailboxName> = None;
    for (looked_at, (key, mailbox)) in all.enumerate() {
        if !mailbox.name.as_str().starts_with(prefix) {
            break;
        }
        if page.items.len() == limit || looked_at == LOOKED_AT_MAX {
            page.next = last.map(ToString::to_string);
            break;
        }
        last = Some(&mailbox.name);
        page.items.extend(view(desk, key, mailbox));
    }
    page
}

pub(super) async fn show(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let mut shown = now(visit, name(visit)?)?;
    // The settings are known even when the disk does not answer.
    shown.held = visit.house.porter.held(shown.mailbox.name.clone()).await.ok();
    Ok(Reply::value(&shown))
}

pub(super) async fn add(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let spec: MailboxSpec = shape::read(&visit.body, &SPEC)?;
    let (account, mailbox) = (spec.account.clone(), spec.mailbox());
    let name = mailbox.name.clone();
    change(visit, Command::MailboxAdd { account, mailbox }, None).await?;
    Ok(again(visit, name)?.with_status(StatusCode::CREATED))
}

pub(super) async fn set(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let name = name(visit)?;
    let patch: MailboxPatch = shape::read(&visit.body, &PATCH)?;
    change(visit, Command::MailboxSet { name: name.clone(), patch }, None).await?;
    again(visit, name)
}

pub(super) async fn remove(visit: &Visit<'_>) -> Result<Reply, Problem> {
    change(visit, Command::MailboxRemove { name: name(visit)? }, None).await?;
    Ok(Reply::empty())
}

/// The body is the sound itself. Its file is kept first: should the change fail, the next sweep
/// takes it.
pub(super) async fn set_greeting(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let (name, greeting) = (name(visit)?, greeting(visit)?);
    again(visit, name.clone())?;
    if visit.body.is_empty() {
        return Err(Problem::wrong(
            "there is no greeting in the body: send a sound, such as a wav",
        ));
    }
    let kept = visit.house.porter.keep_sound(visit.body.to_vec()).await;
    let content = kept.map_err(|error| match error {
        SoundError::NotSound(sentence) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, sentence),
        SoundError::NotNow(sentence) => Problem::not_now(sentence),
    })?;
    let patch = greets(greeting, Some(content));
    change(visit, Command::MailboxSet { name: name.clone(), patch }, None).await?;
    again(visit, name)
}

pub(super) async fn remove_greeting(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let (name, patch) = (name(visit)?, greets(greeting(visit)?, None));
    change(visit, Command::MailboxSet { name, patch }, None).await?;
    Ok(Reply::empty())
}

/// Which greeting the path names; `None`: the mailbox's own.
fn greeting(visit: &Visit<'_>) -> Result<Option<GreetingName>, Problem> {
    let named = Some(visit.param(1)).filter(|name| !name.is_empty());
    let read = named.map(GreetingName::parse).transpose();
    read.map_err(|error| Problem::missing(error.to_string()))
}

fn greets(greeting: Option<GreetingName>, content: Option<ContentId>) -> MailboxPatch {
    match greeting {
        Some(name) => MailboxPatch { greetings: [(name, content)].into(), ..<_>::default() },
        None => MailboxPatch { greeting: Some(content), ..<_>::default() },
    }
}

fn name(visit: &Visit<'_>) -> Result<MailboxName, Problem> {
    MailboxName::parse(visit.param(0)).map_err(|error| Problem::missing(error.to_string()))
}

fn again(visit: &Visit<'_>, name: MailboxName) -> Result<Reply, Problem> {
    Ok(Reply::value(&now(visit, name)?))
}

/// The mailbox as it is now.
fn now(visit: &Visit<'_>, name: MailboxName) -> Result<MailboxView, Problem> {
    let shown = look(visit, |desk, _| {
        let (key, mailbox) = desk.registry().mailbox(name.as_str())?;
        view(desk, key, mailbox)
    })?;
    let missing = || Problem::missing(registry::Error::NoMailbox { name }.to_string());
    shown.ok_or_else(missing)
}

fn view(desk: &Desk, key: AccountKey, mailbox: &Mailbox) -> Option<MailboxView> {
    let account = desk.registry().account(key)?.name.clone();
    Some(MailboxView { account, mailbox: mailbox.clone(), held: None })
}
