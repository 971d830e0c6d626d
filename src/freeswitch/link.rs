//! Keeping the connections to one switch: login, subscription, watching, trying again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use esl::{
    EslClient, EslConnectOptions, EslError, EslEvent, EslEventStream, EventFormat, EventOverflow,
};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::domain::SwitchEvent;

use super::event::{Headers, read};
use super::operator::Operator;
use super::seen::{Recognise, Seen};
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
        let mut operator = Operator::new(config, lines.commands_client, sink, shared, seen);
        let error = self
            .operate(&mut operator, lines.jobs, restarted, &overflow, &mut watchers, waiting)
            .await;
        operator.give_up_jobs();
        error
    }

    async fn operate(
        &self,
        operator: &mut Operator,
        mut jobs: EslEventStream,
        restarted: bool,
        overflow: &Notify,
        watchers: &mut JoinSet<Error>,
        waiting: &mut mpsc::Receiver<Asked>,
    ) -> Error {
        if let Err(error) = first(operator, restarted).await {
            return error;
        }
        // Only now: before the first beat it leads callers to its own words.
        tracing::info!(switch = &*self.config.name, restarted, "the switch is there");
        let patience = self.config.patience;
        let mut beat = every(patience.beat_every);
        let mut list = every(patience.list_every);
        // The table is filled a moment late: who has come just before us is in it then.
        list.reset_after(patience.list_every / 5);
        loop {
            // Only waiting stands in the select; what is sent is awaited to its end below.
            let due = tokio::select! {
                biased;
                ended = watchers.join_next() => {
                    return match ended {
                        Some(Ok(error)) => error,
                        Some(Err(error)) => Error::Lost(error.to_string()),
                        None => Error::Lost("nobody reads".to_owned()),
                    };
                }
                _ = beat.tick() => Due::Beat,
                job = jobs.recv() => Due::Job(job.map(Box::new)),
                command = waiting.recv() => Due::Command(command),
                () = overflow.notified() => Due::List,
                _ = list.tick() => Due::List,
            };
            let done = match due {
                Due::Beat => operator.beat().await,
                Due::List => operator.list(false).await,
                Due::Job(None) => return Error::Lost("the connection for commands".to_owned()),
                Due::Job(Some(event)) => {
                    if let Ok(event) = *event {
                        operator.job_done(&event);
                    }
                    Ok(())
                }
                Due::Command(None) => return Error::Lost("the daemon stops".to_owned()),
                Due::Command(Some((command, event))) => {
                    self.shared.stopwatch.command(event);
                    operator.carry_out(&command).await
                }
            };
            if let Err(error) = done
                && !matches!(error, Error::Nonsense(_))
            {
                return error;
            }
        }
    }
}

/// What comes next.
enum Due {
    Beat,
    List,
    Job(Option<Box<Result<EslEvent, EslError>>>),
    Command(Option<Asked>),
}

async fn first(operator: &mut Operator, restarted: bool) -> Result<(), Error> {
    operator.beat().await?;
    operator.list(restarted).await
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    ticks
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

/// Asks for a sign of life; the answers feed the crate's watch over silence, too. Two in a row
/// that do not come: the switch is frozen, or answers nobody.
async fn ping(client: EslClient, every: Duration) -> Error {
    let mut missed = 0;
    loop {
        sleep(every).await;
        match client.api("uptime").await {
            Ok(_) => missed = 0,
            Err(error) if error.is_connection_error() || missed == 1 => {
                return Error::talking(&error);
            }
            Err(_) => missed += 1,
        }
    }
}

/// Reads what the switch tells. Awaits nothing but the switch: a reader that waits loses events.
struct Reader {
    client: EslClient,
    /// Events that were dropped, as far as that is known here.
    dropped: u64,
    config: Arc<SwitchConfig>,
    sink: Sink,
    shared: Arc<Shared>,
    seen: Arc<Mutex<Seen>>,
    overflow: Arc<Notify>,
}

impl Reader {
    async fn run(mut self, mut events: EslEventStream) -> Error {
        while let Some(event) = events.recv().await {
            match event {
                Ok(event) => self.event(&event),
                Err(EslError::QueueFull) => {}
                Err(error) if error.is_connection_error() => return Error::talking(&error),
                Err(error) => {
                    tracing::warn!(
                        switch = &*self.config.name, %error,
                        "an event of the switch could not be read"
                    );
                }
            }
            self.look_for_dropped();
        }
        Error::Lost(format!("{:?}", events.status()))
    }

    /// The crate's own notice (`QueueFull`) comes with the next event behind the gap, and on a
    /// quiet switch there may be none for long: its counter says so at once.
    fn look_for_dropped(&mut self) {
        let dropped = self.client.dropped_event_count();
        if dropped != self.dropped {
            self.dropped = dropped;
            self.shared.overflow();
            self.overflow.notify_one();
        }
    }

    fn event(&self, event: &EslEvent) {
        self.shared.event();
        self.shared.stopwatch.event_begins();
        let told = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let told = read(event, &mut seen);
            self.shared.set_legs(seen.len());
            told
        };
        match told {
            Some(told) => (self.sink)(self.config.id, told),
            None => self.shared.ignored(),
        }
        self.shared.stopwatch.event_ends();
    }
}

impl Headers for EslEvent {
    fn header(&self, name: &str) -> Option<&str> {
        self.header_str(name)
    }

    fn body(&self) -> Option<&str> {
        Self::body(self)
    }
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
