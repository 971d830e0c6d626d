//! The language of S3: recordings in a bucket that all nodes share.
//!
//! An object is named by what it holds: `PREFIX/ab/abcdef…`, the 64 hexadecimal digits of its
//! SHA-256 behind the first two. So bringing a file twice is harmless, and what comes back can be
//! checked. Nothing else is ever named, listed or deleted.
//!
//! Everything here has a deadline, and holds at most one part of a file in memory.

mod error;
mod figures;
mod upload;

use std::fmt;
use std::fs::File;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use object_store::aws::{AmazonS3, AmazonS3Builder, Checksum};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStoreExt as _, RetryConfig};
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use crate::domain::ContentId;

pub use error::Error;
pub use figures::{Counts, Figures};

/// How long it may take to be connected.
const CONNECTED_WITHIN: Duration = Duration::from_secs(3);
/// How long a connection may be silent.
const SILENT_MAX: Duration = Duration::from_secs(10);
/// How long a question without a file may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);
/// How often a request that has failed is put again, and for how long at most.
const RETRIES: (usize, Duration) = (2, Duration::from_secs(10));
/// How long it is waited before: at first, and at most.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// What is written to see whether anything can be.
const TRIAL: &[u8] = b"hallporter was here";

/// Where the bucket is, and who asks. Its key is shown nowhere.
#[expect(missing_debug_implementations, reason = "it holds a key")]
pub struct Settings {
    /// Its name.
    pub bucket: String,
    /// `http(s)://HOST[:PORT]`; `None`: Amazon's own.
    pub endpoint: Option<String>,
    /// What requests are signed for.
    pub region: String,
    /// What the names of all objects begin with, without a slash at either end; may be empty.
    pub prefix: String,
    /// The name of the key.
    pub access_key: String,
    /// The key.
    pub secret_key: String,
    /// How long one file may be on its way at most.
    pub transfer_within: Duration,
}

/// A bucket.
#[derive(Debug)]
pub struct Bucket {
    store: AmazonS3,
    prefix: String,
    /// Which it is, and where, for sentences.
    at: String,
    figures: Figures,
}

impl Bucket {
    /// The bucket of these settings. Nothing is asked yet.
    ///
    /// # Errors
    /// [`Error::Settings`].
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let Settings { bucket, endpoint, region, prefix, access_key, secret_key, transfer_within } =
            settings;
        let at = endpoint.as_deref().unwrap_or("Amazon");
        let at = format!("bucket {bucket} at {at}");
        let plain = endpoint.as_deref().is_some_and(|url| url.starts_with("http://"));
        let client = ClientOptions::new()
            .with_allow_http(plain)
            // Else a machine without the package ca-certificates could not ask at all.
            .with_no_system_certificates(plain)
            .with_connect_timeout(CONNECTED_WITHIN)
            .with_read_timeout(SILENT_MAX)
            .with_timeout(transfer_within);
        let backoff = BackoffConfig {
            init_backoff: RETRY_PAUSE.0,
            max_backoff: RETRY_PAUSE.1,
            ..BackoffConfig::default()
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(region)
            .with_access_key_id(access_key)
            .with_secret_access_key(secret_key)
            .with_client_options(client)
            .with_retry(RetryConfig { backoff, max_retries: RETRIES.0, retry_timeout: RETRIES.1 })
            // The bucket checks what comes, and keeps the sum.
            .with_checksum_algorithm(Checksum::SHA256)
            // One name in each request: not everybody who speaks S3 takes lists.
            .with_disable_bulk_delete(true);
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let store = builder.build();
        let store = store.map_err(|error| Error::Settings { cause: error.to_string() })?;
        Ok(Self { store, prefix, at, figures: Figures::default() })
    }

    /// What has become of what was asked.
    #[must_use]
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Brings a file there, whole or not at all. It is read once, and taken only if it holds what
    /// its name says. An equal object that is there already is written anew.
    ///
    /// # Errors
    /// [`Error::Late`] after `within`; [`Error::Spoiled`], [`Error::Unread`]; what the bucket says.
    pub async fn put(
        &self,
        content: ContentId,
        file: File,
        bytes: u64,
        within: Duration,
    ) -> Result<(), Error> {
        let key = self.key(content);
        let put = upload::put(&self.store, &key, content, (file, bytes), within);
        let put = put.await.map_err(|failed| failed.of(&self.at, content));
        self.figures.uploaded(put.as_ref().err(), bytes);
        put
    }

