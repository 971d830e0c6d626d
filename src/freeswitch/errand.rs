//! One command for a leg, carried out.

use esl::EslEvent;

use crate::domain::{LegEvent, LegId, SwitchCommand, VideoFacts};

use super::Error;
use super::command::{self, CallCommand, Execute, GUARD_S};
use super::confirm::{Confirmation, confirm};
use super::jobs::Job;
use super::operator::Operator;

/// A command that is being carried out. Errands for different legs run side by side; those for one
/// leg do not (see [`Lanes`](super::lanes::Lanes)), so what is known of a leg does not change
/// under an errand's hands.
pub(super) struct Errand<'a> {
    operator: &'a Operator,
    leg: &'a LegId,
    /// When the event was read that it answers, until its first turn has come.
    event_us: Option<u64>,
}

/// Nothing, or the switch's refusal.
type Outcome = Result<Option<String>, Error>;

/// Does one thing. Only a lost connection is an error here: what the switch refuses is told.
pub(super) async fn carry_out(
    operator: &Operator,
    command: &SwitchCommand,
    event_us: Option<u64>,
) -> Result<(), Error> {
    let (leg, word) = (command::leg(command), command::word(command));
    let mut errand = Errand { operator, leg, event_us };
    let switch = &*operator.config.name;
    match errand.run(command).await {
        Ok(None) => return Ok(()),
        Ok(Some(refusal)) => {
            tracing::debug!(
                switch,
                leg = leg.as_str(),
                command = word,
                refusal,
                "the switch refuses a command"
            );
        }
        Err(error @ (Error::Unsafe { .. } | Error::Nonsense(_))) => {
            tracing::warn!(switch, leg = leg.as_str(), command = word, %error, "a command was not sent");
        }
        Err(error) => return Err(error),
    }
    operator.refuse(leg.clone(), word);
    Ok(())
}

