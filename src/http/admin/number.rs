//! `/v1/numbers`.

use axum::http::StatusCode;

use crate::desk::Desk;
use crate::domain::{AccountKey, AccountName, Identifier};
use crate::registry::{self, Command, Registry};

use super::super::house::Visit;
use super::super::params::Params;
use super::super::reply::{Problem, Reply};
use super::super::wire::{NumberEdit, NumberView, Page};
use super::shape::{self, Shape};
use super::{change, filter_account, look, place};

const SPEC: Shape = Shape {
    required: &["identifier", "account"],
    optional: &[],
    sample: r#"{"identifier":"+4930123","account":"sample"}"#,
};
const EDIT: Shape =
    Shape { required: &["account"], optional: &[], sample: r#"{"account":"sample"}"# };
/// How many digits a number has at most (E.164).
const DIGITS_MAX: usize = 15;
/// Shorter numbers are none ([`crate::domain::Number`]).
const SMALLEST: u64 = 100;

pub(super) fn list(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let params = Params::read(visit.uri, &["account", "prefix", "limit", "after"])?;
    let (limit, prefix) = (params.limit()?, params.text("prefix").unwrap_or_default());
    let account = filter_account(visit, "account", params.parsed("account", AccountName::parse)?)?;
    let page = match account {
        Some(account) => {
            let from = params.parsed("after", place)?.unwrap_or_default();
            look(visit, |desk, _| page_of_account(desk, account, prefix, from, limit))?
        }
        None => {
            let after = params.parsed("after", Identifier::parse)?;
            look(visit, |desk, _| page_of_all(desk.registry(), prefix, after, limit))?
        }
    };
    Ok(Reply::value(&page))
}

/// In the order in which they were added; `next` is a place in it.
fn page_of_account(
    desk: &Desk,
    account: AccountKey,
    prefix: &str,
    from: usize,
    limit: usize,
) -> Page<NumberView> {
    let mut page = Page { items: Vec::new(), next: None };
    let Some(name) = desk.registry().account(account).map(|account| &account.name) else {
        return page;
    };
    for (index, identifier) in desk.registry().identifiers(account).iter().enumerate().skip(from) {
        if !identifier.to_string().starts_with(prefix) {
            continue;
        }
        if page.items.len() == limit {
            page.next = Some(index.to_string());
            break;
        }
        page.items.push(NumberView { identifier: identifier.clone(), account: name.clone() });
    }
    page
}

/// In the order of [`Identifier`]; `next` is an identifier.
fn page_of_all(
    registry: &Registry,
    prefix: &str,
    after: Option<Identifier>,
    limit: usize,
) -> Page<NumberView> {
    let mut items = Vec::new();
    let mut push = |identifier: &Identifier, key| {
        if let Some(account) = registry.account(key) {
            let account = account.name.clone();
            items.push(NumberView { identifier: identifier.clone(), account });
        }
        items.len() <= limit
    };
    if prefix.is_empty() {
        registry.numbers(after.as_ref()).all(|(one, key)| push(one, key));
    } else if let Some(digits) = prefix.strip_prefix('+') {
        for (low, high) in number_ranges(digits) {
            let from = number(low.saturating_sub(1)).max(after.clone());
            let high = number(high);
            let within = |one: &Identifier| {
                matches!(one, Identifier::Number(_)) && high.as_ref().is_none_or(|high| one <= high)
            };
            let mut numbers = registry.numbers(from.as_ref()).take_while(|(one, _)| within(one));
            if !numbers.all(|(one, key)| push(one, key)) {
                break;
            }
        }
    } else {
        // The list begins behind an address, and the prefix itself may be one.
        let exact = Identifier::Address(prefix.into());
        if after.as_ref().is_none_or(|after| *after < exact)
            && let Some(key) = registry.owner(&exact)
        {
            push(&exact, key);
        }
        let from = Some(exact).max(after);
        let fits = |one: &Identifier| matches!(one, Identifier::Address(address) if address.starts_with(prefix));
        let mut numbers = registry.numbers(from.as_ref()).take_while(|(one, _)| fits(one));
        numbers.all(|(one, key)| push(one, key));
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|last| last.identifier.to_string());
    Page { items, next }
}

/// The numbers that begin with `digits`, by their length: 49 is 49, 490 to 499, 4900 to 4999, …
fn number_ranges(digits: &str) -> Vec<(u64, u64)> {
    if digits.is_empty() {
        return vec![(0, u64::MAX)];
    }
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    let free = DIGITS_MAX.checked_sub(digits.len());
    let (true, Some(free), Ok(start)) = (plain, free, digits.parse::<u64>()) else {
        return Vec::new();
    };
    std::iter::successors(Some(1_u64), |span| span.checked_mul(10))
        .take(free + 1)
        .map(|span| (start * span, start * span + (span - 1)))
        .filter(|(_, high)| *high >= SMALLEST)
        .collect()
}

fn number(value: u64) -> Option<Identifier> {
    Identifier::parse(&format!("+{value}")).ok()
}

pub(super) fn show(visit: &Visit<'_>) -> Result<Reply, Problem> {
    again(visit, identifier(visit)?)
}

pub(super) async fn add(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let NumberView { identifier, account } = shape::read(&visit.body, &SPEC)?;
    change(visit, Command::NumberAdd { identifier: identifier.clone(), account }, None).await?;
    Ok(again(visit, identifier)?.with_status(StatusCode::CREATED))
}

pub(super) async fn set(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let identifier = identifier(visit)?;
    let NumberEdit { account } = shape::read(&visit.body, &EDIT)?;
    change(visit, Command::NumberSet { identifier: identifier.clone(), account }, None).await?;
    again(visit, identifier)
}

pub(super) async fn remove(visit: &Visit<'_>) -> Result<Reply, Problem> {
    let identifier = identifier(visit)?;
    change(visit, Command::NumberRemove { identifier }, None).await?;
    Ok(Reply::empty())
}

fn identifier(visit: &Visit<'_>) -> Result<Identifier, Problem> {
    Identifier::parse(visit.param(0)).map_err(|error| Problem::missing(error.to_string()))
}

/// The number as it is now.
fn again(visit: &Visit<'_>, identifier: Identifier) -> Result<Reply, Problem> {
    let account = look(visit, |desk, _| {
        let key = desk.registry().owner(&identifier)?;
        desk.registry().account(key).map(|account| account.name.clone())
    })?;
    match account {
        Some(account) => Ok(Reply::value(&NumberView { identifier, account })),
        None => Err(Problem::missing(registry::Error::NoNumber { identifier }.to_string())),
    }
}
