//! FreeSWITCH's language: the Event Socket.
//!
//! One [`Switch`] for each FreeSWITCH. It keeps two connections (events, commands), tells what
//! happens on our legs, and does what it is asked: strictly in order for each leg, legs in turn.
//! While it works it refreshes the beat by which the dialplan knows that a caller may wait for us.

mod ask;
mod calls;
mod command;
mod confirm;
mod errand;
mod error;
mod event;
#[cfg(test)]
mod hostile;
mod jobs;
mod lanes;
mod link;
mod list;
mod operator;
mod plan;
mod reaction;
mod reader;
mod secret;
mod seen;
mod shift;
mod status;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::domain::{LegEvent, LegId, SwitchCommand, SwitchEvent, SwitchId};

pub use ask::{AskError, Asked as Question, CONTEXT, read_question};
pub use error::Error;
pub use event::{Headers, read};
pub use list::read_list;
pub use plan::{Around, not_found, plan};
pub use reaction::Reactions;
pub use secret::Secret;
pub use seen::{Recognise, Seen};
pub use status::SwitchStatus;

use status::Shared;

/// How many commands may wait. A switch that is so far behind is as good as gone: one more is
/// refused, and the deposit that wanted it hears so.
const COMMANDS_MAX: usize = 4_096;

/// A FreeSWITCH as the configuration names it.
#[derive(Clone, Debug)]
pub struct SwitchConfig {
    /// Its number.
    pub id: SwitchId,
    /// Its name, for the log.
    pub name: Arc<str>,
    /// Host of its Event Socket.
    pub host: Arc<str>,
    /// Port of its Event Socket.
    pub port: u16,
    /// The Event Socket's password.
    pub password: Secret,
    /// The SIP profile by which devices are called.
    pub profile: Arc<str>,
    /// Whether it asks us who rings: then the calls that we have routed there are told, too.
    pub routes: bool,
    /// Where a leg goes that nobody cares for: extension, dialplan, context.
    pub fallback: Arc<str>,
    /// How often it is asked for a sign of life, and how long it may be silent.
    pub patience: Patience,
}

/// How long a switch may be silent, and how often it is asked and tried.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How often it is asked for a sign of life.
    pub ping_every: Duration,
    /// After how long without a byte it counts as gone: a frozen switch keeps its connections
    /// (measured), so nothing else would tell.
    pub silent_max: Duration,
    /// How often the beat is refreshed. The dialplan believes it for 14 s.
    pub beat_every: Duration,
    /// How often the list of legs is read.
    pub list_every: Duration,
    /// How long one command may take. A second sign of life that takes longer ends the
    /// connections.
    pub answer_max: Duration,
    /// The wait before the second try to connect; it doubles with every further one.
    pub again_first: Duration,
    /// The longest wait between tries, and the wait where somebody has to change something first
    /// (a wrong password, an access list).
    pub again_max: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            ping_every: seconds(3),
            silent_max: seconds(10),
            beat_every: seconds(4),
            list_every: seconds(5),
            answer_max: seconds(3),
            again_first: Duration::from_millis(500),
            again_max: seconds(15),
        }
    }
}

/// Where what a switch tells goes.
pub type Sink = Arc<dyn Fn(SwitchId, SwitchEvent) + Send + Sync>;

/// A command, and when the event was read that it answers, if it answers one.
type Asked = (SwitchCommand, Option<u64>);

/// One FreeSWITCH. Dropping it ends its tasks.
pub struct Switch {
    config: Arc<SwitchConfig>,
    commands: mpsc::Sender<Asked>,
    sink: Sink,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl Switch {
    /// Starts to keep the connections. Needs a tokio runtime.
    #[must_use]
    pub fn start(config: SwitchConfig, sink: Sink) -> Self {
        Self::start_with(config, Recognise::Marked, sink)
    }

    /// Starts with another rule for which legs are ours. Needs a tokio runtime.
    #[must_use]
    pub fn start_with(config: SwitchConfig, recognise: Recognise, sink: Sink) -> Self {
        let config = Arc::new(config);
        let shared = Arc::new(Shared::default());
        let (commands, waiting) = mpsc::channel(COMMANDS_MAX);
        let link =
            link::Link::new(Arc::clone(&config), recognise, Arc::clone(&sink), Arc::clone(&shared));
        let task = tokio::spawn(link.run(waiting));
        Self { config, commands, sink, shared, task }
    }

    /// Asks for something. Never blocks; what can't be taken is told as refused.
    pub fn send(&self, command: SwitchCommand) {
        if let Err(error) = self.commands.try_send((command, self.shared.stopwatch.event())) {
            self.shared.refused();
            let (command, _) = error.into_inner();
            let (word, leg) = (command::word(&command), command::leg(&command).clone());
            tracing::error!(
                switch = &*self.config.name,
                command = word,
                "a command was refused: the switch does not take them any more"
            );
            refuse(&self.sink, self.config.id, leg, word);
        }
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> SwitchStatus {
        self.shared.status(&self.config.name)
    }

    /// Whether the beat is refreshed: a daemon that stops lets it grow old, so that callers are
    /// told at once that nobody takes messages.
    pub fn beat(&self, on: bool) {
        self.shared.set_beat(on);
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn refuse(sink: &Sink, switch: SwitchId, leg: LegId, command: &'static str) {
    sink(switch, SwitchEvent::Leg { leg, event: LegEvent::Refused { command } });
}
