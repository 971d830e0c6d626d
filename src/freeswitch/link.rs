//! Keeping the connections to one switch: login, subscription, watching, trying again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use esl::{
    EslClient, EslConnectOptions, EslError, EslEvent, EslEventStream, EventFormat, EventOverflow,
};
use tokio::sync::{Notify, mpsc};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::domain::{SwitchCommand, SwitchEvent};

use super::event::{Headers, Recognise, Seen, read};
use super::operator::Operator;
use super::status::Shared;
use super::{Error, Sink, SwitchConfig, command, refuse};

/// What is listened to, and nothing else: three quarters of a switch's events are not for us.
const EVENTS: &str = "CHANNEL_PARK CHANNEL_ANSWER CHANNEL_EXECUTE_COMPLETE \
                      CHANNEL_HANGUP_COMPLETE CHANNEL_BRIDGE DTMF RECORD_START RECORD_STOP \
                      RECV_INFO MESSAGE";
/// How many events may wait to be read. Beyond it they are dropped, and the list is read anew.
const EVENTS_MAX: usize = 20_000;
/// How long one command may take.
const COMMAND_WITHIN: Duration = Duration::from_secs(3);
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// After how many refusals in a row (some seconds) the switch counts as ended, and its legs with it:
/// a module that is loaded anew refuses for a moment only.
const REFUSALS_MAX: u32 = 4;
/// The waits between tries: the first, and the longest.
const AGAIN_MS: (u64, u64) = (500, 15_000);

/// The connections to one switch.
pub(super) struct Link {
    config: Arc<SwitchConfig>,
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
    pub(super) fn new(config: Arc<SwitchConfig>, sink: Sink, shared: Arc<Shared>) -> Self {
        Self { config, sink, shared }
    }

    /// For ever; ends with the process.
    pub(super) async fn run(self, mut waiting: mpsc::Receiver<SwitchCommand>) {
        let mut again_ms = AGAIN_MS.0;
        let mut refusals = 0;
        loop {
            let error = match self.connect().await {
                Ok(lines) => {
                    (again_ms, refusals) = (AGAIN_MS.0, 0);
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
            self.note(&error);
            let wait = if error.needs_operator() { AGAIN_MS.1 } else { again_ms };
            again_ms = (again_ms * 2).min(AGAIN_MS.1);
            if !self.wait(Duration::from_millis(wait), &mut waiting).await {
                return;
            }
        }
    }

    fn note(&self, error: &Error) {
        let trouble = error.to_string();
        if self.shared.down(&trouble) {
            tracing::error!(
                switch = &*self.config.name,
                trouble,
                "no messages can be taken there until it is back; it is tried again by itself"
            );
        }
    }

    /// Waits until the next try. What is asked for meanwhile is refused: later it would be too
    /// late. Says whether anybody may still ask.
    async fn wait(&self, wait: Duration, waiting: &mut mpsc::Receiver<SwitchCommand>) -> bool {
        let end = sleep(wait);
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return true,
                command = waiting.recv() => match command {
                    None => return false,
                    Some(command) => {
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
        events_client.set_liveness_timeout(self.config.patience.silent_max);
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
        let line =
            EslClient::connect_with_options(&**host, *port, password.expose(), options).await;
        let (client, events) = line.map_err(|error| Error::connecting(&error))?;
        client.set_command_timeout(COMMAND_WITHIN);
        Ok((client, events))
    }

    /// As long as both connections are up.
    async fn talk(&self, lines: Lines, waiting: &mut mpsc::Receiver<SwitchCommand>) -> Error {
        let restarted = self.shared.up(&lines.core_uuid);
        tracing::info!(switch = &*self.config.name, restarted, "the switch is there");
        let seen = Arc::new(Mutex::new(Seen::new(Recognise::Marked)));
        let overflow = Arc::new(Notify::new());
        let reader = Reader {
            config: Arc::clone(&self.config),
            sink: Arc::clone(&self.sink),
            shared: Arc::clone(&self.shared),
            seen: Arc::clone(&seen),
            overflow: Arc::clone(&overflow),
        };
        let mut reader = tokio::spawn(reader.run(lines.events));
        let pinger = tokio::spawn(ping(lines.events_client, self.config.patience.ping_every));
        let (sink, shared) = (Arc::clone(&self.sink), Arc::clone(&self.shared));
        let config = Arc::clone(&self.config);
        let operator = Operator::new(config, lines.commands_client, sink, shared, seen);
        let error = self.operate(operator, lines.jobs, restarted, &overflow, &mut reader, waiting);
        let error = error.await;
        // The pinger's command is not broken off: it ends by its own time.
        drop(pinger);
        reader.abort();
        error
    }

    async fn operate(
        &self,
        mut operator: Operator,
        mut jobs: EslEventStream,
        restarted: bool,
        overflow: &Notify,
        reader: &mut tokio::task::JoinHandle<Error>,
        waiting: &mut mpsc::Receiver<SwitchCommand>,
    ) -> Error {
        if let Err(error) = first(&mut operator, restarted).await {
            return error;
        }
        let patience = self.config.patience;
        let mut beat = every(patience.beat_every);
        let mut list = every(patience.list_every);
        // The table is filled a moment late: who has come just before us is in it then.
        list.reset_after(patience.list_every / 5);
        loop {
            // Only waiting stands in the select; what is sent is awaited to its end below.
            let due = tokio::select! {
                biased;
                ended = &mut *reader => {
                    return ended.unwrap_or_else(|error| Error::Lost(error.to_string()));
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
                Due::Command(Some(command)) => operator.carry_out(&command).await,
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
    Command(Option<SwitchCommand>),
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

/// Asks for a sign of life: the answers feed the watch over silence. Ends with the connection.
async fn ping(client: EslClient, every: Duration) {
    while client.is_connected() {
        sleep(every).await;
        // Its outcome is the byte that comes back, or none.
        let _ = client.api("uptime").await;
    }
}

/// Reads what the switch tells. Awaits nothing but the switch: a reader that waits loses events.
struct Reader {
    config: Arc<SwitchConfig>,
    sink: Sink,
    shared: Arc<Shared>,
    seen: Arc<Mutex<Seen>>,
    overflow: Arc<Notify>,
}

impl Reader {
    async fn run(self, mut events: EslEventStream) -> Error {
        while let Some(event) = events.recv().await {
            match event {
                Ok(event) => self.event(&event),
                Err(EslError::QueueFull) => {
                    self.shared.overflow();
                    self.overflow.notify_one();
                }
                Err(error) if error.is_connection_error() => return Error::talking(&error),
                Err(error) => {
                    tracing::warn!(
                        switch = &*self.config.name, %error,
                        "an event of the switch could not be read"
                    );
                }
            }
        }
        Error::Lost(format!("{:?}", events.status()))
    }

    fn event(&self, event: &EslEvent) {
        self.shared.event();
        let told = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let told = read(event, &mut seen);
            self.shared.set_legs(seen.len());
            told
        };
        if let Some(told) = told {
            (self.sink)(self.config.id, told);
        }
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
