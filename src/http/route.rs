//! What proxies ask and tell, and the rehearsal of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::desk::explain;
use crate::domain::{Communication, Decision, Method, Outcome, RouteQuery, Zone};
use crate::kamailio;

use super::house::Visit;
use super::params::Params;
use super::reply::{Problem, Reply};
use super::wire::Rehearsal;

/// `POST /v1/route`.
pub(super) async fn route(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let (porter, meter) = (&visit.house.porter, &visit.house.meter);
    let began_us = porter.stopwatch_us();
    let rtjson = wants_rtjson(visit)?;
    let query =
        kamailio::read_query(&visit.body).map_err(|error| unreadable(error, &visit.body))?;
    let decision = porter.route(Box::new(query)).await;
    tell(&decision);
    let answer = if rtjson { kamailio::rtjson(&decision)? } else { kamailio::answer(&decision) };
    meter.routed(porter.stopwatch_us().saturating_sub(began_us));
    Ok(Reply::json(answer))
}

fn wants_rtjson(visit: &Visit<'_>) -> Result<bool, Problem> {
    if visit.uri.query().is_none() {
        return Ok(false);
    }
    match Params::read(visit.uri, &["format"])?.text("format") {
        None | Some("json") => Ok(false),
        Some("rtjson") => Ok(true),
        Some(_) => Err(Problem::wrong("there is no such format")
            .field("format")
            .hint("ask for json or rtjson")),
    }
}

/// The content of an error may be a caller's: it is for the proxy, and for the log at debug only.
/// The Call-ID, without which nobody finds the call, is told if it can be read.
fn unreadable(error: kamailio::Error, body: &[u8]) -> Problem {
    tracing::info!(
        call_id = kamailio::call_id_of(body),
        field = error.field(),
        "a proxy's question could not be read, it was answered 400"
    );
    tracing::debug!(%error, "what was wrong with it");
    error.into()
}

pub(super) fn tell(decision: &Decision) {
    let call_id = &*decision.call_id;
    match &decision.outcome {
        Outcome::Fork(order) => {
            tracing::debug!(call_id, stages = order.stages.len(), "decided: fork");
        }
        Outcome::Pass { .. } => tracing::debug!(call_id, "decided: pass"),
        Outcome::Refuse(refusal) => {
            let (code, cause) = (refusal.code, refusal.cause.as_str());
            tracing::debug!(call_id, code, cause, "decided: refuse");
        }
    }
}

/// What became of a batch of events.
#[derive(Serialize)]
struct Taken {
    accepted: usize,
    refused: Vec<NotTaken>,
}

#[derive(Serialize)]
struct NotTaken {
    index: usize,
    error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
}

/// `POST /v1/event`.
pub(super) async fn event(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let kamailio::Events { events, refused } =
        kamailio::read_events(&visit.body).map_err(|error| {
            tracing::warn!(%error, "a proxy's events could not be read, they were answered 400");
            error
        })?;
    let accepted = events.len();
    let mut written = Vec::new();
    for event in events {
        tracing::debug!(call_id = &*event.call_id, kind = ?event.kind, code = event.code, "told");
        written.push(visit.house.porter.event(event));
    }
    // A proxy that hears nothing tells it again: what is to be told of a missed call is safe
    // before it may forget it.
    for written in written {
        written.await;
    }
    if !refused.is_empty() {
        tracing::warn!(
            refused = refused.len(),
            first = %refused[0].error,
            "some of a proxy's events could not be read and were left out"
        );
    }
    let refused = refused.into_iter().map(|one| NotTaken {
        index: one.index,
        error: one.error.to_string(),
        field: one.error.field(),
    });
    Ok(Reply::value(&Taken { accepted, refused: refused.collect() }))
}

/// `POST /v1/rehearse`.
pub(super) async fn rehearse(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let mut query = kamailio::read_query(&visit.body)?;
    let (at_ms, kind) = asked(visit, &query)?;
    if let Some(kind) = kind {
        query.method = if kind == Communication::Text { Method::Message } else { Method::Invite };
        query.video = kind == Communication::Video;
    }
    if let Some(kind) = kind.filter(|kind| kind.is_notice()) {
        return Ok(told(visit, &query, kind, at_ms));
    }
    let decision: Arc<Decision> = visit.house.porter.rehearse(Box::new(query), at_ms).await;
    let as_value = |result: serde_json::Result<Value>| {
        result.map_err(|error| {
            tracing::error!(%error, "a decision is no JSON: this is a mistake in hallporter");
            Problem::internal()
        })
    };
    Ok(Reply::value(&Rehearsal {
        decision: as_value(serde_json::to_value(&*decision))?,
        answer: as_value(serde_json::from_slice(&kamailio::answer(&decision)))?,
        lines: explain(&decision),
    }))
}

/// Who would be told of a message left or a missed call.
fn told(visit: &Visit<'_>, query: &RouteQuery, kind: Communication, at_ms: Option<i64>) -> Reply {
    let mut rehearsal = None;
    visit.house.porter.read(&mut |desk, now| {
        let at_ms = at_ms.unwrap_or(now.wall_ms);
        let (mut lines, stages) = desk.rehearse_telling(query, kind, at_ms);
        let decision = json!({ "kind": kind, "at_ms": at_ms, "stages": stages });
        for (place, stage) in stages.iter().enumerate() {
            let told: Vec<String> = stage.iter().map(ToString::to_string).collect();
            let then = if place == 0 { "tells" } else { "tells, if nobody has heard it," };
            lines.push(format!("{then} {}", told.join(", ")));
        }
        if stages.is_empty() {
            lines.push("tells nobody".to_owned());
        }
        rehearsal = Some(Rehearsal { decision, answer: Value::Null, lines });
    });
    Reply::value(&rehearsal)
}

/// When a rehearsal is to be, and of what: `at` as a wall shows it, in `tz` (else where the called
/// account thinks), and `kind`. Proxies send none of them.
fn asked(
    visit: &Visit<'_>,
    query: &RouteQuery,
) -> Result<(Option<i64>, Option<Communication>), Problem> {
    #[derive(Deserialize)]
    struct Moment {
        at: Option<String>,
        tz: Option<Zone>,
        kind: Option<Communication>,
    }
    let wrong = |error: serde_json::Error| Problem::wrong(error.to_string()).field("tz or kind");
    let Moment { at, tz, kind } = serde_json::from_slice(&visit.body).map_err(wrong)?;
    let Some(at) = at else { return Ok((None, kind)) };
    let mut zone = tz;
    if zone.is_none() {
        visit.house.porter.read(&mut |desk, _| zone = Some(desk.zone_of(query)));
    }
    let at_ms = zone.unwrap_or_else(Zone::utc).moment(&at);
    at_ms
        .map(|at_ms| (Some(at_ms), kind))
        .ok_or_else(|| Problem::wrong("at is no moment").field("at").hint("write 2026-03-29 02:30"))
}
