//! Files between nodes: each in a pair of streams of its own, by what it holds.
//!
//! ```text
//! asks      File frame: copy CONTENT of so many bytes  | fetch CONTENT
//! answers   File frame: go on / I have it / why not    | so many bytes / why not
//! bytes     from the one who asks                      | from the one who answers
//! answers   File frame: kept / why not                 |
//! ```
//!
//! A file that breaks off is begun anew: nothing of a half one is kept. Who takes one checks what
//! it holds ([`Shelved::finish`]), so that nothing wrong gets a name.
//!
//! Files never stand in the way of frames: no queue is shared with them, their bytes give way to
//! all others of the same connection, and [`FILES_AT_ONCE`] of them fill half of its window.

use std::fs::File;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quinn::{RecvStream, SendStream};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::domain::{ContentId, NodeId};

use super::endpoint::{Endpoint, Inner, lock};
use super::link::Link;
use super::settings::count;
use super::shelf::{Shelf, Shelved, Unkept};
use super::{FrameReader, HEAD_BYTES, Kind, Refusal, framed};

/// How many files a node may have begun with one peer at once; the next waits for one of them.
pub const FILES_AT_ONCE: u32 = 2;
/// The largest file that is taken, in bytes.
pub const FILE_BYTES_MAX: u64 = 8 << 30;
/// How much is read from the disk at once, in bytes.
const PIECE_BYTES: usize = 256 << 10;
/// Behind everything else that wants to go to the same peer.
const PRIORITY: i32 = -1;
/// So much longer than for a piece is waited for a file to be on the other one's disk.
const SYNC_TIMES: u32 = 3;

/// Why a file did not get to the other side. It can be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// There is no connection.
    #[error("node {} is not connected", .0.0)]
    Away(NodeId),
    /// It broke off.
    #[error("the file broke off on its way")]
    Cut,
    /// The other one does nothing any more.
    #[error("the other node does not go on with the file")]
    Silent,
    /// The other one speaks otherwise.
    #[error("the other node has answered what can't be understood: update both nodes")]
    Nonsense,
    /// The other node does not want to, or can't.
    #[error("at the other node: {0}")]
    There(Unkept),
    /// It is this node that can't.
    #[error("at this node: {0}")]
    Here(Unkept),
}

/// What is wanted.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ask {
    Copy { content: ContentId, bytes: u64 },
    Fetch { content: ContentId },
}

/// What comes of it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    /// Send it.
    Go,
    /// It is here.
    Kept,
    /// So many bytes follow.
    Comes { bytes: u64 },
    /// It is not to be.
    Not(Unkept),
}

/// The two streams of one file, and how long anything may take.
struct Pair {
    send: SendStream,
    receive: RecvStream,
    within: Duration,
}

impl Endpoint {
    /// From now on files are taken and given, from this place. A second one is ignored.
    pub fn keep_files(&self, shelf: Arc<dyn Shelf>) {
        let _ = self.inner.shelf.set(shelf);
    }

    /// Brings a file of this node to another one. When this returns, it is on the other one's
    /// disk for good. Waits while [`FILES_AT_ONCE`] others are on their way; may be dropped.
    ///
    /// # Errors
    /// Why it is not there.
    pub async fn copy_file(&self, to: NodeId, content: ContentId) -> Result<(), FileError> {
        let copied = copy(&self.inner, to, content).await;
        let counters = &self.inner.counters;
        count(if copied.is_ok() { &counters.files_sent } else { &counters.files_failed });
        copied
    }

    /// Brings a file of another node here. When this returns, it is on this one's disk for good.
    /// Waits while [`FILES_AT_ONCE`] others are on their way; may be dropped.
    ///
    /// # Errors
    /// Why it is not here.
    pub async fn fetch_file(&self, from: NodeId, content: ContentId) -> Result<(), FileError> {
        let fetched = fetch(&self.inner, from, content).await;
        let counters = &self.inner.counters;
        count(if fetched.is_ok() { &counters.files_received } else { &counters.files_failed });
        fetched
    }
}

fn link_with(inner: &Inner, node: NodeId) -> Result<Arc<Link>, FileError> {
    lock(&inner.book).get(node).cloned().ok_or(FileError::Away(node))
}

fn shelf(inner: &Inner) -> Result<Arc<dyn Shelf>, Unkept> {
    inner.shelf.get().cloned().ok_or(Unkept::NoShelf)
}

