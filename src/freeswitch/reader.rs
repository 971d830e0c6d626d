//! Listening to one switch.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use esl::{EslClient, EslError, EslEvent, EslEventStream};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::event::{Headers, read};
use super::seen::Seen;
use super::status::Shared;
use super::{Error, Sink, SwitchConfig};

/// Asks for a sign of life; the answers feed the crate's watch over silence, too. Two in a row
/// that do not come: the switch is frozen, or answers nobody.
pub(super) async fn ping(client: EslClient, every: Duration) -> Error {
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
pub(super) struct Reader {
    pub(super) client: EslClient,
    /// Events that were dropped, as far as that is known here.
    pub(super) dropped: u64,
    pub(super) config: Arc<SwitchConfig>,
    pub(super) sink: Sink,
    pub(super) shared: Arc<Shared>,
    pub(super) seen: Arc<Mutex<Seen>>,
    pub(super) overflow: Arc<Notify>,
}

impl Reader {
    pub(super) async fn run(mut self, mut events: EslEventStream) -> Error {
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
