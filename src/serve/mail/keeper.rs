//! The threads that keep the files: everything about one deposit is done by one of them, in order.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Weak};

use anyhow::Context as _;
use tokio::runtime::Handle;

use crate::config::Messages;
use crate::desk::{Happening, Input, Tidings};
use crate::domain::{
    Communication, ContentId, DepositCard, DiscardReason, Message, MessageId, MessageMotion,
    MessageState, Missed, NoRoom, Notice, NoticeKind, SpoolCommand, SpoolEvent,
};
use crate::media::{Kept, Spool};
use crate::notify;

use super::super::house::House;
use super::super::tell::{About, lamps_later, notices};
use super::{MIB, bucket, carried, copies, repair};

/// How many threads there are: some deposits may be joined while others begin.
const THREADS: usize = 4;
/// How many threads deliver: ffmpeg may take minutes, and nobody who speaks may wait for it.
const DELIVERERS: usize = 2;
/// How many commands may wait for one of them. Beyond it the disk is taken for broken.
const WAITING_MAX: usize = 8_192;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The way to the threads.
pub(super) struct Keeper {
    threads: Vec<SyncSender<SpoolCommand>>,
}

impl Keeper {
    pub(super) fn start(
        house: &Arc<House>,
        spool: &Arc<Spool>,
        messages: &Messages,
    ) -> anyhow::Result<Self> {
        let work = |deliverers: Vec<SyncSender<SpoolCommand>>| Work {
            house: Arc::downgrade(house),
            spool: Arc::clone(spool),
            disk_free_min: messages.disk_free_min_mib.saturating_mul(MIB),
            base_url: messages.links.as_ref().map(|links| links.base.clone()),
            tells: messages.webhook.is_some(),
            tasks: Handle::current(),
            deliverers,
        };
        let deliverers = (0..DELIVERERS).map(|number| thread(number, "letters", work(Vec::new())));
        let deliverers: Vec<_> = deliverers.collect::<anyhow::Result<_>>()?;
        let threads = (0..THREADS).map(|number| thread(number, "files", work(deliverers.clone())));
        Ok(Self { threads: threads.collect::<anyhow::Result<_>>()? })
    }

    pub(super) fn send(&self, house: &Arc<House>, command: SpoolCommand) {
        let message = message_of(&command);
        let place = usize::try_from(message.0).unwrap_or(0) % self.threads.len();
        let command = match self.threads[place].try_send(command) {
            Ok(()) => return,
            Err(TrySendError::Full(command) | TrySendError::Disconnected(command)) => command,
        };
        tracing::error!(%message, "the files can't be kept up with: is the disk hanging?");
        let event = match command {
            SpoolCommand::Open(_) => SpoolEvent::NoRoom(message, NoRoom::Broken),
            SpoolCommand::Deliver(_) => SpoolEvent::NotDelivered(message),
            SpoolCommand::Check { part, .. } => SpoolEvent::Checked(message, part.number, None),
            SpoolCommand::Note(_) | SpoolCommand::Discard(_) | SpoolCommand::Forget(_) => return,
        };
        house.handle(Input::Spool(event));
    }
}

/// A thread that carries out what it is sent.
fn thread(number: usize, name: &str, work: Work) -> anyhow::Result<SyncSender<SpoolCommand>> {
    let (send, waiting) = sync_channel(WAITING_MAX);
    std::thread::Builder::new()
        .name(format!("{name}-{number}"))
        .spawn(move || work.run(&waiting))
        .context("the system gives no thread: raise the limit of processes (ulimit -u)")?;
    Ok(send)
}

fn message_of(command: &SpoolCommand) -> MessageId {
    match command {
        SpoolCommand::Open(card) | SpoolCommand::Note(card) | SpoolCommand::Deliver(card) => {
            card.message
        }
        SpoolCommand::Check { message, .. } | SpoolCommand::Forget(message) => *message,
        SpoolCommand::Discard(missed) => missed.message,
    }
}

/// The deposits that lie in the spool at a start. One whose message is safe already is removed.
pub(super) fn orphans(house: &House, spool: &Spool) -> anyhow::Result<Vec<DepositCard>> {
    let mut cards = Vec::new();
    for (message, card) in spool.orphans()? {
        match card {
            Ok(card) if house.store.has_message(message)? => {
                spool.remove_deposit(card.message)?;
            }
            Ok(card) => cards.push(card),
            Err(error) => tracing::error!(
                %message, error,
                "the card of a deposit can't be read; it was put aside in the spool (broken-...)"
            ),
        }
    }
    Ok(cards)
}

struct Work {
    house: Weak<House>,
    spool: Arc<Spool>,
    disk_free_min: u64,
    base_url: Option<String>,
    /// Whether anybody wants to be told.
    tells: bool,
    /// For what has to be agreed on with others.
    tasks: Handle,
    /// Those who deliver, behind what was asked for before; none: this one does.
    deliverers: Vec<SyncSender<SpoolCommand>>,
}

