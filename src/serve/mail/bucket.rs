//! Recordings in the bucket: bringing them there, having them from there, deleting them there.

mod gone;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::Notify;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::Instant;

use crate::bucket::{Bucket, Error, Settings};
use crate::config::S3;
use crate::domain::{ContentId, Message, MessageId, MessageMotion, NodeId};
use crate::media;

use super::super::house::House;
use super::{MIB, Mail, carried, copies, repair};

pub(super) use gone::{clear, confirm, restore};

/// How often it is looked without a bell.
const EVERY: Duration = Duration::from_secs(5);
/// How long it is waited when the bucket takes nothing.
const REFUSED: Duration = Duration::from_secs(20);
/// How often it is looked whether all is here that is said to be, and whether others bring what they
/// have.
const AUDIT_EVERY_MS: u64 = 60 * 60 * 1000;
/// How many messages are looked up at once.
const TURN: usize = 100;

/// What the process has for the bucket.
pub(crate) struct Shared {
    pub(crate) bucket: Bucket,
    save_within: Duration,
    transfer_within: Duration,
    /// Rung when there may be something to be brought there.
    bell: Notify,
    /// How many messages are not there, as it was last looked.
    waiting: AtomicU64,
    /// How many messages were left that did not reach it in time.
    late: AtomicU64,
}

impl Shared {
    pub(super) fn new(s3: &S3) -> Result<Self, Error> {
        Ok(Self {
            bucket: Bucket::new(settings(s3))?,
            save_within: s3.save_within,
            transfer_within: s3.transfer_within,
            bell: Notify::new(),
            waiting: AtomicU64::new(0),
            late: AtomicU64::new(0),
        })
    }

    /// Rings for what waits.
    pub(super) fn ring(&self) {
        self.bell.notify_one();
    }

    /// How many messages are not there.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// How many messages were left that did not reach it in time.
    pub(crate) fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    /// Brings the files of a message there while its caller waits. Says whether all arrived. Nobody
    /// waits for a bucket that is known to fail if another node is there: else each caller would
    /// wait in vain, and the next ones behind him.
    pub(super) async fn save(
        &self,
        mail: &Mail,
        message: MessageId,
        files: &[ContentId],
        other_is_up: bool,
    ) -> bool {
        if other_is_up && is_failing(self) {
            self.late.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                %message,
                "a recording does not wait for a bucket that fails: another node takes it, and the bucket later"
            );
            return false;
        }
        let saved = self.bring(mail, files, Instant::now() + self.save_within).await;
        if let Err(error) = &saved {
            self.late.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                %message, %error,
                "a recording did not reach the bucket in time: another node takes it, if there is one, and the bucket later"
            );
        }
        saved.is_ok()
    }

    async fn bring(
        &self,
        mail: &Mail,
        files: &[ContentId],
        deadline: Instant,
    ) -> Result<(), Error> {
        for content in files.iter().copied() {
            let spool = Arc::clone(&mail.spool);
            let opened = spawn_blocking(move || spool.file(content)).await;
            let unread = |cause| Error::Unread { content, cause };
            let opened = opened.map_err(|error| unread(std::io::Error::other(error)))?;
            let (file, bytes) = opened.map_err(|error| unread(std::io::Error::other(error)))?;
            let within = deadline.saturating_duration_since(Instant::now());
            self.bucket.put(content, file, bytes, within).await?;
        }
        Ok(())
    }
}

/// Where it is, and who asks.
pub(crate) fn settings(s3: &S3) -> Settings {
    Settings {
        bucket: s3.bucket.clone(),
        endpoint: s3.endpoint.clone(),
        region: s3.region.clone(),
        prefix: s3.prefix.clone(),
        access_key: s3.access_key.clone(),
        secret_key: s3.secret_key.expose().to_owned(),
        transfer_within: s3.transfer_within,
    }
}

/// Tries the bucket of these settings, for `hallporter check`.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub(crate) fn try_it(s3: &S3) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the system gives no thread")?;
    let bucket = Bucket::new(settings(s3))?;
    Ok(runtime.block_on(bucket.try_it())?)
}

