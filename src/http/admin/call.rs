//! `/v1/calls` and `/v1/why`.

use crate::desk::{Desk, Ended};
use crate::domain::{AccountKey, AccountName, CallRef, CallRow, FarCall};
use crate::sessions::SessionRow;

use super::super::house::Visit;
use super::super::params::Params;
use super::super::porter::CallError;
use super::super::reply::{Problem, Reply};
use super::super::wire::{CallView, EndView, EndedView, Page, ReleaseBody};
use super::shape::{self, Shape};
use super::{filter_account, look, place};

const RELEASE: Shape =
    Shape { required: &["reason"], optional: &[], sample: r#"{"reason":"sample"}"# };
/// The longest reason, in characters: it is one line in the log.
const REASON_CHARACTERS_MAX: usize = 200;

/// Own calls first, in no order that means anything; `next` is a place in the table. Then those of
/// other nodes; `next` is the number of a call.
pub(super) fn list(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let params = Params::read(visit.uri, &["account", "node", "limit", "after"])?;
    let limit = params.limit()?;
    let account = filter_account(visit, "account", params.parsed("account", AccountName::parse)?)?;
    let after = params.parsed("after", after)?;
    let porter = &visit.house.porter;
    let own = porter.node_name();
    let node = params.parsed("node", |name| Ok::<_, String>(name.to_owned()))?;
    let here = node.is_none() || node == own;
    let mut page = Page { items: Vec::new(), next: None };
    let far_after = match after {
        Some(After::Far(call)) => Some(call),
        Some(After::Place(_)) | None if !here => None,
        Some(After::Place(_)) | None => {
            let from = after.and_then(After::place);
            page = look(visit, |desk, now| {
                let page = desk.calls(account, from, limit, now);
                let items = page.rows.into_iter().map(|row| view(desk, own.as_deref(), row));
                Page { items: items.collect(), next: page.next.map(|next| next.to_string()) }
            })?;
            None
        }
    };
    if page.next.is_none() && node.as_ref().is_none_or(|node| own.as_ref() != Some(node)) {
        let room = limit.saturating_sub(page.items.len());
        let mut far = porter.far_calls(node.as_deref(), account, far_after, room + 1);
        let more = far.len() > room;
        far.truncate(room);
        if more {
            let last = far.last().map(|(_, far)| far.call).or(far_after);
            page.next = Some(last.unwrap_or(CallRef(0)).to_string());
        }
        look(visit, |desk, _| {
            let far = std::mem::take(&mut far);
            page.items.extend(far.into_iter().map(|(node, far)| far_view(desk, node, far)));
        })?;
    }
    Ok(Reply::value(&page))
}

/// Where a page begins.
#[derive(Clone, Copy)]
enum After {
    Place(u32),
    Far(CallRef),
}

impl After {
    fn place(self) -> Option<u32> {
        match self {
            Self::Place(from) => Some(from),
            Self::Far(_) => None,
        }
    }
}

fn after(text: &str) -> Result<After, &'static str> {
    if let Some(call) = CallRef::parse(text) {
        return Ok(After::Far(call));
    }
    place(text).map(|from| After::Place(u32::try_from(from).unwrap_or(u32::MAX)))
}

/// By our number of it, or by the SIP Call-ID.
pub(super) fn show(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let key = visit.param(0);
    let porter = &visit.house.porter;
    let (own, far) = (porter.node_name(), porter.far_call(key));
    let shown = look(visit, |desk, now| {
        let ours = CallRef::parse(key).and_then(|call| desk.call(call, now));
        let row = ours.or_else(|| desk.find_call(key).and_then(|call| desk.call(call, now)));
        let here = row.map(|row| view(desk, own.as_deref(), row));
        here.or_else(|| far.clone().map(|(node, far)| far_view(desk, node, far)))
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
    let why = visit.house.porter.why(visit.param(0).to_owned()).await;
    let why = why.map_err(Problem::not_now)?;
    if why.entries.is_empty() && !why.silent.is_empty() {
        let silent = why.silent.join(", ");
        return Err(Problem::not_now(format!(
            "nothing is known about this call here, and nodes that may know of it are not reached: {silent}"
        ))
        .hint("try again when they are back: see `cluster nodes`"));
    }
    if why.entries.is_empty() {
        return Err(Problem::missing("nothing is known about this call")
            .hint("give its whole SIP Call-ID, or hallporter's number of it from `call list`; old calls are forgotten (calls.why_keep)"));
    }
    Ok(Reply::value(&why))
}

fn call(visit: &Visit<'_>) -> Result<CallRef, Problem> {
    let key = visit.param(0);
    let found = match CallRef::parse(key) {
        Some(call) => Some(call),
        None => look(visit, |desk, _| desk.find_call(key))?
            .or_else(|| visit.house.porter.far_call(key).map(|(_, far)| far.call)),
    };
    found.ok_or_else(|| Problem::missing("there is no such live call").hint("see `call list`"))
}

fn problem(error: CallError) -> Problem {
    match error {
        CallError::NoCall { .. } => Problem::missing(error.to_string()),
        CallError::NoProxy { .. } | CallError::NotAnswered { .. } => {
            Problem::new(axum::http::StatusCode::CONFLICT, error.to_string())
        }
        CallError::Away { .. } | CallError::Silent { .. } => Problem::not_now(error.to_string()),
        CallError::NotDurable(sentence) | CallError::Proxy(sentence) => Problem::not_now(sentence),
    }
}

fn view(desk: &Desk, node: Option<&str>, row: SessionRow) -> CallView {
    row_view(desk, node.map(str::to_owned), row.call, row.into())
}

fn far_view(desk: &Desk, node: String, far: FarCall) -> CallView {
    row_view(desk, Some(node), far.call, far.row)
}

fn row_view(desk: &Desk, node: Option<String>, call: CallRef, row: CallRow) -> CallView {
    let name = |key: AccountKey| desk.registry().account(key).map(|account| account.name.clone());
    CallView {
        call: call.to_string(),
        node,
        call_id: row.call_id.into(),
        state: row.state,
        from: row.from.into(),
        to: row.to.into(),
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
