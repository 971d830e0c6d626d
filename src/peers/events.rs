//! What has happened, on its way to the owner: two queues, so that datagrams are not lost behind
//! frames that wait, and no stranger takes the room of a peer.

use tokio::sync::mpsc;

use super::Event;

/// The most events that wait to be fetched, in each of the two queues. Datagrams beyond it are
/// dropped and counted; streams are not read any further, so that the other node's queue fills and
/// its sender is told.
pub const EVENTS_MAX: usize = 256;

/// The owner's end. Fetch in a loop: that is what lets streams go on.
#[derive(Debug)]
pub struct Events {
    streams: mpsc::Receiver<Event>,
    others: mpsc::Receiver<Event>,
}

impl Events {
    /// The next event. `None` when the endpoint is gone, and all was fetched. Whoever stops
    /// waiting loses nothing. What comes of a peer's streams is in order with its coming and
    /// going; datagrams, questions and refusals may overtake it.
    pub async fn next(&mut self) -> Option<Event> {
        tokio::select! {
            Some(event) = self.streams.recv() => Some(event),
            Some(event) = self.others.recv() => Some(event),
            else => None,
        }
    }
}

/// The other end.
#[derive(Debug)]
pub(super) struct Telling {
    streams: mpsc::Sender<Event>,
    others: mpsc::Sender<Event>,
}

impl Telling {
    pub(super) fn new() -> (Self, Events) {
        let (streams, streams_end) = mpsc::channel(EVENTS_MAX);
        let (others, others_end) = mpsc::channel(EVENTS_MAX);
        (Self { streams, others }, Events { streams: streams_end, others: others_end })
    }

    /// Tells of a peer's coming, going and frames: waits until there is room.
    pub(super) async fn tell(&self, event: Event) {
        // Without an owner there is nobody to tell.
        let _ = self.streams.send(event).await;
    }

    /// Tells of a datagram or a question, if there is room.
    pub(super) fn mention(&self, event: Event) -> bool {
        self.others.try_send(event).is_ok()
    }

    /// Tells of somebody who was refused, if there is plenty of room.
    pub(super) fn remark(&self, event: Event) {
        if self.others.capacity() > EVENTS_MAX / 2 {
            self.mention(event);
        }
    }
}
