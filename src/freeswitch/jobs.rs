//! What the switch does in the background, and tells the end of.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use esl::{BgJobTracker, EslClient, EslEvent};

use crate::domain::LegId;

use super::Error;

/// The most jobs that may be under way; a switch that owes so many answers is not asked for more.
const JOBS_MAX: usize = 1_000;
/// How many ends of jobs are kept whose beginning is not known yet; beyond it the oldest goes.
const EARLY_MAX: usize = 64;

/// What a background job is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Job {
    Call(LegId),
    Text(LegId),
    List,
}

/// The jobs of one connection.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    under_way: BgJobTracker<Job>,
    /// How many were asked for and have no number yet.
    beginning: usize,
    /// Ends that were told before the number was: they are read from another queue. Ends of jobs
    /// that others have asked for are among them (measured: everybody hears of all).
    early: VecDeque<EslEvent>,
    ended: VecDeque<(Job, String)>,
}

impl Jobs {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a job. The inner text says why the switch does not.
    pub(super) async fn begin(
        &self,
        client: &EslClient,
        text: &str,
        job: Job,
    ) -> Result<Option<String>, Error> {
        {
            let mut kept = self.kept();
            if kept.under_way.pending_count() + kept.beginning >= JOBS_MAX {
                return Ok(Some("too many jobs are under way".to_owned()));
            }
            kept.beginning += 1;
        }
        let begun = client.bgapi(text).await.and_then(esl::EslResponse::into_result);
        let mut kept = self.kept();
        kept.beginning -= 1;
        let begun = match begun {
            Ok(reply) => {
                let number = reply.job_uuid().map(str::to_owned);
                number.ok_or_else(|| "a job without a number".to_owned())
            }
            Err(error) if error.is_connection_error() => return Err(Error::talking(&error)),
            Err(error) => Err(error.to_string()),
        };
        let refusal = begun.map(|number| kept.under_way.track(number, job)).err();
        for event in std::mem::take(&mut kept.early) {
            kept.end(event);
        }
        Ok(refusal)
    }

    /// The end of a job is told, of ours or of somebody else's.
    pub(super) fn tell(&self, event: EslEvent) {
        self.kept().end(event);
    }

    /// The next of ours that has ended, and its answer.
    pub(super) fn ended(&self) -> Option<(Job, String)> {
        self.kept().ended.pop_front()
    }

    /// Forgets those for which this holds: their ends do not count any more.
    pub(super) fn give_up(&self, mut is_given_up: impl FnMut(&Job) -> bool) {
        self.kept().under_way.retain(|_, job| !is_given_up(job));
    }
}

impl Kept {
    fn end(&mut self, event: EslEvent) {
        if let Some((job, result)) = self.under_way.try_complete(&event) {
            let body = result.body().unwrap_or_default().to_owned();
            self.ended.push_back((job, body));
        } else if self.beginning > 0 {
            if self.early.len() >= EARLY_MAX {
                self.early.pop_front();
            }
            self.early.push_back(event);
        }
    }
}
