//! The one task that sends commands: strictly in order, each awaited to its end. A command whose
//! future is dropped shifts every later reply (measured), so none ever is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use esl::{BgJobTracker, EslClient, EslEvent};
use futures_util::future::join_all;

use crate::domain::{LegEvent, LegId, SwitchCommand, SwitchEvent, VideoFacts};

use super::command::{self, CallCommand, Execute, GUARD_S};
use super::seen::Seen;
use super::status::Shared;
use super::{Error, Sink, SwitchConfig, refuse};

/// The most jobs that may be under way; a switch that owes so many answers is not asked for more.
const JOBS_MAX: usize = 1_000;

/// What a background job is for.
#[derive(Clone, Debug)]
pub(super) enum Job {
    Call(LegId),
    Text(LegId),
}

/// Sends commands to one switch.
pub(super) struct Operator {
    pub(super) config: Arc<SwitchConfig>,
    pub(super) client: EslClient,
    pub(super) shared: Arc<Shared>,
    sink: Sink,
    seen: Arc<Mutex<Seen>>,
    jobs: BgJobTracker<Job>,
    /// Legs with a dead man's tail behind what runs.
    pub(super) tails: BTreeSet<LegId>,
    /// Legs that were claimed and have a new guard until the first application runs.
    guards: BTreeSet<LegId>,
    /// What is played into what runs.
    overlays: BTreeMap<LegId, Arc<str>>,
    /// Legs that are being called: their jobs are not done.
    calling: BTreeSet<LegId>,
    /// Legs in the list that are none of ours, and what they did there.
    pub(super) others: BTreeMap<LegId, Arc<str>>,
}

