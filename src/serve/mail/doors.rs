//! What the HTTP doors need about messages.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;

use crate::desk::Input;
use crate::domain::{
    CardPart, ContentId, FileFacts, MailboxName, Medium, Message, MessageId, MessageMotion,
    MessageState, NodeId, Notice, NoticeState, SpoolEvent,
};
use crate::http::wire::{Held, OutboxStatus, SwitchStatus, UploadView};
use crate::http::{
    BoxFuture, FileError, Incoming, Mailroom, MessageQuery, SoundError, UploadError, UploadPiece,
};
use crate::media::{self, Upload};
use crate::notify::{Link, LinkError};
use crate::store::MessageFilter;

use super::super::house::House;
use super::super::porter::Front;
use super::super::tell;
use super::copies::NotFetched;
use super::{Mail, carried, copies, repair};

/// What is said where there is nothing to do it with.
const NO_SPOOL: &str =
    "no messages are taken here: write messages.spool into the config file and start anew";

/// How long whoever changes a greeting waits for another node to have it, too.
const GREETING_WITHIN: Duration = Duration::from_secs(2);

/// What is said of a link that nobody waits for.
const CLOSED: &str = "this link was used already, or its message is not open any more: call again";

impl Mailroom for Front {
    fn wants_copies(&self) -> bool {
        repair::wants_more(&self.0)
    }

    fn messages(&self, wanted: MessageQuery) -> BoxFuture<'_, Result<Vec<Message>, String>> {
        let MessageQuery { mailbox, account, state, after, limit } = wanted;
        let filter = MessageFilter { mailbox, account, state };
        Box::pin(self.0.in_store(move |store| store.messages(&filter, after, limit)))
    }

    fn message(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Message>, String>> {
        Box::pin(self.0.in_store(move |store| store.message(id)))
    }

    fn set_message(
        &self,
        id: MessageId,
        state: MessageState,
    ) -> BoxFuture<'_, Result<Option<Message>, String>> {
        let at_ms = self.0.now().wall_ms;
        Box::pin(async move {
            let before = self.0.in_store(move |store| store.message(id)).await?;
            let notices =
                before.as_ref().map_or_else(Vec::new, |before| tell::lamps(&self.0, before));
            let tells = carried::outgoing(&self.0, notices);
            let motion = MessageMotion::Set { message: id, state, at_ms, tells };
            let set = carried::put(&self.0, motion).await.map_err(|error| error.to_string())?;
            if !set.changed {
                return Ok(None);
            }
            let after = self.0.in_store(move |store| store.message(id)).await?;
            // One that was deleted may have been taken away already.
            let changed = || before.map(|before| Message { state, changed_ms: at_ms, ..before });
            Ok(after.or_else(changed))
        })
    }

    fn held(&self, mailbox: MailboxName) -> BoxFuture<'_, Result<Held, String>> {
        Box::pin(async move {
            let held = self.0.in_store(move |store| store.mailbox_use(&mailbox)).await?;
            Ok(Held { messages: held.messages, bytes: held.bytes })
        })
    }

    fn open_file(&self, content: ContentId) -> BoxFuture<'_, Result<(File, u64), FileError>> {
        Box::pin(async move {
            let not_now = |error: String| FileError::NotNow(error);
            let mail = self.0.mail().ok_or_else(|| not_now(NO_SPOOL.to_owned()))?;
            match copies::fetch(&self.0, mail, content).await {
                Ok(()) => {}
                Err(NotFetched::Nowhere) => return Err(FileError::Gone),
                Err(NotFetched::Away(nodes)) => return Err(not_now(elsewhere(&nodes))),
            }
            let spool = Arc::clone(&mail.spool);
            let opened = spawn_blocking(move || spool.file(content)).await;
            opened.map_err(|error| not_now(error.to_string()))?.map_err(|error| {
                if matches!(error, media::Error::NotThere { .. }) {
                    return FileError::Gone;
                }
                tracing::error!(%error, "a kept file can't be opened");
                not_now("the recording can't be read: the daemon's log says why".to_owned())
            })
        })
    }

    fn wish(&self, message: MessageId, medium: Medium) -> bool {
        self.0.handle(Input::Wish { message, medium }).known.unwrap_or(false)
    }

    fn end_deposit(&self, message: MessageId) -> bool {
        self.0.handle(Input::EndDeposit { message }).known.unwrap_or(false)
    }

    fn keep_sound(&self, sound: Vec<u8>) -> BoxFuture<'_, Result<ContentId, SoundError>> {
        Box::pin(async move {
            let not_now = |error: String| SoundError::NotNow(error);
            let mail = self.0.mail().ok_or_else(|| not_now(NO_SPOOL.to_owned()))?;
            let spool = Arc::clone(&mail.spool);
            let kept = spawn_blocking(move || spool.keep_sound(&sound)).await;
            let kept = kept.map_err(|error| not_now(error.to_string()))?;
            let stored = kept.map_err(|error| {
                if matches!(error, media::Error::NotAudio { .. }) {
                    tracing::info!(%error, "a greeting was refused");
                    let sentence = "this is no sound that can be played on a telephone: send a wav";
                    return SoundError::NotSound(sentence.to_owned());
                }
                tracing::error!(%error, "a greeting can't be kept");
                not_now("the greeting can't be kept: the daemon's log says why".to_owned())
            })?;
            if let Some(nodes) = self.0.nodes() {
                // The others fetch it when they hear of it; one has it now, for the case that this
                // one goes before.
                let content = [stored.content];
                let _ = copies::bring(nodes, &content, 0, &[], GREETING_WITHIN).await;
            }
            Ok(stored.content)
        })
    }

    fn outbox(&self) -> BoxFuture<'_, Result<OutboxStatus, String>> {
        Box::pin(async move {
            let counts = self.0.in_store(|store| store.notice_counts()).await?;
            Ok(OutboxStatus { waiting: counts.waiting, given_up: counts.given_up })
        })
    }

    fn notices(
        &self,
        state: Option<NoticeState>,
        after: String,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Notice>, String>> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        Box::pin(self.0.in_store(move |store| store.notices(state, &after, limit)))
    }

    fn retry_notice(&self, id: String) -> BoxFuture<'_, Result<bool, String>> {
        let at_ms = self.0.now().wall_ms;
        Box::pin(async move {
            let known = self.0.in_store(move |store| store.retry_notice(&id, at_ms)).await?;
            self.0.ring_outbox();
            Ok(known)
        })
    }

    fn upload(&self, link: String) -> BoxFuture<'_, Result<UploadView, UploadError>> {
        Box::pin(async move {
            let (mail, link) = open_link(&self.0, &link)?;
            let spool = Arc::clone(&mail.spool);
            let progress = spawn_blocking(move || spool.progress(link.message)).await;
            let progress = progress.ok().flatten().filter(|known| known.part == link.part);
            let came = progress.map(|known| (known.bytes, known.declared_bytes));
            Ok(view(mail, link, came, false))
        })
    }

    fn take_upload<'a>(
        &'a self,
        link: String,
        piece: UploadPiece,
        body: &'a mut Incoming,
    ) -> BoxFuture<'a, Result<UploadView, UploadError>> {
        Box::pin(take(&self.0, link, piece, body))
    }
}

