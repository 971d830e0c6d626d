//! `/v1/deposits` and `/v1/notices`: messages that are being left, and what is told of them.

use crate::desk::Desk;
use crate::domain::{Medium, MessageId, Notice, NoticeState};
use crate::messages;

use super::super::house::Visit;
use super::super::params::Params;
use super::super::reply::{Problem, Reply};
use super::super::wire::{DepositView, MediumBody, NoticeView, Page};
use super::look;
use super::message::id;
use super::shape::{self, Shape};

const MEDIUM: Shape =
    Shape { required: &["medium"], optional: &[], sample: r#"{"medium":"audio"}"# };
/// The longest id of a notice, in bytes: a kind and a message's number.
const NOTICE_ID_BYTES_MAX: usize = 64;

/// Oldest first; `next` is a number.
pub(super) fn list(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let params = Params::read(visit.uri, &["limit", "after"])?;
    let limit = params.limit()?;
    let place = |text: &str| MessageId::parse(text).ok_or("after has to be a number of a deposit");
    let after = params.parsed("after", place)?;
    let page = look(visit, |desk, _| {
        let behind = |view: &messages::DepositView| after.is_none_or(|after| view.message > after);
        let views = desk.deposits().views().filter(behind).take(limit + 1);
        let mut items: Vec<_> = views.map(|view| shown(desk, view)).collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| last.id.to_string());
        Page { items, next }
    })?;
    Ok(Reply::value(&page))
}

fn shown(desk: &Desk, view: messages::DepositView) -> DepositView {
    let messages::DepositView { message, card, state, length_ms } = view;
    let account = desk.registry().account(card.account).map(|account| account.name.clone());
    let mut parts = card.parts.iter().filter(|part| !part.dropped);
    DepositView {
        id: message,
        mailbox: card.mailbox.name,
        account,
        from: card.caller.shown,
        call_id: card.call_id,
        cause: card.cause,
        switch: card.switch,
        state: state.to_owned(),
        medium: parts.clone().next_back().map(|part| part.medium),
        parts: parts.by_ref().count(),
        length_ms,
        began_ms: card.began_ms,
    }
}

/// Whether and when the medium changes is the machine's to say: it is only asked for.
pub(super) fn medium(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let id = id(visit)?;
    let MediumBody { medium } = shape::read::<MediumBody>(&visit.body, &MEDIUM)?;
    if medium == Medium::Video && !look(visit, |desk, _| takes_video(desk, id))? {
        let error = "the mailbox takes no video";
        return Err(Problem::new(axum::http::StatusCode::CONFLICT, error)
            .field("medium")
            .hint("allow it with `mailbox set NAME --video`; it counts for later messages"));
    }
    done(visit.house.porter.wish(id, medium), id)
}

fn takes_video(desk: &Desk, id: MessageId) -> bool {
    desk.deposits().card(id).is_none_or(|card| card.mailbox.video)
}

pub(super) fn end(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let id = id(visit)?;
    done(visit.house.porter.end_deposit(id), id)
}

fn done(known: bool, id: MessageId) -> Result<Reply, Problem> {
    if known {
        return Ok(Reply::empty());
    }
    Err(Problem::missing(format!("no message {id} is being left: see `deposit list`")))
}

/// In the order of ids; `next` is an id.
pub(super) async fn notices(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let params = Params::read(visit.uri, &["state", "limit", "after"])?;
    let limit = params.limit()?;
    let state = params.parsed("state", |text| match text {
        "waiting" => Ok(NoticeState::Waiting),
        "told" => Ok(NoticeState::Told),
        "given_up" => Ok(NoticeState::GivenUp),
        _ => Err("state is waiting, told or given_up"),
    })?;
    let after = params.text("after").unwrap_or_default().to_owned();
    let found = visit.house.porter.notices(state, after, limit + 1).await;
    let found = found.map_err(Problem::not_now)?;
    let last = found.get(limit.saturating_sub(1)).filter(|_| found.len() > limit);
    let next = last.map(|last| last.id.to_string());
    let items = found.into_iter().take(limit).map(notice).collect();
    Ok(Reply::value(&Page::<NoticeView> { items, next }))
}

fn notice(notice: Notice) -> NoticeView {
    NoticeView {
        id: notice.id,
        kind: notice.kind,
        message: notice.message,
        state: notice.state,
        attempts: notice.attempts,
        at_ms: notice.at_ms,
        next_ms: notice.next_ms,
        trouble: notice.trouble,
        body: serde_json::from_str(&notice.body).unwrap_or_default(),
    }
}

pub(super) async fn retry(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let id = visit.param(0);
    let known = match id.len() <= NOTICE_ID_BYTES_MAX {
        true => visit.house.porter.retry_notice(id.to_owned()).await.map_err(Problem::not_now)?,
        false => false,
    };
    match known {
        true => Ok(Reply::empty()),
        false => Err(Problem::missing("there is no such notice: see `notice list`")),
    }
}