impl Errand<'_> {
    async fn run(&mut self, command: &SwitchCommand) -> Outcome {
        let config = &self.operator.config;
        match command {
            SwitchCommand::Claim { .. } => self.claim().await,
            // `uuid_answer` would hold up what is asked for other legs until this one has its sound.
            SwitchCommand::Answer { .. } => self.execute(&command::answer()).await,
            SwitchCommand::Play { step, sounds, keys, .. } => {
                let queue = command::play(*step, sounds, *keys, &config.fallback)?;
                self.queue(&queue).await
            }
            SwitchCommand::Record { step, path, limit_s, silence_s, keys, .. } => {
                let limits = (*limit_s, *silence_s);
                let queue = command::record(*step, path, limits, *keys, &config.fallback)?;
                self.queue(&queue).await
            }
            SwitchCommand::Break { leg } => {
                self.operator.handled().tails.remove(leg);
                self.plain(&command::break_all(leg)).await
            }
            SwitchCommand::Overlay { path, .. } => self.overlay(path.as_deref()).await,
            SwitchCommand::Bridge { other, .. } => self.bridge(other).await,
            SwitchCommand::HangUp { leg, cause } => {
                self.operator.handled().forget(leg);
                self.plain(&command::hang_up(leg, cause)).await
            }
            SwitchCommand::AskVideo { .. } => self.ask_video().await,
            SwitchCommand::OfferVideo { leg } => {
                // Without `=` the offer has no video (measured).
                self.plain(&format!("uuid_media_reneg {leg} =PCMU,PCMA,VP8,H264")).await
            }
            SwitchCommand::Call { leg, uri, via, from_user, video, ring_s } => {
                let (video, ring_s) = (*video, *ring_s);
                let (uri, via) = (uri.as_str(), via.as_deref());
                self.call(&CallCommand { leg, uri, via, from_user, video, ring_s }).await
            }
            SwitchCommand::Confirm { uri, via, key, prompts, ring_s, .. } => {
                let (uri, via, key, ring_s) = (uri.as_str(), via.as_deref(), *key, *ring_s);
                self.confirm(&Confirmation { uri, via, key, prompts, ring_s }).await
            }
            SwitchCommand::SendText { leg, uri, via, text } => {
                let to = (uri.as_str(), via.as_deref());
                let text = command::text(&config.profile, &config.host, to, text)?;
                self.begin(&text, Job::Text(leg.clone())).await
            }
        }
    }

    async fn api(&mut self, text: &str) -> Result<String, Error> {
        self.operator.api_for(text, &mut self.event_us).await
    }

    /// A command that says no more than yes or no.
    async fn plain(&mut self, text: &str) -> Outcome {
        let answer = self.api(text).await?;
        Ok(answer.starts_with("-ERR").then(|| answer.trim().to_owned()))
    }

    async fn begin(&mut self, text: &str, job: Job) -> Outcome {
        self.operator.begin(text, job, &mut self.event_us).await
    }

    /// Takes the guard of a leg away: who deletes it owns the leg, exactly one (measured). A new
    /// guard stands in until something runs on the leg, so that it is never without.
    async fn claim(&mut self) -> Outcome {
        let (operator, leg) = (self.operator, self.leg);
        let answer = self.api(&format!("sched_del {leg}")).await?;
        let ours = answer.trim() == "+OK Deleted: 1";
        let is_guest = operator.seen().is_guest(leg);
        if ours && !is_guest {
            let fallback = &operator.config.fallback;
            self.api(&format!("sched_transfer +{GUARD_S} {leg} {fallback}")).await?;
            operator.handled().guards.insert(leg.clone());
        }
        operator.tell_leg(leg, LegEvent::Claimed(ours));
        Ok(None)
    }

    /// Runs applications on the leg, one behind the other (event-lock); what ran before is over.
    /// The guard goes when the tail stands: until then it is the only one who cares for the leg.
    async fn queue(&mut self, queue: &[Execute]) -> Outcome {
        self.flush().await?;
        let refusal = self.run_all(queue).await?;
        if refusal.is_some() {
            return Ok(refusal);
        }
        let guarded = {
            let mut handled = self.operator.handled();
            handled.tails.insert(self.leg.clone());
            handled.guards.remove(self.leg)
        };
        if guarded {
            self.api(&format!("sched_del {}", self.leg)).await?;
        }
        Ok(None)
    }

    /// Takes the guard of a leg away and leads it to a device. Nothing stands behind it: the switch
    /// ends the leg by itself.
    async fn confirm(&mut self, asked: &Confirmation<'_>) -> Outcome {
        let queue = confirm(asked, &self.operator.config.profile)?;
        let answer = self.api(&format!("sched_del {}", self.leg)).await?;
        if answer.trim() != "+OK Deleted: 1" {
            return Ok(None);
        }
        self.run_all(&queue).await
    }

    /// Runs one behind the other, up to the first that is refused.
    async fn run_all(&mut self, queue: &[Execute]) -> Outcome {
        for execute in queue {
            let refusal = self.execute(execute).await?;
            if refusal.is_some() {
                return Ok(refusal);
            }
        }
        Ok(None)
    }

    /// Plays a file into what runs, instead of the one before.
    async fn overlay(&mut self, path: Option<&str>) -> Outcome {
        let before = self.operator.handled().overlays.remove(self.leg);
        if let Some(before) = before {
            self.api(&command::hush(self.leg, &before)?).await?;
        }
        let Some(path) = path else { return Ok(None) };
        let text = command::overlay(self.leg, path)?;
        self.operator.handled().overlays.insert(self.leg.clone(), path.into());
        self.plain(&text).await
    }

    /// Ends what runs, and the tail behind it.
    async fn flush(&mut self) -> Result<(), Error> {
        let tail = self.operator.handled().tails.remove(self.leg);
        if tail {
            self.api(&command::break_all(self.leg)).await?;
        }
        Ok(())
    }

    async fn execute(&mut self, execute: &Execute) -> Outcome {
        let mut message = EslEvent::new();
        message.set_header("call-command", "execute");
        message.set_header("execute-app-name", execute.application);
        message.set_header("execute-app-arg", execute.argument.clone());
        message.set_header("event-lock", "true");
        if let Some(step) = execute.step {
            message.set_header("Event-UUID", step.to_string());
        }
        let reply = self.operator.message(self.leg, message, &mut self.event_us).await?;
        let text = reply.reply_text().unwrap_or_default();
        Ok(text.starts_with("-ERR").then(|| text.trim().to_owned()))
    }

    /// Connects two legs in the order that was measured: nothing may run on the first (a leg that
    /// records would be hung up), and it must wait again afterwards.
    async fn bridge(&mut self, other: &LegId) -> Outcome {
        let leg = self.leg;
        self.flush().await?;
        self.api(&format!("uuid_setvar {leg} park_after_bridge true")).await?;
        self.operator.handled().guards.remove(other);
        self.api(&format!("sched_del {other}")).await?;
        if let Some(refusal) = self.plain(&format!("uuid_answer {other}")).await? {
            return Ok(Some(refusal));
        }
        self.operator.seen().connecting(leg);
        self.plain(&format!("uuid_bridge {leg} {other}")).await
    }

    async fn ask_video(&mut self) -> Outcome {
        let leg = self.leg;
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
        self.operator.tell_leg(leg, LegEvent::Video(VideoFacts { negotiated, packets }));
        Ok(None)
    }

    async fn call(&mut self, call: &CallCommand<'_>) -> Outcome {
        let (operator, leg) = (self.operator, self.leg);
        let text = command::call(call, &operator.config.profile, &operator.config.fallback)?;
        operator.seen().add(leg);
        {
            let mut handled = operator.handled();
            handled.calling.insert(leg.clone());
            handled.guards.insert(leg.clone());
        }
        let refusal = self.begin(&text, Job::Call(leg.clone())).await?;
        if refusal.is_some() {
            operator.seen().gone(leg);
            let mut handled = operator.handled();
            handled.calling.remove(leg);
            handled.guards.remove(leg);
        }
        Ok(refusal)
    }
}
