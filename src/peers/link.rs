//! One connection with a peer: how it greets, what goes over it, how it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use quinn::{Connection, ConnectionError, RecvStream, SendStream, VarInt};
use rustls::pki_types::CertificateDer;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::domain::NodeId;

use super::book::{Claim, Gone, Hello, Verdict};
use super::endpoint::{BYE, Inner, SECOND, lock};
use super::files::{self, FILES_AT_ONCE};
use super::settings::{Settings, count};
use super::trust::{of_alert, uris};
use super::{Event, FrameReader, Identity, Kind, Lane, Peer, Refusal, SendError, Side, framed};

/// The most frames that are written in one go.
const WRITE_FRAMES_MAX: usize = 64;
/// The most bytes that are read in one go.
pub(super) const READ_BYTES: usize = 64 << 10;

/// How others hold a connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) connection: Connection,
    lanes: [Queue; Lane::ALL.len()],
    /// Who begins a file has one of these: the other one takes no more.
    pub(super) files: Semaphore,
    /// Closed when all of it has ended, and the owner knows.
    ended: watch::Receiver<()>,
}

#[derive(Debug)]
struct Queue {
    frames: mpsc::Sender<Bytes>,
    bytes: Arc<AtomicUsize>,
}

impl Link {
    pub(super) fn datagram(&self, to: NodeId, bytes: Bytes) -> Result<(), SendError> {
        let length = bytes.len();
        if self.connection.max_datagram_size().is_none_or(|max| length > max) {
            return Err(SendError::TooLong(length));
        }
        // quinn would drop those that wait, silently.
        if self.connection.datagram_send_buffer_space() < length {
            return Err(SendError::Full(to));
        }
        self.connection.send_datagram(bytes).map_err(|_| SendError::Away(to))
    }

    pub(super) fn frame(
        &self,
        to: NodeId,
        lane: Lane,
        frame: Bytes,
        settings: &Settings,
    ) -> Result<(), SendError> {
        let queue = &self.lanes[lane.index()];
        let length = frame.len();
        let before = queue.bytes.fetch_add(length, Ordering::Relaxed);
        let sent = if before + length > settings.queue_bytes {
            Err(SendError::Full(to))
        } else {
            queue.frames.try_send(frame).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => SendError::Full(to),
                mpsc::error::TrySendError::Closed(_) => SendError::Away(to),
            })
        };
        if sent.is_err() {
            queue.bytes.fetch_sub(length, Ordering::Relaxed);
        }
        sent
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// One of both did not want.
    Refused(Side, Refusal),
    /// There is another one with the same peer.
    Second,
    /// It was lost, or ended without a reason.
    Lost,
}

impl End {
    /// What an error of the connection says.
    pub(super) fn of(error: &ConnectionError) -> Self {
        let alert = |code: u64, side| match u8::try_from(code ^ 0x100).ok().and_then(of_alert) {
            Some(refusal) => Self::Refused(side, refusal),
            None => Self::Lost,
        };
        match error {
            ConnectionError::VersionMismatch => Self::Refused(Side::There, Refusal::Version),
            ConnectionError::TransportError(error) => alert(error.code.into(), Side::Here),
            ConnectionError::ConnectionClosed(close) => alert(close.error_code.into(), Side::There),
            ConnectionError::ApplicationClosed(close) => {
                let code = close.error_code.into_inner();
                match Refusal::of_code(code) {
                    Some(refusal) => Self::Refused(Side::There, refusal),
                    None if code == u64::from(SECOND) => Self::Second,
                    None => Self::Lost,
                }
            }
            ConnectionError::Reset
            | ConnectionError::TimedOut
            | ConnectionError::LocallyClosed
            | ConnectionError::CidsExhausted => Self::Lost,
        }
    }

    fn here(refusal: Refusal) -> Self {
        Self::Refused(Side::Here, refusal)
    }

    /// Ends the connection with it, and tells of it.
    pub(super) fn tell(self, inner: &Inner, connection: Option<&Connection>, address: SocketAddr) {
        if let Some(connection) = connection {
            let (code, why) = match self {
                Self::Refused(_, refusal) => (refusal.code(), refusal.label()),
                Self::Second => (SECOND, ""),
                Self::Lost => (BYE, ""),
            };
            connection.close(VarInt::from_u32(code), why.as_bytes());
        }
        match self {
            Self::Refused(side, refusal) => inner.door.refuse(side, refusal, address),
            Self::Second | Self::Lost => tracing::debug!(%address, "a connection ends: {self:?}"),
        }
    }

    /// A peer that has shown its certificate is believed when it says that this start is over: it
    /// has heard so from a process with this node's own key.
    async fn heed(self, inner: &Inner) {
        if self == Self::Refused(Side::There, Refusal::OlderStart) {
            inner.door.telling.tell(Event::Overtaken).await;
        }
    }
}

/// Who has shown a certificate, which the handshake has found to be good.
pub(super) fn shown(connection: &Connection) -> Option<CertificateDer<'static>> {
    let identity = connection.peer_identity()?;
    identity.downcast::<Vec<CertificateDer<'static>>>().ok()?.first().cloned()
}

