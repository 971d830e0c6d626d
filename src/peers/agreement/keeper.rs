//! Begins anew when openraft has stopped: a disk that was full may not be any more.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::peers::endpoint::lock;

use super::inner::Inner;
use super::types::Raft;
use super::way::Net;

pub(super) async fn begin(inner: &Inner) -> Result<Raft, String> {
    let halt = &inner.halt;
    halt.begun.store(halt.strange().is_some(), Ordering::Relaxed);
    let mut begun = raft(inner).await;
    if begun.is_err() && halt.strange().is_some() && !halt.begun.swap(true, Ordering::Relaxed) {
        // It can keep the log and vote all the same.
        begun = raft(inner).await;
    }
    halt.begun.store(true, Ordering::Relaxed);
    if let Ok(raft) = &begun
        && halt.strange().is_some()
    {
        keep_quiet(raft);
    }
    begun
}

async fn raft(inner: &Inner) -> Result<Raft, String> {
    let net = Net {
        questions: Arc::clone(&inner.questions),
        hall: Arc::clone(inner.machine.hall()),
        settings: inner.settings,
    };
    let config = inner.settings.config().validate().map_err(|error| error.to_string())?;
    let (log, machine) = (inner.log.clone(), inner.machine.clone());
    let begun = Raft::new(inner.me, Arc::new(config), net, log, machine).await;
    begun.map_err(|error| {
        let said = lock(&inner.trouble).clone();
        said.unwrap_or_else(|| error.to_string())
    })
}

/// A leader that carries nothing out answers nobody: another one is to lead.
pub(super) async fn stand_back(inner: Arc<Inner>) {
    tokio::select! {
        () = inner.halt.until_closing() => {}
        () = inner.halt.until_strange() => {
            if let Some(raft) = inner.raft() {
                keep_quiet(&raft);
            }
        }
    }
}

fn keep_quiet(raft: &Raft) {
    raft.runtime_config().elect(false);
    raft.runtime_config().heartbeat(false);
}

pub(super) async fn run(inner: Arc<Inner>) {
    while !inner.closing.load(Ordering::Relaxed) {
        let Some(raft) = inner.raft() else { return };
        let mut metrics = raft.metrics();
        let stopped = metrics.wait_for(|metrics| metrics.running_state.is_err()).await.is_ok();
        drop(metrics);
        if inner.closing.load(Ordering::Relaxed) {
            return;
        }
        let said = lock(&inner.trouble).clone().unwrap_or_default();
        tracing::error!(stopped, error = said, "the agreement has stopped and begins anew");
        let _ = raft.shutdown().await;
        drop(raft);
        anew(&inner).await;
    }
}

async fn anew(inner: &Inner) {
    let (first, most) = inner.settings.again_ms;
    let mut wait_ms = first.max(1);
    while !inner.closing.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(wait_ms.into())).await;
        match begin(inner).await {
            Ok(raft) => {
                inner.set_raft(Some(raft));
                inner.turned.notify_waiters();
                return;
            }
            Err(error) => tracing::debug!(error, "the agreement can't begin yet"),
        }
        wait_ms = wait_ms.saturating_mul(2).min(most.max(1));
    }
}
