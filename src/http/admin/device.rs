//! `/v1/accounts/{name}/devices`.

use axum::http::StatusCode;

use crate::domain::{AccountKey, AccountName, DeviceName};
use crate::registry::{self, Command};

use super::super::house::Visit;
use super::super::params::Params;
use super::super::reply::{Problem, Reply};
use super::super::wire::{DeviceEdit, DeviceView, Page, TargetError};
use super::shape::{self, Shape};
use super::{change, look, named, place};

const SPEC: Shape = Shape {
    required: &["name"],
    optional: &["uri", "aor", "number", "stage", "ring_s", "enabled", "dnd", "push", "tags"],
    sample: r#"{"name":"sample"}"#,
};
const EDIT: Shape = Shape {
    required: &[],
    optional: &[
        "rename", "uri", "aor", "number", "stage", "ring_s", "enabled", "dnd", "push", "tags",
    ],
    sample: "{}",
};

/// In the order in which they ring; `next` is a place in it.
pub(super) fn list(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let (_, key) = named(visit)?;
    let params = Params::read(visit.uri, &["limit", "after"])?;
    let (limit, from) = (params.limit()?, params.parsed("after", place)?.unwrap_or_default());
    let page = look(visit, |desk, _| {
        let devices = desk.registry().devices(key);
        let items: Vec<_> = devices.iter().skip(from).take(limit).map(DeviceView::of).collect();
        let next = from.saturating_add(items.len());
        Page { next: (next < devices.len()).then(|| next.to_string()), items }
    })?;
    Ok(Reply::value(&page))
}

pub(super) fn show(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let (account, key) = named(visit)?;
    let name = device_name(visit)?;
    again(visit, account, key, name)
}

pub(super) async fn add(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let (account, key) = named(visit)?;
    let view: DeviceView = shape::read(&visit.body, &SPEC)?;
    let name = view.name.clone();
    let device = view.device().map_err(wrong_target)?;
    change(visit, Command::DeviceAdd { account: account.clone(), device }, Some(&account)).await?;
    Ok(again(visit, account, key, name)?.with_status(StatusCode::CREATED))
}

pub(super) async fn set(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let (account, key) = named(visit)?;
    let name = device_name(visit)?;
    let edit: DeviceEdit = shape::read(&visit.body, &EDIT)?;
    let then = edit.rename.clone().unwrap_or_else(|| name.clone());
    let patch = edit.patch().map_err(wrong_target)?;
    let command = Command::DeviceSet { account: account.clone(), name, patch };
    change(visit, command, Some(&account)).await?;
    again(visit, account, key, then)
}

pub(super) async fn remove(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let (account, _) = named(visit)?;
    let name = device_name(visit)?;
    let command = Command::DeviceRemove { account: account.clone(), name };
    change(visit, command, Some(&account)).await?;
    Ok(Reply::empty())
}

fn device_name(visit: &Visit<'_>) -> Result<DeviceName, Problem> {
    DeviceName::parse(visit.param(1)).map_err(|error| Problem::missing(error.to_string()))
}

fn wrong_target(error: TargetError) -> Problem {
    Problem::wrong(error.to_string()).field("uri")
}

/// The device as it is now.
fn again(
    visit: &Visit<'_>,
    account: AccountName,
    key: AccountKey,
    device: DeviceName,
) -> Result<Reply, Problem> {
    let shown = look(visit, |desk, _| {
        let mut devices = desk.registry().devices(key).iter();
        devices.find(|known| known.name == device).map(DeviceView::of)
    })?;
    let missing = || registry::Error::NoDevice { account, device };
    shown.map(|shown| Reply::value(&shown)).ok_or_else(|| Problem::missing(missing().to_string()))
}
