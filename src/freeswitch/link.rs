//! Keeping the connections to one switch: login, subscription, watching, trying again.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use esl::{EslClient, EslConnectOptions, EslEventStream, EventFormat, EventOverflow};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::domain::SwitchEvent;

use super::operator::Operator;
use super::reader::{Reader, ping};
use super::seen::{Recognise, Seen};
use super::shift::Shift;
use super::status::Shared;
use super::{Asked, Error, Patience, Sink, SwitchConfig, command, refuse};

/// What is listened to, and nothing else: three quarters of a switch's events are not for us.
const EVENTS: &str = "CHANNEL_PARK CHANNEL_ANSWER CHANNEL_EXECUTE_COMPLETE \
                      CHANNEL_HANGUP_COMPLETE CHANNEL_BRIDGE DTMF RECORD_START RECORD_STOP \
                      RECV_INFO RECV_MESSAGE";
/// How many events may wait to be read. Beyond it they are dropped, and the list is read anew.
/// Each weighs about 15 kB.
const EVENTS_MAX: usize = 5_000;
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// After how many refusals in a row (some seconds) the switch counts as ended, and its legs with it:
/// a module that is loaded anew refuses for a moment only.
const REFUSALS_MAX: u32 = 4;
/// After how many tries (at the longest wait, ten minutes) the same trouble is said again.
const SAY_AGAIN: u32 = 40;

/// The connections to one switch.
pub(super) struct Link {
    config: Arc<SwitchConfig>,
    recognise: Recognise,
    sink: Sink,
    shared: Arc<Shared>,
}

/// Both connections.
struct Lines {
    events_client: EslClient,
    events: EslEventStream,
    commands_client: EslClient,
    jobs: EslEventStream,
    core_uuid: String,
}

impl Link {
    pub(super) fn new(
        config: Arc<SwitchConfig>,
        recognise: Recognise,
        sink: Sink,
        shared: Arc<Shared>,
    ) -> Self {
        Self { config, recognise, sink, shared }
    }

    /// For ever; ends with the process.
    pub(super) async fn run(self, mut waiting: mpsc::Receiver<Asked>) {
        let mut tries = 0;
        let mut refusals = 0;
        loop {
            let error = match self.connect().await {
                Ok(lines) => {
                    (tries, refusals) = (0, 0);
                    let error = self.talk(lines, &mut waiting).await;
                    (self.sink)(self.config.id, SwitchEvent::Lost);
                    error
                }
                Err(error) => error,
            };
            refusals = if matches!(error, Error::Refused) { refusals + 1 } else { 0 };
            if refusals == REFUSALS_MAX {
                let (restarted, legs) = (true, Vec::new());
                if self.config.routes {
                    (self.sink)(self.config.id, SwitchEvent::CallsAsked { restarted });
                    (self.sink)(self.config.id, SwitchEvent::Calls(Vec::new()));
                }
                (self.sink)(self.config.id, SwitchEvent::Legs { restarted, legs });
                (self.sink)(self.config.id, SwitchEvent::Lost);
            }
            self.note(&error, tries);
            let wait = again(&self.config.patience, tries, error.needs_operator());
            tries = tries.saturating_add(1);
            if !self.wait(wait, &mut waiting).await {
                return;
            }
        }
    }

    fn note(&self, error: &Error, tries: u32) {
        let trouble = error.to_string();
        if self.shared.down(&trouble) || (tries > 0 && tries.is_multiple_of(SAY_AGAIN)) {
            tracing::error!(
                switch = &*self.config.name,
                trouble,
                "no messages can be taken there until it is back; it is tried again by itself"
            );
        }
    }

