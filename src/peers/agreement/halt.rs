//! Where carrying out has ended for good: at an entry that is not understood. A node that left it
//! out would from there on be another than the rest.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use super::types::{Failure, failure};

/// What the parts of an agreement know of its end.
#[derive(Default)]
pub(super) struct Halt {
    strange: watch::Sender<Option<u64>>,
    closing: watch::Sender<bool>,
    /// Whether openraft has begun: before that it waits for what is carried out.
    pub(super) begun: AtomicBool,
}

impl Halt {
    /// The entry that is not understood.
    pub(super) fn strange(&self) -> Option<u64> {
        *self.strange.borrow()
    }

    pub(super) async fn until_strange(&self) {
        // There are senders for as long as this is there.
        let _ = self.strange.subscribe().wait_for(Option::is_some).await;
    }

    pub(super) fn close(&self) {
        self.closing.send_replace(true);
    }

    pub(super) async fn until_closing(&self) {
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }

    /// The sentence for openraft, when it may have one: it would begin anew at once, and come to
    /// the same entry.
    pub(super) async fn at(&self, index: u64) -> Failure {
        if self.strange.send_replace(Some(index)) != Some(index) {
            tracing::error!(
                index,
                "an entry of the log comes from a newer version: nothing is carried out here any more until this node is updated"
            );
        }
        if self.begun.load(Ordering::Relaxed) {
            self.until_closing().await;
        }
        failure("an entry of the log comes from a newer version")
    }
}