/// For ever; ends with the process.
pub(super) async fn run(house: Arc<House>) {
    let Some(mail) = house.mail() else { return };
    let Some(shared) = &mail.shared else { return };
    let (mut audited_ms, mut thorough_ms) = (None, house.now().mono_ms);
    match shared.bucket.try_it().await {
        Ok(()) => tracing::info!("recordings go to the bucket"),
        Err(error) => tracing::warn!(%error, "the bucket can't be used"),
    }
    let mut was_failing = is_failing(shared);
    loop {
        let bell = shared.bell.notified();
        let mut wait = EVERY;
        let now_ms = house.now().mono_ms;
        // Where there are other nodes, that is done anyway.
        if house.nodes().is_none() {
            if audited_ms.is_none_or(|at_ms| now_ms - at_ms >= AUDIT_EVERY_MS) {
                audited_ms = Some(now_ms);
                repair::audit(&house, mail, house.node()).await;
            }
            repair::count(&house, mail).await;
        }
        let thorough = now_ms - thorough_ms >= AUDIT_EVERY_MS;
        if thorough {
            thorough_ms = now_ms;
        }
        if !bring_all(&house, mail, shared, thorough).await {
            wait = REFUSED;
        } else if is_failing(shared) {
            // Nothing waits that would tell whether it is well again.
            wait = REFUSED;
            let _ = shared.bucket.try_it().await;
        }
        let failing = is_failing(shared);
        if std::mem::replace(&mut was_failing, failing) && !failing {
            tracing::info!("the bucket does what it is asked again");
            // What was to be deleted meanwhile.
            house.retention.notify_one();
        }
        match house.in_store(|store| store.count_outside()).await {
            Ok(waiting) => shared.waiting.store(waiting, Ordering::Relaxed),
            Err(error) => {
                tracing::error!(error, "messages that are not in the bucket can't be counted")
            }
        }
        tokio::select! {
            () = bell => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

fn is_failing(shared: &Shared) -> bool {
    shared.bucket.figures().trouble().is_some()
}

/// Brings there what this node has, or, if not `thorough`, what it is the one to bring of those who
/// have it. `false`: the bucket takes nothing now.
async fn bring_all(house: &Arc<House>, mail: &Mail, shared: &Shared, thorough: bool) -> bool {
    let mut after = None;
    loop {
        let page = house.in_store(move |store| store.messages_outside(after, TURN)).await;
        let Ok(page) = page else { return false };
        for id in page.iter().copied() {
            let found = house.in_store(move |store| store.message(id)).await;
            if let Ok(Some(message)) = found
                && is_ours(house, &message, thorough)
                && !bring_later(house, mail, shared, &message).await
            {
                return false;
            }
        }
        after = page.last().copied();
        if page.len() < TURN {
            return true;
        }
    }
}

/// Of those who have a message the first that is there brings it. Should he not (his spool may have
/// lost it), the others do, too, when they are thorough: doing it twice is harmless.
fn is_ours(house: &House, message: &Message, thorough: bool) -> bool {
    let (holders, own) = (message.held_by(), house.node());
    if message.in_bucket() || !holders.contains(&own) {
        return false;
    }
    let others = house.nodes().map(|nodes| copies::others(nodes)).unwrap_or_default();
    thorough || !others.iter().any(|(node, _, up)| *up && *node < own && holders.contains(node))
}

async fn bring_later(house: &Arc<House>, mail: &Mail, shared: &Shared, message: &Message) -> bool {
    let files: Vec<_> = message.contents().into_iter().collect();
    if !files.iter().all(|content| mail.spool.has(*content)) {
        return true;
    }
    let count = u32::try_from(files.len()).unwrap_or(u32::MAX);
    let deadline = Instant::now() + shared.transfer_within.saturating_mul(count);
    match shared.bring(mail, &files, deadline).await {
        Ok(()) => {}
        Err(error @ (Error::Spoiled { .. } | Error::Unread { .. })) => {
            tracing::error!(message = %message.id, %error, "a recording can't be brought to the bucket");
            return true;
        }
        Err(error) => {
            tracing::warn!(message = %message.id, %error, "a recording can't be brought to the bucket");
            return false;
        }
    }
    match held(house, message.id, true).await {
        Some(true) => {
            tracing::info!(message = %message.id, "a message has come to the bucket");
            confirm(house, shared, message.id, &files).await;
            true
        }
        Some(false) => {
            gone::withdraw(house, shared, &files).await;
            true
        }
        None => false,
    }
}

/// Has it agreed on whether a message is in the bucket. `false`: there is no such message any more;
/// `None`: that is not agreed on.
async fn held(house: &Arc<House>, message: MessageId, here: bool) -> Option<bool> {
    let motion = MessageMotion::Held { message, node: NodeId::BUCKET, here };
    match carried::put(house, motion).await {
        Ok(reply) => Some(reply.changed),
        Err(error) => {
            tracing::debug!(%message, %error, "it is not agreed where a message is");
            None
        }
    }
}

/// Has a file from the bucket, checked and whole.
pub(super) async fn fetch(
    house: &Arc<House>,
    mail: &Mail,
    shared: &Shared,
    content: ContentId,
) -> bool {
    match take(mail, shared, content).await {
        Ok(()) => true,
        Err(NotTaken::Bucket(error)) => {
            tracing::warn!(%error, "a recording can't be had from the bucket");
            if matches!(error, Error::NotThere { .. } | Error::Spoiled { .. }) {
                distrust(house, content).await;
            }
            false
        }
        Err(NotTaken::Spool(error)) => {
            tracing::error!(%error, "a recording from the bucket can't be kept");
            false
        }
        Err(NotTaken::Broken(error)) => {
            tracing::error!(%error, "a recording from the bucket can't be kept");
            false
        }
    }
}

/// Why a file did not come from there to here.
enum NotTaken {
    Bucket(Error),
    Spool(media::Error),
    Broken(JoinError),
}

async fn take(mail: &Mail, shared: &Shared, content: ContentId) -> Result<(), NotTaken> {
    let mut coming = shared.bucket.get(content).await.map_err(NotTaken::Bucket)?;
    let (spool, bytes) = (Arc::clone(&mail.spool), coming.bytes());
    let disk_free_min = mail.config.disk_free_min_mib.saturating_mul(MIB);
    let begun = move || spool.begin_copy(content, bytes, disk_free_min);
    let Some(mut copying) = on_disk(begun).await? else { return Ok(()) };
    while let Some(piece) = coming.next().await.map_err(NotTaken::Bucket)? {
        copying = on_disk(move || copying.write(&piece).map(|()| copying)).await?;
    }
    on_disk(move || copying.finish()).await
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, media::Error> + Send + 'static,
) -> Result<T, NotTaken> {
    spawn_blocking(work).await.map_err(NotTaken::Broken)?.map_err(NotTaken::Spool)
}

/// The bucket has not what it should: whoever has it brings it anew.
async fn distrust(house: &Arc<House>, content: ContentId) {
    let with = house.in_store(move |store| store.messages_with(content)).await;
    for message in with.unwrap_or_default() {
        held(house, message, false).await;
    }
}
