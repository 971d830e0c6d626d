//! Who talks with one switch: one command at a time, each awaited to its end. A command whose
//! future is dropped shifts every later reply (measured), so none ever is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use esl::{EslClient, EslEvent, EslResponse};
use tokio::sync::Mutex as Turns;

use crate::domain::{LegEvent, LegId, SeenDialog, SwitchEvent};

use super::jobs::{Job, Jobs};
use super::seen::Seen;
use super::status::Shared;
use super::{Error, Sink, SwitchConfig, refuse};

/// The connection for commands of one switch. Those who use it side by side have their turns in
/// the order in which they ask.
pub(super) struct Operator {
    pub(super) config: Arc<SwitchConfig>,
    pub(super) shared: Arc<Shared>,
    client: EslClient,
    /// The crate takes commands in turn, too; here it is known when one's turn has come.
    turns: Turns<()>,
    sink: Sink,
    seen: Arc<Mutex<Seen>>,
    pub(super) jobs: Jobs,
    handled: Mutex<Handled>,
}

/// What was done with the legs.
#[derive(Debug, Default)]
pub(super) struct Handled {
    /// Legs with a dead man's tail behind what runs.
    pub(super) tails: BTreeSet<LegId>,
    /// Legs that were claimed and have a new guard until the first application runs.
    pub(super) guards: BTreeSet<LegId>,
    /// What is played into what runs.
    pub(super) overlays: BTreeMap<LegId, Arc<str>>,
    /// Legs that are being called: their jobs are not done.
    pub(super) calling: BTreeSet<LegId>,
    /// Legs in the list that are none of ours, and what they did there.
    pub(super) others: BTreeMap<LegId, Arc<str>>,
    /// Legs in the list that we have routed, as they are told.
    pub(super) routed: BTreeMap<LegId, SeenDialog>,
    /// Legs in the list that we have not routed, and what they did there.
    pub(super) unrouted: BTreeMap<LegId, String>,
}

impl Handled {
    pub(super) fn forget(&mut self, leg: &LegId) {
        self.tails.remove(leg);
        self.guards.remove(leg);
        self.overlays.remove(leg);
    }
}

impl Operator {
    pub(super) fn new(
        config: Arc<SwitchConfig>,
        client: EslClient,
        sink: Sink,
        shared: Arc<Shared>,
        seen: Arc<Mutex<Seen>>,
    ) -> Self {
        let (turns, jobs, handled) = Default::default();
        Self { config, shared, client, turns, sink, seen, jobs, handled }
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn handled(&self) -> MutexGuard<'_, Handled> {
        self.handled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tell(&self, event: SwitchEvent) {
        (self.sink)(self.config.id, event);
    }

    pub(super) fn tell_leg(&self, leg: &LegId, event: LegEvent) {
        self.tell(SwitchEvent::Leg { leg: leg.clone(), event });
    }

    pub(super) fn refuse(&self, leg: LegId, command: &'static str) {
        refuse(&self.sink, self.config.id, leg, command);
    }

    /// Legs that have hung up by themselves are told by the reader, and forgotten here with the
    /// next list: what is kept of them is bounded by the legs that the reader knows.
    pub(super) fn forget_all_but_seen(&self) {
        let seen = self.seen();
        let mut handled = self.handled();
        handled.tails.retain(|leg| seen.has(leg));
        handled.guards.retain(|leg| seen.has(leg));
        handled.overlays.retain(|leg, _| seen.has(leg));
    }

    pub(super) fn is_being_called(&self, leg: &LegId) -> bool {
        self.handled().calling.contains(leg)
    }

    /// The connection is lost, and with it the answers to what is under way. A call is found in
    /// the next list, or missing from it.
    pub(super) fn give_up_jobs(&self) {
        let mut texts = Vec::new();
        self.jobs.give_up(|job| {
            if let Job::Text(leg) = job {
                texts.push(leg.clone());
            }
            true
        });
        for leg in texts {
            self.refuse(leg, "send_text");
        }
    }

    /// An `api` command; its answer as it came.
    pub(super) async fn api(&self, text: &str) -> Result<String, Error> {
        self.api_for(text, &mut None).await
    }

    /// An `api` command that may be the first to answer an event.
    pub(super) async fn api_for(
        &self,
        text: &str,
        event_us: &mut Option<u64>,
    ) -> Result<String, Error> {
        let _turn = self.turn(event_us).await;
        let answer = self.client.api(text).await.map_err(|error| Error::talking(&error))?;
        Ok(answer.body().unwrap_or_default().to_owned())
    }

    /// A message to a leg; the switch's reply.
    pub(super) async fn message(
        &self,
        leg: &LegId,
        message: EslEvent,
        event_us: &mut Option<u64>,
    ) -> Result<EslResponse, Error> {
        let _turn = self.turn(event_us).await;
        let reply = self.client.sendmsg(Some(leg.as_str()), message).await;
        reply.map_err(|error| Error::talking(&error))
    }

    /// Begins a job in the background. The inner text says why the switch does not.
    pub(super) async fn begin(
        &self,
        text: &str,
        job: Job,
        event_us: &mut Option<u64>,
    ) -> Result<Option<String>, Error> {
        let _turn = self.turn(event_us).await;
        self.jobs.begin(&self.client, text, job).await
    }

    /// Waits for its turn. The first turn after an event is the reaction to it.
    async fn turn(&self, event_us: &mut Option<u64>) -> impl Drop + '_ {
        let turn = self.turns.lock().await;
        self.shared.stopwatch.command(event_us.take());
        self.shared.command();
        turn
    }

    /// Refreshes the beat, in the switch's own time.
    pub(super) async fn beat(&self) -> Result<(), Error> {
        if self.shared.beats() {
            self.api("expand global_setvar hallporter_beat=${strepoch()}").await?;
        }
        Ok(())
    }

    /// A job for a leg has ended.
    pub(super) fn job_ended(&self, job: &Job, answer: &str) {
        let answer = answer.trim();
        match job {
            Job::Text(leg) => self.tell_leg(leg, LegEvent::TextSent(answer.starts_with("Sent"))),
            Job::Call(leg) => {
                self.handled().calling.remove(leg);
                // An answered call is told by its leg, which parks; a failed one may have been
                // told by its hang-up already.
                if answer.starts_with("-ERR") && self.seen().has(leg) {
                    let cause = answer.trim_start_matches("-ERR").trim().to_owned();
                    self.seen().gone(leg);
                    self.tell_leg(leg, LegEvent::HungUp { cause: cause.into() });
                }
            }
            Job::List => {}
        }
    }
}