pub(super) fn identity(connection: &Connection) -> Result<Identity, Refusal> {
    let certificate = shown(connection).ok_or(Refusal::NoCertificate)?;
    let uris = uris(&certificate)?;
    Identity::only(uris.iter().map(String::as_str)).map_err(|_| Refusal::BadCertificate)
}

/// All of a connection, from the greeting to the end. `called`: this node has called, and whom it
/// wanted. True if the peer was up.
pub(super) async fn run(
    inner: Arc<Inner>,
    connection: Connection,
    called: Option<Option<NodeId>>,
    permit: Option<OwnedSemaphorePermit>,
) -> bool {
    let address = connection.remote_address();
    let hello = Duration::from_millis(inner.settings.hello_ms.into());
    let greeted = match timeout(hello, greet(&inner, &connection, called)).await {
        Ok(greeted) => greeted,
        Err(_) => Err(End::here(Refusal::Silent)),
    };
    let (ending, ended) = watch::channel(());
    let (link, queues) = link(&connection, ended, &inner.settings);
    let entered = greeted.and_then(|(claim, reply)| {
        let peer = Peer { identity: claim.identity.clone(), boot: claim.boot, address };
        enter(&inner, claim, &link).map(|before| (peer, reply, before))
    });
    drop(permit);
    let (peer, reply, before) = match entered {
        Ok(entered) => entered,
        Err(end) => {
            end.tell(&inner, Some(&connection), address);
            end.heed(&inner).await;
            return false;
        }
    };
    if let Some(mut send) = reply {
        // Should that fail, the connection has ended, and it is seen at once by whoever reads.
        let _ = timeout(hello, say(&inner, &connection, &mut send)).await;
    }
    if let Some((before, gone)) = before {
        let code = match gone {
            Gone::Second => SECOND,
            Gone::Older => Refusal::OlderStart.code(),
        };
        before.connection.close(VarInt::from_u32(code), b"");
        // Its end is told before the beginning of this one.
        let _ = before.ended.clone().changed().await;
    }
    let node = peer.identity.node;
    inner.door.telling.tell(Event::Up(peer)).await;
    let end = live(&inner, &connection, node, queues).await;
    lock(&inner.book).leave(node, |other| Arc::ptr_eq(other, &link));
    end.tell(&inner, None, address);
    end.heed(&inner).await;
    inner.door.telling.tell(Event::Down(node)).await;
    drop(ending);
    inner.left.send_modify(|count| *count += 1);
    true
}

/// Enters a connection into the book, if it may be there; the one that it takes the place of comes
/// back.
fn enter(inner: &Inner, claim: Claim, link: &Arc<Link>) -> Result<Option<(Arc<Link>, Gone)>, End> {
    let mut book = lock(&inner.book);
    match book.judge(&claim) {
        Verdict::Stays(gone) => Ok(book.enter(claim, Arc::clone(link)).zip(gone)),
        Verdict::Second => Err(End::Second),
        Verdict::Refused(refusal) => Err(End::here(refusal)),
    }
}

/// Both say who they are: who has called first, and the other one when it has been found that this
/// connection may be.
async fn greet(
    inner: &Inner,
    connection: &Connection,
    called: Option<Option<NodeId>>,
) -> Result<(Claim, Option<SendStream>), End> {
    let identity = identity(connection).map_err(End::here)?;
    if called.flatten().is_some_and(|wanted| wanted != identity.node) {
        return Err(End::here(Refusal::OtherNode));
    }
    let lost = |error: ConnectionError| End::of(&error);
    let (hello, reply) = if called.is_some() {
        let (mut send, mut receive) = connection.open_bi().await.map_err(lost)?;
        say(inner, connection, &mut send).await?;
        (hear(connection, &mut receive).await?, None)
    } else {
        let (send, mut receive) = connection.accept_bi().await.map_err(lost)?;
        (hear(connection, &mut receive).await?, Some(send))
    };
    if (hello.node, &hello.name) != (identity.node, &identity.name) {
        return Err(End::here(Refusal::OtherNode));
    }
    let claim = Claim { identity, boot: hello.boot, start: hello.start, called: called.is_some() };
    Ok((claim, reply))
}

async fn say(inner: &Inner, connection: &Connection, send: &mut SendStream) -> Result<(), End> {
    let lost = || connection.close_reason().map_or(End::Lost, |error| End::of(&error));
    let body = serde_json::to_vec(&inner.hello).map_err(|_| End::Lost)?;
    let frame = framed(Kind::Hello, &body).map_err(|_| End::Lost)?;
    send.write_all(&frame).await.map_err(|_| lost())?;
    send.finish().map_err(|_| lost())
}

async fn hear(connection: &Connection, receive: &mut RecvStream) -> Result<Hello, End> {
    let body = match one_frame(receive, Kind::Hello).await {
        Ok(body) => body,
        Err(refusal) => {
            // The other one may have ended it all, with a reason.
            let end = connection.close_reason().map(|error| End::of(&error));
            return Err(end.unwrap_or_else(|| End::here(refusal)));
        }
    };
    serde_json::from_slice(&body).map_err(|_| End::here(Refusal::Nonsense))
}