    /// Whether an object is there.
    ///
    /// # Errors
    /// What the bucket says.
    pub async fn has(&self, content: ContentId) -> Result<bool, Error> {
        let key = self.key(content);
        let found = self.asked(content, self.store.head(&key)).await.map(|_| ());
        self.figures.note(found.as_ref().err());
        match found {
            Ok(()) => Ok(true),
            Err(Error::NotThere { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Begins to have an object from there.
    ///
    /// # Errors
    /// [`Error::NotThere`]; what the bucket says.
    pub async fn get(&self, content: ContentId) -> Result<Coming<'_>, Error> {
        let key = self.key(content);
        let found = self.asked(content, self.store.get(&key)).await;
        if let Err(error) = &found {
            self.figures.downloaded(Some(error));
        }
        let found = found?;
        let bytes = found.meta.size;
        let (hash, stream) = (Sha256::new(), found.into_stream());
        Ok(Coming { bucket: self, content, bytes, left: bytes, hash, stream })
    }

    /// Deletes an object. That it is gone already is no error. The caller has made sure that
    /// nothing refers to it.
    ///
    /// # Errors
    /// What the bucket says.
    pub async fn delete(&self, content: ContentId) -> Result<(), Error> {
        let key = self.key(content);
        let deleted = match self.asked(content, self.store.delete(&key)).await {
            Err(Error::NotThere { .. }) => Ok(()),
            deleted => deleted,
        };
        self.figures.deleted(deleted.as_ref().err());
        deleted
    }

    /// Sees whether the bucket can be used: writes an object, reads it, and deletes it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn try_it(&self) -> Result<(), Error> {
        let content = ContentId(Sha256::digest(TRIAL).into());
        let key = self.key(content);
        let tried = async {
            self.asked(content, self.store.put(&key, TRIAL.to_vec().into())).await?;
            match self.asked(content, self.store.head(&key)).await {
                // Another node may have tried in the same moment.
                Ok(_) | Err(Error::NotThere { .. }) => {}
                Err(error) => return Err(error),
            }
            match self.asked(content, self.store.delete(&key)).await {
                Err(Error::NotThere { .. }) => Ok(()),
                deleted => deleted,
            }
        };
        let tried = tried.await;
        self.figures.note(tried.as_ref().err());
        tried
    }

    /// A question without a file, with its deadline.
    async fn asked<T>(
        &self,
        content: ContentId,
        question: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, Error> {
        match timeout(ANSWERED_WITHIN, question).await {
            Ok(answer) => answer.map_err(|error| Error::of(&error, &self.at, content)),
            Err(_) => Err(Error::Late { at: self.at.clone(), within: ANSWERED_WITHIN }),
        }
    }

    fn key(&self, content: ContentId) -> Path {
        let name = content.to_string();
        let parts = self.prefix.split('/').filter(|part| !part.is_empty());
        Path::from_iter(parts.chain([&name[..2], &name]))
    }
}

/// An object that comes.
pub struct Coming<'b> {
    bucket: &'b Bucket,
    content: ContentId,
    bytes: u64,
    left: u64,
    hash: Sha256,
    stream: BoxStream<'static, object_store::Result<Bytes>>,
}

impl fmt::Debug for Coming<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Coming({}, {} of {} bytes left)", self.content, self.left, self.bytes)
    }
}

impl Coming<'_> {
    /// How long it is said to be, in bytes. No more than that comes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next piece; `None`: that was all, and it holds what its name says.
    ///
    /// # Errors
    /// [`Error::Spoiled`]; what the bucket says.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let piece = self.piece().await;
        match &piece {
            Ok(Some(_)) => {}
            Ok(None) => self.bucket.figures.downloaded(None),
            Err(error) => self.bucket.figures.downloaded(Some(error)),
        }
        piece
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(piece) = self.stream.next().await else {
            let content = ContentId(self.hash.clone().finalize().into());
            let is_whole = self.left == 0 && content == self.content;
            return if is_whole { Ok(None) } else { Err(Error::Spoiled { content: self.content }) };
        };
        let piece = piece.map_err(|error| Error::of(&error, &self.bucket.at, self.content))?;
        let left = self.left.checked_sub(piece.len() as u64);
        self.left = left.ok_or(Error::Spoiled { content: self.content })?;
        self.hash.update(&piece);
        Ok(Some(piece))
    }
}

#[cfg(test)]
mod tests;
