//! `/v1/calls` and `/v1/why`.

use crate::desk::{Desk, Ended};
use crate::domain::{AccountKey, AccountName, CallRef};
use crate::sessions::SessionRow;

use super::super::house::Visit;
use super::super::params::Params;
use super::super::porter::CallError;
use super::super::reply::{Problem, Reply};
use super::super::wire::{CallView, EndView, EndedView, Page, ReleaseBody, Why};
use super::shape::{self, Shape};
use super::{filter_account, look, place};

const RELEASE: Shape =
    Shape { required: &["reason"], optional: &[], sample: r#"{"reason":"sample"}"# };
/// The longest reason, in characters: it is one line in the log.
const REASON_CHARACTERS_MAX: usize = 200;

/// In no order that means anything; `next` is a place in the table.
pub(super) fn list(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let params = Params::read(visit.uri, &["account", "limit", "after"])?;
    let limit = params.limit()?;
    let account = filter_account(visit, "account", params.parsed("account", AccountName::parse)?)?;
    let from = params.parsed("after", place)?.map(|from| u32::try_from(from).unwrap_or(u32::MAX));
    let page = look(visit, |desk, now| {
        let page = desk.calls(account, from, limit, now);
        let items = page.rows.into_iter().map(|row| view(desk, row)).collect();
        Page { items, next: page.next.map(|next| next.to_string()) }
    })?;
    Ok(Reply::value(&page))
}

/// By our number of it, or by the SIP Call-ID.
pub(super) fn show(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let key = visit.param(0);
    let shown = look(visit, |desk, now| {
        let ours = CallRef::parse(key).and_then(|call| desk.call(call, now));
        let row = ours.or_else(|| desk.find_call(key).and_then(|call| desk.call(call, now)));
        row.map(|row| view(desk, row))
    })?;
    shown.map(|shown| Reply::value(&shown)).ok_or_else(|| {
        Problem::missing("there is no such live call")
            .hint("see `call list` for live calls and `why CALL-ID` for past ones")
    })
}

pub(super) async fn end(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let call = call(visit)?;
    visit.house.porter.end_call(call).await.map_err(problem)?;
    Ok(Reply::value(&EndView { call: call.to_string() }))
}

pub(super) async fn release(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let call = call(visit)?;
    let ReleaseBody { reason } = shape::read(&visit.body, &RELEASE)?;
    let reason = reason.trim();
    let length = reason.chars().count();
    if length == 0 || length > REASON_CHARACTERS_MAX || reason.contains(char::is_control) {
        return Err(Problem::wrong("a reason has 1 to 200 characters in one line").field("reason"));
    }
    let ended = visit.house.porter.release_call(call, reason.to_owned()).await;
    ended.map(|ended| Reply::value(&ended_view(&ended))).map_err(problem)
}

pub(super) async fn why(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let entries = visit.house.porter.why(visit.param(0).to_owned()).await;
    let entries = entries.map_err(Problem::not_now)?;
    if entries.is_empty() {
        return Err(Problem::missing("nothing is known about this call")
            .hint("give its whole SIP Call-ID, or hallporter's number of it from `call list`; old calls are forgotten (calls.why_keep)"));
    }
    Ok(Reply::value(&Why { entries }))
}

fn call(visit: &Visit<'_>) -> Result<CallRef, Problem> {
    let key = visit.param(0);
    let found = match CallRef::parse(key) {
        Some(call) => Some(call),
        None => look(visit, |desk, _| desk.find_call(key))?,
    };
    found.ok_or_else(|| Problem::missing("there is no such live call").hint("see `call list`"))
}

fn problem(error: CallError) -> Problem {
    match error {
        CallError::NoCall { .. } => Problem::missing(error.to_string()),
        CallError::NoProxy { .. } | CallError::NotAnswered { .. } => {
            Problem::new(axum::http::StatusCode::CONFLICT, error.to_string())
        }
        CallError::NotDurable(sentence) | CallError::Proxy(sentence) => Problem::not_now(sentence),
    }
}

fn view(desk: &Desk, row: SessionRow) -> CallView {
    let name = |key: AccountKey| desk.registry().account(key).map(|account| account.name.clone());
    CallView {
        call: row.call.to_string(),
        call_id: row.call_id,
        state: row.state,
        from: row.from,
        to: row.to,
        caller: row.caller.and_then(name),
        callee: row.callee.and_then(name),
        emergency: row.emergency,
        started_ms: row.started_ms,
        answered_ms: row.answered_ms,
        expires_ms: row.expires_ms,
    }
}

fn ended_view(ended: &Ended) -> EndedView {
    EndedView {
        call: ended.call.to_string(),
        call_id: ended.call_id.to_string(),
        cause: ended.cause,
        code: ended.code,
        at_ms: ended.at_ms,
        up_ms: ended.up_ms,
    }
}