async fn copy(inner: &Inner, to: NodeId, content: ContentId) -> Result<(), FileError> {
    let shelf = shelf(inner).map_err(FileError::Here)?;
    let link = link_with(inner, to)?;
    let _permit = link.files.acquire().await.map_err(|_| FileError::Away(to))?;
    let (file, bytes) = blocking(move || shelf.open(content)).await.map_err(FileError::Here)?;
    let mut pair = Pair::open(inner, &link).await?;
    pair.say(&Ask::Copy { content, bytes }).await?;
    match pair.hear().await? {
        Said::Go => {}
        Said::Kept => return Ok(()),
        Said::Not(why) => return Err(FileError::There(why)),
        Said::Comes { .. } => return Err(FileError::Nonsense),
    }
    if let Err(error) = pair.give(file, bytes).await {
        // Who stops the other one says why.
        return Err(match pair.hear().await {
            Ok(Said::Not(why)) => FileError::There(why),
            _ => error,
        });
    }
    pair.within *= SYNC_TIMES;
    match pair.hear().await? {
        Said::Kept => Ok(()),
        Said::Not(why) => Err(FileError::There(why)),
        Said::Go | Said::Comes { .. } => Err(FileError::Nonsense),
    }
}

async fn fetch(inner: &Inner, from: NodeId, content: ContentId) -> Result<(), FileError> {
    let shelf = shelf(inner).map_err(FileError::Here)?;
    let here = Arc::clone(&shelf);
    if blocking(move || here.open(content)).await.is_ok() {
        return Ok(());
    }
    let link = link_with(inner, from)?;
    let _permit = link.files.acquire().await.map_err(|_| FileError::Away(from))?;
    let mut pair = Pair::open(inner, &link).await?;
    pair.say(&Ask::Fetch { content }).await?;
    let bytes = match pair.hear().await? {
        Said::Comes { bytes } => bytes,
        Said::Not(why) => return Err(FileError::There(why)),
        Said::Go | Said::Kept => return Err(FileError::Nonsense),
    };
    match begin(shelf, content, bytes).await.map_err(FileError::Here)? {
        Some(shelved) => pair.take(shelved, bytes).await,
        None => Ok(()),
    }
}

async fn begin(
    shelf: Arc<dyn Shelf>,
    content: ContentId,
    bytes: u64,
) -> Result<Option<Box<dyn Shelved>>, Unkept> {
    if bytes > FILE_BYTES_MAX {
        return Err(Unkept::TooLarge);
    }
    blocking(move || shelf.begin(content, bytes)).await
}

/// Another node wants to bring a file, or to have one.
pub(super) async fn answer(
    inner: Arc<Inner>,
    (send, receive): (SendStream, RecvStream),
    node: NodeId,
) -> Result<(), Refusal> {
    let _ = send.set_priority(PRIORITY);
    let mut pair = Pair { send, receive, within: within(&inner) };
    let ask = match pair.hear_frame().await {
        Ok(body) => serde_json::from_slice(&body).map_err(|_| Refusal::Nonsense)?,
        Err(FileError::Nonsense) => return Err(Refusal::Nonsense),
        Err(_) => return Ok(()),
    };
    let (done, counter) = match ask {
        Ask::Copy { content, bytes } => {
            (pair.be_given(&inner, content, bytes).await, &inner.counters.files_received)
        }
        Ask::Fetch { content } => {
            (pair.be_asked(&inner, content).await, &inner.counters.files_sent)
        }
    };
    match done {
        Ok(()) => count(counter),
        Err(error) => {
            count(&inner.counters.files_failed);
            tracing::debug!(node = node.0, %error, "a file is given up");
            if let FileError::Here(why) = error {
                // The other one may be gone; then nobody has to know.
                let _ = pair.say(&Said::Not(why)).await;
                let _ = pair.send.finish();
            }
        }
    }
    Ok(())
}

fn within(inner: &Inner) -> Duration {
    Duration::from_millis(inner.settings.file_ms.into())
}

impl Pair {
    async fn open(inner: &Inner, link: &Link) -> Result<Self, FileError> {
        let within = within(inner);
        let (send, receive) = in_time(within, link.connection.open_bi()).await?;
        let _ = send.set_priority(PRIORITY);
        Ok(Self { send, receive, within })
    }