/// What is said of a recording that only nodes have which give it not.
fn elsewhere(nodes: &[NodeId]) -> String {
    let bucket = nodes.contains(&NodeId::BUCKET);
    let nodes = nodes.iter().filter(|node| **node != NodeId::BUCKET);
    let nodes = nodes.map(|node| node.0.to_string()).collect::<Vec<_>>().join(", ");
    let place = match (nodes.as_str(), bucket) {
        ("", _) => "in the bucket".to_owned(),
        (nodes, true) => format!("in the bucket and at node {nodes}"),
        (nodes, false) => format!("at node {nodes}"),
    };
    format!(
        "the recording lies {place}, which does not give it now: see `cluster status` and the log"
    )
}

/// What a link is for, if it can still be used.
fn open_link<'a>(house: &'a House, link: &str) -> Result<(&'a Mail, Link), UploadError> {
    let mail = house.mail().ok_or(UploadError::Unknown)?;
    let key = mail.links.as_ref().ok_or(UploadError::Unknown)?;
    let now_s = house.now().wall_ms.div_euclid(1000);
    let link = key.verify(link, now_s).map_err(|error| match error {
        LinkError::Altered => UploadError::Unknown,
        LinkError::Expired => UploadError::Gone(error.to_string()),
    })?;
    if house.desk().deposits().awaits_upload(link.message, link.part) {
        return Ok((mail, link));
    }
    Err(UploadError::Gone(CLOSED.to_owned()))
}

