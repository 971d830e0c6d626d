//! What operators see and change.

mod account;
mod call;
mod cluster;
mod deposit;
mod device;
mod mailbox;
mod message;
mod number;
mod rules;
pub(super) mod self_care;
pub(super) mod shape;

use axum::http::StatusCode;

use crate::desk::Desk;
use crate::domain::{AccountKey, AccountName, Now};
use crate::registry::{self, Command};

use super::house::Visit;
use super::porter::CommandError;
use super::reply::{Problem, Reply};
use super::table::Room;

/// How many entries one request looks at under the desk's lock. A filter that fits fewer than a
/// page of them gets a short page, and its `next` leads on.
const LOOKED_AT_MAX: usize = 5_000;

/// Answers a request to one of the admin rooms.
#[expect(clippy::wildcard_enum_match_arm, reason = "the others have doors of their own")]
pub(super) async fn answer(visit: &Visit<'_>, room: Room) -> Result<Reply, Problem> {
    match room {
        Room::AccountAdd => account::add(visit).await,
        Room::AccountList => account::list(visit),
        Room::AccountRemove => account::remove(visit).await,
        Room::AccountSet => account::set(visit).await,
        Room::AccountShow => account::show(visit).await,
        Room::AccountSelfCareSet => self_care::set(visit).await,
        Room::AccountSelfCareShow => self_care::show(visit),
        Room::CallEnd => call::end(visit).await,
        Room::CallList => call::list(visit),
        Room::CallRelease => call::release(visit).await,
        Room::CallShow => call::show(visit),
        Room::ClusterDoctor => cluster::doctor(visit),
        Room::ClusterFound => cluster::found(visit).await,
        Room::ClusterInvite => cluster::invite(visit).await,
        Room::ClusterLeave => cluster::leave(visit).await,
        Room::ClusterRemove => cluster::remove(visit).await,
        Room::ClusterShow => cluster::show(visit),
        Room::ClusterVoters => cluster::set_voters(visit).await,
        Room::DepositEnd => deposit::end(visit),
        Room::DepositList => deposit::list(visit),
        Room::DepositMedium => deposit::medium(visit),
        Room::DeviceAdd => device::add(visit).await,
        Room::DeviceList => device::list(visit),
        Room::DeviceRemove => device::remove(visit).await,
        Room::DeviceSet => device::set(visit).await,
        Room::DeviceShow => device::show(visit),
        Room::DeviceTokenRemove => self_care::remove_token(visit).await,
        Room::DeviceTokenSet => self_care::set_token(visit).await,
        Room::GreetingRemove => mailbox::remove_greeting(visit).await,
        Room::GreetingSet => mailbox::set_greeting(visit).await,
        Room::MailboxAdd => mailbox::add(visit).await,
        Room::MailboxList => mailbox::list(visit),
        Room::MailboxRemove => mailbox::remove(visit).await,
        Room::MailboxSet => mailbox::set(visit).await,
        Room::MailboxShow => mailbox::show(visit).await,
        Room::MessageFile => message::whole(visit).await,
        Room::MessageList => message::list(visit).await,
        Room::MessagePart => message::part(visit).await,
        Room::MessageRemove => message::remove(visit).await,
        Room::MessageSet => message::set(visit).await,
        Room::MessageShow => message::show(visit).await,
        Room::NoticeList => deposit::notices(visit).await,
        Room::NoticeRetry => deposit::retry(visit).await,
        Room::NumberAdd => number::add(visit).await,
        Room::NumberList => number::list(visit),
        Room::NumberRemove => number::remove(visit).await,
        Room::NumberSet => number::set(visit).await,
        Room::NumberShow => number::show(visit),
        Room::RulesNext => rules::next(visit),
        Room::RulesRemove => rules::remove(visit).await,
        Room::RulesSet => rules::set(visit).await,
        Room::RulesShow => rules::show(visit).await,
        Room::Status => Ok(status(visit).await),
        Room::Why => call::why(visit).await,
        _ => Err(Problem::internal()),
    }
}

/// How the daemon stands, with what only the disk knows. It is told without that as well.
async fn status(visit: &Visit<'_>) -> Reply {
    let porter = &visit.house.porter;
    let mut status = porter.status();
    status.outbox = porter.outbox().await.ok();
    Reply::value(&status)
}

/// Looks at the desk once.
pub(super) fn look<T>(visit: &Visit<'_>, look: impl FnOnce(&Desk, Now) -> T) -> Result<T, Problem> {
    let (mut look, mut seen) = (Some(look), None);
    visit.house.porter.read(&mut |desk, now| {
        if let Some(look) = look.take() {
            seen = Some(look(desk, now));
        }
    });
    seen.ok_or_else(Problem::internal)
}

/// Carries out a change. `named` is the account in the request's path: if that one is missing, it
/// is the address that is wrong (404), and otherwise what the body says (422).
pub(super) async fn change(
    visit: &Visit<'_>,
    command: Command,
    named: Option<&AccountName>,
) -> Result<(), Problem> {
    let changed = visit.house.porter.command(command).await;
    changed.map_err(|error| match error {
        CommandError::NotDurable(sentence) => Problem::not_now(sentence),
        CommandError::Refused(error) => refused(&error, named),
    })
}

fn refused(error: &registry::Error, named: Option<&AccountName>) -> Problem {
    use registry::Error as E;
    let status = match error {
        E::NoAccount { name } if Some(name) != named => StatusCode::UNPROCESSABLE_ENTITY,
        E::NoAccount { .. }
        | E::NoDevice { .. }
        | E::NoGreeting { .. }
        | E::NoMailbox { .. }
        | E::NoNumber { .. }
        | E::NoRules { .. } => StatusCode::NOT_FOUND,
        E::Rules { mistakes, .. } => return rules::wrong(mistakes.clone()),
        E::AccountExists { .. }
        | E::AccountsFull { .. }
        | E::DeviceExists { .. }
        | E::DevicesFull { .. }
        | E::GreetingsFull { .. }
        | E::HasChildren { .. }
        | E::HasMailbox { .. }
        | E::MailboxExists { .. }
        | E::NumberTaken { .. }
        | E::NumbersFull { .. }
        | E::TokensFull { .. } => StatusCode::CONFLICT,
        E::ParentLoop { .. } | E::ParentTooDeep { .. } | E::Word(_) => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        E::OutOfOrder { .. } => StatusCode::SERVICE_UNAVAILABLE,
    };
    Problem::new(status, error.to_string())
}

/// The account that the request's path names, and its key.
fn named(visit: &Visit<'_>) -> Result<(AccountName, AccountKey), Problem> {
    let name = AccountName::parse(visit.param(0)).map_err(|e| Problem::missing(e.to_string()))?;
    match look(visit, |desk, _| desk.registry().find(name.as_str()))? {
        Some(key) => Ok((name, key)),
        None => Err(no_account(name)),
    }
}

fn no_account(name: AccountName) -> Problem {
    Problem::missing(registry::Error::NoAccount { name }.to_string())
}

/// A filter's account must be there: an empty list would hide the slip of the pen.
fn filter_account(
    visit: &Visit<'_>,
    key: &str,
    name: Option<AccountName>,
) -> Result<Option<AccountKey>, Problem> {
    let Some(name) = name else { return Ok(None) };
    match look(visit, |desk, _| desk.registry().find(name.as_str()))? {
        Some(found) => Ok(Some(found)),
        None => Err(no_account(name).field(key)),
    }
}

/// `after` as a place in a list.
fn place(text: &str) -> Result<usize, &'static str> {
    text.parse().map_err(|_| "after has to be the next of the page before")
}
