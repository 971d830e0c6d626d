//! One-time links by which a caller uploads a video.

use std::sync::Arc;

use crate::config::Secret;
use crate::desk::Input;
use crate::domain::{Caller, MailboxName, MessageId, Notice, NoticeKind};
use crate::notify::{self, LinkKey};

use super::super::house::House;
use super::Mail;

/// The key that signs links, from its file: any text that nobody can guess.
pub(super) fn key(secret: &Secret) -> LinkKey {
    LinkKey::from_text(secret.expose())
}

/// Makes a link and has it sent.
pub(super) fn make(mail: &Mail, house: &Arc<House>, message: MessageId, part: u16, expires_s: i64) {
    let (Some(key), Some(links)) = (&mail.links, &mail.config.links) else { return };
    let link = key.sign(message, part, expires_s);
    let url = format!("{}/u/{link}", links.base);
    let text: Arc<str> = format!("Your video message: {url}").into();
    let card = house
        .desk()
        .deposits()
        .card(message)
        .map(|card| (card.mailbox.name.clone(), card.account, card.caller.clone()));
    let Some((mailbox, account, caller)) = card else { return };
    let house = Arc::clone(house);
    let tells = mail.webhook.is_some();
    mail.tasks.spawn(async move {
        if tells {
            let account = house.account_name(account);
            announce(&house, message, (mailbox, &account), &caller, (&url, expires_s)).await;
        }
        house.handle(Input::LinkReady { message, text });
    });
}

async fn announce(
    house: &Arc<House>,
    message: MessageId,
    (mailbox, account): (MailboxName, &str),
    caller: &Caller,
    (url, expires_s): (&str, i64),
) {
    let body = notify::link_made(message, (&mailbox, account), caller, url, expires_s);
    let now_ms = house.now().wall_ms;
    let notice = Notice::new(NoticeKind::LinkMade, message, body.into(), now_ms);
    match house.in_store(move |store| store.announce(&[notice])).await {
        Ok(()) => house.ring_outbox(),
        Err(error) => tracing::error!(%message, error, "a link can't be told"),
    }
}
