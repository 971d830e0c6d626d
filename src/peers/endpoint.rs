//! The way between nodes, as its owner holds it.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use quinn::{ClientConfig, EndpointConfig, Runtime as _, TokioRuntime, VarInt};
use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;

use crate::domain::NodeId;

use super::book::{Book, Hello};
use super::call;
use super::events::Telling;
use super::link::Link;
use super::refusal::Refused;
use super::settings::{Counters, HANDSHAKES_MAX, count};
use super::shelf::Shelf;
use super::socket::Watched;
use super::tls;
use super::{
    AuthorityError, Clock, Credentials, Event, Events, Figures, Lane, Refusal, SendError, Settings,
    Side, framed,
};

/// With which code a connection ends that nobody refuses.
pub(super) const BYE: u32 = 0;
/// With which code the lesser of two connections ends.
pub(super) const SECOND: u32 = 1;

/// Who this node is.
#[derive(Debug)]
pub struct Own {
    /// What it shows, and whom it believes.
    pub credentials: Credentials,
    /// Which start of it this is: a number that survives restarts.
    pub boot: u32,
    /// A number drawn at this start, so that two processes with one disk are told apart.
    pub start: u64,
}

/// Why there is no way, or why it does not change.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The socket.
    #[error("the UDP socket can't be used: {0}")]
    Socket(#[from] io::Error),
    /// The papers.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The new papers are somebody else's.
    #[error("the new certificate is not this node's")]
    OtherNode,
}

/// Whoever is refused is counted, told of, and written down here.
pub(super) struct Door {
    pub(super) here: Refused,
    pub(super) there: Refused,
    pub(super) telling: Telling,
    pub(super) clock: Clock,
}

impl Door {
    pub(super) fn refuse(&self, by: Side, refusal: Refusal, address: SocketAddr) {
        let table = if by == Side::Here { &self.here } else { &self.there };
        if let Some(unsaid) = table.note(refusal, (self.clock)().mono_ms) {
            match by {
                Side::Here => {
                    tracing::warn!(%address, unsaid, why = %refusal, "a node is refused");
                }
                Side::There => {
                    tracing::warn!(%address, unsaid, why = %refusal, "another node refuses this one");
                }
            }
        }
        self.telling.remark(Event::Refused { address, by, refusal });
    }
}

pub(super) struct Papers {
    pub(super) credentials: Credentials,
    pub(super) peers: ClientConfig,
    pub(super) join: ClientConfig,
}

pub(super) struct Inner {
    pub(super) quinn: quinn::Endpoint,
    pub(super) hello: Hello,
    pub(super) settings: Settings,
    pub(super) door: Arc<Door>,
    pub(super) papers: Mutex<Papers>,
    pub(super) open: Arc<AtomicBool>,
    pub(super) book: Mutex<Book<Arc<Link>>>,
    /// Goes up whenever somebody leaves the book.
    pub(super) left: watch::Sender<u64>,
    pub(super) counters: Counters,
    pub(super) handshakes: Arc<Semaphore>,
    /// Where files are, once there is such a place.
    pub(super) shelf: OnceLock<Arc<dyn Shelf>>,
    calls: Mutex<BTreeMap<SocketAddr, AbortHandle>>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One UDP port and all connections over it.
pub struct Endpoint {
    pub(super) inner: Arc<Inner>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Endpoint({:?})", self.inner.hello)
    }
}

impl Endpoint {
    /// Listens, and calls nobody yet. What happens is fetched from the events. To be
    /// called within a tokio runtime.
    ///
    /// # Errors
    /// When the socket or the papers can't be used.
    pub fn start(
        socket: UdpSocket,
        own: Own,
        settings: Settings,
        clock: Clock,
    ) -> Result<(Self, Events), EndpointError> {
        let (telling, events) = Telling::new();
        let open = Arc::new(AtomicBool::new(false));
        let (here, there) = (Refused::default(), Refused::default());
        let door = Arc::new(Door { here, there, telling, clock });
        let server = tls::server(&own.credentials, Arc::clone(&open), &door.clock, &settings)?;
        let mut config = EndpointConfig::default();
        // Version 1 of QUIC, which is TLS 1.3, and none of its drafts.
        config.grease_quic_bit(false).supported_versions(vec![1]);
        socket.set_nonblocking(true)?;
        let runtime = Arc::new(TokioRuntime);
        let strays = Arc::clone(&door);
        let socket = Watched {
            inner: runtime.wrap_udp_socket(socket)?,
            stray: Box::new(move |address| strays.refuse(Side::Here, Refusal::NotQuic, address)),
        };
        let quinn = quinn::Endpoint::new_with_abstract_socket(
            config,
            Some(server),
            Arc::new(socket),
            runtime,
        )?;
        let identity = own.credentials.identity();
        let (node, name) = (identity.node, identity.name.clone());
        let hello = Hello { node, name, boot: own.boot, start: own.start };
        let inner = Arc::new(Inner {
            quinn,
            book: Mutex::new(Book::new(hello.clone())),
            hello,
            papers: Mutex::new(papers(own.credentials, &door.clock, &settings)?),
            settings,
            door,
            open,
            left: watch::Sender::new(0),
            counters: Counters::default(),
            handshakes: Arc::new(Semaphore::new(HANDSHAKES_MAX)),
            shelf: OnceLock::new(),
            calls: Mutex::default(),
        });
        tokio::spawn(call::take(Arc::clone(&inner)));
        Ok((Self { inner }, events))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.inner.quinn.local_addr()
    }