    async fn be_given(
        &mut self,
        inner: &Inner,
        content: ContentId,
        bytes: u64,
    ) -> Result<(), FileError> {
        let shelf = shelf(inner).map_err(FileError::Here)?;
        if let Some(shelved) = begin(shelf, content, bytes).await.map_err(FileError::Here)? {
            self.say(&Said::Go).await?;
            self.take(shelved, bytes).await?;
        }
        self.say(&Said::Kept).await?;
        self.send.finish().map_err(|_| FileError::Cut)
    }

    async fn be_asked(&mut self, inner: &Inner, content: ContentId) -> Result<(), FileError> {
        let shelf = shelf(inner).map_err(FileError::Here)?;
        let (file, bytes) = blocking(move || shelf.open(content)).await.map_err(FileError::Here)?;
        self.say(&Said::Comes { bytes }).await?;
        self.give(file, bytes).await
    }

    async fn say(&mut self, what: &(impl Serialize + Sync)) -> Result<(), FileError> {
        let body = serde_json::to_vec(what).map_err(|_| FileError::Nonsense)?;
        let frame = framed(Kind::File, &body).map_err(|_| FileError::Nonsense)?;
        in_time(self.within, self.send.write_all(&frame)).await
    }

    async fn hear(&mut self) -> Result<Said, FileError> {
        let body = self.hear_frame().await?;
        serde_json::from_slice(&body).map_err(|_| FileError::Nonsense)
    }

    /// One frame, and not a byte of what is behind it.
    async fn hear_frame(&mut self) -> Result<Bytes, FileError> {
        let mut reader = FrameReader::new();
        let mut wanted = HEAD_BYTES;
        loop {
            let mut piece = vec![0; wanted];
            in_time(self.within, self.receive.read_exact(&mut piece)).await?;
            reader.push(&piece);
            match reader.take() {
                Ok(Some(frame)) if frame.kind == Kind::File => return Ok(frame.body),
                // The head has been looked at: so much belongs to it.
                Ok(None) => wanted = reader.lacks(),
                Ok(Some(_)) | Err(_) => return Err(FileError::Nonsense),
            }
        }
    }

    /// Sends a whole file.
    async fn give(&mut self, mut file: File, bytes: u64) -> Result<(), FileError> {
        let mut left = bytes;
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_BYTES);
            let read = blocking(move || {
                let mut piece = vec![0; wanted];
                // Whoever has shortened it meanwhile has spoiled it.
                let read = file.read_exact(&mut piece).map_err(|_| Unkept::Broken);
                read.map(|()| (file, piece))
            });
            let piece;
            (file, piece) = read.await.map_err(FileError::Here)?;
            left -= piece.len() as u64;
            in_time(self.within, self.send.write_chunk(Bytes::from(piece))).await?;
        }
        self.send.finish().map_err(|_| FileError::Cut)
    }

    /// Takes a whole file.
    async fn take(&mut self, shelved: Box<dyn Shelved>, bytes: u64) -> Result<(), FileError> {
        let (mut shelved, mut left) = (shelved, bytes);
        let mut piece = vec![0; PIECE_BYTES];
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_BYTES);
            let read = in_time(self.within, self.receive.read(&mut piece[..most])).await?;
            let read = read.ok_or(FileError::Cut)?;
            left -= read as u64;
            let write = move || shelved.write(&piece[..read]).map(|()| (shelved, piece));
            (shelved, piece) = blocking(write).await.map_err(FileError::Here)?;
        }
        // More than was said is as wrong as less.
        if in_time(self.within, self.receive.read_chunk(1, true)).await?.is_some() {
            return Err(FileError::Nonsense);
        }
        blocking(move || shelved.finish()).await.map_err(FileError::Here)
    }
}

/// What the other side may take so long for.
async fn in_time<T, E>(
    within: Duration,
    what: impl Future<Output = Result<T, E>>,
) -> Result<T, FileError> {
    match timeout(within, what).await {
        Ok(done) => done.map_err(|_| FileError::Cut),
        Err(_) => Err(FileError::Silent),
    }
}

/// On a thread that may wait for the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Unkept> + Send + 'static,
) -> Result<T, Unkept> {
    spawn_blocking(work).await.unwrap_or(Err(Unkept::Broken))
}
