//! `/v1/messages` and their files.

use axum::http::StatusCode;

use crate::desk::Desk;
use crate::domain::{AccountKey, AccountName, MailboxName, Message, MessageId, MessageState};
use crate::domain::{NodeId, Part, Stored};
use crate::registry;

use super::super::file;
use super::super::house::Visit;
use super::super::mailroom::{FileError, MessageQuery};
use super::super::params::Params;
use super::super::reply::{Problem, Reply};
use super::super::wire::{MessageEdit, MessageView, Page};
use super::shape::{self, Shape};
use super::{filter_account, look};

const EDIT: Shape = Shape { required: &["state"], optional: &[], sample: r#"{"state":"heard"}"# };

/// Newest first; `next` is when the last one was left, and its number.
pub(super) async fn list(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let params = Params::read(visit.uri, &["mailbox", "account", "state", "limit", "after"])?;
    let limit = params.limit()?;
    let account = filter_account(visit, "account", params.parsed("account", AccountName::parse)?)?;
    let mailbox = params.parsed("mailbox", MailboxName::parse)?;
    if let Some(name) = &mailbox
        && !look(visit, |desk, _| desk.registry().mailbox(name.as_str()).is_some())?
    {
        let missing = registry::Error::NoMailbox { name: name.clone() };
        return Err(Problem::missing(missing.to_string()).field("mailbox"));
    }
    let state = params.parsed("state", state)?;
    let after = params.parsed("after", place)?;
    // One more tells whether there is more.
    let wanted = MessageQuery { mailbox, account, state, after, limit: limit + 1 };
    let found = visit.house.porter.messages(wanted).await.map_err(Problem::not_now)?;
    let last = found.get(limit.saturating_sub(1)).filter(|_| found.len() > limit);
    let next = last.map(|last| format!("{}.{}", last.left_ms, last.id));
    let two = visit.house.porter.wants_copies();
    let items = look(visit, |desk, _| {
        found.into_iter().take(limit).map(|message| view(desk, message, two)).collect()
    })?;
    Ok(Reply::value(&Page::<MessageView> { items, next }))
}

fn state(text: &str) -> Result<MessageState, &'static str> {
    match text {
        "new" => Ok(MessageState::New),
        "heard" => Ok(MessageState::Heard),
        "saved" => Ok(MessageState::Saved),
        "deleted" => Ok(MessageState::Deleted),
        _ => Err("state is new, heard, saved or deleted"),
    }
}

fn place(text: &str) -> Result<(i64, MessageId), &'static str> {
    let (left_ms, id) = text.split_once('.').unwrap_or_default();
    let place = left_ms.parse().ok().zip(MessageId::parse(id));
    place.ok_or("after has to be the next of the page before")
}

pub(super) async fn show(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let message = found(visit).await?;
    let two = visit.house.porter.wants_copies();
    Ok(Reply::value(&look(visit, |desk, _| view(desk, message, two))?))
}

pub(super) async fn set(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let id = id(visit)?;
    let MessageEdit { state } = shape::read(&visit.body, &EDIT)?;
    if state == MessageState::Deleted {
        let hint = "delete it with the method DELETE";
        return Err(Problem::wrong("state is new, heard or saved").field("state").hint(hint));
    }
    let changed = visit.house.porter.set_message(id, state).await.map_err(Problem::not_now)?;
    let message = changed.ok_or_else(|| missing(id))?;
    let two = visit.house.porter.wants_copies();
    Ok(Reply::value(&look(visit, |desk, _| view(desk, message, two))?))
}

pub(super) async fn remove(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let id = id(visit)?;
    let changed = visit.house.porter.set_message(id, MessageState::Deleted).await;
    match changed.map_err(Problem::not_now)? {
        Some(_) => Ok(Reply::empty()),
        None => Err(missing(id)),
    }
}

/// All of a message in one file.
pub(super) async fn whole(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let message = found(visit).await?;
    let only = match &message.parts[..] {
        [only] => Some(&only.file),
        _ => None,
    };
    let stored = message.joined.as_ref().or(only).ok_or_else(|| {
        let parts = message.parts.len();
        let error = format!("the {parts} parts of this message could not be joined");
        let hint =
            "get them one by one: /v1/messages/ID/parts/NUMBER (`message get --part NUMBER`)";
        Problem::new(StatusCode::CONFLICT, error).hint(hint)
    })?;
    serve(visit, stored, &message.id.to_string()).await
}

/// One recording of a message.
pub(super) async fn part(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let message = found(visit).await?;
    let number = visit.param(1).parse::<u16>().ok();
    let part = message.parts.iter().find(|part| Some(part.number) == number);
    let Some(Part { number, file, .. }) = part else {
        let numbers: Vec<_> = message.parts.iter().map(|part| part.number.to_string()).collect();
        let hint = format!("its parts are {}", numbers.join(", "));
        return Err(Problem::missing("the message has no such part").hint(hint));
    };
    serve(visit, file, &format!("{}-{number}", message.id)).await
}

async fn serve(visit: &Visit<'_>, stored: &Stored, name: &str) -> Result<Reply, Problem> {
    let opened = visit.house.porter.open_file(stored.content).await;
    let opened = opened.map_err(|error| match error {
        FileError::Gone => Problem::missing(error.to_string()),
        FileError::NotNow(sentence) => Problem::not_now(sentence),
    })?;
    file::reply(visit.headers, opened, stored, name)
}

pub(super) fn id(visit: &Visit<'_>) -> Result<MessageId, Problem> {
    MessageId::parse(visit.param(0)).ok_or_else(|| {
        Problem::missing("this is no number of a message").hint("write it as `message list` does")
    })
}

/// The message that the path names. One that was deleted is not there, even while its files are.
async fn found(visit: &Visit<'_>) -> Result<Message, Problem> {
    let id = id(visit)?;
    let found = visit.house.porter.message(id).await.map_err(Problem::not_now)?;
    found.filter(|known| known.state != MessageState::Deleted).ok_or_else(|| missing(id))
}

fn missing(id: MessageId) -> Problem {
    Problem::missing(format!("there is no message {id}: see `message list`"))
}

/// `two`: its files have to be at two nodes.
fn view(desk: &Desk, message: Message, two: bool) -> MessageView {
    let name = |key: AccountKey| desk.registry().account(key).map(|account| account.name.clone());
    let in_bucket = message.in_bucket();
    let mut nodes = if two { message.held_by() } else { Vec::new() };
    nodes.retain(|node| *node != NodeId::BUCKET);
    MessageView {
        safe: two.then(|| message.is_safe()),
        nodes,
        in_bucket,
        id: message.id,
        mailbox: message.mailbox,
        account: name(message.account),
        from: message.caller.shown,
        from_uri: message.caller.uri,
        from_display: message.caller.display,
        caller: message.caller.account.and_then(name),
        call_id: message.call_id,
        cause: message.cause,
        parts: message.parts,
        joined: message.joined,
        length_ms: message.length_ms,
        urgent: message.urgent,
        state: message.state,
        began_ms: message.began_ms,
        left_ms: message.left_ms,
        changed_ms: message.changed_ms,
    }
}
