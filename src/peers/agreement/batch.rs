//! Motions that wait are put into the log together: while one entry is written, the next gathers.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use super::MOTION_BYTES_MAX;
use super::error::ProposeError;
use super::handle::Agreed;
use super::inner::Inner;
use super::types::Items;
use super::wire::{Ask, Reply};

/// How many entries are under way at once.
const UNDER_WAY: usize = 2;
/// The most motions in one entry.
const MOTIONS_MAX: usize = 256;

/// A motion and who waits for what comes of it.
pub(super) struct Proposal {
    pub(super) motion: Bytes,
    pub(super) answer: oneshot::Sender<Result<Agreed, ProposeError>>,
}

pub(super) async fn run(inner: Arc<Inner>, mut queue: mpsc::Receiver<Proposal>) {
    let under_way = Arc::new(Semaphore::new(UNDER_WAY));
    let mut first = None;
    loop {
        let Ok(permit) = Arc::clone(&under_way).acquire_owned().await else { return };
        let next = match first.take() {
            Some(next) => Some(next),
            None => tokio::select! {
                next = queue.recv() => next,
                () = inner.turned.notified() => {
                    if inner.closing.load(std::sync::atomic::Ordering::Relaxed) {
                        return;
                    }
                    continue;
                }
            },
        };
        let Some(next) = next else { return };
        let mut bytes = next.motion.len();
        let mut batch = vec![next];
        while batch.len() < MOTIONS_MAX {
            let Ok(next) = queue.try_recv() else { break };
            bytes += next.motion.len();
            if bytes > MOTION_BYTES_MAX {
                first = Some(next);
                break;
            }
            batch.push(next);
        }
        let inner = Arc::clone(&inner);
        tokio::spawn(async move {
            put(&inner, batch).await;
            drop(permit);
        });
    }
}

async fn put(inner: &Inner, batch: Vec<Proposal>) {
    let items = Items(batch.iter().map(|proposal| proposal.motion.clone()).collect());
    match write(inner, items, batch.len()).await {
        Ok((index, answers)) => {
            for (proposal, answer) in batch.into_iter().zip(answers) {
                // Who has gone does not want to know.
                let _ = proposal.answer.send(Ok(Agreed { index, answer }));
            }
        }
        Err(error) => {
            for proposal in batch {
                let _ = proposal.answer.send(Err(error.clone()));
            }
        }
    }
}

/// Puts motions again and again until they are agreed on: an answer that does not come may be lost
/// with a leader that was killed. They may stand in the log more than once then.
async fn write(
    inner: &Inner,
    items: Items,
    count: usize,
) -> Result<(u64, Vec<Bytes>), ProposeError> {
    let until = Instant::now() + inner.settings.propose();
    let mut unsure = false;
    loop {
        if inner.closing.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(ProposeError::Closed);
        }
        let leader = inner.leader();
        // Its own answer is not lost on the way.
        let is_own = leader == Some(inner.me);
        let again = if is_own { until } else { Instant::now() + inner.settings.ask_again() };
        let asked = tokio::select! {
            asked = inner.at(leader, Ask::Propose(items.clone())) => Some(asked),
            () = inner.other_leader(leader) => None,
            () = tokio::time::sleep_until(until.min(again)) => None,
        };
        match asked {
            Some(Some(Reply::Proposed(index, answers))) if answers.len() == count => {
                return Ok((index, answers));
            }
            // Nothing was done now: there is no leader, or it is another one.
            Some(None | Some(Reply::NotLeader(_))) => inner.turn().await,
            Some(Some(Reply::Failed(sentence))) if !sentence.is_empty() => {
                return Err(ProposeError::Disk(sentence));
            }
            // Whoever was asked has stopped, or was cut off: it may be done or not.
            Some(Some(_)) => {
                unsure = true;
                inner.turn().await;
            }
            None => unsure |= leader.is_some(),
        }
        if Instant::now() >= until {
            return Err(if unsure { ProposeError::Unknown } else { ProposeError::NoLeader });
        }
    }
}