impl Work {
    fn run(&self, waiting: &Receiver<SpoolCommand>) {
        while let Ok(command) = waiting.recv() {
            let Some(house) = self.house.upgrade() else { return };
            if let Some(event) = self.carry_out(&house, command) {
                house.handle(Input::Spool(event));
            }
        }
    }

    fn carry_out(&self, house: &Arc<House>, command: SpoolCommand) -> Option<SpoolEvent> {
        match command {
            SpoolCommand::Open(card) => Some(match self.room(house, &card) {
                Ok(()) => SpoolEvent::Opened(card.message),
                Err(why) => SpoolEvent::NoRoom(card.message, why),
            }),
            SpoolCommand::Note(card) => {
                if let Err(error) = self.spool.note(&card) {
                    tracing::error!(message = %card.message, %error, "a deposit's card can't be written");
                }
                None
            }
            SpoolCommand::Check { message, part } => {
                let facts = self.spool.check(message, part);
                Some(SpoolEvent::Checked(message, part.number, facts))
            }
            SpoolCommand::Deliver(card) if self.deliverers.is_empty() => {
                Some(self.deliver(house, &card))
            }
            SpoolCommand::Deliver(card) => self.hand_on(card),
            SpoolCommand::Discard(missed) => {
                self.discard(house, &missed);
                None
            }
            SpoolCommand::Forget(message) => {
                self.remove(message);
                None
            }
        }
    }

    fn room(&self, house: &House, card: &DepositCard) -> Result<(), NoRoom> {
        let limits = card.mailbox.limits;
        let used = house.store.mailbox_use(&card.mailbox.name).map_err(|error| {
            tracing::error!(%error, "a mailbox can't be counted");
            NoRoom::Broken
        })?;
        let space = u64::from(limits.space_max_mib) * MIB;
        if used.messages >= u64::from(limits.messages_max) || used.bytes >= space {
            return Err(NoRoom::MailboxFull);
        }
        self.spool.open_deposit(card, self.disk_free_min)
    }

    /// Leaves a delivery to one of those who deliver.
    fn hand_on(&self, card: Box<DepositCard>) -> Option<SpoolEvent> {
        let message = card.message;
        let place = usize::try_from(message.0).unwrap_or(0) % self.deliverers.len();
        let sent = self.deliverers[place].try_send(SpoolCommand::Deliver(card));
        // Too many wait: it is asked for again in a while.
        sent.err().map(|_| SpoolEvent::NotDelivered(message))
    }

    fn deliver(&self, house: &Arc<House>, card: &DepositCard) -> SpoolEvent {
        match self.try_deliver(house, card) {
            Ok(Delivery::Safe) => SpoolEvent::Delivered(card.message),
            // He is not told that it is safe. Asked again, it is: there is nothing more to do here.
            Ok(Delivery::Alone) => SpoolEvent::NotDelivered(card.message),
            Ok(Delivery::Nothing) => SpoolEvent::NothingKept(card.message),
            Err(error) => {
                tracing::error!(
                    message = %card.message, %error,
                    "a message can't be written down; it lies in the spool and is tried again"
                );
                SpoolEvent::NotDelivered(card.message)
            }
        }
    }

    fn try_deliver(&self, house: &Arc<House>, card: &DepositCard) -> anyhow::Result<Delivery> {
        if house.store.has_message(card.message)? {
            self.spool.remove_deposit(card.message)?;
            return Ok(Delivery::Safe);
        }
        // May take minutes; done again when the files are held it gives the same, unless one went.
        let kept = self.spool.keep(card)?;
        let held = self.spool.pin(contents(&kept));
        let kept = self.spool.keep(card)?;
        if kept.parts.is_empty() {
            tracing::warn!(message = %card.message, "nothing of a deposit can be played");
            match card.beside {
                None => self.discard(house, &missed(card)),
                Some(_) => self.remove(card.message),
            }
            return Ok(Delivery::Nothing);
        }
        let files = contents(&kept);
        let holders = copies::bring_somewhere(house, card.message, &files);
        let holders = self.tasks.block_on(holders);
        let now_ms = house.now().wall_ms;
        let message = Message { holders, ..message(card, kept, now_ms) };
        let is_alone = repair::wants_more(house) && !message.is_safe();
        let keep_ms = i64::from(card.mailbox.limits.keep_days) * DAY_MS;
        let motion = MessageMotion::Left {
            message: Box::new(message.clone()),
            keep_until_ms: now_ms.saturating_add(keep_ms),
            tells: carried::outgoing(house, self.notices(house, &message)),
        };
        let left = self.tasks.block_on(carried::put(house, motion))?;
        drop(held);
        if let Some(shared) = house.mail().and_then(|mail| mail.shared.as_ref())
            && message.in_bucket()
        {
            self.tasks.block_on(bucket::confirm(house, shared, message.id, &files));
        }
        self.spool.remove_deposit(card.message)?;
        if left.changed {
            tracing::info!(
                message = %message.id, call_id = &*message.call_id, mailbox = %message.mailbox,
                length_ms = message.length_ms, parts = message.parts.len(), "a message was left"
            );
        }
        if is_alone {
            tracing::warn!(message = %message.id, "a message was left that no second node has yet");
            return Ok(Delivery::Alone);
        }
        Ok(Delivery::Safe)
    }

