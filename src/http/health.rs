//! What monitors read.

use axum::http::StatusCode;
use serde_json::json;

use super::house::Visit;
use super::reply::{Problem, Reply};

/// The description of all doors.
pub(super) const OPENAPI: &str = include_str!("../../docs/openapi.json");
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `GET /healthz`: the process lives. Never says more, so that nobody is restarted for a trouble
/// that a restart does not mend.
pub(super) fn alive() -> Reply {
    Reply::json(b"{\"alive\":true}".to_vec())
}

/// `GET /readyz`: it decides.
pub(super) fn ready(visit: &Visit<'_>) -> Reply {
    let status = visit.house.porter.status();
    if status.ready && !status.draining {
        return Reply::value(&match status.cluster {
            None => json!({"ready": true}),
            // Without a quorum it decides all the same, from the rights that it holds.
            Some(part) => json!({"ready": true, "role": part.role, "quorum": part.quorum}),
        });
    }
    let why = status.trouble.unwrap_or_else(|| {
        let sentence = if status.draining {
            "this node is about to stop: ask another one"
        } else {
            "this node is starting: ask again in a moment"
        };
        sentence.to_owned()
    });
    Reply::from(Problem::not_now(why)).with_status(StatusCode::SERVICE_UNAVAILABLE)
}

/// `GET /metrics`.
pub(super) fn metrics(visit: &Visit<'_>) -> Reply {
    let house = visit.house;
    Reply::text(OPENMETRICS, house.meter.text(&house.porter.metrics()))
}

/// `GET /openapi.json`.
pub(super) fn openapi() -> Reply {
    Reply::text("application/json", OPENAPI)
}
