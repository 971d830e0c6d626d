//! Taking connections: not too many, and none that sleeps for ever.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

use super::meter::Meter;

/// What a connection too many hears before it is closed.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n\
    Connection: close\r\nRetry-After: 1\r\nContent-Length: 53\r\n\r\n\
    {\"error\":\"too many connections: try again in a bit\"}\n";
/// How long to wait after the system refused a connection, most often for want of descriptors.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// A listener with a limit. A connection above it is answered 503 and closed at once, so that a
/// proxy turns to its second daemon instead of waiting in a queue.
pub(super) struct Door {
    listener: TcpListener,
    places: Arc<Semaphore>,
    idle_within: Duration,
    meter: Arc<Meter>,
}

impl Door {
    pub(super) fn new(
        listener: TcpListener,
        connections_max: usize,
        idle_within: Duration,
        meter: Arc<Meter>,
    ) -> Self {
        let places = Arc::new(Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS)));
        Self { listener, places, idle_within, meter }
    }
}

impl Listener for Door {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            let (stream, address) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken: if this goes on, raise the limit of open files (ulimit -n)");
                    sleep(AFTER_ERROR).await;
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
                self.meter.connection_refused();
                let _ = stream.try_write(TOO_MANY);
                continue;
            };
            // Without it an answer may wait 40 ms for an acknowledgement.
            let _ = stream.set_nodelay(true);
            return (Connection::new(stream, place, self.idle_within), address);
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that is closed when nothing was read from it, or written to it, for a while.
pub(super) struct Connection {
    stream: TcpStream,
    idle_within: Duration,
    idle: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    /// Something has moved. Taking the time of every step would cost more than it is worth: the
    /// timer is only set forward when half of it has passed.
    fn moved(&mut self) {
        let deadline = self.idle.deadline();
        let now = Instant::now();
        if deadline.saturating_duration_since(now) < self.idle_within / 2 {
            self.idle.as_mut().reset(now + self.idle_within);
        }
    }

    fn new(stream: TcpStream, place: OwnedSemaphorePermit, idle_within: Duration) -> Self {
        Self { stream, idle_within, idle: Box::pin(sleep(idle_within)), _place: place }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        match Pin::new(&mut this.stream).poll_read(context, buffer) {
            Poll::Ready(read) => {
                this.moved();
                Poll::Ready(read)
            }
            Poll::Pending => {
                ready!(this.idle.as_mut().poll(context));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes));
        self.moved();
        Poll::Ready(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, slices));
        self.moved();
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
