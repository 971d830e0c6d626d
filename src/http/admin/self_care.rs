//! `/v1/accounts/{name}/self-care`, and the tokens of devices.

use std::collections::BTreeMap;

use axum::http::StatusCode;

use crate::desk::Desk;
use crate::domain::{AccountKey, AccountName, Care, DeviceName, Forward, Target};
use crate::registry::{CarePatch, Command};

use super::super::house::Visit;
use super::super::reply::{Problem, Reply};
use super::super::token;
use super::super::wire::{CareEdit, CareView, ForwardEdits, TokenView};
use super::shape::{self, Shape};
use super::{change, look, named, no_account};

const EDIT: Shape =
    Shape { required: &[], optional: &["may", "places", "forwards", "here"], sample: "{}" };

pub(super) fn show(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let (name, key) = named(visit)?;
    let shown = look(visit, |desk, _| view(desk, key))?;
    shown.map(|shown| Reply::value(&shown)).ok_or_else(|| no_account(name))
}

pub(super) async fn set(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let (account, key) = named(visit)?;
    let edit: CareEdit = shape::read(&visit.body, &EDIT)?;
    let CareEdit { may, places, forwards, here } = edit;
    let patch = CarePatch { may, places, forwards: targets(forwards)?, here };
    allowed(visit, key, &patch)?;
    let command = Command::CareSet { account: account.clone(), patch };
    change(visit, command, Some(&account)).await?;
    show(visit)
}

/// Gives a device a token, instead of the one that it had.
pub(super) async fn set_token(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let (account, key) = named(visit)?;
    let device = device(visit)?;
    let secret = visit.house.porter.secret().map_err(Problem::not_now)?;
    let token = token::make(key, secret);
    let hash = Some(token::hash(&token));
    let command = Command::TokenSet { account: account.clone(), device, hash };
    change(visit, command, Some(&account)).await?;
    Ok(Reply::value(&TokenView { token }))
}

pub(super) async fn remove_token(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let (account, _) = named(visit)?;
    let device = device(visit)?;
    let command = Command::TokenSet { account: account.clone(), device, hash: None };
    change(visit, command, Some(&account)).await?;
    Ok(Reply::empty())
}

fn device(visit: &Visit<'_>) -> Result<DeviceName, Problem> {
    DeviceName::parse(visit.param(1)).map_err(|error| Problem::missing(error.to_string()))
}

/// How an account's self care stands.
pub(in crate::http) fn view(desk: &Desk, key: AccountKey) -> Option<CareView> {
    let account = desk.registry().account(key)?.name.clone();
    let usual = Care::default();
    let care = desk.registry().care(key).unwrap_or(&usual);
    let not_done = care.forwards.iter().filter(|(_, to)| !desk.may_forward(care, to));
    Some(CareView {
        account,
        may: care.may,
        places: care.places.clone(),
        forwards: care
            .forwards
            .iter()
            .map(|(forward, to)| (*forward, to.shown().to_string()))
            .collect(),
        not_done: not_done.map(|(forward, _)| *forward).collect(),
        here: care.here.clone(),
        tokens: care.tokens.keys().cloned().collect(),
        device: None,
        dnd: None,
    })
}

/// Where to calls are to be forwarded.
pub(in crate::http) fn targets(
    edits: ForwardEdits,
) -> Result<BTreeMap<Forward, Option<Target>>, Problem> {
    let mut targets = BTreeMap::new();
    for (forward, text) in edits {
        let to = text.map(|text| Target::parse(&text)).transpose();
        let to = to.map_err(|error| Problem::wrong(error.to_string()).field("forwards"))?;
        targets.insert(forward, to);
    }
    Ok(targets)
}

/// A forward that would not be done is refused when it is set: nobody would see it later.
pub(in crate::http) fn allowed(
    visit: &Visit<'_>,
    key: AccountKey,
    patch: &CarePatch,
) -> Result<(), Problem> {
    let wrong = look(visit, |desk, _| {
        let mut care = desk.registry().care(key).cloned().unwrap_or_default();
        care.may = patch.may.unwrap_or(care.may);
        care.places = patch.places.clone().unwrap_or(care.places);
        let mut targets = patch.forwards.values().flatten();
        targets.find_map(|to| desk.forward_mistake(key, &care, to))
    })?;
    match wrong {
        None => Ok(()),
        Some((what, hint)) => {
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, what).field("forwards").hint(hint))
        }
    }
}

/// The account's name, for a device that was let in by its token.
pub(in crate::http) fn account_of(
    visit: &Visit<'_>,
    key: AccountKey,
) -> Result<AccountName, Problem> {
    let name = look(visit, |desk, _| desk.registry().account(key).map(|one| one.name.clone()))?;
    name.ok_or_else(Problem::stranger)
}