fn view(mail: &Mail, link: Link, came: Option<(u64, u64)>, complete: bool) -> UploadView {
    UploadView {
        medium: Medium::Video,
        offset: came.map(|(offset, _)| offset).unwrap_or_default(),
        total: came.map(|(_, total)| total),
        bytes_max: mail.upload_limits().bytes_max,
        expires_ms: link.expires_s.saturating_mul(1000),
        complete,
    }
}

async fn take(
    house: &Arc<House>,
    link: String,
    piece: UploadPiece,
    body: &mut Incoming,
) -> Result<UploadView, UploadError> {
    let (mail, link) = open_link(house, &link)?;
    let (spool, limits) = (Arc::clone(&mail.spool), mail.upload_limits());
    let UploadPiece { offset, total, media_type } = piece;
    let place = (link.message, link.part);
    let coming = Coming::new(house, link.message);
    let mut upload = blocking(move || match offset {
        0 => Upload::begin(&spool, place, (total, &media_type), limits),
        _ => Upload::resume(&spool, place, total, limits),
    })
    .await?;
    if upload.offset() != offset {
        return Err(UploadError::Elsewhere { have: upload.offset() });
    }
    while let Some(chunk) = body.next().await.map_err(|_| UploadError::BrokeOff)? {
        upload = blocking(move || upload.write(&chunk).map(|()| upload)).await?;
    }
    let came = Some((upload.offset(), total));
    if upload.offset() < total {
        return Ok(view(mail, link, came, false));
    }
    // From here on all of it is done, even when the sender has gone away.
    let end = tokio::spawn(finish(Arc::clone(house), coming, upload));
    end.await.map_err(|error| UploadError::NotNow(error.to_string()))??;
    Ok(view(mail, link, came, true))
}

async fn finish(house: Arc<House>, coming: Coming, upload: Upload) -> Result<(), UploadError> {
    let message = coming.message;
    let (part, facts): (CardPart, FileFacts) = blocking(move || upload.finish()).await?;
    tracing::info!(%message, bytes = facts.bytes, length_ms = facts.length_ms, "a video has come");
    let taken = house.handle(Input::Spool(SpoolEvent::Uploaded(message, part, facts)));
    if taken.known == Some(false) {
        return Err(UploadError::Gone(CLOSED.to_owned()));
    }
    Ok(())
}

/// A file that comes in: its deposit waits for it meanwhile, whatever ends its coming.
struct Coming {
    house: Arc<House>,
    message: MessageId,
}

impl Coming {
    fn new(house: &Arc<House>, message: MessageId) -> Self {
        house.handle(Input::Spool(SpoolEvent::UploadBegan(message)));
        Self { house: Arc::clone(house), message }
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.house.handle(Input::Spool(SpoolEvent::UploadEnded(self.message)));
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, media::UploadError> + Send + 'static,
) -> Result<T, UploadError> {
    match spawn_blocking(work).await {
        Ok(done) => done.map_err(told),
        Err(error) => Err(UploadError::NotNow(error.to_string())),
    }
}

/// What its sender is told of it. Paths and messages are for the log.
fn told(error: media::UploadError) -> UploadError {
    use media::UploadError as E;
    let sentence = error.to_string();
    match error {
        E::Busy => UploadError::Busy,
        E::Full => UploadError::NotNow(sentence),
        E::Incomplete { .. } => UploadError::BrokeOff,
        E::Longer { .. } | E::Size { .. } => UploadError::TooLong(sentence),
        E::NoDeposit | E::Replayed => UploadError::Gone(sentence),
        E::NoUpload | E::Other => UploadError::Elsewhere { have: 0 },
        E::NoVideo | E::NotTaken => UploadError::NotTaken(sentence),
        E::Spool(error) => {
            tracing::error!(%error, "an upload can't be written down");
            UploadError::NotNow("the video can't be kept at the moment: try again later".to_owned())
        }
    }
}

impl Mail {
    /// How the switches are, for operators.
    pub(crate) fn switch_list(&self) -> Vec<SwitchStatus> {
        let switches = self.switch_status().into_iter().map(|switch| SwitchStatus {
            name: switch.name.to_string(),
            connected: switch.connected,
            legs: switch.legs as u64,
            connects: switch.connects,
            refused: switch.refused,
            trouble: switch.trouble.as_deref().map(str::to_owned),
        });
        switches.collect()
    }
}
