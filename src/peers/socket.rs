//! The one UDP socket, with an eye on what can't be QUIC.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};

/// Every packet of QUIC has this bit in its first byte; nodes do not use the extension that lets
/// it vary. Half of what is sent by chance is known by it, the rest fails to decrypt and is
/// dropped without a trace.
const QUIC_BIT: u8 = 0x40;

/// What is done with the sender of a packet that is none.
pub(super) type Stray = Box<dyn Fn(SocketAddr) + Send + Sync>;

/// A socket that tells of strays. They are handed on nevertheless: quinn drops them.
pub(super) struct Watched {
    pub(super) inner: Arc<dyn AsyncUdpSocket>,
    pub(super) stray: Stray,
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(formatter)
    }
}

impl AsyncUdpSocket for Watched {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.inner).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.inner.try_send(transmit)
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let polled = self.inner.poll_recv(context, buffers, metas);
        if let Poll::Ready(Ok(count)) = &polled {
            for (buffer, meta) in buffers.iter().zip(&*metas).take(*count) {
                // Several packets of one sender can come in one piece; the first speaks for them.
                if meta.len > 0 && buffer.first().is_some_and(|byte| byte & QUIC_BIT == 0) {
                    (self.stray)(meta.addr);
                }
            }
        }
        polled
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.inner.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.inner.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.inner.may_fragment()
    }
}
