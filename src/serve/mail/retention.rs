//! Takes away what is not to be kept any longer: for good, file and row.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::MessageState;
use crate::media::Spool;
use crate::store::{Error, Store};

use super::super::house::House;
use super::super::tell;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(600);
/// How many messages are taken away in one turn at the ledger.
const TURN: usize = 100;
/// How long a notice that was told is remembered.
const TOLD_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// For ever; ends with the process.
pub(super) async fn run(house: Arc<House>) {
    let Some(mail) = house.mail() else { return };
    let spool = Arc::clone(&mail.spool);
    loop {
        let (spool, now_ms) = (Arc::clone(&spool), house.now().wall_ms);
        let here = Arc::clone(&house);
        let swept = house.in_store(move |store| sweep(&here, store, &spool, now_ms)).await;
        match swept {
            Ok(0) => {}
            Ok(messages) => tracing::info!(messages, "messages were taken away"),
            Err(error) => tracing::error!(error, "old messages can't be taken away"),
        }
        tokio::select! {
            () = house.retention.notified() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

fn sweep(house: &House, store: &Store, spool: &Spool, now_ms: i64) -> Result<usize, Error> {
    let mut gone = 0;
    loop {
        let expired = store.expired_messages(now_ms, TURN)?;
        for message in &expired {
            // Of one that was deleted by hand its lamps know already.
            let kept = store.message(*message).ok().flatten();
            let kept = kept.filter(|kept| kept.state != MessageState::Deleted);
            let notices = kept.map_or_else(Vec::new, |kept| tell::lamps(house, &kept));
            let _referring = spool.referring();
            for content in store.forget_message(*message)? {
                if let Err(error) = spool.delete(content) {
                    // The sweep below finds it again.
                    tracing::warn!(%message, %error, "a file can't be removed");
                }
            }
            if !notices.is_empty() {
                store.announce(&notices)?;
            }
        }
        gone += expired.len();
        house.ring_outbox();
        if expired.len() < TURN {
            break;
        }
    }
    store.forget_notices(now_ms - TOLD_MS)?;
    // What can't be looked up counts as referred to: nothing is lost by a damaged row.
    let referenced = |content| store.is_referenced(content).unwrap_or(true);
    if let Err(error) = spool.sweep(now_ms, &referenced) {
        tracing::warn!(%error, "the spool can't be swept");
    }
    Ok(gone)
}
