//! Messages in the log: putting what is to be agreed on, and what is done at every node when it
//! was.

use std::sync::Arc;

use crate::desk::{Motion, Verdict};
use crate::domain::{
    ContentId, MessageMotion, MessageReply, MessageState, NodeId, Notice, NoticeKind, NoticeState,
    Outgoing,
};

use super::super::agree::{Unagreed, agree};
use super::super::house::House;
use super::bucket;

/// Has something about messages agreed on. When this returns, it is on the disk here.
pub(crate) async fn put(
    house: &Arc<House>,
    motion: MessageMotion,
) -> Result<MessageReply, Unagreed> {
    let Verdict::Message(reply) = agree(house, Motion::Message(motion)).await? else {
        return Err(Unagreed::NotDurable("a message was answered with something else".to_owned()));
    };
    Ok(reply)
}

/// What this node is going to tell.
pub(crate) fn outgoing(house: &House, notices: Vec<Notice>) -> Outgoing {
    Outgoing { by: house.node(), notices }
}

/// Something about messages was written down here, whoever has put it. To be called at every node
/// after the transaction; what it does is done again by itself if it is lost.
pub(crate) fn carried_out(house: &Arc<House>, motion: &MessageMotion, reply: &MessageReply) {
    let Some(mail) = house.mail() else { return };
    match motion {
        MessageMotion::Set { state: MessageState::Deleted, .. } => house.retention.notify_one(),
        MessageMotion::Left { message, .. } if !message.in_bucket() => {
            if message.holders.len() == 1 {
                mail.repair.notify_one();
            }
            mail.shared.iter().for_each(bucket::Shared::ring);
        }
        MessageMotion::Held { node: NodeId::BUCKET, here: false, .. } => {
            mail.shared.iter().for_each(bucket::Shared::ring);
        }
        MessageMotion::Left { .. }
        | MessageMotion::Held { .. }
        | MessageMotion::Set { .. }
        | MessageMotion::Gone { .. }
        | MessageMotion::Told { .. }
        | MessageMotion::NodeGone { .. } => {}
    }
    house.ring_outbox();
    if !reply.free.is_empty() {
        let (house, free) = (Arc::clone(house), reply.free.clone());
        mail.tasks.spawn_blocking(move || remove(&house, &free));
    }
}

/// Removes files that nobody has any more. What is left, or lost with a kill, the sweep finds.
fn remove(house: &House, free: &[ContentId]) {
    let Some(mail) = house.mail() else { return };
    let _referring = mail.spool.referring();
    for content in free {
        // Somebody may have left the same meanwhile.
        if !house.store.is_referenced(*content).unwrap_or(true)
            && let Err(error) = mail.spool.delete(*content)
        {
            tracing::warn!(%error, "a file can't be removed");
        }
    }
}

/// The id of a notice that other nodes keep, too, if it waits no more.
pub(crate) fn over(notice: &Notice, state: NoticeState) -> Option<Arc<str>> {
    let kept = notice.message.is_some()
        && !matches!(notice.kind, NoticeKind::CallMissed | NoticeKind::LinkMade);
    (kept && state != NoticeState::Waiting).then(|| Arc::clone(&notice.id))
}

/// Lets the other nodes know that nobody has to tell these any more. If it is lost, they are told
/// twice should this node go for good; who hears them knows them by their ids.
pub(crate) fn told(house: &Arc<House>, notices: Vec<Arc<str>>) {
    if notices.is_empty() || house.nodes().is_none() {
        return;
    }
    let house = Arc::clone(house);
    tokio::spawn(async move {
        if let Err(error) = put(&house, MessageMotion::Told { notices }).await {
            tracing::debug!(%error, "the other nodes do not know what was told");
        }
    });
}
