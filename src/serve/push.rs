//! Pushes: told at once or not at all.
//!
//! They do not go through the outbox, which is for what is still worth something tomorrow. Each
//! push has a task of its own from when it is wanted until the call is answered or over, so what
//! is cancelled is told after what was wanted, and nobody waits for anybody else's.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::config::{Config, Secret};
use crate::domain::{Push, PushId, PushOver};
use crate::notify::{TellError, Webhook, push_body};

/// How long the receiver may take for one answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How long to wait before the second try and the third.
const AGAIN_AFTER: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(1)];
/// How many pushes may be under way or not be over. Further ones are not told, which is logged and
/// counted: their devices ring only if they happen to be awake.
const PUSHES_MAX: usize = 4_000;

/// The way to whoever sends pushes.
pub(crate) struct Pushes {
    webhook: Webhook,
    open: Arc<Mutex<Open>>,
    /// Where their tasks run, whoever wants them.
    tasks: Handle,
    pub(crate) figures: Arc<Figures>,
}

/// Those that are not over, and how to tell them that they are.
type Open = BTreeMap<PushId, oneshot::Sender<PushOver>>;

/// What became of pushes since the start.
#[derive(Default)]
pub(crate) struct Figures {
    /// Wanted or cancelled, and heard.
    pub(crate) heard: AtomicU64,
    /// Not heard by the receiver, or not told at all.
    pub(crate) failed: AtomicU64,
}

impl Pushes {
    /// `None` where nobody is configured who sends pushes.
    pub(crate) fn new(config: &Config) -> Result<Option<Self>, crate::notify::Error> {
        let Some(push) = &config.push else { return Ok(None) };
        let token = push.webhook.token.as_ref().map(Secret::expose);
        let webhook = Webhook::new(&push.webhook.url, token)?;
        let (open, figures, tasks) = (Arc::default(), Arc::default(), Handle::current());
        Ok(Some(Self { webhook, open, tasks, figures }))
    }

    /// Has a device woken.
    pub(crate) fn want(&self, push: Push) {
        let (end, over) = oneshot::channel();
        {
            let mut open = locked(&self.open);
            if open.len() >= PUSHES_MAX {
                self.figures.failed.fetch_add(1, Ordering::Relaxed);
                tracing::error!(push = %push.id, "too many pushes are under way, this one is not told");
                return;
            }
            open.insert(push.id.clone(), end);
        }
        let (webhook, figures) = (self.webhook.clone(), Arc::clone(&self.figures));
        let open = Arc::clone(&self.open);
        self.tasks.spawn(async move {
            follow(&webhook, &figures, &push, over).await;
            locked(&open).remove(&push.id);
        });
    }

    /// Has a device show something, once: whoever wants it told comes again with the same id. The
    /// error is a sentence.
    pub(crate) async fn show(&self, id: &str, body: String) -> Result<(), String> {
        let told = self.webhook.post(id, body, ANSWER_WITHIN).await;
        let figure = if told.is_ok() { &self.figures.heard } else { &self.figures.failed };
        figure.fetch_add(1, Ordering::Relaxed);
        told.map_err(|error| error.to_string())
    }

    /// It is not needed any more; `None`: it has answered.
    pub(crate) fn over(&self, id: &PushId, over: Option<PushOver>) {
        if let (Some(end), Some(over)) = (locked(&self.open).remove(id), over) {
            let _ = end.send(over);
        }
    }
}

fn locked(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One push from the beginning to its end.
async fn follow(
    webhook: &Webhook,
    figures: &Figures,
    push: &Push,
    mut over: oneshot::Receiver<PushOver>,
) {
    let reason = tokio::select! {
        biased;
        reason = &mut over => reason,
        () = tell(webhook, figures, push, None) => over.await,
    };
    // Also of one of which nobody knows whether it was heard.
    if let Ok(reason) = reason {
        tell(webhook, figures, push, Some(reason)).await;
    }
}

async fn tell(webhook: &Webhook, figures: &Figures, push: &Push, over: Option<PushOver>) {
    let (id, body) = push_body(push, over);
    let mut waits = AGAIN_AFTER.iter();
    loop {
        let sentence = match webhook.post(&id, body.clone(), ANSWER_WITHIN).await {
            Ok(()) => {
                figures.heard.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(push = id, call_id = &*push.call_id, "a push was told");
                return;
            }
            Err(TellError::Again(sentence)) => match waits.next() {
                Some(wait) => {
                    tokio::time::sleep(*wait).await;
                    continue;
                }
                None => sentence,
            },
            Err(TellError::Never(sentence)) => sentence,
        };
        figures.failed.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(
            push = id,
            call_id = &*push.call_id,
            trouble = sentence,
            "a push was not heard"
        );
        return;
    }
}