    /// From now on there is to be a connection with whoever is at this address: it is called, and
    /// called again when the connection is lost. With a number, nobody else will do.
    pub fn reach(&self, address: SocketAddr, node: Option<NodeId>) {
        let task = tokio::spawn(call::keep(Arc::clone(&self.inner), address, node));
        if let Some(before) = lock(&self.inner.calls).insert(address, task.abort_handle()) {
            before.abort();
        }
    }

    /// Nobody is called at this address any more. A connection that is there stays.
    pub fn forget(&self, address: SocketAddr) {
        if let Some(call) = lock(&self.inner.calls).remove(&address) {
            call.abort();
        }
    }

    /// Whether newcomers are listened to: as long as a token is open.
    pub fn open(&self, open: bool) {
        self.inner.open.store(open, Ordering::Relaxed);
    }

    /// Sends a datagram, if that can be done at once; else it is dropped and counted.
    ///
    /// # Errors
    /// Why it was dropped.
    pub fn send_datagram(&self, to: NodeId, bytes: Bytes) -> Result<(), SendError> {
        let link = lock(&self.inner.book).get(to).cloned();
        let sent = link.ok_or(SendError::Away(to)).and_then(|link| link.datagram(to, bytes));
        let counters = &self.inner.counters;
        count(if sent.is_ok() { &counters.datagrams_sent } else { &counters.datagrams_dropped });
        sent
    }

    /// Sends a frame in a lane, behind what was sent in it before.
    ///
    /// # Errors
    /// When it is not sent. Nothing else is told later: what was taken can be lost with its
    /// connection, and the peer is repaired by comparing marks.
    pub fn send(&self, to: NodeId, lane: Lane, body: &[u8]) -> Result<(), SendError> {
        let frame = framed(lane.kind(), body).map_err(|_| SendError::TooLong(body.len()));
        let link = lock(&self.inner.book).get(to).cloned();
        let sent = frame.and_then(|frame| {
            link.ok_or(SendError::Away(to))?.frame(to, lane, frame, &self.inner.settings)
        });
        let counters = &self.inner.counters;
        count(if sent.is_ok() { &counters.frames_sent } else { &counters.frames_refused });
        sent
    }

    /// Shows these papers from now on, and believes these authorities. Connections that are there
    /// go on until they end by themselves.
    ///
    /// # Errors
    /// When they are another node's or can't be used; nothing has changed then.
    pub fn set_credentials(&self, credentials: Credentials) -> Result<(), EndpointError> {
        let Inner { settings, door, open, .. } = &*self.inner;
        if lock(&self.inner.papers).credentials.identity() != credentials.identity() {
            return Err(EndpointError::OtherNode);
        }
        let server = tls::server(&credentials, Arc::clone(open), &door.clock, settings)?;
        let papers = papers(credentials, &door.clock, settings)?;
        *lock(&self.inner.papers) = papers;
        self.inner.quinn.set_server_config(Some(server));
        Ok(())
    }

    /// Asks the node at this address for the next certificate, with the key that this one has.
    ///
    /// # Errors
    /// When there is none.
    pub async fn renew(&self, address: SocketAddr) -> Result<Credentials, super::JoinError> {
        super::join::renew(&self.inner, address).await
    }

    /// Ends the connection with a node, if there is one: it is called again if it is to be
    /// reached.
    pub fn hang_up(&self, node: NodeId) {
        if let Some(link) = lock(&self.inner.book).get(node) {
            link.connection.close(VarInt::from_u32(BYE), b"");
        }
    }

    /// How often somebody was refused for this, by whom.
    #[must_use]
    pub fn refused(&self, by: Side, refusal: Refusal) -> u64 {
        match by {
            Side::Here => self.inner.door.here.count(refusal),
            Side::There => self.inner.door.there.count(refusal),
        }
    }

    /// What was counted.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.inner.counters.read()
    }

    /// How many peers are connected.
    #[must_use]
    pub fn connected(&self) -> usize {
        lock(&self.inner.book).all().count()
    }

    /// Says good-bye to all and waits until that is sent.
    pub async fn close(self) {
        self.shut().await;
    }

    /// The same for one that somebody else still holds; nothing can be sent any more.
    pub async fn shut(&self) {
        self.end();
        self.inner.quinn.wait_idle().await;
    }

    fn end(&self) {
        for (_, call) in std::mem::take(&mut *lock(&self.inner.calls)) {
            call.abort();
        }
        self.inner.quinn.close(VarInt::from_u32(BYE), b"");
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.end();
    }
}

fn papers(
    credentials: Credentials,
    clock: &Clock,
    settings: &Settings,
) -> Result<Papers, AuthorityError> {
    Ok(Papers {
        peers: tls::client(&credentials, tls::PEERS, clock, settings)?,
        join: tls::client(&credentials, tls::JOIN, clock, settings)?,
        credentials,
    })
}
