//! `/v1/accounts/{name}/rules`.

use axum::http::StatusCode;

use crate::rules::Mistake;

use super::super::reply::Problem;

/// A text with mistakes changes nothing, and all of them are told.
pub(super) fn wrong(mistakes: Vec<Mistake>) -> Problem {
    let count = mistakes.len();
    let first = mistakes.first().map(ToString::to_string).unwrap_or_default();
    let error = match count {
        1 => first,
        _ => format!("{count} mistakes, the first: {first}"),
    };
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error).mistakes(mistakes)
}
