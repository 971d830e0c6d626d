//! Bringing a file: a short one in one request, a long one in parts.

use std::fs::File;
use std::io::{self, Read as _};
use std::time::Duration;

use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt as _};
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::domain::ContentId;

use super::Error;

/// How long a part is, in bytes, but for the last one: S3 takes none below 5 MiB.
const PART_BYTES: u64 = 8 << 20;
/// How many parts there are at most; S3 takes 10,000. Those of very long files are longer.
const PARTS_MAX: u64 = 9_000;
/// How long it may take to throw away what came of a file.
const ABORTED_WITHIN: Duration = Duration::from_secs(5);

/// Why a file did not arrive.
pub(super) enum Failed {
    Said(object_store::Error),
    Late(Duration),
    Spoiled,
    Unread(io::Error),
}

impl Failed {
    pub(super) fn of(self, at: &str, content: ContentId) -> Error {
        match self {
            Self::Said(error) => Error::of(&error, at, content),
            Self::Late(within) => Error::Late { at: at.to_owned(), within },
            Self::Spoiled => Error::Spoiled { content },
            Self::Unread(cause) => Error::Unread { content, cause },
        }
    }
}

impl From<object_store::Error> for Failed {
    fn from(error: object_store::Error) -> Self {
        Self::Said(error)
    }
}

/// A file that is read once, part by part, and what it held so far.
struct Reading {
    file: File,
    hash: Sha256,
    left: u64,
}

impl Reading {
    /// The next part. A file that ends early is not what it should be.
    async fn part(self, bytes: u64) -> Result<(Self, Vec<u8>), Failed> {
        let mut reading = self;
        let read = spawn_blocking(move || -> Result<_, Failed> {
            let mut part = Vec::new();
            (&mut reading.file).take(bytes).read_to_end(&mut part).map_err(Failed::Unread)?;
            let missing = (part.len() as u64) < bytes.min(reading.left);
            reading.left = reading.left.saturating_sub(part.len() as u64);
            reading.hash.update(&part);
            if missing { Err(Failed::Spoiled) } else { Ok((reading, part)) }
        });
        read.await.map_err(|error| Failed::Unread(io::Error::other(error)))?
    }

    fn holds(&self, content: ContentId) -> Result<(), Failed> {
        let found = ContentId(self.hash.clone().finalize().into());
        if self.left == 0 && found == content { Ok(()) } else { Err(Failed::Spoiled) }
    }
}

/// Brings a file of so many bytes.
pub(super) async fn put(
    store: &AmazonS3,
    key: &Path,
    content: ContentId,
    (file, bytes): (File, u64),
    within: Duration,
) -> Result<(), Failed> {
    let reading = Reading { file, hash: Sha256::new(), left: bytes };
    if bytes <= PART_BYTES {
        let whole = async {
            let (reading, whole) = reading.part(bytes).await?;
            reading.holds(content)?;
            store.put(key, whole.into()).await?;
            Ok(())
        };
        return timeout(within, whole).await.unwrap_or(Err(Failed::Late(within)));
    }
    let part_bytes = PART_BYTES.max(bytes / PARTS_MAX);
    let begun = timeout(within, store.put_multipart(key)).await;
    let mut upload = begun.map_err(|_| Failed::Late(within))??;
    let parts = in_parts(&mut *upload, reading, content, part_bytes);
    let put = timeout(within, parts).await.unwrap_or(Err(Failed::Late(within)));
    if put.is_err() {
        // Parts of what never becomes an object are paid for, and nobody sees them. If that fails,
        // too, the bucket's own rule for such parts takes them.
        tokio::spawn(async move {
            let _ = timeout(ABORTED_WITHIN, upload.abort()).await;
        });
    }
    put
}

async fn in_parts(
    upload: &mut dyn MultipartUpload,
    mut reading: Reading,
    content: ContentId,
    part_bytes: u64,
) -> Result<(), Failed> {
    while reading.left > 0 {
        let (next, part) = reading.part(part_bytes).await?;
        reading = next;
        upload.put_part(part.into()).await?;
    }
    reading.holds(content)?;
    upload.complete().await?;
    Ok(())
}