    /// What is told of a message, by the account's rules.
    fn notices(&self, house: &House, message: &Message) -> Vec<Notice> {
        let account = house.account_name(message.account);
        let base = self.base_url.as_deref().unwrap_or_default();
        let body = notify::message_left(message, &account, base);
        let happening = Happening {
            kind: Communication::Message,
            account: message.account,
            call_id: &message.call_id,
            caller: &message.caller,
            cause: message.cause,
            mailbox: Some(&message.mailbox),
            length_ms: Some(message.length_ms),
            at_ms: message.left_ms,
        };
        let what = (NoticeKind::MessageLeft, body);
        let mut notices = self.told(house, &happening, message.id, what);
        notices.extend(lamps_later(house, message));
        notices
    }

    /// The notices about a deposit.
    fn told(
        &self,
        house: &House,
        happening: &Happening<'_>,
        message: MessageId,
        what: (NoticeKind, String),
    ) -> Vec<Notice> {
        let tidings = house.desk().tidings(happening);
        let about = About::Deposit(message);
        let Some(Tidings { telling, lines }) = tidings else {
            let notice = about.notice(what.0, what.1.into(), happening.at_ms);
            return self.tells.then_some(notice).into_iter().collect();
        };
        house.history.told(None, &telling, &lines);
        notices(telling, about, what, self.tells, happening.at_ms)
    }

    fn discard(&self, house: &Arc<House>, missed: &Missed) {
        tracing::info!(
            message = %missed.message, call_id = &*missed.call_id, mailbox = %missed.mailbox,
            reason = ?missed.reason, "a call left no message"
        );
        let account = house.account_name(missed.account);
        let body = notify::call_missed(missed, &account);
        let happening = Happening {
            kind: Communication::Missed,
            account: missed.account,
            call_id: &missed.call_id,
            caller: &missed.caller,
            cause: missed.cause,
            mailbox: Some(&missed.mailbox),
            length_ms: None,
            at_ms: house.now().wall_ms,
        };
        let what = (NoticeKind::CallMissed, body);
        let notices = self.told(house, &happening, missed.message, what);
        if !notices.is_empty() {
            if let Err(error) = house.store.announce(&notices) {
                tracing::error!(message = %missed.message, %error, "a missed call can't be written down");
                // The card stays: it is found at the next start.
                return;
            }
            house.ring_outbox();
        }
        self.remove(missed.message);
    }

    fn remove(&self, message: MessageId) {
        if let Err(error) = self.spool.remove_deposit(message) {
            tracing::error!(%message, %error, "a deposit can't be removed");
        }
    }
}

/// What came of a delivery.
enum Delivery {
    /// The message is as safe as it is to be here.
    Safe,
    /// It is written down, and neither the bucket nor a second node has its files.
    Alone,
    /// There was nothing in it.
    Nothing,
}

/// The files of what was kept, each once.
fn contents(kept: &Kept) -> Vec<ContentId> {
    let files = kept.parts.iter().map(|part| &part.file).chain(&kept.joined);
    let contents: std::collections::BTreeSet<_> = files.map(|file| file.content).collect();
    contents.into_iter().collect()
}

fn message(card: &DepositCard, kept: Kept, now_ms: i64) -> Message {
    Message {
        id: card.message,
        mailbox: card.mailbox.name.clone(),
        account: card.account,
        caller: card.caller.clone(),
        call_id: Arc::clone(&card.call_id),
        cause: card.cause,
        parts: kept.parts,
        joined: kept.joined,
        length_ms: kept.length_ms,
        urgent: card.urgent,
        state: MessageState::New,
        began_ms: card.began_ms,
        left_ms: now_ms,
        changed_ms: now_ms,
        holders: Vec::new(),
    }
}

fn missed(card: &DepositCard) -> Missed {
    Missed {
        message: card.message,
        mailbox: card.mailbox.name.clone(),
        account: card.account,
        caller: card.caller.clone(),
        call_id: Arc::clone(&card.call_id),
        cause: card.cause,
        reason: DiscardReason::NothingSaid,
        began_ms: card.began_ms,
    }
}