/// The only frame of a stream.
pub(super) async fn one_frame(receive: &mut RecvStream, kind: Kind) -> Result<Bytes, Refusal> {
    let mut reader = FrameReader::new();
    loop {
        match reader.take() {
            Ok(Some(frame)) if frame.kind == kind => return Ok(frame.body),
            Ok(None) => {}
            Err(super::FrameError::Version(_)) => return Err(Refusal::Version),
            Ok(Some(_)) | Err(_) => return Err(Refusal::Nonsense),
        }
        match receive.read_chunk(READ_BYTES, true).await {
            Ok(Some(chunk)) => reader.push(&chunk.bytes),
            Ok(None) | Err(_) => return Err(Refusal::Nonsense),
        }
    }
}

type Queues = Vec<(mpsc::Receiver<Bytes>, Arc<AtomicUsize>)>;

fn link(
    connection: &Connection,
    ended: watch::Receiver<()>,
    settings: &Settings,
) -> (Arc<Link>, Queues) {
    let mut queues = Vec::new();
    let lanes = Lane::ALL.map(|_| {
        let (frames, receiver) = mpsc::channel(settings.queue_frames.max(1));
        let bytes = Arc::new(AtomicUsize::new(0));
        queues.push((receiver, Arc::clone(&bytes)));
        Queue { frames, bytes }
    });
    let files = Semaphore::new(FILES_AT_ONCE as usize);
    (Arc::new(Link { connection: connection.clone(), lanes, files, ended }), queues)
}

/// As long as it lives: everything that reads and writes has ended when this does.
async fn live(inner: &Arc<Inner>, connection: &Connection, node: NodeId, queues: Queues) -> End {
    let mut tasks = JoinSet::new();
    for (frames, bytes) in queues {
        let connection = connection.clone();
        tasks.spawn(async move {
            write(&connection, frames, &bytes).await;
            Ok(())
        });
    }
    tasks.spawn(datagrams(Arc::clone(inner), connection.clone(), node));
    let mut reason = None;
    let error = loop {
        tokio::select! {
            stream = connection.accept_uni() => match stream {
                Ok(stream) => {
                    tasks.spawn(read(Arc::clone(inner), stream, node));
                }
                Err(error) => break error,
            },
            pair = connection.accept_bi() => match pair {
                Ok(pair) => {
                    tasks.spawn(files::answer(Arc::clone(inner), pair, node));
                }
                Err(error) => break error,
            },
            Some(Ok(Err(refusal))) = tasks.join_next() => {
                reason = Some(refusal);
                connection.close(VarInt::from_u32(refusal.code()), b"");
            }
        }
    };
    tasks.shutdown().await;
    reason.map_or_else(|| End::of(&error), End::here)
}

/// A lane: a stream that is opened when there is something to send.
async fn write(connection: &Connection, mut frames: mpsc::Receiver<Bytes>, bytes: &AtomicUsize) {
    let mut stream: Option<SendStream> = None;
    let mut some = Vec::with_capacity(WRITE_FRAMES_MAX);
    while frames.recv_many(&mut some, WRITE_FRAMES_MAX).await > 0 {
        let length: usize = some.iter().map(Bytes::len).sum();
        let opened = match stream.take() {
            Some(stream) => Ok(stream),
            None => connection.open_uni().await,
        };
        let Ok(mut opened) = opened else { return };
        let written = opened.write_all_chunks(&mut some).await;
        bytes.fetch_sub(length, Ordering::Relaxed);
        if written.is_err() {
            return;
        }
        stream = Some(opened);
        some.clear();
    }
}

/// A stream of a peer, which is one lane.
async fn read(inner: Arc<Inner>, mut stream: RecvStream, node: NodeId) -> Result<(), Refusal> {
    let mut reader = FrameReader::new();
    let mut kind = None;
    while let Ok(Some(chunk)) = stream.read_chunk(READ_BYTES, true).await {
        reader.push(&chunk.bytes);
        loop {
            let frame = match reader.take() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!(node = node.0, "{error}");
                    return Err(Refusal::Nonsense);
                }
            };
            let lane = Lane::of(frame.kind).ok_or(Refusal::Nonsense)?;
            if *kind.get_or_insert(frame.kind) != frame.kind {
                return Err(Refusal::Nonsense);
            }
            count(&inner.counters.frames_received);
            // Waits for the owner, and with it this stream and the other node.
            inner.door.telling.tell(Event::Frame(node, lane, frame.body)).await;
        }
    }
    Ok(())
}

async fn datagrams(inner: Arc<Inner>, connection: Connection, node: NodeId) -> Result<(), Refusal> {
    while let Ok(bytes) = connection.read_datagram().await {
        if !inner.door.telling.mention(Event::Datagram(node, bytes)) {
            count(&inner.counters.datagrams_unread);
        }
    }
    Ok(())
}
