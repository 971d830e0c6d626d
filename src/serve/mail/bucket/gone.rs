//! Deleting what nobody refers to any more, and nothing else.
//!
//! Objects go *before* it is agreed on that their messages are gone: a row that is still there says
//! what is left to do. Somebody may leave the same content in between, and objects have no locks. So
//! both sides look again behind a point of the log: who has brought a file, when it is agreed on that
//! his message has it ([`confirm`]); who has deleted one, when something is agreed on that he has put
//! after that ([`restore`]). Whichever of these points comes first, the later look sees the other one.
//! A kill right between deleting and looking may leave a row that is wrong: then whoever wants the
//! recording finds out, and it is brought anew by a node that has it.

use std::sync::Arc;

use crate::domain::{ContentId, MessageId, MessageMotion};
use crate::store::Store;

use super::super::super::house::House;
use super::super::{Mail, carried};
use super::{Shared, distrust, held};

/// Looks whether the files of a message are still there, when it is agreed on that it has them.
pub(in super::super) async fn confirm(
    house: &Arc<House>,
    shared: &Shared,
    message: MessageId,
    files: &[ContentId],
) {
    for content in files {
        if let Ok(false) = shared.bucket.has(*content).await {
            held(house, message, false).await;
            return;
        }
    }
}

/// A message was taken away while its files were brought: they go again.
pub(super) async fn withdraw(house: &Arc<House>, shared: &Shared, files: &[ContentId]) {
    for content in files.iter().copied() {
        let referenced = house.in_store(move |store| store.is_referenced(content)).await;
        if referenced.unwrap_or(true) {
            continue;
        }
        if let Err(error) = shared.bucket.delete(content).await {
            tracing::warn!(%content, %error, "an object stays in the bucket that no message has");
            continue;
        }
        // Nothing is told by it; it comes behind whatever was agreed on before.
        let point = MessageMotion::Told { notices: Vec::new() };
        if let Err(error) = carried::put(house, point).await {
            tracing::debug!(%error, "it is not known what was agreed on meanwhile");
        }
        distrust(house, content).await;
    }
}

/// Deletes the objects that only these messages have, which are about to be taken away. What was
/// deleted.
///
/// # Errors
/// What is wrong, in a sentence: the messages have to stay until it can be done.
pub(in super::super) async fn clear(
    house: &Arc<House>,
    mail: &Mail,
    messages: &[MessageId],
) -> Result<Vec<ContentId>, String> {
    let ids = messages.to_vec();
    let files = house.in_store(move |store| store.contents_of_these_alone(&ids)).await?;
    let Some(shared) = &mail.shared else {
        if in_bucket(house, messages).await? {
            tracing::warn!("recordings lie in a bucket that this node does not know");
        }
        return Ok(Vec::new());
    };
    for content in files.iter().copied() {
        shared.bucket.delete(content).await.map_err(|error| error.to_string())?;
    }
    Ok(files)
}

/// Somebody has left the same meanwhile as what was deleted: it is brought anew.
pub(in super::super) async fn restore(
    house: &Arc<House>,
    cleared: &[ContentId],
    free: &[ContentId],
) {
    for content in cleared.iter().filter(|content| !free.contains(content)) {
        distrust(house, *content).await;
    }
}

async fn in_bucket(house: &Arc<House>, messages: &[MessageId]) -> Result<bool, String> {
    let ids = messages.to_vec();
    let found = move |store: &Store| {
        for id in ids {
            if store.message(id)?.is_some_and(|message| message.in_bucket()) {
                return Ok(true);
            }
        }
        Ok(false)
    };
    house.in_store(found).await
}