    /// Waits until the next try. What is asked for meanwhile is refused: later it would be too
    /// late. Says whether anybody may still ask.
    async fn wait(&self, wait: Duration, waiting: &mut mpsc::Receiver<Asked>) -> bool {
        let end = sleep(wait);
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return true,
                command = waiting.recv() => match command {
                    None => return false,
                    Some((command, _)) => {
                        self.shared.refused();
                        let leg = command::leg(&command).clone();
                        refuse(&self.sink, self.config.id, leg, command::word(&command));
                    }
                }
            }
        }
    }

    async fn connect(&self) -> Result<Lines, Error> {
        let (events_client, events) = self.line().await?;
        let (commands_client, jobs) = self.line().await?;
        let subscribed = events_client.subscribe_events_raw(EventFormat::Plain, EVENTS).await;
        subscribed.map_err(|error| Error::talking(&error))?;
        let subscribed =
            commands_client.subscribe_events_raw(EventFormat::Plain, "BACKGROUND_JOB").await;
        subscribed.map_err(|error| Error::talking(&error))?;
        let core_uuid = commands_client.api("global_getvar core_uuid").await;
        let core_uuid = core_uuid.map_err(|error| Error::talking(&error))?;
        let core_uuid = core_uuid.body().unwrap_or_default().trim().to_owned();
        Ok(Lines { events_client, events, commands_client, jobs, core_uuid })
    }

    async fn line(&self) -> Result<(EslClient, EslEventStream), Error> {
        let options = EslConnectOptions::new()
            .with_event_queue_size(EVENTS_MAX)
            .with_connect_timeout(CONNECT_WITHIN)
            .with_event_overflow(EventOverflow::default());
        let SwitchConfig { host, port, password, .. } = &*self.config;
        let line = EslClient::connect_with_options(host, *port, password.expose(), options).await;
        let (client, events) = line.map_err(|error| Error::connecting(&error))?;
        client.set_command_timeout(self.config.patience.answer_max);
        // Also for the connection of commands: without it the crate would wait for ever for the
        // end of one that was given up while the switch was frozen.
        client.set_liveness_timeout(self.config.patience.silent_max);
        Ok((client, events))
    }

    /// As long as both connections are up.
    async fn talk(&self, lines: Lines, waiting: &mut mpsc::Receiver<Asked>) -> Error {
        let restarted = self.shared.up(&lines.core_uuid);
        let seen = Arc::new(Mutex::new(Seen::new(self.recognise)));
        let overflow = Arc::new(Notify::new());
        let reader = Reader {
            client: lines.events_client.clone(),
            dropped: 0,
            config: Arc::clone(&self.config),
            sink: Arc::clone(&self.sink),
            shared: Arc::clone(&self.shared),
            seen: Arc::clone(&seen),
            overflow: Arc::clone(&overflow),
        };
        // Both end with this connection, whoever ends it: a command that is broken off here is
        // the last one on it.
        let mut watchers = JoinSet::new();
        watchers.spawn(reader.run(lines.events));
        watchers.spawn(ping(lines.events_client, self.config.patience.ping_every));
        let (sink, shared) = (Arc::clone(&self.sink), Arc::clone(&self.shared));
        let config = Arc::clone(&self.config);
        let operator = Operator::new(config, lines.commands_client, sink, shared, seen);
        let mut shift = Shift::new(&operator);
        let error = shift.work(lines.jobs, restarted, &overflow, &mut watchers, waiting).await;
        shift.give_up();
        error
    }
}

/// The wait before the next try: doubled each time, and up to a quarter longer by a figure that
/// differs from try to try, so that several switches are not tried in step for ever.
fn again(patience: &Patience, tries: u32, needs_operator: bool) -> Duration {
    if needs_operator {
        return patience.again_max;
    }
    let doubled = patience.again_first.saturating_mul(1 << tries.min(16));
    let wait = doubled.min(patience.again_max);
    wait + wait * (tries.wrapping_mul(7) % 16) / 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_longer_each_time_but_not_for_ever() {
        let patience = Patience::default();
        let waits: Vec<u128> =
            (0..9).map(|tries| again(&patience, tries, false).as_millis()).collect();
        assert_eq!(waits[0], 500);
        assert!(waits.windows(2).take(5).all(|pair| pair[0] < pair[1]), "{waits:?}");
        for tries in [6, 40, 1_000, u32::MAX] {
            let wait = again(&patience, tries, false);
            assert!((15_000..=18_750).contains(&wait.as_millis()), "{tries}: {wait:?}");
        }
        assert_eq!(again(&patience, 0, true), patience.again_max);
    }
}
