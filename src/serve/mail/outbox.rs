//! Tells what waits in the outbox, at its time.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::Notice;
use crate::notify::{self, Webhook};

use super::super::clock;
use super::super::house::House;
use super::carried;

/// How many notices are told in one turn.
const TURN: u32 = 50;
/// How long at most until the outbox is looked into without a bell.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How long to wait after the disk said no.
const AGAIN: Duration = Duration::from_secs(5);

/// For ever; ends with the process.
pub(super) async fn run(house: Arc<House>) {
    let Some(mail) = house.mail() else { return };
    let Some(webhook) = &mail.webhook else { return };
    loop {
        let bell = mail.bell.notified();
        let wait = match turn(&house, webhook).await {
            Ok(next_ms) => {
                let left_ms = next_ms.map(|at_ms| (at_ms - house.now().wall_ms).max(0));
                let left = left_ms.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
                left.unwrap_or(LOOK_EVERY).min(LOOK_EVERY)
            }
            Err(error) => {
                tracing::error!(error, "the outbox can't be read or written");
                AGAIN
            }
        };
        tokio::select! {
            () = bell => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Tells what is due; says when the next one is, milliseconds since 1970.
async fn turn(house: &Arc<House>, webhook: &Webhook) -> Result<Option<i64>, String> {
    let now_ms = house.now().wall_ms;
    let due = house.in_store(move |store| store.notices_due(false, now_ms, TURN)).await?;
    let mut told = Vec::new();
    for notice in due {
        told.extend(tell(house, webhook, notice).await?);
    }
    carried::told(house, told);
    house.in_store(|store| store.next_notice_ms(false)).await
}

/// Tells one; its id, if nobody has to take it over any more.
async fn tell(
    house: &Arc<House>,
    webhook: &Webhook,
    notice: Notice,
) -> Result<Option<Arc<str>>, String> {
    let outcome = webhook.tell(&notice).await;
    let spread = clock::dice().map_or(0, |dice| (dice >> 32) as u32);
    let tried = notify::tried(&notice, &outcome, house.now().wall_ms, spread);
    if let Some(trouble) = &tried.trouble {
        tracing::warn!(
            notice = &*tried.id, attempts = tried.attempts, state = ?tried.state,
            trouble = &**trouble, "a notice was not heard"
        );
    }
    let over = carried::over(&notice, tried.state);
    house
        .in_store(move |store| {
            let trouble = tried.trouble.as_deref();
            store.set_notice(&tried.id, tried.state, tried.next_ms, trouble)
        })
        .await
        .map(|_| over)
}
