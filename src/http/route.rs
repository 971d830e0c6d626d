//! What proxies ask and tell, and the rehearsal of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::desk::explain;
use crate::domain::{Decision, Outcome, RouteQuery, Zone};
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
    let query = kamailio::read_query(&visit.body).map_err(unreadable)?;
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
fn unreadable(error: kamailio::Error) -> Problem {
    tracing::info!(
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
pub(super) fn event(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let kamailio::Events { events, refused } =
        kamailio::read_events(&visit.body).map_err(|error| {
            tracing::warn!(%error, "a proxy's events could not be read, they were answered 400");
            error
        })?;
    let accepted = events.len();
    for event in events {
        tracing::debug!(call_id = &*event.call_id, kind = ?event.kind, code = event.code, "told");
        visit.house.porter.event(event);
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
    let query = kamailio::read_query(&visit.body)?;
    let at_ms = moment(visit, &query)?;
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

/// When a rehearsal is to be: `at` as a wall shows it, in `tz` (else where the called account
/// thinks). Proxies send neither.
fn moment(visit: &Visit<'_>, query: &RouteQuery) -> Result<Option<i64>, Problem> {
    #[derive(Deserialize)]
    struct Moment {
        at: Option<String>,
        tz: Option<Zone>,
    }
    let wrong = |error: serde_json::Error| Problem::wrong(error.to_string()).field("tz");
    let Moment { at, tz } = serde_json::from_slice(&visit.body).map_err(wrong)?;
    let Some(at) = at else { return Ok(None) };
    let mut zone = tz;
    if zone.is_none() {
        visit.house.porter.read(&mut |desk, _| zone = Some(desk.zone_of(query)));
    }
    let at_ms = zone.unwrap_or_else(Zone::utc).moment(&at);
    at_ms
        .map(Some)
        .ok_or_else(|| Problem::wrong("at is no moment").field("at").hint("write 2026-03-29 02:30"))
}
