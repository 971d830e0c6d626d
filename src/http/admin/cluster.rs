//! `/v1/cluster`.

use axum::http::StatusCode;

use crate::domain::AccountName;

use super::super::council::CouncilError;
use super::super::house::Visit;
use super::super::params::Params;
use super::super::reply::{Problem, Reply};
use super::super::wire::{FoundBody, InviteBody, LeaveBody, VotersBody, findings};
use super::filter_account;
use super::shape::{self, Shape};

const FOUND: Shape = Shape { required: &[], optional: &["name"], sample: "{}" };
const INVITE: Shape = Shape { required: &[], optional: &["good_for_s"], sample: "{}" };
const LEAVE: Shape = Shape { required: &[], optional: &["now"], sample: "{}" };
const VOTERS: Shape = Shape { required: &["names"], optional: &[], sample: r#"{"names":[]}"# };

pub(super) fn show(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let params = Params::read(visit.uri, &["account"])?;
    let account = params.parsed("account", AccountName::parse)?;
    let account = filter_account(visit, "account", account)?;
    let view = visit.house.porter.cluster(account).map_err(refused)?;
    Ok(Reply::value(&view))
}

pub(super) fn doctor(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let view = visit.house.porter.cluster(None).map_err(refused)?;
    Ok(Reply::value(&findings(&view)))
}

pub(super) async fn found(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let body: FoundBody = shape::read(&visit.body, &FOUND)?;
    visit.house.porter.found(body.name).await.map_err(refused)?;
    let view = visit.house.porter.cluster(None).map_err(refused)?;
    Ok(Reply::value(&view).with_status(StatusCode::CREATED))
}

pub(super) async fn invite(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let body: InviteBody = shape::read(&visit.body, &INVITE)?;
    let invited = visit.house.porter.invite(body.good_for_s).await.map_err(refused)?;
    Ok(Reply::value(&invited).with_status(StatusCode::CREATED))
}

pub(super) async fn remove(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let name = visit.param(0).to_owned();
    visit.house.porter.remove_node(name).await.map_err(refused)?;
    Ok(Reply::empty())
}

pub(super) async fn leave(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let body: LeaveBody = shape::read(&visit.body, &LEAVE)?;
    let left = visit.house.porter.leave(body.now).await.map_err(refused)?;
    Ok(Reply::value(&left).with_status(StatusCode::ACCEPTED))
}

pub(super) async fn set_voters(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let body: VotersBody = shape::read(&visit.body, &VOTERS)?;
    visit.house.porter.set_voters(body.names).await.map_err(refused)?;
    show(visit)
}

fn refused(error: CouncilError) -> Problem {
    let status = match error {
        CouncilError::NoNode(_) => StatusCode::NOT_FOUND,
        CouncilError::Alone | CouncilError::Refused(_) => StatusCode::CONFLICT,
        CouncilError::Wrong(_) => StatusCode::UNPROCESSABLE_ENTITY,
        CouncilError::NotNow(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    Problem::new(status, error.to_string())
}