impl Operator {
    pub(super) fn new(
        config: Arc<SwitchConfig>,
        client: EslClient,
        sink: Sink,
        shared: Arc<Shared>,
        seen: Arc<Mutex<Seen>>,
    ) -> Self {
        Self {
            config,
            client,
            shared,
            sink,
            seen,
            jobs: BgJobTracker::new(),
            tails: BTreeSet::new(),
            guards: BTreeSet::new(),
            overlays: BTreeMap::new(),
            calling: BTreeSet::new(),
            others: BTreeMap::new(),
        }
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tell(&self, event: SwitchEvent) {
        (self.sink)(self.config.id, event);
    }

    fn tell_leg(&self, leg: &LegId, event: LegEvent) {
        self.tell(SwitchEvent::Leg { leg: leg.clone(), event });
    }

    fn forget(&mut self, leg: &LegId) {
        self.tails.remove(leg);
        self.guards.remove(leg);
        self.overlays.remove(leg);
    }

    /// Legs that have hung up by themselves are told by the reader, and forgotten here with the
    /// next list: what is kept of them is bounded by the legs that the reader knows.
    pub(super) fn forget_all_but_seen(&mut self) {
        let seen = Arc::clone(&self.seen);
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        self.tails.retain(|leg| seen.has(leg));
        self.guards.retain(|leg| seen.has(leg));
        self.overlays.retain(|leg, _| seen.has(leg));
    }

    pub(super) fn is_being_called(&self, leg: &LegId) -> bool {
        self.calling.contains(leg)
    }

    /// The connection is lost, and with it the answers to what is under way. A call is found in
    /// the next list, or missing from it.
    pub(super) fn give_up_jobs(&mut self) {
        let mut texts = Vec::new();
        self.jobs.retain(|_, job| {
            if let Job::Text(leg) = job {
                texts.push(leg.clone());
            }
            false
        });
        for leg in texts {
            refuse(&self.sink, self.config.id, leg, "send_text");
        }
    }

    /// An `api` command; its answer as it came.
    pub(super) async fn api(&self, text: &str) -> Result<String, Error> {
        self.shared.command();
        let answer = self.client.api(text).await.map_err(|error| Error::talking(&error))?;
        Ok(answer.body().unwrap_or_default().to_owned())
    }

    /// Refreshes the beat, in the switch's own time.
    pub(super) async fn beat(&self) -> Result<(), Error> {
        if self.shared.beats() {
            self.api("expand global_setvar hallporter_beat=${strepoch()}").await?;
        }
        Ok(())
    }

    /// Does one thing. Only a lost connection is an error here: what the switch refuses is told.
    pub(super) async fn carry_out(&mut self, command: &SwitchCommand) -> Result<(), Error> {
        let done = self.try_carry_out(command).await;
        let (leg, word) = (command::leg(command), command::word(command));
        match done {
            Ok(None) => Ok(()),
            Ok(Some(refusal)) => {
                tracing::debug!(
                    switch = &*self.config.name,
                    leg = leg.as_str(),
                    command = word,
                    refusal,
                    "the switch refuses a command"
                );
                self.tell_leg(leg, LegEvent::Refused { command: word });
                Ok(())
            }
            Err(error @ (Error::Unsafe { .. } | Error::Nonsense(_))) => {
                tracing::warn!(
                    switch = &*self.config.name, leg = leg.as_str(), command = word, %error,
                    "a command was not sent"
                );
                self.tell_leg(leg, LegEvent::Refused { command: word });
                Ok(())
            }
            Err(error) => {
                refuse(&self.sink, self.config.id, leg.clone(), word);
                Err(error)
            }
        }
    }

    /// The inner text is the switch's refusal.
    async fn try_carry_out(&mut self, command: &SwitchCommand) -> Result<Option<String>, Error> {
        match command {
            SwitchCommand::Claim { leg } => self.claim(leg).await,
            // `uuid_answer` would hold up what is asked for other legs until this one has its sound.
            SwitchCommand::Answer { leg } => self.execute(leg, &command::answer()).await,
            SwitchCommand::Play { leg, step, sounds, keys } => {
                let queue = command::play(*step, sounds, *keys, &self.config.fallback)?;
                self.run(leg, &queue).await
            }
            SwitchCommand::Record { leg, step, path, limit_s, silence_s, keys, .. } => {
                let limits = (*limit_s, *silence_s);
                let queue = command::record(*step, path, limits, *keys, &self.config.fallback)?;
                self.run(leg, &queue).await
            }
            SwitchCommand::Break { leg } => {
                self.tails.remove(leg);
                self.plain(&command::break_all(leg)).await
            }
            SwitchCommand::Overlay { leg, path } => self.overlay(leg, path.as_deref()).await,
            SwitchCommand::Bridge { leg, other } => self.bridge(leg, other).await,
            SwitchCommand::HangUp { leg, cause } => {
                self.forget(leg);
                self.plain(&command::hang_up(leg, cause)).await
            }
            SwitchCommand::AskVideo { leg } => self.ask_video(leg).await,
            SwitchCommand::OfferVideo { leg } => {
                // Without `=` the offer has no video (measured).
                self.plain(&format!("uuid_media_reneg {leg} =PCMU,PCMA,VP8,H264")).await
            }
            SwitchCommand::Call { leg, uri, via, from_user, video, ring_s } => {
                let call = CallCommand {
                    leg,
                    uri: uri.as_str(),
                    via: via.as_deref(),
                    from_user,
                    video: *video,
                    ring_s: *ring_s,
                };
                let text = command::call(&call, &self.config.profile, &self.config.fallback)?;
                self.seen().add(leg);
                self.calling.insert(leg.clone());
                self.guards.insert(leg.clone());
                let refusal = self.start_job(&text, Job::Call(leg.clone())).await?;
                if refusal.is_some() {
                    self.calling.remove(leg);
                    self.guards.remove(leg);
                    self.seen().gone(leg);
                }
                Ok(refusal)
            }
            SwitchCommand::SendText { leg, uri, via, text } => {
                let (profile, host) = (&self.config.profile, &self.config.host);
                let text = command::text(profile, host, (uri.as_str(), via.as_deref()), text)?;
                self.start_job(&text, Job::Text(leg.clone())).await
            }
        }
    }

    /// A command that says no more than yes or no.
    async fn plain(&self, text: &str) -> Result<Option<String>, Error> {
        let answer = self.api(text).await?;
        Ok(answer.starts_with("-ERR").then(|| answer.trim().to_owned()))
    }

    /// Takes the guard of a leg away: who deletes it owns the leg, exactly one (measured). A new
    /// guard stands in until something runs on the leg, so that it is never without.
    async fn claim(&mut self, leg: &LegId) -> Result<Option<String>, Error> {
        let answer = self.api(&format!("sched_del {leg}")).await?;
        let ours = answer.trim() == "+OK Deleted: 1";
        if ours && !self.seen().is_guest(leg) {
            let fallback = &self.config.fallback;
            self.api(&format!("sched_transfer +{GUARD_S} {leg} {fallback}")).await?;
            self.guards.insert(leg.clone());
        }
        self.tell_leg(leg, LegEvent::Claimed(ours));
        Ok(None)
    }

    /// Runs applications on a leg, one behind the other; what ran before is over.
    async fn run(&mut self, leg: &LegId, queue: &[Execute]) -> Result<Option<String>, Error> {
        self.flush(leg).await?;
        // Sent at once, for each answer that is waited for holds up all other legs; they are
        // carried out in their order (event-lock), and every one is awaited to its end.
        let sent = join_all(queue.iter().map(|execute| self.execute(leg, execute)));
        let refusals: Result<Vec<Option<String>>, Error> = sent.await.into_iter().collect();
        if let Some(refusal) = refusals?.into_iter().flatten().next() {
            return Ok(Some(refusal));
        }
        self.tails.insert(leg.clone());
        if self.guards.remove(leg) {
            self.api(&format!("sched_del {leg}")).await?;
        }
        Ok(None)
    }

    /// Plays a file into what runs, instead of the one before.
    async fn overlay(&mut self, leg: &LegId, path: Option<&str>) -> Result<Option<String>, Error> {
        if let Some(before) = self.overlays.remove(leg) {
            self.api(&command::hush(leg, &before)?).await?;
        }
        let Some(path) = path else { return Ok(None) };
        let text = command::overlay(leg, path)?;
        self.overlays.insert(leg.clone(), path.into());
        self.plain(&text).await
    }

    /// Ends what runs, and the tail behind it.
    async fn flush(&mut self, leg: &LegId) -> Result<(), Error> {
        if self.tails.remove(leg) {
            self.api(&command::break_all(leg)).await?;
        }
        Ok(())
    }

    async fn execute(&self, leg: &LegId, execute: &Execute) -> Result<Option<String>, Error> {
        let mut event = EslEvent::new();
        event.set_header("call-command", "execute");
        event.set_header("execute-app-name", execute.application);
        event.set_header("execute-app-arg", execute.argument.clone());
        event.set_header("event-lock", "true");
        if let Some(step) = execute.step {
            event.set_header("Event-UUID", step.to_string());
        }
        self.shared.command();
        let reply = self.client.sendmsg(Some(leg.as_str()), event).await;
        let reply = reply.map_err(|error| Error::talking(&error))?;
        let text = reply.reply_text().unwrap_or_default();
        Ok(text.starts_with("-ERR").then(|| text.trim().to_owned()))
    }

    /// Connects two legs in the order that was measured: nothing may run on the first (a leg that
    /// records would be hung up), and it must wait again afterwards.
    async fn bridge(&mut self, leg: &LegId, other: &LegId) -> Result<Option<String>, Error> {
        self.flush(leg).await?;
        self.api(&format!("uuid_setvar {leg} park_after_bridge true")).await?;
        self.guards.remove(other);
        self.api(&format!("sched_del {other}")).await?;
        if let Some(refusal) = self.plain(&format!("uuid_answer {other}")).await? {
            return Ok(Some(refusal));
        }
        self.seen().connecting(leg);
        self.plain(&format!("uuid_bridge {leg} {other}")).await
    }

    async fn ask_video(&self, leg: &LegId) -> Result<Option<String>, Error> {
        let answer = self.api(&format!("uuid_set_media_stats {leg}")).await?;
        if answer.starts_with("-ERR") {
            return Ok(Some(answer.trim().to_owned()));
        }
        let mut values = Vec::with_capacity(3);
        for name in ["video_possible", "remote_video_media_flow", "rtp_video_in_packet_count"] {
            values.push(self.api(&format!("uuid_getvar {leg} {name}")).await?);
        }
        let flows = matches!(values[1].trim(), "sendrecv" | "sendonly");
        let negotiated = values[0].trim() == "true" && flows;
        let packets = values[2].trim().parse().unwrap_or(0);
        self.tell_leg(leg, LegEvent::Video(VideoFacts { negotiated, packets }));
        Ok(None)
    }

    async fn start_job(&mut self, text: &str, job: Job) -> Result<Option<String>, Error> {
        if self.jobs.pending_count() >= JOBS_MAX {
            return Ok(Some("too many jobs are under way".to_owned()));
        }
        self.shared.command();
        let started = self.jobs.bgapi(&self.client, text, job).await;
        match started {
            Ok(_) => Ok(None),
            Err(error) if error.is_connection_error() => Err(Error::talking(&error)),
            Err(error) => Ok(Some(error.to_string())),
        }
    }

    /// The end of a background job.
    pub(super) fn job_done(&mut self, event: &EslEvent) {
        let Some((job, result)) = self.jobs.try_complete(event) else { return };
        let body = result.body().unwrap_or_default().trim().to_owned();
        match job {
            Job::Text(leg) => self.tell_leg(&leg, LegEvent::TextSent(body.starts_with("Sent"))),
            Job::Call(leg) => {
                self.calling.remove(&leg);
                // An answered call is told by its leg, which parks; a failed one may have been
                // told by its hang-up already.
                if body.starts_with("-ERR") && self.seen().has(&leg) {
                    let cause = body.trim_start_matches("-ERR").trim().to_owned();
                    self.seen().gone(&leg);
                    self.tell_leg(&leg, LegEvent::HungUp { cause: cause.into() });
                }
            }
        }
    }
}
