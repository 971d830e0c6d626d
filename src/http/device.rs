//! `/v1/self-care`: what a device sees and changes with its own token.

use axum::http::{HeaderMap, StatusCode};

use crate::domain::{AccountKey, DeviceName, SelfCare};
use crate::registry::{CarePatch, Command, DevicePatch};

use super::admin::self_care::{account_of, allowed, targets, view};
use super::admin::shape::{self, Shape};
use super::admin::{change, look};
use super::house::Visit;
use super::porter::Porter;
use super::reply::{Problem, Reply};
use super::token;
use super::wire::{CareView, OwnEdit};

const EDIT: Shape = Shape { required: &[], optional: &["dnd", "forwards", "here"], sample: "{}" };

/// The device whose token the headers hold.
pub(super) fn bearer(porter: &dyn Porter, headers: &HeaderMap) -> Option<(AccountKey, DeviceName)> {
    let token = token::in_headers(headers)?;
    let mut holder = None;
    porter.read(&mut |desk, _| holder = token::holder(desk.registry(), token));
    holder
}

/// A token that is good for something else.
pub(super) fn wrong_token() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "this address is for a device and its own token")
        .hint("operators use /v1/accounts/NAME/self-care; `device token` makes a device's token")
}

pub(super) fn show(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let (key, device) = who(visit)?;
    Ok(Reply::value(&own_view(visit, key, device)?))
}

pub(super) async fn set(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let (key, device) = who(visit)?;
    let account = account_of(visit, key)?;
    let edit: OwnEdit = shape::read(&visit.body, &EDIT)?;
    let stands = own_view(visit, key, device)?;
    let disabled =
        look(visit, |desk, _| desk.registry().line(key).any(|(_, account)| !account.enabled))?;
    let forwards = targets(edit.forwards)?;
    let more = edit.here.is_some() || !forwards.is_empty();
    if disabled || stands.may == SelfCare::Off || (more && stands.may != SelfCare::All) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "the account does not allow this")
            .hint("its operator says what may be changed"));
    }
    // A device that stops ringing alone leaves another one that does.
    let here = match edit.here {
        Some(true) => Some(Some(device.clone())),
        Some(false) if stands.here.as_ref() == Some(device) => Some(None),
        Some(false) | None => None,
    };
    let patch = CarePatch { may: None, places: None, forwards, here };
    allowed(visit, key, &patch)?;
    if let Some(dnd) = edit.dnd {
        let patch = DevicePatch { dnd: Some(dnd), ..DevicePatch::default() };
        let (account, name) = (account.clone(), device.clone());
        change(visit, Command::DeviceSet { account, name, patch }, None).await?;
    }
    if patch != CarePatch::default() {
        change(visit, Command::CareSet { account: account.clone(), patch }, None).await?;
    }
    tracing::info!(%account, %device, "a device has changed its account's self care");
    Ok(Reply::value(&own_view(visit, key, device)?))
}

fn who<'a>(visit: &'a Visit<'_>) -> Result<(AccountKey, &'a DeviceName), Problem> {
    let (key, device) = visit.device.as_ref().ok_or_else(Problem::stranger)?;
    Ok((*key, device))
}

fn own_view(visit: &Visit<'_>, key: AccountKey, name: &DeviceName) -> Result<CareView, Problem> {
    let shown = look(visit, |desk, _| {
        let mut devices = desk.registry().devices(key).iter();
        let dnd = devices.find(|device| device.name == *name)?.dnd;
        let view = view(desk, key)?;
        let tokens = Vec::new();
        Some(CareView { tokens, device: Some(name.clone()), dnd: Some(dnd), ..view })
    })?;
    shown.ok_or_else(Problem::stranger)
}
