//! Takes away what is not to be kept any longer: for good, file and row.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::{MessageMotion, MessageState};
use crate::media::Spool;
use crate::store::{Error, Store};

use super::super::house::House;
use super::super::tell;
use super::{Mail, bucket, carried, repair};

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(600);
/// How many messages are taken away in one turn at the ledger.
const TURN: usize = 100;
/// How long a notice that was told is remembered.
const TOLD_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// For ever; ends with the process.
pub(super) async fn run(house: Arc<House>) {
    let Some(mail) = house.mail() else { return };
    loop {
        match take_away(&house, mail).await {
            Ok(0) => {}
            Ok(messages) => tracing::info!(messages, "messages were taken away"),
            Err(error) => tracing::error!(error, "old messages can't be taken away"),
        }
        let (spool, now_ms) = (Arc::clone(&mail.spool), house.now().wall_ms);
        let swept = house.in_store(move |store| sweep(store, &spool, now_ms)).await;
        if let Err(error) = swept {
            tracing::error!(error, "old messages can't be taken away");
        }
        tokio::select! {
            () = house.retention.notified() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Takes messages away whose time is over, or which were deleted; one node does it for all. Their
/// files go at every node when that is agreed on, and in the bucket before: a row that is still there
/// says what is still to be deleted, whatever ends this.
async fn take_away(house: &Arc<House>, mail: &Mail) -> Result<usize, String> {
    if house.nodes().is_some_and(|nodes| !repair::is_first(nodes)) {
        return Ok(0);
    }
    let mut gone = 0;
    loop {
        let (here, now_ms) = (Arc::clone(house), house.now().wall_ms);
        let expired = move |store: &Store| {
            let messages = store.expired_messages(now_ms, TURN)?;
            let mut notices = Vec::new();
            for message in &messages {
                // Of one that was deleted by hand its lamps know already.
                let kept = store.message(*message).ok().flatten();
                let kept = kept.filter(|kept| kept.state != MessageState::Deleted);
                notices.extend(kept.map_or_else(Vec::new, |kept| tell::lamps(&here, &kept)));
            }
            Ok((messages, notices))
        };
        let (messages, notices) = house.in_store(expired).await?;
        let count = messages.len();
        if count > 0 {
            let cleared = bucket::clear(house, mail, &messages).await?;
            let tells = carried::outgoing(house, notices);
            let motion = MessageMotion::Gone { messages, tells };
            let gone = carried::put(house, motion).await.map_err(|error| error.to_string())?;
            bucket::restore(house, &cleared, &gone.free).await;
        }
        gone += count;
        if count < TURN {
            return Ok(gone);
        }
    }
}

fn sweep(store: &Store, spool: &Spool, now_ms: i64) -> Result<(), Error> {
    store.forget_notices(now_ms - TOLD_MS)?;
    // What can't be looked up counts as referred to: nothing is lost by a damaged row.
    let referenced = |content| store.is_referenced(content).unwrap_or(true);
    if let Err(error) = spool.sweep(now_ms, &referenced) {
        tracing::warn!(%error, "the spool can't be swept");
    }
    Ok(())
}
