//! Our side of the connection, and what it is told.

use std::sync::Arc;
use std::time::Duration;

use hallporter::domain::{LegEvent, LegId, SwitchEvent, SwitchId};
use hallporter::freeswitch::{Patience, Recognise, Secret, Switch, SwitchConfig};
use tokio::sync::mpsc;

use crate::fake::{Fake, PASSWORD, event};

/// Long enough for anything; whoever waits so long has failed.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// Nothing happens by itself within a test.
pub(crate) fn patient() -> Patience {
    Patience {
        ping_every: LONG * 10,
        silent_max: LONG * 10,
        beat_every: LONG * 10,
        list_every: LONG * 10,
        answer_max: LONG,
        again_first: Duration::from_millis(20),
        again_max: Duration::from_millis(100),
    }
}

/// A switch as we see it.
pub(crate) struct Side {
    pub(crate) switch: Switch,
    told: mpsc::UnboundedReceiver<SwitchEvent>,
}

pub(crate) fn config(port: u16, password: &str, patience: Patience) -> SwitchConfig {
    SwitchConfig {
        id: SwitchId(3),
        name: "test".into(),
        host: "127.0.0.1".into(),
        port,
        password: Secret::new(password),
        profile: "lab".into(),
        routes: false,
        fallback: "_lost XML hallporter".into(),
        patience,
    }
}

impl Side {
    pub(crate) fn start(fake: &Fake, patience: Patience, recognise: Recognise) -> Self {
        Self::start_with(config(fake.port, PASSWORD, patience), recognise)
    }

    pub(crate) fn start_with(config: SwitchConfig, recognise: Recognise) -> Self {
        let (sender, told) = mpsc::unbounded_channel();
        let sink = Arc::new(move |id, event| {
            assert_eq!(id, SwitchId(3));
            let _ = sender.send(event);
        });
        Self { switch: Switch::start_with(config, recognise, sink), told }
    }

    /// Starts, and waits for the first list.
    pub(crate) async fn up(fake: &Fake, recognise: Recognise) -> Self {
        Self::up_with(fake, patient(), recognise).await
    }

    pub(crate) async fn up_with(fake: &Fake, patience: Patience, recognise: Recognise) -> Self {
        let mut side = Self::start(fake, patience, recognise);
        side.until(|event| matches!(event, SwitchEvent::Legs { .. })).await;
        side
    }

    pub(crate) async fn next(&mut self) -> SwitchEvent {
        let next = tokio::time::timeout(LONG, self.told.recv()).await;
        next.expect("nothing is told").expect("the switch has ended")
    }

    /// What was told before and including the first that fits.
    pub(crate) async fn until(&mut self, fits: impl Fn(&SwitchEvent) -> bool) -> Vec<SwitchEvent> {
        let mut told = Vec::new();
        loop {
            told.push(self.next().await);
            if fits(told.last().unwrap()) {
                return told;
            }
        }
    }

    /// What is told until [`end_mark`] comes; that one is left out.
    pub(crate) async fn until_end_mark(&mut self) -> Vec<SwitchEvent> {
        let mut told = self.until(is_end_mark).await;
        told.pop();
        told
    }

    /// Waits until nothing is told any more because nobody is there to tell.
    pub(crate) async fn ended(mut self) {
        drop(self.switch);
        let end = async { while self.told.recv().await.is_some() {} };
        tokio::time::timeout(LONG, end).await.expect("its tasks do not end");
    }
}

const END: &str = "end-mark";

/// An event behind which nothing more is to come.
pub(crate) fn end_mark() -> Vec<u8> {
    event(
        &[
            ("Event-Name", "CHANNEL_HANGUP_COMPLETE"),
            ("Unique-ID", END),
            ("variable_hallporter", "deposit"),
        ],
        "",
    )
}

fn is_end_mark(event: &SwitchEvent) -> bool {
    matches!(event, SwitchEvent::Leg { leg, event: LegEvent::HungUp { .. } } if leg.as_str() == END)
}

pub(crate) fn leg(text: &str) -> LegId {
    LegId::parse(text).unwrap()
}

/// Waits for something that is seen by looking only.
pub(crate) async fn eventually(what: &str, mut fits: impl FnMut() -> bool) {
    let look = async {
        while !fits() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(LONG, look).await.is_ok(), "{what}");
}
